"""How a posting comes to rest: in the books, or before a person. Always under the fence."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import Fault, ProviderError
from app.accounting.records import BooksDocument, Kind, Verb, Write
from app.jobs.records import follow_posting
from app.jobs.work import WorkContext
from app.kit.db import CommitLost, Json, database_now
from app.ledger.links import link_to_document, remember
from app.ledger.models import Attempt, Link, Posting
from app.ledger.outcomes import conflict_outcome, posted_outcome
from app.ledger.postings import locked_posting, move, write_of
from app.ledger.states import LinkState, PostingState
from app.ledger.variance import DIFFERS

COMMIT_TRIES = 3


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


async def in_certain_transaction(
    context: WorkContext, action: Callable[[AsyncSession], Awaitable[None]]
) -> None:
    """Run *action* in a fenced transaction; one lost in COMMIT without happening is run again."""
    for attempt in range(COMMIT_TRIES):
        try:
            async with context.certain_transaction() as session:
                await action(session)
        except CommitLost:
            if attempt == COMMIT_TRIES - 1:
                raise
        else:
            return


async def lock_both(session: AsyncSession, intent: Intent) -> tuple[Posting, Link]:
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
        note_difference(context, posting, document)
    if verb is Verb.VOID:
        link.state = LinkState.VOIDED.value
    link.content_hash = posting.content_hash
    await follow_posting(session, posting.id, posted_outcome(posting, link, verb))


def note_difference(context: WorkContext, posting: Posting, document: BooksDocument) -> None:
    """
    Note that an entry stands in the books with other lines than were sent.

    Its total alone says little: the same cents on another account are another statement.
    """
    if posting.kind != Kind.JOURNAL_ENTRY.value or posting.verb == Verb.DELETE.value:
        return
    if not context.provider.matches(write_of(posting), document):
        posting.hints = {**posting.hints, DIFFERS: True}


async def settle_conflict(
    session: AsyncSession, actor: str, posting: Posting, reason: str, details: Json
) -> None:
    """Leave the decision to a person; nothing is deleted or voided."""
    if posting.state == PostingState.SENDING.value:
        await move(session, posting, PostingState.UNKNOWN, cause=reason, actor=actor)
    posting.reason, posting.next_look_at = reason, None
    await move(session, posting, PostingState.CONFLICT, cause=reason, actor=actor, details=details)
    await follow_posting(session, posting.id, conflict_outcome(reason, details))


# ------------------------------------------------------------------------------ when it went wrong
