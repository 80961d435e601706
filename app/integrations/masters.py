"""
Master customers: whom journal entries with a receivable line name, one per currency.

They are named by id and by name, and both must be true in the books: a whole day of billing must
never land on somebody else. Pure, but for the reads of `verify_master_customers`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.accounting.records import BooksDocument, Kind
from app.kit.db import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterCustomer:
    """A customer of the books by id and name, as it was set for a currency."""

    currency: str
    customer_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterProblem:
    """Why entries cannot name a master customer, and what to do."""

    currency: str
    customer_id: str
    code: str
    reason: str
    fixes: tuple[str, ...]


class CustomerReader(Protocol):
    """As much of the port as the check needs."""

    async def read(self, kind: Kind, external_id: str) -> BooksDocument | None: ...


def masters_of(kept: Iterable[Json], home_currency: str) -> dict[str, MasterCustomer]:
    """Return the master customers by currency; the one without a currency is the home one's."""
    found: dict[str, MasterCustomer] = {}
    for entry in kept:
        currency = entry.get("currency") or home_currency
        found[currency] = MasterCustomer(
            currency=currency, customer_id=entry["id"], name=entry["name"]
        )
    return found


async def verify_master_customers(
    provider: CustomerReader, masters: Iterable[MasterCustomer], *, home_currency: str
) -> dict[str, MasterProblem]:
    """
    Read each master customer from the books, now; return what is wrong, by currency.

    One read for each. Nothing in the answer means that entries may name them.

    Raises:
        ProviderError: The books cannot be read; nothing is known then.
    """
    problems = {}
    for master in masters:
        found = await provider.read(Kind.CUSTOMER, master.customer_id)
        seen = seen_in(found) if found else None
        problem = judge_master(master, seen, home_currency=home_currency)
        if problem is not None:
            problems[master.currency] = problem
    return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCustomer:
    """A customer as the books show it; *currency* None is the home one."""

    name: str
    active: bool
    currency: str | None


def seen_in(document: BooksDocument) -> SeenCustomer:
    return SeenCustomer(
        name=document.name or "", active=document.active, currency=document.currency
    )


def judge_master(
    master: MasterCustomer, seen: SeenCustomer | None, *, home_currency: str
) -> MasterProblem | None:
    """Return what is wrong with a master customer, or None when it is as it was set."""
    if seen is None:
        return _problem(
            master,
            "master_customer_unknown",
            f"QuickBooks has no customer with the id {_id(master)}.",
        )
    if not seen.active:
        return _problem(
            master,
            "master_customer_inactive",
            f"The customer {seen.name!r} ({_id(master)}) is inactive in QuickBooks. One that was "
            "merged into another customer looks the same.",
        )
    if _squeezed(seen.name) != _squeezed(master.name):
        return _problem(
            master,
            "master_customer_renamed",
            f"The customer {_id(master)} is called {seen.name!r} in QuickBooks, not "
            f"{master.name!r}.",
        )
    held = seen.currency or home_currency
    if held != master.currency:
        return _problem(
            master,
            "master_customer_currency",
            f"The customer {seen.name!r} ({_id(master)}) has the currency {held}; it is set as "
            f"the master customer of {master.currency}.",
        )
    return None


_FIXES: Mapping[str, tuple[str, ...]] = {
    "master_customer_unknown": (
        "Set another master customer; its id is in `GET …/books/customers` after an import.",
    ),
    "master_customer_inactive": ("Make it active in QuickBooks, or set another master customer.",),
    "master_customer_renamed": (
        "If it is the one, set the master customer again with the name it has now.",
        "Else set the id of the customer that is meant.",
    ),
    "master_customer_currency": (
        "Set a customer of that currency; a customer's currency never changes in QuickBooks.",
    ),
}


def _problem(master: MasterCustomer, code: str, reason: str) -> MasterProblem:
    return MasterProblem(
        currency=master.currency,
        customer_id=master.customer_id,
        code=code,
        reason=reason,
        fixes=_FIXES[code],
    )


def _id(master: MasterCustomer) -> str:
    return repr(master.customer_id)


def _squeezed(name: str) -> str:
    return " ".join(name.split())
