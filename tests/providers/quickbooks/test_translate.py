from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from app.accounting.errors import OutcomeUnknown
from app.accounting.records import Address, Applied, DocumentParts, Kind, NameHolder, TaxModel
from app.providers.quickbooks import translate
from app.providers.quickbooks.wire import TaxPrefs
from tests.providers.quickbooks.test_compare import INVOICE_ROW, PAYMENT_ROW
from tests.providers.quickbooks.test_compose import MARKER

PACIFIC = timezone(timedelta(hours=-8))


class TestLists:
    def test_customer(self) -> None:
        customer = translate.to_customer(
            {
                "Id": "58",
                "SyncToken": "0",
                "DisplayName": "Acme Rockets",
                "GivenName": "Wile",
                "PrimaryEmailAddr": {"Address": "ap@acme.example"},
                "PrimaryPhone": {"FreeFormNumber": "555"},
                "BillAddr": {"Id": "95", "Line1": "1 Canyon Rd", "CountrySubDivisionCode": "AZ"},
                "CurrencyRef": {"value": "USD"},
                "ParentRef": {"value": "7"},
                "Taxable": True,
                "MetaData": {"CreateTime": "2026-01-15T10:00:00-08:00"},
            }
        )

        assert (customer.external_id, customer.display_name) == ("58", "Acme Rockets")
        assert (customer.email, customer.phone, customer.currency) == (
            "ap@acme.example",
            "555",
            "USD",
        )
        assert customer.address == Address(line1="1 Canyon Rd", region="AZ")
        assert (customer.person.given, customer.parent_id) == ("Wile", "7")
        assert customer.active
        assert customer.created_at == datetime(2026, 1, 15, 10, tzinfo=PACIFIC)

    def test_bare_customer(self) -> None:
        customer = translate.to_customer({"Id": 1, "Active": False, "CurrencyRef": {}})

        assert (customer.external_id, customer.display_name) == ("1", "")
        assert (customer.email, customer.phone, customer.address) == (None, None, None)
        assert not customer.active

    def test_item(self) -> None:
        item = translate.to_item(
            {"Id": "19", "Name": "Pro", "Type": "Service", "UnitPrice": Decimal("49.50")}
        )

        assert (item.name, item.full_name, item.unit_price) == ("Pro", "Pro", Decimal("49.50"))

    def test_account(self) -> None:
        account = translate.to_account(
            {"Id": "79", "Name": "Sub", "FullyQualifiedName": "Top:Sub", "AcctNum": "4000"}
        )

        assert (account.full_name, account.number, account.type) == ("Top:Sub", "4000", "")

    def test_agency_term_and_holder(self) -> None:
        assert translate.to_tax_agency({"Id": "1", "DisplayName": "CRA"}).name == "CRA"
        assert translate.to_named({"Id": "3", "Name": "Net 30", "DueDays": 30}).due_days == 30
        assert translate.to_holder("vendor", {"Id": "3", "DisplayName": "A", "Active": False}) == (
            NameHolder(holder="vendor", external_id="3", name="A", active=False)
        )

    @pytest.mark.parametrize("moment", ["", "yesterday", None, 5])
    def test_time_stamp_that_is_none_is_no_failure(self, moment: object) -> None:
        item = translate.to_item({"Id": "1", "MetaData": {"CreateTime": moment}})

        assert item.created_at is None

    @pytest.mark.parametrize("written", ["2026-01-15T10:00:00Z", "2026-01-15T10:00:00+0000"])
    def test_offsets_are_read_in_each_spelling(self, written: str) -> None:
        item = translate.to_item({"Id": "1", "MetaData": {"CreateTime": written}})

        assert item.created_at == datetime(2026, 1, 15, 10, tzinfo=UTC)

    def test_time_without_offset_is_taken_as_utc(self) -> None:
        item = translate.to_item({"Id": "1", "MetaData": {"CreateTime": "2026-01-15T10:00:00"}})

        assert item.created_at == datetime(2026, 1, 15, 10, tzinfo=UTC)

    def test_row_without_id_is_no_row(self) -> None:
        with pytest.raises(OutcomeUnknown, match="without its id"):
            translate.to_item({"Name": "x"})

    def test_row_of_a_foreign_shape_is_no_row(self) -> None:
        with pytest.raises(OutcomeUnknown, match=r"Item that cannot be read .UnitPrice"):
            translate.to_item({"Id": "1", "UnitPrice": "a lot"})


