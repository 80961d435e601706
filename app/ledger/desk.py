"""
Writing one document: the intent is committed, the call is made, the outcome is committed.

No transaction is open during the call; the call is shielded from cancellation; nothing is retried
here. A worker that lost its lease in between settles nothing: whoever has the lease then finds the
posting `sending`, makes it `unknown`, and looks.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import (
    AccessExpired,
    CompanyUnavailable,
    DuplicateFound,
    Fault,
    NotSent,
    PeriodClosed,
    ProviderError,
    ReconnectRequired,
    RecordRejected,
    ReferenceRefused,
    RetryLater,
    StaleDocument,
)
from app.accounting.records import Answer, BooksDocument, Kind, Verb, Write
from app.jobs.records import Outcome, follow_posting
from app.jobs.work import WorkContext
from app.kit.clock import monotonic
from app.kit.db import CommitLost, Json, database_now
from app.ledger.explain import explain
from app.ledger.links import link_to_document, remember
from app.ledger.models import Attempt, Link, Posting
from app.ledger.postings import add_attempt, fault_json, hints_of, locked_posting, move, write_of
from app.ledger.states import LinkState, Parked, PostingState, next_look

log = structlog.get_logger(__name__)

ACTIONS = {
    Verb.CREATE: "created",
    Verb.UPDATE: "updated",
    Verb.VOID: "voided",
    Verb.DELETE: "voided",
}
DOCUMENT_TYPES = {
    "customer": "Customer",
    "item": "Item",
    "invoice": "Invoice",
    "payment": "Payment",
    "credit_memo": "CreditMemo",
    "application": "Payment",
    "refund": "RefundReceipt",
    "journal_entry": "JournalEntry",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A committed intention to send: what a crash leaves behind to be found."""

    posting_id: UUID
    link_id: UUID
    attempt_id: UUID
    request_id: str
    write: Write
    began_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a call ended. *again*: the same change may be planned anew on a fresh token, once."""

    state: PostingState
    error: ProviderError | None = None
    again: bool = False


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
        posting, link = await _lock(session, intent)
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


async def in_certain_transaction(
    context: WorkContext, action: Callable[[AsyncSession], object]
) -> None:
    """Run *action* in a fenced transaction; one lost in COMMIT without happening is run again."""
    for attempt in range(3):
        try:
            async with context.certain_transaction() as session:
                await action(session)  # type: ignore[misc]  # every action here is a coroutine
        except CommitLost:
            if attempt == 2:  # noqa: PLR2004 - the third and last
                raise
        else:
            return


async def _lock(session: AsyncSession, intent: Intent) -> tuple[Posting, Link]:
    link = (
        await session.scalars(
            select(Link)
            .where(Link.id == intent.link_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()
    return await locked_posting(session, intent.posting_id), link


async def finish_attempt(
    session: AsyncSession, attempt_id: UUID, outcome: str, milliseconds: int, fault: Fault
) -> None:
    await session.execute(
        update(Attempt)
        .where(Attempt.id == attempt_id)
        .values(
            finished_at=await database_now(session),
            outcome=outcome,
            duration_ms=milliseconds,
            http_status=fault.http_status,
            fault_code=fault.code,
            trace_id=fault.trace_id,
        )
    )


async def settle_posted(
    session: AsyncSession,
    context: WorkContext,
    posting: Posting,
    link: Link,
    document: BooksDocument | None,
    *,
    cause: str,
) -> None:
    """
    Settle a posting as standing in the books: link, totals, records.

    A document that another billing record holds already makes a conflict of it instead.
    """
    if document is not None:
        holder = await link_to_document(
            session, posting.company_id, posting.kind, document.external_id
        )
        if holder is not None and holder.id != link.id:
            await settle_conflict(
                session,
                context.worker,
                posting,
                "document_of_another",
                {"external_id": document.external_id, "billing_id": holder.billing_id},
            )
            return
    await move(
        session,
        posting,
        PostingState.POSTED,
        cause=cause,
        actor=context.worker,
        fence=context.fence,
        details={"external_id": document.external_id} if document else None,
    )
    verb = Verb(posting.verb)
    if document is None:
        link.state = LinkState.VOIDED.value
    else:
        remember(link, document)
        posting.posted_total, posting.posted_tax = document.total, document.tax
    if verb is Verb.VOID:
        link.state = LinkState.VOIDED.value
    link.content_hash = posting.content_hash
    await follow_posting(session, posting.id, _posted_outcome(posting, link, verb))


def _posted_outcome(posting: Posting, link: Link, verb: Verb) -> Outcome:
    variance = variance_of(posting) if verb in {Verb.CREATE, Verb.UPDATE} else None
    return Outcome(
        state=PostingState.POSTED.value,
        action=ACTIONS[verb],
        document_type=DOCUMENT_TYPES[posting.kind],
        document_id=link.external_id,
        document_number=link.number,
        posted_amount=posting.posted_total,
        posted_tax=posting.posted_tax,
        code="variance" if variance else None,
        cause="QuickBooks shows another amount than was billed." if variance else None,
        explanation=variance,
        fixes=("Open the document in QuickBooks and compare taxes and rounding.",)
        if variance
        else (),
    )


def variance_of(posting: Posting) -> str | None:
    """Return the difference between what was billed and what the books show, in words."""
    parts = []
    for name, expected, posted in (
        ("total", posting.expected_total, posting.posted_total),
        ("tax", posting.expected_tax, posting.posted_tax),
    ):
        if expected is not None and posted is not None and expected != posted:
            difference: Decimal = posted - expected
            parts.append(f"{name}: billed {expected:f}, in the books {posted:f} ({difference:+f})")
    return "; ".join(parts) or None


async def settle_conflict(
    session: AsyncSession, actor: str, posting: Posting, reason: str, details: Json
) -> None:
    """Leave the decision to a person; nothing is deleted or voided."""
    if posting.state == PostingState.SENDING.value:
        await move(session, posting, PostingState.UNKNOWN, cause=reason, actor=actor)
    posting.reason, posting.next_look_at = reason, None
    await move(session, posting, PostingState.CONFLICT, cause=reason, actor=actor, details=details)
    await follow_posting(session, posting.id, _conflict_outcome(reason, details))


CONFLICTS = {
    "document_of_another": (
        "The document in QuickBooks belongs to another billing record.",
        "Two billing records point to one document.",
    ),
    "two_documents": (
        "QuickBooks has two documents for this billing record.",
        "Both carry its mark, so one of them was written behind our back.",
    ),
    "unknown_too_long": (
        "It could not be found out whether QuickBooks has this record.",
        "For a whole day neither a look nor a repeat gave a trustworthy answer.",
    ),
    "poison": (
        "The worker died three times while sending this record.",
        "It is kept apart so that it does not stop the others.",
    ),
    "changed_meanwhile": (
        "The document was changed in QuickBooks while our change was under way.",
        "It cannot be told whether our change was applied first.",
    ),
}
CONFLICT_FIXES = (
    "Look at the record and at QuickBooks, and decide.",
    "Retry with the decision `adopt` to keep the document, or `post_again` to write it anew.",
)


def _conflict_outcome(reason: str, details: Json) -> Outcome:
    cause, explanation = CONFLICTS[reason]
    return Outcome(
        state=PostingState.CONFLICT.value,
        code=reason,
        cause=cause,
        explanation=explanation,
        fixes=CONFLICT_FIXES,
        details=details,
    )


# ------------------------------------------------------------------------------ when it went wrong


async def _settle_error(
    context: WorkContext, intent: Intent, error: ProviderError, milliseconds: int
) -> Settled:
    if isinstance(error, RecordRejected) and not isinstance(error, PeriodClosed):
        return await _settle_refusal(context, intent, error, milliseconds)
    state, reason, delay = _waiting_state(context, error)

    async def settle(session: AsyncSession) -> None:
        posting, _ = await _lock(session, intent)
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
        await follow_posting(session, posting.id, _waiting_outcome(state, reason, error))

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


WAITING_WORDS = {
    Parked.CONNECTION.value: (
        "The connection to QuickBooks is interrupted.",
        "Nothing was written. It goes on once QuickBooks is connected again.",
    ),
    Parked.QUOTA.value: (
        "QuickBooks allows no more calls right now.",
        "Nothing was written. It goes on by itself.",
    ),
    Parked.SUBSCRIPTION.value: (
        "QuickBooks refuses all changes to this company right now.",
        "Nothing was written. It goes on by itself once the subscription is in order.",
    ),
    Parked.CLOSED_BOOKS.value: (
        "The books are closed for this date.",
        "Nothing was written. It goes on once the closing date allows it.",
    ),
}


def _waiting_outcome(state: PostingState, reason: str | None, error: ProviderError) -> Outcome:
    if state is PostingState.UNKNOWN:
        return Outcome(
            state=state.value,
            code="outcome_unknown",
            cause="QuickBooks gave no trustworthy answer.",
            explanation="It may or may not have the record. It is looked for before anything is "
            "sent again.",
            fixes=("Nothing to do: this settles itself within minutes.",),
            details=fault_json(error.fault) or None,
        )
    if reason is None:
        return Outcome(state=state.value)
    cause, explanation = WAITING_WORDS[reason]
    return Outcome(state=state.value, code=f"parked_{reason}", cause=cause, explanation=explanation)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at the books after a refusal showed."""

    ours: BooksDocument | None = None
    stranger: Json | None = None
    current: BooksDocument | None = None
    gone: bool = False


