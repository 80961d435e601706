"""
Names of list objects: unique within their scope, and what becomes of them with Active.

Customers, vendors and employees share one scope. An object made inactive is renamed with a suffix;
whether its former name stays taken is a rule of the company.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.books.faults import Fault
from simulator.books.state import Books
from simulator.books.wire import Wire

PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Naming:
    """How one entity is named: its attribute, its suffix when inactive, and the word of 6240."""

    field: str
    holder: str
    suffix: str = " (deleted)"


NAMINGS = {
    "Customer": Naming("DisplayName", "customer, vendor or employee"),
    "Vendor": Naming("DisplayName", "customer, vendor or employee"),
    "Employee": Naming("DisplayName", "customer, vendor or employee"),
    "Item": Naming("Name", "product or service"),
    "Account": Naming("Name", "account"),
    "PaymentMethod": Naming("Name", "payment method", " (Deleted)"),
    "Term": Naming("Name", "term"),
    "Class": Naming("Name", "class", " (Deleted)"),
    "Department": Naming("Name", "department"),
    "TaxAgency": Naming("DisplayName", "tax agency"),
    "TaxCode": Naming("Name", "tax code"),
    "TaxRate": Naming("Name", "tax rate"),
    "CompanyCurrency": Naming("Code", "currency"),
}


def fold(name: str) -> str:
    """Names compare trimmed and without case."""
    return name.strip().casefold()


def settle_name(
    books: Books, entity: str, id: str, scope: str, draft: Wire, former: Wire | None
) -> str:
    """
    Decide the name under which the object is stored, and claim it.

    Raises:
        Fault: 6240 when somebody else has it.
    """
    naming = NAMINGS[entity]
    name = _with_suffix(books, naming, entity, id, scope, draft, former)
    if former is not None:
        _release(books, scope_of(former, scope), entity, former, naming)
    if _taken(books, scope, name, entity, id):
        raise Fault.duplicate_name(naming.holder)
    books.store.set(books.names, (scope, fold(name)), (entity, id))
    base = name.removesuffix(naming.suffix)
    if base != name and draft.get("Active") is False and (scope, fold(base)) not in books.names:
        books.store.set(books.names, (scope, fold(base)), (entity, id))
    return name


def scope_of(row: Wire, scope: str) -> str:
    """The scope a stored object is named in: the same kind, under its own parent."""
    head, below, _ = scope.partition("/")
    if not below:
        return scope
    parent = row.get("ParentRef")
    return f"{head}/{parent['value'] if parent else ''}"


def holder_of(books: Books, scope: str, name: str) -> tuple[str, str] | None:
    """Entity and id of the object that has *name*."""
    return books.names.get((scope, fold(name)))


def _with_suffix(
    books: Books,
    naming: Naming,
    entity: str,
    id: str,
    scope: str,
    draft: Wire,
    former: Wire | None,
) -> str:
    wanted = str(draft[naming.field])
    if draft.get("Active") is False:
        if wanted.endswith(naming.suffix):
            return wanted
        suffixed, count = wanted + naming.suffix, 0
        while _taken(books, scope, suffixed, entity, id):
            count += 1
            suffixed = f"{wanted} ({count}){naming.suffix}"
        return suffixed
    revived = former is not None and former.get("Active") is False
    if revived and former is not None and wanted == former[naming.field]:
        base = wanted.removesuffix(naming.suffix)
        return wanted if _taken(books, scope, base, entity, id) else base
    return wanted


def _taken(books: Books, scope: str, name: str, entity: str, id: str) -> bool:
    holder = books.names.get((scope, fold(name)))
    if holder is None or holder == (entity, id):
        return False
    if books.rules.inactive_blocks_name:
        return True
    row = books.store.rows[holder[0]].get(holder[1])
    field = NAMINGS[holder[0]].field
    return row is not None and (row.get("Active") is not False or fold(row[field]) == fold(name))


def _release(books: Books, scope: str, entity: str, former: Wire, naming: Naming) -> None:
    name = former[naming.field]
    for used in (name, name.removesuffix(naming.suffix)):
        if books.names.get((scope, fold(used))) == (entity, former["Id"]):
            books.store.drop(books.names, (scope, fold(used)))
