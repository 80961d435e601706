"""
One server on one folder, owned by the process that holds the folder's lock.

What ``embedded`` promises of ownership, joining and taking over is kept here.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

from app.kit import processes
from app.kit.processes import Identity

_POLL = 0.01
_PORT_ATTEMPTS = 3
LOG_TAIL = 1500
# Neither the caller's locale nor a stray PGDATA or LD_PRELOAD reaches a server.
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


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


class Server(ABC):
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
                    f"Process {self._read(self._lock_path)} holds {self.root}, but its "
                    f"{self.title} does not answer. Stop that process, or set {self.setting}."
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
        known = {"url": self._url, "port": self._port, "owner": os.getpid()}
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
        tail = self._log_path.read_text(errors="replace")[-LOG_TAIL:]
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
                env=ENVIRONMENT,
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

    @staticmethod
    def _comes_up(
        process: subprocess.Popen[bytes], ready: Callable[[], bool], *, deadline: float
    ) -> bool:
        while process.poll() is None:
            if ready():
                return True
            if time.monotonic() > deadline:
                processes.end(process)
                return False
            time.sleep(_POLL)
        return False
