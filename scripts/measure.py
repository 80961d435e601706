"""
Measures what a newcomer meets, and writes it into README.md between its markers.

A fresh clone in a folder of its own is installed, runs the demonstration and is served; nothing of
this folder's environment is used but the caches of pip or uv.
"""

import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- measured:begin -->", "<!-- measured:end -->"
PATIENCE = 120.0
MIB = 1024 * 1024


def clone(folder: Path) -> Path:
    """Clone what is committed; what is not is nobody's to measure."""
    copy = folder / "ledgerwire"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)  # noqa: S607
    return copy


def timed(copy: Path, *command: str) -> float:
    """Run a command in the clone; return how many seconds it took."""
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=copy,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")
    return time.monotonic() - started


def size(folder: Path) -> int:
    """Return how many bytes a folder occupies on the disk."""
    found = (path.lstat() for path in folder.rglob("*"))
    return sum(stat.st_blocks * 512 for stat in found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def served(copy: Path) -> tuple[float, dict[str, int]]:
    """Serve the clone; return the seconds until it answers, and the memory of each program."""
    port = free_port()
    log = copy / ".measured.log"
    started = time.monotonic()
    server = subprocess.Popen(
        [str(copy / ".venv/bin/ledgerwire"), "serve", "--port", str(port)],
        cwd=copy,
        env={**os.environ, "DATA_DIR": str(copy / ".measured")},
        stdin=subprocess.DEVNULL,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        while not answers(port):
            if server.poll() is not None or time.monotonic() - started > PATIENCE:
                raise SystemExit(f"ledgerwire serve does not answer:\n{log.read_text()}")
            time.sleep(0.02)
        seconds = time.monotonic() - started
        time.sleep(3)
        return seconds, memory(server.pid)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def memory(pid: int) -> dict[str, int]:
    """Return the proportional memory of a process and its children by program, in bytes."""
    head = psutil.Process(pid)
    by_program: dict[str, int] = {}
    for process in (head, *head.children(recursive=True)):
        full = process.memory_full_info()
        name = process.name().partition("-")[0]
        name = name if name in {"postgres", "valkey"} else "Ledgerwire"
        by_program[name] = by_program.get(name, 0) + getattr(full, "pss", full.rss)
    return by_program


def table(rows: list[tuple[str, str]]) -> str:
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    day = datetime.now(UTC).date().isoformat()
    python = platform.python_version()
    lines = [f"Measured by `make measure` on {day}: {machine}, Python {python}.", ""]
    lines += ["| What | Figure |", "|---|---|"]
    lines += [f"| {what} | {figure} |" for what, figure in rows]
    return "\n".join(lines)


def write(text: str) -> None:
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md lacks the markers {BEGIN} and {END}:\n\n{text}")
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ledgerwire-measure-") as folder:
        copy = clone(Path(folder))
        first = timed(copy, "make", "demo")
        again = timed(copy, "make", "demo")
        installed = size(copy / ".venv")
        up, used = served(copy)
    text = table(
        [
            ("`make demo` on a fresh clone, installation included", f"{first:.0f} s"),
            ("`make demo` again", f"{again:.1f} s"),
            ("size of `.venv` with the embedded servers", f"{installed / MIB:.0f} MiB"),
            ("`make serve`: first answer, with a new database", f"{up:.1f} s"),
            (
                "memory at rest (PSS): "
                + ", ".join(f"{name} {bytes_ / MIB:.0f}" for name, bytes_ in sorted(used.items())),
                f"{sum(used.values()) / MIB:.0f} MiB",
            ),
        ]
    )
    write(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
