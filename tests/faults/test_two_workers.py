"""A worker that slept past its lease: it wakes up to a company that is no longer its own."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from tests.faults.landscape import Landscape, Seller, World
from tests.faults.proxy import HttpProxy, Trap
from tests.faults.truth import differences
from tests.faults.workers import Process, Workers


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what it asks rings no bell
            await asyncio.sleep(0.05)


async def fence_of(world: World, seller: Seller) -> int:
    rows = await world.rows("SELECT fence FROM lanes WHERE company_id = $1", seller.company_id)
    return int(rows[0]["fence"])


async def written_under(world: World, fence: int) -> list[int]:
    """Return what was ever written under a fence: events, attempts and their outcomes, jobs."""
    rows = await world.rows(
        "SELECT (SELECT count(*) FROM posting_events WHERE fence = $1) AS events,"
        " (SELECT count(*) FROM attempts WHERE fence = $1) AS attempts,"
        " (SELECT count(*) FROM attempts WHERE fence = $1 AND outcome IS NOT NULL) AS outcomes,"
        " (SELECT coalesce(sum(deaths), 0) FROM jobs) AS deaths",
        fence,
    )
    return [int(value) for value in rows[0].values()]


async def start_export(seller: Seller) -> str:
    for number in (1, 2, 3):
        await seller.invoice(f"i{number}", f"{number}1.01", invoice_date=f"2026-03-0{number}")
    job = await seller.call(
        "POST",
        "/sync-jobs",
        {
            "direction": "export",
            "resources": ["invoices"],
            "date_from": "2026-03-01",
            "date_to": "2026-03-31",
        },
    )
    return str(job["id"])


async def overtake(
    world: World, workers: Workers, first: Process, one: HttpProxy, two: HttpProxy
) -> None:
    """Let a second worker claim the company of the stopped first one, and wake the first."""
    [seller] = world.sellers
    old = await fence_of(world, seller)
    before, passed = await written_under(world, old), len(one.passed)
    two.open.clear()  # The second one holds the company, and has not learned anything yet.
    second = workers.start(world.settings, api_url=two.url)

    async def taken() -> bool:
        return await fence_of(world, seller) > old and bool(two.passed)

    try:
        await until(taken)
        first.signal(signal.SIGCONT)
        await asyncio.sleep(2)
        assert first.alive()
        assert await written_under(world, old) == before
        assert len(one.passed) == passed
        two.open.set()
        jobs = (await seller.call("GET", "/sync-jobs", params={"limit": 1}))["data"]
        job = await seller.settled(await seller.ended(jobs[0]["id"]))
    finally:
        two.open.set()
        await first.end()
        await second.end()
    assert job["status"] == "succeeded", await seller.records(job)
    assert await written_under(world, old) == before
    assert len(one.passed) == passed
    assert differences(seller) == []


async def test_one_that_slept_through_its_call_settles_nothing(
    landscape: Landscape, workers: Workers
) -> None:
    async with (
        landscape.world() as world,
        HttpProxy(world.simulator.api_url) as one,
        HttpProxy(world.simulator.api_url) as two,
    ):
        [seller] = world.sellers
        first = workers.start(world.settings, api_url=one.url)

        async def stop() -> None:
            first.signal(signal.SIGSTOP)

        one.trap = Trap("answered", {seller.realm_id}, stop)
        await start_export(seller)
        async with asyncio.timeout(30):
            await one.trap.sprung.wait()

        await overtake(world, workers, first, one, two)


async def test_one_that_slept_before_its_call_does_not_wake_up_sending(
    landscape: Landscape, workers: Workers
) -> None:
    async with (
        landscape.world() as world,
        HttpProxy(world.simulator.api_url) as one,
        HttpProxy(world.simulator.api_url) as two,
    ):
        [seller] = world.sellers
        first = workers.start(
            world.settings, point="after_intent", signalled=signal.SIGSTOP, api_url=one.url
        )
        first.arm()
        await start_export(seller)

        async def stopped() -> bool:
            return first.stopped()

        await until(stopped)
        assert not [passing for passing in one.passed if passing.is_write]

        await overtake(world, workers, first, one, two)
        assert not [passing for passing in one.passed if passing.is_write]


async def test_eight_overlapping_jobs_and_three_workers_write_each_document_once(
    landscape: Landscape, workers: Workers
) -> None:
    async with landscape.world() as world:
        [seller] = world.sellers
        for number in range(1, 17):
            await seller.invoice(f"i{number}", f"{number}.07", invoice_date=f"2026-03-{number:02d}")
        running = [workers.start(world.settings) for _ in range(3)]
        try:
            jobs = [
                await seller.call(
                    "POST",
                    "/sync-jobs",
                    {
                        "direction": "export",
                        "resources": ["invoices"],
                        "date_from": f"2026-03-{1 + start:02d}",
                        "date_to": f"2026-03-{10 + start:02d}",
                    },
                )
                for start in (0, 3, 6, 0, 3, 6, 1, 5)
            ]
            ended = [await seller.ended(job["id"]) for job in jobs]
        finally:
            for worker in running:
                await worker.end()

    assert {job["status"] for job in ended} == {"succeeded"}
    assert sum(job["counts"]["created"] for job in ended) == 16
    assert {job["counts"]["total"] - job["counts"]["unchanged"] for job in ended} <= set(range(17))
    assert differences(seller) == []
