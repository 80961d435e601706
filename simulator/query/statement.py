"""A parsed query."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LiteralKind(StrEnum):
    """How a value was written."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CURRENT_DATE = "current_date"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; *text* is what stood between the quotes."""

    kind: LiteralKind
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """``name operator value``; only IN has several values."""

    name: str
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the ordering."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """
    A whole SELECT.

    *columns* is empty for ``*`` (also with further names beside the star), *entity* as written.
    """

    entity: str
    columns: tuple[str, ...]
    extra_columns: tuple[str, ...]
    count: bool
    conditions: tuple[Condition, ...]
    order: tuple[Order, ...]
    start: int
    limit: int