def code(rates: list[Any] | dict[str, Any] | None, **fields: Any) -> Any:
    row = {"Id": "6", "SyncToken": "0", "Name": "C", "TaxGroup": True, **fields}
    if rates is not None:
        row["SalesTaxRateList"] = {"TaxRateDetail": rates}
    return translate.to_tax_code(row)


def detail(rate: str, **fields: Any) -> dict[str, Any]:
    return {"TaxRateRef": {"value": rate, "name": f"R{rate}"}, **fields}


class TestTaxes:
    def test_code_with_one_rate_is_single_whatever_its_flag_says(self) -> None:
        single = code([detail("8", TaxTypeApplicable="TaxOnAmount", TaxOrder=0)])

        assert single.kind == "single"
        assert [(rate.rate_id, rate.name, rate.basis) for rate in single.rates] == [
            ("8", "R8", "on_net")
        ]

    def test_code_with_two_rates_is_a_group(self) -> None:
        group = code(
            [
                detail("7"),
                detail("12", TaxTypeApplicable="TaxOnTax", TaxOrder=1, TaxOnTaxOrder=0),
                detail("13", TaxTypeApplicable="TaxOnAmountPlusTax", TaxOrder=2),
            ]
        )

        assert group.kind == "group"
        assert [(rate.basis, rate.order, rate.on_order) for rate in group.rates] == [
            ("on_net", 0, None),
            ("on_tax", 1, 0),
            ("on_net_plus_tax", 2, None),
        ]

    def test_single_rate_instead_of_a_list(self) -> None:
        assert code(detail("8")).kind == "single"

    @pytest.mark.parametrize("rates", [None, [], [{"TaxTypeApplicable": "TaxOnAmount"}]])
    def test_code_without_sales_rates_is_for_purchases(self, rates: Any) -> None:
        assert code(rates).kind == "none"

    def test_pseudo_codes_have_words_for_ids(self) -> None:
        non = translate.to_tax_code({"Id": "NON", "Name": "NON", "Taxable": False})

        assert (non.kind, non.taxable, non.active) == ("pseudo", False, True)

    def test_rate(self) -> None:
        rate = translate.to_tax_rate(
            {"Id": "8", "Name": "20% S", "RateValue": 20, "AgencyRef": {"value": "1"}}
        )

        assert (rate.percent, rate.agency_id, rate.mappable) == (20, "1", True)

    def test_history_tells_the_present_percent_where_nothing_else_does(self) -> None:
        rate = translate.to_tax_rate(
            {
                "Id": "4",
                "Name": "IE",
                "EffectiveTaxRate": [
                    {"RateValue": 23, "EffectiveDate": "2012-01-01T00:00:00Z"},
                    {
                        "RateValue": Decimal("21.5"),
                        "EffectiveDate": "1970-01-01T00:00:00Z",
                        "EndDate": "2011-12-31T00:00:00Z",
                    },
                    {"RateValue": None},
                    {"RateValue": 5, "EffectiveDate": ""},
                ],
            }
        )

        assert rate.percent == 23
        assert [each.percent for each in rate.history] == [Decimal("21.5"), 23]
        assert rate.percent_on(date(2000, 1, 1)) == Decimal("21.5")

    def test_percent_without_an_end_ends_when_the_next_begins(self) -> None:
        rate = translate.to_tax_rate(
            {
                "Id": "4",
                "EffectiveTaxRate": [
                    {"RateValue": 5, "EffectiveDate": "2008-01-01T00:00:00-08:00"},
                    {"RateValue": 7, "EffectiveDate": "2013-04-01T00:00:00-07:00"},
                ],
            }
        )

        assert rate.percent_on(date(2013, 3, 31)) == 5
        assert rate.percent_on(date(2013, 4, 1)) == 7

    def test_rate_without_any_percent(self) -> None:
        assert translate.to_tax_rate({"Id": "4"}).percent is None

    @pytest.mark.parametrize(
        "fields", [{"SpecialTaxType": "ADJUSTMENT_RATE"}, {"DisplayType": "HideInAll"}]
    )
    def test_rates_that_are_not_for_mapping(self, fields: dict[str, str]) -> None:
        assert not translate.to_tax_rate({"Id": "4", **fields}).mappable


