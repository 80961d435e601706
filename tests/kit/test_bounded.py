"""What others answer is read up to a limit, which holds while it is unpacked."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest

from app.kit.bounded import Bounded, TooBig

MEBIBYTE = 1024 * 1024
LIMIT = 2 * MEBIBYTE
TEXT = b'{"Invoice": []}' * 1000


class Parts(httpx.AsyncByteStream):
    """A body that comes in pieces; notes whether it was closed."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts = parts
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part

    async def aclose(self) -> None:
        self.closed = True


async def read(body: Parts, encoding: str | None, *, limit: int = LIMIT) -> bytes:
    headers = {"Content-Encoding": encoding} if encoding is not None else {}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=body)

    transport = Bounded(httpx.MockTransport(answer), limit)
    async with httpx.AsyncClient(transport=transport) as client:
        return (await client.get("http://books.test/")).content


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        (None, TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("gzip", b""),
    ],
    ids=["none", "identity", "gzip", "X-GZIP", "deflate", "empty"],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_what_was_packed_arrives_whole(
    encoding: str | None, packed: bytes, size: int
) -> None:
    parts = [packed[at : at + size] for at in range(0, len(packed), size)]

    assert await read(Parts(parts), encoding) == (TEXT if packed else b"")


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip,deflate", "identity, gzip", "x"]
)
async def test_what_was_not_asked_for_is_not_unpacked(encoding: str) -> None:
    """Packed twice, a few kilobytes are as many gigabytes."""
    body = Parts([gzip.compress(gzip.compress(b"0" * MEBIBYTE))])

    with pytest.raises(httpx.DecodingError):
        await read(body, encoding)

    assert body.closed


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TEXT)[:-9],
        b"no gzip at all",
        b"\x1f\x8b",
        gzip.compress(TEXT)[:40] + b"\0" * 9,
    ],
    ids=["cut off", "other", "two bytes", "broken inside"],
)
async def test_torn_ones_are_no_answers(packed: bytes) -> None:
    with pytest.raises(httpx.DecodingError):
        await read(Parts([packed]), "gzip")


async def test_plain_ones_end_at_the_limit() -> None:
    body = Parts([b"0" * MEBIBYTE] * 3)

    with pytest.raises(TooBig):
        await read(body, None)

    assert body.closed


async def test_a_bomb_is_given_up_before_it_has_its_room() -> None:
    """Half a gigabyte in one piece: no more than the limit and a step was ever there."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(b"\0" * MEBIBYTE) for _ in range(512)) + packer.flush()
    assert len(bomb) < MEBIBYTE

    tracemalloc.start()
    with pytest.raises(TooBig):
        await read(Parts([bomb]), "gzip")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 2 * LIMIT + MEBIBYTE
