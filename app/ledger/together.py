"""
The first and the last step of writing, for one document or many at once, in few statements.

What is kept of each (posting, moves, attempt, records) does not depend on how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Answer, BooksDocument, LookHints, Verb, Write
from app.jobs.records import attach_new, follow_postings
from app.jobs.work import WorkContext
from app.kit.clock import monotonic
from app.kit.db import Json, database_now
from app.kit.ids import new_id
from app.ledger.links import BookKeeper, remember
from app.ledger.models import Attempt, Link, Posting, PostingEvent
from app.ledger.outcomes import posted_outcome
from app.ledger.postings import Remark, event_row, new_posting, write_of
from app.ledger.settle import Intent, Settled, note_difference
from app.ledger.states import LinkState, PostingState, check_transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One write for one record, on a link without an open posting."""

    record_id: UUID
    link: Link
    write: Write
    operation: str
    generation: int
    content_hash: str
    hints: LookHints
    currency: str | None
    remark: Remark | None
    # What is done should the books answer another amount than was billed (`ledger.variance`).
    on_variance: Json | None = None


async def begin_together(
    session: AsyncSession,
    context: WorkContext,
    keeper: BookKeeper,
    orders: Sequence[Order],
    *,
    lane: str,
) -> list[Intent]:
    """Step one for each order: draft its posting and let it be sent, within the caller's fence."""
    if not orders:
        return []
    moment = await database_now(session)
    look_at = moment + timedelta(seconds=context.waits.first_look)
    moves, attempts, intents = [], [], []
    for order in orders:
        posting = _drafted(keeper, order)
        moves += _sent(context, posting)
        posting.first_sent_at, posting.fence, posting.next_look_at = moment, context.fence, look_at
        attempt_id = new_id()
        attempts.append(
            {
                "id": attempt_id,
                "organization_id": posting.organization_id,
                "posting_id": posting.id,
                "number": 1,
                "request_id": posting.request_id,
                "lane": lane,
                "fence": context.fence,
            }
        )
        session.add(posting)
        intents.append(_intent(posting, attempt_id))
    await session.flush()
    await _keep_moves(session, moves)
    await session.execute(insert(Attempt), attempts)
    shown = {
        order.record_id: intent.posting_id for order, intent in zip(orders, intents, strict=True)
    }
    # As for one document: the record stays to be done until its posting is settled.
    await attach_new(session, shown, state=PostingState.PENDING.value)
    return intents


def _drafted(keeper: BookKeeper, order: Order) -> Posting:
    return new_posting(
        keeper,
        order.link,
        order.write,
        operation=order.operation,
        generation=order.generation,
        content_hash=order.content_hash,
        hints=order.hints,
        currency=order.currency,
        remark=order.remark,
        on_variance=order.on_variance,
    )


def _sent(context: WorkContext, posting: Posting) -> list[dict[str, Any]]:
    """Move a new posting on to `sending`; return both moves as they are kept."""
    pending, sending = PostingState.PENDING, PostingState.SENDING
    check_transition(pending, sending)
    posting.state = sending.value
    return [
        event_row(posting, None, pending, cause="drafted", actor=context.worker),
        event_row(
            posting, pending, sending, cause="export", actor=context.worker, fence=context.fence
        ),
    ]


def _intent(posting: Posting, attempt_id: UUID) -> Intent:
    return Intent(
        posting_id=posting.id,
        link_id=posting.link_id,
        attempt_id=attempt_id,
        request_id=posting.request_id,
        write=write_of(posting),
        began_at=monotonic(),
    )


async def _keep_moves(session: AsyncSession, moves: Sequence[dict[str, Any]]) -> None:
    session.add_all([PostingEvent(**move) for move in moves])
    await session.flush()


# --------------------------------------------------------------------------------- settling


