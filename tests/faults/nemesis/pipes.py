"""
Pipes between the program and its stores: they can be shut, cut, and lose a COMMIT.

``python -m tests.faults.nemesis.pipes HOST PORT [ORDERS]`` runs one in a process of its own, so
that nothing else delays it: it says its port, and obeys the words `cut`, `shut` and `open`.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import uvloop

from tests.faults.proxy import COMMIT, HttpProxy, Passing, Trap


class Pipe:
    """Passes bytes on, both ways, to one server."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = 0
        # While it is shut nobody gets through, and who was through is cut off.
        self.shut = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> int:
        """Cut every connection; return how many there were."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.shut:
            writer.transport.abort()
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there: asyncio.StreamWriter | None = None
        try:
            there_reader, there = await asyncio.open_connection(*self.target)
            await self._between(reader, writer, there_reader, there)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _between(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.create_task(_copy(reader, there)),
            asyncio.create_task(_copy(there_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(ways)


class DatabasePipe(Pipe):
    """A pipe to Postgres that loses a COMMIT where an order says so, by the caller's port."""

    def __init__(self, host: str, port: int, orders: Path) -> None:
        super().__init__(host, port)
        self._orders = orders
        self.lost: list[str] = []

    async def _between(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        order = self._orders / f"cut.{writer.get_extra_info('peername')[1]}"
        back = asyncio.create_task(_copy(there_reader, writer))
        # A server that hung up is heard of at once.
        back.add_done_callback(lambda _: writer.transport.abort())
        try:
            while data := await reader.read(65536):
                if data.endswith(COMMIT) and order.exists():
                    await self._lose(order, data, back, there_reader, there)
                    return
                there.write(data)
                await there.drain()
        finally:
            await _end([back])

    async def _lose(
        self,
        order: Path,
        data: bytes,
        back: asyncio.Task[None],
        there_reader: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        how = _taken(order)
        self.lost.append(how)
        await _end([back])
        if how == "after":
            there.write(data)
            await there.drain()
            await there_reader.read(65536)


class BooksProxy(HttpProxy):
    """One worker's way to the books; several traps may lie on it, the first that fits springs."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.traps: list[Trap] = []

    def trap_for(self, passing: Passing) -> Trap | None:
        return next((trap for trap in self.traps if trap.wants(passing)), None)


def _taken(order: Path) -> str:
    how = order.read_text()
    order.unlink()
    return how


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class PipeProcess:
    """A pipe that runs in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._said())

    def _said(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()

    def tell(self, word: str) -> int:
        """Return how many connections there were."""
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return int(self._said())


@contextlib.contextmanager
def pipe_process(host: str, port: int, *orders: str) -> Iterator[PipeProcess]:
    command = [sys.executable, "-m", "tests.faults.nemesis.pipes", host, str(port), *orders]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield PipeProcess(process)
        finally:
            process.terminate()


async def _serve(host: str, port: int, *orders: str) -> None:
    made = DatabasePipe(host, port, Path(orders[0])) if orders else Pipe(host, port)
    async with made as pipe:
        print(pipe.port, flush=True)
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            pipe.shut = word == "shut"
            print(await pipe.cut() if word in {"cut", "shut"} else 0, flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
