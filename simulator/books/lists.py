"""What all name lists have in common: drafts, hierarchy, deactivation, storing."""

from __future__ import annotations

from typing import Any

from simulator.books.faults import Fault
from simulator.books.naming import NAMINGS
from simulator.books.schemas import Schema
from simulator.books.state import Books
from simulator.books.wire import Wire, ref_id

DEEPEST = 5

_HEADER = frozenset({"SyncToken", "MetaData", "domain", "sparse"})


def is_sparse(body: Wire) -> bool:
    """Whether an update changes only what it names."""
    return body.get("sparse") in (True, "true")


def draft_of(schema: Schema, former: Wire | None, sent: Wire, *, sparse: bool) -> Wire:
    """
    The writable attributes as they shall be.

    A full update keeps of *former* only what QuickBooks never clears.
    """
    base: Wire = {}
    if former is not None:
        kept = schema.fields if sparse else schema.kept
        base = {name: former[name] for name in kept if name in former}
    base.update(sent)
    return {name: value for name, value in base.items() if value not in ("", {})}


def store_list_row(books: Books, entity: str, row: Wire, former: Wire | None) -> Wire:
    """
    Store the next version of a list object.

    An update that changes nothing is no change: recorded answers keep the old SyncToken.
    """
    if former is None:
        return books.put(entity, row)
    if {k: v for k, v in row.items() if k not in _HEADER} == {
        k: v for k, v in former.items() if k not in _HEADER
    }:
        return former
    return books.put(entity, row)


def place_below(
    books: Books, entity: str, id: str, parent: Wire | None, former: Wire | None
) -> int:
    """
    Put an object below *parent* (None: at the top) and give its depth, 0 at the top.

    Raises:
        Fault: 900 and 700 for an impossible parent, 6180 beyond five levels.
    """
    depth, above = 0, parent
    while above is not None:
        if above["Id"] == id:
            raise Fault.own_parent() if depth == 0 else Fault.bad_parent("it is a descendant")
        depth += 1
        below = ref_id(above, "ParentRef")
        above = None if below is None else books.store.rows[entity][below]
    if depth >= DEEPEST:
        raise Fault.too_deep()
    before = None if former is None else ref_id(former, "ParentRef")
    after = None if parent is None else parent["Id"]
    if before != after:
        if before is not None:
            books.store.drop(books.children.setdefault((entity, before), {}), id)
        if after is not None:
            books.store.set(books.children.setdefault((entity, after), {}), id, None)
    return depth


def parent_of(books: Books, entity: str, draft: Wire, former: Wire | None) -> Wire | None:
    """The parent a draft names; a new one must exist and be active."""
    named_parent = ref_id(draft, "ParentRef")
    if named_parent is None:
        return None
    if former is not None and ref_id(former, "ParentRef") == named_parent:
        return books.store.rows[entity][named_parent]
    return books.referred(entity, draft["ParentRef"])


def full_name(parent: Wire | None, name: str) -> str:
    """``Parent:Child``."""
    return name if parent is None else f"{parent['FullyQualifiedName']}:{name}"


def rename_below(books: Books, entity: str, row: Wire) -> None:
    """Bring the full names of everything below *row* up to date, silently."""
    for id in books.children.get((entity, row["Id"]), {}):
        child = books.store.rows[entity][id]
        name = full_name(row, child[NAMINGS[entity].field])
        if child["FullyQualifiedName"] != name:
            rename_below(books, entity, books.put(entity, {**child, "FullyQualifiedName": name}))


def address(books: Books, sent: Wire | None, former: Wire | None) -> Wire | None:
    """A stored address: what was sent, under the id which the former one had."""
    if sent is None or sent is former:
        return sent
    id = former["Id"] if former else books.store.next_id("address")
    return {"Id": id, **{name: value for name, value in sent.items() if value != ""}}


def named(books: Books, entity: str, reference: Wire | None) -> Wire | None:
    """The reference with its target's name, the target checked."""
    if reference is None:
        return None
    target = books.referred(entity, reference)
    return {"value": target["Id"], "name": display(entity, target)}


def display(entity: str, row: Wire) -> str:
    """The name by which references show an object."""
    return str(row.get("FullyQualifiedName") or row[NAMINGS[entity].field])


def without_nothing(row: dict[str, Any]) -> Wire:
    """Answers leave out empty attributes."""
    return {name: value for name, value in row.items() if value is not None}
