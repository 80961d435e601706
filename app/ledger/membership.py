"""
Tables of summarized entries: what each holds, and which part of which record is in which line.

The database itself refuses to hold a component of a revision twice with the same sign.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, Subquery, UniqueConstraint, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from app.accounting.records import Kind
from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk
from app.kit.money import as_text
from app.ledger.models import Link, Posting
from app.ledger.states import LinkState

RATE = Numeric(28, 12)


class JournalEntry(Identified, TenantOwned, Base):
    """
    One summarized entry: of a period, a kind and a currency, the first or a later one.

    *billing_id* is derived from these, and is that of its link. *lines*, *txn_date*, *memo* and
    *exchange_rate* are written when it is sent; an entry that was never sent has no posting, and
    may be formed anew.
    """

    __tablename__ = "journal_entries"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("company_id", "billing_id"),
        UniqueConstraint("company_id", "period", "kind", "currency", "sequence"),
        Index(None, "integration_id", "period_from"),
        tenant_fk("company_id", "companies"),
        tenant_fk("integration_id", "integrations"),
    )

    company_id: Mapped[UUID]
    integration_id: Mapped[UUID]
    period: Mapped[str]
    period_from: Mapped[date]
    period_to: Mapped[date]
    kind: Mapped[str]
    currency: Mapped[str]
    sequence: Mapped[int]
    billing_id: Mapped[str]
    number: Mapped[str]
    txn_date: Mapped[date | None]
    memo: Mapped[str | None]
    exchange_rate: Mapped[Decimal | None] = mapped_column(RATE)
    lines: Mapped[list[Json] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class JournalMember(Identified, TenantOwned, Base):
    """One component of one revision of a record, with its sign, in one line of one entry."""

    __tablename__ = "journal_members"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint(
            "company_id",
            "kind",
            "billing_id",
            "revision",
            "component",
            "sign",
            name="uq_journal_members_once",
        ),
        Index(None, "entry_id", "line", "id"),
        Index(None, "company_id", "day"),
        CheckConstraint("sign IN (-1, 1)", name="sign"),
        CheckConstraint("amount <> 0", name="amount"),
        tenant_fk("company_id", "companies"),
        tenant_fk("entry_id", "journal_entries", ondelete="CASCADE"),
    )

    company_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    line: Mapped[int | None]
    kind: Mapped[str]
    billing_id: Mapped[str]
    revision: Mapped[int]
    sign: Mapped[int]
    component: Mapped[str]
    role: Mapped[str]
    key: Mapped[str | None]
    amount: Mapped[Decimal]
    rate: Mapped[Decimal] = mapped_column(RATE)
    day: Mapped[date]
    number: Mapped[str | None]
    customer: Mapped[str | None]
    content_hash: Mapped[str]
    fingerprint: Mapped[str]


@dataclass(frozen=True, slots=True)
class Booked:
    """
    How a record stands in entries that were sent.

    *content_hash* is the content that does; *settled* tells that its entry is known to stand.
    """

    content_hash: str
    settled: bool


async def booked_in_entries(
    session: AsyncSession, company_id: UUID, kind: str, billing_ids: Iterable[str]
) -> dict[str, Booked]:
    """Return which of the records may stand in the books as parts of summarized entries."""
    plus, minus = aliased(JournalMember), aliased(JournalMember)
    sent = _sent_entries(company_id)
    taken_back = (
        select(minus.id)
        .where(
            minus.company_id == plus.company_id,
            minus.kind == plus.kind,
            minus.billing_id == plus.billing_id,
            minus.revision == plus.revision,
            minus.component == plus.component,
            minus.sign == -1,
            minus.entry_id.in_(select(sent.c.id)),
        )
        .exists()
    )
    found: dict[str, Booked] = {}
    for chunk in _chunks(sorted(set(billing_ids))):
        rows = await session.execute(
            select(plus.billing_id, plus.content_hash, sent.c.settled)
            .join(sent, sent.c.id == plus.entry_id)
            .where(
                plus.company_id == company_id,
                plus.kind == kind,
                plus.billing_id.in_(chunk),
                plus.sign == 1,
                ~taken_back,
            )
            .distinct()
        )
        for billing_id, content_hash, settled in rows:
            found[billing_id] = Booked(content_hash, settled)
    return found


def _sent_entries(company_id: UUID) -> Subquery:
    """Return the entries that may be in the books, and whether they are known to be."""
    posted = select(Posting.id).where(Posting.link_id == Link.id).exists()
    standing = Link.state != LinkState.ABSENT.value
    return (
        select(JournalEntry.id, standing.label("settled"))
        .join(
            Link,
            (Link.company_id == JournalEntry.company_id)
            & (Link.kind == Kind.JOURNAL_ENTRY.value)
            & (Link.billing_id == JournalEntry.billing_id),
        )
        .where(JournalEntry.company_id == company_id, standing | posted)
        .subquery()
    )


async def unsent_entries(session: AsyncSession, company_id: UUID) -> list[JournalEntry]:
    """Return the company's entries of which nothing can be in the books, oldest first."""
    sent = _sent_entries(company_id)
    rows = await session.scalars(
        select(JournalEntry)
        .where(
            JournalEntry.company_id == company_id,
            JournalEntry.id.not_in(select(sent.c.id)),
        )
        .order_by(JournalEntry.id)
    )
    return list(rows)


@dataclass(frozen=True, slots=True)
class EntryPart:
    """A part of a record, and the entry that holds it; *document_id* once that is in the books."""

    row: JournalMember
    entry: str
    number: str
    document_id: str | None


async def parts_in_entries(
    session: AsyncSession, company_id: UUID, kind: str, billing_ids: Sequence[str]
) -> dict[str, list[EntryPart]]:
    """Return everything that summarized entries hold of the records, oldest first."""
    rows = await session.execute(
        select(JournalMember, JournalEntry.billing_id, JournalEntry.number, Link.external_id)
        .join(JournalEntry, JournalEntry.id == JournalMember.entry_id)
        .outerjoin(
            Link,
            (Link.company_id == JournalEntry.company_id)
            & (Link.kind == Kind.JOURNAL_ENTRY.value)
            & (Link.billing_id == JournalEntry.billing_id),
        )
        .where(
            JournalMember.company_id == company_id,
            JournalMember.kind == kind,
            JournalMember.billing_id.in_(billing_ids),
        )
        .order_by(JournalMember.revision, JournalMember.sign.desc(), JournalMember.component)
    )
    found: dict[str, list[EntryPart]] = {}
    for row, entry, number, document_id in rows:
        found.setdefault(row.billing_id, []).append(EntryPart(row, entry, number, document_id))
    return found


def part_row(part: EntryPart) -> Json:
    """Return a part as the API shows it."""
    amount = as_text(abs(part.row.amount))
    return {
        "entry": part.entry,
        "number": part.number,
        "line": part.row.line,
        "revision": part.row.revision,
        "effect": "billed" if part.row.sign > 0 else "taken_back",
        "component": part.row.component,
        "debit": amount if part.row.amount > 0 else None,
        "credit": amount if part.row.amount < 0 else None,
    }


def _chunks(ids: Sequence[str], size: int = 5000) -> Iterable[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
