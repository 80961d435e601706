"""
Answers of others, read up to a limit that holds while they are unpacked.

A few kilobytes can unpack to gigabytes, and one compressed piece to all of them at once. So an
answer is unpacked here in small steps, and given up at the limit; its readers see plain bytes.
"""

import zlib
from collections.abc import AsyncIterator, Iterator

from httpx import (
    AsyncBaseTransport,
    AsyncByteStream,
    DecodingError,
    Headers,
    Request,
    Response,
    SyncByteStream,
)

STEP_BYTES = 64 * 1024
ACCEPTED = "gzip, deflate"


class TooBig(DecodingError):
    """The answer goes on beyond the limit; what came of it is not used."""


class Bounded(AsyncBaseTransport):
    """Hands on what *inner* answers, unpacked, and never more than *limit* bytes of it."""

    def __init__(self, inner: AsyncBaseTransport, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def handle_async_request(self, request: Request) -> Response:
        response = await self._inner.handle_async_request(request)
        headers = Headers(response.headers)
        encoding = headers.pop("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            headers.pop("content-length", None)
        return Response(
            response.status_code,
            headers=headers,
            stream=_Unpacked(response.stream, encoding, self._limit),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Unpacked(AsyncByteStream):
    """
    The body of an answer, unpacked step by step.

    Raises:
        TooBig: There is more than the limit.
        DecodingError: It is packed in a way that was not asked for, twice, or not to its end.
    """

    def __init__(self, packed: SyncByteStream | AsyncByteStream, encoding: str, limit: int) -> None:
        assert isinstance(packed, AsyncByteStream)  # noqa: S101 - it came from an async transport
        self._packed = packed
        self._encoding = encoding
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unpack = _unpacker(self._encoding)
        read = 0
        async for part in self._packed:
            for piece in unpack.feed(part):
                read += len(piece)
                if read > self._limit:
                    raise TooBig(f"The answer is larger than {self._limit} bytes.")
                yield piece
        unpack.finish()

    async def aclose(self) -> None:
        await self._packed.aclose()


class _Plain:
    """What is not packed."""

    def feed(self, part: bytes) -> Iterator[bytes]:
        yield part

    def finish(self) -> None:
        """Nothing can be missing: the transport counts."""


class _Packed(_Plain):
    """What zlib knows by its header: gzip and deflate."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(32 + zlib.MAX_WBITS)
        self._begun = False

    def feed(self, part: bytes) -> Iterator[bytes]:
        while part and not self._stream.eof:
            self._begun = True
            try:
                piece = self._stream.decompress(part, STEP_BYTES)
            except zlib.error as wrong:
                raise DecodingError("The answer cannot be unpacked.") from wrong
            part = self._stream.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        if self._begun and not self._stream.eof:
            raise DecodingError("The answer ends before its end.")


def _unpacker(encoding: str) -> _Plain:
    if encoding in {"", "identity"}:
        return _Plain()
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _Packed()
    raise DecodingError("The answer is packed in a way that was not asked for.")
