"""Bodies are counted, whatever their length says, and timed; nothing is decompressed."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request

from app.kit.limits import BodyLimit


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.add_middleware(BodyLimit, limit=10, ndjson_limit=20)

    @app.post("/read")
    @app.post("/read/batch")
    async def read(request: Request) -> int:
        return len(await request.body())

    @app.post("/parsed")
    async def parsed(body: list[int]) -> int:
        return len(body)

    @app.post("/unread")
    async def unread() -> int:
        return 0

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def chunks(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b" " * size


@pytest.mark.parametrize(
    ("media", "size", "status"),
    [
        ("application/json", 10, 200),
        ("application/json", 11, 413),
        ("application/x-ndjson; charset=utf-8", 20, 200),
        ("Application/X-NDJSON", 20, 200),
        ("application/x-ndjson", 21, 413),
        ("text/plain", 11, 413),
    ],
)
async def test_announced_lengths_are_limited(
    client: httpx.AsyncClient, media: str, size: int, status: int
) -> None:
    many = "/batch" if "ndjson" in media.lower() else ""

    answer = await client.post(f"/read{many}", content=b" " * size, headers={"Content-Type": media})

    assert answer.status_code == status


async def test_lines_are_for_batches(client: httpx.AsyncClient) -> None:
    media = {"Content-Type": "application/x-ndjson"}

    assert (await client.post("/read", content=b" " * 11, headers=media)).status_code == 413


@pytest.mark.parametrize(("sizes", "status"), [((5, 5), 200), ((5, 5, 1), 413), ((50,), 413)])
async def test_unannounced_bodies_are_counted(
    client: httpx.AsyncClient, sizes: tuple[int, ...], status: int
) -> None:
    answer = await client.post("/read", content=chunks(*sizes))

    assert answer.status_code == status


async def test_the_refusal_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/parsed", content=chunks(6, 6), headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["limit_bytes"] == 10


async def test_a_lie_about_the_length_is_counted(client: httpx.AsyncClient) -> None:
    answer = await client.post("/read", content=chunks(20), headers={"Content-Length": "3"})

    assert answer.status_code == 413


async def test_compressed_bodies_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/read", content=b"x", headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 415
    assert answer.json()["code"] == "content_encoding_refused"


async def test_identity_is_no_compression(client: httpx.AsyncClient) -> None:
    answer = await client.post("/unread", headers={"Content-Encoding": "identity"})

    assert answer.status_code == 200


async def trickle(*, end: bool) -> AsyncIterator[bytes]:
    yield b"["
    await asyncio.sleep(0 if end else 60)
    yield b"]"


@pytest.mark.parametrize("path", ["/read", "/parsed"])
async def test_a_body_that_trickles_in_is_not_waited_for(path: str) -> None:
    app = FastAPI()
    app.add_middleware(BodyLimit, seconds=0.2)

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    @app.post("/parsed")
    async def parsed(body: list[int]) -> int:
        return len(body)

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        media = {"Content-Type": "application/json"}
        fast = await client.post(path, content=trickle(end=True), headers=media)
        slow = await client.post(path, content=trickle(end=False), headers=media)

    assert (fast.status_code, slow.status_code) == (200, 408)
    assert slow.json()["code"] == "too_slow"
    assert slow.json()["retryable"] is True


async def test_work_after_the_body_may_take_its_time() -> None:
    app = FastAPI()
    app.add_middleware(BodyLimit, seconds=0.05)

    @app.post("/work")
    async def work(request: Request) -> bool:
        await request.body()
        await asyncio.sleep(0.2)
        return await request.is_disconnected()

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/work", content=b"[]")

    assert (answer.status_code, answer.json()) == (200, False)
