"""
The catch-up read: what the books have of ours and the ledger does not know.

After a restart, a restore or a long pause, documents created since the ledger was last known to be
whole are read once per kind. A marked one that the ledger does not know is adopted; one that it
cannot place is kept as a stray, so that it is found before anything is written for it again.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument, Kind
from app.jobs.models import Job, Lane, Record
from app.jobs.records import recount, set_outcome
from app.jobs.work import WorkContext
from app.kit.db import database_now
from app.kit.ids import new_id
from app.ledger.links import BookKeeper, lock_link, remember
from app.ledger.models import Link, Stray
from app.ledger.outcomes import conflict_outcome
from app.ledger.postings import open_posting
from app.ledger.settle import settle_posted
from app.ledger.states import LinkState, PostingState

log = structlog.get_logger(__name__)

KINDS = (
    Kind.CUSTOMER,
    Kind.INVOICE,
    Kind.CREDIT_MEMO,
    Kind.PAYMENT,
    Kind.REFUND,
    Kind.JOURNAL_ENTRY,
)
# Given a kind and a marker: the billing id whose create operation has it, or None.
Placer = Callable[[AsyncSession, str, str], Awaitable[tuple[str, str] | None]]


async def catch_up(context: WorkContext, keeper: BookKeeper, place: Placer) -> int:
    """Adopt what the ledger does not know; return how many documents were taken in."""
    async with context.transaction() as session:
        lane = await session.get_one(Lane, context.company_id)
        since, started = lane.watermark_at, await database_now(session)
    taken = 0
    if since is not None:
        margin = timedelta(seconds=context.waits.catch_up_margin)
        for kind in KINDS:
            taken += await _catch_up_kind(context, keeper, place, kind, since - margin)
    await set_watermark(context, started)
    if taken:
        log.warning("catch_up_adopted", company_id=str(context.company_id), count=taken)
    return taken


async def set_watermark(context: WorkContext, moment: datetime | None = None) -> None:
    """Note that up to *moment* (now, by the database) the ledger knows what is in the books."""
    async with context.transaction() as session:
        known = moment or await database_now(session)
        await session.execute(
            update(Lane).where(Lane.company_id == context.company_id).values(watermark_at=known)
        )


async def _catch_up_kind(
    context: WorkContext, keeper: BookKeeper, place: Placer, kind: Kind, since: datetime
) -> int:
    taken = 0
    async for page in context.provider.marked_since(kind, since):
        async with context.transaction() as session:
            held = await _held(session, keeper, kind, page)
            for document in page:
                if document.external_id in held:
                    continue
                taken += await _take_in(session, context, keeper, place, document)
    return taken


async def _held(
    session: AsyncSession, keeper: BookKeeper, kind: Kind, page: Sequence[BooksDocument]
) -> set[str]:
    """Return the ids of those documents that the ledger knows; nearly always all of them."""
    rows = await session.scalars(
        select(Link.external_id).where(
            Link.company_id == keeper.company_id,
            Link.kind.in_(_kinds(kind)),
            Link.external_id.in_([document.external_id for document in page]),
        )
    )
    return {external_id for external_id in rows if external_id is not None}


def _kinds(kind: Kind) -> list[str]:
    """Return the ledger's kinds whose documents are of that kind in the books."""
    extra = [Kind.APPLICATION.value] if kind is Kind.PAYMENT else []
    return [kind.value, *extra]


async def _take_in(
    session: AsyncSession,
    context: WorkContext,
    keeper: BookKeeper,
    place: Placer,
    document: BooksDocument,
) -> bool:
    """Find the place of one marked document that no link holds; return whether it was new."""
    marker = document.marker or ""
    link = await session.scalar(
        select(Link).where(Link.company_id == keeper.company_id, Link.marker == marker)
    )
    if link is None:
        placed = None
        for kind in _kinds(document.kind):
            placed = placed or await place(session, kind, marker)
        if placed is None:
            await keep_stray(session, keeper, document, "unknown_record")
            return True
        link = await lock_link(session, keeper, *placed)
    return await _adopt(session, context, keeper, link, document)


async def _adopt(
    session: AsyncSession,
    context: WorkContext,
    keeper: BookKeeper,
    link: Link,
    document: BooksDocument,
) -> bool:
    posting = await open_posting(session, link.id)
    if posting is not None and posting.state == PostingState.UNKNOWN.value:
        await settle_posted(session, context, posting, link, document, cause="catch_up")
        return True
    if posting is not None or link.external_id is not None:
        # Two documents for one record: shown, never removed by machine.
        if await keep_stray(session, keeper, document, "second_document"):
            await _tell_of_double(session, link, document)
        return True
    remember(link, document)
    return True


async def _tell_of_double(session: AsyncSession, link: Link, document: BooksDocument) -> None:
    """Let the record's last line say that it has two documents; a person decides."""
    if document.voided or link.external_id is None:
        return
    record = await session.scalar(
        select(Record)
        .join(Job, Job.id == Record.job_id)
        .where(
            Job.company_id == link.company_id,
            Record.kind == link.kind,
            Record.billing_id == link.billing_id,
        )
        .order_by(Job.queued_at.desc(), Record.id.desc())
        .limit(1)
    )
    if record is None:
        return
    ids = {"external_ids": [link.external_id, document.external_id]}
    await set_outcome(session, record.id, conflict_outcome("two_documents", ids))
    job = await session.get_one(Job, record.job_id)
    if job.finished_at is not None:
        await recount(session, job.id)


async def keep_stray(
    session: AsyncSession, keeper: BookKeeper, document: BooksDocument, reason: str
) -> bool:
    """Keep a document for people; return whether it was not known before."""
    kept = await session.execute(
        insert(Stray)
        .values(
            id=new_id(),
            organization_id=keeper.organization_id,
            company_id=keeper.company_id,
            kind=document.kind.value,
            marker=document.marker or "",
            external_id=document.external_id,
            number=document.number,
            total=document.total,
            reason=reason,
        )
        .on_conflict_do_nothing(index_elements=["company_id", "kind", "external_id"])
        .returning(Stray.id)
    )
    return kept.scalar() is not None


async def claim_stray(session: AsyncSession, link: Link) -> Stray | None:
    """
    Return the one unplaced document that carries this link's marker, and mark it placed.

    Asked before anything is created: a record lost with an old backup meets its document here.
    """
    if link.state != LinkState.ABSENT.value:
        return None
    found = (
        await session.scalars(
            select(Stray).where(
                Stray.company_id == link.company_id,
                Stray.marker == link.marker,
                Stray.reason == "unknown_record",
                Stray.resolved_at.is_(None),
            )
        )
    ).all()
    if len(found) != 1:
        return None
    found[0].resolved_at = await database_now(session)
    return found[0]


async def stray_markers(session: AsyncSession, links: Sequence[Link]) -> set[str]:
    """Return which of the links' markers unplaced documents carry; `claim_stray` places them."""
    new = [link for link in links if link.state == LinkState.ABSENT.value]
    if not new:
        return set()
    rows = await session.scalars(
        select(Stray.marker).where(
            Stray.company_id == new[0].company_id,
            Stray.marker.in_([link.marker for link in new]),
            Stray.reason == "unknown_record",
            Stray.resolved_at.is_(None),
        )
    )
    return set(rows)
