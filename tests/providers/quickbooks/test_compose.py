import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounting.errors import RecordRejected
from app.accounting.records import (
    Address,
    ApplicationDraft,
    Applied,
    CustomerDraft,
    DraftLine,
    ItemDraft,
    Kind,
    PaymentDraft,
    PersonName,
    SalesDraft,
    TaxPart,
    TaxTreatment,
    Tracking,
    Verb,
    Write,
)
from app.providers.quickbooks.compose import (
    compose_create,
    compose_removal,
    compose_update,
    encode,
)
from app.providers.quickbooks.text import find_marker, with_marker

MARKER = "[lw:abcdefghijklmnopqrstuvwxy2]"
DAY = date(2026, 3, 1)
LINE = DraftLine(
    amount=Decimal("147.00"),
    item_id="19",
    description="Pro plan",
    tax_code_id="6",
    quantity=Decimal(3),
    unit_price=Decimal(49),
)
INVOICE = SalesDraft(
    kind=Kind.INVOICE,
    customer_id="58",
    number="INV-1001",
    txn_date=DAY,
    due_date=date(2026, 3, 31),
    lines=(LINE,),
    tax_parts=(
        TaxPart(rate_id="8", percent=Decimal(20), net=Decimal("147.00"), amount=Decimal("29.40")),
    ),
    tax_total=Decimal("29.40"),
    total=Decimal("176.40"),
    currency="GBP",
    exchange_rate=Decimal("1.25"),
    note="Thanks",
)
PAYMENT = PaymentDraft(
    customer_id="58",
    txn_date=DAY,
    amount=Decimal("300.00"),
    allocations=(Applied(kind=Kind.INVOICE, external_id="145", amount=Decimal("260.38")),),
    reference="ch_3Px",
    method_id="4",
    deposit_account_id="35",
)
CUSTOMER = CustomerDraft(display_name="Acme Rockets")
ITEM = ItemDraft(name="Pro plan", income_account_id="79")


def body_of(write: Write) -> dict[str, Any]:
    body = json.loads(write.body, parse_float=Decimal)
    assert isinstance(body, dict)
    return body


def created(draft: Any) -> dict[str, Any]:
    return body_of(compose_create(draft, marker=MARKER))


