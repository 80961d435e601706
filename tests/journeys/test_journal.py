"""Summarized entries through HTTP: a day's billing in the books, once, to the cent."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop

D = Decimal
TAX = {"Tucson": ("9.1", None)}


async def use_journal(made: Shop, *, receivable: str = "Accounts Receivable (A/R)") -> None:
    """Turn the shop to summarized entries: roles mapped, a master customer set."""
    for role, name in (
        ("income", "Services"),
        ("tax_payable", "Sales tax collected (billing)"),
        ("deposit", "Checking"),
        ("receivable", receivable),
    ):
        account = await made.book_id("accounts", name)
        await made.merchant.call("POST", "/account-mappings", {"role": role, "account_id": account})
    made.simulator.edit("create", "Customer", {"DisplayName": "Billing customers"}, made.realm_id)
    await made.merchant.imported("customers")
    rows = await made.merchant.call("GET", "/books/customers", params={"limit": 200})
    [master] = [row for row in rows["data"] if row["display_name"] == "Billing customers"]
    await made.merchant.call(
        "PATCH",
        "",
        {
            "mode": "summarized_journal_entry",
            "master_customer": {"name": "Billing customers", "id": master["external_id"]},
        },
    )


@pytest.fixture(scope="module")
async def us(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_manual", "USD") as made:
        await made.taxes(Tucson="9.1")
        await use_journal(made)
        yield made


async def export(made: Shop, day: str, **options: Any) -> dict[str, Any]:
    return await made.merchant.job(
        direction="export",
        resources=["journal_entries"],
        **({"date_from": day, "date_to": day} | options),
    )


def balances(made: Shop) -> dict[str, Decimal]:
    """What each account comes to in home currency, by name; debits are positive."""
    found = made.simulator.trial_balance(made.realm_id)
    assert found["sum"] == 0
    accounts = made.simulator.documents("Account", made.realm_id)
    names = {row["Id"]: row["Name"] for row in accounts}
    return {names[id_]: amount for id_, amount in found["accounts"].items()}


def moved(made: Shop, before: dict[str, Decimal]) -> dict[str, Decimal]:
    """By how much each account has moved since."""
    after = balances(made)
    found = {name: after.get(name, D(0)) - before.get(name, D(0)) for name in {*after, *before}}
    return {name: amount for name, amount in found.items() if amount}


async def test_a_days_invoices_are_one_entry(us: Shop) -> None:
    before = balances(us)
    await us.invoice("j1", [("plan", "100.00", TAX)], "109.10", "9.10", invoice_date="2026-04-01")
    await us.invoice("j2", [("book", "50.00", {})], "50.00", "0.00", invoice_date="2026-04-01")

    job = await export(us, "2026-04-01")

    [record] = await us.merchant.records(job)
    assert record["state"] == "posted", record
    assert record["document"]["number"] == "S260401-INV-USD-01"
    [entry] = us.simulator.documents("JournalEntry", us.realm_id)
    assert entry["TxnDate"] == "2026-04-01"
    assert moved(us, before) == {
        "Accounts Receivable (A/R)": D("159.10"),
        "Services": D("-150.00"),
        "Sales tax collected (billing)": D("-9.10"),
    }


async def test_a_second_run_posts_nothing(us: Shop) -> None:
    await us.invoice("j3", [("plan", "20.00", {})], "20.00", "0.00", invoice_date="2026-04-02")
    await export(us, "2026-04-02")
    before = balances(us)

    job = await export(us, "2026-04-02")

    assert job["counts"]["unchanged"] == job["counts"]["total"] == 1
    assert balances(us) == before
