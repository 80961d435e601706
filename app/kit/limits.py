"""How large and how slow a request may be; nothing is decompressed."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.clock import monotonic
from app.kit.errors import AppError, TooLarge, TooSlow, UnsupportedMedia
from app.kit.web import render

MEBIBYTE = 1024 * 1024
NDJSON = "application/x-ndjson"
BATCH = "/batch"
# A body of the greatest size needs as much of a line of 4.5 Mbit/s.
BODY_SECONDS = 120.0


class _Refused(Exception):
    """The body goes on beyond what is allowed."""


class BodyLimit:
    """
    Refuses bodies that are too large, too slow, or compressed.

    The announced length is believed when it is too large; what arrives is counted anyway. An
    application that was reading such a body is stopped, whatever it answers then.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit: int = 8 * MEBIBYTE,
        ndjson_limit: int = 64 * MEBIBYTE,
        seconds: float = BODY_SECONDS,
    ) -> None:
        self.app = app
        self.limit = limit
        self.ndjson_limit = ndjson_limit
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        many = media_type(headers) == NDJSON and scope["path"].endswith(BATCH)
        limit = self.ndjson_limit if many else self.limit
        refusal = _refused_at_once(headers, limit)
        if refusal is not None:
            await render(refusal)(scope, receive, send)
            return
        await _Counting(self.app, limit, self.seconds).run(scope, receive, send)


class _Counting:
    """One request, whose body is counted and timed as it is read."""

    def __init__(self, app: ASGIApp, limit: int, seconds: float) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds
        self.deadline = monotonic() + seconds
        self.read = 0
        self.whole = False
        self.started = False
        self.refusal: AppError | None = None

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            if self.refusal is not None:
                raise _Refused
            if self.whole:  # What comes now is that the caller went away, and may take its time.
                return await receive()
            message = await self._next(receive)
            self.read += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self.read > self.limit:
                self.refusal = _too_large(self.limit)
                raise _Refused
            return message

        async def guarded(message: Message) -> None:
            if self.refusal is not None and not self.started:
                return
            self.started = True
            await send(message)

        try:
            await self.app(scope, counted, guarded)
        except Exception:
            if self.refusal is None:
                raise
        if self.refusal is not None and not self.started:
            await render(self.refusal)(scope, receive, send)

    async def _next(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self.deadline - monotonic()):
                return await receive()
        except TimeoutError:
            self.refusal = _too_slow(self.seconds)
            raise _Refused from None


def media_type(headers: Headers) -> str:
    """Return the content type without its parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _refused_at_once(headers: Headers, limit: int) -> AppError | None:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        return UnsupportedMedia(
            "Compressed requests are not accepted.",
            code="content_encoding_refused",
            fixes=["Send the body as it is, without Content-Encoding."],
            headers={"Accept-Encoding": "identity"},
        )
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > limit:
        return _too_large(limit)
    return None


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The request is larger than {limit // MEBIBYTE or 1} MiB.",
        fixes=["Send fewer records at a time; large batches go as application/x-ndjson."],
        headers={"Connection": "close"},
        extra={"limit_bytes": limit},
    )


def _too_slow(seconds: float) -> TooSlow:
    return TooSlow(
        f"The body of the request did not arrive within {seconds:.0f} s.",
        fixes=["Send fewer records at a time, or send them over a faster line."],
        headers={"Connection": "close"},
    )
