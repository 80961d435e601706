"""What every answer carries: no caching, no sniffing, and a request id that the log knows too."""

import re
import time

import structlog
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.ids import new_id

REQUEST_ID = "X-Request-Id"
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A page may set its own; an answer without one is never cached, sniffed or named to others.
DEFAULTS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Only where the operator's public address is https: a browser then never tries http again.
STRICT_TRANSPORT = "max-age=31536000"

# Asked every few seconds by machines; a line for each would bury the others.
PROBES = frozenset(("/healthz", "/readyz", "/metrics"))

log = structlog.get_logger(__name__)


class Headers:
    """
    The outermost layer of the API.

    Sets the headers on every answer, those of failures included, and logs one line per request:
    the route's pattern, never its address, which may hold a secret.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.monotonic()

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if _is_public_https(scope):
                    headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
                for name, value in DEFAULTS.items():
                    headers.setdefault(name, value)
                headers[REQUEST_ID] = request_id
                _note(scope, int(message["status"]), time.monotonic() - started)
            await send(message)

        await self._app(scope, receive, finish)


class GuardedAPI(FastAPI):
    """A FastAPI whose every answer, its last-resort 500 too, passes through `Headers`."""

    def build_middleware_stack(self) -> ASGIApp:
        return Headers(super().build_middleware_stack())


def _request_id(scope: Scope) -> str:
    """Return the caller's own id if it is harmless, else a fresh one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            told = value.decode("latin-1")
            if ACCEPTABLE_ID.fullmatch(told):
                return str(told)
    return str(new_id())


def _is_public_https(scope: Scope) -> bool:
    state = getattr(scope.get("app"), "state", None)
    return str(getattr(state, "public_url", "")).startswith("https://")


def _note(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", None)
    note = log.debug if route in PROBES else log.info
    note(
        "request_answered",
        method=scope["method"],
        route=route,
        status=status,
        duration_ms=round(seconds * 1000, 1),
    )
