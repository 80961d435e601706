"""
Sliding windows: how many calls went out lately, shared by every process through Redis.

Each process counts its own calls besides, so that a Redis that lost its memory does not let a
company run over its limits. Without Redis that count alone decides, beginning as if half of each
window were used: somebody else may have called just before.

A call arrives at some moment between its admission and its answer, and only that moment counts at
the other side. It therefore keeps its place in the windows until a whole window after its answer: a
slow first call cannot push those behind it together into one second over there.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.kit.clock import monotonic

log = structlog.get_logger(__name__)

# Admits one call if every window has room, else says how many milliseconds to wait. KEYS[1] holds
# the end of a rest; while it exists, every limit is halved. After two arguments a window comes
# the mark of the call, then pairs of an earlier mark and the milliseconds since that one's answer.
ADMIT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local own = #KEYS * 2 - 1
for i = 2, #KEYS do
  for j = own + 1, #ARGV, 2 do
    redis.call('ZADD', KEYS[i], 'XX', 'GT', ms - tonumber(ARGV[j + 1]), ARGV[j])
  end
end
local rest = redis.call('GET', KEYS[1])
if rest and tonumber(rest) > ms then return tonumber(rest) - ms end
local wait = 0
for i = 2, #KEYS do
  local limit, length = tonumber(ARGV[i * 2 - 3]), tonumber(ARGV[i * 2 - 2])
  if rest then limit = math.max(math.floor(limit / 2), 1) end
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ms - length)
  local used = redis.call('ZCARD', KEYS[i])
  if used >= limit then
    local oldest = redis.call('ZRANGE', KEYS[i], used - limit, used - limit, 'WITHSCORES')
    wait = math.max(wait, tonumber(oldest[2]) + length - ms)
  end
end
if wait > 0 then return wait end
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], ms, ARGV[own])
  redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[i * 2 - 2]) + 1000)
end
return 0
"""
# Begins a rest, or lengthens one: ARGV are the milliseconds of rest, and those at half speed.
REST = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local till = ms + tonumber(ARGV[1])
local before = redis.call('GET', KEYS[1])
if before and tonumber(before) > till then till = tonumber(before) end
redis.call('SET', KEYS[1], till, 'PX', till - ms + tonumber(ARGV[2]))
return till - ms
"""
REDIS_SECONDS = 1.0
# How long a Redis that did not answer is left alone.
REDIS_PAUSE_SECONDS = 5.0
MINUTE = 60.0
# Calls admitted and not answered yet that a gate remembers.
MOST_OPEN = 32


@dataclass(frozen=True, slots=True)
class Window:
    """At most *limit* calls in any *seconds*."""

    name: str
    limit: int
    seconds: float

    def halved(self) -> "Window":
        return Window(self.name, max(self.limit // 2, 1), self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    The windows of one company and app.

    *scale* shortens every window alike, for measurements against a clock that runs faster.
    """

    requests_per_second: int = 9
    requests_per_minute: int = 480
    batches_per_minute: int = 38
    all_per_minute: int = 760
    scale: float = 1.0

    def windows(self, *, batch: bool) -> tuple[Window, ...]:
        minute = MINUTE * self.scale
        everything = Window("all", self.all_per_minute, minute)
        if batch:
            return (Window("batch", self.batches_per_minute, minute), everything)
        return (
            Window("second", self.requests_per_second, self.scale),
            Window("minute", self.requests_per_minute, minute),
            everything,
        )


class LocalWindows:
    """What this process itself has called lately."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}

    def wait(self, windows: Sequence[Window]) -> float:
        """Return how many seconds have to pass until every window has room for one more call."""
        now = self._clock()
        wait = 0.0
        for window in windows:
            calls = self._lately(window, now)
            if len(calls) >= window.limit:
                wait = max(wait, calls[len(calls) - window.limit] + window.seconds - now)
        return wait

    def count(self, windows: Sequence[Window]) -> float:
        """Count one call in every window, and return the moment it stands at."""
        now = self._clock()
        for window in windows:
            self._lately(window, now).append(now)
        return now

    def move(self, windows: Sequence[Window], moment: float) -> None:
        """Let the call that was counted at *moment* stand at the present one."""
        now = self._clock()
        for window in windows:
            calls = self._lately(window, now)
            with suppress(ValueError):
                calls.remove(moment)
            calls.append(now)

    def suppose(self, windows: Sequence[Window]) -> None:
        """Count calls that others may just have made, up to half of each window."""
        now = self._clock()
        for window in windows:
            calls = self._lately(window, now)
            calls.extend([now] * (window.limit // 2 - len(calls)))

    def _lately(self, window: Window, now: float) -> deque[float]:
        calls = self._calls.setdefault(window.name, deque())
        while calls and calls[0] <= now - window.seconds:
            calls.popleft()
        return calls


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A call that was let out: its mark in Redis, its windows, and when it was counted here."""

    mark: str
    windows: tuple[Window, ...]
    moment: float


