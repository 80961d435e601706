"""What a reconciliation finds in the books, and that it says 0.00 where all is well."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

from tests.journeys.cases import Case, key_of


async def reconcile(case: Case, **options: Any) -> dict[str, Any]:
    days = {"date_from": case.day, "date_to": case.day} | options
    return dict(await case.merchant.call("GET", "/reconciliation", params=days))


def kind_of(found: dict[str, Any], kind: str) -> dict[str, Any]:
    (row,) = [each for each in found["kinds"] if each["kind"] == kind]
    return dict(row)


async def only(case: Case, **options: Any) -> dict[str, Any]:
    """The one difference of the case's day."""
    found = await reconcile(case, **options)
    assert found["differences_total"] == 1, found["differences"]
    assert found["in_step"] is False
    return dict(found["differences"][0])


async def with_invoice(case: Case, amount: str = "100.00", **fields: Any) -> dict[str, Any]:
    """An exported invoice, as it stands in the books."""
    await case.invoice("i1", amount, **fields)
    await case.export()
    return case.document("Invoice", "i1")


async def link_of(case: Case, resource: str, short: str) -> str:
    return str((await case.billed(resource, short))["link"]["state"])


def edit(case: Case, operation: str, entity: str, body: dict[str, Any]) -> dict[str, Any]:
    """Do in the books what a person does there; figures as plain numbers."""
    plain = json.loads(json.dumps(body, default=float))
    return dict(case.edit(operation, entity, plain))


def two_lines(case: Case) -> dict[str, Any]:
    lines = [
        {"line_id": "1", "price_code": "plan", "amount": "100.00"},
        {"line_id": "2", "price_code": "plan", "amount": "20.00", "description": "Seat"},
    ]
    return {"lines": lines, "tax_total": "0.00", "total": "120.00"}


# ------------------------------------------------------------------ all is well


async def test_everything_exported_says_nothing_differs(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "10.10")
    await case.payment("p1", "50.00", {"i1": "50.00"})
    await case.credit("n1", "10.00", {"i1": "10.00"})
    await case.export()

    found = await reconcile(case)

    assert found["in_step"] is True, found["differences"]
    assert found["differences"] == found["customers"] == found["causes"] == []
    assert {row["kind"]: row["difference"] for row in found["kinds"]} == {
        "credit_memo": "0.00",
        "invoice": "0.00",
        "payment": "0.00",
    }
    invoices = kind_of(found, "invoice")
    assert invoices["billed"] == invoices["posted"] == invoices["in_books"]
    assert invoices["billed"] == {"documents": 2, "total": "123.32", "tax": "13.22"}
    assert kind_of(found, "payment")["in_books"]["total"] == "50.00"
    assert {row["rate_name"]: (row["billed"], row["difference"]) for row in found["taxes"]} == {
        "GST": ("5.51", "0.00"),
        "PST BC": ("7.71", "0.00"),
    }


async def test_each_document_is_read_once(case: Case) -> None:
    await with_invoice(case)
    case.mark()

    found = await reconcile(case)

    assert found["quickbooks_calls"] == {"read": 3}
    assert [call["operation"] for call in case.calls()] == ["query"] * 3


async def test_one_kind_costs_one_call(case: Case) -> None:
    await with_invoice(case)
    case.mark()

    found = await reconcile(case, kind="invoice")

    assert found["in_step"] is True
    assert found["quickbooks_calls"] == {"read": 1}
    assert len(case.calls()) == 1


async def test_what_is_void_on_both_sides_is_nothing(case: Case) -> None:
    await with_invoice(case)
    await case.credit("n1", "10.00", {})
    await case.payment("p1", "5.00", {})
    await case.export()
    await case.invoice("i1", status="void")
    await case.credit("n1", "10.00", {}, status="void")
    await case.payment("p1", "5.00", {}, status="cancelled")
    await case.export()

    found = await reconcile(case)

    assert found["in_step"] is True, found["differences"]
    assert all(row["in_books"]["total"] == "0.00" for row in found["kinds"])


async def test_documents_of_other_origin_are_counted_apart(case: Case) -> None:
    invoice = await with_invoice(case)
    line = {k: v for k, v in invoice["Line"][0].items() if k not in {"Id", "LineNum"}}
    body = {"CustomerRef": invoice["CustomerRef"], "TxnDate": case.day, "Line": [line]}
    edit(case, "create", "Invoice", body)

    found = await reconcile(case, kind="invoice")

    assert found["in_step"] is True, found["differences"]
    assert kind_of(found, "invoice")["others"]["documents"] == 1


# ------------------------------------------------------------------ what is found


