import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.accounting.records import Kind, Verb
from app.providers.quickbooks.compare import shows
from app.providers.quickbooks.compose import compose_create, compose_removal, compose_update
from app.providers.quickbooks.translate import to_document
from tests.providers.quickbooks.test_compose import CUSTOMER, INVOICE, ITEM, MARKER, PAYMENT

INVOICE_ROW: dict[str, Any] = {
    "Id": "145",
    "SyncToken": "3",
    "DocNumber": "INV-1001",
    "TxnDate": "2026-03-01",
    "DueDate": "2026-03-31",
    "CustomerRef": {"value": "58", "name": "Acme"},
    "CurrencyRef": {"value": "GBP", "name": "Pound"},
    "ExchangeRate": 1,
    "PrivateNote": f"Thanks {MARKER}",
    "Line": [
        {
            "Id": "1",
            "LineNum": 1,
            "Description": "Pro  plan ",
            "Amount": Decimal("147.0"),
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {
                "ItemRef": {"value": "19", "name": "Pro"},
                "Qty": 3,
                "UnitPrice": 49,
                "TaxCodeRef": {"value": "6"},
            },
        },
        {"Amount": 147, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
    ],
    "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "99"}, "TotalTax": Decimal("29.4")},
    "TotalAmt": Decimal("176.4"),
    "Balance": Decimal("176.4"),
    "LinkedTxn": [],
    "MetaData": {"CreateTime": "2026-03-01T08:00:00-08:00"},
}
PAYMENT_ROW: dict[str, Any] = {
    "Id": "190",
    "SyncToken": "1",
    "CustomerRef": {"value": "58"},
    "TotalAmt": 300,
    "UnappliedAmt": Decimal("39.62"),
    "TxnDate": "2026-03-01",
    "PaymentRefNum": "ch_3Px",
    "PaymentMethodRef": {"value": "4"},
    "DepositToAccountRef": {"value": "35"},
    "Line": [{"Amount": Decimal("260.38"), "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}]}],
}
UPDATE = compose_update(INVOICE, external_id="145", sync_token="2", marker=MARKER)


def changed(row: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(row), **fields}


def with_line(**fields: Any) -> dict[str, Any]:
    row = copy.deepcopy(INVOICE_ROW)
    row["Line"][0].update(fields)
    return row


def with_detail(**fields: Any) -> dict[str, Any]:
    row = copy.deepcopy(INVOICE_ROW)
    row["Line"][0]["SalesItemLineDetail"].update(fields)
    return row


class TestUpdate:
    def test_document_that_took_it(self) -> None:
        assert shows(UPDATE, INVOICE_ROW)

    @pytest.mark.parametrize(
        "row",
        [
            changed(INVOICE_ROW, SyncToken="2"),
            changed(INVOICE_ROW, SyncToken="1"),
            changed(INVOICE_ROW, Id="146"),
            changed(INVOICE_ROW, DocNumber="INV-1002"),
            changed(INVOICE_ROW, TxnDate="2026-03-02"),
            changed(INVOICE_ROW, CustomerRef={"value": "59"}),
            changed(INVOICE_ROW, CustomerRef=None),
            changed(INVOICE_ROW, Line=[]),
            changed(INVOICE_ROW, Line=None),
            changed(INVOICE_ROW, TxnTaxDetail={"TotalTax": 0}),
            changed(INVOICE_ROW, TxnTaxDetail=None),
            with_line(Amount=Decimal("147.01")),
            with_line(Description="Basic plan"),
            with_line(SalesItemLineDetail="broken"),
            with_detail(ItemRef={"value": "20"}),
            with_detail(TaxCodeRef={"value": "7"}),
        ],
    )
    def test_document_that_did_not(self, row: dict[str, Any]) -> None:
        assert not shows(UPDATE, row)

    @pytest.mark.parametrize(
        "row",
        [
            changed(INVOICE_ROW, ExchangeRate=Decimal("1.3")),
            changed(INVOICE_ROW, PrivateNote="edited"),
            changed(INVOICE_ROW, Balance=0, LinkedTxn=[{"TxnId": "1", "TxnType": "Payment"}]),
            with_detail(Qty=1),
        ],
    )
    def test_what_is_not_compared(self, row: dict[str, Any]) -> None:
        assert shows(UPDATE, row)

    def test_tokens_that_are_no_numbers_only_have_to_differ(self) -> None:
        write = compose_update(INVOICE, external_id="145", sync_token="a", marker=MARKER)

        assert shows(write, changed(INVOICE_ROW, SyncToken="b"))
        assert not shows(write, changed(INVOICE_ROW, SyncToken="a"))

    def test_payment_lines_are_compared_in_any_order(self) -> None:
        extra = replace(PAYMENT.allocations[0], external_id="146", amount=Decimal(1))
        draft = replace(PAYMENT, allocations=(extra, *PAYMENT.allocations))
        write = compose_update(draft, external_id="190", sync_token="0", marker=MARKER)
        line = {"Amount": Decimal("1.00"), "LinkedTxn": [{"TxnId": "146", "TxnType": "Invoice"}]}

        assert shows(write, changed(PAYMENT_ROW, Line=[*PAYMENT_ROW["Line"], line]))
        assert not shows(write, PAYMENT_ROW)

    def test_payment_with_a_broken_line(self) -> None:
        write = compose_update(PAYMENT, external_id="190", sync_token="0", marker=MARKER)

        assert not shows(write, changed(PAYMENT_ROW, Line=[{"Amount": 1, "LinkedTxn": "x"}]))

    def test_payment_without_lines(self) -> None:
        draft = replace(PAYMENT, allocations=())
        write = compose_update(draft, external_id="190", sync_token="0", marker=MARKER)

        assert shows(write, changed(PAYMENT_ROW, Line=[]))
        assert not shows(write, PAYMENT_ROW)

    def test_american_update_without_own_tax(self) -> None:
        draft = replace(INVOICE, tax_parts=())
        write = compose_update(draft, external_id="145", sync_token="2", marker=MARKER)

        assert shows(write, changed(INVOICE_ROW, TxnTaxDetail={"TotalTax": 5}))

    def test_customer(self) -> None:
        draft = replace(CUSTOMER, email="a@b.example", tax_exempt=True)
        write = compose_update(draft, external_id="1", sync_token="0", marker=MARKER)
        row = {
            "Id": "1",
            "SyncToken": "1",
            "DisplayName": "Acme Rockets",
            "PrimaryEmailAddr": {"Address": "a@b.example"},
            "Taxable": False,
        }

        assert shows(write, row)
        assert not shows(write, {**row, "Taxable": True})
        assert not shows(write, {**row, "Taxable": None})
        assert not shows(write, {**row, "PrimaryEmailAddr": "a@b.example"})

    def test_create_is_compared_too(self) -> None:
        assert shows(compose_create(INVOICE, marker=MARKER), INVOICE_ROW)


class TestRemoval:
    def test_void(self) -> None:
        write = compose_removal(Kind.INVOICE, Verb.VOID, external_id="145", sync_token="2")
        voided = changed(INVOICE_ROW, TotalAmt=0, PrivateNote=f"Voided - {MARKER}")

        assert shows(write, voided)
        assert not shows(write, changed(voided, TotalAmt=1))
        assert not shows(write, changed(voided, PrivateNote=MARKER))
        assert not shows(write, changed(voided, TotalAmt="nothing"))
        assert not shows(write, INVOICE_ROW)

    def test_void_of_another_document(self) -> None:
        write = compose_removal(Kind.INVOICE, Verb.VOID, external_id="1", sync_token="2")

        assert not shows(write, changed(INVOICE_ROW, TotalAmt=0, PrivateNote="Voided"))

    def test_document_that_can_be_seen_is_not_deleted(self) -> None:
        write = compose_removal(Kind.INVOICE, Verb.DELETE, external_id="145", sync_token="2")

        assert not shows(write, INVOICE_ROW)

    def test_customer_made_inactive(self) -> None:
        write = compose_removal(Kind.CUSTOMER, Verb.DELETE, external_id="1", sync_token="2")

        assert shows(write, {"Id": "1", "Active": False})
        assert not shows(write, {"Id": "1", "Active": True})


def fingerprint(kind: Kind, row: dict[str, Any]) -> str:
    return to_document(kind, row).fingerprint


class TestFingerprint:
    @pytest.mark.parametrize(
        "row",
        [
            changed(INVOICE_ROW, SyncToken="9"),
            changed(INVOICE_ROW, Balance=0),
            changed(INVOICE_ROW, MetaData={}),
            changed(INVOICE_ROW, LinkedTxn=[{"TxnId": "190", "TxnType": "Payment"}]),
            changed(INVOICE_ROW, TotalAmt=Decimal("176.400")),
            changed(INVOICE_ROW, Line=INVOICE_ROW["Line"][:1]),
            with_line(Id="7"),
        ],
    )
    def test_what_moves_by_itself_leaves_it(self, row: dict[str, Any]) -> None:
        assert fingerprint(Kind.INVOICE, row) == fingerprint(Kind.INVOICE, INVOICE_ROW)

    @pytest.mark.parametrize(
        "row",
        [
            changed(INVOICE_ROW, CustomerRef={"value": "1"}),
            changed(INVOICE_ROW, TxnDate="2026-03-02"),
            changed(INVOICE_ROW, DocNumber="1"),
            changed(INVOICE_ROW, TotalAmt=1),
            changed(INVOICE_ROW, CurrencyRef={"value": "EUR"}),
            changed(INVOICE_ROW, TxnTaxDetail={"TotalTax": 1}),
            changed(INVOICE_ROW, Line=[]),
            with_line(Amount=1),
            with_line(Description="other"),
            with_detail(ItemRef={"value": "1"}),
            with_detail(TaxCodeRef={"value": "1"}),
        ],
    )
    def test_own_content_changes_it(self, row: dict[str, Any]) -> None:
        assert fingerprint(Kind.INVOICE, row) != fingerprint(Kind.INVOICE, INVOICE_ROW)

    def test_lines_of_a_payment_are_its_content(self) -> None:
        settled = fingerprint(Kind.PAYMENT, PAYMENT_ROW)

        assert fingerprint(Kind.PAYMENT, changed(PAYMENT_ROW, Line=[])) != settled
        assert fingerprint(Kind.PAYMENT, changed(PAYMENT_ROW, PaymentRefNum="x")) != settled
        assert fingerprint(Kind.PAYMENT, changed(PAYMENT_ROW, PaymentMethodRef=None)) != settled
        assert fingerprint(Kind.PAYMENT, changed(PAYMENT_ROW, UnappliedAmt=0)) == settled

    def test_lines_inside_a_bundle_count(self) -> None:
        bundle = {
            "DetailType": "GroupLineDetail",
            "GroupLineDetail": {"Line": INVOICE_ROW["Line"][:1]},
        }
        empty = {"DetailType": "GroupLineDetail", "GroupLineDetail": {}}

        assert fingerprint(Kind.INVOICE, changed(INVOICE_ROW, Line=[bundle])) != fingerprint(
            Kind.INVOICE, changed(INVOICE_ROW, Line=[empty])
        )

    def test_sides_of_a_journal_entry_count(self) -> None:
        def entry(side: str) -> dict[str, Any]:
            detail = {"PostingType": side, "AccountRef": {"value": "1"}}
            line = {"Amount": 1, "JournalEntryLineDetail": detail}
            return {"Id": "1", "SyncToken": "0", "Line": [line]}

        assert fingerprint(Kind.JOURNAL_ENTRY, entry("Debit")) != fingerprint(
            Kind.JOURNAL_ENTRY, entry("Credit")
        )

    def test_customer(self) -> None:
        row = {"Id": "1", "SyncToken": "0", "DisplayName": "Acme", "Balance": 1}
        known = fingerprint(Kind.CUSTOMER, row)

        assert fingerprint(Kind.CUSTOMER, {**row, "Balance": 2, "SyncToken": "3"}) == known
        assert fingerprint(Kind.CUSTOMER, {**row, "Active": True}) == known
        assert fingerprint(Kind.CUSTOMER, {**row, "Active": False}) != known
        assert fingerprint(Kind.CUSTOMER, {**row, "DisplayName": "Other"}) != known
        assert fingerprint(Kind.CUSTOMER, {**row, "PrimaryEmailAddr": {"Address": "x"}}) != known

    def test_item(self) -> None:
        row = {"Id": "1", "SyncToken": "0", "Name": ITEM.name, "UnitPrice": 1}
        known = fingerprint(Kind.ITEM, row)

        assert fingerprint(Kind.ITEM, {**row, "UnitPrice": Decimal("1.00")}) == known
        assert fingerprint(Kind.ITEM, {**row, "UnitPrice": 2}) != known
