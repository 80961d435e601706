"""Types of request fields: text the database and the books can hold, days, instants, decimals."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.kit.money import exponent

# Halves of surrogate pairs, which are no characters at all, and what turns the reading direction
# of all that follows: a name must not look like another one.
_NEVER = "\ud800-\udfff\u202a-\u202e\u2066-\u2069"
_UNPRINTABLE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_NEVER}]")
_UNPRINTABLE_IN_PROSE = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_NEVER}]")
_DECIMAL = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,12})?")
MOST_DIGITS = 13
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Only its beginning: a bare number would be taken for seconds since 1970.
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
_DECIMAL_SCHEMA = {"type": "string", "pattern": r"^-?[0-9]{1,13}(\.[0-9]{1,12})?$"}


def _one_line(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    if _UNPRINTABLE.search(value):
        raise ValueError(
            "Control characters (NUL, line breaks, changes of direction) are not accepted here."
        )
    return value


def _said(value: str) -> str:
    if value.isspace():
        raise ValueError("This must not be blank.")
    return _one_line(value)


def _prose(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    if _UNPRINTABLE_IN_PROSE.search(value):
        raise ValueError("NUL and other control characters are not accepted here.")
    return value


def _exact(value: Any) -> Decimal:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    if isinstance(value, bool | float):
        raise ValueError(
            'Send decimals as strings, like "12.50"; binary fractions cannot hold cents.'
        )
    if isinstance(value, int) and abs(value) < 10**MOST_DIGITS:
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and _DECIMAL.fullmatch(plain(value)):
        return value
    raise ValueError(
        'This is not a decimal like "12.50": at most 13 digits before the point and 12 after it,'
        " without exponent or separators."
    )


def _day(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("This is not a date in the form YYYY-MM-DD.")


def _sensible_day(value: date) -> date:
    if not 1900 <= value.year <= 2999:  # noqa: PLR2004 - beyond these it is a typing error
        raise ValueError("The year must lie between 1900 and 2999.")
    return value


def _instant(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and _MOMENT.match(value)):
        return value
    raise ValueError("This is not a time in RFC 3339, like 2026-03-01T12:00:00Z.")


def _sensible_instant(value: datetime) -> datetime:
    """At the ends of the calendar a time has no counterpart in UTC, or none in the database."""
    if not 1900 <= value.year <= 2999:  # noqa: PLR2004 - beyond these it is a typing error
        raise ValueError("The year must lie between 1900 and 2999.")
    return value


def _currency(value: str) -> str:
    try:
        exponent(value)
    except ValueError as error:
        raise ValueError("This is not an ISO 4217 currency code like CAD.") from error
    return value


def _shortest(value: Decimal) -> Decimal:
    return value.normalize() if value else Decimal(0)


def plain(value: Decimal) -> str:
    """Write a decimal without exponent, as short as it can be with its own decimals."""
    return f"{value:f}"


def at_most(count: int) -> BeforeValidator:
    """
    Refuse a longer list before any of its elements is looked at.

    Without it each wrong element of a list of millions would be described first.
    """

    def few(value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) > count:
            raise PydanticCustomError(
                "too_long",
                "There are {found} elements; at most {count} are taken.",
                {"found": len(value), "count": count},
            )
        return value

    return BeforeValidator(few)


# Yes or no, as JSON says it: "no", "off" and 0 are neither.
Flag = Annotated[bool, Field(strict=True)]
# Text on one line, kept as it came: nothing is stripped or folded.
Text = Annotated[str, AfterValidator(_one_line), StringConstraints(max_length=1000)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000),
    AfterValidator(_said),
]
# Text that may have several lines.
Prose = Annotated[str, AfterValidator(_prose), StringConstraints(max_length=8000)]
# An identifier of the billing system: any text on one line.
Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(_said),
]
# QuickBooks' (or any ERP's) own id of an entry.
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=64), AfterValidator(_one_line)
]
Exact = Annotated[
    Decimal,
    PlainValidator(_exact),
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema(_DECIMAL_SCHEMA),
]
# A quantity, a price or a percent: "5.00" and "5" are the same.
Figure = Annotated[Exact, AfterValidator(_shortest)]
CurrencyCode = Annotated[
    str,
    Field(pattern=r"^[A-Z]{3}$", description="ISO 4217"),
    AfterValidator(_currency),
]
Day = Annotated[date, BeforeValidator(_day), AfterValidator(_sensible_day)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_sensible_instant)]
