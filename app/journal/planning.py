"""
Planning one period: which records have to be booked, and in which entries they are frozen.

Entries that were never sent are let go and formed anew from what billing says now. What was sent
stays as it is; a record that waits for it is left alone until it is settled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import CompanyProfile
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.models import BillingRecord
from app.exports.sales import content_of
from app.journal import store
from app.journal.components import Bookable, Ground, Unbookable, bookable, day_of, entry_kind_of
from app.journal.deltas import (
    Candidate,
    Group,
    Known,
    Member,
    Problem,
    RecordKey,
    candidates_of,
    changed,
    is_half,
    plan,
    refreshed,
    releasable,
    standing,
)
from app.journal.periods import GroupKey, Length, Period
from app.ledger.identity import invoice_credit_id
from app.ledger.links import links_of
from app.ledger.membership import JournalEntry, JournalMember, unsent_entries
from app.ledger.models import Link
from app.ledger.postings import pasts_of
from app.ledger.states import LinkState

KINDS = ("invoice", "payment", "credit_note", "refund")
# What the ledger calls the documents of these records.
DOCUMENTS = {"credit_note": "credit_memo"}
PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose billing is planned, and how."""

    organization_id: UUID
    company_id: UUID
    integration_id: UUID
    profile: CompanyProfile
    codes: billing_rows.PriceCodes
    length: Length
    number_prefix: str = "S"

    @property
    def owner(self) -> Mapping[str, UUID]:
        return {
            "organization_id": self.organization_id,
            "company_id": self.company_id,
            "integration_id": self.integration_id,
        }


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A record whose document stands by itself, and was changed since: no entry corrects that."""

    record: RecordKey
    row: BillingRecord


@dataclass(slots=True)
class PeriodPlan:
    """What one period comes to: its entries, old and new, and what keeps others from being made."""

    entries: list[JournalEntry] = field(default_factory=list)
    refused: list[tuple[Group, int]] = field(default_factory=list)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    waiting: int = 0


async def days_with_something(
    session: AsyncSession, scope: Scope, first: date, last: date
) -> set[date]:
    """Return the days between the two on which something is billed or booked."""
    rows = await session.scalars(
        select(BillingRecord.record_date)
        .where(
            BillingRecord.integration_id == scope.integration_id,
            BillingRecord.kind.in_(KINDS),
            BillingRecord.record_date >= first,
            BillingRecord.record_date <= last,
        )
        .distinct()
    )
    billed = {day for day in rows if day is not None}
    return billed | await store.booked_days(session, scope.company_id, first, last)


async def groups_of(
    session: AsyncSession,
    scope: Scope,
    first: date,
    last: date,
    *,
    only: frozenset[GroupKey] | None = None,
) -> tuple[list[Group], list[store.Standing], "Loaded"]:
    """Return what has to be booked of the days between the two, and the entries that touch them."""
    present = await store.entries_touching(session, scope.company_id, first, last)
    drafts = [each.entry for each in present if not each.sent and _within(each.entry, only)]
    loaded = await _load(session, scope, first, last, drafts)
    return plan(loaded.candidates, scope.length, only=only), present, loaded


async def plan_period(
    session: AsyncSession,
    scope: Scope,
    first: date,
    last: date,
    *,
    only: frozenset[GroupKey] | None = None,
) -> PeriodPlan:
    """
    Freeze what has to be booked of the days between the two, which lie in one period.

    Raises:
        IntegrityError: A component is in an entry already; nothing is frozen then.
    """
    groups, present, loaded = await groups_of(session, scope, first, last, only=only)
    await store.let_go(session, loaded.let_go)
    await store.refresh(session, scope.company_id, refreshed(loaded.candidates))
    gone = loaded.let_go
    found = PeriodPlan(elsewhere=loaded.elsewhere, waiting=loaded.waiting)
    kept = {each.entry.id: each.entry for each in present if each.entry.id not in gone}
    if only is not None:
        kept = {id_: entry for id_, entry in kept.items() if store.group_key(entry) in only}
    kept |= loaded.open_elsewhere
    for group in groups:
        sequence = await store.next_sequence(session, scope.company_id, group.key)
        if group.problems:
            found.refused.append((group, sequence))
            continue
        entry = await _entry_for(session, scope, group, sequence)
        await store.freeze(session, entry, group.members)
        kept[entry.id] = entry
    found.entries = sorted(
        kept.values(), key=lambda entry: (store.group_key(entry), entry.sequence)
    )
    return found


async def _entry_for(
    session: AsyncSession, scope: Scope, group: Group, sequence: int
) -> JournalEntry:
    """Return the group's entry that was never sent, if it has one, else a new one."""
    if sequence > 1:
        last = await store.entry_named(
            session, scope.company_id, group.key.entry_key(sequence - 1), lock=True
        )
        if last is not None and not (await store.standings(session, [last]))[0].sent:
            return last
    return await store.make_entry(
        session, scope.owner, group.key, sequence, prefix=scope.number_prefix
    )


