"""A worker dies while a month is summed up: no billing line is in two entries, none in none."""

from collections import Counter
from decimal import Decimal

import pytest

from tests.faults.landscape import Landscape, Seller
from tests.faults.workers import Workers

DAYS = [f"2026-03-{day:02d}" for day in range(1, 9)]
RANGES = (("2026-03-01", "2026-03-05"), ("2026-03-03", "2026-03-08"))


async def sum_up(seller: Seller) -> None:
    """Turn the seller to summarized entries from March on, and bill eight days."""
    mode = {"mode": "summarized_journal_entry", "mode_from": "2026-03-01"}
    await seller.call("PATCH", "", mode)
    accounts = (await seller.call("GET", "/books/accounts", params={"limit": 200}))["data"]
    ids = {row["name"]: row["external_id"] for row in accounts}
    for role, name in (("income", "Services"), ("receivable", "Undeposited Funds")):
        body = {"role": role, "account_id": ids[name]}
        await seller.call("POST", "/account-mappings", body)
    for number, day in enumerate(DAYS, start=1):
        line = {"line_id": "1", "price_code": "plan", "amount": f"{number}0.00"}
        sums = {"lines": [line], "tax_total": "0.00", "total": line["amount"]}
        await seller.invoice(f"s{number}", line["amount"], invoice_date=day, due_date=None, **sums)


@pytest.mark.parametrize("point", ["after_intent", "before_settling"])
async def test_overlapping_jobs_and_a_kill_in_the_middle(
    landscape: Landscape, workers: Workers, point: str
) -> None:
    async with landscape.world(1) as world:
        [seller] = world.sellers
        await sum_up(seller)
        wanted = {"direction": "export", "resources": ["journal_entries"]}
        jobs = [
            await seller.call("POST", "/sync-jobs", {**wanted, "date_from": a, "date_to": b})
            for a, b in RANGES
        ]
        first = workers.start(world.settings, point=point)
        first.arm()
        await first.gone(60)

        second = workers.start(world.settings)
        try:
            ended = [await seller.ended(job["id"], seconds=90) for job in jobs]
            ended = [await seller.settled(job, seconds=90) for job in ended]
        finally:
            await second.end()

        assert [job["counts"]["total"] for job in ended] == [5, 6], ended
        entries = seller.simulator.documents("JournalEntry", seller.realm_id)
        numbers = Counter(entry["DocNumber"] for entry in entries)
        assert numbers == Counter(f"S{day[2:].replace('-', '')}-INV-CAD-01" for day in DAYS)
        assert seller.simulator.duplicates(seller.realm_id)["by_marker"] == {}
        for number in range(1, len(DAYS) + 1):
            record = await seller.call("GET", f"/billing/invoices/s{number}")
            held = Counter(part["component"] for part in record["journal"])
            assert held == {"gross": 1, "net:plan": 1}
        found = seller.simulator.trial_balance(seller.realm_id)
        names = {
            row["Id"]: row["Name"] for row in seller.simulator.documents("Account", seller.realm_id)
        }
        balances = {names[id_]: amount for id_, amount in found["accounts"].items()}
        assert (found["sum"], balances["Undeposited Funds"]) == (0, Decimal("360.00"))
