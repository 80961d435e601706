"""Pages for a browser: one layout, one style sheet, nothing from anywhere else, no script."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

STYLE_PATH = "/assets/ledgerwire.css"

router = APIRouter(include_in_schema=False)


@router.get(STYLE_PATH)
async def style() -> Response:
    """Answer the one style sheet."""
    return Response(_style(), media_type="text/css")


def render(
    package: str,
    template: str,
    *,
    public_url: str,
    status: int = 200,
    form_targets: Iterable[str] = (),
    values: Mapping[str, object] | None = None,
) -> HTMLResponse:
    """
    Return a page made of a room's own template.

    Args:
        package: The room whose `templates` folder has the template, such as `app.console`.
        public_url: Where browsers find this service; a path in it is kept in front of links.
        form_targets: Other origins to which a form of the page may lead, also by redirect.
    """
    root = urlsplit(public_url).path.rstrip("/")
    body = _environment(package).get_template(template).render(root=root, **(values or {}))
    return HTMLResponse(body, status_code=status, headers=security_headers(form_targets))


def from_elsewhere(request: Request) -> bool:
    """
    Tell whether another site's page made the browser send this.

    Browsers say so themselves, where the address is https or this machine's. Those that do not are
    asked for the origin; a page that hides it (`null`) may be our own.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site != "same-origin"
    origin = request.headers.get("origin", "null")
    own = {request.app.state.public_url, f"{request.url.scheme}://{request.url.netloc}"}
    return origin != "null" and origin not in {_origin(url) for url in own}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def security_headers(form_targets: Iterable[str] = ()) -> dict[str, str]:
    """Return headers that keep a page from loading, framing or sending anything unforeseen."""
    targets = " ".join(["'self'", *form_targets])
    return {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
        f"form-action {targets}; frame-ancestors 'none'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


@cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("app.kit")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    return files("app.kit").joinpath("static", "ledgerwire.css").read_text(encoding="utf-8")
