"""How large a request may be, decided before anything is read; nothing is decompressed."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.errors import AppError, TooLarge, UnsupportedMedia
from app.kit.web import render

MEBIBYTE = 1024 * 1024
NDJSON = "application/x-ndjson"


class _Exceeded(Exception):
    """The body goes on beyond what is allowed."""


class BodyLimit:
    """
    Refuses bodies that are too large or compressed.

    The announced length is believed when it is too large; what arrives is counted anyway. An
    application that was reading such a body is stopped, whatever it answers then.
    """

    def __init__(
        self, app: ASGIApp, *, limit: int = 8 * MEBIBYTE, ndjson_limit: int = 64 * MEBIBYTE
    ) -> None:
        self.app = app
        self.limit = limit
        self.ndjson_limit = ndjson_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self.ndjson_limit if media_type(headers) == NDJSON else self.limit
        refusal = _refused_at_once(headers, limit)
        if refusal is not None:
            await render(refusal)(scope, receive, send)
            return
        await _Counting(self.app, limit).run(scope, receive, send)


class _Counting:
    """One request, whose body is counted as it is read."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit
        self.read = 0
        self.started = False

    @property
    def exceeded(self) -> bool:
        return self.read > self.limit

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            if self.exceeded:
                raise _Exceeded
            message = await receive()
            self.read += len(message.get("body", b""))
            if self.exceeded:
                raise _Exceeded
            return message

        async def guarded(message: Message) -> None:
            if self.exceeded and not self.started:
                return
            self.started = True
            await send(message)

        try:
            await self.app(scope, counted, guarded)
        except Exception:
            if not self.exceeded:
                raise
        if self.exceeded and not self.started:
            await render(_too_large(self.limit))(scope, receive, send)


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
