"""One billing record against one document: what differs, and how its link is marked."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.accounting.records import Applied, BooksDocument, BooksLine, DocumentParts, Kind
from app.billing.arithmetic import DocumentSums, SalesLine
from app.reconciliation.compare import EQUAL, Billed, Known, Mark, compare

OURS, THEIRS = "fingerprint", "another"


def line(amount: str) -> SalesLine:
    net = Decimal(amount)
    return SalesLine("1", "plan", None, net, net, None, None, None, None, ())


def build_billed(*amounts: str, **changes: Any) -> Billed:
    net = sum((Decimal(each) for each in amounts or ("100.00",)), Decimal(0))
    lines = tuple(line(each) for each in amounts or ("100.00",))
    values: dict[str, Any] = {
        "kind": Kind.INVOICE,
        "billing_id": "i1",
        "number": "INV-1",
        "customer": "c1",
        "day": date(2026, 3, 1),
        "currency": "CAD",
        "amount": net,
        "tax": Decimal(0),
        "stands": True,
        "content_hash": "content",
        "sums": DocumentSums("CAD", lines, net, Decimal(0), net, ()),
    }
    return Billed(**(values | changes))


def build_known(**changes: Any) -> Known:
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "kind": Kind.INVOICE,
        "billing_id": "i1",
        "state": "live",
        "external_id": "145",
        "sync_token": "0",
        "content_hash": "content",
        "fingerprint": OURS,
        "total": Decimal(100),
        "tax": Decimal(0),
        "open": Decimal(100),
        "applied": frozenset(),
        "updated_at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    return Known(**(values | changes))


def build_document(total: str = "100.00", **changes: Any) -> BooksDocument:
    values: dict[str, Any] = {
        "kind": Kind.INVOICE,
        "external_id": "145",
        "sync_token": "0",
        "total": Decimal(total),
        "tax": Decimal(0),
        "currency": "CAD",
        "fingerprint": OURS,
    }
    return BooksDocument(**(values | changes))


def judged(
    billed: Billed, link: Known, document: BooksDocument, *lines: str
) -> tuple[str | None, Mark]:
    parts = DocumentParts(lines=tuple(BooksLine(amount=Decimal(each)) for each in lines))
    verdict = compare(billed, link, document, lambda: parts)
    return verdict.code, verdict.mark


def test_equal() -> None:
    assert compare(build_billed(), build_known(), build_document(), DocumentParts) == EQUAL


@pytest.mark.parametrize(
    ("total", "lines", "code"),
    [
        ("99.99", ["99.99"], "cents_differ"),
        ("90.00", ["90.00"], "amount_differs"),
        ("100.00", ["60.00", "40.00"], "edited_in_books"),
    ],
)
def test_an_edit_in_the_books(total: str, lines: list[str], code: str) -> None:
    document = build_document(total, fingerprint=THEIRS)
    assert judged(build_billed(), build_known(), document, *lines) == (code, Mark.DRIFTED)


def test_a_dropped_line() -> None:
    billed = build_billed("80.00", "20.00")
    document = build_document("80.00", fingerprint=THEIRS)
    assert judged(billed, build_known(), document, "80.00") == ("line_dropped", Mark.DRIFTED)


def test_another_tax_on_the_same_lines() -> None:
    document = build_document("100.01", tax=Decimal("0.01"), fingerprint=THEIRS)
    assert judged(build_billed(), build_known(), document, "100.00")[0] == "tax_differs"


def test_what_was_posted_with_other_cents_is_no_drift() -> None:
    document = build_document("100.01", tax=Decimal("0.01"))
    assert judged(build_billed(), build_known(), document, "100.00") == ("tax_differs", Mark.NONE)


def test_another_currency() -> None:
    document = build_document(currency="USD", fingerprint=THEIRS)
    assert judged(build_billed(), build_known(), document)[0] == "currency_changed"


def test_a_drift_that_is_known_is_not_marked_again() -> None:
    link, document = build_known(state="drifted"), build_document("90.00", fingerprint=THEIRS)
    assert judged(build_billed(), link, document, "90.00") == ("amount_differs", Mark.NONE)


def test_an_undone_edit_restores_the_link() -> None:
    link = build_known(state="drifted")
    assert judged(build_billed(), link, build_document()) == (None, Mark.RESTORED)


def test_an_adopted_document_has_no_fingerprint_to_differ_from() -> None:
    link = build_known(fingerprint=None, content_hash=None)
    assert judged(build_billed(), link, build_document(fingerprint=THEIRS)) == (None, Mark.NONE)


def test_an_edit_in_billing() -> None:
    billed = build_billed("200.00", content_hash="newer")
    assert judged(billed, build_known(), build_document()) == ("edit_not_exported", Mark.NONE)


def test_voids_on_either_side() -> None:
    voided = build_document("0", voided=True)
    void = build_billed(stands=False)
    assert judged(void, build_known(state="voided"), voided) == (None, Mark.NONE)
    assert judged(build_billed(), build_known(), voided) == ("void_in_books", Mark.VOIDED)
    assert judged(void, build_known(), build_document()) == ("void_not_exported", Mark.NONE)


class TestPayments:
    @pytest.mark.parametrize(
        ("amount", "code", "mark"),
        [("40.00", "applied_differently", Mark.NONE), ("100.00", "edited_in_books", Mark.DRIFTED)],
        ids=["applied elsewhere", "only its date moved"],
    )
    def test_an_edit_that_moves_no_money(self, amount: str, code: str, mark: Mark) -> None:
        link = build_known(
            kind=Kind.PAYMENT, applied=frozenset({("invoice", "145", Decimal("100.00"))})
        )
        part = Applied(kind=Kind.INVOICE, external_id="145", amount=Decimal(amount))
        document = build_document(kind=Kind.PAYMENT, tax=None, fingerprint=THEIRS, applied=(part,))
        billed = build_billed(kind=Kind.PAYMENT, tax=None, sums=None)
        assert judged(billed, link, document) == (code, mark)