async def test_a_cent(case: Case) -> None:
    invoice = await with_invoice(case)
    line = {**invoice["Line"][0], "Amount": Decimal("100.01")}
    line["SalesItemLineDetail"] = {
        k: v for k, v in line["SalesItemLineDetail"].items() if k not in {"Qty", "UnitPrice"}
    }
    body = {**key_of(invoice), "sparse": True, "Line": [line]}
    edit(case, "update", "Invoice", {**body, "TxnTaxDetail": invoice["TxnTaxDetail"]})
    changed = case.document("Invoice", "i1")
    assert changed["TotalAmt"] == Decimal("112.01")

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("cents_differ", "0.01")
    assert difference["details"]["lines"] == {
        "only_billed": ["100.00"],
        "only_in_books": ["100.01"],
    }
    assert difference["document"]["id"] == invoice["Id"]
    assert difference["fixes"]
    assert await link_of(case, "invoices", "i1") == "drifted"


async def test_a_dropped_line(case: Case) -> None:
    await case.invoice("i1", **two_lines(case))
    await case.export()
    invoice = case.document("Invoice", "i1")
    body = {**key_of(invoice), "sparse": True, "Line": [invoice["Line"][0]]}
    edit(case, "update", "Invoice", body)

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("line_dropped", "-20.00")
    assert difference["details"]["lines"]["only_billed"] == ["20.00"]
    assert "Billed 120.00, in the books 100.00 (-20.00)." in difference["explanation"]


async def test_a_document_deleted_in_the_books(case: Case) -> None:
    invoice = await with_invoice(case)
    edit(case, "delete", "Invoice", key_of(invoice))

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("missing_in_books", "-112.00")
    assert (difference["posted"], difference["in_books"]) == ("112.00", "0.00")
    assert await link_of(case, "invoices", "i1") == "missing"
    assert (await only(case))["code"] == "missing_in_books"


async def test_a_foreign_edit_of_the_total(case: Case) -> None:
    invoice = await with_invoice(case)
    line = {"Amount": 250, "DetailType": "SalesItemLineDetail"}
    line["SalesItemLineDetail"] = {
        k: invoice["Line"][0]["SalesItemLineDetail"][k] for k in ("ItemRef", "TaxCodeRef")
    }
    edit(case, "update", "Invoice", {**key_of(invoice), "sparse": True, "Line": [line]})
    total = case.document("Invoice", "i1")["TotalAmt"]

    difference = await only(case)

    assert difference["code"] == "amount_differs"
    assert Decimal(difference["in_books"]) == total
    assert case.document("Invoice", "i1")["TotalAmt"] == total


async def test_a_foreign_edit_that_moves_no_money(case: Case) -> None:
    invoice = await with_invoice(case)
    edit(case, "update", "Invoice", {**key_of(invoice), "sparse": True, "DueDate": "2027-01-01"})

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("edited_in_books", "0.00")
    assert await link_of(case, "invoices", "i1") == "drifted"


async def test_an_edit_undone_in_the_books_is_forgotten(case: Case) -> None:
    invoice = await with_invoice(case)
    change = {"sparse": True, "DueDate": "2027-01-01"}
    edit(case, "update", "Invoice", {**key_of(invoice), **change})
    await only(case)
    changed = case.document("Invoice", "i1")
    undone = {"sparse": True, "DueDate": invoice.get("DueDate")}
    edit(case, "update", "Invoice", {**key_of(changed), **undone})

    found = await reconcile(case)

    assert found["in_step"] is True, found["differences"]
    assert await link_of(case, "invoices", "i1") == "live"


async def test_a_marked_duplicate_made_behind_our_back(case: Case) -> None:
    invoice = await with_invoice(case)
    copy = {k: v for k, v in invoice.items() if k in {"CustomerRef", "TxnDate", "PrivateNote"}}
    line = {k: v for k, v in invoice["Line"][0].items() if k not in {"Id", "LineNum"}}
    made = edit(case, "create", "Invoice", {**copy, "Line": [line]})

    difference = await only(case)

    assert difference["code"] == "second_document_in_books"
    assert difference["billing_id"] == case.id("i1")
    assert difference["document"]["id"] != invoice["Id"]
    assert difference["details"] == {"first_document": invoice["Id"]}
    assert Decimal(difference["difference"]) > 0, made
    assert await link_of(case, "invoices", "i1") == "live"


async def test_an_unmarked_duplicate_of_number_customer_and_total(case: Case) -> None:
    await case.payment("p1", "70.00", {})
    await case.export()
    payment = case.document("Payment", "p1")
    copied = {"CustomerRef", "TxnDate", "TotalAmt", "PaymentRefNum"}
    edit(case, "create", "Payment", {k: v for k, v in payment.items() if k in copied})

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("second_document_in_books", "70.00")


async def test_a_void_in_the_books(case: Case) -> None:
    invoice = await with_invoice(case)
    edit(case, "void", "Invoice", key_of(invoice))

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("void_in_books", "-112.00")
    assert await link_of(case, "invoices", "i1") == "voided"


async def test_a_document_moved_to_another_day_is_not_missing(case: Case) -> None:
    invoice = await with_invoice(case)
    edit(case, "update", "Invoice", {**key_of(invoice), "sparse": True, "TxnDate": "2025-06-01"})

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("edited_in_books", "0.00")
    assert difference["document"]["id"] == invoice["Id"]