async def open_halves(session: AsyncSession, scope: Scope) -> list[JournalEntry]:
    """Return the unsent entries, of whatever days, whose other half is in the books already."""
    drafts = await unsent_entries(session, scope.company_id)
    if not drafts:
        return []
    drafted = await store.records_in(session, drafts)
    records: set[RecordKey] = set().union(*drafted.values())
    members = await store.members_of_records(session, scope.company_id, records)
    entries = await store.entries_with_ids(session, {row.entry_id for row in members})
    sent: dict[RecordKey, list[Member]] = {}
    unsent: dict[tuple[UUID, RecordKey], list[Member]] = {}
    for row in members:
        member = store.member_of(row, store.group_key(entries[row.entry_id]))
        if row.entry_id in drafted:
            unsent.setdefault((row.entry_id, member.record), []).append(member)
        else:
            sent.setdefault(member.record, []).append(member)
    halves = {
        entry_id for (entry_id, key), rows in unsent.items() if is_half(sent.get(key, ()), rows)
    }
    return [entry for entry in drafts if entry.id in halves]


def _within(entry: JournalEntry, only: frozenset[GroupKey] | None) -> bool:
    return only is None or store.group_key(entry) in only


# ------------------------------------------------------------------------------ what is there


@dataclass(slots=True)
class Loaded:
    """Everything a period's plan is made from."""

    candidates: list[Candidate] = field(default_factory=list)
    # Entries of this period that were never sent, and are formed anew.
    let_go: set[UUID] = field(default_factory=set)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    # Entries of other periods that hold a part of these records and were never sent.
    open_elsewhere: dict[UUID, JournalEntry] = field(default_factory=dict)
    waiting: int = 0


async def _load(
    session: AsyncSession,
    scope: Scope,
    first: date,
    last: date,
    drafts: Sequence[JournalEntry],
) -> Loaded:
    rows = await rows_in(session, scope, first, last)
    booked = await store.records_booked_on(session, scope.company_id, first, last)
    moved = await rows_named(session, scope, booked - set(rows))
    drafted = await store.records_in(session, drafts)
    held = set(booked).union(*drafted.values())
    members = await store.members_of_records(session, scope.company_id, held | set(rows))
    entries = await store.entries_with_ids(session, {row.entry_id for row in members})
    states = {
        each.entry.id: each for each in await store.standings(session, list(entries.values()))
    }
    let_go = releasable(drafted, _unsettled(members, states))
    known = Known()
    for row in members:
        state = states[row.entry_id]
        if state.entry.id not in let_go:
            member = store.member_of(row, store.group_key(state.entry))
            known.add(member, settled=state.settled or not state.sent)
    loaded = Loaded(
        let_go=let_go,
        open_elsewhere={
            id_: each.entry for id_, each in states.items() if not each.sent and id_ not in let_go
        },
    )
    documents = await documents_of(session, scope, rows)
    keys = []
    every = {**rows, **moved}
    for key in changed(every, known):
        if key in rows and key in documents and not standing(known.of(key)):
            _note_elsewhere(loaded, key, rows[key], documents[key])
        else:
            keys.append(key)
    ground = await ground_for(session, scope, [every[key] for key in keys])
    loaded.waiting = len(known.unsettled.intersection(keys))
    loaded.candidates = candidates_of(
        keys, known, lambda key: wanted_of(every[key], ground, scope), here=rows
    )
    return loaded


async def rows_in(
    session: AsyncSession, scope: Scope, first: date, last: date
) -> dict[RecordKey, BillingRecord]:
    found: dict[RecordKey, BillingRecord] = {}
    for kind in KINDS:
        async for page in billing_rows.in_range(session, scope.integration_id, kind, first, last):
            found.update({(kind, row.billing_id): row for row in page})
    return found


