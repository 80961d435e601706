"""Summarized entries through HTTP: a day's billing in the books, once, to the cent."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.kit.db import Database
from app.ledger.membership import JournalMember
from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop

D = Decimal
TAX = {"Tucson": ("9.1", None)}


ACCOUNTS = {
    "income": "Services",
    "tax": "Sales tax collected (billing)",
    "deposit": "Checking",
    "receivable": "Accounts Receivable (A/R)",
}


async def use_journal_accounts(made: Shop, **accounts: str) -> None:
    """Set a master customer of the home currency, and map the roles of journal entries."""
    await set_master(made, "Billing customers")
    for role, name in (ACCOUNTS | accounts).items():
        account = await made.book_id("accounts", name)
        await made.merchant.call("POST", "/account-mappings", {"role": role, "account_id": account})


async def set_master(made: Shop, name: str, currency: str | None = None) -> str:
    """Make a customer in the books and name it as the master customer; return its id."""
    body = {"DisplayName": name} | ({"CurrencyRef": {"value": currency}} if currency else {})
    made.simulator.edit("create", "Customer", body, made.realm_id)
    rows = made.simulator.documents("Customer", made.realm_id)
    [master] = [row for row in rows if row["DisplayName"] == name]
    kept = (await made.merchant.call("GET", ""))["master_customers"]
    new = {"name": name, "id": master["Id"], "currency": currency}
    await made.merchant.call("PATCH", "", {"master_customers": [*kept, new]})
    return str(master["Id"])


async def use_journal(made: Shop, **accounts: str) -> None:
    """Turn the shop to summarized entries."""
    await made.merchant.call("PATCH", "", {"mode": "summarized_journal_entry"})
    await use_journal_accounts(made, **accounts)


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


async def test_lines_tell_who_is_in_them_and_records_where_they_are(us: Shop) -> None:
    await us.invoice("j5", [("plan", "70.00", TAX)], "76.37", "6.37", invoice_date="2026-04-05")
    await us.invoice("j6", [("plan", "30.00", {})], "30.00", "0.00", invoice_date="2026-04-05")
    await export(us, "2026-04-05")

    call = us.merchant.call
    [listed] = (
        await call("GET", "/journal-entries", params={"date_from": "2026-04-05", "limit": 10})
    )["data"]
    entry = await call("GET", f"/journal-entries/{listed['entry']}")
    shown = [
        (line["account_name"], line["debit"], line["credit"], line["customer_name"])
        for line in entry["lines"]
    ]
    assert shown == [
        ("Accounts Receivable (A/R)", "106.37", None, "Billing customers"),
        ("Services", None, "100.00", None),
        ("Sales tax collected (billing)", None, "6.37", None),
    ]
    assert entry["memo"] == "Billing summary 2026-04-05: 2 invoices"
    path = f"/journal-entries/{listed['entry']}/lines/2/members"
    first = await call("GET", path, params={"limit": 1})
    second = await call("GET", path, params={"limit": 1, "cursor": first["next_cursor"]})
    parts = [(row["billing_id"], row["credit"]) for row in first["data"] + second["data"]]
    assert sorted(parts) == [("j5", "70.00"), ("j6", "30.00")]
    assert second["next_cursor"] is None
    sheet = await us.merchant.http.get(f"/v1/integrations/{us.merchant.integration_id}{path}.csv")
    assert len(sheet.text.splitlines()) == 3
    record = await call("GET", "/billing/invoices/j5")
    assert record["quickbooks"] == {
        "state": "summarized",
        "id": entry["document"]["id"],
        "number": "S260405-INV-USD-01",
    }
    assert [(part["component"], part["line"]) for part in record["journal"]] == [
        ("gross", 1),
        ("net:plan", 2),
        ("tax:Tucson", 3),
    ]


async def test_what_changes_later_is_a_further_entry(us: Shop) -> None:
    day = "2026-04-06"
    await us.invoice("j7", [("plan", "80.00", {})], "80.00", "0.00", invoice_date=day)
    await us.invoice("j8", [("plan", "40.00", {})], "40.00", "0.00", invoice_date=day)
    await export(us, day)
    before = balances(us)
    await us.invoice("j7", [("plan", "90.00", {})], "90.00", "0.00", invoice_date=day)
    void = {"invoice_date": day, "status": "void"}
    await us.invoice("j8", [("plan", "40.00", {})], "40.00", "0.00", **void)
    await us.invoice("j9", [("plan", "5.00", {})], "5.00", "0.00", invoice_date=day)

    job = await export(us, day)

    assert (job["counts"]["created"], job["counts"]["unchanged"]) == (1, 1)
    assert moved(us, before) == {"Accounts Receivable (A/R)": D("-25"), "Services": D("25")}
    later = await us.merchant.call("GET", f"/journal-entries/{day}-INV-USD-02")
    assert later["number"] == "S260406-INV-USD-02"
    assert later["txn_date"] > day
    assert later["memo"] == (
        "Billing summary 2026-04-06, change 1: invoices 1 added, 1 corrected, 1 taken back"
        " (original period 2026-04-06)"
    )


async def test_payments_credits_and_refunds_have_entries_of_their_own(us: Shop) -> None:
    day, call = "2026-04-07", us.merchant.put
    before = balances(us)
    await us.payment("j10", "60.00", {}, payment_date=day)
    await us.credit("j11", [("plan", "20.00", TAX)], "21.82", "1.82", date=day)
    common = {"customer": "c1", "date": day, "currency": "USD", "method": "card"}
    await call("refunds", "j12", amount="21.82", credit_note="j11", **common)
    lines = [{"line_id": "1", "price_code": "book", "amount": "9.00"}]
    await call("refunds", "j13", amount="9.00", lines=lines, tax_total="0.00", **common)

    job = await export(us, day)

    numbers = [record["document"]["number"] for record in await us.merchant.records(job)]
    assert numbers == [f"S260407-{kind}-USD-01" for kind in ("CRD", "PAY", "REF")]
    assert moved(us, before) == {
        "Checking": D("60.00") - D("30.82"),
        "Accounts Receivable (A/R)": D("-60.00"),
        "Services": D("29.00"),
        "Sales tax collected (billing)": D("1.82"),
    }


async def test_the_database_refuses_a_part_in_two_entries(town: Town, us: Shop) -> None:
    """Not the code alone: the same component of a revision cannot be held twice with one sign."""
    with pytest.raises(IntegrityError, match="uq_journal_members_once"):
        await hold_once_more(town.app.state.db, UUID(us.merchant.organization_id))


async def hold_once_more(db: Database, organization_id: UUID) -> None:
    """Put a part that an entry holds into it again."""
    async with db.transaction(organization_id) as session:
        held = (await session.scalars(select(JournalMember).limit(1))).one()
        columns = {column.name for column in JournalMember.__table__.columns} - {"id"}
        session.add(JournalMember(**{name: getattr(held, name) for name in columns}))
        await session.flush()
