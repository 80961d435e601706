"""Whatever is done to a company, in whatever order, its books stay in balance."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench

KINDS = ("Invoice", "CreditMemo", "Payment")

amounts = st.decimals(min_value=0, max_value=500, places=2)
picks = st.integers(0, 7)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("sale"), st.sampled_from(["Invoice", "CreditMemo"]), picks, amounts),
        st.tuples(st.just("pay"), picks, picks, amounts),
        st.tuples(st.just("apply"), picks, picks, amounts),
        st.tuples(st.just("edit"), st.sampled_from(KINDS), picks, amounts),
        st.tuples(st.just("void"), st.sampled_from(["Invoice", "Payment"]), picks, amounts),
        st.tuples(st.just("delete"), st.sampled_from(KINDS), picks, amounts),
    ),
    max_size=25,
)
CODES = ("GST/PST BC", "GST", "Out of Scope", "HST ON")


def pick(bench: Bench, entity: str, place: int) -> dict[str, Any] | None:
    rows = bench.company.rows(entity)
    return rows[place % len(rows)] if rows else None


def perform(bench: Bench, action: str, first: Any, second: int, amount: Decimal) -> None:
    """One step; what QuickBooks would refuse is refused, and must leave no trace."""
    if action == "sale":
        line = bench.line(str(amount), CODES[second % len(CODES)])
        bench.sale(line, entity=first)
        return
    if action in {"pay", "apply"}:
        invoice = pick(bench, "Invoice", int(first))
        credit = pick(bench, "CreditMemo", second)
        links = [(row, str(amount)) for row in (invoice, credit) if row is not None]
        if action == "pay":
            bench.pay(str(amount), *links[:1])
        else:
            bench.pay("0", *links)
        return
    row = pick(bench, first, second)
    if row is None:
        return
    if action == "edit" and first == "Payment":
        bench.change("Payment", row, TotalAmt=amount)
    elif action == "edit":
        bench.change(first, row, Line=[bench.line(str(amount), "GST")])
    else:
        getattr(bench.company, action)(first, bench.at(first, row))


def open_amount(bench: Bench, entity: str, field: str) -> Decimal:
    return sum((row[field] for row in bench.company.rows(entity)), Decimal(0))


def check(bench: Bench) -> None:
    applied: dict[tuple[str, str], Decimal] = {}
    for payment in bench.company.rows("Payment"):
        assert payment["UnappliedAmt"] >= 0
        for line in payment["Line"]:
            link = line["LinkedTxn"][0]
            key = (link["TxnType"], link["TxnId"])
            applied[key] = applied.get(key, Decimal(0)) + line["Amount"]
    for entity, field in (("Invoice", "Balance"), ("CreditMemo", "RemainingCredit")):
        for row in bench.company.rows(entity):
            assert row[field] == row["TotalAmt"] - applied.pop((entity, row["Id"]), Decimal(0))
            assert row[field] >= 0
    assert not applied
    assert bench.out_of_balance() == 0
    owed = open_amount(bench, "Invoice", "Balance")
    owed -= open_amount(bench, "CreditMemo", "RemainingCredit")
    owed -= open_amount(bench, "Payment", "UnappliedAmt")
    receivable = bench.accounts["Accounts Receivable (A/R)"]
    assert bench.company.trial_balance().get(receivable, Decimal(0)) == owed
    assert bench.company.get("Customer", bench.customer)["Balance"] == owed


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps, auto_apply=st.booleans(), unlink=st.booleans())
def test_books_balance_after_any_sequence(
    steps: list[tuple[str, Any, int, Decimal]], auto_apply: bool, unlink: bool
) -> None:
    bench = Bench(auto_apply=auto_apply)
    bench.company.rules.delete_linked = "unlink" if unlink else "refuse"
    for action, first, second, amount in steps:
        before = {kind: bench.company.rows(kind) for kind in KINDS}
        try:
            perform(bench, action, first, second, amount)
        except Fault:
            assert {kind: bench.company.rows(kind) for kind in KINDS} == before
        check(bench)


rates = st.decimals(min_value="0.5", max_value="2", places=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(amounts, amounts, rates, rates), min_size=1, max_size=5))
def test_settled_foreign_invoices_leave_nothing_open(
    steps: list[tuple[Decimal, Decimal, Decimal, Decimal]],
) -> None:
    """
    Whatever the rates did in between: both the customer and the foreign receivable are at zero.
    """
    bench = Bench("multicurrency")
    euro = {"value": "EUR"}
    customer = bench.new("Customer", DisplayName="Euro", CurrencyRef=euro)
    bench.customer = customer["Id"]
    for net, other, sold_at, paid_at in steps:
        lines = (bench.line(str(net), "GST/PST BC"), bench.line(str(other), "HST ON"))
        invoice = bench.sale(*lines, CurrencyRef=euro, ExchangeRate=sold_at)
        owed = str(invoice["Balance"])
        if invoice["Balance"]:
            bench.pay(owed, (invoice, owed), CurrencyRef=euro, ExchangeRate=paid_at)
        assert bench.out_of_balance() == 0

    receivable = bench.accounts["Accounts Receivable (A/R) - EUR"]
    assert receivable not in bench.company.trial_balance()
    assert bench.see("Customer", customer)["Balance"] == 0


@settings(max_examples=40, deadline=None)
@given(
    nets=st.lists(amounts, min_size=1, max_size=6),
    code=st.sampled_from(["GST/PST BC", "GST/QST QC - 9.975", "HST ON"]),
)
def test_tax_is_the_sum_of_its_lines(nets: list[Decimal], code: str) -> None:
    bench = Bench()

    row = bench.sale(*(bench.line(str(net), code) for net in nets))

    detail = row["TxnTaxDetail"]
    assert detail["TotalTax"] == sum(line["Amount"] for line in detail["TaxLine"])
    assert row["TotalAmt"] == sum(nets, Decimal(0)) + detail["TotalTax"]
