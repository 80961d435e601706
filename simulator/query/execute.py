"""A statement against a table: which rows, in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any, Literal

from simulator.query.conditions import Test, compile_condition
from simulator.query.errors import not_queryable, unknown_entity, unknown_property
from simulator.query.fields import (
    NAME_LISTS,
    UNSORTED,
    Field,
    FieldKind,
    entity_named,
    field_of,
)
from simulator.query.statement import Condition, Order, Statement
from simulator.query.table import Table
from simulator.wire import Json

_SELECTIONS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What an answer depends on besides statement and rows."""

    zone: tzinfo
    today: date
    default_order: Literal["recorded", "id"]
    sku_filterable: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """The page asked for, and how many rows there are in all."""

    rows: Sequence[Json]
    start: int
    total: int
    columns: tuple[Field, ...]


def entity_of(statement: Statement, supported: frozenset[str]) -> str:
    """
    The entity a statement asks.

    Raises:
        Fault: 4001, there is no such entity here.
    """
    entity = entity_named(statement.entity)
    if entity is None or entity not in supported:
        raise unknown_entity(statement.entity)
    return entity


def select(table: Table, statement: Statement, given: Circumstances) -> Selection:
    """
    Run *statement*; repeated pages of the same statement reuse its selection.

    Raises:
        Fault: 4001, a property is unknown or cannot be asked for; 2030, an Id is no number.
    """
    columns = _projection(table.entity, statement)
    chosen = _chosen(table, statement, given)
    begin = statement.start - 1
    page = chosen[begin : begin + statement.limit]
    return Selection([table.rows[at] for at in page], statement.start, len(chosen), columns)


def project(row: Json, columns: tuple[Field, ...]) -> Json:
    """The named fields of *row* only; lists, also nested ones, vanish."""
    result: Json = {}
    for field in columns:
        value: Any = row
        for name in field.path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is None or _holds_list(value):
            continue
        place = result
        for name in field.path[:-1]:
            place = place.setdefault(name, {})
        place[field.path[-1]] = value
    return result


def _holds_list(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_list(inner) for inner in value.values())
    return isinstance(value, list)


def _projection(entity: str, statement: Statement) -> tuple[Field, ...]:
    for name in statement.extra_columns:
        _known(entity, name)
    return tuple(_known(entity, name) for name in statement.columns)


def _chosen(table: Table, statement: Statement, given: Circumstances) -> list[int]:
    key = (statement.conditions, statement.order, given)
    found = table.selections.get(key)
    if found is None:
        found = _ordered(table, _filtered(table, statement, given), statement.order, given)
        if len(table.selections) >= _SELECTIONS_KEPT:
            table.selections.clear()
        table.selections[key] = found
    return found


def _filtered(table: Table, statement: Statement, given: Circumstances) -> list[int]:
    chosen: Sequence[int] = range(len(table.rows))
    asked_active = False
    for condition in statement.conditions:
        field = _filterable(table.entity, condition, given)
        asked_active = asked_active or field.name == "Active"
        test = compile_condition(table.entity, field, condition, zone=given.zone, today=given.today)
        chosen = _passing(table.column(field), chosen, test)
    if table.entity in NAME_LISTS and not asked_active:
        active = table.column(_known(table.entity, "Active"))
        return [at for at in chosen if active[at] is not False]
    return list(chosen)


def _passing(column: list[Any], chosen: Sequence[int], test: Test) -> list[int]:
    return [at for at in chosen if test(column[at])]


def _known(entity: str, name: str) -> Field:
    field = field_of(entity, name)
    if field is None:
        raise unknown_property(name, entity)
    return field


def _filterable(entity: str, condition: Condition, given: Circumstances) -> Field:
    field = _known(entity, condition.name)
    if field.name == "Sku" and given.sku_filterable:
        return Field("Sku", ("Sku",), FieldKind.TEXT)
    if field.kind is FieldKind.HIDDEN:
        raise not_queryable(condition.name)
    return field


def _ordered(
    table: Table, chosen: list[int], order: tuple[Order, ...], given: Circumstances
) -> list[int]:
    keys = [(_sortable(table.entity, key), key.descending) for key in order]
    if table.entity in UNSORTED:
        return chosen
    if not keys and given.default_order == "recorded":
        keys = _default_order(table.entity)
    for field, descending in reversed(keys):
        if field.kind is FieldKind.ID:
            if descending:
                chosen.sort(reverse=True)
            else:
                chosen.sort()
            continue
        chosen.sort(key=_position_key(table.column(field)), reverse=descending)
    return chosen


def _position_key(column: list[Any]) -> Callable[[int], tuple[bool, Any]]:
    """Order positions by their key, those without a value first."""

    def key(at: int) -> tuple[bool, Any]:
        value = column[at]
        return (False, 0) if value is None else (True, value)

    return key


def _sortable(entity: str, order: Order) -> Field:
    field = _known(entity, order.name)
    if field.kind is FieldKind.HIDDEN:
        raise not_queryable(order.name)
    return field


def _default_order(entity: str) -> list[tuple[Field, bool]]:
    """As recorded: lists by name, transactions by last change, the newest first."""
    if entity in NAME_LISTS and entity not in {"TaxCode", "TaxRate"}:
        for name in ("FullyQualifiedName", "DisplayName", "Name", "Code"):
            field = field_of(entity, name)
            if field is not None and field.kind is FieldKind.TEXT:
                return [(field, False)]
    if field_of(entity, "TxnDate") is not None:
        changed = field_of(entity, "MetaData.LastUpdatedTime")
        identity = field_of(entity, "Id")
        return [(field, True) for field in (changed, identity) if field is not None]
    return []
