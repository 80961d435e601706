"""Money paid back to customers: an expense on receivables, linked by a payment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench

D = Decimal


def paid_back(bench: Bench, amount: str, payment_type: str = "Cash") -> dict[str, Any]:
    detail = {"AccountRef": {"value": bench.accounts["Accounts Receivable (A/R)"]}}
    line = {
        "Amount": D(amount),
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": detail,
    }
    return bench.new(
        "Purchase",
        PaymentType=payment_type,
        AccountRef={"value": bench.accounts["Checking"]},
        EntityRef={"value": bench.customer, "type": "Customer"},
        Line=[line],
    )


def linked(row: dict[str, Any], kind: str, amount: str) -> dict[str, Any]:
    return {"Amount": D(amount), "LinkedTxn": [{"TxnId": row["Id"], "TxnType": kind}]}


def test_zero_payment_links_expense_and_credit(bench: Bench) -> None:
    credit = bench.sale(bench.line("40.00"), entity="CreditMemo")
    expense = paid_back(bench, "40.00")

    lines = [linked(expense, "Expense", "40.00"), linked(credit, "CreditMemo", "40.00")]
    payment = bench.pay("0", Line=lines)

    assert payment["Line"][0]["LinkedTxn"] == [{"TxnId": expense["Id"], "TxnType": "Expense"}]
    assert bench.see("CreditMemo", credit)["RemainingCredit"] == 0
    assert bench.company.get("Customer", bench.customer)["Balance"] == 0
    assert bench.out_of_balance() == 0


def test_expense_takes_what_a_payment_did_not_apply(bench: Bench) -> None:
    payment = bench.pay("100.00")
    expense = paid_back(bench, "30.00")

    changed = bench.change("Payment", payment, Line=[linked(expense, "Expense", "30.00")])

    assert changed["UnappliedAmt"] == D("70.00")


def test_no_more_than_was_paid_back_is_linked(bench: Bench) -> None:
    payment = bench.pay("100.00")
    expense = paid_back(bench, "30.00")

    with pytest.raises(Fault):
        bench.change("Payment", payment, Line=[linked(expense, "Expense", "30.01")])


def test_cheque_cannot_be_linked(bench: Bench) -> None:
    payment = bench.pay("100.00")
    cheque = paid_back(bench, "30.00", "Check")

    with pytest.raises(Fault):
        bench.change("Payment", payment, Line=[linked(cheque, "Expense", "30.00")])


def test_linked_expense_is_not_deleted(bench: Bench) -> None:
    payment = bench.pay("100.00")
    expense = paid_back(bench, "30.00")
    bench.change("Payment", payment, Line=[linked(expense, "Expense", "30.00")])

    with pytest.raises(Fault):
        bench.company.delete("Purchase", bench.at("Purchase", expense))
