"""What a write call means, whether it came alone or as a batch item."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from simulator.books.company import Company
from simulator.books.faults import Fault
from simulator.exchange import Call
from simulator.switches import Switches
from simulator.wire import Json, dumps, loads

Verb = Literal["create", "update", "void", "delete"]

VOID_BY_INCLUDE = frozenset({"Payment", "SalesReceipt", "BillPayment"})
"""Entities voided by ``operation=update&include=void``; only the invoice has ``operation=void``."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Write:
    """One intended write."""

    verb: Verb
    entity: str
    body: Json
    allow_duplicate_number: bool = False

    def apply(self, company: Company) -> Json:
        """
        Do it.

        Raises:
            Fault: The books refuse; nothing was written.
        """
        match self.verb:
            case "create":
                return company.create(
                    self.entity, self.body, allow_duplicate_docnum=self.allow_duplicate_number
                )
            case "update":
                return company.update(self.entity, self.body)
            case "void":
                return company.void(self.entity, self.body)
            case _:
                return company.delete(self.entity, self.body)


def parse_body(raw: bytes) -> Any:
    """
    Read a JSON body.

    Raises:
        Fault: 500, no UTF-8, or half a surrogate pair; 2010, no JSON.
    """
    try:
        text = raw.decode()
        value = loads(text)
        if _SURROGATE.search(text):
            dumps(value)
    except UnicodeError:
        raise Fault.not_utf8() from None
    except (ValueError, RecursionError) as problem:
        raise bad_json(str(problem)) from None
    return value


def bad_json(reason: str) -> Fault:
    """2010 with the parser's own words."""
    return Fault.of(
        "2010", "Request has invalid or unsupported property", f"Property Name:{reason}", None
    )


def object_body(value: Any) -> Json:
    """
    *value*, if it is a JSON object.

    Raises:
        Fault: 2010.
    """
    if not isinstance(value, dict):
        raise bad_json("Can not deserialize instance out of the given token")
    return value


def write_of_call(call: Call, body: Json, switches: Switches) -> Write:
    """
    The write that path, ``operation`` and ``include`` of a POST ask for.

    Raises:
        Fault: 500, the entity knows no such operation.
    """
    entity = str(call.entity)
    verb = verb_of(entity, call.query, body, switches)
    includes = call.query.get("include", "").lower().split(",")
    return Write(verb, entity, body, "allowduplicatedocnum" in includes)


def verb_of(entity: str, query: dict[str, str], body: Json, switches: Switches) -> Verb:
    """
    The verb of a POST on an entity; without ``operation`` an ``Id`` makes it an update.

    Raises:
        Fault: 500, unknown operation, or a void in a form that the entity does not have.
    """
    operation = query.get("operation", "").lower()
    void_included = "void" in query.get("include", "").lower().split(",")
    if operation == "void":
        if entity != "Invoice" and not switches.operation_void_for_payment:
            raise Fault.unsupported(f"Operation void is not supported for {entity}.")
        return "void"
    if operation == "update" and void_included:
        if entity not in VOID_BY_INCLUDE:
            raise Fault.unsupported(f"Operation include=void is not supported for {entity}.")
        return "void"
    if operation not in {"", "create", "update", "delete"}:
        raise Fault.unsupported(f"Operation {operation} is not supported.")
    if operation == "delete":
        return "delete"
    return "update" if operation == "update" or body.get("Id") else "create"
