"""The simulator's own time: it runs by itself, and a test may push it or make it run faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class Clock:
    """
    Aware UTC time that can be advanced, scaled and held.

    Token lives, throttling windows, query lag and postponed writes are all measured on it, so
    none of them needs a test to wait.
    """

    def __init__(
        self,
        start: datetime | None = None,
        *,
        scale: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._anchor = monotonic()
        self._base = start or datetime.now(UTC)
        self._scale = scale
        self._held: datetime | None = None

    @property
    def scale(self) -> float:
        """Simulated seconds per real second."""
        return self._scale

    def now(self) -> datetime:
        """The simulated moment."""
        if self._held is not None:
            return self._held
        return self._base + timedelta(seconds=(self._monotonic() - self._anchor) * self._scale)

    def seconds(self) -> float:
        """The simulated moment as seconds since 1970, for windows and lives."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> datetime:
        """Push the time; negative values turn it back."""
        self._rebase(self.now() + timedelta(seconds=seconds))
        return self.now()

    def set(self, moment: datetime) -> datetime:
        """Go to *moment* and run on from there."""
        self._rebase(moment.astimezone(UTC))
        return self.now()

    def set_scale(self, scale: float) -> None:
        """From now on *scale* simulated seconds pass in one real second; 0 stops the time."""
        self._rebase(self.now())
        self._scale = scale

    def reset(self) -> None:
        """Back to the real time at its real pace."""
        self._anchor = self._monotonic()
        self._base = datetime.now(UTC)
        self._scale = 1.0

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Hold the time at *moment* while a postponed write is applied."""
        before, self._held = self._held, moment
        try:
            yield
        finally:
            self._held = before

    def _rebase(self, moment: datetime) -> None:
        self._base = moment
        self._anchor = self._monotonic()
