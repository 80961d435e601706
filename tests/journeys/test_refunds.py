"""Refunds: money goes back once, and revenue and tax are never reversed twice."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import DAY, Shop, shop

GST = {"GST": ("5", "5.00")}
D = Decimal


@pytest.fixture(scope="module")
async def canadian(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "ca", "CAD") as made:
        await made.taxes(GST="5")
        await made.map(["GST"], "GST", {"GST": "GST"})
        await made.map([], "Out of Scope")
        await pay_from(made, "Checking")
        yield made


async def pay_from(made: Shop, account: str | None) -> None:
    chosen = await made.book_id("accounts", account) if account else None
    settings = (await made.merchant.call("GET", ""))["settings"]
    settings["accounts"] = {"deposit_account_id": chosen}
    await made.merchant.call("PATCH", "", {"settings": settings})


async def refund(made: Shop, id_: str, amount: str, **fields: Any) -> None:
    body = {"customer": "c1", "date": DAY, "amount": amount}
    await made.merchant.put("refunds", id_, **(body | fields))


def balances(made: Shop) -> dict[str, Decimal]:
    return {
        row["Name"]: row.get("CurrentBalance", D(0))
        for row in made.simulator.documents("Account", made.realm_id)
    }


def owed(made: Shop) -> Decimal:
    [customer] = [
        row
        for row in made.simulator.documents("Customer", made.realm_id)
        if row["DisplayName"] == "Wile E. Coyote"
    ]
    return customer["Balance"]


async def test_refund_of_a_credit_is_an_expense_linked_to_it(canadian: Shop) -> None:
    await canadian.invoice("f1", [("plan", "100.00", GST)], "105.00", "5.00")
    await canadian.credit("f1", [("plan", "100.00", GST)], "105.00", "5.00")
    await canadian.export()
    before, due = balances(canadian), owed(canadian)
    await refund(canadian, "rf1", "105.00", credit_note="f1")

    job = await canadian.export("refunds")

    assert job["status"] == "succeeded", await canadian.merchant.records(job)
    record = await canadian.record(job, "rf1", "refund")
    assert (record["action"], record["document"]["type"]) == ("created", "Purchase")
    assert canadian.document("f1", "CreditMemo")["RemainingCredit"] == 0
    changed = {name: value - before[name] for name, value in balances(canadian).items()}
    moved = {name: value for name, value in changed.items() if value}
    assert moved == {"Accounts Receivable (A/R)": D("105.00"), "Checking": D("-105.00")}
    assert owed(canadian) - due == D("105.00")
    assert canadian.balanced()


async def test_a_second_export_writes_nothing(canadian: Shop) -> None:
    await canadian.credit("f2", [("plan", "100.00", GST)], "105.00", "5.00")
    await refund(canadian, "rf2", "5.00", credit_note="f2")
    await canadian.export("credits", "refunds")
    before = len(canadian.simulator.requests(realm_id=canadian.realm_id, operation="create"))

    job = await canadian.export("credits", "refunds")

    assert job["counts"]["unchanged"] == job["counts"]["total"]
    after = canadian.simulator.requests(realm_id=canadian.realm_id, operation="create")
    assert len(after) == before
    assert canadian.document("f2", "CreditMemo")["RemainingCredit"] == D("100.00")


async def test_refund_of_an_unapplied_payment_leaves_less_of_it(canadian: Shop) -> None:
    await canadian.payment("f3", "80.00", {})
    await refund(canadian, "rf3", "30.00", payment="f3")

    job = await canadian.export("payments", "refunds")

    assert job["status"] == "succeeded", await canadian.merchant.records(job)
    assert (await canadian.record(job, "rf3", "refund"))["currency"] == "CAD"
    counted = {(each["kind"], each["currency"]): each["difference"] for each in job["amounts"]}
    assert counted["refund", "CAD"] == "0.00"
    [payment] = [
        row for row in canadian.merchant.documents("Payment") if row.get("PaymentRefNum") == "ch_f3"
    ]
    assert (payment["TotalAmt"], payment["UnappliedAmt"]) == (D("80.00"), D("50.00"))
    assert payment["Line"][0]["LinkedTxn"][0]["TxnType"] == "Expense"


async def test_payment_that_was_refunded_keeps_its_link_when_it_is_edited(canadian: Shop) -> None:
    await canadian.invoice("f4", [("plan", "20.00", {})], "20.00", "0.00")
    await canadian.payment("f4", "80.00", {})
    await refund(canadian, "rf4", "30.00", payment="f4")
    await canadian.export("invoices", "payments", "refunds")

    await canadian.payment("f4", "80.00", {"f4": "20.00"})
    job = await canadian.export("payments", "refunds")

    assert job["status"] == "succeeded", await canadian.merchant.records(job)
    [payment] = [
        row for row in canadian.merchant.documents("Payment") if row.get("PaymentRefNum") == "ch_f4"
    ]
    types = sorted(line["LinkedTxn"][0]["TxnType"] for line in payment["Line"])
    assert (types, payment["UnappliedAmt"]) == (["Expense", "Invoice"], D("30.00"))


async def test_refund_with_lines_of_its_own_reverses_them_once(canadian: Shop) -> None:
    lines = [{"line_id": "1", "price_code": "plan", "amount": "100.00", "taxes": []}]
    lines[0]["taxes"] = [{"price_code": "GST", "rate": "5", "amount": "5.00"}]
    await refund(
        canadian, "rf5", "105.00", currency="CAD", lines=lines, tax_total="5.00", method="card"
    )
    before = balances(canadian)

    job = await canadian.export("refunds")

    record = await canadian.record(job, "rf5", "refund")
    assert (record["state"], record["document"]["type"]) == ("posted", "RefundReceipt"), record
    assert (record["posted_amount"], record["posted_tax"]) == ("105.00", "5.00")
    changed = {name: value - before[name] for name, value in balances(canadian).items()}
    assert changed["Checking"] == D("-105.00")
    assert changed["GST/HST Payable"] == D("5.00")  # a debit: less is owed
    assert changed["Accounts Receivable (A/R)"] == 0
    assert canadian.balanced()


async def test_refund_of_a_payment_that_is_applied_is_refused_with_choices(canadian: Shop) -> None:
    await canadian.invoice("f6", [("plan", "20.00", {})], "20.00", "0.00")
    await canadian.payment("f6", "20.00", {"f6": "20.00"})
    await refund(canadian, "rf6", "20.00", payment="f6")

    job = await canadian.export("invoices", "payments", "refunds")

    record = await canadian.record(job, "rf6", "refund")
    assert (record["state"], record["code"]) == ("rejected", "nothing_left_to_refund")
    assert len(record["fixes"]) == 3


async def test_refund_waits_for_its_credit(canadian: Shop) -> None:
    await canadian.credit("f7", [("plan", "10.00", {})], "10.00", "0.00")
    await refund(canadian, "rf7", "10.00", credit_note="f7")

    first = await canadian.record(await canadian.export("refunds"), "rf7", "refund")
    second = await canadian.record(await canadian.export("credits", "refunds"), "rf7", "refund")

    assert (first["state"], first["code"]) == ("blocked", "credit_not_posted")
    assert second["state"] == "posted"


async def test_credit_that_was_paid_out_is_neither_edited_nor_voided(canadian: Shop) -> None:
    line = [("plan", "10.00", {})]
    await canadian.credit("f8", line, "10.00", "0.00")
    await refund(canadian, "rf8", "4.00", credit_note="f8")
    await canadian.export("credits", "refunds")

    await canadian.credit("f8", [("plan", "11.00", {})], "11.00", "0.00")
    edited = await canadian.record(await canadian.export("credits"), "f8", "credit_memo")
    await canadian.credit("f8", line, "10.00", "0.00", status="void")
    voided = await canadian.record(await canadian.export("credits"), "f8", "credit_memo")

    assert (edited["state"], edited["code"]) == ("rejected", "credit_applied")
    assert (voided["state"], voided["code"]) == ("rejected", "settled_by_others")
    assert "refund rf8" in voided["explanation"]


async def test_payment_that_was_refunded_is_not_voided(canadian: Shop) -> None:
    await canadian.payment("f9", "80.00", {})
    await refund(canadian, "rf9", "30.00", payment="f9")
    await canadian.export("payments", "refunds")

    await canadian.payment("f9", "80.00", {}, status="cancelled")
    record = await canadian.record(await canadian.export("payments"), "f9", "payment")

    assert (record["state"], record["code"]) == ("rejected", "settled_by_others")


async def test_refund_and_credit_of_the_same_id_are_kept_apart(canadian: Shop) -> None:
    await canadian.credit("f10", [("plan", "10.00", {})], "10.00", "0.00")
    await canadian.credit("f11", [("plan", "10.00", {})], "10.00", "0.00")
    await refund(canadian, "f10", "10.00", credit_note="f11")

    await canadian.export("credits", "refunds")
    job = await canadian.export("credits", "refunds")

    assert not any(job["counts"][each] for each in ("created", "updated", "voided"))
    assert canadian.document("f10", "CreditMemo")["RemainingCredit"] == D("10.00")
    assert canadian.document("f11", "CreditMemo")["RemainingCredit"] == 0


async def test_refund_that_was_changed_later_is_refused(canadian: Shop) -> None:
    await canadian.credit("f12", [("plan", "10.00", {})], "10.00", "0.00")
    await refund(canadian, "rf12", "4.00", credit_note="f12")
    await canadian.export("credits", "refunds")

    await refund(canadian, "rf12", "5.00", credit_note="f12")
    record = await canadian.record(await canadian.export("refunds"), "rf12", "refund")

    assert (record["state"], record["code"]) == ("rejected", "refund_changed")


async def test_without_an_account_nothing_is_sent(canadian: Shop) -> None:
    await canadian.credit("f13", [("plan", "10.00", {})], "10.00", "0.00")
    await refund(canadian, "rf13", "4.00", credit_note="f13")
    await canadian.export("credits")
    await pay_from(canadian, None)
    try:
        job = await canadian.export("refunds")
    finally:
        await pay_from(canadian, "Checking")

    record = await canadian.record(job, "rf13", "refund")
    assert (record["state"], record["code"]) == ("rejected", "no_refund_account")
    [link] = [
        row
        for row in await canadian.merchant.records(job)
        if row["billing_id"].endswith("f13") and row["kind"] == "application"
    ]
    assert (link["state"], link["code"]) == ("blocked", "refund_not_posted")


async def test_retry_of_a_blocked_link_is_made_anew(canadian: Shop) -> None:
    await canadian.payment("f14", "9.00", {})
    await refund(canadian, "rf14", "9.00", payment="f14")
    job = await canadian.export("refunds")
    assert job["counts"]["blocked"] == 2

    again = await canadian.export("payments", "refunds")

    assert again["counts"]["blocked"] == 0, await canadian.merchant.records(again)
    assert canadian.balanced()


async def test_reconciliation_sees_no_difference_in_what_was_refunded(canadian: Shop) -> None:
    day = "2026-05-05"
    await canadian.payment("f15", "80.00", {}, payment_date=day)
    await canadian.credit("f15", [("plan", "10.00", {})], "10.00", "0.00", date=day)
    await refund(canadian, "rf15", "30.00", payment="f15", date=day)
    await refund(canadian, "rf16", "10.00", credit_note="f15", date=day)
    await canadian.export("payments", "credits", "refunds")

    days = {"date_from": day, "date_to": day}
    found = await canadian.merchant.call("GET", "/reconciliation", params=days)

    assert found["in_step"], found["differences"]
    [refunds] = [row for row in found["kinds"] if row["kind"] == "refund"]
    assert refunds["billed"] == refunds["in_books"]
    assert (refunds["billed"]["documents"], refunds["billed"]["total"]) == (2, "40.00")


async def test_reconciliation_finds_refunds_deleted_edited_and_made_twice(canadian: Shop) -> None:
    day = "2026-05-06"
    for name in ("d", "e", "t"):
        await canadian.credit(f"f18{name}", [("plan", "10.00", {})], "10.00", "0.00", date=day)
        await refund(canadian, f"rf18{name}", "10.00", credit_note=f"f18{name}", date=day)
    await canadian.export("credits", "refunds")
    books = canadian.simulator
    expenses = {
        row["PrivateNote"].split()[1][-1]: row
        for row in books.documents("Purchase", canadian.realm_id)
        if row["TxnDate"] == day
    }
    [link] = [
        row
        for row in books.documents("Payment", canadian.realm_id)
        if row["TxnDate"] == day and "rf18d" in row["PrivateNote"]
    ]
    for entity, row in (("Payment", link), ("Purchase", expenses["d"])):
        edit_by_hand(canadian, "delete", entity, key_of(canadian, entity, row["Id"]))
    key = key_of(canadian, "Purchase", expenses["e"]["Id"])
    moved = {**without_ids(expenses["e"]), **key, "TxnDate": "2026-05-07"}
    edit_by_hand(canadian, "update", "Purchase", moved)
    edit_by_hand(canadian, "create", "Purchase", without_ids(expenses["t"]))

    days = {"date_from": day, "date_to": day}
    found = await canadian.merchant.call("GET", "/reconciliation", params=days)

    told = {(row["kind"], row["code"]): row["billing_id"] for row in found["differences"]}
    assert told == {
        ("refund", "missing_in_books"): "rf18d",
        ("refund", "edited_in_books"): "rf18e",
        ("refund", "second_document_in_books"): "rf18t",
        ("application", "missing_in_books"): "rf18d → f18d",
    }


def edit_by_hand(made: Shop, operation: str, entity: str, body: dict[str, Any]) -> None:
    plain = json.loads(json.dumps(body, default=float))
    made.simulator.edit(operation, entity, plain, made.realm_id)


def key_of(made: Shop, entity: str, external_id: str) -> dict[str, str]:
    """What a change is addressed by, with the token as it is now."""
    rows = made.simulator.documents(entity, made.realm_id)
    [token] = [row["SyncToken"] for row in rows if row["Id"] == external_id]
    return {"Id": external_id, "SyncToken": token}


def without_ids(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a person who copies a document would type in."""
    kept = {"PaymentType", "AccountRef", "EntityRef", "TxnDate", "PrivateNote", "Line"}
    body = {name: value for name, value in row.items() if name in kept}
    lines = [{k: v for k, v in line.items() if k not in {"Id", "LineNum"}} for line in row["Line"]]
    return {**body, "Line": lines}


async def test_lost_answer_of_a_refund_is_found_and_never_paid_twice(canadian: Shop) -> None:
    await canadian.credit("f17", [("plan", "10.00", {})], "10.00", "0.00")
    await refund(canadian, "rf17", "10.00", credit_note="f17")
    lost = {
        "match": {"entity": "^purchase$", "operation": "create", "times": 1},
        "action": {"when": "after", "cut": "before_answer"},
    }
    await canadian.export("credits")
    before = len(canadian.simulator.documents("Purchase", canadian.realm_id))
    canadian.simulator.add_faults(lost)
    try:
        job = await canadian.export("refunds")
        assert job["counts"]["unknown"] == 1
        job = await canadian.merchant.settled(job)
    finally:
        canadian.simulator.clear_faults()

    record = await canadian.record(job, "rf17", "refund")
    assert (record["state"], record["document"]["type"]) == ("posted", "Purchase")
    assert len(canadian.simulator.documents("Purchase", canadian.realm_id)) == before + 1
    again = await canadian.export("refunds")
    assert not again["counts"]["unknown"]
    assert canadian.document("f17", "CreditMemo")["RemainingCredit"] == 0
