"""
Settling what is open without an answer: unknown postings are looked for, parked ones taken up.

Found once in the books: it is adopted. Found twice: a person decides. Not found in two looks, the
second not before 300 s: the same bytes go out again under the same request id.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import ProviderError
from app.accounting.records import BooksDocument, Kind, Verb
from app.jobs.models import Record
from app.jobs.work import WorkContext
from app.kit.db import database_now
from app.ledger.anew import write_anew
from app.ledger.desk import begin_sending, carry_out
from app.ledger.models import Link, Posting
from app.ledger.postings import hints_of, locked_posting, move, write_of
from app.ledger.settle import (
    Intent,
    Settled,
    in_certain_transaction,
    settle_conflict,
    settle_posted,
)
from app.ledger.states import REFUSED_FOR_NOW, PostingState, given_up, may_repeat, next_look

log = structlog.get_logger(__name__)

POISON_DEATHS = 3
SWEPT = (PostingState.UNKNOWN.value, PostingState.PARKED.value, PostingState.PENDING.value)


async def recover(context: WorkContext) -> int:
    """
    Take over what a dead worker left in flight: `sending` under an older fence is `unknown`.

    Return how many there were.
    """
    async with context.transaction() as session:
        left = await session.scalars(
            select(Posting)
            .where(
                Posting.company_id == context.company_id,
                Posting.state == PostingState.SENDING.value,
                Posting.fence < context.fence,
            )
            .with_for_update()
        )
        postings = left.all()
        for posting in postings:
            await _take_over(session, context, posting)
    return len(postings)


async def _take_over(session: AsyncSession, context: WorkContext, posting: Posting) -> None:
    posting.deaths += 1
    await move(
        session,
        posting,
        PostingState.UNKNOWN,
        cause="worker_died",
        actor=context.worker,
        fence=context.fence,
        details={"deaths": posting.deaths},
    )
    if posting.deaths >= POISON_DEATHS:
        await settle_conflict(session, context.worker, posting, "poison", {})


async def due_postings(context: WorkContext, *, limit: int = 50) -> Sequence[UUID]:
    """Return the company's unknown, parked and unsent postings whose time has come."""
    async with context.transaction() as session:
        moment = await database_now(session)
        rows = await session.scalars(
            select(Posting.id)
            .where(
                Posting.company_id == context.company_id,
                Posting.state.in_(SWEPT),
                Posting.next_look_at <= moment,
            )
            .order_by(Posting.next_look_at)
            .limit(limit)
        )
        return rows.all()


async def sweep(context: WorkContext) -> None:
    """Settle every due posting of the company that can be settled now."""
    for posting_id in await due_postings(context):
        if context.give_way():
            return
        await attend(context, posting_id)


async def attend(context: WorkContext, posting_id: UUID) -> Settled | None:
    """Look for an unknown posting, or take up one that waits."""
    async with context.transaction() as session:
        posting = await locked_posting(session, posting_id)
        if posting.state == PostingState.PENDING.value and await _unwanted(session, posting):
            await move(
                session, posting, PostingState.CANCELLED, cause="unwanted", actor=context.worker
            )
        state = PostingState(posting.state)
    if state is PostingState.PARKED and posting.reason in REFUSED_FOR_NOW:
        return await _after_refusal(context, posting_id)
    if state in {PostingState.PARKED, PostingState.PENDING}:
        return await take_up(context, posting_id)
    if state is PostingState.UNKNOWN:
        return await _look(context, posting_id)
    return None


async def _unwanted(session: AsyncSession, posting: Posting) -> bool:
    """Tell whether a posting that never went out belongs to cancelled jobs only."""
    if posting.looks > 0:
        return False
    wanted = select(Record.id).where(
        Record.posting_id == posting.id, Record.state != PostingState.CANCELLED.value
    )
    return await session.scalar(wanted.limit(1)) is None


async def take_up(context: WorkContext, posting_id: UUID) -> Settled:
    """Send a parked or pending posting, byte for byte as drafted."""
    await context.ready()
    intent: Intent | None = None

    async def begin(session: AsyncSession) -> None:
        nonlocal intent
        posting = await locked_posting(session, posting_id)
        if posting.state == PostingState.PARKED.value:
            await move(
                session,
                posting,
                PostingState.PENDING,
                cause="taken_up",
                actor=context.worker,
                fence=context.fence,
            )
        intent = await begin_sending(session, context, posting, cause="taken_up")

    await in_certain_transaction(context, begin)
    assert intent is not None  # noqa: S101 - begin ran
    return await carry_out(context, intent)


