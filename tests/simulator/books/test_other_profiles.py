from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.books.faults import Fault
from simulator.profiles import PROFILES
from tests.simulator.books.builders import Bench

D = Decimal
TUCSON = {"ShipAddr": {"Line1": "1 Canyon Rd", "CountrySubDivisionCode": "AZ"}}


def us_detail(bench: Bench, total: str | None = None, *amounts: str) -> dict[str, Any]:
    """Header code Tucson, optionally with total and lines."""
    detail: dict[str, Any] = {"TxnTaxCodeRef": {"value": bench.codes["Tucson"]}}
    if total is not None:
        detail["TotalTax"] = D(total)
    if amounts:
        names = ("AZ State tax", "Tucson City")
        detail["TaxLine"] = [
            {
                "Amount": D(amount),
                "DetailType": "TaxLineDetail",
                "TaxLineDetail": {"TaxRateRef": {"value": bench.rates[name]}},
            }
            for name, amount in zip(names, amounts, strict=True)
        ]
    return detail


class TestFounding:
    @pytest.mark.parametrize("name", PROFILES)
    def test_a_sale_can_be_made_and_balances(self, name: str) -> None:
        bench = Bench(name)

        more = {"CurrencyRef": {"value": "CAD"}} if name == "multicurrency" else {}
        code = bench.codes.get("BAS Excluded", "-")
        row = bench.sale(bench.line(code=code), **more)

        assert row["TotalAmt"] == D("100.00")
        assert row["CurrencyRef"]["value"] == PROFILES[name].currency
        assert bench.out_of_balance() == 0

    @pytest.mark.parametrize("name", ["us_ast", "us_manual"])
    def test_us_pseudo_codes(self, name: str) -> None:
        row = Bench(name).company.get("TaxCode", "TAX")

        assert "SyncToken" not in row
        assert "Active" not in row

    def test_partner_tax_tells_ast_from_manual(self) -> None:
        ast, manual = (
            Bench(name).company.get("Preferences", "1")["TaxPrefs"]
            for name in ("us_ast", "us_manual")
        )

        assert ast["PartnerTaxEnabled"] is True
        assert "PartnerTaxEnabled" not in manual


class TestRules:
    def test_change(self) -> None:
        rules = Bench().company.rules

        rules.change({"over_application_code": "620", "ast_difference": "0.01"})

        assert rules.to_json()["over_application_code"] == "620"
        assert rules.ast_difference == D("0.01")

    @pytest.mark.parametrize(
        "values", [{"nonsense": True}, {"delete_linked": "x"}, {"flatten_addresses": "yes"}]
    )
    def test_all_or_nothing(self, values: dict[str, Any]) -> None:
        rules = Bench().company.rules

        with pytest.raises(ValueError, match=r"rules|must be"):
            rules.change({"over_application_code": "620", **values})

        assert rules.over_application_code == "6000"

    def test_each_company_has_its_own(self) -> None:
        Bench().company.rules.delete_linked = "unlink"

        assert Bench().company.rules.delete_linked == "refuse"


