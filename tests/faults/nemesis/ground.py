"""Where the nemesis plays: one set of real servers and processes, started once for all seeds."""

import asyncio
import contextlib
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config

from app.kit.embedded import EmbeddedPostgres, EmbeddedValkey
from app.settings import Settings, load_settings
from tests.faults.nemesis.pipes import BooksProxy, PipeProcess, pipe_process
from tests.faults.workers import ROOT, Process, Workers, forking
from tests.simulator_server import SimulatorServer

WAIT_SCALE = 0.02
# How long a call is waited for; well below what the lease allows, and 130 s scaled and a little.
READ_SECONDS = 4.0
WORKERS = 4
# So many of them, and not the API, reach Postgres by the pipe; a pipe costs time.
PIPED = 2
POSTGRES_CONNECTIONS = 200
# What a process says of what it did not expect.
UNEXPECTED = ("slice_failed", "Traceback", "unhandled")


@dataclass(slots=True)
class Crew:
    """One place for a worker: its own way to the books, and whoever works there now."""

    number: int
    proxy: BooksProxy
    skew: float = 0.0
    process: Process = field(init=False)


@dataclass(slots=True)
class Ground:
    """Everything that runs, and the ways to harm it. Harm to all is done by one seed at a time."""

    folder: Path
    simulator: SimulatorServer
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    settings: Settings
    server_url: str
    api_port: int
    database_pipe: PipeProcess
    redis_pipe: PipeProcess
    redis_port: int
    forker: Workers
    crews: list[Crew] = field(default_factory=list)
    api: Process | None = None
    harm: asyncio.Lock = field(default_factory=asyncio.Lock)
    _orders: int = 0
    _sql: asyncpg.Pool | None = None

    # ------------------------------------------------------------------------- asking and telling

    async def sql(self) -> asyncpg.Pool:
        """Return a way to Postgres that no fault lies on, but the server's own death."""
        if self._sql is None:
            self._sql = await asyncpg.create_pool(plain(self.server_url), min_size=1, max_size=12)
        return self._sql

    async def rows(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Ask the database; a server that is just being restarted is asked again."""
        for attempt in range(40):
            try:
                pool = await self.sql()
                return [dict(row) for row in await pool.fetch(statement, *arguments)]
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
                if attempt == 39:
                    raise
                await asyncio.sleep(0.1)
        return []

    @property
    def orders(self) -> Path:
        return self.folder / "orders"

    def order(self, name: str, action: str, **details: Any) -> str:
        """Lay an order down for whichever process comes by that point; return its id."""
        self._orders += 1
        number = f"order{self._orders}"
        text = json.dumps({"id": number, "action": action, **details})
        draft = self.orders / f"{number}.draft"
        draft.write_text(text)
        draft.rename(self.orders / name)
        return number

    def carried_out(self, number: str) -> bool:
        return (self.orders / f"{number}.done").exists()

    def withdraw(self, name: str) -> None:
        (self.orders / name).unlink(missing_ok=True)

    def process_of(self, number: str) -> int | None:
        """Return the process that signalled itself on an order."""
        path = self.orders / f"{number}.pid"
        return int(path.read_text()) if path.exists() else None

    # ------------------------------------------------------------------------------- processes

    def start_worker(self, crew: Crew, *, skew: float = 0.0) -> None:
        crew.skew = skew
        piped = crew.number < PIPED
        order = self._process_order("nemesis_worker") | {"skew": skew, "piped": piped}
        settings = self.settings if piped else self.direct
        crew.process = self.forker.under_orders(settings, order, crew.proxy.url)

    def start_api(self) -> None:
        order = self._process_order("nemesis_api") | {"port": self.api_port}
        self.api = self.forker.under_orders(self.direct, order)

    @property
    def direct(self) -> Settings:
        """The settings of a process that goes to Postgres straight."""
        return self.settings.model_copy(update={"database_url": self.server_url})

    def _process_order(self, role: str) -> dict[str, Any]:
        return {
            "role": role,
            "orders": str(self.orders),
            "database_url": plain(self.server_url),
            "read_seconds": READ_SECONDS,
        }

    def revive(self) -> None:
        """Start again whatever is dead; workers only while nobody wants them to be."""
        if self.api is not None and not self.api.alive():
            self.start_api()
        if not self.harm.locked():
            for crew in self.crews:
                if not crew.process.alive():
                    self.start_worker(crew)

    async def api_answers(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.api_port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"the API is away: {self.api and self.api.log.read_text()[-2000:]}")

    def restart_postgres(self) -> None:
        """Let the server fall over as in a power cut of its process, and start it again."""
        server = self.postgres._process
        assert server is not None
        server.send_signal(signal.SIGQUIT)
        server.wait()
        self.postgres.start()

    def restart_valkey(self) -> None:
        server = self.valkey._process
        assert server is not None
        server.kill()
        server.wait()
        self.valkey.start()

    def logs(self) -> str:
        """Return what workers and API said of errors they did not expect."""
        lines = []
        for path in sorted(self.folder.glob("processes/*.log")):
            for line in path.read_text(errors="replace").splitlines():
                if any(word in line for word in UNEXPECTED):
                    lines.append(f"{path.stem}: {line[:400]}")  # noqa: PERF401 - readable so
        return "\n".join(lines)


@contextlib.asynccontextmanager
async def ground(
    folder: Path, postgres: EmbeddedPostgres, server_url: str, *, requestid: str
) -> AsyncIterator[Ground]:
    """Start everything else, and end it."""
    for name in ("orders", "processes"):
        (folder / name).mkdir()
    with contextlib.ExitStack() as stack:
        valkey = EmbeddedValkey(folder / "valkey")
        redis_url = valkey.start()
        stack.callback(valkey.stop)
        options = {"profile": "ca", "customers": 0, "items": 1}
        switches = {"throttle": False, "requestid": requestid, "log_limit": 2_000_000}
        simulator = stack.enter_context(
            SimulatorServer(auto_approve=False, switch=switches, **options)
        )
        forker = stack.enter_context(forking(folder / "processes"))
        database = stack.enter_context(
            pipe_process("127.0.0.1", port_of(server_url), str(folder / "orders"))
        )
        redis = stack.enter_context(pipe_process("127.0.0.1", port_of(redis_url)))
        api_port = free_port()
        urls = (through(server_url, database), through(redis_url, redis))
        settings = _settings(folder, simulator, *urls, api_port)
        made = Ground(
            folder=folder,
            simulator=simulator,
            postgres=postgres,
            valkey=valkey,
            settings=settings,
            server_url=server_url,
            api_port=api_port,
            database_pipe=database,
            redis_pipe=redis,
            redis_port=port_of(redis_url),
            forker=forker,
        )
        async with _manned(made):
            yield made


@contextlib.asynccontextmanager
async def _manned(made: Ground) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for number in range(WORKERS):
            proxy = await stack.enter_async_context(BooksProxy(made.simulator.api_url))
            crew = Crew(number, proxy)
            made.start_worker(crew)
            made.crews.append(crew)
        made.start_api()
        await made.api_answers()
        try:
            yield
        finally:
            if made._sql is not None:
                made._sql.terminate()
            for process in (*(crew.process for crew in made.crews), made.api):
                if process is not None:
                    with contextlib.suppress(ProcessLookupError):
                        process.signal(signal.SIGKILL)


@contextlib.contextmanager
def migrated_postgres(folder: Path) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """Run a server with our tables in it; the migrations want a loop of their own."""
    server = EmbeddedPostgres(folder / "postgres", fast=True, max_connections=POSTGRES_CONNECTIONS)
    url = server.start()
    try:
        config = Config(str(ROOT / "alembic.ini"))
        config.attributes["url"] = url
        command.upgrade(config, "head")
        yield server, url
    finally:
        server.stop()


def _settings(
    folder: Path,
    simulator: SimulatorServer,
    database_url: str,
    redis_url: str,
    api_port: int,
) -> Settings:
    settings = load_settings(
        _env_file=None,
        data_dir=folder / "data",
        database_url=database_url,
        redis_url=redis_url,
        public_url=f"http://127.0.0.1:{api_port}",
        quickbooks_client_id=simulator.client_id,
        quickbooks_client_secret=simulator.client_secret,
        quickbooks_discovery_url=simulator.discovery_url,
        quickbooks_api_url=simulator.api_url,
        limit_requests_per_second=10_000,
        limit_requests_per_minute=100_000,
        limit_batches_per_minute=10_000,
        limit_all_per_minute=200_000,
        limit_api_per_key=100_000,
        limit_api_per_organization=100_000,
        worker_lanes=6,
        wait_scale=WAIT_SCALE,
    )
    simulator.control.put(
        "/redirect-uris", json={"redirect_uris": [settings.callback_url]}
    ).raise_for_status()
    return settings


def through(url: str, pipe: PipeProcess) -> str:
    """Return the URL by way of the pipe."""
    return url.replace(f":{port_of(url)}/", f":{pipe.port}/")


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])


def plain(url: str) -> str:
    return url.replace("+asyncpg", "")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
