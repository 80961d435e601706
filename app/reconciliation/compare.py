"""One billing record against its document: what differs, and what that says of the link. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.accounting.records import BooksDocument, DocumentParts, Kind
from app.billing.arithmetic import DocumentSums
from app.exports.refunded import content_with
from app.kit.money import ZERO, as_text
from app.ledger.links import AS_FOUND
from app.ledger.states import STANDING, LinkState

# A difference below one unit of the currency is a matter of cents.
WHOLE_UNIT = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """A billing record of the range; *stands* is false when it is void or cancelled."""

    kind: Kind
    billing_id: str
    number: str | None
    customer: str | None
    day: date | None
    currency: str
    amount: Decimal
    tax: Decimal | None
    stands: bool
    content_hash: str
    sums: DocumentSums | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A link as it was when the comparison began."""

    id: UUID
    kind: Kind
    billing_id: str
    state: str
    external_id: str | None
    sync_token: str | None
    content_hash: str | None
    fingerprint: str | None
    total: Decimal | None
    tax: Decimal | None
    open: Decimal | None
    applied: frozenset[tuple[str, str, Decimal]]
    updated_at: datetime

    @property
    def posted(self) -> Decimal:
        """What the ledger believes to stand in the books."""
        return (self.total or ZERO) if self.state in STANDING else ZERO


class Mark(StrEnum):
    """What a comparison says of the link."""

    NONE = "none"
    DRIFTED = "drifted"
    VOIDED = "voided"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The *code* of the cause; None when nothing differs."""

    code: str | None = None
    mark: Mark = Mark.NONE
    details: Mapping[str, Any] = field(default_factory=dict)


EQUAL = Verdict()


def compare(
    billed: Billed,
    link: Known,
    document: BooksDocument,
    parts: Callable[[], DocumentParts],
) -> Verdict:
    """Return what differs between a record and its document, and how the link is to be marked."""
    if not billed.stands:
        return EQUAL if document.voided else Verdict(code="void_not_exported")
    if document.voided:
        return Verdict(code="void_in_books", mark=_unless(link, LinkState.VOIDED, Mark.VOIDED))
    edited = link.fingerprint is not None and document.fingerprint != link.fingerprint
    if edited:
        return _edited(billed, link, document, parts)
    mark = Mark.RESTORED if _may_be_restored(link) else Mark.NONE
    refunds = [part for part in document.applied if part.kind is Kind.REFUND]
    content_hash = content_with(billed.content_hash, refunds)
    if link.content_hash not in {None, AS_FOUND, content_hash}:
        return Verdict(code="edit_not_exported", mark=mark)
    if _same_money(billed, document):
        return Verdict(mark=mark)
    code, details = what_differs(billed, document, parts())
    return Verdict(code=code, mark=mark, details=details)


def _edited(
    billed: Billed, link: Known, document: BooksDocument, parts: Callable[[], DocumentParts]
) -> Verdict:
    mark = _unless(link, LinkState.DRIFTED, Mark.DRIFTED)
    if billed.kind is Kind.PAYMENT and _same_money(billed, document):
        # QuickBooks applies what is left of payments by itself: nobody's edit.
        if _applied(document) != link.applied:
            return Verdict(code="applied_differently")
        return Verdict(code="edited_in_books", mark=mark)
    code, details = what_differs(billed, document, parts())
    return Verdict(code=code, mark=mark, details=details)


def _unless(link: Known, state: LinkState, mark: Mark) -> Mark:
    return Mark.NONE if link.state == state.value else mark


def _may_be_restored(link: Known) -> bool:
    """Tell whether an edit that was seen before has been undone."""
    return link.state == LinkState.DRIFTED.value and link.fingerprint is not None


def _same_money(billed: Billed, document: BooksDocument) -> bool:
    if document.currency and document.currency != billed.currency:
        return False
    same_tax = billed.kind is Kind.PAYMENT or (document.tax or ZERO) == (billed.tax or ZERO)
    return document.total == billed.amount and same_tax


def _applied(document: BooksDocument) -> frozenset[tuple[str, str, Decimal]]:
    return frozenset((part.kind.value, part.external_id, part.amount) for part in document.applied)


def what_differs(
    billed: Billed, document: BooksDocument, parts: DocumentParts
) -> tuple[str, dict[str, Any]]:
    """Return the code of the difference, and what shows it."""
    if document.currency and document.currency != billed.currency:
        return "currency_changed", {"billed": billed.currency, "in_books": document.currency}
    missing, more = _lines(billed, parts)
    details: dict[str, Any] = {}
    if missing or more:
        details["lines"] = {"only_billed": missing, "only_in_books": more}
    if missing and not more:
        return "line_dropped", details
    total = document.total or ZERO
    tax, billed_tax = document.tax or ZERO, billed.tax or ZERO
    if billed.kind is not Kind.PAYMENT and tax != billed_tax:
        details["tax"] = {"billed": as_text(billed_tax), "in_books": as_text(tax)}
        rounded = not missing and [Decimal(each) for each in more] == [billed_tax - tax]
        if rounded or not (missing or more):
            return "tax_differs", details
    if total == billed.amount:
        return "edited_in_books", details
    close = abs(total - billed.amount) < WHOLE_UNIT
    return ("cents_differ" if close else "amount_differs"), details


def _lines(billed: Billed, parts: DocumentParts) -> tuple[list[str], list[str]]:
    """Return the amounts of lines that only billing has, and that only the books have."""
    if billed.sums is None or not parts.lines:
        return [], []
    ours = Counter(line.net.normalize() for line in billed.sums.lines)
    theirs = Counter(line.amount.normalize() for line in parts.lines)
    return _texts(ours - theirs), _texts(theirs - ours)


def _texts(amounts: Counter[Decimal]) -> list[str]:
    return [as_text(amount) for amount in sorted(amounts.elements())]
