"""
Sliding windows: how many calls went out lately, shared by every process through Redis.

Without Redis they are counted here, beginning as if half of each window were used: somebody may
have called just before.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.kit.clock import monotonic

log = structlog.get_logger(__name__)

# Admits one call if every window has room, else says how many milliseconds to wait.
ADMIT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local wait = 0
for i = 1, #KEYS do
  local limit, length = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ms - length)
  local used = redis.call('ZCARD', KEYS[i])
  if used >= limit then
    local oldest = redis.call('ZRANGE', KEYS[i], used - limit, used - limit, 'WITHSCORES')
    wait = math.max(wait, tonumber(oldest[2]) + length - ms)
  end
end
if wait > 0 then return wait end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], ms, ARGV[#ARGV])
  redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[i * 2]) + 1000)
end
return 0
"""
SLOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """At most *limit* calls in any *seconds*."""

    name: str
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The windows of one company and app."""

    requests_per_second: int = 9
    requests_per_minute: int = 480
    batches_per_minute: int = 38
    all_per_minute: int = 760

    def windows(self, *, batch: bool) -> tuple[Window, ...]:
        everything = Window("all", self.all_per_minute, 60)
        if batch:
            return (Window("batch", self.batches_per_minute, 60), everything)
        return (
            Window("second", self.requests_per_second, 1),
            Window("minute", self.requests_per_minute, 60),
            everything,
        )


class LocalWindows:
    """The same windows, counted in this process only."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}

    def admit(self, windows: Sequence[Window]) -> float:
        """Count one call and return 0, or return the seconds to wait."""
        now = self._clock()
        wait = 0.0
        for window in windows:
            calls = self._calls.setdefault(
                window.name, deque([now] * (window.limit // 2), maxlen=None)
            )
            while calls and calls[0] <= now - window.seconds:
                calls.popleft()
            if len(calls) >= window.limit:
                wait = max(wait, calls[len(calls) - window.limit] + window.seconds - now)
        if wait <= 0:
            for window in windows:
                self._calls[window.name].append(now)
        return max(wait, 0.0)


class Gate:
    """Keeps one subject's calls within its limits (implements the port's `CallGate`)."""

    def __init__(
        self,
        redis: Redis,
        subject: str,
        limits: Limits,
        *,
        pause: float,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._redis = redis
        self._subject = subject
        self._limits = limits
        self._pause = pause
        self._sleep = sleep
        self._local: LocalWindows | None = None
        self._closed_until = 0.0
        self._slow_until = 0.0

    async def admit(self, *, batch: bool = False) -> None:
        """Return when one more call may go out, and count it."""
        while (wait := await self._wait(batch=batch)) > 0:
            await self._sleep(wait)

    async def throttled(self, after: float | None) -> None:
        """Rest for *after* seconds (a minute if it is not told), then go at half speed a while."""
        now = monotonic()
        self._closed_until = now + (after if after is not None else self._pause)
        self._slow_until = self._closed_until + self._pause * (SLOW_SECONDS / 60)

    async def _wait(self, *, batch: bool) -> float:
        now = monotonic()
        if now < self._closed_until:
            return self._closed_until - now
        windows = [
            Window(window.name, self._allowed(window.limit, now), window.seconds)
            for window in self._limits.windows(batch=batch)
        ]
        try:
            async with asyncio.timeout(1):
                wait = await self._ask(windows)
        except (RedisError, OSError, TimeoutError):
            if self._local is None:
                log.warning("limits_counted_locally")
                self._local = LocalWindows()
            return self._local.admit(windows)
        self._local = None
        return wait

    def _allowed(self, limit: int, now: float) -> int:
        return max(limit // 2, 1) if now < self._slow_until else limit

    async def _ask(self, windows: Sequence[Window]) -> float:
        keys = [f"ledgerwire:calls:{self._subject}:{window.name}" for window in windows]
        arguments: list[Any] = []
        for window in windows:
            arguments += [window.limit, int(window.seconds * 1000)]
        answer = await self._redis.eval(  # type: ignore[misc]  # its stub is not awaitable
            ADMIT, len(keys), *keys, *arguments, secrets.token_hex(8)
        )
        return float(answer) / 1000
