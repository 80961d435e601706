"""Child processes of a command: started, watched, started again, and always stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import structlog

from app.commands.terminal import Stop
from app.kit.processes import interrupt_with_parent

log = structlog.get_logger(__name__)

# A call to QuickBooks may take 130 s, and a worker told to stop waits for the one in flight.
PATIENCE = 150.0
# So many deaths within so many seconds, and starting again is no help.
MOST_DEATHS, DEATH_WINDOW = 5, 60.0


@dataclass(slots=True)
class Child:
    """One program of ours; *output* is where it writes, our own streams if it is None."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    output: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start it; on Linux it is interrupted if we die, even by kill -9."""
        stream: IO[bytes] | None = self.output.open("ab") if self.output else None
        try:
            self.process = subprocess.Popen(  # noqa: S603  Our own programs.
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # Ctrl-C is for us, who then stop it in order.
                preexec_fn=interrupt_with_parent(),  # noqa: PLW1509  See kit.embedded.
            )
        finally:
            if stream is not None:
                stream.close()

    def ended(self) -> int | None:
        """Return its exit code, or None while it runs."""
        return self.process.poll() if self.process else None

    def tell(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def tail(self, lines: int = 5) -> str:
        """Return the end of what it wrote, if that goes to a file."""
        if self.output is None or not self.output.exists():
            return ""
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-lines:])


def ledgerwire(*arguments: str) -> list[str]:
    """Return the command line that runs this very program."""
    return [sys.executable, "-m", "app.cli", *arguments]


class Children:
    """All children of a ``with``; the last one started is the first one stopped."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._all: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, child: Child) -> Child:
        self._all.append(child)
        child.start()
        return child

    def watch(self) -> None:
        """
        Start again what died; to be called every now and then.

        Raises:
            Stop: One of them dies again and again.
        """
        for child in self._all:
            code = child.ended()
            if code is None:
                continue
            moment = time.monotonic()
            child.deaths = [at for at in child.deaths if moment - at < DEATH_WINDOW] + [moment]
            if len(child.deaths) >= MOST_DEATHS:
                raise Stop(
                    f"{child.name} ended {MOST_DEATHS} times within a minute, last with the exit "
                    f"code {code}.",
                    ["Its reason stands above.", "`ledgerwire doctor` looks for usual causes."],
                )
            log.warning("child_restarted", worker=child.name, status=code)
            child.start()

    def stop(self) -> None:
        """Stop all in order; a second Ctrl-C does not wait for calls in flight."""
        for child in reversed(self._all):
            child.tell(signal.SIGTERM)
        deadline = time.monotonic() + self._patience
        try:
            for child in reversed(self._all):
                _wait(child, deadline)
        finally:
            for child in self._all:
                if child.process is not None and child.process.poll() is None:
                    child.process.kill()
                    child.process.wait()
            self._all.clear()


def _wait(child: Child, deadline: float) -> None:
    if child.process is None:
        return
    with suppress(subprocess.TimeoutExpired):
        child.process.wait(max(0.0, deadline - time.monotonic()))
