"""A call arrives at some moment before its answer; the limits hold for the arrivals."""

import asyncio
import secrets
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.kit.queue import arq_redis
from app.kit.windows import Gate, Limits
from tests.limits.test_own_count import Clock, gate_without_redis, most_in_any

# How long a call is on its way, and how long its answer takes from there.
Journey = tuple[float, float]
SLOW_BEGINNING: list[Journey] = [(0.45, 0.01), *[(0.01, 0.01)] * 30]


async def arrivals(journeys: Sequence[Journey], limits: Limits) -> list[float]:
    clock = Clock()
    gate = gate_without_redis(clock, limits)
    clock.now += 100
    arrived = []
    for out, back in journeys:
        await gate.admit()
        clock.now += out
        arrived.append(clock.now)
        clock.now += back
        gate.answered()
    return arrived


@given(
    st.lists(
        st.tuples(st.floats(min_value=0, max_value=1.5), st.floats(min_value=0, max_value=0.2)),
        min_size=1,
        max_size=60,
    )
)
def test_no_second_sees_more_arrivals_than_allowed(journeys: list[Journey]) -> None:
    arrived = asyncio.run(arrivals(journeys, Limits()))

    assert most_in_any(arrived, 1 - 1e-6) <= 9


async def test_slow_first_call_does_not_push_the_next_ones_together() -> None:
    arrived = await arrivals(SLOW_BEGINNING, Limits())

    assert most_in_any(arrived, 1 - 1e-6) == 9


async def test_calls_without_an_answer_do_not_hold_back_the_next() -> None:
    clock = Clock()
    gate = gate_without_redis(clock, Limits(requests_per_second=3, requests_per_minute=100))
    clock.now += 100

    for _ in range(40):
        await gate.admit()

    assert max(clock.slept) <= 1.0


async def test_redis_hears_of_the_answer_with_the_next_call(redis_url: str) -> None:
    redis = arq_redis(redis_url)
    subject = secrets.token_hex(4)
    clock = Clock()
    gate = Gate(redis, subject, Limits(), pause=60.0, clock=clock)
    try:
        await gate.admit()
        ((mark, admitted),) = await redis.zrange(
            f"ledgerwire:calls:{subject}:minute", 0, -1, withscores=True
        )
        gate.answered()
        await asyncio.sleep(0.01)
        await gate.admit()
        moved = await redis.zscore(f"ledgerwire:calls:{subject}:minute", mark)
    finally:
        await redis.aclose(close_connection_pool=True)

    assert moved is not None
    assert moved > admitted
