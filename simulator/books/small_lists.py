"""Payment methods, terms, classes and departments."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal

from simulator.books.faults import Fault
from simulator.books.lists import (
    draft_of,
    full_name,
    is_sparse,
    parent_of,
    place_below,
    rename_below,
    store_list_row,
)
from simulator.books.naming import settle_name
from simulator.books.schemas import CLASS, DEPARTMENT, PAYMENT_METHOD, TERM
from simulator.books.state import Books
from simulator.books.wire import Wire

FIRST_CLASS_ID = 5_000_000_000_000_007_280
"""Ids of classes are longer than any other id, and longer than a 53-bit number."""

_SCHEMAS = {
    "PaymentMethod": PAYMENT_METHOD,
    "Term": TERM,
    "Class": CLASS,
    "Department": DEPARTMENT,
}
_BELOW = {"Class": "SubClass", "Department": "SubDepartment"}


def create_small(books: Books, entity: str, body: Wire) -> Wire:
    """Create an entry of one of the small lists."""
    schema = _SCHEMAS[entity]
    draft = draft_of(schema, None, schema.read(body), sparse=False)
    return _store(books, entity, draft, None)


def update_small(books: Books, entity: str, body: Wire) -> Wire:
    """Update one, sparse or full."""
    schema = _SCHEMAS[entity]
    former = books.current(entity, body)
    draft = draft_of(schema, former, schema.read(body), sparse=is_sparse(body))
    return _store(books, entity, draft, former)


def _store(books: Books, entity: str, draft: Wire, former: Wire | None) -> Wire:
    if "Name" not in draft:
        raise Fault.missing("Name")
    extra = _term(draft) if entity == "Term" else {}
    if entity == "PaymentMethod":
        extra = {"Type": draft.get("Type", "NON_CREDIT_CARD")}
    id = books.store.next_id(entity) if former is None else former["Id"]
    scope, parent = entity, None
    if entity in _BELOW:
        parent = parent_of(books, entity, draft, former)
        place_below(books, entity, id, parent, former)
        scope = f"{entity}/{parent['Id'] if parent else ''}"
        extra = {_BELOW[entity]: parent is not None}
    draft["Name"] = settle_name(books, entity, id, scope, draft, former)
    if entity in _BELOW:
        extra["FullyQualifiedName"] = full_name(parent, draft["Name"])
    head = books.header(id) if former is None else books.next_header(former)
    row = {**head, **draft, **extra, "Active": draft.get("Active", True)}
    stored = store_list_row(books, entity, row, former)
    if former is not None:
        rename_below(books, entity, stored)
    return stored


def _term(draft: Wire) -> Wire:
    """The kind of a term: after so many days, or on a day of the month."""
    percent = draft.get("DiscountPercent")
    if percent is not None and not 0 <= percent <= 100:
        raise Fault.bad_number("DiscountPercent", percent)
    if "DayOfMonthDue" in draft:
        return {"Type": "DATE_DRIVEN", "DueNextMonthDays": draft.get("DueNextMonthDays", 0)}
    if "DueDays" not in draft:
        raise Fault.missing("DueDays")
    return {
        "Type": "STANDARD",
        "DiscountDays": draft.get("DiscountDays", 0),
        "DiscountPercent": draft.get("DiscountPercent", Decimal(0)),
    }


def due_date(term: Wire | None, on: str) -> str:
    """The day on which a document of *on* is due under *term*; at once without one."""
    start = date.fromisoformat(on)
    if term is None:
        return on
    if term["Type"] == "STANDARD":
        return (start + timedelta(days=term["DueDays"])).isoformat()
    due = _day_of_month(start.year, start.month, term["DayOfMonthDue"])
    if (due - start).days < term["DueNextMonthDays"] or due < start:
        year, month = divmod(start.year * 12 + start.month, 12)
        due = _day_of_month(year, month + 1, term["DayOfMonthDue"])
    return due.isoformat()


def _day_of_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))
