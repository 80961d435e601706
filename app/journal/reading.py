"""What is asked about entries: lists, one with its lines, and who is in a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.models import Integration
from app.journal import store
from app.journal.periods import EntryKind
from app.kit.errors import NotFound
from app.ledger.membership import JournalEntry, JournalMember


class EntryNotFound(NotFound):
    code = "journal_entry_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What a list is narrowed to; the days are those of billing, both included."""

    date_from: date | None = None
    date_to: date | None = None
    kind: EntryKind | None = None
    currency: str | None = None


async def list_entries(
    session: AsyncSession,
    integration: Integration,
    wanted: EntryFilter,
    *,
    before: UUID | None,
    limit: int,
) -> list[store.Standing]:
    """Return entries, those that were formed last first."""
    if integration.company_id is None:
        return []
    statement = select(JournalEntry).where(JournalEntry.company_id == integration.company_id)
    if wanted.date_from is not None:
        statement = statement.where(JournalEntry.period_to >= wanted.date_from)
    if wanted.date_to is not None:
        statement = statement.where(JournalEntry.period_from <= wanted.date_to)
    if wanted.kind is not None:
        statement = statement.where(JournalEntry.kind == wanted.kind.value)
    if wanted.currency is not None:
        statement = statement.where(JournalEntry.currency == wanted.currency)
    if before is not None:
        statement = statement.where(JournalEntry.id < before)
    rows = await session.scalars(statement.order_by(JournalEntry.id.desc()).limit(limit))
    return await store.standings(session, rows.all())


async def get_entry(
    session: AsyncSession, integration: Integration, billing_id: str
) -> store.Standing:
    """
    Return one entry.

    Raises:
        EntryNotFound: There is none of that name.
    """
    entry = None
    if integration.company_id is not None:
        entry = await store.entry_named(session, integration.company_id, billing_id)
    if entry is None:
        raise EntryNotFound("There is no such journal entry here.")
    return (await store.standings(session, [entry]))[0]


async def line_members(
    session: AsyncSession,
    entry: JournalEntry,
    line: int,
    *,
    after: UUID | None = None,
    limit: int,
) -> Sequence[JournalMember]:
    """Return who is in a line, in the order in which they were put in."""
    statement = select(JournalMember).where(
        JournalMember.entry_id == entry.id, JournalMember.line == line
    )
    if after is not None:
        statement = statement.where(JournalMember.id > after)
    return (await session.scalars(statement.order_by(JournalMember.id).limit(limit))).all()