async def _settle_refusal(
    context: WorkContext, intent: Intent, error: RecordRejected, milliseconds: int
) -> Settled:
    """Refused: but a duplicate may be ours, and a stale document may show our change already."""
    finding = await _look_after_refusal(context, intent, error)
    settled = Settled(state=PostingState.REJECTED, error=error)

    async def settle(session: AsyncSession) -> None:
        nonlocal settled
        posting, link = await _lock(session, intent)
        await finish_attempt(
            session, intent.attempt_id, type(error).__name__, milliseconds, error.fault
        )
        posting.fault = fault_json(error.fault)
        if finding.ours is not None or (finding.gone and posting.verb == Verb.DELETE.value):
            await settle_posted(session, context, posting, link, finding.ours, cause="adopted")
            settled = Settled(state=PostingState(posting.state))
            return
        again = _moved_on(link, finding)
        await _reject(session, context, posting, link, error, finding)
        settled = Settled(state=PostingState.REJECTED, error=error, again=again)

    await in_certain_transaction(context, settle)
    return settled


async def _look_after_refusal(
    context: WorkContext, intent: Intent, error: RecordRejected
) -> Finding:
    """Ask the books what stands there. A look that fails leaves the refusal as it is."""
    try:
        async with context.db.transaction(context.organization_id) as session:
            posting = (
                await session.scalars(select(Posting).where(Posting.id == intent.posting_id))
            ).one()
            link = (await session.scalars(select(Link).where(Link.id == intent.link_id))).one()
        if isinstance(error, DuplicateFound):
            return await _look_for_holder(context, posting, link)
        if isinstance(error, StaleDocument | ReferenceRefused) and posting.target:
            return await _look_at_target(context, posting, intent.write)
    except ProviderError as unreadable:
        log.warning("look_after_refusal_failed", error=type(unreadable).__name__)
    return Finding()


