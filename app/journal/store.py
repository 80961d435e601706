"""Rows of summarized entries and their members: read, frozen, and let go while nothing was sent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.journal.deltas import Member, RecordKey
from app.journal.periods import EntryKind, GroupKey, Period
from app.kit.ids import new_id
from app.ledger.links import links_of
from app.ledger.membership import JournalEntry, JournalMember
from app.ledger.models import Link
from app.ledger.postings import Past, pasts_of
from app.ledger.states import LinkState, PostingState
from app.mappings.roles import Role

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """An entry with its link and postings; *sent* means that it may be in the books."""

    entry: JournalEntry
    link: Link | None
    pasts: tuple[Past, ...]

    @property
    def sent(self) -> bool:
        linked = self.link is not None and self.link.state != LinkState.ABSENT.value
        return bool(self.pasts) or linked

    @property
    def settled(self) -> bool:
        """Whether it is known to stand, or to have stood; only then later entries build on it."""
        if self.link is None or self.link.state == LinkState.ABSENT.value:
            return False
        return not self.pasts or self.pasts[-1].state == PostingState.POSTED.value

    @property
    def state(self) -> str:
        """The entry's state in one word: of its posting while one is open, else of its link."""
        last = self.pasts[-1].state if self.pasts else None
        if last is not None and last != PostingState.POSTED.value:
            return last
        if self.link is None or self.link.state == LinkState.ABSENT.value:
            return "draft"
        return (
            PostingState.POSTED.value
            if self.link.state == LinkState.LIVE.value
            else self.link.state
        )


def group_key(entry: JournalEntry) -> GroupKey:
    return GroupKey(Period(entry.period), EntryKind(entry.kind), entry.currency)


def member_of(row: JournalMember, group: GroupKey) -> Member:
    return Member(
        group=group,
        kind=row.kind,
        billing_id=row.billing_id,
        revision=row.revision,
        sign=row.sign,
        component=row.component,
        role=Role(row.role),
        key=row.key,
        amount=row.amount,
        rate=row.rate,
        day=row.day,
        number=row.number,
        customer=row.customer,
        content_hash=row.content_hash,
        fingerprint=row.fingerprint,
    )


# -------------------------------------------------------------------------------------- reading


async def standings(session: AsyncSession, entries: Sequence[JournalEntry]) -> list[Standing]:
    """Return the entries with what the ledger knows of them, in their order."""
    if not entries:
        return []
    ids = [entry.billing_id for entry in entries]
    links = await links_of(session, entries[0].company_id, Kind.JOURNAL_ENTRY.value, ids)
    pasts = await pasts_of(session, [link.id for link in links.values()])
    found = []
    for entry in entries:
        link = links.get(entry.billing_id)
        found.append(Standing(entry, link, tuple(pasts[link.id]) if link else ()))
    return found


async def entries_touching(
    session: AsyncSession, company_id: UUID, first: date, last: date
) -> list[Standing]:
    """Return the entries of every period that has a day between the two, in their order."""
    rows = await session.scalars(
        select(JournalEntry)
        .where(
            JournalEntry.company_id == company_id,
            JournalEntry.period_from <= last,
            JournalEntry.period_to >= first,
        )
        .order_by(
            JournalEntry.period_from,
            JournalEntry.kind,
            JournalEntry.currency,
            JournalEntry.sequence,
        )
    )
    return await standings(session, rows.all())


