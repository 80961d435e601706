"""
Writing one document: the intent is committed, the call is made, the outcome is committed.

No transaction is open during the call; the call is shielded from cancellation; nothing is retried
here. A worker that lost its lease in between settles nothing: whoever has the lease then finds the
posting `sending`, makes it `unknown`, and looks.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeGuard, TypeVar

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
from app.ledger.together import settle_together

T = TypeVar("T")


async def begin_sending(
    session: AsyncSession,
    context: WorkContext,
    posting: Posting,
    *,
    cause: str = "export",
    lane: str = "single",
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
    attempt = await add_attempt(session, posting, fence=context.fence, lane=lane)
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
    return await shielded(_call_and_settle(context, intent))


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Finish *work* even if this task is cancelled meanwhile; the cancellation comes after it."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        raise


async def _call_and_settle(context: WorkContext, intent: Intent) -> Settled:
    started = monotonic()
    try:
        outcome: Answer | ProviderError = await context.provider.send(
            intent.write, request_id=intent.request_id, permit=permission(context, intent)
        )
    except ProviderError as error:
        outcome = error
    return await settle_outcome(context, intent, outcome, since(started))


async def settle_outcome(
    context: WorkContext, intent: Intent, outcome: Answer | ProviderError, milliseconds: int
) -> Settled:
    """Step three for one intent, in a transaction of its own."""
    if is_refusal(outcome):
        return await settle_refusal(context, intent, outcome, milliseconds)
    settled = Settled(state=PostingState.UNKNOWN)

    async def settle(session: AsyncSession) -> None:
        nonlocal settled
        settled = await settle_within(session, context, intent, outcome, milliseconds)

    await in_certain_transaction(context, settle)
    return settled


def is_refusal(outcome: Answer | ProviderError) -> TypeGuard[RecordRejected]:
    """Tell a definitive refusal, which is worth a look at the books before it is settled."""
    return isinstance(outcome, RecordRejected) and not isinstance(outcome, PeriodClosed)


async def settle_within(
    session: AsyncSession,
    context: WorkContext,
    intent: Intent,
    outcome: Answer | ProviderError,
    milliseconds: int,
) -> Settled:
    """Settle an answer, or an error that is no refusal, within the caller's fenced transaction."""
    if isinstance(outcome, ProviderError):
        return await _settle_waiting(session, context, intent, outcome, milliseconds)
    done = await settle_together(session, context, {0: (intent, outcome)}, milliseconds)
    if done:
        return done[0]
    posting, link = await lock_both(session, intent)
    fault = Fault(http_status=outcome.http_status, trace_id=outcome.trace_id)
    await finish_attempt(session, intent.attempt_id, "posted", milliseconds, fault)
    await settle_posted(session, context, posting, link, outcome.document, cause="answered")
    return Settled(state=PostingState(posting.state))


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


def since(started: float) -> int:
    """Return the milliseconds since a monotonic moment."""
    return int((monotonic() - started) * 1000)


async def _settle_waiting(
    session: AsyncSession,
    context: WorkContext,
    intent: Intent,
    error: ProviderError,
    milliseconds: int,
) -> Settled:
    state, reason, delay = _waiting_state(context, error)
    posting, _ = await lock_both(session, intent)
    name = type(error).__name__
    await finish_attempt(session, intent.attempt_id, name, milliseconds, error.fault)
    posting.fault, posting.reason = fault_json(error.fault), reason
    await move(
        session,
        posting,
        state,
        cause=name,
        actor=context.worker,
        fence=context.fence,
        details=fault_json(error.fault),
    )
    posting.next_look_at = await _due(session, context, posting, state, delay)
    await follow_posting(session, posting.id, waiting_outcome(state, reason, error.fault))
    return Settled(state=state, error=error)


def _waiting_state(
    context: WorkContext, error: ProviderError
) -> tuple[PostingState, str | None, float]:
    """Return the state in which a posting waits after this error, why, and for how long."""
    if isinstance(error, NotSent):
        return PostingState.PENDING, None, context.waits.parked
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
) -> datetime:
    moment = await database_now(session)
    if state is PostingState.UNKNOWN:
        sent_at = moment if posting.looks == 0 else (posting.first_sent_at or moment)
        return next_look(
            first_sent_at=sent_at, now=moment, looks=posting.looks, waits=context.waits
        )
    return moment + timedelta(seconds=delay)
