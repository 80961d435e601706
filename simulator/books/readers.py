"""
Readers: how one attribute of a request is checked and brought into its stored form.

A reader gets the value and the attribute's name and gives the value back or refuses it. JSON null
never reaches a reader: to QuickBooks it is the same as leaving the attribute out. An empty text
does: it clears the attribute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.books.faults import Fault
from simulator.books.money import cents
from simulator.books.wire import Wire

Reader = Callable[[Any, str], Any]

LARGEST = Decimal(99_999_999_999)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")


def text(maximum: int, *, minimum: int = 0, forbidden: str = "") -> Reader:
    """Text of at most *maximum* characters, without the *forbidden* ones."""

    def read(value: Any, name: str) -> str:
        if not isinstance(value, str):
            if isinstance(value, dict | list):
                raise Fault.bad_value(name, f"{name} should be a text")
            value = str(value).lower() if isinstance(value, bool) else str(value)
        if not minimum <= len(value) <= maximum:
            raise Fault.too_long(name, maximum, len(value), minimum)
        for sign in forbidden:
            if sign in value:
                raise Fault.bad_value(name, f"{name} holds an invalid character")
        return str(value)

    return read


def name_text(maximum: int, forbidden: str = ":\t\n\r") -> Reader:
    """A name: as `text`, without blanks at its ends."""
    inner = text(maximum, forbidden=forbidden)

    def read(value: Any, name: str) -> str:
        return str(inner(value, name)).strip()

    return read


def number(value: Any, name: str) -> Decimal:
    """Any finite number, with the precision that was sent."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise Fault.bad_number(name, value)
    try:
        parsed = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise Fault.bad_number(name, value) from None
    if not parsed.is_finite() or abs(parsed) > LARGEST:
        raise Fault.bad_number(name, value)
    return parsed


def whole(least: int, most: int) -> Reader:
    """A whole number within bounds."""

    def read(value: Any, name: str) -> int:
        parsed = number(value, name)
        if parsed != parsed.to_integral_value() or not least <= parsed <= most:
            raise Fault.bad_number(name, value)
        return int(parsed)

    return read


def money(value: Any, name: str) -> Decimal:
    """An amount, rounded to cents."""
    return cents(number(value, name))


def boolean(value: Any, name: str) -> bool:
    """true or false, also as a word."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise Fault.bad_boolean(name, value)


def day(value: Any, name: str) -> str:
    """A date ``YYYY-MM-DD``; a time behind it is cut off."""
    found = _DAY.match(value) if isinstance(value, str) else None
    if found is None or (len(value) > 10 and value[10] != "T"):
        raise Fault.bad_date(name, value)
    try:
        date.fromisoformat(found.group())
    except ValueError:
        raise Fault.bad_date(name, value) from None
    return found.group()


def enum(*words: str) -> Reader:
    """One of *words*."""
    known = frozenset(words)

    def read(value: Any, name: str) -> str:
        if not isinstance(value, str) or value not in known:
            raise Fault.bad_enumeration(name, value)
        return value

    return read


def reference(value: Any, name: str) -> Wire:
    """``{"value": id}``; a name sent along is not believed."""
    if not isinstance(value, dict):
        raise Fault.bad_value(name, f"{name} should be a reference")
    target = value.get("value")
    if target is None or isinstance(target, dict | list | bool) or str(target) == "":
        raise Fault.missing(f"{name}.value")
    return {"value": str(target)}


def typed_reference(value: Any, name: str) -> Wire:
    """A reference which also says of which type its target is (payees of a Purchase)."""
    read = reference(value, name)
    if "type" in value:
        read["type"] = enum("Customer", "Vendor", "Employee")(value["type"], f"{name}.type")
    return read


def currency(value: Any, name: str) -> Wire:
    """A reference to a currency by its three letters."""
    read = reference(value, name)
    if not _CURRENCY.fullmatch(read["value"]):
        raise Fault.bad_currency(read["value"])
    return read


def email(value: Any, name: str) -> Wire:
    """``{"Address": …}`` of at most 100 characters with ``@`` and dot."""
    if not isinstance(value, dict):
        raise Fault.bad_value(name, f"{name} should be an object")
    address = value.get("Address")
    if address is None or address == "":
        return {}
    if len(str(address)) > 100:
        raise Fault.too_long(name, 100, len(str(address)))
    if any("@" not in part or "." not in part for part in str(address).split(",")):
        raise Fault.bad_email(address)
    return {"Address": str(address)}


def website(value: Any, name: str) -> Wire:
    """``{"URI": …}`` with its scheme."""
    uri = str(value.get("URI") or "") if isinstance(value, dict) else str(value)
    if len(uri) > 1000:
        raise Fault.too_long(name, 1000, len(uri))
    if uri and not uri.startswith(("http://", "https://")):
        raise Fault.bad_website(uri)
    return {"URI": uri} if uri else {}


def record(
    label: str, fields: Mapping[str, Reader], ignored: frozenset[str] = frozenset()
) -> Reader:
    """An object with known attributes; unknown ones are refused under the class *label*."""

    def read(value: Any, name: str) -> Wire:
        if not isinstance(value, dict):
            raise Fault.bad_value(name, f"{name} should be an object")
        return read_fields(label, fields, ignored, value)

    return read


def many(inner: Reader) -> Reader:
    """A list of what *inner* reads; a single object counts as a list of one."""

    def read(value: Any, name: str) -> list[Any]:
        members = value if isinstance(value, list) else [value]
        return [inner(member, name) for member in members]

    return read


def read_fields(
    label: str, fields: Mapping[str, Reader], ignored: frozenset[str], body: Mapping[str, Any]
) -> Wire:
    """Read each attribute of *body* with its reader, skip the ignored, refuse the unknown."""
    read: Wire = {}
    for key, value in body.items():
        reader = fields.get(key)
        if reader is None:
            if key in ignored:
                continue
            raise Fault.unknown_property(key, label, [*fields, *sorted(ignored)])
        if value == "":
            # A text is cleared; a date or a word of a list that is empty is as good as left out.
            with suppress(Fault):
                read[key] = reader(value, key)
        elif value is not None:
            read[key] = reader(value, key)
    return read
