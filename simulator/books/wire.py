"""The shape of a stored object: QuickBooks' own JSON, with money as Decimal and ids as text."""

from __future__ import annotations

from typing import Any

Wire = dict[str, Any]
"""One object as QuickBooks would answer it. A stored one is never changed, only replaced."""


def ref(value: str, name: str | None = None) -> Wire:
    """A reference; *name* is left out where QuickBooks leaves it out."""
    return {"value": value} if name is None else {"value": value, "name": name}


def ref_id(row: Wire, field: str) -> str | None:
    """The id which the reference *field* of *row* holds, if it holds one."""
    held = row.get(field)
    return None if held is None else str(held["value"])
