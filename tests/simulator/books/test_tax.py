from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench

D = Decimal


def tax_detail(bench: Bench, **amounts: str) -> dict[str, Any]:
    """TaxLines as a client sends them; keys are rate names with spaces as underscores."""
    lines = [
        {
            "Amount": D(amount),
            "DetailType": "TaxLineDetail",
            "TaxLineDetail": {"TaxRateRef": {"value": bench.rates[name.replace("_", " ")]}},
        }
        for name, amount in amounts.items()
    ]
    total = sum((line["Amount"] for line in lines), D(0))
    return {"TotalTax": total, "TaxLine": lines}


class TestGlobal:
    def test_line_without_code(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale(bench.line("1.00", None))

        assert refused.value.code == "6000"
        assert refused.value.errors[0].detail == (
            "Business Validation Error: "
            "Make sure all your transactions have a GST/HST rate before you save."
        )

    @pytest.mark.parametrize(
        ("code", "tax"),
        [
            ("HST ON", "13.00"),
            ("GST/QST QC - 9.975", "14.98"),
            ("Exempt", "0.00"),
            ("Zero-rated", "0.00"),
            ("Out of Scope", "0.00"),
        ],
    )
    def test_codes(self, bench: Bench, code: str, tax: str) -> None:
        row = bench.sale(bench.line("100.00", code))

        assert row["TxnTaxDetail"]["TotalTax"] == D(tax)
        assert row["TxnTaxDetail"]["TaxLine"]

    def test_each_rate_is_rounded_by_itself(self, bench: Bench) -> None:
        """
        10.10 at 5 % and 7 % is 0.51 and 0.71, not 12 % which would be 1.21.
        """
        assert bench.sale(bench.line("10.10", "GST/PST BC"))["TxnTaxDetail"]["TotalTax"] == D(
            "1.22"
        )

    def test_percentage_of_the_day(self, bench: Bench) -> None:
        before = bench.sale(bench.line("100.00", "HST NS"), TxnDate="2025-03-31")
        after = bench.sale(bench.line("100.00", "HST NS"), TxnDate="2025-04-01")

        assert before["TxnTaxDetail"]["TotalTax"] == D("15.00")
        assert after["TxnTaxDetail"]["TotalTax"] == D("14.00")

    def test_rate_with_a_history_has_no_single_value(self, bench: Bench) -> None:
        row = bench.company.get("TaxRate", bench.rates["HST NS"])

        assert "RateValue" not in row
        assert len(row["EffectiveTaxRate"]) == 2

    def test_purchase_code_cannot_be_sold_with(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale(bench.line("100.00", "GST on imports"))
        assert refused.value.code == "6000"

    def test_unknown_and_inactive_codes(self, bench: Bench) -> None:
        with pytest.raises(Fault) as unknown:
            bench.sale(bench.line("1.00", "404"))
        with pytest.raises(Fault) as inactive:
            bench.sale(bench.line("1.00", "GST 6%"))

        assert "TaxCodes element id 404 not found" in unknown.value.errors[0].detail
        assert inactive.value.code == "610"


class TestOverride:
    def test_sent_amounts_are_kept(self, bench: Bench) -> None:
        row = bench.sale(
            bench.line("100.00", "GST/PST BC"),
            TxnTaxDetail=tax_detail(bench, GST="5.01", PST_BC="6.99"),
        )

        assert [line["Amount"] for line in row["TxnTaxDetail"]["TaxLine"]] == [D("5.01"), D("6.99")]
        assert row["TotalAmt"] == D("112.00")

    @pytest.mark.parametrize(
        "amounts", [{"HST_ON": "13.00"}, {"GST": "5.00"}, {"GST": "5.00", "QST_9.975": "7.00"}]
    )
    def test_rates_must_be_those_of_the_lines(self, bench: Bench, amounts: dict[str, str]) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale(
                bench.line("100.00", "GST/PST BC"), TxnTaxDetail=tax_detail(bench, **amounts)
            )
        assert refused.value.code == "6000"

    def test_total_must_be_the_sum(self, bench: Bench) -> None:
        detail = {**tax_detail(bench, GST="5.00"), "TotalTax": D("5.01")}

        with pytest.raises(Fault):
            bench.sale(bench.line("100.00", "GST"), TxnTaxDetail=detail)

    def test_total_alone_is_not_honoured(self, bench: Bench) -> None:
        row = bench.sale(bench.line("100.00", "GST"), TxnTaxDetail={"TotalTax": D("9.00")})

        assert row["TxnTaxDetail"]["TotalTax"] == D("5.00")

    def test_new_lines_with_the_old_tax_keep_the_old_tax(self, bench: Bench) -> None:
        row = bench.sale(bench.line("100.00", "GST"))

        stale = bench.change(
            "Invoice",
            row,
            Line=[bench.line("200.00", "GST")],
            TxnTaxDetail=tax_detail(bench, GST="5.00"),
        )
        fresh = bench.change("Invoice", row, Line=[bench.line("200.00", "GST")])

        assert stale["TotalAmt"] == D("205.00")
        assert fresh["TotalAmt"] == D("210.00")

    def test_override_outlives_a_change_of_the_note(self, bench: Bench) -> None:
        row = bench.sale(bench.line("100.00", "GST"), TxnTaxDetail=tax_detail(bench, GST="5.01"))

        assert bench.change("Invoice", row, PrivateNote="n")["TotalAmt"] == D("105.01")


class TestCalculation:
    def test_inclusive_total_is_the_gross(self, bench: Bench) -> None:
        line = bench.line("9.52", "GST", TaxInclusiveAmt=D("10.00"))

        row = bench.sale(line, line, line, GlobalTaxCalculation="TaxInclusive")

        assert row["TotalAmt"] == D("30.00")
        assert row["TxnTaxDetail"]["TotalTax"] == D("1.44")

    def test_inclusive_amounts_must_fit_the_rate(self, bench: Bench) -> None:
        line = bench.line("100.00", "GST", TaxInclusiveAmt=D("120.00"))

        with pytest.raises(Fault):
            bench.sale(line, GlobalTaxCalculation="TaxInclusive")

    def test_not_applicable_has_no_tax(self, bench: Bench) -> None:
        row = bench.sale(bench.line("100.00", None), GlobalTaxCalculation="NotApplicable")

        assert row["TotalAmt"] == D("100.00")
        assert row["TxnTaxDetail"] == {"TotalTax": D("0.00")}

    def test_not_applicable_with_tax(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale(
                bench.line("100.00", "GST"),
                GlobalTaxCalculation="NotApplicable",
                TxnTaxDetail=tax_detail(bench, GST="5.00"),
            )
        assert refused.value.code == "6170"

    def test_company_without_sales_tax(self, bench: Bench) -> None:
        bench.company.set_preference("TaxPrefs.UsingSalesTax", False)

        row = bench.sale(bench.line("100.00", None))

        assert "TxnTaxDetail" not in row
        assert row["TotalAmt"] == D("100.00")