class TestInvoice:
    def test_bytes(self) -> None:
        assert compose_create(INVOICE, marker=MARKER).body.decode() == (
            '{"CustomerRef":{"value":"58"},"DocNumber":"INV-1001","TxnDate":"2026-03-01",'
            '"DueDate":"2026-03-31","CurrencyRef":{"value":"GBP"},"ExchangeRate":1.25,'
            '"GlobalTaxCalculation":"TaxExcluded",'
            f'"PrivateNote":"Thanks {MARKER}",'
            '"Line":[{"Description":"Pro plan","Amount":147.00,'
            '"DetailType":"SalesItemLineDetail","SalesItemLineDetail":{"ItemRef":{"value":"19"},'
            '"Qty":3,"UnitPrice":49,"TaxCodeRef":{"value":"6"}}}],'
            '"TxnTaxDetail":{"TotalTax":29.40,"TaxLine":[{"Amount":29.40,'
            '"DetailType":"TaxLineDetail","TaxLineDetail":{"TaxRateRef":{"value":"8"},'
            '"PercentBased":true,"TaxPercent":20,"NetAmountTaxable":147.00}}]}}'
        )

    def test_what_the_answer_must_show(self) -> None:
        write = compose_create(INVOICE, marker=MARKER)

        assert (write.kind, write.verb, write.target) == (Kind.INVOICE, Verb.CREATE, None)
        assert (write.expected_total, write.expected_tax) == (Decimal("176.40"), Decimal("29.40"))

    def test_quantity_and_price_that_do_not_multiply_are_left_out(self) -> None:
        line = replace(LINE, amount=Decimal("100.00"), unit_price=Decimal("33.33"))

        detail = created(replace(INVOICE, lines=(line,)))["Line"][0]["SalesItemLineDetail"]

        assert not {"Qty", "UnitPrice"} & detail.keys()

    @pytest.mark.parametrize("missing", [{"quantity": None}, {"unit_price": None}])
    def test_quantity_and_price_go_together(self, missing: dict[str, Any]) -> None:
        line = replace(LINE, **missing)

        detail = created(replace(INVOICE, lines=(line,)))["Line"][0]["SalesItemLineDetail"]

        assert not {"Qty", "UnitPrice"} & detail.keys()

    def test_gross_stands_beside_net(self) -> None:
        line = replace(LINE, gross=Decimal("176.40"), service_date=DAY)
        draft = replace(INVOICE, lines=(line,), treatment=TaxTreatment.INCLUSIVE)

        body = created(draft)

        assert body["GlobalTaxCalculation"] == "TaxInclusive"
        assert body["Line"][0]["SalesItemLineDetail"]["TaxInclusiveAmt"] == Decimal("176.40")
        assert body["Line"][0]["SalesItemLineDetail"]["ServiceDate"] == "2026-03-01"

    def test_document_without_tax_carries_none(self) -> None:
        body = created(replace(INVOICE, treatment=TaxTreatment.NONE))

        assert body["GlobalTaxCalculation"] == "NotApplicable"
        assert "TxnTaxDetail" not in body

    def test_american_document_states_its_tax_and_no_treatment(self) -> None:
        draft = replace(INVOICE, treatment=TaxTreatment.UNSTATED, tax_parts=(), tax_code_id="3")

        body = created(draft)

        assert "GlobalTaxCalculation" not in body
        assert body["TxnTaxDetail"] == {
            "TxnTaxCodeRef": {"value": "3"},
            "TotalTax": Decimal("29.40"),
        }

    def test_american_document_states_a_tax_of_zero(self) -> None:
        draft = replace(
            INVOICE, treatment=TaxTreatment.UNSTATED, tax_parts=(), tax_total=Decimal("0.00")
        )

        assert created(draft)["TxnTaxDetail"] == {"TotalTax": 0}

    def test_without_parts_the_books_compute(self) -> None:
        assert "TxnTaxDetail" not in created(replace(INVOICE, tax_parts=()))

    def test_class_and_location_stand_where_the_company_tracks_them(self) -> None:
        tracking = Tracking(class_id="3", line_class_id="4", location_id="5")

        body = created(replace(INVOICE, tracking=tracking))

        assert (body["ClassRef"], body["DepartmentRef"]) == ({"value": "3"}, {"value": "5"})
        details = [line["SalesItemLineDetail"] for line in body["Line"]]
        assert {detail["ClassRef"]["value"] for detail in details} == {"4"}

    def test_credit_memo_is_never_due(self) -> None:
        assert "DueDate" not in created(replace(INVOICE, kind=Kind.CREDIT_MEMO))

    def test_without_number_currency_and_note(self) -> None:
        draft = replace(INVOICE, number=None, currency=None, exchange_rate=None, note=None)

        body = created(draft)

        assert not {"DocNumber", "CurrencyRef", "ExchangeRate"} & body.keys()
        assert body["PrivateNote"] == MARKER

    def test_update_is_sparse_with_all_lines_and_a_fresh_tax(self) -> None:
        write = compose_update(INVOICE, external_id="145", sync_token="2", marker=MARKER)

        body = body_of(write)

        assert (write.verb, write.target) == (Verb.UPDATE, "145")
        assert "PrivateNote" not in body  # What people wrote there stays, and our marker with it.
        assert list(body)[:3] == ["Id", "SyncToken", "sparse"]
        assert (body["Id"], body["SyncToken"], body["sparse"]) == ("145", "2", True)
        assert len(body["Line"]) == 1
        assert body["TxnTaxDetail"]["TotalTax"] == Decimal("29.40")

    def test_long_description_is_cut(self) -> None:
        line = replace(LINE, description="x" * 5000)

        assert len(created(replace(INVOICE, lines=(line,)))["Line"][0]["Description"]) == 4000

    def test_description_keeps_its_lines_and_loses_controls(self) -> None:
        line = replace(LINE, description="a\r\nb\x07c\td 🚀")

        described = created(replace(INVOICE, lines=(line,)))["Line"][0]["Description"]

        assert described == "a\nb c d "

    @pytest.mark.parametrize("description", [None, ""])
    def test_no_description(self, description: str | None) -> None:
        line = replace(LINE, description=description)

        assert "Description" not in created(replace(INVOICE, lines=(line,)))["Line"][0]

    def test_note_gives_way_to_the_marker(self) -> None:
        note = created(replace(INVOICE, note="x" * 4000))["PrivateNote"]

        assert len(note) == 4000
        assert note.endswith(f"x {MARKER}")

    def test_number_that_is_too_long_is_refused(self) -> None:
        with pytest.raises(RecordRejected, match="22 characters") as refusal:
            created(replace(INVOICE, number="9" * 22))

        assert refusal.value.fault.element == "DocNumber"

    @given(
        st.decimals(0, 1000, places=3),
        st.decimals(-1000, 1000, places=6),
        st.decimals(-1000, 1000, places=2),
    )
    def test_sent_quantity_and_price_always_multiply(
        self, quantity: Decimal, price: Decimal, amount: Decimal
    ) -> None:
        for stated in (amount, (quantity * price).quantize(Decimal("0.01"), ROUND_HALF_UP)):
            line = replace(LINE, amount=stated, quantity=quantity, unit_price=price)
            detail = created(replace(INVOICE, lines=(line,)))["Line"][0]["SalesItemLineDetail"]
            if "Qty" in detail:
                product = Decimal(detail["Qty"]) * Decimal(detail["UnitPrice"])
                assert product.quantize(Decimal("0.01"), ROUND_HALF_UP) == stated