async def entry_named(
    session: AsyncSession, company_id: UUID, billing_id: str, *, lock: bool = False
) -> JournalEntry | None:
    statement = select(JournalEntry).where(
        JournalEntry.company_id == company_id, JournalEntry.billing_id == billing_id
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def members_in(session: AsyncSession, entry: JournalEntry) -> list[JournalMember]:
    """Return an entry's members in the order in which they were put in."""
    rows = await session.scalars(
        select(JournalMember).where(JournalMember.entry_id == entry.id).order_by(JournalMember.id)
    )
    return list(rows)


async def members_of_records(
    session: AsyncSession, company_id: UUID, records: Collection[RecordKey]
) -> list[JournalMember]:
    """Return everything that entries hold of the records."""
    wanted = sorted(records)
    found: list[JournalMember] = []
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        rows = await session.scalars(
            select(JournalMember)
            .where(
                JournalMember.company_id == company_id,
                tuple_(JournalMember.kind, JournalMember.billing_id).in_(chunk),
            )
            .order_by(JournalMember.id)
        )
        found += rows.all()
    return found


async def records_in(
    session: AsyncSession, entries: Sequence[JournalEntry]
) -> dict[UUID, set[RecordKey]]:
    """Return which records each entry holds a part of."""
    found: dict[UUID, set[RecordKey]] = {entry.id: set() for entry in entries}
    rows = await session.execute(
        select(JournalMember.entry_id, JournalMember.kind, JournalMember.billing_id)
        .where(JournalMember.entry_id.in_(list(found)))
        .distinct()
    )
    for entry_id, kind, billing_id in rows:
        found[entry_id].add((kind, billing_id))
    return found


async def records_booked_on(
    session: AsyncSession, company_id: UUID, first: date, last: date
) -> set[RecordKey]:
    """Return the records that entries hold as dated between the two days."""
    rows = await session.execute(
        select(JournalMember.kind, JournalMember.billing_id)
        .where(
            JournalMember.company_id == company_id,
            JournalMember.day >= first,
            JournalMember.day <= last,
        )
        .distinct()
    )
    return {(kind, billing_id) for kind, billing_id in rows}


async def booked_days(
    session: AsyncSession, company_id: UUID, first: date, last: date
) -> set[date]:
    rows = await session.scalars(
        select(JournalMember.day)
        .where(
            JournalMember.company_id == company_id,
            JournalMember.day >= first,
            JournalMember.day <= last,
        )
        .distinct()
    )
    return set(rows)


async def entries_with_ids(
    session: AsyncSession, ids: Collection[UUID]
) -> dict[UUID, JournalEntry]:
    rows = await session.scalars(select(JournalEntry).where(JournalEntry.id.in_(list(ids))))
    return {entry.id: entry for entry in rows}


# -------------------------------------------------------------------------------------- writing


async def let_go(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Delete entries that were never sent, so that what they held is free to be booked."""
    if ids:
        await session.execute(delete(JournalEntry).where(JournalEntry.id.in_(list(ids))))


async def next_sequence(session: AsyncSession, company_id: UUID, key: GroupKey) -> int:
    last = await session.scalar(
        select(func.max(JournalEntry.sequence)).where(
            JournalEntry.company_id == company_id,
            JournalEntry.period == key.period.key,
            JournalEntry.kind == key.kind.value,
            JournalEntry.currency == key.currency,
        )
    )
    return (last or 0) + 1


async def make_entry(
    session: AsyncSession,
    owner: Mapping[str, UUID],
    key: GroupKey,
    sequence: int,
    *,
    prefix: str,
) -> JournalEntry:
    """Keep a new entry; *owner* holds organization_id, company_id and integration_id."""
    entry = JournalEntry(
        id=new_id(),
        **owner,
        period=key.period.key,
        period_from=key.period.first,
        period_to=key.period.last,
        kind=key.kind.value,
        currency=key.currency,
        sequence=sequence,
        billing_id=key.entry_key(sequence),
        number=key.number(sequence, prefix),
    )
    session.add(entry)
    await session.flush()
    return entry


async def freeze(session: AsyncSession, entry: JournalEntry, members: Sequence[Member]) -> None:
    """
    Put members into an entry.

    Raises:
        IntegrityError: One of them is in an entry already.
    """
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "organization_id": entry.organization_id,
            "company_id": entry.company_id,
            "entry_id": entry.id,
            "kind": member.kind,
            "billing_id": member.billing_id,
            "revision": member.revision,
            "sign": member.sign,
            "component": member.component,
            "role": member.role.value,
            "key": member.key,
            "amount": member.amount,
            "rate": member.rate,
            "day": member.day,
            "number": member.number,
            "customer": member.customer,
            "content_hash": member.content_hash,
            "fingerprint": member.fingerprint,
        }
        for member in members
    ]
    for start in range(0, len(rows), CHUNK):
        await session.execute(insert(JournalMember), rows[start : start + CHUNK])


async def refresh(
    session: AsyncSession, company_id: UUID, contents: Mapping[RecordKey, str]
) -> None:
    """Note the content under which booked records stand now; their amounts are the same."""
    for (kind, billing_id), content_hash in contents.items():
        await session.execute(
            update(JournalMember)
            .where(
                JournalMember.company_id == company_id,
                JournalMember.kind == kind,
                JournalMember.billing_id == billing_id,
            )
            .values(content_hash=content_hash)
        )


async def assign_lines(
    session: AsyncSession, members: Sequence[JournalMember], line_of: Sequence[int]
) -> None:
    """Say in which line each member is; members that are there already are not touched."""
    moved: dict[int, list[UUID]] = {}
    for member, number in zip(members, line_of, strict=True):
        if member.line != number:
            moved.setdefault(number, []).append(member.id)
    for number, ids in moved.items():
        await session.execute(
            update(JournalMember).where(JournalMember.id.in_(ids)).values(line=number)
        )
