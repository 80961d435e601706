"""
The one builder of statements in QuickBooks' query language.

Nobody else writes a statement. Entities and fields come from a whitelist, values are quoted here;
so no text of a merchant can become syntax.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from app.providers.quickbooks.text import one_line

PAGE_SIZE = 1000
LONGEST_URL_STATEMENT = 1500

Row = Mapping[str, object]
Scalar = str | bool | date | datetime | Decimal
Operator = Literal["=", "<", ">", "<=", ">=", "LIKE", "IN"]
_OPERATORS = frozenset(("=", "<", ">", "<=", ">=", "LIKE", "IN"))

_EVERYWHERE = frozenset(("Id", "MetaData.CreateTime", "MetaData.LastUpdatedTime"))
_SALES = frozenset(("TxnDate", "DocNumber", "CustomerRef", "Balance", "TotalAmt"))
_PERSON = frozenset(("DisplayName", "Active"))
_LISTED = frozenset(("Name", "Active"))
# What QuickBooks can filter by; anything else is refused by it with 4001.
FILTERABLE: Mapping[str, frozenset[str]] = {
    "Customer": _PERSON | {"GivenName", "FamilyName", "CompanyName", "FullyQualifiedName"},
    "Vendor": _PERSON,
    "Employee": _PERSON,
    "Item": _LISTED | {"FullyQualifiedName", "Type"},
    "Account": _LISTED | {"AccountType", "AccountSubType", "Classification"},
    "TaxCode": _LISTED | {"Description"},
    "TaxRate": _LISTED | {"Description", "AgencyRef"},
    "TaxAgency": frozenset(),
    "PaymentMethod": _LISTED,
    "Term": _LISTED,
    "Class": _LISTED | {"FullyQualifiedName"},
    "Department": _LISTED | {"FullyQualifiedName"},
    "Invoice": _SALES | {"DueDate"},
    "CreditMemo": _SALES,
    "RefundReceipt": _SALES,
    "Payment": frozenset(
        ("TxnDate", "TotalAmt", "CustomerRef", "PaymentMethodRef", "PaymentRefNum")
    ),
    "JournalEntry": frozenset(("TxnDate", "DocNumber")),
    "Purchase": frozenset(("TxnDate", "DocNumber", "TotalAmt", "PaymentType", "AccountRef")),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A finished statement. *by_post* tells whether it must travel as a body, not in the URL."""

    text: str
    by_post: bool


@dataclass(frozen=True, slots=True)
class Select:
    """All rows of an entity that meet every condition; immutable, each step returns another."""

    entity: str
    conditions: tuple[str, ...] = ()
    has_list: bool = False
    order_by: str | None = "Id"

    def __post_init__(self) -> None:
        if self.entity not in FILTERABLE:
            raise ValueError(f"{self.entity!r} is not an entity that is queried")
        if self.order_by is not None:
            self._check(self.order_by)

    def where(
        self, field: str, operator: Operator, value: Scalar | Sequence[str] | Sequence[bool]
    ) -> "Select":
        """Return the selection narrowed by one more condition (all must hold)."""
        self._check(field)
        if operator not in _OPERATORS or (operator == "IN") != _is_list(value):
            raise ValueError(f"{operator!r} does not go with {type(value).__name__}")
        condition = f"{field} {operator} {_literal(value)}"
        return replace(
            self,
            conditions=(*self.conditions, condition),
            has_list=self.has_list or operator == "IN",
        )

    def with_inactive(self) -> "Select":
        """Include what was made inactive; name lists show only active rows otherwise."""
        return self.where("Active", "IN", (True, False))

    def page(self, start: int = 1, size: int = PAGE_SIZE) -> Statement:
        """Return the statement for *size* rows from the *start*th on (counted from 1)."""
        if start < 1 or not 1 <= size <= PAGE_SIZE:
            raise ValueError(f"no page of {size} rows starts at {start}")
        parts = [f"SELECT * FROM {self.entity}"]  # noqa: S608 - whitelisted above.
        if self.conditions:
            parts.append("WHERE " + " AND ".join(self.conditions))
        if self.order_by:
            parts.append(f"ORDERBY {self.order_by}")
        parts.append(f"STARTPOSITION {start} MAXRESULTS {size}")
        text = " ".join(parts)
        return Statement(text, by_post=self.has_list or len(text) > LONGEST_URL_STATEMENT)

    def _check(self, field: str) -> None:
        if field not in _EVERYWHERE and field not in FILTERABLE[self.entity]:
            raise ValueError(f"{self.entity} cannot be asked by {field!r}")


async def pages(
    select: Select,
    fetch: Callable[[Statement], Awaitable[list[Row]]],
    *,
    size: int = PAGE_SIZE,
    skip: int = 0,
) -> AsyncIterator[list[Row]]:
    """
    Yield the selection page by page behind its first *skip* rows, non-empty, each row once (by Id).

    A page with fewer rows than asked for is the last one; counters in the answer are not
    believed. The caller freezes the upper bound by a condition where rows may come in meanwhile.
    """
    seen: set[object] = set()
    start = 1 + skip
    while True:
        rows = await fetch(select.page(start, size))
        fresh = []
        for row in rows:
            key = row.get("Id")
            if key is None or key not in seen:
                seen.add(key)
                fresh.append(row)
        if fresh:
            yield fresh
        if len(rows) < size:
            return
        start += size


def quote(text: str) -> str:
    """Return the text as a literal: in apostrophes, its own ones and backslashes escaped."""
    escaped = one_line(text).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _is_list(value: object) -> bool:
    return isinstance(value, tuple | list)


def _literal(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case datetime():
            return quote(_instant(value))
        case date():
            return quote(value.isoformat())
        case Decimal() if value.is_finite():
            return quote(format(value, "f"))
        case tuple() | list() if value:
            return f"({', '.join(_literal(each) for each in value)})"
    raise ValueError(f"no literal for {value!r}")


def _instant(moment: datetime) -> str:
    """Return the instant with its offset; without one QuickBooks would guess the zone."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs its offset")
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
