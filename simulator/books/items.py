"""Products and services."""

from __future__ import annotations

from decimal import Decimal

from simulator.books.accounts import account_for
from simulator.books.faults import Fault
from simulator.books.lists import (
    display,
    draft_of,
    full_name,
    is_sparse,
    parent_of,
    place_below,
    rename_below,
    store_list_row,
)
from simulator.books.naming import settle_name
from simulator.books.schemas import ITEM
from simulator.books.state import Books
from simulator.books.wire import Wire

_ACCOUNTS = (
    ("IncomeAccountRef", frozenset({"Income", "Other Income"})),
    ("ExpenseAccountRef", frozenset({"Expense", "Other Expense", "Cost of Goods Sold"})),
    ("AssetAccountRef", frozenset({"Other Current Asset"})),
)
_CHECKED = (("SalesTaxCodeRef", "TaxCode"), ("PurchaseTaxCodeRef", "TaxCode"))


def create_item(books: Books, body: Wire) -> Wire:
    """Create a service, a non-inventory or inventory product, or a category."""
    draft = draft_of(ITEM, None, ITEM.read(body), sparse=False)
    return _store(books, draft, None)


def update_item(books: Books, body: Wire) -> Wire:
    """Update an item; an inventory item keeps its type."""
    former = books.current("Item", body)
    draft = draft_of(ITEM, former, ITEM.read(body), sparse=is_sparse(body))
    if former["Type"] == "Inventory" and draft["Type"] != "Inventory":
        raise Fault.business("The type of an inventory item cannot be changed.")
    if draft.get("Active") is False and former["Active"] and former.get("QtyOnHand"):
        raise Fault.has_balance()
    return _store(books, draft, former)


def _store(books: Books, draft: Wire, former: Wire | None) -> Wire:
    if "Name" not in draft:
        raise Fault.missing("Name")
    kind = draft.get("Type", "Service")
    if kind == "Group" and former is None:
        raise Fault.not_supported("Bundles are read-only")
    if kind != "Category":
        _require_accounts(books, kind, draft)
    _check_accounts(books, draft, former)
    parent = parent_of(books, "Item", draft, former) if draft.get("SubItem", True) else None
    if parent is not None and parent["Type"] != "Category":
        raise Fault.bad_parent("items hang under categories only")
    id = books.store.next_id("Item") if former is None else former["Id"]
    level = place_below(books, "Item", id, parent, former)
    draft["Name"] = settle_name(books, "Item", id, "Item", draft, former)
    head = books.header(id) if former is None else books.next_header(former)
    row = {**head, **draft, **_computed(draft, kind, parent, level)}
    if parent is None:
        row.pop("ParentRef", None)
        row.pop("SubItem", None)
    stored = store_list_row(books, "Item", row, former)
    if former is not None:
        rename_below(books, "Item", stored)
    return stored


def _require_accounts(books: Books, kind: str, draft: Wire) -> None:
    """
    Which accounts an item must have: by its type, and in some countries both always.

    Raises:
        Fault: 2020 with the account as element.
    """
    needed = ["IncomeAccountRef"] if kind in {"Service", "Inventory"} else []
    if books.profile.item_needs_expense:
        needed = ["IncomeAccountRef", "ExpenseAccountRef"]
    if kind == "Inventory":
        needed += ["AssetAccountRef", "ExpenseAccountRef", "QtyOnHand", "InvStartDate"]
        if not draft.get("TrackQtyOnHand"):
            raise Fault.missing("TrackQtyOnHand")
    for name in needed:
        if name not in draft:
            raise Fault.missing(name)


def _check_accounts(books: Books, draft: Wire, former: Wire | None) -> None:
    for name, types in _ACCOUNTS:
        if name in draft and (former is None or draft[name] != former.get(name)):
            account = account_for(books, draft[name], name, types)
            draft[name] = {"value": account["Id"], "name": display("Account", account)}
    for name, target in _CHECKED:
        if name in draft and (former is None or draft[name] != former.get(name)):
            books.referred(target, draft[name])


def _computed(draft: Wire, kind: str, parent: Wire | None, level: int) -> Wire:
    computed: Wire = {
        "Type": kind,
        "Active": draft.get("Active", True),
        "FullyQualifiedName": full_name(parent, draft["Name"]),
    }
    if kind != "Category":
        computed |= {
            "Taxable": draft.get("Taxable", False),
            "UnitPrice": draft.get("UnitPrice", Decimal(0)),
            "PurchaseCost": draft.get("PurchaseCost", Decimal(0)),
            "TrackQtyOnHand": draft.get("TrackQtyOnHand", False),
            "DeferredRevenue": False,
        }
    if parent is not None:
        computed |= {"SubItem": True, "Level": level}
    return computed
