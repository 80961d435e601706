"""
`/docs`: the API's description, drawn by Swagger UI.

Its files come from an installed package and are served by this program; the page loads nothing
from anywhere else, and its policy forbids it to.
"""

from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response

from app.kit.pages import render

PACKAGE = "fastapi_swagger"
DOCS = "/docs"
# Scripts and styles of our own address only. Swagger UI brings its small pictures within its style
# sheet, as `data:`, and sets styles on elements while it draws.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
MEDIA = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "explorer.js": "text/javascript",
}

router = APIRouter(include_in_schema=False)


@router.get(DOCS)
async def explorer(request: Request) -> Response:
    """Show the page."""
    page = render("app.kit", "explorer.html", public_url=request.app.state.public_url)
    page.headers["Content-Security-Policy"] = POLICY
    return page


def _add_file(name: str, media: str) -> None:
    async def answer() -> Response:
        return Response(_content(name), media_type=media)

    router.add_api_route(f"{DOCS}/{name}", answer, methods=["GET"], name=name)


for _name, _media in MEDIA.items():
    _add_file(_name, _media)


@cache
def _content(name: str) -> bytes:
    """Return a file; the package's code is not run for it."""
    if name == "explorer.js":
        return files("app.kit").joinpath("static", name).read_bytes()
    found = find_spec(PACKAGE)
    assert found is not None  # noqa: S101 - a pinned dependency
    assert found.submodule_search_locations  # noqa: S101 - which is a folder
    return (Path(found.submodule_search_locations[0]) / "resources" / name).read_bytes()
