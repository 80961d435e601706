"""What preflight judges, and what it finds."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from app.accounting.records import Account, CompanyProfile, Item
from app.integrations.schemas import IntegrationSettings
from app.mappings.service import BrokenMapping

PriceCodes = frozenset[str]


class Level(StrEnum):
    """`block`: these documents will be refused. `warn`: look at it first. `pass`: in order."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding: *subject* is what was looked at, *documents* how many it concerns."""

    code: str
    level: Level
    subject: str
    consequence: str
    fix: str | None = None
    documents: int = 0


@dataclass(slots=True)
class Needs:
    """What the range's open documents need of the books, and how many documents need it."""

    documents: int = 0
    numbered: int = 0
    taxed: int = 0
    unreadable: int = 0
    payments: int = 0
    on_days: Counter[date] = field(default_factory=Counter)
    currencies: Counter[str] = field(default_factory=Counter)
    without_rate: Counter[str] = field(default_factory=Counter)
    tax_sets: Counter[PriceCodes] = field(default_factory=Counter)
    price_codes: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """
    Everything that preflight judges.

    *to_create* and *unknown* are price codes without an item; *why_unmapped* tells why a set of
    taxes has no code; *accounts* and *items* are those that settings and roles name, by id.
    """

    profile: CompanyProfile
    settings: IntegrationSettings
    needs: Needs
    imported: bool
    accounts: Mapping[str, Account]
    items: Mapping[str, Item]
    roles: Mapping[str, str]
    why_unmapped: Callable[[PriceCodes], str | None]
    broken: Sequence[BrokenMapping] = ()
    to_create: Sequence[str] = ()
    unknown: Sequence[str] = ()


def counted(number: int) -> str:
    return "no document" if number == 0 else f"{number} document{'s' if number > 1 else ''}"
