"""The front page."""

from fastapi import APIRouter, Request, Response

from app.kit.pages import render

router = APIRouter(include_in_schema=False)


@router.get("/")
async def front_page(request: Request) -> Response:
    """Say what this is and where to go."""
    return render("app.console", "front.html", public_url=request.app.state.public_url)
