"""From documents to entries and back: each record in the books once, whatever the mode."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop
from tests.journeys.test_journal import balances, export, moved, use_journal_accounts
from tests.journeys.world import Refused

D = Decimal
JOURNAL, FULL = "summarized_journal_entry", "full_synchronization"
PERIODS = {1: FULL, 2: JOURNAL, 3: FULL}


@pytest.fixture
async def us(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_manual", "USD") as made:
        await use_journal_accounts(made)
        chosen = await made.book_id("accounts", "Checking")
        settings = {
            "accounts": {"deposit_account_id": chosen},
            "items": {"income_account_id": await made.book_id("accounts", "Services")},
        }
        await made.merchant.call("PATCH", "", {"settings": settings})
        yield made


async def switch(made: Shop, mode: str, mode_from: str | None = None) -> Any:
    body = {"mode": mode} | ({"mode_from": mode_from} if mode_from else {})
    return await made.merchant.call("PATCH", "", body)


async def refused_switch(made: Shop, mode: str, mode_from: str | None = None) -> dict[str, Any]:
    with pytest.raises(Refused) as refused:
        await switch(made, mode, mode_from)
    assert refused.value.status == 409
    return dict(refused.value.problem)


async def bill(made: Shop, month: int) -> None:
    """A month's billing: two invoices, a payment of one, a credit note."""
    name, day = f"m{month}", f"2026-{month:02d}-10"
    await made.invoice(f"{name}a", [("plan", "100.00", {})], "100.00", "0.00", invoice_date=day)
    await made.invoice(f"{name}b", [("book", "30.00", {})], "30.00", "0.00", invoice_date=day)
    await made.payment(f"{name}p", "100.00", {f"{name}a": "100.00"}, payment_date=day)
    await made.credit(f"{name}c", [("plan", "10.00", {})], "10.00", "0.00", date=day)


async def run(made: Shop, mode: str) -> dict[str, Any]:
    """Export everything that was ever billed, in the present mode."""
    if mode == JOURNAL:
        return await export(made, "2026-01-01", date_to="2026-03-31")
    return await made.merchant.exported(
        "invoices", "payments", "credits", date_from="2026-01-01", date_to="2026-03-31"
    )


async def test_full_to_journal_and_back_books_everything_once(us: Shop) -> None:
    before = balances(us)
    for month, mode in PERIODS.items():
        if month > 1:
            await switch(us, mode, f"2026-{month:02d}-01")
        await bill(us, month)
        job = await run(us, mode)
        assert not job["counts"]["rejected"], await us.merchant.records(job, state="rejected")
        again = await run(us, mode)
        assert not again["counts"]["created"], again["counts"]

    assert moved(us, before) == {
        "Accounts Receivable (A/R)": D("60.00"),
        "Services": D("-360.00"),
        "Checking": D("300.00"),
    }


async def test_the_answer_says_what_would_be_booked_twice_or_never(us: Shop) -> None:
    await bill(us, 1)
    await run(us, FULL)
    await us.invoice("late", [("plan", "5.00", {})], "5.00", "0.00", invoice_date="2026-01-12")

    asked = await refused_switch(us, JOURNAL)
    early = await refused_switch(us, JOURNAL, "2026-01-10")
    tardy = await refused_switch(us, JOURNAL, "2026-02-01")

    assert asked["code"] == "mode_from_required"
    assert asked["clean_days"] == {"from": "2026-01-11", "to": "2026-01-12"}
    assert early["code"] == tardy["code"] == "mode_switch_not_clean"
    assert early["booked_twice"]["count"] == 4
    assert tardy["not_booked_at_all"]["records"] == [
        {"kind": "invoice", "billing_id": "late", "date": "2026-01-12"}
    ]
    assert (await switch(us, JOURNAL, "2026-01-12"))["mode"] == JOURNAL


async def test_what_changes_after_the_switch_is_shown_and_not_booked_twice(us: Shop) -> None:
    await bill(us, 1)
    await run(us, FULL)
    await switch(us, JOURNAL, "2026-02-01")
    before = balances(us)
    await us.invoice("m1b", [("book", "35.00", {})], "35.00", "0.00", invoice_date="2026-01-10")

    job = await run(us, JOURNAL)

    [record] = await us.merchant.records(job, state="rejected")
    assert (record["billing_id"], record["code"]) == ("m1b", "stands_as_document")
    assert moved(us, before) == {}