async def test_what_was_never_exported(case: Case) -> None:
    await case.invoice("i1", "100.00")

    found = await reconcile(case)

    (difference,) = found["differences"]
    assert (difference["code"], difference["difference"]) == ("not_exported", "-112.00")
    assert difference["document"] is None
    assert found["causes"] == [
        {
            "code": "not_exported",
            "cause": "It was never exported.",
            "documents": 1,
            "difference": "-112.00",
        }
    ]
    assert found["customers"][0]["customer"] == case.customer


async def test_what_was_refused_says_why(case: Case) -> None:
    taxes = [{"price_code": "HST", "rate": "13", "amount": "13.00"}]
    lines = [{"line_id": "1", "price_code": "plan", "amount": "100.00", "taxes": taxes}]
    await case.invoice("i1", lines=lines, tax_total="13.00", total="113.00")
    await case.export()

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("unmapped_tax", "-113.00")
    assert difference["fixes"]


async def test_an_edit_in_billing_that_has_not_gone_out(case: Case) -> None:
    await with_invoice(case)
    await case.invoice("i1", "200.00")

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("edit_not_exported", "-112.00")


async def test_a_void_in_billing_that_has_not_gone_out(case: Case) -> None:
    await with_invoice(case)
    await case.invoice("i1", status="void")

    difference = await only(case)

    assert (difference["code"], difference["difference"]) == ("void_not_exported", "112.00")


async def test_an_application_deleted_in_the_books(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.credit("n1", "10.00", {"i1": "10.00"})
    await case.export()
    (payment,) = [
        row
        for row in case.merchant.documents("Payment")
        if row["TxnDate"] == case.day and row["TotalAmt"] == 0
    ]
    edit(case, "delete", "Payment", key_of(payment))

    difference = await only(case)

    assert (difference["kind"], difference["code"]) == ("application", "missing_in_books")
    assert difference["difference"] == "0.00"
    assert difference["billing_id"] == f"{case.id('n1')} → {case.id('i1')}"


# ------------------------------------------------------------------ payments of others


async def test_a_payment_recorded_in_the_books_is_shown_at_the_invoice(case: Case) -> None:
    invoice = await with_invoice(case)
    body = {
        "CustomerRef": invoice["CustomerRef"],
        "TotalAmt": 40,
        "TxnDate": case.day,
        "PaymentRefNum": "cheque 7",
        "Line": [{"Amount": 40, "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]}],
    }
    edit(case, "create", "Payment", body)
    made = next(
        row
        for row in case.merchant.simulator.documents("Payment", case.merchant.realm_id)
        if row.get("PaymentRefNum") == "cheque 7"
    )

    found = await reconcile(case)

    assert found["in_step"] is True, found["differences"]
    assert found["foreign_payments"] == 1
    link = (await case.billed("invoices", "i1"))["link"]
    assert (link["state"], link["open"]) == ("live", "72.00")
    (payment,) = link["foreign_payments"]
    assert payment == {
        "external_id": made["Id"],
        "number": "cheque 7",
        "date": case.day,
        "amount": "40.00",
    }
    assert kind_of(found, "payment")["others"]["total"] == "40.00"


# ------------------------------------------------------------------ CSV and refusals


async def test_the_csv_has_every_difference_and_runs_nothing(case: Case) -> None:
    await case.invoice("i1", "100.00", number="=1+1")
    await case.invoice("i2", "100.00")
    url = f"/v1/integrations/{case.merchant.integration_id}/reconciliation.csv"

    answer = await case.merchant.http.get(url, params={"date_from": case.day, "date_to": case.day})

    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["billing_id"] for row in rows] == [case.id("i1"), case.id("i2")]
    assert rows[0]["number"] == "'=1+1"
    assert rows[0]["difference"] == "-112.00"


async def test_few_differences_are_shown_and_all_are_counted(case: Case) -> None:
    for number in range(3):
        await case.invoice(f"i{number}", "100.00")

    found = await reconcile(case, limit=1)

    assert (len(found["differences"]), found["differences_total"]) == (1, 3)


async def test_more_than_a_page_of_records_is_gone_through_to_its_end(case: Case) -> None:
    records = [
        {
            "billing_id": case.id(f"m{number}"),
            "updated_at": "2026-03-01T00:00:00Z",
            "number": case.id(f"M{number}"),
            "customer": case.customer,
            "invoice_date": case.day,
            "currency": "CAD",
            "lines": [{"line_id": "1", "price_code": "plan", "amount": "1.00"}],
            "tax_total": "0.00",
            "total": "1.00",
        }
        for number in range(1001)
    ]
    answer = await case.merchant.http.post(
        f"/v1/integrations/{case.merchant.integration_id}/billing/invoices/batch",
        content="\n".join(json.dumps(record) for record in records),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text

    found = await reconcile(case, kind="invoice", limit=0)

    assert (found["differences"], found["differences_total"]) == ([], 1001)
    assert kind_of(found, "invoice")["difference"] == "-1001.00"
