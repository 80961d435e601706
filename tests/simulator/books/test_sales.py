from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench

D = Decimal


class TestInvoice:
    def test_worked_example_of_british_columbia(self, bench: Bench) -> None:
        """
        GST is summed over both lines and rounded once: 169.99 at 5 % is 8.50.
        """
        first = bench.line("149.99", "GST/PST BC", Qty=1, UnitPrice=D("149.99"))

        row = bench.sale(first, bench.line("20.00", "GST"))

        lines = row["TxnTaxDetail"]["TaxLine"]
        assert [line["Amount"] for line in lines] == [D("8.50"), D("10.50")]
        assert [line["TaxLineDetail"]["NetAmountTaxable"] for line in lines] == [
            D("169.99"),
            D("149.99"),
        ]
        assert row["TxnTaxDetail"]["TotalTax"] == D("19.00")
        assert row["TotalAmt"] == row["Balance"] == D("188.99")

    def test_answer_is_completed(self, bench: Bench) -> None:
        row = bench.sale()

        assert row["DocNumber"] == "1001"
        assert row["DueDate"] == "2026-03-31"
        assert row["Line"][-1] == {
            "Amount": D("100.00"),
            "DetailType": "SubTotalLineDetail",
            "SubTotalLineDetail": {},
        }
        assert row["Line"][0]["SalesItemLineDetail"]["ItemAccountRef"]["name"] == "Services"
        assert row["CustomerRef"]["name"] == "Acme Rockets"
        assert row["GlobalTaxCalculation"] == "TaxExcluded"
        assert row["LinkedTxn"] == []

    def test_date_defaults_to_the_server_day(self, bench: Bench) -> None:
        """
        In the first hours of a UTC day it is still the day before in California.
        """
        bench.clock.now = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
        body = {"CustomerRef": {"value": bench.customer}, "Line": [bench.line()]}

        assert bench.company.create("Invoice", body)["TxnDate"] == "2026-03-01"

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"CustomerRef": {"value": "404"}}, "2500"),
            ({"DocNumber": "x" * 22}, "2050"),
            ({"TxnDate": "2026-02-30"}, "2090"),
            ({"EmailStatus": "NeedToSend"}, "6420"),
            ({"Line": []}, "2020"),
            ({"Colour": "red"}, "2010"),
            ({"DepartmentRef": {"value": "404"}}, "2500"),
            ({"PrivateNote": "n" * 4001}, "2050"),
            ({"CurrencyRef": {"value": "EUR"}}, "2220"),
        ],
    )
    def test_refusals(self, bench: Bench, more: dict[str, Any], code: str) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale(**more)

        assert refused.value.code == code
        assert bench.company.rows("Invoice") == []

    def test_text_of_a_bad_reference(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale(CustomerRef={"value": "777"})

        detail = refused.value.errors[0].detail
        assert detail == "Invalid Reference Id : Names element id 777 not found"

    def test_amount_must_be_quantity_times_price(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale(bench.line("100.00", Qty=3, UnitPrice=D("33.33")))
        assert refused.value.code == "6070"

        row = bench.sale(bench.line("100.00", Qty=3, UnitPrice=D("33.333333")))
        assert row["TotalAmt"] == D("100.00")

    def test_detail_object_is_required(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.sale({"Amount": D(1), "DetailType": "SalesItemLineDetail"})
        assert refused.value.code == "6440"

    def test_percent_discount_comes_after_the_subtotal(self, bench: Bench) -> None:
        discount = {
            "DetailType": "DiscountLineDetail",
            "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 5},
        }

        row = bench.sale(discount, bench.line("1005.00"))

        assert [line["DetailType"] for line in row["Line"]] == [
            "SalesItemLineDetail",
            "SubTotalLineDetail",
            "DiscountLineDetail",
        ]
        assert row["TotalAmt"] == D("954.75")
        assert bench.out_of_balance() == 0

    def test_closed_period(self, bench: Bench) -> None:
        row = bench.sale()
        bench.company.close_books(date(2026, 3, 1))

        for attempt in (
            bench.sale,
            lambda: bench.change("Invoice", row, TxnDate="2026-04-01"),
            lambda: bench.company.void("Invoice", bench.at("Invoice", row)),
            lambda: bench.company.delete("Invoice", bench.at("Invoice", row)),
        ):
            with pytest.raises(Fault) as refused:
                attempt()
            assert refused.value.code == "6210"


class TestDocNumber:
    def test_sent_number_is_replaced_while_the_preference_is_off(self, bench: Bench) -> None:
        assert bench.sale(DocNumber="INV-7")["DocNumber"] == "1001"

        bench.company.rules.docnumber_when_custom_off = "keep"
        assert bench.sale(DocNumber="INV-7")["DocNumber"] == "INV-7"

    def test_own_numbers(self, bench: Bench) -> None:
        bench.company.set_preference("SalesFormsPrefs.CustomTxnNumbers", True)

        row = bench.sale(DocNumber="INV-7")
        unnumbered = bench.sale()

        assert row["DocNumber"] == "INV-7"
        assert "DocNumber" not in unnumbered

    def test_duplicate(self, bench: Bench) -> None:
        bench.company.set_preference("SalesFormsPrefs.CustomTxnNumbers", True)
        row = bench.sale(DocNumber="INV-7")

        with pytest.raises(Fault) as refused:
            bench.sale(DocNumber="INV-7")

        detail = refused.value.errors[0].detail
        assert refused.value.code == "6140"
        assert detail.endswith(
            f"DocNumber=INV-7 is assigned to TxnType=Invoice with TxnId={row['Id']}"
        )

    def test_duplicate_on_request(self, bench: Bench) -> None:
        bench.company.set_preference("SalesFormsPrefs.CustomTxnNumbers", True)
        first = bench.sale(DocNumber="INV-7")
        body = {
            "CustomerRef": {"value": bench.customer},
            "Line": [bench.line()],
            "DocNumber": "INV-7",
        }

        second = bench.company.create("Invoice", body, allow_duplicate_docnum=True)
        bench.company.delete("Invoice", bench.at("Invoice", first))

        with pytest.raises(Fault) as refused:
            bench.sale(DocNumber="INV-7")
        assert refused.value.errors[0].detail.endswith(second["Id"])

    def test_number_is_kept_by_an_update(self, bench: Bench) -> None:
        row = bench.sale()

        assert bench.change("Invoice", row, PrivateNote="n")["DocNumber"] == "1001"


class TestUpdate:
    def test_lines_are_replaced_whole_and_ids_kept(self, bench: Bench) -> None:
        row = bench.sale(bench.line("10.00"), bench.line("20.00"))
        kept = {**bench.line("25.00"), "Id": "2"}

        row = bench.change("Invoice", row, Line=[kept, bench.line("1.00")])

        assert [line.get("Id") for line in row["Line"]] == ["2", "3", None]
        assert row["TotalAmt"] == D("26.00")

    def test_full_update_resets_the_date_and_clears_the_note(self, bench: Bench) -> None:
        row = bench.sale(PrivateNote="n", DueDate="2026-05-01")

        body = {
            **bench.at("Invoice", row),
            "CustomerRef": row["CustomerRef"],
            "Line": [bench.line()],
        }
        row = bench.company.update("Invoice", body)

        assert row["TxnDate"] == "2026-03-02"
        assert row["DueDate"] == "2026-04-01"
        assert "PrivateNote" not in row
        assert row["DocNumber"] == "1001"

    def test_sales_receipt_loses_its_customer(self, bench: Bench) -> None:
        row = bench.sale(entity="SalesReceipt")

        body = {**bench.at("SalesReceipt", row), "Line": [bench.line()]}

        assert "CustomerRef" not in bench.company.update("SalesReceipt", body)

    def test_note_leaves_amounts_alone(self, bench: Bench) -> None:
        """
        Also when the item has been made inactive since.
        """
        row = bench.sale(bench.line("100.00", "GST"))
        bench.change("Item", {"Id": bench.item}, Active=False)

        changed = bench.change("Invoice", row, PrivateNote="n")

        assert changed["TotalAmt"] == D("105.00")
        assert changed["Line"] == row["Line"]
        assert changed["SyncToken"] == "1"

    def test_full_update_takes_the_customers_address_again(self, bench: Bench) -> None:
        bench.change("Customer", {"Id": bench.customer}, BillAddr={"Line1": "1 Road"})
        row = bench.sale()

        body = {
            **bench.at("Invoice", row),
            "CustomerRef": row["CustomerRef"],
            "Line": [bench.line()],
        }

        assert bench.company.update("Invoice", body)["BillAddr"] == row["BillAddr"]

    def test_address_comes_back_flat(self, bench: Bench) -> None:
        row = bench.sale()
        sent = {
            "Line1": "1 Road",
            "City": "Hope",
            "CountrySubDivisionCode": "BC",
            "PostalCode": "V0X",
        }

        row = bench.change("Invoice", row, BillAddr=sent)

        assert row["BillAddr"]["Line2"] == "Hope, BC  V0X"
        assert "City" not in row["BillAddr"]


class TestTerms:
    @pytest.mark.parametrize(
        ("term", "due"),
        [
            ({"DueDays": 10}, "2026-03-11"),
            ({"DayOfMonthDue": 15}, "2026-03-15"),
            ({"DayOfMonthDue": 15, "DueNextMonthDays": 20}, "2026-04-15"),
            ({"DayOfMonthDue": 31, "DueNextMonthDays": 31}, "2026-04-30"),
        ],
    )
    def test_due_date(self, bench: Bench, term: dict[str, Any], due: str) -> None:
        made = bench.new("Term", Name="own", **term)

        row = bench.sale(SalesTermRef={"value": made["Id"]})

        assert row["DueDate"] == due
        assert row["SalesTermRef"]["name"] == "own"

    def test_term_comes_from_the_customer(self, bench: Bench) -> None:
        bench.change("Customer", {"Id": bench.customer}, SalesTermRef={"value": "2"})

        row = bench.sale()

        assert (row["SalesTermRef"]["value"], row["DueDate"]) == ("2", "2026-03-16")

    def test_sent_due_date_wins(self, bench: Bench) -> None:
        assert bench.sale(DueDate="2026-03-05")["DueDate"] == "2026-03-05"


class TestVoidAndDelete:
    def test_void_zeroes_and_keeps_the_number(self, bench: Bench) -> None:
        row = bench.sale(bench.line("100.00", "GST", Qty=2, UnitPrice=50), PrivateNote="[lw:x]")

        row = bench.company.void("Invoice", bench.at("Invoice", row))

        detail = row["Line"][0]["SalesItemLineDetail"]
        assert (row["TotalAmt"], row["Balance"]) == (D("0.00"), D("0.00"))
        assert row["TxnTaxDetail"] == {"TotalTax": D("0.00")}
        assert (detail["Qty"], detail["UnitPrice"]) == (0, 0)
        assert row["PrivateNote"] == "Voided - [lw:x]"
        assert row["DocNumber"] == "1001"
        assert bench.company.trial_balance() == {}

    def test_delete_leaves_a_stub(self, bench: Bench) -> None:
        row = bench.sale()
        bench.clock.advance(minutes=1)
        before = bench.clock.now

        answer = bench.company.delete("Invoice", bench.at("Invoice", row))

        assert answer == {"status": "Deleted", "domain": "QBO", "Id": row["Id"]}
        assert [entity for entity, _ in bench.company.deleted(before)] == ["Invoice"]
        assert bench.company.deleted(before)[0][1]["MetaData"].keys() == {"LastUpdatedTime"}
        assert bench.company.trial_balance() == {}
        with pytest.raises(Fault) as refused:
            bench.see("Invoice", row)
        assert refused.value.code == "610"

    def test_lists_cannot_be_deleted(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.company.delete("Customer", bench.at("Customer", {"Id": bench.customer}))
        assert refused.value.code == "500"

    def test_credit_memos_cannot_be_voided(self, bench: Bench) -> None:
        row = bench.sale(entity="CreditMemo")

        with pytest.raises(Fault) as refused:
            bench.company.void("CreditMemo", bench.at("CreditMemo", row))
        assert refused.value.code == "500"


class TestLedger:
    def test_invoice(self, bench: Bench) -> None:
        bench.sale(bench.line("100.00", "GST/PST BC"))

        by_account = {
            entry.account_id: entry.debit - entry.credit for entry in bench.company.ledger_entries()
        }

        assert by_account == {
            bench.accounts["Accounts Receivable (A/R)"]: D("112.00"),
            bench.accounts["Services"]: D("-100.00"),
            bench.accounts["GST/HST Payable"]: D("-5.00"),
            bench.accounts["PST Payable (BC)"]: D("-7.00"),
        }

    def test_credit_memo_is_the_reverse(self, bench: Bench) -> None:
        bench.sale(bench.line("100.00", "GST"))
        bench.sale(bench.line("100.00", "GST"), entity="CreditMemo")

        assert bench.company.trial_balance() == {}

    def test_refund_receipt_takes_money_out(self, bench: Bench) -> None:
        row = bench.sale(
            bench.line("100.00", "GST"),
            entity="RefundReceipt",
            DepositToAccountRef={"value": bench.accounts["Checking"]},
        )

        assert row["Balance"] == 0
        assert bench.company.trial_balance()[bench.accounts["Checking"]] == D("-105.00")
        assert bench.company.get("Customer", bench.customer)["Balance"] == 0

    @pytest.mark.parametrize(
        ("account", "code"), [(None, "2020"), ("Services", "6430"), ("Savings", None)]
    )
    def test_account_a_refund_leaves_from(
        self, bench: Bench, account: str | None, code: str | None
    ) -> None:
        more = {"DepositToAccountRef": {"value": bench.accounts[account]}} if account else {}
        if code is None:
            bench.sale(entity="RefundReceipt", **more)
            return

        with pytest.raises(Fault) as refused:
            bench.sale(entity="RefundReceipt", **more)
        assert refused.value.code == code

    def test_sales_receipt_goes_to_undeposited_funds(self, bench: Bench) -> None:
        row = bench.sale(entity="SalesReceipt")

        assert row["DepositToAccountRef"]["name"] == "Undeposited Funds"
        assert bench.company.trial_balance()[bench.accounts["Undeposited Funds"]] == D("100.00")
