"""What is billed on some days against what entries hold of it: for reconciling, nothing is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import BillingRecord
from app.journal import store
from app.journal.components import Bookable
from app.journal.deltas import Problem, RecordKey
from app.journal.planning import (
    Scope,
    documents_of,
    ground_for,
    rows_in,
    rows_named,
    wanted_of,
)
from app.kit.money import ZERO
from app.ledger.membership import JournalMember

# Which component is a record's total, and which sign makes it and its tax positive.
TOTAL: Mapping[str, tuple[str, int]] = {
    "invoice": ("gross", 1),
    "payment": ("money", 1),
    "credit_note": ("gross", -1),
    "refund": ("money", -1),
}
TAX = "tax:"
Amounts = dict[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    One record: what is billed of it on the days, and what sent entries hold of it for them.

    Both are amounts by component, positive where debited. *wanted* is a `Problem` where the record
    cannot be summed up; *settled* is false while one of its entries is not known to stand, and
    *elsewhere* tells that it stands as a document of its own, so that no entry sums it up.
    """

    row: BillingRecord
    currency: str
    wanted: Bookable | Problem
    billed: Amounts
    booked: Amounts
    parts: tuple[JournalMember, ...]
    settled: bool
    elsewhere: bool

    def total(self, amounts: Mapping[str, Decimal]) -> Decimal:
        component, sign = TOTAL[self.row.kind]
        return sign * amounts.get(component, ZERO)

    def taxes(self, amounts: Mapping[str, Decimal]) -> Amounts:
        """Return the tax in the amounts, by price code, with the sign of the total."""
        sign = tax_sign(self.row.kind)
        return {
            name.removeprefix(TAX): sign * amount
            for name, amount in amounts.items()
            if name.startswith(TAX)
        }


def tax_sign(kind: str) -> int:
    return -1 if kind == "invoice" else 1


async def held_between(
    session: AsyncSession, scope: Scope, first: date, last: date
) -> tuple[list[Held], dict[UUID, store.Standing]]:
    """Return the records billed or booked on the days, and the entries that hold parts of them."""
    here = await rows_in(session, scope, first, last)
    booked = await store.records_booked_on(session, scope.company_id, first, last)
    rows = here | await rows_named(session, scope, booked - set(here))
    members = await store.members_of_records(session, scope.company_id, set(rows))
    found = await store.entries_with_ids(session, {row.entry_id for row in members})
    entries = {each.entry.id: each for each in await store.standings(session, [*found.values()])}
    documents = await documents_of(session, scope, rows)
    ground = await ground_for(session, scope, [*rows.values()])
    parts: dict[RecordKey, list[JournalMember]] = {}
    for member in members:
        if entries[member.entry_id].sent and first <= member.day <= last:
            parts.setdefault((member.kind, member.billing_id), []).append(member)
    held = []
    for key, row in rows.items():
        wanted = wanted_of(row, ground, scope)
        ours = parts.get(key, [])
        held.append(
            Held(
                row=row,
                currency=_currency(wanted, ours, entries, scope),
                wanted=wanted,
                billed=_billed(row, wanted) if key in here else {},
                booked=summed((part.component, part.amount) for part in ours),
                parts=tuple(ours),
                settled=all(entries[part.entry_id].settled for part in ours),
                elsewhere=key in documents and not ours,
            )
        )
    return held, {id_: each for id_, each in entries.items() if each.sent}


def _currency(
    wanted: Bookable | Problem,
    parts: Iterable[JournalMember],
    entries: Mapping[UUID, store.Standing],
    scope: Scope,
) -> str:
    if isinstance(wanted, Bookable):
        return wanted.currency
    held = next((entries[part.entry_id].entry.currency for part in parts), None)
    return held or wanted.group.currency


def _billed(row: BillingRecord, wanted: Bookable | Problem) -> Amounts:
    if isinstance(wanted, Bookable):
        return summed((part.name, part.amount) for part in wanted.components)
    component, sign = TOTAL[row.kind]
    return {component: sign * (row.amount or ZERO)}


def summed(amounts: Iterable[tuple[str, Decimal]]) -> Amounts:
    """Add up by name; what comes to nothing is left out."""
    found: Amounts = {}
    for name, amount in amounts:
        found[name] = found.get(name, ZERO) + amount
    return {name: amount for name, amount in found.items() if amount}
