"""The demonstration's data: accepted as they are, the same each time, with something of all."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from app.billing import schemas
from app.billing.arithmetic import read_document
from app.demo.browser import Form
from app.demo.people import RATES, Buyer, Stamps, province_of
from app.demo.quarter import SMALL, Bookkeeping, Size
from judge.billed import read
from judge.taxes import taxes_of

BUYERS = [Buyer(f"cus_{place}", province_of(place)) for place in range(140)]
CODES = [f"PLAN-{place:02d}" for place in range(20)]


def filled(size: Size) -> Bookkeeping:
    book = Bookkeeping(BUYERS, CODES, Stamps(), seed=2026)
    book.fill(size)
    return book


@pytest.fixture(scope="module")
def quarter() -> Any:
    return filled(Size()).quarter


def test_it_is_large_enough(quarter: Any) -> None:
    assert len(quarter.invoices) >= 500
    assert len(quarter.payments) >= 350
    assert len(quarter.credit_notes) >= 20
    assert len({record["customer"] for record in quarter.invoices.values()}) == len(BUYERS)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("invoices", schemas.Invoice),
        ("payments", schemas.Payment),
        ("credit_notes", schemas.CreditNote),
    ],
)
def test_the_api_accepts_every_record(quarter: Any, kind: str, model: Any) -> None:
    for record in getattr(quarter, kind).values():
        model.model_validate(record)


def test_documents_add_up_and_the_judge_reads_the_same_taxes(quarter: Any) -> None:
    for record in (*quarter.invoices.values(), *quarter.credit_notes.values()):
        model = schemas.CreditNote if "reason" in record else schemas.Invoice
        sums = read_document(model.model_validate(record), frozenset(RATES))
        ours: Counter[str] = Counter()
        for part in sums.taxes:
            ours[part.price_code] += part.amount
        assert {code: tax for code, tax in ours.items() if tax} == taxes_of(record, set(RATES))


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
    changed = book.change(size, {buyer.billing_id: buyer.province for buyer in BUYERS})

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