class TestProfile:
    def test_canadian_company(self) -> None:
        profile = translate.to_profile(
            {
                "CompanyName": "Maple",
                "Country": "CA",
                "DefaultTimeZone": "America/Vancouver",
                "NameValue": [
                    {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
                    {"Name": "SubscriptionStatus", "Value": "PAID"},
                ],
            },
            {
                "AccountingInfoPrefs": {
                    "BookCloseDate": "2025-12-31",
                    "ClassTrackingPerTxnLine": True,
                    "TrackDepartments": True,
                },
                "SalesFormsPrefs": {"CustomTxnNumbers": True, "AutoApplyCredit": True},
                "TaxPrefs": {"UsingSalesTax": True},
                "CurrencyPrefs": {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "CAD"}},
            },
        )

        assert (profile.name, profile.country, profile.home_currency) == ("Maple", "CA", "CAD")
        assert (profile.time_zone, profile.tax_model) == ("America/Vancouver", TaxModel.GLOBAL)
        assert (profile.multicurrency, profile.custom_numbers) == (True, True)
        assert (profile.auto_apply_credits, profile.auto_apply_payments) == (True, False)
        assert profile.books_closed_until == date(2025, 12, 31)
        tracked = (profile.classes_on_documents, profile.classes_on_lines, profile.locations)
        assert tracked == (False, True, True)
        assert (profile.plan, profile.subscription) == ("QuickBooks Online Plus", "PAID")
        assert profile.needs_expense_account

    @pytest.mark.parametrize(
        ("info", "country", "currency", "zone"),
        [
            ({"Country": "UK"}, "GB", "GBP", "Europe/London"),
            ({"Country": "gb"}, "GB", "GBP", "Europe/London"),
            ({"Country": "IE"}, "IE", "EUR", "Europe/Dublin"),
            ({"Country": "US"}, "US", "USD", "America/Los_Angeles"),
            ({}, "US", "USD", "America/Los_Angeles"),
            ({"CompanyAddr": {"Country": "AUS"}}, "AU", "AUD", "Australia/Sydney"),
            ({"CompanyAddr": {}}, "US", "USD", "America/Los_Angeles"),
            ({"Country": "XX"}, "XX", "USD", "UTC"),
            ({"Country": "US", "DefaultTimeZone": "America"}, "US", "USD", "America/Los_Angeles"),
            ({"Country": "US", "DefaultTimeZone": "../x"}, "US", "USD", "America/Los_Angeles"),
            ({"Country": "US", "DefaultTimeZone": "Mars/X"}, "US", "USD", "America/Los_Angeles"),
        ],
    )
    def test_what_is_not_told_follows_the_country(
        self, info: dict[str, Any], country: str, currency: str, zone: str
    ) -> None:
        profile = translate.to_profile(info, {})

        assert (profile.country, profile.home_currency, profile.time_zone) == (
            country,
            currency,
            zone,
        )

    def test_silent_company_with_foreign_money_is_not_american(self) -> None:
        profile = translate.to_profile({}, {"CurrencyPrefs": {"HomeCurrency": {"value": "EUR"}}})

        assert (profile.country, profile.tax_model) == ("", TaxModel.GLOBAL)

    @pytest.mark.parametrize(
        ("using", "partner", "model"),
        [
            (True, True, TaxModel.US_AST),
            (None, True, TaxModel.US_AST),
            (False, False, TaxModel.US_AST_UNSET),
            (True, None, TaxModel.US_MANUAL),
            (False, None, TaxModel.US_NONE),
            (None, None, TaxModel.US_NONE),
        ],
    )
    def test_american_tax_models(
        self, using: bool | None, partner: bool | None, model: TaxModel
    ) -> None:
        prefs = TaxPrefs.model_validate({"UsingSalesTax": using, "PartnerTaxEnabled": partner})

        assert translate.tax_model("US", prefs) is model


