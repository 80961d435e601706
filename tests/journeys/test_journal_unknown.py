"""Journal entries whose answer got lost, or that are refused: one entry, or none."""

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop
from tests.journeys.test_journal import export, use_journal

_days = itertools.count(1)


@pytest.fixture(scope="module")
async def us(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_manual", "USD") as made:
        await use_journal(made)
        yield made


@pytest.fixture
async def day(us: Shop) -> str:
    """A day of its own, with one invoice."""
    day = f"2026-05-{next(_days):02d}"
    await us.invoice(f"u{day}", [("plan", "20.00", {})], "20.00", "0.00", invoice_date=day)
    return day


@pytest.fixture
def simulator(us: Shop) -> Iterator[Any]:
    """The books, forgetful of request ids: only looking saves an entry from being written twice."""
    us.simulator.switches(requestid="ignored")
    yield us.simulator
    us.simulator.clear_faults()
    us.simulator.switches(requestid="honoured")


def entries_on(us: Shop, day: str) -> list[dict[str, Any]]:
    rows = us.simulator.documents("JournalEntry", us.realm_id)
    return [row for row in rows if row["TxnDate"] == day]


@pytest.mark.parametrize(
    "action",
    [
        {"cut": "before_answer", "when": "after"},
        {"cut": "mid_answer", "when": "after"},
        {"torn": True, "when": "after"},
        {"fault": {"code": "10000", "status": 500}, "when": "after"},
        {"fault": {"code": "10000", "status": 500}, "when": "before"},
        {"html": True, "status": 502},
    ],
)
async def test_lost_answer_leaves_one_entry(
    us: Shop, day: str, simulator: Any, action: dict[str, Any]
) -> None:
    simulator.add_faults({"match": {"path": "/journalentry", "times": 1}, "action": action})

    job = await export(us, day)
    await us.merchant.settled(job)

    [record] = await us.merchant.records(job)
    [entry] = entries_on(us, day)
    assert (record["state"], record["document"]["id"]) == ("posted", entry["Id"])


async def test_account_that_was_put_away_since_the_import(us: Shop, day: str) -> None:
    account_id = await us.book_id("accounts", "Sales tax collected (billing)")
    account = next(
        row for row in us.simulator.documents("Account", us.realm_id) if row["Id"] == account_id
    )
    await us.taxes(City="10")
    taxed = [("plan", "10.00", {"City": ("10", None)})]
    await us.invoice(f"t{day}", taxed, "11.00", "1.00", invoice_date=day)
    edit = {"Id": account_id, "sparse": True}
    version = us.simulator.edit(
        "update",
        "Account",
        edit | {"SyncToken": account["SyncToken"], "Active": False},
        us.realm_id,
    )

    refused = await export(us, day)

    [record] = await us.merchant.records(refused)
    assert record["state"] == "rejected"
    assert record["fixes"]
    assert entries_on(us, day) == []

    us.simulator.edit(
        "update", "Account", edit | {"SyncToken": version["SyncToken"], "Active": True}, us.realm_id
    )
    await us.merchant.call("POST", f"/sync-jobs/{refused['id']}/retry")
    assert len(await _eventually(us, day)) == 1


async def _eventually(us: Shop, day: str) -> list[dict[str, Any]]:
    jobs = await us.merchant.call("GET", "/sync-jobs", params={"limit": 1})
    await us.merchant.ended(jobs["data"][0]["id"])
    return entries_on(us, day)
