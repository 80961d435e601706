"""One entity's rows with the columns that queries have needed so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from simulator.query.fields import Field, FieldKind
from simulator.wire import Json

Key = Any
"""What a value compares by; None where the row has no such value."""


class Table:
    """
    Rows in Id order. Rows are never changed, only replaced, so a column entry stays true for as
    long as the very same row object stands at its place.
    """

    def __init__(self, entity: str, rows: Sequence[Json], former: Table | None = None) -> None:
        self.entity = entity
        self.rows = rows
        self.selections: dict[object, list[int]] = {}
        self._columns: dict[Field, list[Key]] = {}
        self._former = former
        if former is not None:
            former._former = None

    def column(self, field: Field) -> list[Key]:
        """The comparison keys of *field*, one a row."""
        found = self._columns.get(field)
        if found is None:
            found = self._columns[field] = self._build(field)
        return found

    def _build(self, field: Field) -> list[Key]:
        key = key_reader(field)
        former = self._former
        if former is None or field not in former._columns:
            return [key(row) for row in self.rows]
        known, rows = former._columns[field], former.rows
        common = min(len(rows), len(self.rows))
        column = [
            known[at] if rows[at] is self.rows[at] else key(self.rows[at]) for at in range(common)
        ]
        column.extend(key(row) for row in self.rows[common:])
        return column


def key_reader(field: Field) -> Callable[[Json], Key]:
    """A function from a row to the comparison key of *field*."""
    convert = _CONVERTERS[field.kind]
    path = field.path

    def read(row: Json) -> Key:
        value: Any = row
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return None
            value = value[name]
        return None if value is None else convert(value)

    return read


def moment_key(text: str) -> float:
    """Seconds since 1970 of a stored timestamp, which always has an offset."""
    return datetime.fromisoformat(text).timestamp()


_CONVERTERS: dict[FieldKind, Callable[[Any], Key]] = {
    FieldKind.ID: str,
    FieldKind.TEXT: lambda value: str(value).lower(),
    FieldKind.NUMBER: lambda value: value,
    FieldKind.BOOLEAN: bool,
    FieldKind.DATE: lambda value: str(value)[:10],
    FieldKind.TIME: moment_key,
    FieldKind.REF: lambda value: str(value["value"]),
    FieldKind.HIDDEN: str,
}
