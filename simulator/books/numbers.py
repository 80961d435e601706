"""Document numbers: given by QuickBooks, or kept as sent, by preference."""

from __future__ import annotations

from simulator.books.faults import Fault
from simulator.books.state import Books
from simulator.books.wire import Wire

FIRST_NUMBER = 1001
SEQUENCE = "DocNumber"
"""Sales forms of all kinds count up together."""


def settle_number(
    books: Books, entity: str, id: str, wanted: str | None, former: Wire | None, *, allowed: bool
) -> str | None:
    """
    The number a sales form gets.

    With CustomTxnNumbers the wanted one, and none when none is wanted. Without it QuickBooks
    counts up by itself; whether a wanted one is kept then is a rule of the company.

    Raises:
        Fault: 6140 when the wanted number is taken and *allowed* is false.
    """
    kept = None if former is None else former.get("DocNumber")
    custom = books.preference("SalesFormsPrefs", "CustomTxnNumbers") is True
    if not custom and not (wanted and books.rules.docnumber_when_custom_off == "keep"):
        wanted = kept or _next(books, entity)
    if wanted is not None and wanted != kept:
        _refuse_duplicate(books, entity, wanted, allowed=allowed)
    if wanted != kept:
        release_number(books, entity, id, kept)
        claim_number(books, entity, id, wanted)
    return wanted


def claim_number(books: Books, entity: str, id: str, number: str | None) -> None:
    """Remember that a document has *number*."""
    if number is not None:
        books.store.set(books.numbers.setdefault((entity, number), {}), id, None)


def release_number(books: Books, entity: str, id: str, number: str | None) -> None:
    """Forget that a document has *number*."""
    if number is not None:
        books.store.drop(books.numbers.get((entity, number), {}), id)


def _refuse_duplicate(books: Books, entity: str, number: str, *, allowed: bool) -> None:
    holders = books.numbers.get((entity, number))
    if holders and books.rules.warn_duplicate_docnum and not allowed:
        raise Fault.duplicate_document(number, entity, next(iter(holders)))


def _next(books: Books, entity: str) -> str:
    number = books.store.next_id(SEQUENCE)
    while books.numbers.get((entity, number)):
        number = books.store.next_id(SEQUENCE)
    return number
