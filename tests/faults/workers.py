"""Worker processes as tests see them: started, told where to die, waited for."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Process:
    """A child of the forking process."""

    pid: int
    log: Path
    armed: Path
    report: Path

    def arm(self) -> None:
        """From now on the ordered point is deadly."""
        self.armed.touch()

    def arrived(self) -> list[str]:
        """Who stood at the point, as ids of organizations."""
        return self.report.read_text().split() if self.report.exists() else []

    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stopped(self) -> bool:
        """Tell whether the process stands still after SIGSTOP."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rsplit(")", 1)[1].split()[0] == "T"

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def gone(self, seconds: float = 30) -> float:
        """Wait for the process's end; return when that was, by the wall clock."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                raise AssertionError(f"still alive:\n{self.log.read_text()[-4000:]}")
            await asyncio.sleep(0.005)
        return time.time()

    async def end(self) -> None:
        """Stop it as an operator does, and by force if it does not listen."""
        try:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGTERM)
                self.signal(signal.SIGCONT)
            await self.gone()
        finally:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)


@dataclass(slots=True)
class Workers:
    """The forking process."""

    folder: Path
    _forker: subprocess.Popen[str]
    _count: int = 0
    _started: list[Process] = field(default_factory=list)

    def start(
        self,
        settings: Settings,
        *,
        point: str | None = None,
        signalled: signal.Signals = signal.SIGKILL,
        companies: int = 1,
        api_url: str | None = None,
    ) -> Process:
        """Start a worker; with a *point*, one that signals itself there once it is armed."""
        order = {
            "role": "worker",
            "point": point,
            "signal": signalled.name,
            "companies": companies,
        }
        return self._fork(settings, order, api_url)

    def ask(self, settings: Settings, requests: Sequence[dict[str, Any]]) -> Process:
        """Start an API process that takes the requests and dies before it rings."""
        return self._fork(settings, {"role": "api", "requests": list(requests)}, None)

    def under_orders(
        self, settings: Settings, order: dict[str, Any], api_url: str | None = None
    ) -> Process:
        """Start a process of the nemesis: *order* says which, and where its orders lie."""
        return self._fork(settings, order, api_url)

    def _fork(self, settings: Settings, order: dict[str, Any], api_url: str | None) -> Process:
        self._count += 1
        base = self.folder / f"{order['role']}{self._count}"
        paths = {name: base.with_suffix(f".{name}") for name in ("log", "armed", "report")}
        environment = environment_of(settings)
        if api_url:
            environment["QUICKBOOKS_API_URL"] = api_url
        full = order | {name: str(path) for name, path in paths.items()}
        assert self._forker.stdin
        assert self._forker.stdout
        self._forker.stdin.write(json.dumps(full | {"environment": environment}) + "\n")
        self._forker.stdin.flush()
        pid = json.loads(self._forker.stdout.readline())["pid"]
        process = Process(pid=pid, **paths)
        self._started.append(process)
        return process


@contextlib.contextmanager
def forking(folder: Path) -> Iterator[Workers]:
    """Run the process that workers are forked from; it takes all of them with it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.worker_main"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as forker:
        yield Workers(folder, forker)
        assert forker.stdin
        forker.stdin.close()


def environment_of(settings: Settings) -> dict[str, str]:
    """Write the settings as a process finds them in its environment."""
    return {
        name.upper(): str(value)
        for name, value in settings.model_dump().items()
        if value not in (None, "")
    }
