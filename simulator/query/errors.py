"""The refusals of the query language, in the words of recorded answers."""

from __future__ import annotations

from simulator.books.faults import Fault


def parser_error(detail: str) -> Fault:
    """4000: the statement cannot be read."""
    return Fault.of("4000", "Error parsing query", f"QueryParserError: {detail}", None)


def lexical_error(text: str, position: int) -> Fault:
    """4000 at a character that no token begins with."""
    line, column = place(text, position)
    sign = text[position]
    shown = sign.replace("\\", "\\\\").replace('"', '\\"')
    return parser_error(
        f"Invalid content. Lexical error at line {line}, column {column}.  "
        f'Encountered: "{shown}" ({ord(sign)}), after : ""'
    )


def unterminated(text: str) -> Fault:
    """4000 at the end of a text with an odd apostrophe."""
    line, column = place(text, len(text))
    return parser_error(
        f"Invalid content. Lexical error at line {line}, column {column}.  "
        f'Encountered: <EOF> after : ""'
    )


def encountered(kind: str, token: str, text: str, position: int, expected: str) -> Fault:
    """4000 at a token that may not stand there."""
    line, column = place(text, position)
    return parser_error(
        f'Encountered " {kind} "{token} "" at line {line}, column {column}.\n'
        f"Was expecting:\n    {expected} ...\n    "
    )


def invalid(detail: str) -> Fault:
    """4001: the statement can be read, but makes no sense."""
    return Fault.of("4001", "Invalid query", f"QueryValidationError: {detail}", None)


def unknown_entity(name: str) -> Fault:
    """4001 for a FROM that QuickBooks does not know."""
    return invalid(f"invalid context declaration: {name}")


def unknown_property(name: str, entity: str) -> Fault:
    """4001 for a property the entity does not have."""
    return invalid(f"Property {name} not found for Entity {entity}")


def not_queryable(name: str) -> Fault:
    """4001 for a property that exists, but cannot be filtered by."""
    return invalid(f"property '{name}' is not queryable")


def too_small(value: int, minimum: int) -> Fault:
    """4001 for a paging value below its bound."""
    return invalid(f"value {value} is too small. Min allowed value is {minimum}")


def too_large(value: int, maximum: int) -> Fault:
    """4001 for a paging value above its bound."""
    return invalid(f"value {value} is too large. Max allowed value is {maximum}")


def place(text: str, position: int) -> tuple[int, int]:
    """Line and column of *position*, both counted from 1."""
    line = text.count("\n", 0, position) + 1
    return line, position - (text.rfind("\n", 0, position) + 1) + 1
