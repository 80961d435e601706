"""The sweeper and the books that were closed: quiet while they are, anew once they are open."""

import asyncio
from uuid import UUID

from sqlalchemy import text

from app.bootstrap import Collaborators
from app.jobs.runner import Runner
from tests.journeys.world import Merchant
from tests.simulator_server import SimulatorServer

DUE = (
    "UPDATE postings SET next_look_at = clock_timestamp() WHERE state = 'parked'",
    "UPDATE lanes SET due_at = clock_timestamp()",
)


async def let_it_be_due(made: Collaborators, merchant: Merchant) -> None:
    async with made.db.transaction(UUID(merchant.organization_id)) as session:
        for statement in DUE:
            await session.execute(text(statement))


def sent(simulator: SimulatorServer) -> list[str]:
    calls = simulator.requests(realm_id=simulator.realm_id, operation="create")
    return [str(call["requestid"])[-3:] for call in calls if call["entity"] == "Invoice"]


async def test_the_sweeper_writes_anew_what_closed_books_refused(
    merchant: Merchant, simulator: SimulatorServer, collaborators: Collaborators, worker: Runner
) -> None:
    await merchant.set_up()
    await merchant.exported("customers", "items")
    await merchant.looked_just_now()
    simulator.close_books("2026-03-31")
    await merchant.invoice("i1")
    job = await merchant.exported("invoices")
    refused = sent(simulator)
    simulator.close_books(None)

    await let_it_be_due(collaborators, merchant)
    worker.ring()
    settled = await merchant.settled(job)

    assert refused == ["g00"]
    assert settled["status"] == "succeeded", await merchant.records(job)
    # The refusal is stored under the first id, and would only have come back.
    assert sent(simulator) == ["g00", "g01"]


async def test_the_sweeper_calls_nobody_while_the_books_are_known_to_be_closed(
    merchant: Merchant, simulator: SimulatorServer, collaborators: Collaborators, worker: Runner
) -> None:
    await merchant.set_up()
    await merchant.exported("customers", "items")
    await merchant.looked_just_now()
    simulator.close_books("2026-03-31")
    await merchant.invoice("i1")
    job = await merchant.exported("invoices")
    async with collaborators.db.transaction(UUID(merchant.organization_id)) as session:
        await session.execute(text("UPDATE companies SET profile_read_at = NULL"))

    await let_it_be_due(collaborators, merchant)
    worker.ring()
    await asyncio.sleep(1)

    assert sent(simulator) == ["g00"]
    shown = await merchant.call("GET", f"/sync-jobs/{job['id']}")
    assert shown["counts"]["parked"] == 1
