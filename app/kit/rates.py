"""
How many requests a caller may send: the last minute counted, shared by every process.

Two numbers per subject are kept, this minute's and the last one's; the last one counts as much as
of it still lies within sixty seconds. Without Redis each process counts by itself.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.kit.clock import monotonic

log = structlog.get_logger(__name__)

MINUTE_MS = 60_000
REDIS_SECONDS = 0.25
REDIS_PAUSE_SECONDS = 5.0
# Counts one request for every subject if all of them have room, else says how many milliseconds
# to wait. KEYS are the subjects, ARGV their limits.
COUNT = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local minute, gone = math.floor(ms / 60000), ms % 60000
local wait = 0
for i = 1, #KEYS do
  local limit = tonumber(ARGV[i])
  local this = tonumber(redis.call('GET', KEYS[i] .. ':' .. minute) or '0')
  local last = tonumber(redis.call('GET', KEYS[i] .. ':' .. (minute - 1)) or '0')
  if this >= limit then
    wait = math.max(wait, 60000 - gone + 1000)
  elseif this + last * (60000 - gone) / 60000 >= limit then
    wait = math.max(wait, 60000 - gone - math.floor((limit - this) * 60000 / last) + 1)
  end
end
if wait > 0 then return wait end
for i = 1, #KEYS do
  redis.call('INCR', KEYS[i] .. ':' .. minute)
  redis.call('PEXPIRE', KEYS[i] .. ':' .. minute, 120000)
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most *limit* requests a minute by *subject*."""

    subject: str
    limit: int


class RequestRates:
    """Counts requests by subject, in Redis or, while that is away, in this process."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._local: dict[str, tuple[int, int, int]] = {}
        self._no_redis_until = 0.0

    async def count(self, allowances: Sequence[Allowance]) -> int:
        """Count one request and return 0, or return after how many seconds it may come again."""
        told = await self._ask(allowances)
        wait = self._alone(allowances) if told is None else told
        return math.ceil(wait / 1000)

    async def _ask(self, allowances: Sequence[Allowance]) -> int | None:
        if self._clock() < self._no_redis_until:
            return None
        keys = [f"ledgerwire:rate:{each.subject}" for each in allowances]
        limits = [str(each.limit) for each in allowances]
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                answer = await self._redis.eval(  # type: ignore[misc]  # its stub is not awaitable
                    COUNT, len(keys), *keys, *limits
                )
        except (RedisError, OSError, TimeoutError):
            self._no_redis_until = self._clock() + REDIS_PAUSE_SECONDS
            log.warning("requests_counted_locally")
            return None
        return int(answer)

    def _alone(self, allowances: Sequence[Allowance]) -> int:
        minute, gone = divmod(int(self._clock() * 1000), MINUTE_MS)
        counted = {each.subject: self._lately(each.subject, minute) for each in allowances}
        wait = max(_wait(*counted[each.subject], each.limit, gone) for each in allowances)
        if wait == 0:
            self._local |= {
                name: (minute, this + 1, last) for name, (this, last) in counted.items()
            }
        return wait

    def _lately(self, subject: str, minute: int) -> tuple[int, int]:
        """Return what was counted this minute and in the one before."""
        if len(self._local) > 10_000:  # noqa: PLR2004 - far more than live keys; old ones go
            self._local = {
                name: kept for name, kept in self._local.items() if kept[0] >= minute - 1
            }
        known, this, last = self._local.get(subject, (minute, 0, 0))
        if known == minute:
            return this, last
        return 0, this if known == minute - 1 else 0


def _wait(this: int, last: int, limit: int, gone: int) -> int:
    """Return the milliseconds until one more request fits; the same sum as in `COUNT`."""
    left = MINUTE_MS - gone
    if this >= limit:
        return left + 1000
    if this + last * left / MINUTE_MS >= limit:
        return left - (limit - this) * MINUTE_MS // last + 1
    return 0
