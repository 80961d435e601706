from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench

D = Decimal


def side(
    bench: Bench, posting: str, account: str, amount: str, customer: str | None = None, **more: Any
) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "PostingType": posting,
        "AccountRef": {"value": bench.accounts[account]},
        **more,
    }
    if customer is not None:
        detail["Entity"] = {"Type": "Customer", "EntityRef": {"value": customer}}
    return {
        "Amount": D(amount),
        "DetailType": "JournalEntryLineDetail",
        "JournalEntryLineDetail": detail,
    }


def summary(bench: Bench, amount: str = "100.00") -> dict[str, Any]:
    """A day of invoices against the master customer."""
    return bench.new(
        "JournalEntry",
        DocNumber="SUM-20260301-INV",
        TxnDate="2026-03-01",
        Line=[
            side(bench, "Debit", "Accounts Receivable (A/R)", amount, bench.customer),
            side(bench, "Credit", "Services", amount),
        ],
    )


class TestJournalEntry:
    def test_summary_against_the_master_customer(self, bench: Bench) -> None:
        row = summary(bench)

        assert row["TotalAmt"] == 0
        assert row["DocNumber"] == "SUM-20260301-INV"
        assert row["TxnTaxDetail"] == {}
        assert [line["Id"] for line in row["Line"]] == ["0", "1"]
        entity = row["Line"][0]["JournalEntryLineDetail"]["Entity"]
        assert entity["EntityRef"] == {"value": bench.customer, "name": "Acme Rockets"}
        assert bench.company.get("Customer", bench.customer)["Balance"] == D("100.00")
        assert bench.out_of_balance() == 0

    @pytest.mark.parametrize(
        ("lines", "code"),
        [
            ([("Debit", "Checking", "1.00"), ("Credit", "Services", "1.01")], "2300"),
            ([("Debit", "Checking", "0"), ("Credit", "Services", "0")], "6000"),
            ([("Debit", "Checking", "-1"), ("Credit", "Services", "-1")], "2290"),
            ([("Up", "Checking", "1"), ("Credit", "Services", "1")], "2170"),
            ([], "2020"),
            (
                [("Debit", "Accounts Receivable (A/R)", "1"), ("Credit", "Services", "1")],
                "6000",
            ),
            ([("Debit", "Checking", "1"), ("Credit", "Accounts Payable (A/P)", "1")], "6000"),
            ([("Debit", "Checking", "1"), ("Credit", "GST/HST Payable", "1")], "6470"),
        ],
    )
    def test_refusals(self, bench: Bench, lines: list[tuple[str, str, str]], code: str) -> None:
        with pytest.raises(Fault) as refused:
            bench.new("JournalEntry", Line=[side(bench, *line) for line in lines])

        assert refused.value.code == code
        assert bench.company.trial_balance() == {}

    @pytest.mark.parametrize(
        ("field", "length"), [("DocNumber", 21), ("PrivateNote", 4000), ("Description", 4000)]
    )
    def test_lengths(self, bench: Bench, field: str, length: int) -> None:
        lines = [side(bench, "Debit", "Checking", "1"), side(bench, "Credit", "Services", "1")]
        head: dict[str, Any] = {} if field == "Description" else {field: "x" * (length + 1)}
        if field == "Description":
            lines[0][field] = "x" * (length + 1)

        with pytest.raises(Fault) as refused:
            bench.new("JournalEntry", Line=lines, **head)

        [error] = refused.value.errors
        assert (error.code, error.element) == ("2050", field)

    def test_unknown_and_inactive_accounts_and_customers(self, bench: Bench) -> None:
        savings = bench.company.get("Account", bench.accounts["Savings"])
        bench.change("Account", savings, Active=False)
        gone = bench.new("Customer", DisplayName="Gone")
        bench.change("Customer", gone, Active=False)
        bench.accounts["Nowhere"] = "999999"
        codes = []

        for account, customer in (
            ("Nowhere", None),
            ("Savings", None),
            ("Accounts Receivable (A/R)", "999999"),
            ("Accounts Receivable (A/R)", gone["Id"]),
        ):
            debit = side(bench, "Debit", account, "1.00", customer)
            with pytest.raises(Fault) as refused:
                bench.new("JournalEntry", Line=[debit, side(bench, "Credit", "Services", "1.00")])
            codes.append(refused.value.code)

        assert codes == ["2500", "610", "2500", "610"]

    def test_closed_period(self, bench: Bench) -> None:
        row = summary(bench)
        bench.company.close_books(date(2026, 3, 1))

        for attempt in (
            lambda: summary(bench),
            lambda: bench.change("JournalEntry", row, PrivateNote="n"),
            lambda: bench.company.delete("JournalEntry", bench.at("JournalEntry", row)),
        ):
            with pytest.raises(Fault) as refused:
                attempt()
            assert refused.value.code == "6210"

    def test_number_is_kept_whatever_sales_forms_do(self, bench: Bench) -> None:
        bench.company.set_preference("SalesFormsPrefs.CustomTxnNumbers", False)

        assert summary(bench)["DocNumber"] == summary(bench)["DocNumber"] == "SUM-20260301-INV"

    def test_number_of_another_entry_is_refused_by_rule(self, bench: Bench) -> None:
        bench.company.rules.journal_duplicate_docnum = "refuse"
        row = summary(bench)

        with pytest.raises(Fault) as refused:
            summary(bench)
        assert refused.value.code == "6140"

        bench.company.delete("JournalEntry", bench.at("JournalEntry", row))
        assert summary(bench)["DocNumber"] == "SUM-20260301-INV"

    def test_entries_are_not_voided(self, bench: Bench) -> None:
        row = summary(bench)

        with pytest.raises(Fault):
            bench.company.void("JournalEntry", bench.at("JournalEntry", row))
        assert bench.see("JournalEntry", row)["SyncToken"] == "0"

    def test_lines_of_us_companies_have_no_tax_code(self) -> None:
        bench = Bench("us_manual")
        line = side(bench, "Credit", "Services", "1.00", TaxCodeRef={"value": "TAX"})

        with pytest.raises(Fault) as refused:
            bench.new("JournalEntry", Line=[side(bench, "Debit", "Checking", "1.00"), line])

        assert refused.value.code == "6100"

    def test_one_receivable_line_by_rule(self, bench: Bench) -> None:
        lines = [
            side(bench, "Debit", "Accounts Receivable (A/R)", "1.00", bench.customer),
            side(bench, "Credit", "Accounts Receivable (A/R)", "1.00", bench.customer),
        ]

        with pytest.raises(Fault):
            bench.new("JournalEntry", Line=lines)

        bench.company.rules.several_receivable_lines = True
        bench.new("JournalEntry", Line=lines)

    def test_tax_goes_to_the_agencies(self, bench: Bench) -> None:
        line = side(bench, "Credit", "Services", "100.00", TaxApplicableOn="Sales")
        detail = line["JournalEntryLineDetail"]
        detail |= {"TaxCodeRef": {"value": bench.codes["GST/PST BC"]}, "TaxAmount": D("12.00")}

        bench.new("JournalEntry", Line=[side(bench, "Debit", "Checking", "112.00"), line])

        balances = bench.company.trial_balance()
        assert balances[bench.accounts["GST/HST Payable"]] == D("-5.00")
        assert balances[bench.accounts["PST Payable (BC)"]] == D("-7.00")

    @pytest.mark.parametrize(
        ("lacking", "code"), [("TaxApplicableOn", "2270"), ("TaxAmount", "2280")]
    )
    def test_tax_code_needs_its_attributes(self, bench: Bench, lacking: str, code: str) -> None:
        line = side(bench, "Credit", "Services", "100.00", TaxApplicableOn="Sales")
        detail = line["JournalEntryLineDetail"]
        detail |= {"TaxCodeRef": {"value": bench.codes["GST"]}, "TaxAmount": D("5.00")}
        del detail[lacking]

        with pytest.raises(Fault) as refused:
            bench.new("JournalEntry", Line=[side(bench, "Debit", "Checking", "105.00"), line])
        assert refused.value.code == code

    def test_income_lines_may_need_a_code_by_rule(self, bench: Bench) -> None:
        bench.company.rules.journal_needs_tax_code = True

        with pytest.raises(Fault, match="GST/HST rate"):
            summary(bench)

    def test_payment_settles_an_entry(self, bench: Bench) -> None:
        entry = summary(bench)
        link = {"TxnId": entry["Id"], "TxnType": "JournalEntry"}

        bench.pay("100.00", Line=[{"Amount": D("100.00"), "LinkedTxn": [link]}])

        assert bench.company.get("Customer", bench.customer)["Balance"] == 0
        for attempt in (
            lambda: bench.company.delete("JournalEntry", bench.at("JournalEntry", entry)),
            lambda: bench.pay("1.00", Line=[{"Amount": D("1.00"), "LinkedTxn": [link]}]),
        ):
            with pytest.raises(Fault):
                attempt()

    def test_update_and_delete(self, bench: Bench) -> None:
        row = summary(bench)

        row = bench.change("JournalEntry", row, PrivateNote="n")
        assert (row["SyncToken"], row["PrivateNote"]) == ("1", "n")
        bench.company.delete("JournalEntry", bench.at("JournalEntry", row))

        assert bench.company.trial_balance() == {}
        assert bench.company.get("Customer", bench.customer)["Balance"] == 0


