"""Redis forgets, or is not there at all: everything arrives once, and within the limits."""

import asyncio
import contextlib
from datetime import datetime

from redis.asyncio import Redis

from tests.faults.landscape import Landscape, Seller
from tests.faults.truth import differences, writes
from tests.faults.workers import Workers

CLOSED_PORT = "redis://127.0.0.1:9/0"


async def push(seller: Seller, count: int) -> None:
    for number in range(1, count + 1):
        await seller.invoice(f"i{number}", f"{number}.03", invoice_date=f"2026-03-{number:02d}")


async def test_flushed_in_mid_export(landscape: Landscape, workers: Workers) -> None:
    async with landscape.world() as world, Redis.from_url(world.settings.redis_url) as redis:
        [seller] = world.sellers
        await push(seller, 12)
        world.faults(
            seller, {"match": {"operation": "create"}, "action": {"when": "after", "delay": 0.05}}
        )

        async def flush() -> None:
            while True:
                await redis.flushall()
                await asyncio.sleep(0.1)

        worker, flushing = workers.start(world.settings), asyncio.create_task(flush())
        try:
            job = await seller.exported("invoices")
        finally:
            flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await flushing
            await worker.end()

        assert job["status"] == "succeeded", await seller.records(job)
        assert len(writes(seller)) == 12
        assert differences(seller) == []


async def test_absent_for_the_whole_export(landscape: Landscape, workers: Workers) -> None:
    async with landscape.world(redis_url=CLOSED_PORT, limit_requests_per_second=5) as world:
        [seller] = world.sellers
        await push(seller, 12)
        worker = workers.start(world.settings)
        try:
            job = await seller.exported("invoices")
        finally:
            await worker.end()

        assert job["status"] == "succeeded", await seller.records(job)
        assert len(writes(seller)) == 12
        assert differences(seller) == []
        assert busiest_second(seller) <= 5


def busiest_second(seller: Seller) -> int:
    """Return the most calls that came within any one second, with a little for their way."""
    moments = [
        datetime.fromisoformat(str(entry["at"])).timestamp()
        for entry in seller.simulator.requests(realm_id=seller.realm_id)
    ]
    return max(sum(start <= other < start + 0.9 for other in moments) for start in moments)
