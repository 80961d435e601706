"""Customers, vendors and employees: one name space, three lists."""

from __future__ import annotations

from simulator.books.currencies import ensure_currency
from simulator.books.faults import Fault
from simulator.books.lists import (
    address,
    draft_of,
    full_name,
    is_sparse,
    parent_of,
    place_below,
    rename_below,
    store_list_row,
    without_nothing,
)
from simulator.books.money import ZERO
from simulator.books.naming import PEOPLE, settle_name
from simulator.books.schemas import CUSTOMER, EMPLOYEE, VENDOR
from simulator.books.state import Books
from simulator.books.wire import Wire

_SCHEMAS = {"Customer": CUSTOMER, "Vendor": VENDOR, "Employee": EMPLOYEE}
_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_ADDRESSES = ("BillAddr", "ShipAddr", "PrimaryAddr")
_CHECKED = (
    ("DefaultTaxCodeRef", "TaxCode"),
    ("SalesTermRef", "Term"),
    ("TermRef", "Term"),
    ("PaymentMethodRef", "PaymentMethod"),
)


def create_person(books: Books, entity: str, body: Wire) -> Wire:
    """Create a customer, vendor or employee."""
    schema = _SCHEMAS[entity]
    draft = draft_of(schema, None, schema.read(body), sparse=False)
    return _store(books, entity, draft, None)


def update_person(books: Books, entity: str, body: Wire) -> Wire:
    """Update one, sparse or full; Active false needs a zero balance."""
    schema = _SCHEMAS[entity]
    former = books.current(entity, body)
    draft = draft_of(schema, former, schema.read(body), sparse=is_sparse(body))
    if draft.get("Active") is False and former["Active"] is True and _owes(former):
        raise Fault.has_balance()
    return _store(books, entity, draft, former)


def _owes(row: Wire) -> bool:
    return any(row.get(name, ZERO) != ZERO for name in ("Balance", "BalanceWithJobs"))


def _store(books: Books, entity: str, draft: Wire, former: Wire | None) -> Wire:
    if "DisplayName" not in draft:
        draft["DisplayName"] = " ".join(draft[part] for part in _NAME_PARTS if part in draft)
        if not draft["DisplayName"]:
            raise Fault.no_name()
    for name, target in _CHECKED:
        if name in draft and (former is None or draft[name] != former.get(name)):
            books.referred(target, draft[name])
    id = books.store.next_id(PEOPLE) if former is None else former["Id"]
    draft["DisplayName"] = settle_name(books, entity, id, PEOPLE, draft, former)
    head = books.header(id) if former is None else books.next_header(former)
    row = {**head, **draft, **_defaults(entity, draft)}
    for name in _ADDRESSES:
        if name in draft:
            row[name] = address(books, draft[name], former.get(name) if former else None)
    if entity != "Employee":
        row["CurrencyRef"] = _currency(books, draft, former)
        row["Balance"] = former["Balance"] if former else ZERO
    if entity == "Customer":
        _customer(books, row, draft, former)
    stored = store_list_row(books, entity, without_nothing(row), former)
    if former is not None and stored is not former and entity == "Customer":
        rename_below(books, entity, stored)
    return stored


def _defaults(entity: str, draft: Wire) -> Wire:
    person = " ".join(draft[part] for part in ("GivenName", "FamilyName") if part in draft)
    printed = draft.get("CompanyName") or person or draft["DisplayName"]
    return {
        "Active": draft.get("Active", True),
        "PrintOnCheckName": draft.get("PrintOnCheckName", printed[:110]),
        **({"Vendor1099": draft.get("Vendor1099", False)} if entity == "Vendor" else {}),
        **({"BillableTime": draft.get("BillableTime", False)} if entity == "Employee" else {}),
    }


def _currency(books: Books, draft: Wire, former: Wire | None) -> Wire:
    """The currency of a person is set once."""
    if former is None:
        return ensure_currency(books, draft.get("CurrencyRef"))
    held: Wire = former["CurrencyRef"]
    if draft["CurrencyRef"]["value"] != held["value"]:
        raise Fault.business("The currency of a customer or vendor cannot be changed.")
    return held


def _customer(books: Books, row: Wire, draft: Wire, former: Wire | None) -> None:
    """Add what only customers have: the hierarchy, balances, defaults."""
    parent = None
    if draft.get("Job"):
        if "ParentRef" not in draft:
            raise Fault.missing("ParentRef")
        parent = parent_of(books, "Customer", draft, former)
    else:
        row.pop("ParentRef", None)
    level = place_below(books, "Customer", row["Id"], parent, former)
    row["Job"] = parent is not None
    if level:
        row["Level"] = level
    row["BillWithParent"] = bool(draft.get("BillWithParent")) and parent is not None
    row["Taxable"] = draft.get("Taxable", True)
    row["PreferredDeliveryMethod"] = draft.get("PreferredDeliveryMethod", "Print")
    row["IsProject"] = False
    row["FullyQualifiedName"] = full_name(parent, row["DisplayName"])
    row["BalanceWithJobs"] = former["BalanceWithJobs"] if former else ZERO
    if "PrimaryTaxIdentifier" in draft:
        row["PrimaryTaxIdentifier"] = f"XXXXX{draft['PrimaryTaxIdentifier'][-4:]}"
