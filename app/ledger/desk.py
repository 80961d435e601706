"""
Writing one document: the intent is committed, the call is made, the outcome is committed.

No transaction is open during the call; the call is shielded from cancellation; nothing is retried
here. A worker that lost its lease in between settles nothing: whoever has the lease then finds the
posting `sending`, makes it `unknown`, and looks.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import (
    AccessExpired,
    CompanyUnavailable,
    Fault,
    NotSent,
    PeriodClosed,
    ProviderError,
    ReconnectRequired,
    RecordRejected,
    RetryLater,
)
from app.accounting.records import Answer
from app.jobs.records import follow_posting
from app.jobs.work import WorkContext
from app.kit.clock import monotonic
from app.kit.db import database_now
from app.ledger.models import Posting
from app.ledger.outcomes import waiting_outcome
from app.ledger.postings import add_attempt, fault_json, move, write_of
from app.ledger.refusals import settle_refusal
from app.ledger.settle import (
    Intent,
    Settled,
    finish_attempt,
    in_certain_transaction,
    lock_both,
    settle_posted,
)
from app.ledger.states import Parked, PostingState, next_look


async def begin_sending(
    session: AsyncSession, context: WorkContext, posting: Posting, *, cause: str = "export"
) -> Intent:
    """Step one, within the caller's fenced transaction: from here on the call may be out."""
    await move(
        session,
        posting,
        PostingState.SENDING,
        cause=cause,
        actor=context.worker,
        fence=context.fence,
    )
    moment = await database_now(session)
    posting.first_sent_at = posting.first_sent_at or moment
    posting.fence, posting.reason = context.fence, None
    # Should this worker die now, the next one looks for the document from here on.
    posting.next_look_at = moment + timedelta(seconds=context.waits.first_look)
    attempt = await add_attempt(session, posting, fence=context.fence)
    return Intent(
        posting_id=posting.id,
        link_id=posting.link_id,
        attempt_id=attempt.id,
        request_id=posting.request_id,
        write=write_of(posting),
        began_at=monotonic(),
    )


async def carry_out(context: WorkContext, intent: Intent) -> Settled:
    """
    Steps two and three: make the call and settle, also while being cancelled.

    Raises:
        LeaseLost: The company belongs to another worker now; nothing was settled.
    """
    task = asyncio.ensure_future(_call_and_settle(context, intent))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        raise


async def _call_and_settle(context: WorkContext, intent: Intent) -> Settled:
    started = monotonic()
    try:
        answer = await context.provider.send(
            intent.write, request_id=intent.request_id, permit=permission(context, intent)
        )
    except ProviderError as error:
        milliseconds = _since(started)
        return await _settle_error(context, intent, error, milliseconds)
    milliseconds = _since(started)
    return await _settle_answer(context, intent, answer, milliseconds)


def permission(context: WorkContext, intent: Intent) -> Callable[[], None]:
    """
    Return the last question before the first byte: is the intent fresh and the lease alive?

    A worker that slept must not wake up sending.
    """

    def permit() -> None:
        if monotonic() - intent.began_at >= context.waits.intent_age:
            raise NotSent(explanation="The intent grew too old before the call")
        context.permit()

    return permit


def _since(started: float) -> int:
    return int((monotonic() - started) * 1000)


async def _settle_answer(
    context: WorkContext, intent: Intent, answer: Answer, milliseconds: int
) -> Settled:
    async def settle(session: AsyncSession) -> None:
        posting, link = await lock_both(session, intent)
        await finish_attempt(
            session,
            intent.attempt_id,
            "posted",
            milliseconds,
            Fault(http_status=answer.http_status, trace_id=answer.trace_id),
        )
        await settle_posted(session, context, posting, link, answer.document, cause="answered")

    await in_certain_transaction(context, settle)
    return Settled(state=PostingState.POSTED)


async def _settle_error(
    context: WorkContext, intent: Intent, error: ProviderError, milliseconds: int
) -> Settled:
    if isinstance(error, RecordRejected) and not isinstance(error, PeriodClosed):
        return await settle_refusal(context, intent, error, milliseconds)
    state, reason, delay = _waiting_state(context, error)

    async def settle(session: AsyncSession) -> None:
        posting, _ = await lock_both(session, intent)
        await finish_attempt(
            session, intent.attempt_id, type(error).__name__, milliseconds, error.fault
        )
        posting.fault, posting.reason = fault_json(error.fault), reason
        await move(
            session,
            posting,
            state,
            cause=type(error).__name__,
            actor=context.worker,
            fence=context.fence,
            details=fault_json(error.fault),
        )
        posting.next_look_at = await _due(session, context, posting, state, delay)
        await follow_posting(session, posting.id, waiting_outcome(state, reason, error.fault))

    await in_certain_transaction(context, settle)
    return Settled(state=state, error=error)


def _waiting_state(
    context: WorkContext, error: ProviderError
) -> tuple[PostingState, str | None, float]:
    """Return the state in which a posting waits after this error, why, and for how long."""
    if isinstance(error, NotSent):
        return PostingState.PENDING, None, 0.0
    if isinstance(error, RetryLater):
        return PostingState.PARKED, Parked.QUOTA.value, error.after or context.waits.throttled
    if isinstance(error, AccessExpired | ReconnectRequired):
        return PostingState.PARKED, Parked.CONNECTION.value, 0.0
    if isinstance(error, CompanyUnavailable):
        return PostingState.PARKED, Parked.SUBSCRIPTION.value, context.waits.repeats[0]
    if isinstance(error, PeriodClosed):
        return PostingState.PARKED, Parked.CLOSED_BOOKS.value, context.waits.repeats[-1]
    return PostingState.UNKNOWN, None, 0.0


async def _due(
    session: AsyncSession,
    context: WorkContext,
    posting: Posting,
    state: PostingState,
    delay: float,
) -> datetime | None:
    moment = await database_now(session)
    if state is PostingState.UNKNOWN:
        sent_at = moment if posting.looks == 0 else (posting.first_sent_at or moment)
        return next_look(
            first_sent_at=sent_at, now=moment, looks=posting.looks, waits=context.waits
        )
    if state is PostingState.PARKED:
        return moment + timedelta(seconds=delay)
    return None