class TestPayments:
    def test_payment(self) -> None:
        assert created(PAYMENT) == {
            "CustomerRef": {"value": "58"},
            "TotalAmt": Decimal("300.00"),
            "TxnDate": "2026-03-01",
            "PaymentRefNum": "ch_3Px",
            "PaymentMethodRef": {"value": "4"},
            "DepositToAccountRef": {"value": "35"},
            "PrivateNote": MARKER,
            "Line": [
                {
                    "Amount": Decimal("260.38"),
                    "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}],
                }
            ],
        }

    def test_payment_expects_its_amount_and_no_tax(self) -> None:
        write = compose_create(PAYMENT, marker=MARKER)

        assert (write.expected_total, write.expected_tax) == (Decimal("300.00"), None)

    def test_application_is_a_payment_of_nothing_with_two_lines(self) -> None:
        draft = ApplicationDraft(
            customer_id="58",
            txn_date=DAY,
            amount=Decimal("53.46"),
            invoice_id="145",
            credit_memo_id="151",
        )

        write = compose_create(draft, marker=MARKER)

        assert (write.kind, write.expected_total) == (Kind.APPLICATION, 0)
        assert body_of(write)["TotalAmt"] == 0
        assert body_of(write)["Line"] == [
            {"Amount": Decimal("53.46"), "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}]},
            {"Amount": Decimal("53.46"), "LinkedTxn": [{"TxnId": "151", "TxnType": "CreditMemo"}]},
        ]


class TestLists:
    def test_plain_customer(self) -> None:
        assert created(CUSTOMER) == {"DisplayName": "Acme Rockets", "Notes": MARKER}

    def test_full_customer(self) -> None:
        draft = CustomerDraft(
            display_name="Acme\tRockets ",
            company_name="Acme Inc",
            person=PersonName(title="Dr", given="Wile", middle="E", family="Coyote", suffix="Jr"),
            email="ap@acme.example",
            phone="555",
            address=Address(
                line1="1",
                line2="2",
                line3="3",
                city="T",
                region="AZ",
                postal_code="8",
                country="US",
            ),
            currency="USD",
            tax_exempt=True,
            notes="VIP",
        )

        body = created(draft)

        assert body["DisplayName"] == "Acme Rockets"
        assert body["PrimaryEmailAddr"] == {"Address": "ap@acme.example"}
        assert body["PrimaryPhone"] == {"FreeFormNumber": "555"}
        assert body["BillAddr"]["CountrySubDivisionCode"] == "AZ"
        assert body["CurrencyRef"] == {"value": "USD"}
        assert body["Taxable"] is False
        assert body["Notes"] == f"VIP {MARKER}"
        assert (body["Title"], body["Suffix"], body["MiddleName"]) == ("Dr", "Jr", "E")

    def test_currency_of_a_customer_is_never_updated(self) -> None:
        draft = replace(CUSTOMER, currency="USD", tax_exempt=False)

        body = body_of(compose_update(draft, external_id="1", sync_token="0", marker=MARKER))

        assert "CurrencyRef" not in body
        assert body["Taxable"] is True

    def test_customer_expects_no_figures(self) -> None:
        write = compose_create(CUSTOMER, marker=MARKER)

        assert (write.expected_total, write.expected_tax) == (None, None)

    def test_item_is_a_service_without_marker(self) -> None:
        draft = replace(ITEM, expense_account_id="80", description="Monthly")

        assert created(draft) == {
            "Name": "Pro plan",
            "Type": "Service",
            "Description": "Monthly",
            "IncomeAccountRef": {"value": "79"},
            "ExpenseAccountRef": {"value": "80"},
        }


class TestRemoval:
    @pytest.mark.parametrize(
        ("kind", "verb", "expected"),
        [
            (Kind.INVOICE, Verb.VOID, {}),
            (Kind.PAYMENT, Verb.VOID, {"sparse": True}),
            (Kind.APPLICATION, Verb.VOID, {"sparse": True}),
            (Kind.INVOICE, Verb.DELETE, {}),
            (Kind.CREDIT_MEMO, Verb.DELETE, {}),
            (Kind.CUSTOMER, Verb.DELETE, {"sparse": True, "Active": False}),
            (Kind.ITEM, Verb.DELETE, {"sparse": True, "Active": False}),
        ],
    )
    def test_body(self, kind: Kind, verb: Verb, expected: dict[str, Any]) -> None:
        write = compose_removal(kind, verb, external_id="9", sync_token="4")

        assert body_of(write) == {"Id": "9", "SyncToken": "4", **expected}
        assert write.target == "9"

    @pytest.mark.parametrize(
        ("kind", "verb"),
        [
            (Kind.CREDIT_MEMO, Verb.VOID),
            (Kind.CUSTOMER, Verb.VOID),
            (Kind.INVOICE, Verb.UPDATE),
        ],
    )
    def test_impossible(self, kind: Kind, verb: Verb) -> None:
        with pytest.raises(ValueError, match=r"void|removes"):
            compose_removal(kind, verb, external_id="9", sync_token="4")


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=6)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=10,
)