class TestSeveralCurrencies:
    @pytest.fixture
    def several(self) -> Bench:
        return Bench("multicurrency")

    def entry(self, bench: Bench, receivable: str, customer: str, **more: Any) -> dict[str, Any]:
        debit = side(bench, "Debit", "Services", "100.00", customer)
        debit["JournalEntryLineDetail"]["AccountRef"] = {"value": receivable}
        return bench.new(
            "JournalEntry", Line=[debit, side(bench, "Credit", "Services", "100.00")], **more
        )

    def foreign(self, bench: Bench) -> tuple[str, str]:
        """Return a receivable account and a customer in US dollars."""
        receivable = bench.new(
            "Account",
            Name="A/R - USD",
            AccountType="Accounts Receivable",
            CurrencyRef={"value": "USD"},
        )
        customer = bench.new("Customer", DisplayName="US", CurrencyRef={"value": "USD"})
        return receivable["Id"], customer["Id"]

    def test_entry_in_its_own_currency(self, several: Bench) -> None:
        receivable, customer = self.foreign(several)

        row = self.entry(
            several,
            receivable,
            customer,
            CurrencyRef={"value": "USD"},
            ExchangeRate=D("1.25"),
        )

        assert (row["CurrencyRef"]["value"], row["ExchangeRate"]) == ("USD", D("1.25"))
        assert several.company.trial_balance()[several.accounts["Services"]] == D("-125.00")

    def test_what_does_not_fit_together(self, several: Bench) -> None:
        receivable, customer = self.foreign(several)
        home = several.accounts["Accounts Receivable (A/R)"]
        usd: dict[str, Any] = {"CurrencyRef": {"value": "USD"}, "ExchangeRate": D("1.25")}
        cad: dict[str, Any] = {"CurrencyRef": {"value": "CAD"}}
        codes = []

        for account, person, more in (
            (home, several.customer, usd),
            (receivable, customer, cad),
            (receivable, several.customer, usd),
            (receivable, customer, {}),
        ):
            with pytest.raises(Fault) as refused:
                self.entry(several, account, person, **more)
            codes.append(refused.value.code)

        assert codes == ["6000", "6000", "6000", "2020"]


