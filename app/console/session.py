"""
Who looks at the pages: an API key, kept sealed in a cookie that scripts cannot read.

The cookie opens these pages only: it is no key, and it ends after a working day. The key is
looked up at every request, so a revoked one ends the session at once.
"""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from app.kit.db import Database
from app.kit.errors import AppError, Forbidden, Unauthorized
from app.kit.pages import from_elsewhere, render
from app.kit.secrets import UnreadableSecret
from app.organizations.access import find_key, within_limits

COOKIE = "lw_console"
PLACE = "console:session"
SESSION_SECONDS = 8 * 3600
SIGN_IN = "/console/sign-in"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who showed a live API key."""

    organization_id: UUID
    key_name: str
    db: Database


class SignInNeeded(Exception):
    """There is no session, or it is over."""


class PageRoute(APIRoute):
    """Answers people: a missing session leads to the sign-in page, a refusal is a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInNeeded:
                wanted = request.url.path if request.method == "GET" else ""
                return redirect(request, f"{SIGN_IN}?next={wanted}")
            except AppError as refusal:
                return render(
                    "app.console",
                    "refusal.html",
                    public_url=request.app.state.public_url,
                    status=refusal.status,
                    values={"refusal": refusal},
                )

        return handler


async def visitor(request: Request) -> Visitor:
    """
    Return who looks.

    Raises:
        SignInNeeded: Nobody who may.
    """
    state = request.app.state
    sealed = request.cookies.get(cookie_name(request), "")
    try:
        began, _, plain = state.keyring.decrypt(sealed, place=PLACE).partition(":")
    except (UnreadableSecret, ValueError) as error:
        raise SignInNeeded from error
    if time.time() - int(began) > SESSION_SECONDS:
        raise SignInNeeded
    try:
        return await admit(request, plain)
    except Unauthorized as error:
        raise SignInNeeded from error


def require_own_page(request: Request) -> None:
    """
    Let only our own forms begin and end a session: nobody shall be signed in as somebody else.

    Raises:
        Forbidden: Another site's page sent this.
    """
    if from_elsewhere(request):
        raise Forbidden(
            "This form was sent by a page that is not ours.",
            fixes=["Open the console itself, and use its own form."],
        )


async def admit(request: Request, plain: str) -> Visitor:
    """
    Return who shows this key; every scope may read.

    Raises:
        Unauthorized: It is unknown, expired or revoked.
        TooManyRequests: It was used too often lately.
    """
    state = request.app.state
    key = await find_key(state.db, plain, state.hash_key)
    await within_limits(request, key)
    return Visitor(key.organization_id, key.name, state.db)


def begin(request: Request, response: Response, plain: str) -> None:
    """Start a session for a key that was just admitted."""
    sealed = request.app.state.keyring.encrypt(f"{int(time.time())}:{plain}", place=PLACE)
    response.set_cookie(
        cookie_name(request),
        sealed,
        max_age=SESSION_SECONDS,
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite="lax",
    )


def end(request: Request, response: Response) -> None:
    response.delete_cookie(
        cookie_name(request), path="/", secure=_secure(request), httponly=True, samesite="lax"
    )


def cookie_name(request: Request) -> str:
    return f"__Host-{COOKIE}" if _secure(request) else COOKIE


def redirect(request: Request, path: str) -> Response:
    root = urlsplit(request.app.state.public_url).path.rstrip("/")
    return RedirectResponse(f"{root}{path}", status_code=303)


def _secure(request: Request) -> bool:
    public_url: str = request.app.state.public_url
    return public_url.startswith("https://")
