"""The demonstration's data: accepted as they are, the same each time, with something of all."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from app.billing import schemas
from app.billing.arithmetic import read_document
from app.demo.browser import Form
from app.demo.kinds import CA, KINDS, Kind
from app.demo.people import Buyer, Stamps
from app.demo.quarter import SMALL, Bookkeeping, Size
from judge.billed import read
from judge.taxes import nets_of, taxes_of

CODES = [f"PLAN-{place:02d}" for place in range(20)]
CUSTOMERS = 140


def buyers(kind: Kind) -> list[Buyer]:
    return [
        Buyer(f"cus_{place}", kind.region_of(place), kind.currency_of(place))
        for place in range(CUSTOMERS)
    ]


def filled(size: Size, kind: Kind = CA) -> Bookkeeping:
    book = Bookkeeping(buyers(kind), CODES, Stamps(), kind, seed=2026)
    book.fill(size)
    return book


@pytest.fixture(scope="module")
def quarter() -> Any:
    return filled(Size()).quarter


def test_it_is_large_enough(quarter: Any) -> None:
    assert len(quarter.invoices) >= 500
    assert len(quarter.payments) >= 350
    assert len(quarter.credit_notes) >= 20
    assert len({record["customer"] for record in quarter.invoices.values()}) == CUSTOMERS


MODELS: dict[str, Any] = {
    "invoices": schemas.Invoice,
    "payments": schemas.Payment,
    "credit_notes": schemas.CreditNote,
    "refunds": schemas.Refund,
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_documents_add_up_and_the_judge_reads_the_same(kind: Kind) -> None:
    """
    The API takes every record of every kind of company, and two readings of it agree: taxes by
    price code, and the net of each line.
    """
    book = filled(SMALL, kind)
    book.change(SMALL)
    taxed: set[str] = set()
    for name, model in MODELS.items():
        for told in getattr(book.quarter, name).values():
            record = model.model_validate(told)
            if not isinstance(record, schemas.Payment) and record.lines:
                sums = read_document(record, frozenset(kind.rates))
                ours: Counter[str] = Counter()
                for part in sums.taxes:
                    ours[part.price_code] += part.amount
                theirs = taxes_of(told, set(kind.rates))
                assert {code: tax for code, tax in ours.items() if tax} == theirs
                nets = nets_of(told, set(kind.rates))
                assert [(line.price_code, line.net) for line in sums.lines] == list(nets)
                taxed |= set(theirs)
    assert taxed == {code for code, rate in kind.rates.items() if Decimal(rate)}


def test_foreign_documents_tell_their_rate() -> None:
    book = filled(SMALL, KINDS["multicurrency"])
    documents = [*book.quarter.invoices.values(), *book.quarter.payments.values()]

    assert {record["currency"] for record in documents} == {"CAD", "USD", "EUR", "GBP"}
    assert all(("exchange_rate" in each) == (each["currency"] != "CAD") for each in documents)


def test_what_goes_back_was_left_over() -> None:
    book = filled(Size())
    book.change(Size())
    refunds = list(book.quarter.refunds.values())

    assert sum("lines" in each for each in refunds) >= 5
    for source, documents, whole, parts in (
        ("credit_note", book.quarter.credit_notes, "total", "applications"),
        ("payment", book.quarter.payments, "amount", "allocations"),
    ):
        paid = [each for each in refunds if each.get(source)]
        assert len(paid) == Size().refunds
        for each in paid:
            record = documents[each[source]]
            used = sum(Decimal(part["amount"]) for part in record[parts])
            assert Decimal(each["amount"]) <= Decimal(record[whole]) - used


def test_no_invoice_is_settled_beyond_its_total(quarter: Any) -> None:
    assert min(quarter.open_amounts().values()) >= 0


def test_the_same_seed_bills_the_same_quarter() -> None:
    assert filled(SMALL).quarter == filled(SMALL).quarter


def test_some_payments_are_partial_some_settle_several_some_leave_a_rest(quarter: Any) -> None:
    payments = quarter.payments.values()
    totals = {id_: Decimal(record["total"]) for id_, record in quarter.invoices.items()}
    parts = [part for payment in payments for part in payment["allocations"]]

    assert any(Decimal(part["amount"]) < totals[part["invoice"]] for part in parts)
    assert any(len(payment["allocations"]) > 1 for payment in payments)
    assert any(
        Decimal(payment["amount"]) > sum(Decimal(p["amount"]) for p in payment["allocations"])
        for payment in payments
    )


def test_changes_leave_a_quarter_that_still_adds_up() -> None:
    book, size = filled(Size()), Size()
    changed = book.change(size)

    assert len(changed["invoices"]) == size.edits + size.voids
    assert len(changed["payments"]) == size.cancellations + size.reallocations
    assert min(book.quarter.open_amounts().values()) >= 0
    entries = [{"kind": "invoices", "record": each} for each in book.quarter.invoices.values()]
    entries.append({"kind": "checkpoint", "record": {}})
    assert sum(not sale.live for sale in read(entries).invoices.values()) == size.voids


def test_a_page_is_read_like_a_browser_reads_it() -> None:
    form = Form(
        '<form action="/go"><input type="hidden" name="state" value="a&amp;b">'
        '<select name="realm"><option value="1">One</option><option value="2">Two</option></select>'
        '<button name="decision" value="cancel">Cancel</button>'
        '<button name="decision" value="connect">Connect</button></form>'
    )

    assert form.action == "/go"
    assert form.pressed("Connect") == {"state": "a&b", "realm": "1", "decision": "connect"}
