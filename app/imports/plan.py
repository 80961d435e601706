"""How an import is cut into steps, and the days of its range into instants; pure."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.accounting.records import CreationWindow

FIRST_DAY = date(2000, 1, 1)


class Resource(StrEnum):
    """What can be ticked for an import."""

    CUSTOMERS = "customers"
    ITEMS = "items"
    TAXES = "taxes"
    ACCOUNTS = "accounts"
    INVOICES = "invoices"
    PAYMENTS = "payments"


LINK_CUSTOMERS = "link customers"
# In the order of dependence: documents find their customers linked, items their taxes read.
_STEPS: tuple[tuple[Resource, tuple[str, ...]], ...] = (
    (Resource.ACCOUNTS, ("accounts", "payment methods", "terms", "classes", "departments")),
    (Resource.TAXES, ("tax agencies", "tax rates", "tax codes")),
    (Resource.ITEMS, ("items",)),
    (Resource.CUSTOMERS, ("customers", LINK_CUSTOMERS)),
    (Resource.INVOICES, ("invoices",)),
    (Resource.PAYMENTS, ("payments",)),
)


def steps_of(resources: Sequence[str]) -> list[str]:
    """Return the steps' names; items always bring taxes with them."""
    ticked = set(resources)
    if Resource.ITEMS in ticked:
        ticked.add(Resource.TAXES)
    return [name for resource, names in _STEPS if resource in ticked for name in names]


def operation_of(resources: Sequence[str]) -> str:
    """Return the import in a person's words: "Import Customers, Items"."""
    return "Import " + ", ".join(
        resource.value.title() for resource in Resource if resource.value in set(resources)
    )


def window_of(
    first: date | None, last: date | None, *, time_zone: str, now: datetime
) -> CreationWindow:
    """
    Return the instants from the first day's beginning to the last day's end, never beyond *now*.

    Days are those of the company's clocks, both included. Without a first day it begins in 2000.
    """
    zone = ZoneInfo(time_zone)
    last = last or now.astimezone(zone).date()
    return CreationWindow(
        starts_at=_midnight(first or FIRST_DAY, zone),
        ends_at=min(_midnight(last + timedelta(days=1), zone), now.astimezone(UTC)),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the day's first instant; where clocks skip midnight, the instant of the leap."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
