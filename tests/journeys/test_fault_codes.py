"""
Twenty refusals of QuickBooks, each provoked by what a merchant enters or does to the books.

Nothing is played by a fault rule: the simulated books refuse by their own rules. Each record ends
in the state and with the words that the error catalogue promises for the code.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Case, Town, key_of
from tests.journeys.kinds import shop

Record = dict[str, Any]
ALL = ("customers", "items", "invoices", "payments", "credits")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which code QuickBooks answers, and how the record ends."""

    fault: str
    state: str
    code: str
    provoke: Callable[[Case], Awaitable[Record]]


# --------------------------------------------------------------- what somebody entered


async def name_of_a_vendor(case: Case) -> Record:
    name = f"Vendor {case.number}"
    case.edit("create", "Vendor", {"DisplayName": name})
    await case.merchant.put("customers", case.customer, display_name=name)
    await case.invoice("i1")
    return await case.record(await case.export("invoices"), "", "customer")


async def number_of_a_stranger(case: Case) -> Record:
    await case.invoice("i0")
    await case.export("invoices")
    ours = case.document("Invoice", "i0")
    lines = [line for line in ours["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    body = {
        "CustomerRef": ours["CustomerRef"],
        "DocNumber": f"INV-{case.id('i1')}",
        "TxnDate": "2026-01-05",
        "Line": [plain(line, "Id", "LineNum") for line in lines],
    }
    case.edit("create", "Invoice", body)
    await case.invoice("i1")
    return await case.record(await case.export("invoices"), "i1")


async def emoji_in_a_name(case: Case) -> Record:
    await case.merchant.put("customers", case.customer, display_name=f"Rocket 🚀 {case.number}")
    await case.invoice("i1")
    return await case.record(await case.export("invoices"), "", "customer")


async def address_without_at(case: Case) -> Record:
    name = f"Nobody {case.number}"
    await case.merchant.put("customers", case.customer, display_name=name, email="nobody")
    await case.invoice("i1")
    return await case.record(await case.export("invoices"), "", "customer")


async def amount_beyond_all_books(case: Case) -> Record:
    line = {"line_id": "1", "price_code": "plan", "amount": "100000000000.00"}
    await case.invoice("i1", lines=[line], tax_total="0.00", total="100000000000.00")
    return await case.record(await case.export("invoices"), "i1")


async def money_to_an_income_account(case: Case) -> Record:
    return await paid_to(case, account_of(case, "Services"))


async def money_to_an_account_of_nobody(case: Case) -> Record:
    return await paid_to(case, "987654321")


async def paid_to(case: Case, account_id: str) -> Record:
    settings = {"accounts": {"deposit_account_id": account_id}}
    await case.merchant.call("PATCH", "", {"settings": settings})
    # Beside a sound document, for an export with nothing else preflight stops as a whole.
    await case.invoice("i0")
    await case.payment("p1", "10.00", {})
    try:
        return await case.record(await case.export("invoices", "payments"), "p1")
    finally:
        nowhere = {"accounts": {"deposit_account_id": None}}
        await case.merchant.call("PATCH", "", {"settings": nowhere})


# ------------------------------------------------------- what somebody did in QuickBooks


async def customer_made_inactive(case: Case) -> Record:
    await case.merchant.put("customers", case.customer, display_name=f"Gone {case.number}")
    await case.invoice("i0", "1.00")
    await case.export("invoices")
    invoice = case.document("Invoice", "i0")
    case.edit("delete", "Invoice", key_of(invoice))
    [customer] = [
        row
        for row in case.merchant.simulator.documents("Customer", case.merchant.realm_id)
        if row["DisplayName"] == f"Gone {case.number}"
    ]
    case.edit("update", "Customer", key_of(customer) | {"sparse": True, "Active": False})
    await case.invoice("i1")
    return await case.record(await case.export("invoices"), "i1")


async def invoice_paid_in_quickbooks(case: Case) -> Record:
    await case.invoice("i1")
    await case.export("invoices")
    pay_by_hand(case, case.document("Invoice", "i1"), Decimal("112.00"))
    await case.payment("p1", "112.00", {"i1": "112.00"})
    return await case.record(await case.export("payments"), "p1")


async def invoice_moved_to_another_customer(case: Case) -> Record:
    await case.invoice("i1")
    await case.export("invoices")
    invoice = case.document("Invoice", "i1")
    other = case.edit("create", "Customer", {"DisplayName": f"Other {case.number}"})
    moved = {"sparse": True, "CustomerRef": {"value": other["Id"]}}
    case.edit("update", "Invoice", key_of(invoice) | moved)
    await case.payment("p1", "112.00", {"i1": "112.00"})
    return await case.record(await case.export("payments"), "p1")


async def both_sides_edited(case: Case) -> Record:
    await case.invoice("i1")
    await case.export("invoices")
    invoice = case.document("Invoice", "i1")
    sales = [line for line in invoice["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    dearer = [plain(line, "LineNum") | {"Amount": 120.0} for line in sales]
    case.edit("update", "Invoice", key_of(invoice) | {"sparse": True, "Line": dearer})
    await case.invoice("i1", "150.00")
    return await case.record(await case.export("invoices"), "i1")


async def invoice_deleted(case: Case) -> Record:
    await case.invoice("i1")
    await case.export("invoices")
    case.edit("delete", "Invoice", key_of(case.document("Invoice", "i1")))
    await case.invoice("i1", "150.00")
    return await case.record(await case.export("invoices"), "i1")


async def payment_deposited(case: Case) -> Record:
    await case.payment("p1", "10.00", {})
    await case.export("payments")
    payment = case.document("Payment", "p1")
    linked = [{"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0"}]
    bank = {"value": account_of(case, "Checking")}
    line = {"Amount": 10.0, "LinkedTxn": linked}
    case.edit("create", "Deposit", {"DepositToAccountRef": bank, "Line": [line]})
    await case.payment("p1", "10.00", {}, status="cancelled")
    return await case.record(await case.export("payments"), "p1")


async def invoice_reconciled(case: Case) -> Record:
    await case.invoice("i1")
    await case.export("invoices")
    simulator, realm = case.merchant.simulator, case.merchant.realm_id
    simulator.reconciled("Invoice", case.document("Invoice", "i1")["Id"], realm_id=realm)
    await case.invoice("i1", "150.00")
    try:
        return await case.record(await case.export("invoices"), "i1")
    finally:
        simulator.reconciled("Invoice", realm_id=realm)


async def credit_applied_by_hand(case: Case) -> Record:
    await case.invoice("i1")
    await case.credit("n1", "20.00", {})
    await case.export("invoices", "credits")
    invoice, memo = case.document("Invoice", "i1"), case.document("CreditMemo", "n1")
    lines = [
        {"Amount": 20.0, "LinkedTxn": [{"TxnId": row["Id"], "TxnType": kind}]}
        for kind, row in (("Invoice", invoice), ("CreditMemo", memo))
    ]
    body = {"CustomerRef": invoice["CustomerRef"], "TotalAmt": 0, "Line": lines}
    case.edit("create", "Payment", body)
    await case.credit("n1", "20.00", {}, status="void")
    return await case.record(await case.export("credits"), "n1")


# ------------------------------------------------------- what became of the company


async def books_closed_meanwhile(case: Case) -> Record:
    simulator, realm = case.merchant.simulator, case.merchant.realm_id
    await case.invoice("i1")
    await case.merchant.looked_just_now()
    simulator.close_books("2026-12-31", realm)
    try:
        return await case.record(await case.export("invoices"), "i1")
    finally:
        simulator.close_books(None, realm)


async def currencies_turned_on_meanwhile(case: Case) -> Record:
    simulator, realm = case.merchant.simulator, case.merchant.realm_id
    await case.invoice("i0")
    await case.export("invoices")
    await case.merchant.looked_just_now()
    simulator.preferences({"CurrencyPrefs.MultiCurrencyEnabled": True}, realm)
    await case.invoice("i1")
    try:
        return await case.record(await case.export("invoices"), "i1")
    finally:
        simulator.preferences({"CurrencyPrefs.MultiCurrencyEnabled": False}, realm)


REFUSALS = (
    Refusal("6240", "rejected", "duplicate_name", name_of_a_vendor),
    Refusal("6140", "rejected", "duplicate_number", number_of_a_stranger),
    Refusal("500", "rejected", "unreadable", emoji_in_a_name),
    Refusal("2210", "rejected", "email_refused", address_without_at),
    Refusal("2080", "rejected", "request_malformed", amount_beyond_all_books),
    Refusal("6430", "rejected", "wrong_account_type", money_to_an_income_account),
    Refusal("2500", "rejected", "invalid_reference", money_to_an_account_of_nobody),
    Refusal("610", "rejected", "inactive_reference", customer_made_inactive),
    Refusal("6000", "rejected", "business_rule", invoice_paid_in_quickbooks),
    Refusal("620", "rejected", "cannot_be_linked", invoice_moved_to_another_customer),
    Refusal("5010", "rejected", "drifted", both_sides_edited),
    Refusal("610", "rejected", "document_missing", invoice_deleted),
    Refusal("6540", "rejected", "deposited", payment_deposited),
    Refusal("6480", "rejected", "reconciled", invoice_reconciled),
    Refusal("800", "rejected", "has_dependents", credit_applied_by_hand),
    Refusal("6210", "parked", "parked_closed_books", books_closed_meanwhile),
    Refusal("2020", "rejected", "value_missing", currencies_turned_on_meanwhile),
)


def plain(line: Record, *without: str) -> Record:
    """Return a line as a person's edit sends it: numbers as JSON's own, some fields left out."""

    def number(value: Any) -> Any:
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, dict):
            return {name: number(inner) for name, inner in value.items()}
        return value

    kept = {name: number(value) for name, value in line.items() if name not in without}
    detail = kept.get("SalesItemLineDetail", {})
    for name in ("Qty", "UnitPrice"):
        detail.pop(name, None)
    return kept


def account_of(case: Case, name: str) -> str:
    rows = case.merchant.simulator.documents("Account", case.merchant.realm_id)
    return str(next(row["Id"] for row in rows if row["Name"] == name))


def pay_by_hand(case: Case, invoice: Record, amount: Decimal) -> None:
    linked = [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]
    line = {"Amount": float(amount), "LinkedTxn": linked}
    body = {"CustomerRef": invoice["CustomerRef"], "TotalAmt": float(amount), "Line": [line]}
    case.edit("create", "Payment", body)


async def catalogue(town: Town) -> dict[str, Record]:
    found = await town.http.get("/v1/error-catalogue")
    return {row["code"]: row for row in found.json()["data"]}


async def said_by_the_catalogue(town: Town, record: Record, fault: str) -> None:
    """The record has the catalogue's words, and the attempt QuickBooks' own code."""
    row = (await catalogue(town))[record["code"]]
    assert record["cause"] == row["cause"], (record, row)
    assert record["explanation"]
    if record["state"] == "rejected":
        assert record["fixes"]
    assert [each["fault_code"] for each in record["attempts"]][-1] == fault, record["attempts"]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: f"{each.fault}-{each.code}")
async def test_refused_as_the_catalogue_says(case: Case, town: Town, refusal: Refusal) -> None:
    record = await refusal.provoke(case)

    assert (record["state"], record["code"]) == (refusal.state, refusal.code), record
    await said_by_the_catalogue(town, record, refusal.fault)


async def test_a_currency_that_quickbooks_does_not_know(town: Town) -> None:
    async with shop(town, "multicurrency", "CAD") as made:
        await made.map([], "Out of Scope")
        krona = {"currency": "SEK", "exchange_rate": "0.13"}
        await made.invoice("k1", [("plan", "10.00", {})], "10.00", "0.00", **krona)

        job = await made.export()

        [record] = await made.merchant.records(job, kind="customer")
        assert (record["state"], record["code"]) == ("rejected", "currency_refused")
        await said_by_the_catalogue(town, record, "2220")
        assert (await made.record(job, "k1"))["code"] == "customer_not_posted"


# ------------------------------------------------- refusals of the company, not of the record


@asynccontextmanager
async def condition(town: Town, name: str) -> AsyncIterator[None]:
    town.simulator.condition(name, town.realm_id)
    try:
        yield
    finally:
        town.simulator.condition("open", town.realm_id)


async def test_6190_waits_until_the_subscription_is_renewed(case: Case, town: Town) -> None:
    await case.invoice("i0")
    await case.export("invoices")
    await case.invoice("i1")
    async with condition(town, "subscription_ended"):
        job = await started(case)
        record = await waiting(case, job, "parked")
        assert record["code"] == "parked_subscription"
        assert record["attempts"][-1]["fault_code"] == "6190"
        assert record["explanation"]

    ended = await case.merchant.ended(job["id"])
    assert (await case.record(ended, "i1"))["state"] == "posted"


async def test_3200_renews_the_token_and_goes_on(case: Case, town: Town) -> None:
    await case.invoice("i0")
    await case.export("invoices")
    town.simulator.expire_tokens(town.realm_id)
    await case.invoice("i1")

    record = await case.record(await case.export("invoices"), "i1")

    assert record["state"] == "posted"
    assert [each["fault_code"] for each in record["attempts"]] == ["3200", None]


async def test_3001_waits_and_goes_on(case: Case, town: Town) -> None:
    await case.invoice("i0")
    await case.export("invoices")
    town.simulator.switches(throttle=True, requests_per_minute=0)
    await case.invoice("i1")
    try:
        job = await started(case)
        record = await waiting(case, job, "parked")
        assert record["code"] == "parked_quota"
        assert record["attempts"][-1]["fault_code"] == "3001"
    finally:
        town.simulator.switches(throttle=False, requests_per_minute=500)

    ended = await case.merchant.ended(job["id"])
    assert (await case.record(ended, "i1"))["state"] == "posted"


async def test_an_unknown_code_keeps_what_quickbooks_said(case: Case, town: Town) -> None:
    said = {"Message": "New Rule", "Detail": "New Rule : Not on a Sunday.", "code": "6999"}
    body = {"Fault": {"Error": [said | {"element": ""}], "type": "ValidationFault"}}
    rule = {
        "match": {"entity": "^invoice$", "operation": "create", "times": 1},
        "action": {"status": 400, "content_type": "application/json", "body": json.dumps(body)},
    }
    await case.invoice("i0")
    await case.export("invoices")
    await case.invoice("i1")
    town.simulator.add_faults(rule)
    try:
        record = await case.record(await case.export("invoices"), "i1")
    finally:
        town.simulator.clear_faults()

    assert (record["state"], record["code"]) == ("rejected", "quickbooks_6999")
    assert record["explanation"] == "New Rule : Not on a Sunday."
    fault = record["details"]["fault"]
    assert (fault["code"], fault["message"]) == ("6999", "New Rule")
    assert record["fixes"]


async def test_3100_pauses_the_job_until_somebody_connects_again(town: Town) -> None:
    async with town.neighbour() as other:
        await other.imported("accounts")
        other.simulator.condition("no_access", other.realm_id)
        job = await other.call(
            "POST", "/sync-jobs", {"direction": "import", "resources": ["customers"]}
        )

        paused = await paused_job(other, job["id"])

        assert paused["paused"]["reason"] == "connection"
        assert paused["paused"]["fix"]
        other.simulator.condition("open", other.realm_id)
        assert (await other.connect())["status"] == "connected"
        assert (await other.ended(job["id"]))["status"] == "succeeded"


async def started(case: Case) -> Record:
    days = {"date_from": case.day, "date_to": case.day}
    wanted = {"direction": "export", "resources": ["invoices"], **days}
    return dict(await case.merchant.call("POST", "/sync-jobs", wanted))


async def waiting(case: Case, job: Record, state: str) -> Record:
    """Wait until the invoice is in that state."""
    for _ in range(200):
        rows = await case.merchant.records(job, kind="invoice", state=state)
        if found := [row for row in rows if row["billing_id"] == case.id("i1")]:
            return found[0]
        await asyncio.sleep(0.05)
    raise AssertionError(await case.merchant.records(job))


async def paused_job(merchant: Any, job_id: str) -> Record:
    for _ in range(200):
        shown = await merchant.call("GET", f"/sync-jobs/{job_id}")
        if shown["paused"]:
            return dict(shown)
        await asyncio.sleep(0.05)
    raise AssertionError(shown)


async def test_what_is_wrong_for_every_document_is_told_before_any_call(
    case: Case, town: Town
) -> None:
    nobody = {"accounts": {"deposit_account_id": "987654321"}}
    await town.call("PATCH", "", {"settings": nobody})
    await case.payment("p1", "10.00", {})
    before = len(town.simulator.requests(realm_id=town.realm_id, operation="create"))
    try:
        record = await case.record(await case.export("payments"), "p1")
    finally:
        nowhere = {"accounts": {"deposit_account_id": None}}
        await town.call("PATCH", "", {"settings": nowhere})

    assert record["state"] == "blocked"
    assert "account" in record["cause"].lower()
    assert record["fixes"]
    after = len(town.simulator.requests(realm_id=town.realm_id, operation="create"))
    assert after == before
