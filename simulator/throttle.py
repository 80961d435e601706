"""Call limits as sliding windows on the simulator's clock, and the busiest windows seen."""

from __future__ import annotations

from collections import deque

from simulator.clock import Clock
from simulator.switches import Switches
from simulator.wire import Json


class SlidingWindow:
    """How many events the last *seconds* saw, and the most that ever fell into such a stretch."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()
        self.peak = 0

    def count(self, now: float) -> int:
        """Events within the window that ends at *now*."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return len(self._times)

    def add(self, now: float) -> None:
        """One more event."""
        self._times.append(now)
        self.peak = max(self.peak, self.count(now))

    def clear(self) -> None:
        """Forget all events and the peak."""
        self._times.clear()
        self.peak = 0


class Throttle:
    """The limits of one company (and of each app on it)."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._windows: dict[tuple[str, str], SlidingWindow] = {}

    def admit(self, client_id: str, *, batch: bool) -> bool:
        """Count a call; False when a limit is reached and the call has to be refused."""
        if not self._switches.throttle:
            return True
        now = self._clock.seconds()
        used = [
            (self._window(name, app, size), limit)
            for name, app, size, limit in self._limits(client_id, batch)
        ]
        refused = any(window.count(now) >= limit for window, limit in used)
        if not refused or self._switches.throttle_counts_refused:
            for window, _ in used:
                window.add(now)
        return not refused

    def clear(self) -> None:
        """Forget what was counted."""
        self._windows.clear()

    def _limits(self, client_id: str, batch: bool) -> list[tuple[str, str, float, int]]:
        """Window name, app it belongs to ("" = the company's), seconds, limit."""
        switches = self._switches
        calls, batches = (
            switches.other_app_requests_per_minute,
            switches.other_app_batches_per_minute,
        )
        limits = [
            ("second", client_id, 1.0, switches.requests_per_second),
            ("all", "", 60.0, switches.all_per_minute - calls - batches),
        ]
        if batch:
            limits.append(("batches", client_id, 60.0, switches.batches_per_minute))
            limits.append(("batches", "", 60.0, switches.batches_per_minute_realm - batches))
        else:
            limits.append(("requests", "", 60.0, switches.requests_per_minute - calls))
        return limits

    def _window(self, name: str, app: str, seconds: float) -> SlidingWindow:
        key = (name, app)
        if key not in self._windows:
            self._windows[key] = SlidingWindow(seconds)
        return self._windows[key]


class Rates:
    """The busiest second and minutes of one company, refused calls included."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = SlidingWindow(1.0)
        self._requests = SlidingWindow(60.0)
        self._batches = SlidingWindow(60.0)
        self._all = SlidingWindow(60.0)

    def add(self, *, batch: bool) -> None:
        """One call has arrived."""
        now = self._clock.seconds()
        for window in (self._second, self._all, self._batches if batch else self._requests):
            window.add(now)

    def to_json(self) -> Json:
        """The peaks, in calls."""
        return {
            "per_second": self._second.peak,
            "requests_per_minute": self._requests.peak,
            "batches_per_minute": self._batches.peak,
            "all_per_minute": self._all.peak,
        }
