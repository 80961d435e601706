"""A backlog goes in batches; each document still stands alone."""

import re
from decimal import Decimal

from app.jobs.runner import Runner
from tests.journeys.world import Merchant

COUNT = 40


async def set_up_backlog(merchant: Merchant) -> None:
    await merchant.set_up()
    rows = [
        {
            "billing_id": f"b{n}",
            "display_name": f"Backlog {n}",
            "updated_at": "2026-03-01T00:00:00Z",
        }
        for n in range(COUNT)
    ]
    await merchant.call("POST", "/billing/customers/batch", rows)
    for n in range(COUNT):
        await merchant.invoice(f"i{n}", f"{10 + n}.10", customer=f"b{n}")


async def test_a_backlog_goes_in_batches(merchant: Merchant, worker: Runner) -> None:
    await set_up_backlog(merchant)

    job = await merchant.exported("invoices")

    assert job["status"] == "succeeded", await merchant.records(job, state="rejected")
    batches = merchant.simulator.requests(operation="batch")
    assert batches
    assert job["quickbooks_calls"]["batch"] == len(batches)
    assert len(merchant.documents("Invoice")) == COUNT
    assert merchant.simulator.duplicates(merchant.realm_id)["by_marker"] == {}
    [amounts] = job["amounts"]
    assert Decimal(amounts["difference"]) == 0


async def test_an_item_without_an_answer_is_unknown_and_found_later(
    merchant: Merchant, worker: Runner
) -> None:
    await set_up_backlog(merchant)
    merchant.simulator.add_faults(
        {"match": {"operation": "batch", "nth": 1}, "action": {"batch": {"drop": ["i0", "i3"]}}}
    )

    job = await merchant.exported("invoices")

    await merchant.settled(job)
    records = await merchant.records(job, kind="invoice")
    assert {row["state"] for row in records} == {"posted"}
    outcomes = [row["attempts"][0]["outcome"] for row in records]
    assert outcomes.count("OutcomeUnknown") == 2
    assert len(merchant.documents("Invoice")) == COUNT


async def test_a_lost_batch_is_never_sent_again(merchant: Merchant, worker: Runner) -> None:
    await set_up_backlog(merchant)
    merchant.simulator.switches(requestid="ignored")
    merchant.simulator.add_faults(
        {
            "match": {"operation": "batch", "nth": 1},
            "action": {"when": "after", "status": 504, "html": True},
        }
    )

    job = await merchant.exported("invoices")
    await merchant.settled(job)

    bodies = [row["body_sha256"] for row in merchant.simulator.requests(operation="batch")]
    assert len(set(bodies)) == len(bodies)
    markers = re.findall(r"\[lw:\w+\]", str(merchant.documents("Invoice")))
    assert len(set(markers)) == len(markers) == COUNT
