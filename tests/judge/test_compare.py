"""The judge agrees with books that agree, and misses nothing that does not."""

import copy
from collections.abc import Callable
from decimal import Decimal

import pytest

from judge.books import Books
from tests.judge.ledger import INCOME, RECEIVABLE, before, books, judged, settles, tax_line

CENT = Decimal("0.01")


def test_agrees_with_books_that_agree() -> None:
    judgement = judged(books())

    assert judgement.findings == []
    assert [row.name for row in judgement.rows if not row.agrees] == []


def missing(b: Books) -> None:
    b.documents["Invoice"].pop(0)


def doubled(b: Books) -> None:
    b.documents["Invoice"].append({**b.documents["Invoice"][0], "Id": "99"})


def a_cent(b: Books) -> None:
    invoice = b.documents["Invoice"][0]
    invoice["TotalAmt"] += CENT
    invoice["Line"][0]["Amount"] += CENT


def tax_at_another_rate(b: Books) -> None:
    lines = [tax_line("1", "6.00"), tax_line("2", "6.00")]
    b.documents["Invoice"][0]["TxnTaxDetail"]["TaxLine"] = lines


def a_line_dropped(b: Books) -> None:
    b.documents["Invoice"][0]["Line"][0]["Amount"] -= 1


def another_customer(b: Books) -> None:
    b.documents["Invoice"][0]["CustomerRef"] = {"value": "8"}


def another_number(b: Books) -> None:
    b.documents["Invoice"][0]["DocNumber"] = "I9"


def another_day(b: Books) -> None:
    b.documents["Invoice"][0]["TxnDate"] = "2026-03-02"


def void_not_void(b: Books) -> None:
    b.documents["Invoice"][1] |= {"TotalAmt": Decimal("50.00"), "Balance": Decimal("50.00")}


def another_balance(b: Books) -> None:
    b.documents["Invoice"][0]["Balance"] += CENT


def credit_not_used(b: Books) -> None:
    b.documents["CreditMemo"][0]["RemainingCredit"] = Decimal("10.00")


def payment_elsewhere(b: Books) -> None:
    b.documents["Payment"][0]["Line"] = [settles("Invoice", "12", "100.00")]


def payment_not_applied(b: Books) -> None:
    b.documents["Payment"][0] |= {"Line": [], "UnappliedAmt": Decimal("120.00")}


def application_missing(b: Books) -> None:
    b.documents["Payment"].pop(1)


def application_twice(b: Books) -> None:
    b.documents["Payment"].append({**b.documents["Payment"][1], "Id": "98"})


def application_of_another_credit(b: Books) -> None:
    b.documents["Payment"][1]["Line"][1] = settles("CreditMemo", "77", "4.00")


def a_stranger(b: Books) -> None:
    b.documents["Invoice"].append({"Id": "97", "TotalAmt": Decimal("1.00"), "DocNumber": "X"})


def a_customer_twice(b: Books) -> None:
    b.documents["Customer"].append({**b.documents["Customer"][0], "Id": "8"})


def a_customer_nobody_billed(b: Books) -> None:
    b.documents["Customer"].append({"Id": "9", "DisplayName": "Nobody", "Active": True})


def out_of_balance(b: Books) -> None:
    b.balances[INCOME] += CENT


def receivable_off(b: Books) -> None:
    b.balances[RECEIVABLE] += 1
    b.balances[INCOME] -= 1


def tax_owed_to_another_agency(b: Books) -> None:
    b.balances["90"] += CENT
    b.balances["91"] -= CENT


def income_on_another_account(b: Books) -> None:
    b.balances["41"] = b.balances.pop(INCOME)


def refund_missing(b: Books) -> None:
    b.documents["Purchase"].clear()


def refund_twice(b: Books) -> None:
    b.documents["Purchase"].append({**b.documents["Purchase"][0], "Id": "96"})


def refund_not_on_receivables(b: Books) -> None:
    line = b.documents["Purchase"][0]["Line"][0]
    line["AccountBasedExpenseLineDetail"] = {"AccountRef": {"value": "60"}}


def refund_to_somebody_else(b: Books) -> None:
    b.documents["Purchase"][0]["EntityRef"] = {"value": "8", "type": "Customer"}


def refund_not_linked(b: Books) -> None:
    b.documents["Payment"].pop(2)


def refund_of_another_credit(b: Books) -> None:
    b.documents["Payment"][2]["Line"][1] = settles("CreditMemo", "77", "2.00")


def receipt_of_a_cent_more(b: Books) -> None:
    b.documents["RefundReceipt"][0]["TotalAmt"] += CENT


def receipt_without_its_tax(b: Books) -> None:
    b.documents["RefundReceipt"][0]["TxnTaxDetail"] = {"TotalTax": Decimal(0)}


def a_strange_expense(b: Books) -> None:
    b.documents["Purchase"].append({"Id": "95", "TotalAmt": Decimal("3.00")})


@pytest.mark.parametrize(
    "falsify",
    [
        missing,
        doubled,
        a_cent,
        tax_at_another_rate,
        a_line_dropped,
        another_customer,
        another_number,
        another_day,
        void_not_void,
        another_balance,
        credit_not_used,
        payment_elsewhere,
        payment_not_applied,
        application_missing,
        application_twice,
        application_of_another_credit,
        a_stranger,
        a_customer_twice,
        a_customer_nobody_billed,
        out_of_balance,
        receivable_off,
        tax_owed_to_another_agency,
        income_on_another_account,
        refund_missing,
        refund_twice,
        refund_not_on_receivables,
        refund_to_somebody_else,
        refund_not_linked,
        refund_of_another_credit,
        receipt_of_a_cent_more,
        receipt_without_its_tax,
        a_strange_expense,
    ],
)
def test_notices(falsify: Callable[[Books], None]) -> None:
    falsified = copy.deepcopy(books())
    falsify(falsified)

    assert not judged(falsified).agrees


def test_notices_that_a_document_of_before_changed() -> None:
    earlier, now = before(), books()
    earlier.documents["Invoice"] = [{"Id": "1", "TotalAmt": Decimal("9.00"), "Balance": 0}]
    now.documents["Invoice"].append({"Id": "1", "TotalAmt": Decimal("9.01"), "Balance": 0})

    found = judged(now, earlier=earlier).findings

    assert [finding.which for finding in found] == ["id 1 of before"]


def test_leaves_documents_of_before_alone() -> None:
    earlier, now = before(), books()
    old = {"Id": "1", "TotalAmt": Decimal("9.00"), "Balance": Decimal("9.00")}
    earlier.documents["Invoice"] = [old]
    now.documents["Invoice"].append(old)

    assert judged(now, earlier=earlier).agrees
