"""WHERE: one condition to one test on a column's key."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.books.faults import Fault
from simulator.query.errors import invalid
from simulator.query.fields import Field, FieldKind
from simulator.query.statement import Condition, Literal, LiteralKind

Test = Callable[[Any], bool]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_EXACT_ONLY = {FieldKind.ID, FieldKind.REF, FieldKind.BOOLEAN}


def compile_condition(
    entity: str, field: Field, condition: Condition, *, zone: tzinfo, today: date
) -> Test:
    """
    Turn a condition into a test; a row without a value passes only the comparison with blank.

    Raises:
        Fault: 4001, the operator or the value does not suit the field; 2030 for a bad Id.
    """
    _check_operator(field, condition.operator)
    if condition.operator == "like":
        return _like(condition.values[0])
    if condition.operator == "=" and _is_blank(field, condition.values[0]):
        return lambda key: key is None or key == ""
    keys = [_key(entity, field, value, zone, today) for value in condition.values]
    if condition.operator in {"=", "in"}:
        wanted = frozenset(keys)
        return lambda key: key in wanted
    compare, bound = _COMPARISONS[condition.operator], keys[0]
    return lambda key: key is not None and compare(key, bound)


def _check_operator(field: Field, sign: str) -> None:
    if field.kind in _EXACT_ONLY:
        allowed = sign in {"=", "in"}
    else:
        allowed = sign != "like" or field.kind is FieldKind.TEXT
    if not allowed:
        raise invalid(f"operator {sign} is not supported for property '{field.name}'")


def _is_blank(field: Field, value: Literal) -> bool:
    wanted = field.kind not in {FieldKind.ID, FieldKind.BOOLEAN}
    return wanted and value.kind is LiteralKind.STRING and not value.text.strip()


def _like(value: Literal) -> Test:
    if value.kind is not LiteralKind.STRING:
        raise invalid(f"value {value.text} is not a string")
    parts = [re.escape(part) for part in value.text.lower().split("%")]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return lambda key: key is not None and pattern.fullmatch(key) is not None


def _key(entity: str, field: Field, value: Literal, zone: tzinfo, today: date) -> Any:
    if value.kind is LiteralKind.CURRENT_DATE:
        return _current_date_key(field, zone, today)
    text = value.text
    match field.kind:
        case FieldKind.ID:
            key: Any = _id_key(entity, text)
        case FieldKind.BOOLEAN:
            key = _boolean_key(field, text)
        case FieldKind.NUMBER:
            key = _number_key(field, text)
        case FieldKind.DATE:
            key = _date_key(field, text)
        case FieldKind.TIME:
            key = _time_key(field, text, zone)
        case FieldKind.REF:
            key = text
        case _:
            key = text.lower()
    return key


def _current_date_key(field: Field, zone: tzinfo, today: date) -> Any:
    if field.kind is FieldKind.DATE:
        return today.isoformat()
    if field.kind is FieldKind.TIME:
        return datetime(today.year, today.month, today.day, tzinfo=zone).timestamp()
    raise invalid(f"CURRENT_DATE does not suit property '{field.name}'")


def _id_key(entity: str, text: str) -> str:
    if not (text.isascii() and text.isdigit()) and entity != "TaxCode":
        raise Fault.bad_id(text)
    return text


def _boolean_key(field: Field, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise invalid(f"value {text} is not a boolean for property '{field.name}'")
    return text.lower() == "true"


def _number_key(field: Field, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise invalid(f"value {text} is not a number for property '{field.name}'") from None


def _date_key(field: Field, text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise invalid(f"value {text} is not a date for property '{field.name}'") from None


def _time_key(field: Field, text: str, zone: tzinfo) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"value {text} is not a date time for property '{field.name}'") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.timestamp()