async def _look_for_holder(context: WorkContext, posting: Posting, link: Link) -> Finding:
    hints, kind = hints_of(posting), Kind(posting.kind)
    if kind is Kind.ITEM and hints.name:
        found = await context.provider.find_named(kind, hints.name)
        return Finding(ours=found[0] if len(found) == 1 and found[0].active else None)
    marked = await context.provider.find_marked(kind, link.marker, hints)
    if len(marked) == 1:
        return Finding(ours=marked[0])
    if hints.name:
        holders = await context.provider.name_holders(hints.name)
        return Finding(
            stranger={
                "holders": [
                    {
                        "type": holder.holder,
                        "external_id": holder.external_id,
                        "name": holder.name,
                        "active": holder.active,
                    }
                    for holder in holders
                ]
            }
        )
    if hints.number:
        found = await context.provider.find_numbered(kind, hints.number)
        return Finding(stranger={"holders": [_shown(document) for document in found]})
    return Finding()


def _shown(document: BooksDocument) -> Json:
    return {
        "type": DOCUMENT_TYPES[document.kind.value],
        "external_id": document.external_id,
        "number": document.number,
        "total": str(document.total) if document.total is not None else None,
        "customer_id": document.customer_id,
        "date": document.txn_date.isoformat() if document.txn_date else None,
    }


