"""The main job, end to end: connect, import, map, export, Previous History."""

from decimal import Decimal

from app.jobs.runner import Runner
from tests.journeys.world import Merchant


async def test_a_month_arrives_to_the_cent(merchant: Merchant, worker: Runner) -> None:
    await merchant.set_up()
    await merchant.invoice("i1", "149.99")
    await merchant.invoice("i2", "20.00")
    await merchant.payment("p1", "150.00", {"i1": "120.00"})
    await merchant.credit("n1", "22.40", {"i2": "22.40"})

    job = await merchant.exported()

    assert job["status"] == "succeeded", await merchant.records(job)
    assert job["counts"]["created"] == 7
    invoices = {row["DocNumber"]: row for row in merchant.documents("Invoice")}
    assert invoices["INV-i1"]["TotalAmt"] == Decimal("167.99")
    assert invoices["INV-i1"]["Balance"] == Decimal("47.99")
    assert invoices["INV-i2"]["Balance"] == 0
    assert all(amount["difference"] == "0.00" for amount in job["amounts"])


async def test_a_second_export_writes_nothing(merchant: Merchant, worker: Runner) -> None:
    await merchant.set_up()
    await merchant.invoice("i1")
    await merchant.exported()
    before = len(merchant.simulator.requests(operation="create"))

    job = await merchant.exported()

    assert job["status"] == "succeeded"
    assert job["counts"]["unchanged"] == job["counts"]["total"]
    assert len(merchant.simulator.requests(operation="create")) == before
