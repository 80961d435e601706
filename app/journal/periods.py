"""Periods of summarized entries, and how an entry of one is called. Pure."""

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

MAX_NUMBER = 21
_KEY = re.compile(r"(\d{4}-\d\d(?:-\d\d)?)-(INV|PAY|CRD|REF)-([A-Z]{3})-(\d{2,})")


class EntryKind(StrEnum):
    """What an entry sums up; in an entry's number it stands as it is here."""

    INVOICES = "INV"
    PAYMENTS = "PAY"
    CREDITS = "CRD"
    REFUNDS = "REF"

    @property
    def word(self) -> str:
        """The kind for people."""
        return self.name.capitalize()


class Length(StrEnum):
    """How much of billing one entry sums up."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A day or a month; its *key* is written `2026-03-01` or `2026-03`."""

    key: str

    @classmethod
    def of(cls, day: date, length: Length) -> "Period":
        return cls(day.isoformat() if length is Length.DAY else f"{day:%Y-%m}")

    @property
    def length(self) -> Length:
        return Length.MONTH if len(self.key) == len("2026-03") else Length.DAY

    @property
    def first(self) -> date:
        if self.length is Length.DAY:
            return date.fromisoformat(self.key)
        return date.fromisoformat(f"{self.key}-01")

    @property
    def last(self) -> date:
        first = self.first
        if self.length is Length.DAY:
            return first
        return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def periods_of(days: Iterable[date], length: Length) -> list[Period]:
    """Return the periods in which the days lie, each once, oldest first."""
    return sorted({Period.of(day, length) for day in days})


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """What one entry is about; its first entry and all later changes share this."""

    period: Period
    kind: EntryKind
    currency: str

    def entry_key(self, sequence: int) -> str:
        """Return the entry's billing id: whoever sums up the same, names it the same."""
        return f"{self.period.key}-{self.kind.value}-{self.currency}-{sequence:02d}"

    def number(self, sequence: int, prefix: str = "S") -> str:
        """Return the entry's number in the books (21 characters at most): `S260301-INV-EUR-02`."""
        digits = self.period.key.replace("-", "")[2:]
        return f"{prefix}{digits}-{self.kind.value}-{self.currency}-{sequence:02d}"


def group_of(entry_key: str) -> tuple[GroupKey, int] | None:
    """Return what an entry's billing id is made of; None for what is none."""
    found = _KEY.fullmatch(entry_key)
    if found is None:
        return None
    period, kind, currency, sequence = found.groups()
    return GroupKey(Period(period), EntryKind(kind), currency), int(sequence)


def windows(
    first: date, last: date, periods: Iterable[Period]
) -> Iterator[tuple[Period, date, date]]:
    """Yield each period with the part of it that lies between two days, both included."""
    for period in periods:
        yield period, max(first, period.first), min(last, period.last)