async def _look_at_target(context: WorkContext, posting: Posting, write: Write) -> Finding:
    document = await context.provider.read(Kind(posting.kind), posting.target or "")
    if document is None:
        return Finding(gone=True)
    # Our own earlier sending may have been applied after all: then this is it.
    if context.provider.matches(write, document):
        return Finding(ours=document)
    return Finding(current=document)


def _moved_on(link: Link, finding: Finding) -> bool:
    """Tell whether only the token moved: then the same change may go out on the new one."""
    current = finding.current
    if current is None or current.voided:
        return False
    return current.fingerprint == link.fingerprint and current.sync_token != link.sync_token


async def _reject(
    session: AsyncSession,
    context: WorkContext,
    posting: Posting,
    link: Link,
    error: RecordRejected,
    finding: Finding,
) -> None:
    await move(
        session,
        posting,
        PostingState.REJECTED,
        cause=type(error).__name__,
        actor=context.worker,
        fence=context.fence,
        details=fault_json(error.fault),
    )
    outcome = _refusal_outcome(error, finding)
    if finding.gone:
        link.state = LinkState.MISSING.value
    elif finding.current is not None and isinstance(error, StaleDocument):
        if _moved_on(link, finding):
            link.sync_token = finding.current.sync_token
            link.unapplied = finding.current.balance
        else:
            link.state = LinkState.DRIFTED.value
            outcome = _drift_outcome(link, finding.current)
    await follow_posting(session, posting.id, outcome)


def _refusal_outcome(error: RecordRejected, finding: Finding) -> Outcome:
    words = explain(error.fault)
    details: Json = {"fault": fault_json(error.fault)}
    if finding.stranger:
        details |= finding.stranger
    if finding.gone:
        return missing_outcome(details)
    return Outcome(
        state=PostingState.REJECTED.value,
        code=words.code,
        cause=words.cause,
        explanation=words.explanation,
        fixes=words.fixes,
        details=details,
    )


def missing_outcome(details: Json | None = None) -> Outcome:
    """Return what a record shows whose document somebody deleted in the books."""
    return Outcome(
        state=PostingState.REJECTED.value,
        code="document_missing",
        cause="The document was deleted in QuickBooks.",
        explanation="It was posted before, and somebody removed it there. It is not written "
        "again by itself.",
        fixes=(
            "If it should be in the books, retry the record with the decision `post_again`.",
            "If not, void it in the billing system, or skip the record.",
        ),
        details=details,
    )


def _drift_outcome(link: Link, current: BooksDocument) -> Outcome:
    return drifted_outcome(
        {
            "ours": {
                "total": str(link.total) if link.total is not None else None,
                "tax": str(link.tax) if link.tax is not None else None,
                "number": link.number,
            },
            "in_the_books": {
                **_shown(current),
                "tax": str(current.tax) if current.tax is not None else None,
                "voided": current.voided,
            },
        }
    )


def drifted_outcome(details: Json | None = None) -> Outcome:
    """Return what a record shows whose document somebody edited in the books."""
    return Outcome(
        state=PostingState.REJECTED.value,
        code="drifted",
        cause="The document was changed in QuickBooks.",
        explanation="Somebody edited it there, so it is not overwritten.",
        fixes=(
            "Undo the edit in QuickBooks, and retry.",
            "Or retry with the decision `overwrite` to replace it by the billing system's version.",
            "Or leave it: the difference stays shown.",
        ),
        details=details,
    )