class TestPurchase:
    def test_expense_with_recoverable_tax(self, bench: Bench) -> None:
        line = {
            "Amount": D("100.00"),
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": {
                "AccountRef": {"value": bench.accounts["Bank Charges"]},
                "TaxCodeRef": {"value": bench.codes["GST/PST BC"]},
            },
        }

        row = bench.new(
            "Purchase",
            PaymentType="Check",
            AccountRef={"value": bench.accounts["Checking"]},
            Line=[line],
        )

        assert row["TotalAmt"] == D("105.00")
        assert bench.company.trial_balance()[bench.accounts["Checking"]] == D("-105.00")

    def test_refund_of_an_overpayment(self, bench: Bench) -> None:
        bench.pay("30.00")
        line = {
            "Amount": D("30.00"),
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": {
                "AccountRef": {"value": bench.accounts["Accounts Receivable (A/R)"]}
            },
        }

        bench.new(
            "Purchase",
            PaymentType="Check",
            AccountRef={"value": bench.accounts["Checking"]},
            EntityRef={"value": bench.customer, "type": "Customer"},
            Line=[line],
        )

        assert bench.company.get("Customer", bench.customer)["Balance"] == 0
        assert bench.out_of_balance() == 0

    def test_cheques_are_drawn_on_banks(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.new(
                "Purchase",
                PaymentType="Check",
                AccountRef={"value": bench.accounts["Mastercard"]},
                Line=[{"Amount": D(1), "DetailType": "AccountBasedExpenseLineDetail"}],
            )
        assert refused.value.code == "6430"


class TestDeposit:
    def deposit(self, bench: Bench, payment: dict[str, Any]) -> dict[str, Any]:
        fee = {
            "Amount": D("-9.00"),
            "DetailType": "DepositLineDetail",
            "DepositLineDetail": {"AccountRef": {"value": bench.accounts["Bank Charges"]}},
        }
        linked = [{"TxnId": payment["Id"], "TxnType": "Payment"}]
        return bench.new(
            "Deposit",
            DepositToAccountRef={"value": bench.accounts["Checking"]},
            Line=[{"Amount": payment["TotalAmt"], "LinkedTxn": linked}, fee],
        )

    def test_deposit_with_a_fee(self, bench: Bench) -> None:
        payment = bench.pay("300.00")

        row = self.deposit(bench, payment)

        assert row["TotalAmt"] == D("291.00")
        assert row["Line"][0].keys() == {"Amount", "LinkedTxn"}
        assert bench.see("Payment", payment)["LinkedTxn"] == [
            {"TxnId": row["Id"], "TxnType": "Deposit"}
        ]
        assert bench.out_of_balance() == 0

    def test_deposited_payment_is_frozen_until_the_deposit_goes(self, bench: Bench) -> None:
        payment = bench.pay("300.00")
        row = self.deposit(bench, payment)

        for attempt in (
            lambda: bench.change("Payment", payment, PrivateNote="n"),
            lambda: bench.company.void("Payment", bench.at("Payment", payment)),
            lambda: bench.company.delete("Payment", bench.at("Payment", payment)),
        ):
            with pytest.raises(Fault) as refused:
                attempt()
            assert refused.value.code == "6540"

        bench.company.delete("Deposit", bench.at("Deposit", row))
        bench.company.void("Payment", bench.at("Payment", payment))
        assert bench.company.trial_balance() == {}

    def test_nothing_is_deposited_twice(self, bench: Bench) -> None:
        payment = bench.pay("300.00")
        self.deposit(bench, payment)

        with pytest.raises(Fault) as refused:
            self.deposit(bench, payment)
        assert refused.value.code == "620"