class Gate:
    """
    Keeps one subject's calls within its limits (implements the port's `CallGate`).

    *pause* is the rest, in seconds, after a refusal that names none, and how long the calls go at
    half speed afterwards.
    """

    def __init__(
        self,
        redis: Redis,
        subject: str,
        limits: Limits,
        *,
        pause: float,
        sleep: Callable[[float], Any] = asyncio.sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._redis = redis
        self._subject = subject
        self._limits = limits
        self._pause = pause
        self._sleep = sleep
        self._clock = clock
        self._local = LocalWindows(clock)
        self._supposed: set[str] = set()
        self._open: deque[_Admitted] = deque(maxlen=MOST_OPEN)
        self._answered: deque[tuple[str, float]] = deque(maxlen=MOST_OPEN)
        self._no_redis_until = 0.0
        self._closed_until = 0.0
        self._slow_until = 0.0

    async def admit(self, *, batch: bool = False) -> None:
        """
        Return when one more call may go out, and count it.

        The wait can be as long as a window; whoever cannot wait so long cancels it.
        """
        while (wait := await self._wait(batch=batch)) > 0:
            await self._sleep(wait)

    def answered(self) -> None:
        """Note that the call admitted last has been answered, or is known to be over."""
        if not self._open:
            return
        call = self._open.pop()
        self._local.move(call.windows, call.moment)
        self._answered.append((call.mark, self._clock()))

    async def throttled(self, after: float | None) -> None:
        """Rest for *after* seconds (a minute if it is not told), then go at half speed a while."""
        rest = after if after is not None else self._pause
        closed_until = self._clock() + rest
        self._closed_until = max(self._closed_until, closed_until)
        self._slow_until = self._closed_until + self._pause
        arguments = (int(rest * 1000), int(self._pause * 1000))
        await self._run(REST, [self._key("rest")], arguments)

    async def _wait(self, *, batch: bool) -> float:
        """Count one call and return 0, or return the seconds to wait before asking again."""
        now = self._clock()
        if now < self._closed_until:
            return self._closed_until - now
        full = self._limits.windows(batch=batch)
        windows = [window.halved() for window in full] if now < self._slow_until else full
        if (wait := self._local.wait(windows)) > 0:
            return wait
        mark = secrets.token_hex(8)
        told = await self._ask(full, mark)
        if told is None:
            wait = self._wait_alone(windows)
        else:
            self._supposed.clear()
            wait = told
        if wait <= 0:
            self._open.append(_Admitted(mark, full, self._local.count(full)))
        return wait

    def _wait_alone(self, windows: Sequence[Window]) -> float:
        if not self._supposed:
            log.warning("limits_counted_locally")
        strange = [window for window in windows if window.name not in self._supposed]
        self._local.suppose(strange)
        self._supposed.update(window.name for window in strange)
        return self._local.wait(windows)

    async def _ask(self, windows: Sequence[Window], mark: str) -> float | None:
        """Return the wait that all processes' calls make necessary; None without Redis."""
        answered = list(self._answered)
        self._answered.clear()
        keys = [self._key("rest"), *(self._key(window.name) for window in windows)]
        arguments: list[int | str] = []
        for window in windows:
            arguments += [window.limit, int(window.seconds * 1000)]
        arguments.append(mark)
        for other, moment in answered:
            arguments += [other, int((self._clock() - moment) * 1000)]
        answer = await self._run(ADMIT, keys, arguments)
        return None if answer is None else answer / 1000

    async def _run(
        self, script: str, keys: Sequence[str], arguments: Sequence[int | str]
    ) -> float | None:
        if self._clock() < self._no_redis_until:
            return None
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                answer = await self._redis.eval(  # type: ignore[misc]  # its stub is not awaitable
                    script, len(keys), *keys, *(str(each) for each in arguments)
                )
        except (RedisError, OSError, TimeoutError):
            self._no_redis_until = self._clock() + REDIS_PAUSE_SECONDS
            return None
        return float(answer)

    def _key(self, name: str) -> str:
        return f"ledgerwire:calls:{self._subject}:{name}"
