"""Several processes and one Valkey: what one of them calls, the others do not."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.kit.queue import arq_redis
from app.kit.windows import Gate, Limits

# Windows of some milliseconds, seen by several processes: for a machine that does nothing else.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
Call = tuple[float, float]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = arq_redis(redis_url)
    yield client
    await client.aclose(close_connection_pool=True)


def gate(redis: Redis, limits: Limits, *, subject: str = "", pause: float = 0.3) -> Gate:
    return Gate(redis, subject or secrets.token_hex(4), limits, pause=pause)


async def run_caller(url: str, limits: dict[str, float], *, count: int, batch: bool) -> list[Call]:
    order = json.dumps({"url": url, "limits": limits, "count": count, "batch": batch})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.limits.caller", order, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [(earliest, latest) for earliest, latest in json.loads(out)]


def surely_within(calls: list[Call], seconds: float) -> int:
    """Return the most calls of which it is certain that one stretch of that length held them."""
    most = 0
    for start, _ in calls:
        most = max(
            most,
            sum(1 for earliest, latest in calls if earliest >= start and latest < start + seconds),
        )
    return most


async def test_three_processes_share_every_window(redis_url: str) -> None:
    """
    The true limits in proportion, a minute being two seconds.
    """
    limits = {
        "requests_per_second": 9,
        "requests_per_minute": 60,
        "batches_per_minute": 12,
        "all_per_minute": 66,
        "scale": 1 / 30,
    }

    first, second, batches = await asyncio.gather(
        run_caller(redis_url, limits, count=50, batch=False),
        run_caller(redis_url, limits, count=50, batch=False),
        run_caller(redis_url, limits, count=20, batch=True),
    )

    singles = sorted(first + second)
    minute = 60 * limits["scale"]
    assert surely_within(singles, limits["scale"]) <= 9
    assert surely_within(singles, minute) <= 60
    assert surely_within(sorted(batches), minute) <= 12
    assert surely_within(sorted(singles + batches), minute) <= 66
    assert (len(singles), len(batches)) == (100, 20)


async def test_another_process_fills_the_window(redis: Redis) -> None:
    limits = Limits(requests_per_second=5, scale=0.4)
    one, other = (gate(redis, limits, subject="both") for _ in range(2))
    for _ in range(5):
        await one.admit()
    begun = time.monotonic()

    await other.admit()

    assert time.monotonic() - begun > 0.3


async def test_companies_do_not_share(redis: Redis) -> None:
    limits = Limits(requests_per_second=2, scale=5)
    begun = time.monotonic()

    for _ in range(4):
        await gate(redis, limits).admit()

    assert time.monotonic() - begun < 2


async def test_a_redis_that_forgot_is_not_believed(redis: Redis) -> None:
    limits = Limits(requests_per_second=3, scale=0.4)
    one = gate(redis, limits, subject="forgotten")
    for _ in range(3):
        await one.admit()
    begun = time.monotonic()

    for key in await redis.keys("ledgerwire:calls:forgotten:*"):
        await redis.delete(key)
    await one.admit()

    assert time.monotonic() - begun > 0.3


async def test_keys_go_away_by_themselves(redis: Redis) -> None:
    one = gate(redis, Limits(), subject="mortal")
    await one.admit()
    await one.throttled(0.1)

    keys = await redis.keys("ledgerwire:calls:mortal:*")
    lives = [await redis.pttl(key) for key in keys]

    assert len(keys) == 4
    assert all(0 < life <= 61_000 for life in lives)


class TestRefused:
    async def test_every_process_rests(self, redis: Redis) -> None:
        one, other = (gate(redis, Limits(), subject="resting") for _ in range(2))
        await one.throttled(0.4)
        begun = time.monotonic()

        await other.admit()

        assert 0.35 < time.monotonic() - begun < 2

    async def test_without_a_word_for_the_usual_pause(self, redis: Redis) -> None:
        one = gate(redis, Limits(), pause=0.4)
        await one.throttled(None)
        begun = time.monotonic()

        await one.admit()

        assert 0.35 < time.monotonic() - begun < 2

    async def test_a_shorter_rest_does_not_end_a_longer_one(self, redis: Redis) -> None:
        one, other = (gate(redis, Limits(), subject="longer") for _ in range(2))
        await one.throttled(0.5)
        await other.throttled(0.0)
        begun = time.monotonic()

        await other.admit()

        assert time.monotonic() - begun > 0.4

    async def test_every_process_goes_at_half_speed_afterwards(self, redis: Redis) -> None:
        limits = Limits(requests_per_second=8, scale=0.5)
        one, other = (gate(redis, limits, subject="half", pause=1.0) for _ in range(2))
        await one.throttled(0.0)
        begun = time.monotonic()

        for _ in range(8):
            await other.admit()

        # Four at once, the other four half a second later.
        assert 0.45 < time.monotonic() - begun < 1.0
        await asyncio.sleep(1.2)
        full = time.monotonic()
        for _ in range(8):
            await other.admit()
        assert time.monotonic() - full < 0.4