async def settle_together(
    session: AsyncSession,
    context: WorkContext,
    answered: Mapping[int, tuple[Intent, Answer]],
    milliseconds: int,
) -> dict[int, Settled]:
    """
    Step three for what was written: link, totals and records of each, within the caller's fence.

    What needs a closer look (a deletion, or a document that is another record's already) is left
    out, to be settled by itself.
    """
    documents = {
        number: answer.document
        for number, (_, answer) in answered.items()
        if answer.document is not None
    }
    if not documents:
        return {}
    links = await _locked_links(session, [answered[number][0].link_id for number in documents])
    postings = await _locked(session, [answered[number][0].posting_id for number in documents])
    clear = await _without_another_holder(session, answered, documents, links)
    moment = await database_now(session)
    moves, outcomes = [], {}
    for number in clear:
        intent = answered[number][0]
        posting, link = postings[intent.posting_id], links[intent.link_id]
        moves.append(_posted(context, posting, link, documents[number], moment))
        outcomes[posting.id] = posted_outcome(posting, link, Verb(posting.verb))
    if not outcomes:
        return {}
    await session.flush()
    await _keep_moves(session, moves)
    await _finish_attempts(session, [answered[number] for number in clear], moment, milliseconds)
    await follow_postings(session, outcomes)
    return {number: Settled(state=PostingState.POSTED) for number in clear}


def _posted(
    context: WorkContext, posting: Posting, link: Link, document: BooksDocument, moment: datetime
) -> dict[str, Any]:
    """Move a posting to `posted`, with its link; return the move as it is kept."""
    before, after = PostingState(posting.state), PostingState.POSTED
    check_transition(before, after)
    posting.state, posting.settled_at, posting.next_look_at = after.value, moment, None
    posting.posted_total, posting.posted_tax = document.total, document.tax
    remember(link, document, content_hash=posting.content_hash)
    note_difference(context, posting, document)
    if posting.verb == Verb.VOID.value:
        link.state = LinkState.VOIDED.value
    return event_row(
        posting,
        before,
        after,
        cause="answered",
        actor=context.worker,
        fence=context.fence,
        details={"external_id": document.external_id},
    )


async def _locked_links(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, Link]:
    statement = select(Link).where(Link.id.in_(ids)).order_by(Link.billing_id).with_for_update()
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {link.id: link for link in rows}


async def _locked(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, Posting]:
    statement = select(Posting).where(Posting.id.in_(ids)).order_by(Posting.id).with_for_update()
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {posting.id: posting for posting in rows}


async def _without_another_holder(
    session: AsyncSession,
    answered: Mapping[int, tuple[Intent, Answer]],
    documents: Mapping[int, BooksDocument],
    links: Mapping[UUID, Link],
) -> list[int]:
    """Return those whose document no other link holds, nor another item of the same answer."""
    any_link = next(iter(links.values()))
    rows = await session.execute(
        select(Link.kind, Link.external_id, Link.id).where(
            Link.company_id == any_link.company_id,
            Link.kind.in_({link.kind for link in links.values()}),
            Link.external_id.in_([document.external_id for document in documents.values()]),
        )
    )
    holders = {(kind, external_id): link_id for kind, external_id, link_id in rows}
    clear = []
    for number, document in documents.items():
        link = links[answered[number][0].link_id]
        if holders.setdefault((link.kind, document.external_id), link.id) == link.id:
            clear.append(number)
    return clear


async def _finish_attempts(
    session: AsyncSession,
    answered: Sequence[tuple[Intent, Answer]],
    moment: datetime,
    milliseconds: int,
) -> None:
    statement = (
        update(Attempt)
        .where(Attempt.__table__.c.id == bindparam("attempt"))
        .values(
            finished_at=moment,
            outcome="posted",
            duration_ms=milliseconds,
            http_status=bindparam("status"),
            trace_id=bindparam("trace"),
        )
    )
    rows = [
        {"attempt": intent.attempt_id, "status": answer.http_status, "trace": answer.trace_id}
        for intent, answer in answered
    ]
    connection = await session.connection()
    await connection.execute(statement, rows)
