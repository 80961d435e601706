"""Invoices that owe the customer something: credit memos in the books, invoices in billing."""

from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Case, key_of
from tests.journeys.test_reconciliation import kind_of, only, reconcile


def owed_back(amount: str, gst: str, pst: str, total: str, **line: Any) -> dict[str, Any]:
    """Return the fields of an invoice with one taxed line, all of it negative."""
    taxes = [
        {"price_code": "GST", "rate": "5", "amount": gst},
        {"price_code": "PST BC", "rate": "7", "amount": pst},
    ]
    one = {"line_id": "1", "price_code": "plan", "amount": amount, "taxes": taxes}
    return {
        "lines": [one | line],
        "tax_total": str(Decimal(gst) + Decimal(pst)),
        "total": total,
    }


TEN_BACK = owed_back("-10.10", "-0.51", "-0.71", "-11.32", quantity="2", unit_price="-5.05")


def credit_memo(case: Case, short: str = "i1") -> dict[str, Any]:
    number, simulator = f"INV-{case.id(short)}", case.merchant.simulator
    rows = simulator.documents("CreditMemo", case.merchant.realm_id)
    (found,) = [row for row in rows if row.get("DocNumber") == number]
    return dict(found)


async def test_it_becomes_a_credit_memo_of_its_number(case: Case) -> None:
    await case.invoice("i1", **TEN_BACK)

    job = await case.export("invoices")
    again = await case.export("invoices")

    record = await case.record(job, "i1")
    assert (record["state"], record["action"]) == ("posted", "created"), record
    assert (record["kind"], record["document"]["type"]) == ("credit_memo", "CreditMemo")
    assert (record["amount"], record["posted_amount"]) == ("11.32", "11.32")
    assert again["counts"]["unchanged"] == again["counts"]["total"]
    (write,) = case.writes("CreditMemo")
    assert case.writes("Invoice") == []
    (line,) = write["sent"]["Line"]
    assert line["Amount"] == Decimal("10.10")
    assert line["SalesItemLineDetail"]["Qty"] == 2
    assert line["SalesItemLineDetail"]["UnitPrice"] == Decimal("5.05")
    stored = credit_memo(case)
    assert (stored["TotalAmt"], stored["TxnTaxDetail"]["TotalTax"]) == (
        Decimal("11.32"),
        Decimal("1.22"),
    )


async def test_billing_shows_where_it_stands(case: Case) -> None:
    await case.invoice("i1", **TEN_BACK)
    before = await case.billed("invoices", "i1")
    await case.export("invoices")

    shown = await case.billed("invoices", "i1")

    assert before["link"] is None
    assert (shown["link"]["state"], shown["link"]["type"]) == ("live", "CreditMemo")
    assert shown["link"]["external_id"] == credit_memo(case)["Id"]
    assert [posting["operation"] for posting in shown["postings"]] == ["create"]


async def test_an_invoice_and_a_credit_note_of_one_billing_id_are_two_documents(
    case: Case,
) -> None:
    await case.invoice("x", **TEN_BACK)
    await case.credit("x", "10.00", {})

    job = await case.export()
    again = await case.export()

    assert job["status"] == "succeeded", await case.merchant.records(job)
    assert len(case.writes("CreditMemo")) == 2
    markers = {write["sent"]["PrivateNote"].split()[-1] for write in case.writes("CreditMemo")}
    assert len(markers) == 2
    assert again["counts"]["unchanged"] == again["counts"]["total"]


async def test_an_edit_follows_and_a_void_takes_it_out(case: Case) -> None:
    await case.invoice("i1", **TEN_BACK)
    await case.export("invoices")
    await case.invoice("i1", **owed_back("-20.00", "-1.00", "-1.40", "-22.40"))
    edited = await case.export("invoices")
    assert credit_memo(case)["TotalAmt"] == Decimal("22.40")
    await case.invoice("i1", status="void", lines=[], tax_total="0.00", total="0.00")

    voided = await case.export("invoices")
    again = await case.export("invoices")

    assert (await case.record(edited, "i1"))["action"] == "updated"
    assert (await case.record(voided, "i1"))["action"] == "voided"
    assert (await case.record(again, "i1"))["state"] == "unchanged"
    operations = [write["operation"] for write in case.writes("CreditMemo")]
    assert operations == ["create", "update", "delete"]


@pytest.mark.parametrize(("first", "then"), [("-11.32", "112.00"), ("112.00", "-11.32")])
async def test_a_total_that_changes_its_sign_is_refused_with_choices(
    case: Case, first: str, then: str
) -> None:
    fields = {"-11.32": TEN_BACK, "112.00": {}}
    await case.invoice("i1", **fields[first])
    await case.export("invoices")
    case.mark()
    await case.invoice("i1", **fields[then])

    job = await case.export("invoices")

    record = await case.record(job, "i1")
    assert (record["state"], record["code"]) == ("rejected", "sign_changed")
    assert first.removeprefix("-") in record["explanation"]
    assert then in record["explanation"]
    assert len(record["fixes"]) == 2
    assert case.writes() == []
    shown = await case.billed("invoices", "i1")
    assert (shown["link"]["state"], shown["link"]["last_job"]["code"]) == ("live", "sign_changed")


async def test_one_edited_to_nothing_is_refused_with_the_fix(case: Case) -> None:
    await case.invoice("i1")
    await case.export("invoices")
    case.mark()
    nothing = {"line_id": "1", "price_code": "plan", "amount": "0.00"}
    await case.invoice("i1", lines=[nothing], tax_total="0.00", total="0.00")

    job = await case.export("invoices")

    record = await case.record(job, "i1")
    assert (record["state"], record["code"]) == ("rejected", "edited_to_nothing")
    assert "Void it" in record["fixes"][0]
    assert case.writes() == []


async def test_a_refused_one_is_retried_as_what_it_is(case: Case) -> None:
    line = {"price_code": "plan", "taxes": [{"price_code": "NOPE", "rate": "9", "amount": "-0.90"}]}
    lines = [{"line_id": "1", "amount": "-10.00"} | line]
    await case.invoice("i1", lines=lines, tax_total="-0.90", total="-10.90")
    refused = await case.record(await case.export("invoices"), "i1")
    await case.invoice("i1", **TEN_BACK)

    job = await case.retry(refused)

    assert refused["code"] == "unmapped_tax"
    assert (await case.record(job, "i1"))["action"] == "created"
    assert credit_memo(case)["TotalAmt"] == Decimal("11.32")


async def test_reconciliation_counts_it_among_the_credit_memos(case: Case) -> None:
    await case.invoice("i1", **TEN_BACK)
    await case.invoice("i2")
    never = await reconcile(case)
    await case.export("invoices")

    found = await reconcile(case)

    assert kind_of(never, "credit_memo")["difference"] == "-11.32"
    assert found["in_step"] is True, found["differences"]
    assert kind_of(found, "credit_memo")["billed"] == {
        "documents": 1,
        "total": "11.32",
        "tax": "1.22",
    }
    assert kind_of(found, "invoice")["billed"]["total"] == "112.00"


async def test_reconciliation_finds_it_deleted(case: Case) -> None:
    await case.invoice("i1", **TEN_BACK)
    await case.export("invoices")
    case.edit("delete", "CreditMemo", key_of(credit_memo(case)))

    difference = await only(case)

    assert difference["code"] == "missing_in_books"
    assert (difference["kind"], difference["billing_id"]) == ("credit_memo", case.id("i1"))
    assert difference["difference"] == "-11.32"
