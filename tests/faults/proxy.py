"""Two small proxies: one between a worker and the books, one between a worker and Postgres."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit

REALM = re.compile(r"/v3/company/([^/]+)/([a-z]+)")
COMMIT = b"COMMIT;\x00"


@dataclass(frozen=True, slots=True)
class Passing:
    """One request as it passes."""

    method: str
    path: str
    realm_id: str
    resource: str
    request_id: str | None
    head: bytes
    body: bytes

    @property
    def is_write(self) -> bool:
        return self.method == "POST" and self.request_id is not None


@dataclass(slots=True)
class Trap:
    """
    Holds the first write of each of some companies at one point; the last to arrive springs it.

    *point*: `half_sent` (half of the body is out) or `answered` (the books have answered, and the
    answer is kept back). Companies that are not named pass; so does everything once it sprang.
    """

    point: str
    realms: set[str]
    spring: Callable[[], Awaitable[None]]
    held: dict[str, Passing] = field(default_factory=dict)
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def wants(self, passing: Passing) -> bool:
        return (
            not self.sprung.is_set()
            and passing.is_write
            and passing.realm_id in self.realms - set(self.held)
        )

    async def hold(self, passing: Passing) -> None:
        self.held[passing.realm_id] = passing
        if self.realms == set(self.held):
            await self.spring()
            self.sprung.set()
        await self.sprung.wait()


class HttpProxy:
    """Passes HTTP/1.1 on, request by request, and keeps a list of what passed."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.trap: Trap | None = None
        self.passed: list[Passing] = []
        # Cleared: whatever comes is kept waiting before it is passed on.
        self.open = asyncio.Event()
        self.open.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await _end(self._tasks)

    def trap_for(self, passing: Passing) -> Trap | None:
        """Return the trap that this request falls into."""
        return self.trap if self.trap and self.trap.wants(passing) else None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            try:
                while passing := await _request(reader):
                    await self._pass(passing, writer, there_reader, there_writer)
            finally:
                there_writer.close()
        writer.close()

    async def _pass(
        self,
        passing: Passing,
        back: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        trap = self.trap_for(passing)
        self.passed.append(passing)
        await self.open.wait()
        if trap and trap.point == "half_sent":
            there.write(passing.head + passing.body[: len(passing.body) // 2])
            await there.drain()
            await trap.hold(passing)
            raise EOFError  # Whoever sent the first half is dead.
        there.write(passing.head + passing.body)
        await there.drain()
        answer = await _message(there_reader)
        if answer is None:
            raise EOFError
        if trap:
            await trap.hold(passing)
        back.write(b"".join(answer))
        await back.drain()


async def _request(reader: asyncio.StreamReader) -> Passing | None:
    message = await _message(reader)
    if message is None:
        return None
    head, body = message
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    parts = urlsplit(target)
    found = REALM.match(parts.path)
    return Passing(
        method=method,
        path=parts.path,
        realm_id=found[1] if found else "",
        resource=found[2] if found else "",
        request_id=parse_qs(parts.query).get("requestid", [None])[0],
        head=head,
        body=body,
    )


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """Read head and body of one message; the simulator and our client state the length."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return head, await reader.readexactly(int(length[1])) if length else b""


class CommitProxy:
    """
    Passes Postgres' bytes on, and can lose a connection in its COMMIT.

    `lose[port] = "before"` swallows the next COMMIT of the connection from that local port;
    `"after"` passes it on, waits until the server has answered, and swallows the answer.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.lose: dict[int, str] = {}
        self.lost: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await _end(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        port = writer.get_extra_info("peername")[1]
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            there_reader, there = await asyncio.open_connection(*self._target)
            back = asyncio.create_task(_copy(there_reader, writer))
            try:
                while data := await reader.read(65536):
                    if data.endswith(COMMIT) and (how := self.lose.pop(port, None)):
                        self.lost.append(how)
                        if how == "after":
                            back.cancel()
                            await asyncio.gather(back, return_exceptions=True)
                            there.write(data)
                            await there.drain()
                            await there_reader.read(65536)
                        break
                    there.write(data)
                    await there.drain()
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
                there.close()
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