class TestDocuments:
    def test_invoice(self) -> None:
        document = translate.to_document(Kind.INVOICE, INVOICE_ROW)

        assert (document.external_id, document.sync_token) == ("145", "3")
        assert (document.number, document.marker) == ("INV-1001", MARKER)
        assert (document.total, document.tax, document.balance) == (
            Decimal("176.4"),
            Decimal("29.4"),
            Decimal("176.4"),
        )
        assert (document.customer_id, document.currency) == ("58", "GBP")
        assert document.txn_date == date(2026, 3, 1)
        assert document.applied == ()
        assert not document.voided
        assert document.source is INVOICE_ROW

    def test_invoice_without_tax_block_has_no_tax(self) -> None:
        assert translate.to_document(Kind.INVOICE, {"Id": "1"}).tax == 0

    def test_void_invoice(self) -> None:
        row = {"Id": "1", "TotalAmt": 0, "PrivateNote": f"Voided - {MARKER}"}

        document = translate.to_document(Kind.INVOICE, row)

        assert (document.voided, document.marker) == (True, MARKER)

    def test_payment(self) -> None:
        document = translate.to_document(Kind.PAYMENT, PAYMENT_ROW)

        assert (document.number, document.tax, document.unapplied) == (
            "ch_3Px",
            None,
            Decimal("39.62"),
        )
        assert document.applied == (
            Applied(kind=Kind.INVOICE, external_id="145", amount=Decimal("260.38")),
        )

    def test_application_shows_both_sides(self) -> None:
        row = {
            "Id": "1",
            "TotalAmt": 0,
            "Line": [
                {"Amount": 5, "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}]},
                {"Amount": 5, "LinkedTxn": [{"TxnId": "151", "TxnType": "CreditMemo"}]},
                {"Amount": 5, "LinkedTxn": [{"TxnId": "9", "TxnType": "Check"}]},
                {"LinkedTxn": [{"TxnId": "8", "TxnType": "Expense"}, {"TxnType": "Invoice"}]},
            ],
        }

        document = translate.to_document(Kind.APPLICATION, row)

        assert [(each.kind, each.external_id, each.amount) for each in document.applied] == [
            (Kind.INVOICE, "145", 5),
            (Kind.CREDIT_MEMO, "151", 5),
            (Kind.REFUND, "8", 0),
        ]

    @pytest.mark.parametrize("row", [{"RemainingCredit": 3, "Balance": 9}, {"Balance": 3}])
    def test_what_is_left_of_a_credit_memo(self, row: dict[str, Any]) -> None:
        assert translate.to_document(Kind.CREDIT_MEMO, {"Id": "1", **row}).unapplied == 3

    def test_customer(self) -> None:
        row = {"Id": "1", "DisplayName": "Acme (deleted)", "Active": False, "Notes": MARKER}

        document = translate.to_document(Kind.CUSTOMER, row)

        assert (document.name, document.active, document.marker) == (
            "Acme (deleted)",
            False,
            MARKER,
        )
        assert document.total is None

    def test_item(self) -> None:
        document = translate.to_document(Kind.ITEM, {"Id": "1", "SyncToken": "2", "Name": "Pro"})

        assert (document.name, document.sync_token, document.marker) == ("Pro", "2", None)

    @pytest.mark.parametrize("kind", [Kind.INVOICE, Kind.CUSTOMER, Kind.ITEM])
    def test_document_without_id_is_none(self, kind: Kind) -> None:
        with pytest.raises(OutcomeUnknown):
            translate.to_document(kind, {"SyncToken": "0"})


class TestParts:
    def test_lines_and_taxes(self) -> None:
        """
        Subtotals are no lines, a discount takes off, a bundle counts by what is in it.
        """
        row = {
            "Id": "1",
            "Line": [
                {
                    "Amount": 100,
                    "Description": "Plan",
                    "DetailType": "SalesItemLineDetail",
                    "SalesItemLineDetail": {
                        "ItemRef": {"value": "7"},
                        "TaxCodeRef": {"value": "3"},
                    },
                },
                {
                    "DetailType": "GroupLineDetail",
                    "GroupLineDetail": {
                        "Line": [{"Amount": 5, "DetailType": "SalesItemLineDetail"}]
                    },
                },
                {"Amount": 10, "DetailType": "DiscountLineDetail"},
                {"Amount": 95, "DetailType": "SubTotalLineDetail"},
            ],
            "TxnTaxDetail": {
                "TotalTax": 5,
                "TaxLine": [
                    {
                        "Amount": 5,
                        "TaxLineDetail": {"TaxRateRef": {"value": "4"}, "TaxPercent": 5},
                    }
                ],
            },
        }

        parts = translate.to_parts(row)

        assert [(line.amount, line.item_id, line.tax_code_id) for line in parts.lines] == [
            (100, "7", "3"),
            (5, None, None),
            (-10, None, None),
        ]
        assert [(tax.rate_id, tax.amount, tax.percent) for tax in parts.taxes] == [("4", 5, 5)]

    def test_a_document_without_any(self) -> None:
        assert translate.to_parts({"Id": "1"}) == DocumentParts()