class TestEncode:
    @given(JSON_VALUES)
    def test_everything_reads_back(self, value: object) -> None:
        assert json.loads(encode(value), parse_float=Decimal) == value

    def test_digits_are_kept(self) -> None:
        assert encode([Decimal("1.10"), Decimal("1E+3"), Decimal("-0.000001")]) == (
            b"[1.10,1000,-0.000001]"
        )

    def test_text_is_utf_8(self) -> None:
        assert encode("é€😀") == '"é€😀"'.encode()

    @pytest.mark.parametrize("value", [1.5, Decimal("NaN"), Decimal("Infinity"), b"x", object()])
    def test_anything_else_is_refused(self, value: object) -> None:
        with pytest.raises(ValueError, match="no JSON"):
            encode(value)


class TestMarker:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda marker: marker,
            lambda marker: f"Voided - note {marker}",
            lambda marker: f"a\n{marker} b",
        ],
    )
    def test_is_found_anywhere(self, wrap: Callable[[str], str]) -> None:
        assert find_marker(wrap(MARKER)) == MARKER

    @pytest.mark.parametrize("text", [None, "", "[lw:short]", "lw:abcdefghijklmnopqrstuvwxy2"])
    def test_nothing_else_is_one(self, text: str | None) -> None:
        assert find_marker(text) is None

    def test_copied_marker_is_taken_out_of_the_text(self) -> None:
        copied = MARKER.replace("a", "z")

        assert with_marker(f"see {copied}", MARKER, limit=100) == f"see {MARKER}"

    def test_the_last_one_counts(self) -> None:
        copied = MARKER.replace("a", "z")

        assert find_marker(f"{copied} {MARKER}") == MARKER

    @given(st.text(), st.integers(len(MARKER), 200))
    def test_always_survives(self, text: str, limit: int) -> None:
        note = with_marker(text, MARKER, limit=limit)

        assert note.endswith(MARKER)
        assert len(note) <= limit
