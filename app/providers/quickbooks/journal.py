"""
Journal entries on the wire: the body of one, its lines as read, and whether both are the same.

QuickBooks keeps no total of an entry (it answers 0, or nothing), so the sum of the debits stands
for it. It may give the lines back in another order; they are compared without it.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from app.accounting.errors import Fault, RecordRejected
from app.accounting.journal import JournalEntryDraft, JournalLine, Side
from app.providers.quickbooks import wire
from app.providers.quickbooks.parts import (
    NOTE_LENGTH,
    Body,
    description,
    limited,
    ref,
    without_none,
)
from app.providers.quickbooks.text import with_marker

DETAIL_TYPE = "JournalEntryLineDetail"
POSTING_TYPES: Mapping[Side, str] = {Side.DEBIT: "Debit", Side.CREDIT: "Credit"}
NUMBER_LENGTH = 21
FEWEST_LINES = 2
SIDES: Mapping[str, Side] = {word: side for side, word in POSTING_TYPES.items()}


def journal_body(draft: JournalEntryDraft, marker: str) -> Body:
    """
    Return the body that makes the entry.

    Raises:
        RecordRejected: Its number is too long, or QuickBooks would refuse its lines: fewer than
            two, an amount that is not above zero, or debits that are not the credits.
    """
    _refuse_unbalanced(draft)
    return {
        "DocNumber": limited(draft.number, NUMBER_LENGTH, "DocNumber"),
        "TxnDate": draft.txn_date,
        "CurrencyRef": ref(draft.currency),
        "ExchangeRate": draft.exchange_rate,
        "PrivateNote": with_marker(draft.note, marker, limit=NOTE_LENGTH),
        "Line": [_line(line) for line in draft.lines],
    }


def _refuse_unbalanced(draft: JournalEntryDraft) -> None:
    if len(draft.lines) < FEWEST_LINES or any(line.amount <= 0 for line in draft.lines):
        raise RecordRejected(
            Fault(element="Line"),
            "A journal entry needs two lines or more, each with an amount above zero.",
        )
    if draft.imbalance:
        raise RecordRejected(
            Fault(element="Line"),
            f"The debits of the journal entry are {draft.total:f}, which is {draft.imbalance:+f} "
            "of its credits.",
        )


def _line(line: JournalLine) -> Body:
    detail = {
        "PostingType": POSTING_TYPES[line.side],
        "AccountRef": ref(line.account_id),
        "Entity": _customer(line.customer_id),
        "ClassRef": ref(line.class_id),
        "DepartmentRef": ref(line.department_id),
    }
    return without_none(
        {
            "Description": description(line.description),
            "Amount": line.amount,
            "DetailType": DETAIL_TYPE,
            DETAIL_TYPE: without_none(detail),
        }
    )


def _customer(customer_id: str | None) -> Body | None:
    return None if customer_id is None else {"Type": "Customer", "EntityRef": ref(customer_id)}


# ---------------------------------------------------------------- as read


def journal_lines(lines: Iterable[wire.Line]) -> Iterator[JournalLine]:
    """Yield the postings of an entry, in its order; lines without an account are only words."""
    for line in lines:
        detail = line.journal_entry_line_detail
        side = SIDES.get(detail.posting_type or "") if detail else None
        if detail is None or side is None:
            continue
        yield JournalLine(
            account_id=_id(detail.account_ref) or "",
            side=side,
            amount=line.amount or Decimal(0),
            description=line.description,
            customer_id=_id(detail.entity.entity_ref) if detail.entity else None,
            class_id=_id(detail.class_ref),
            department_id=_id(detail.department_ref),
        )


def same_lines(asked: Iterable[wire.Line], found: Iterable[wire.Line]) -> bool:
    """Tell whether two entries post the same, in the same words."""
    return sorted(map(_key, journal_lines(asked))) == sorted(map(_key, journal_lines(found)))


def _key(line: JournalLine) -> tuple[str, ...]:
    amount = format(line.amount.normalize() + 0, "f")
    words = " ".join((line.description or "").split())
    names = (line.customer_id or "", line.class_id or "", line.department_id or "")
    return (line.account_id, line.side, amount, words, *names)


def _id(ref: wire.Ref | None) -> str | None:
    return ref.value if ref else None