async def rows_named(
    session: AsyncSession, scope: Scope, records: Iterable[RecordKey]
) -> dict[RecordKey, BillingRecord]:
    wanted: dict[str, set[str]] = {}
    for kind, billing_id in records:
        wanted.setdefault(kind, set()).add(billing_id)
    found: dict[RecordKey, BillingRecord] = {}
    for kind, ids in wanted.items():
        rows = await billing_rows.load(session, scope.integration_id, kind, ids)
        found.update({(kind, billing_id): row for billing_id, row in rows.items()})
    return found


async def documents_of(
    session: AsyncSession, scope: Scope, rows: Mapping[RecordKey, BillingRecord]
) -> dict[RecordKey, Link]:
    """Return the links of records that have, or may have, a document of their own."""
    found: dict[RecordKey, Link] = {}
    for kind in KINDS:
        ids = [billing_id for known, billing_id in rows if known == kind]
        for start in range(0, len(ids), PAGE):
            links = await links_of(
                session, scope.company_id, DOCUMENTS.get(kind, kind), ids[start : start + PAGE]
            )
            found |= {(kind, billing_id): link for billing_id, link in links.items()}
    credited = {invoice_credit_id(id_): id_ for known, id_ in rows if known == "invoice"}
    for start in range(0, len(credited), PAGE):
        names = list(credited)[start : start + PAGE]
        links = await links_of(session, scope.company_id, "credit_memo", names)
        found |= {("invoice", credited[name]): link for name, link in links.items()}
    absent = [link for link in found.values() if link.state == LinkState.ABSENT.value]
    pasts = await pasts_of(session, [link.id for link in absent])
    free = {id_ for id_, rows_ in pasts.items() if not any(p.state in MAYBE for p in rows_)}
    return {
        key: link
        for key, link in found.items()
        if link.state != LinkState.ABSENT.value or link.id not in free
    }


# States of a posting whose document may be in the books although no link knows it.
MAYBE = {"pending", "sending", "unknown", "parked", "conflict"}


def _note_elsewhere(loaded: Loaded, key: RecordKey, row: BillingRecord, link: Link) -> None:
    """Note a record that was changed after its document was written."""
    if link.content_hash is None or content_of(row) != link.content_hash:
        loaded.elsewhere.append(Elsewhere(key, row))


def _unsettled(
    members: Iterable[JournalMember], states: Mapping[UUID, store.Standing]
) -> set[RecordKey]:
    """Return the records with a part in an entry that was sent and is not known to stand."""
    return {
        (row.kind, row.billing_id)
        for row in members
        if states[row.entry_id].sent and not states[row.entry_id].settled
    }


def wanted_of(row: BillingRecord, ground: Ground, scope: Scope) -> Bookable | Problem:
    record = billing_rows.parse(row)
    assert isinstance(record, FINANCIAL)  # noqa: S101 - its kind
    try:
        return bookable(
            record,
            ground,
            kind=row.kind,
            revision=row.revision,
            content_hash=row.content_hash,
        )
    except Unbookable as error:
        key = GroupKey(
            Period.of(day_of(record), scope.length),
            entry_kind_of(record),
            row.currency or ground.home_currency,
        )
        return Problem(record=(row.kind, row.billing_id), group=key, error=error)


FINANCIAL = billing.Invoice | billing.Payment | billing.CreditNote | billing.Refund


async def ground_for(session: AsyncSession, scope: Scope, rows: Sequence[BillingRecord]) -> Ground:
    """Load what refunds pay back; charges and taxes are known."""
    refunds = [row for row in rows if row.kind == "refund"]
    wanted: dict[str, set[str]] = {
        of: {row.body[of] for row in refunds if row.body.get(of)}
        for of in ("payment", "credit_note")
    }
    found = {
        of: {
            billing_id: billing_rows.parse(row)
            for billing_id, row in (
                await billing_rows.load(session, scope.integration_id, of, ids)
            ).items()
        }
        for of, ids in wanted.items()
    }
    return Ground(
        charges=scope.codes.charges,
        tax_codes=scope.codes.tax_codes,
        home_currency=scope.profile.home_currency,
        multicurrency=scope.profile.multicurrency,
        payments={
            id_: each for id_, each in found["payment"].items() if isinstance(each, billing.Payment)
        },
        credits={
            id_: each
            for id_, each in found["credit_note"].items()
            if isinstance(each, billing.CreditNote)
        },
    )
