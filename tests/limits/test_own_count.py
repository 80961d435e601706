"""What one process counts by itself, on a clock of the tests' own."""

from bisect import bisect_left
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from app.kit.queue import arq_redis
from app.kit.windows import Gate, Limits, LocalWindows, Window

NOWHERE = "redis://127.0.0.1:1/0"
QUICK = Window("second", 3, 1.0)
SLOW = Window("minute", 7, 60.0)


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def most_in_any(times: Sequence[float], seconds: float) -> int:
    """Return how many of the times, at most, fall into any stretch of that length."""
    ordered = sorted(times)
    return max(
        (bisect_left(ordered, start + seconds) - place for place, start in enumerate(ordered)),
        default=0,
    )


def gate_without_redis(clock: Clock, limits: Limits) -> Gate:
    redis: Redis = arq_redis(NOWHERE, retries=0)
    return Gate(redis, "c", limits, pause=60.0, clock=clock, sleep=clock.sleep)


@given(gaps=st.lists(st.floats(min_value=0, max_value=20), min_size=1, max_size=60))
def test_no_stretch_holds_more_than_its_limit(gaps: list[float]) -> None:
    clock = Clock()
    windows = LocalWindows(clock)
    admitted: list[float] = []

    for gap in gaps:
        clock.now += gap
        while (wait := windows.wait([QUICK, SLOW])) > 0:
            clock.now += wait
        windows.count([QUICK, SLOW])
        admitted.append(clock.now)

    assert most_in_any(admitted, QUICK.seconds - 1e-6) <= QUICK.limit
    assert most_in_any(admitted, SLOW.seconds - 1e-6) <= SLOW.limit


@given(gaps=st.lists(st.floats(min_value=0, max_value=2), min_size=1, max_size=40))
def test_nobody_waits_while_there_is_room(gaps: list[float]) -> None:
    clock = Clock()
    windows = LocalWindows(clock)
    admitted: list[float] = []

    for gap in gaps:
        clock.now += gap
        lately = [each for each in admitted if each > clock.now - QUICK.seconds]
        wait = windows.wait([QUICK])
        assert (wait > 0) == (len(lately) >= QUICK.limit)
        clock.now += wait
        # Rounding of floating numbers may ask for a last, tiny wait.
        while (rest := windows.wait([QUICK])) > 0:
            assert rest < 1e-6
            clock.now += rest
        windows.count([QUICK])
        admitted.append(clock.now)


def test_supposed_calls_fill_half_and_pass() -> None:
    clock = Clock()
    windows = LocalWindows(clock)
    windows.count([SLOW])

    windows.suppose([SLOW])

    admitted = 0
    while windows.wait([SLOW]) == 0:
        windows.count([SLOW])
        admitted += 1
    assert admitted == SLOW.limit - SLOW.limit // 2
    clock.now += SLOW.seconds
    assert windows.wait([SLOW]) == 0


class TestWithoutRedis:
    async def test_begins_as_if_half_were_used(self) -> None:
        clock = Clock()
        gate = gate_without_redis(clock, Limits(requests_per_second=100, requests_per_minute=20))

        admitted = 0
        while not clock.slept:
            await gate.admit()
            admitted += not clock.slept

        assert admitted == 10

    async def test_keeps_every_limit(self) -> None:
        clock = Clock()
        gate = gate_without_redis(clock, Limits())
        singles: list[float] = []
        batches: list[float] = []

        for number in range(2000):
            batch = number % 8 == 0
            await gate.admit(batch=batch)
            (batches if batch else singles).append(clock.now)

        together = sorted(singles + batches)
        assert most_in_any(singles, 1 - 1e-6) <= 9
        assert most_in_any(singles, 60 - 1e-6) <= 480
        assert most_in_any(batches, 60 - 1e-6) <= 38
        assert most_in_any(together, 60 - 1e-6) <= 760
        # 250 batches at 38 a minute, the first minute by half: the limits are used, too.
        assert together[-1] - together[0] <= 60 * 7.5

    async def test_refusal_closes_for_a_minute_and_halves_the_next(self) -> None:
        clock = Clock()
        gate = gate_without_redis(clock, Limits(requests_per_second=100, requests_per_minute=20))
        clock.now += 100
        await gate.admit()
        clock.now += 100

        refused_at = clock.now
        await gate.throttled(None)
        times = []
        for _ in range(60):
            await gate.admit()
            times.append(clock.now - refused_at)

        assert times[0] == 60.0
        assert sum(1 for each in times if each < 120) == 10
        assert most_in_any([each for each in times if each >= 180], 60 - 1e-6) == 20

    async def test_refusal_may_say_how_long(self) -> None:
        clock = Clock()
        gate = gate_without_redis(clock, Limits())

        await gate.throttled(7.0)
        await gate.throttled(3.0)
        await gate.admit()

        assert clock.now == 1007.0
