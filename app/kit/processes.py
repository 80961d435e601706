"""
Server processes on this machine: whom they run as, how they end, what a dead owner left behind.

Made for ``embedded``; nothing in here knows which server it is.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil  # Comes with the embedded servers only.

_STOP_PATIENCE = 15.0
_PR_SET_PDEATHSIG = 1
_OTHERS_MAY_ENTER = 0o001
# Linux resolves this without walking through the folders above, which may be closed to the user.
_OWN_FOLDER = "/proc/self/cwd"


@dataclass(frozen=True)
class Identity:
    """Whom a server runs as when this process is root."""

    uid: int
    gid: int


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a child in order, by force after 15 s, and reap it."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)  # Postgres: 'fast' shutdown. Valkey: as SIGTERM.
    try:
        process.wait(_STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def interrupt_with_parent() -> Callable[[], None] | None:
    """
    Return what a child has to run before its program so that it is interrupted when we die.

    None where that does not exist, and off the main thread: the kernel watches the thread that
    forked, and would stop the server when that thread ends.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)  # Loaded here: a forked child should do as little as possible.
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)  # We died before the kernel was asked.

    return ask


def end_leftovers(program: str, folder: Path) -> None:
    """
    End every process called *program* whose working folder is *folder*; call it with the lock held.

    Judged by the folder and not by a stored process id, which may belong to somebody else by now.
    Parents get their chance to stop in order; what outlives them is killed.
    """
    import psutil

    ours = {process.pid: process for process in _running(program, folder)}
    heads = [process for process in ours.values() if process.ppid() not in ours]
    for process in heads:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT)
    psutil.wait_procs(heads, timeout=_STOP_PATIENCE)
    rest = list(_running(program, folder))
    for process in rest:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(rest, timeout=_STOP_PATIENCE)


def _running(program: str, folder: Path) -> Iterator[psutil.Process]:
    import psutil

    home = os.path.realpath(folder)
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):  # Gone meanwhile, a zombie, or somebody else's.
            if process.info["name"] == program and process.cwd() == home:
                yield process


def open_to_others(path: Path) -> bool:
    """True when any user may walk into *path*."""
    here = Path(os.path.realpath(path))
    return all(step.stat().st_mode & _OTHERS_MAY_ENTER for step in (here, *here.parents))


def seen_from_inside(folder: Path, identity: Identity | None) -> str | None:
    """
    Return the path by which a process that works in *folder* as *identity* can name it.

    None when there is none: root outside Linux, in a folder that is closed to others.
    """
    if identity is None or open_to_others(folder.parent):
        return str(folder)
    return _OWN_FOLDER if sys.platform == "linux" else None


def public_copy(installation: Path, *, within: Path = Path("/var/tmp")) -> Path:  # noqa: S108
    """
    Return a copy of an installation that every user may read, made on first use (0.1 s, 40 MB).

    For root with its programs below a closed home: copying leaves that home closed. *within* may be
    open to all: a copy that is not root's own, or that has lost files to a cleaner of temporary
    folders, is not used.
    """
    digest = sha256(f"{installation}|{_sizes(installation)}".encode()).hexdigest()[:16]
    place = within / f"ledgerwire-{digest}"
    below = Path(installation.parent.name, installation.name)
    if _is_ours(place) and _sizes(place / below) == _sizes(installation):
        return place / below
    fresh = Path(tempfile.mkdtemp(dir=within, prefix="ledgerwire-"))
    fresh.chmod(0o755)
    shutil.copytree(installation, fresh / below, symlinks=True)
    # Found by a path relative to the binaries.
    libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    if _is_ours(place):
        shutil.rmtree(place)
    try:
        fresh.rename(place)
    except OSError:
        return fresh / below  # Somebody else has taken the name: stay here.
    return place / below


def _is_ours(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink() and place.stat().st_uid == os.geteuid()


def _sizes(folder: Path) -> list[tuple[str, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted((str(path.relative_to(folder)), path.stat().st_size) for path in files)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read, all of it or nothing."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    fresh.replace(path)


def as_standard_input(text: str, identity: Identity | None) -> int:
    """
    Return a descriptor from which a child of *identity* reads *text*; the caller closes it.

    Secrets travel this way: a command line can be read by every user of the machine. The text must
    fit a pipe (16 kB everywhere), or this would wait for ever.
    """
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    if identity is not None:
        os.fchown(read, identity.uid, identity.gid)
    return read


def listens(port: int) -> bool:
    """True when somebody accepts connections on this loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