async def _after_refusal(context: WorkContext, posting_id: UUID) -> Settled | None:
    """
    Write anew what closed books refused, once they are open for its day, or an ended subscription.

    It was refused for certain, and QuickBooks may repeat a refusal under the same request id; so it
    goes out in a new generation. As long as the books are known to be closed, nothing is called.
    """
    successor: UUID | None = None

    async def redraft(session: AsyncSession) -> None:
        nonlocal successor
        posting = await locked_posting(session, posting_id)
        successor = await write_anew(session, context, posting)
        if successor is None:
            moment = await database_now(session)
            posting.next_look_at = moment + timedelta(seconds=context.waits.repeats[-1])

    await in_certain_transaction(context, redraft)
    return await take_up(context, successor) if successor is not None else None


async def _look(context: WorkContext, posting_id: UUID) -> Settled | None:
    async with context.transaction() as session:
        posting = (await session.scalars(select(Posting).where(Posting.id == posting_id))).one()
        link = (await session.scalars(select(Link).where(Link.id == posting.link_id))).one()
        session.expunge_all()
    try:
        found, changed = await _ask_the_books(context, posting, link)
    except ProviderError as error:
        log.info("look_failed", posting_id=str(posting_id), error=type(error).__name__)
        await _look_again_soon(context, posting_id)
        raise
    repeat = await _note_look(context, posting_id, found, changed=changed)
    return await _repeat(context, posting_id) if repeat else None


async def _ask_the_books(
    context: WorkContext, posting: Posting, link: Link
) -> tuple[list[BooksDocument | None], bool]:
    """
    Return the documents that show this posting's effect, and whether something else happened.

    A delete shows its effect by there being no document: `[None]`.
    """
    kind, verb, provider = Kind(posting.kind), Verb(posting.verb), context.provider
    if verb is Verb.CREATE:
        hints = hints_of(posting)
        if kind is Kind.ITEM:
            named = await provider.find_named(kind, hints.name or "")
            return [item for item in named if item.active], False
        return [*await provider.find_marked(kind, link.marker, hints)], False
    document = await provider.read(kind, posting.target or "")
    if document is None:
        return ([None], False) if verb is Verb.DELETE else ([], True)
    if provider.matches(write_of(posting), document):
        return [document], False
    return [], document.sync_token != link.sync_token


async def _note_look(
    context: WorkContext,
    posting_id: UUID,
    found: list[BooksDocument | None],
    *,
    changed: bool,
) -> bool:
    """Keep what a look showed; return whether the same bytes may go out again."""
    repeat = False

    async def note(session: AsyncSession) -> None:
        nonlocal repeat
        posting = await locked_posting(session, posting_id)
        link = (
            await session.scalars(select(Link).where(Link.id == posting.link_id).with_for_update())
        ).one()
        if posting.state != PostingState.UNKNOWN.value:
            return
        if len(found) == 1:
            await settle_posted(session, context, posting, link, found[0], cause="adopted")
        elif len(found) > 1:
            ids = [document.external_id for document in found if document]
            await settle_conflict(
                session, context.worker, posting, "two_documents", {"external_ids": ids}
            )
        elif changed and may_repeat(posting.looks + 1):
            await settle_conflict(session, context.worker, posting, "changed_meanwhile", {})
        else:
            repeat = await _not_found(session, context, posting)

    await in_certain_transaction(context, note)
    return repeat


async def _not_found(session: AsyncSession, context: WorkContext, posting: Posting) -> bool:
    moment = await database_now(session)
    first_sent_at = posting.first_sent_at or moment
    if given_up(first_sent_at=first_sent_at, now=moment, waits=context.waits):
        await settle_conflict(session, context.worker, posting, "unknown_too_long", {})
        return False
    posting.looks += 1
    posting.next_look_at = next_look(
        first_sent_at=first_sent_at, now=moment, looks=posting.looks, waits=context.waits
    )
    return may_repeat(posting.looks)


async def _look_again_soon(context: WorkContext, posting_id: UUID) -> None:
    async with context.transaction() as session:
        posting = await locked_posting(session, posting_id)
        if posting.state == PostingState.UNKNOWN.value:
            moment = await database_now(session)
            posting.next_look_at = moment + timedelta(seconds=context.waits.parked)


async def _repeat(context: WorkContext, posting_id: UUID) -> Settled:
    """Send the same bytes again under the same request id, alone."""
    return await take_up(context, posting_id)
