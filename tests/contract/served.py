"""The program as a user starts it: `ledgerwire serve` and the simulator, each a process."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
FIRST_REALM, SECOND_REALM = "4620816365291234567", "9341452612345678"


@dataclass(frozen=True, slots=True)
class Served:
    """Where everything is; *folder* is the working folder of whoever uses it."""

    url: str
    simulator_url: str
    folder: Path

    @property
    def operator_key(self) -> str:
        kept = json.loads((self.folder / ".ledgerwire" / "secrets.json").read_text())
        return str(kept["operator_key"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def commands_of(readme: str) -> tuple[list[str], list[str]]:
    """The two commands that the walk-through starts in terminals of their own, as arguments."""
    part = readme.partition("<!-- servers:begin -->")[2].partition("<!-- servers:end -->")[0]
    blocks = [block.strip() for block in re.findall(r"```bash\n(.*?)```", part, re.DOTALL)]
    simulator, serve = (block.replace("\\\n", " ").split() for block in blocks)
    return simulator, serve


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Run what the README says, on free ports and with a second company beside the first."""
    api, books = free_port(), free_port()
    simulator, serve = commands_of((ROOT / "README.md").read_text())
    assert simulator[0] == ".venv/bin/python", simulator
    settings = dict(part.split("=", 1) for part in serve[:-2])
    assert serve[-2:] == ["make", "serve"], serve
    moved = [part.replace(":8400", f":{api}") for part in simulator[1:]]
    moved[moved.index("8700")] = str(books)
    moved += ["--realm", FIRST_REALM, "--realm", SECOND_REALM]
    settings |= {
        "QUICKBOOKS_DISCOVERY_URL": f"http://127.0.0.1:{books}/.well-known/openid_configuration",
        "QUICKBOOKS_API_URL": f"http://127.0.0.1:{books}",
    }
    program = ["-m", "app.cli", "serve", "--port", str(api)]
    with (
        (folder / "simulator.log").open("w") as simulator_log,
        (folder / "serve.log").open("w") as serve_log,
        _running(moved, folder, {}, simulator_log),
        _running(program, folder, settings, serve_log) as server,
    ):
        found = Served(f"http://127.0.0.1:{api}", f"http://127.0.0.1:{books}", folder)
        _await(f"{found.url}/readyz", server, folder / "serve.log")
        yield found


@contextmanager
def _running(
    arguments: list[str], folder: Path, settings: dict[str, str], log: IO[str]
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            select.select([], [], [], 0.1)
    raise AssertionError(f"{url} does not answer: {log.read_text()[-2000:]}")