class TestUsManual:
    def test_worked_example_of_tucson(self) -> None:
        bench = Bench("us_manual")

        row = bench.sale(
            bench.line("147.00", "TAX"),
            bench.line("100.00", "NON"),
            TxnTaxDetail=us_detail(bench, "13.38", "10.44", "2.94"),
        )

        assert row["TotalAmt"] == D("260.38")
        assert row["TxnTaxDetail"]["TxnTaxCodeRef"] == {"value": bench.codes["Tucson"]}
        line = row["TxnTaxDetail"]["TaxLine"][0]["TaxLineDetail"]
        assert line["NetAmountTaxable"] == D("147.00")
        assert bench.out_of_balance() == 0

    def test_code_alone_brings_nothing_by_rule(self) -> None:
        bench = Bench("us_manual")
        line = bench.line("147.00", "TAX")

        assert bench.sale(line, TxnTaxDetail=us_detail(bench))["TotalAmt"] == D("147.00")
        bench.company.rules.manual_code_alone = "compute"
        assert bench.sale(line, TxnTaxDetail=us_detail(bench))["TotalAmt"] == D("160.38")

    def test_no_header_code_no_tax(self) -> None:
        bench = Bench("us_manual")

        row = bench.sale(bench.line("147.00", "TAX"))

        assert row["TxnTaxDetail"] == {"TotalTax": D("0.00")}

    def test_missing_line_code_is_non(self) -> None:
        bench = Bench("us_manual")

        row = bench.sale(bench.line("147.00", None))

        assert row["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "NON"}

    def test_line_code_must_be_a_pseudo_code(self) -> None:
        bench = Bench("us_manual")

        with pytest.raises(Fault) as refused:
            bench.sale(bench.line("1.00", "Tucson"))
        assert refused.value.code == "6100"

    def test_exempt_customer_wins(self) -> None:
        bench = Bench("us_manual")
        bench.change("Customer", {"Id": bench.customer}, Taxable=False)

        row = bench.sale(
            bench.line("147.00", "TAX"), TxnTaxDetail=us_detail(bench, "13.38", "10.44", "2.94")
        )

        assert row["TotalAmt"] == D("147.00")

    def test_global_calculation_is_refused(self) -> None:
        bench = Bench("us_manual")

        with pytest.raises(Fault):
            bench.sale(GlobalTaxCalculation="TaxExcluded")

        bench.company.rules.us_refuses_global_calculation = False
        assert "GlobalTaxCalculation" not in bench.sale(GlobalTaxCalculation="TaxExcluded")

    def test_discount_after_or_before_tax(self) -> None:
        bench = Bench("us_manual")
        bench.company.rules.manual_code_alone = "compute"
        discount = {"Amount": D("47.00"), "DetailType": "DiscountLineDetail"}
        lines = (bench.line("147.00", "TAX"), discount)

        plain = bench.sale(*lines, TxnTaxDetail=us_detail(bench))
        after = bench.sale(*lines, TxnTaxDetail=us_detail(bench), ApplyTaxAfterDiscount=True)

        assert plain["TxnTaxDetail"]["TotalTax"] == D("13.38")
        assert after["TxnTaxDetail"]["TotalTax"] == D("9.10")


class TestUsAst:
    def test_address_decides(self) -> None:
        bench = Bench("us_ast")

        taxed = bench.sale(bench.line("147.00", "TAX"), **TUCSON)
        elsewhere = bench.sale(bench.line("147.00", "TAX"))

        assert taxed["TxnTaxDetail"]["TotalTax"] == D("13.38")
        assert taxed["TxnTaxDetail"]["TxnTaxCodeRef"] == {"value": bench.codes["Tucson"]}
        assert elsewhere["TotalAmt"] == D("147.00")

    def test_explicit_total_is_kept_and_lines_are_not(self) -> None:
        bench = Bench("us_ast")

        row = bench.sale(
            bench.line("147.00", "TAX"),
            TxnTaxDetail=us_detail(bench, "13.00", "1.00", "12.00"),
            **TUCSON,
        )

        amounts = [line["Amount"] for line in row["TxnTaxDetail"]["TaxLine"]]
        assert row["TotalAmt"] == D("160.00")
        assert amounts == [D("10.14"), D("2.86")]

    def test_override_can_be_off(self) -> None:
        bench = Bench("us_ast")
        bench.company.rules.ast_override = False

        row = bench.sale(
            bench.line("147.00", "TAX"), TxnTaxDetail=us_detail(bench, "13.00"), **TUCSON
        )

        assert row["TotalAmt"] == D("160.38")

    def test_difference(self) -> None:
        bench = Bench("us_ast")
        bench.company.rules.ast_difference = D("0.01")

        row = bench.sale(bench.line("147.00", "TAX"), **TUCSON)

        assert row["TxnTaxDetail"]["TotalTax"] == D("13.39")
        assert bench.out_of_balance() == 0

    @pytest.mark.parametrize(("rule", "tax"), [("TAX", "13.38"), ("NON", "0.00")])
    def test_missing_line_code(self, rule: Any, tax: str) -> None:
        bench = Bench("us_ast")
        bench.company.rules.ast_missing_code = rule

        row = bench.sale(bench.line("147.00", None), **TUCSON)

        assert row["TxnTaxDetail"]["TotalTax"] == D(tax)


class TestUk:
    def test_worked_example(self) -> None:
        bench = Bench("uk")

        row = bench.sale(bench.line("200.00", "20.0% S"), bench.line("50.00", "0.0% Z"))

        assert row["TotalAmt"] == D("290.00")
        assert [line["Amount"] for line in row["TxnTaxDetail"]["TaxLine"]] == [
            D("40.00"),
            D("0.00"),
        ]

    def test_text_names_vat(self) -> None:
        bench = Bench("uk")

        with pytest.raises(Fault, match="have a VAT rate before you save"):
            bench.sale(bench.line("1.00", None))


class TestUsNone:
    def test_tax_is_neither_computed_nor_stored(self) -> None:
        bench = Bench("us_none")

        row = bench.sale(bench.line("100.00", "TAX"), TxnTaxDetail={"TotalTax": D("9.00")})

        assert "TxnTaxDetail" not in row
        assert row["TotalAmt"] == D("100.00")


class TestMulticurrency:
    @pytest.fixture
    def bench(self) -> Bench:
        bench = Bench("multicurrency")
        bench.customer = bench.new(
            "Customer", DisplayName="Acme (USD)", CurrencyRef={"value": "USD"}
        )["Id"]
        return bench

    def test_gain_when_the_rate_rises(self, bench: Bench) -> None:
        usd = {"value": "USD"}
        invoice = bench.sale(CurrencyRef=usd, ExchangeRate=D("1.30"))

        bench.pay("100.00", (invoice, "100.00"), CurrencyRef=usd, ExchangeRate=D("1.40"))

        balances = bench.company.trial_balance()
        assert invoice["HomeTotalAmt"] == D("130.00")
        assert balances == {
            bench.accounts["Services"]: D("-130.00"),
            bench.accounts["Undeposited Funds"]: D("140.00"),
            bench.accounts["Exchange Gain or Loss"]: D("-10.00"),
        }
        assert bench.company.get("Customer", bench.customer)["Balance"] == 0
        assert bench.see("Invoice", invoice)["HomeBalance"] == 0

    def test_each_currency_has_its_receivable(self, bench: Bench) -> None:
        bench.sale(CurrencyRef={"value": "USD"})

        receivable = bench.accounts["Accounts Receivable (A/R) - USD"]
        assert bench.company.trial_balance()[receivable] == D("136.00")

    @pytest.mark.parametrize(("currency", "code"), [(None, "2020"), ("CAD", "6000")])
    def test_currency_is_needed_and_must_be_the_customers(
        self, bench: Bench, currency: str | None, code: str
    ) -> None:
        more = {"CurrencyRef": {"value": currency}} if currency else {}

        with pytest.raises(Fault) as refused:
            bench.sale(**more)
        assert refused.value.code == code

    def test_currency_of_a_customer_is_fixed(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.change("Customer", {"Id": bench.customer}, CurrencyRef={"value": "EUR"})
        assert refused.value.code == "6000"

    def test_rate_of_the_day(self, bench: Bench) -> None:
        bench.new("ExchangeRate", SourceCurrencyCode="USD", Rate=D("1.25"), AsOfDate="2026-02-01")

        assert bench.sale(CurrencyRef={"value": "USD"})["ExchangeRate"] == D("1.25")
        assert "Id" not in bench.company.rows("ExchangeRate")[0]

    def test_cents_of_several_lines_stay_balanced(self, bench: Bench) -> None:
        rate = D("1.357913")
        lines = [bench.line(amount, "GST/PST BC") for amount in ("0.01", "10.10", "33.33")]

        invoice = bench.sale(*lines, CurrencyRef={"value": "USD"}, ExchangeRate=rate)
        bench.company.void("Invoice", bench.at("Invoice", invoice))

        assert bench.company.trial_balance() == {}
