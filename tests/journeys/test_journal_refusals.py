"""What keeps an entry from being posted: said before any call, with the cause and the fix."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop
from tests.journeys.test_journal import TAX, balances, export, moved, set_master, use_journal
from tests.journeys.world import Refused

D = Decimal


@pytest.fixture(scope="module")
async def us(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_manual", "USD") as made:
        await made.taxes(Tucson="9.1")
        await use_journal(made)
        yield made


@pytest.fixture(scope="module")
async def euros(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "multicurrency", "CAD") as made:
        await use_journal(made)
        await set_master(made, "Billing customers EUR", "EUR")
        account = await made.book_id("accounts", "Accounts Receivable (A/R) - EUR")
        body = {"role": "receivable", "currency": "EUR", "account_id": account}
        await made.merchant.call("POST", "/account-mappings", body)
        yield made


async def refused(made: Shop, day: str) -> dict[str, Any]:
    """Export the day; nothing is written, and the one record says why."""
    before, calls = balances(made), made.simulator.requests(realm_id=made.realm_id)

    job = await export(made, day)

    later = made.simulator.requests(realm_id=made.realm_id, after=calls[-1]["number"])
    assert not [call for call in later if call["operation"] in {"create", "update", "batch"}]
    assert moved(made, before) == {}
    [record] = await made.merchant.records(job)
    assert record["cause"]
    assert record["explanation"]
    assert record["fixes"]
    return record


async def test_payment_without_a_deposit_account_is_refused_until_it_is_mapped(us: Shop) -> None:
    day = "2026-05-01"
    await us.payment("r1", "5.00", {}, payment_date=day, method="cash")
    mapped = await us.merchant.call("GET", "/account-mappings", params={"limit": 200})
    [row] = [each for each in mapped["data"] if each["role"] == "deposit" and each["id"]]
    await us.merchant.call("DELETE", f"/account-mappings/{row['id']}")

    record = await refused(us, day)

    assert (record["state"], record["code"]) == ("rejected", "unmapped_account")
    assert "'cash'" in record["explanation"]
    body = {"role": "deposit", "account_id": row["account_id"]}
    await us.merchant.call("POST", "/account-mappings", body)
    job = await export(us, day)
    assert (await us.merchant.records(job))[0]["state"] == "posted"


async def test_unknown_charge_and_unknown_refund_source_keep_the_day_back(us: Shop) -> None:
    day = "2026-05-02"
    await us.invoice("r2", [("nobody", "5.00", {})], "5.00", "0.00", invoice_date=day)
    assert (await refused(us, day))["code"] == "unknown_charge"

    day = "2026-05-03"
    body = {"customer": "c1", "date": day, "amount": "4.00", "payment": "unheard-of"}
    await us.merchant.put("refunds", "r3", **body)
    assert (await refused(us, day))["code"] == "refund_source_unknown"


async def test_master_customer_that_was_renamed_is_refused(us: Shop) -> None:
    day = "2026-05-04"
    await us.invoice("r4", [("plan", "5.00", {})], "5.00", "0.00", invoice_date=day)
    rename(us, "Billing customers", "Somebody else")

    assert (await refused(us, day))["code"] == "master_customer_renamed"

    rename(us, "Somebody else", "Billing customers")
    job = await export(us, day)
    assert (await us.merchant.records(job))[0]["state"] == "posted"


def rename(made: Shop, before: str, after: str) -> None:
    """Give a customer another name in the books."""
    rows = made.simulator.documents("Customer", made.realm_id)
    [found] = [row for row in rows if row["DisplayName"] == before]
    edit = {"Id": found["Id"], "SyncToken": found["SyncToken"], "sparse": True}
    made.simulator.edit("update", "Customer", {**edit, "DisplayName": after}, made.realm_id)


async def test_tax_waits_for_the_probe_where_it_goes_by_codes(euros: Shop) -> None:
    day = "2026-05-05"
    await euros.taxes(GST="5")
    line = ("plan", "10.00", {"GST": ("5", None)})
    await euros.invoice("r5", [line], "10.50", "0.50", invoice_date=day)

    record = await refused(euros, day)

    assert (record["state"], record["code"]) == ("blocked", "journal_tax_unconfirmed")
    assert "ledgerwire probe" in record["fixes"][0]


async def test_entry_in_a_foreign_currency_has_one_rate_and_shows_the_rest(euros: Shop) -> None:
    day, before = "2026-05-06", balances(euros)
    charge = {"price_code": "hour", "name": "Hour", "kind": "usage", "accounting_code": "41"}
    await euros.merchant.put("charges", "hour", **charge)
    for role, key, name in (("income", "41", "Sales of Product Income"), ("rounding", None, None)):
        account = await euros.book_id("accounts", name or "Bank Charges")
        body = {"role": role, "account_id": account} | ({"key": key} if key else {})
        await euros.merchant.call("POST", "/account-mappings", body)
    common = {"invoice_date": day, "currency": "EUR"}
    await euros.invoice(
        "r6", [("plan", "100.00", {})], "100.00", "0.00", exchange_rate="1.5", **common
    )
    await euros.invoice(
        "r7", [("hour", "100.00", {})], "100.00", "0.00", exchange_rate="1.4", **common
    )

    job = await export(euros, day)

    assert job["counts"]["created"] == 1, await euros.merchant.records(job)
    entry = await euros.merchant.call("GET", f"/journal-entries/{day}-INV-EUR-01")
    assert (entry["exchange_rate"], entry["debits"]) == ("1.45", "203.45")
    corrections = [line for line in entry["lines"] if line["exchange_correction"]]
    sides = {line["account_name"]: (line["debit"], line["credit"]) for line in corrections}
    assert sides == {
        "Sales of Product Income": ("3.45", None),
        "Services": (None, "3.45"),
    }
    shifted = moved(euros, before)
    assert shifted["Accounts Receivable (A/R) - EUR"] == D("290.00")
    assert shifted["Services"] == D("-150.00")
    assert shifted["Sales of Product Income"] == D("-140.00")


async def test_closed_books_keep_the_entry_back(us: Shop) -> None:
    day = "2026-05-07"
    await us.invoice("r8", [("plan", "5.00", {})], "5.00", "0.00", invoice_date=day)
    us.simulator.close_books("2026-05-31", us.realm_id)
    try:
        job = await export(us, day)
        [record] = await us.merchant.records(job)
    finally:
        us.simulator.close_books(None, us.realm_id)

    # What is known of the company may be some minutes old: then QuickBooks itself refuses.
    assert record["code"] in {"closed_books", "parked_closed_books"}


async def test_half_of_a_move_is_finished_by_an_export_of_other_days(us: Shop) -> None:
    """Taken back on the old day, refused on the new one: the fix needs no export of either."""
    before = balances(us)
    await us.payment("h1", "30.00", {}, payment_date="2026-05-11")
    await export(us, "2026-05-11")
    account = await us.book_id("accounts", "Checking")
    mapped = await us.merchant.call("GET", "/account-mappings", params={"limit": 200})
    [row] = [each for each in mapped["data"] if each["role"] == "deposit" and each["id"]]
    await us.merchant.call("DELETE", f"/account-mappings/{row['id']}")
    await us.merchant.call(
        "POST", "/account-mappings", {"role": "deposit", "key": "card", "account_id": account}
    )
    await us.payment("h1", "30.00", {}, payment_date="2026-05-12", method="cash")
    await export(us, "2026-05-11", date_to="2026-05-12")
    assert moved(us, before) == {}
    await us.merchant.call("POST", "/account-mappings", {"role": "deposit", "account_id": account})

    job = await export(us, "2026-05-20")

    [record] = await us.merchant.records(job)
    assert (record["billing_id"], record["state"]) == ("2026-05-12-PAY-USD-01", "posted"), record
    assert moved(us, before)["Checking"] == D("30.00")
    again = await export(us, "2026-05-20")
    assert again["counts"]["total"] == 0


async def test_two_jobs_over_overlapping_days_book_each_record_once(us: Shop) -> None:
    before = balances(us)
    for number in range(1, 7):
        await us.invoice(
            f"o{number}",
            [("plan", "10.00", TAX)],
            "10.91",
            "0.91",
            invoice_date=f"2026-06-0{number}",
        )
    asked = [
        {"direction": "export", "resources": ["journal_entries"], "date_from": a, "date_to": b}
        for a, b in (("2026-06-01", "2026-06-04"), ("2026-06-03", "2026-06-06"))
    ]

    begun = [await us.merchant.call("POST", "/sync-jobs", body) for body in asked]
    ended = [await us.merchant.ended(job["id"]) for job in begun]

    assert [job["counts"]["created"] for job in ended] == [4, 2]
    assert ended[1]["counts"]["unchanged"] == 2
    assert moved(us, before)["Accounts Receivable (A/R)"] == D("65.46")
    assert us.simulator.duplicates(us.realm_id)["by_marker"] == {}


async def test_lost_answer_is_looked_for_and_never_posted_twice(us: Shop) -> None:
    day, before = "2026-06-10", balances(us)
    await us.invoice("u1", [("plan", "12.00", {})], "12.00", "0.00", invoice_date=day)
    us.simulator.add_faults(
        {
            "match": {"entity": "^journalentry$", "operation": "create", "times": 1},
            "action": {"when": "after", "cut": "before_answer"},
        }
    )
    try:
        job = await us.merchant.settled(await export(us, day))
    finally:
        us.simulator.clear_faults()

    assert job["counts"]["created"] == 1
    assert moved(us, before)["Services"] == D("-12.00")
    assert us.simulator.duplicates(us.realm_id)["by_marker"] == {}


async def test_preview_of_a_reversed_range_says_so(us: Shop) -> None:
    days = {"date_from": "2026-05-31", "date_to": "2026-05-01"}

    with pytest.raises(Refused) as refusal:
        await us.merchant.call("GET", "/journal-entries/preview", params=days)

    assert refusal.value.status == 422
    assert refusal.value.problem["code"] == "reversed_range"
    assert refusal.value.problem["fixes"] == ["Swap date_from and date_to."]
