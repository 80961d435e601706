"""
After a definitive refusal: what stands in the books, and what that makes of the posting.

A duplicate may be ours, and then it is adopted. A stale document may show our change already; or
only its token moved, and the same change may go out again on the new one, once; or its content was
changed by somebody, and then a person decides.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import (
    DuplicateFound,
    ProviderError,
    RecordRejected,
    ReferenceRefused,
    StaleDocument,
)
from app.accounting.records import BooksDocument, Kind, Verb, Write
from app.jobs.records import follow_posting
from app.jobs.work import WorkContext
from app.kit.db import Json
from app.ledger.links import still_open
from app.ledger.models import Link, Posting
from app.ledger.outcomes import drift_outcome, missing_outcome, refusal_outcome, shown
from app.ledger.postings import fault_json, hints_of, move
from app.ledger.settle import (
    Intent,
    Settled,
    finish_attempt,
    in_certain_transaction,
    lock_both,
    settle_posted,
)
from app.ledger.states import LinkState, PostingState

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at the books after a refusal showed."""

    ours: BooksDocument | None = None
    stranger: Json | None = None
    current: BooksDocument | None = None
    gone: bool = False


async def settle_refusal(
    context: WorkContext, intent: Intent, error: RecordRejected, milliseconds: int
) -> Settled:
    """Refused: but a duplicate may be ours, and a stale document may show our change already."""
    finding = await _look_after_refusal(context, intent, error)
    settled = Settled(state=PostingState.REJECTED, error=error)

    async def settle(session: AsyncSession) -> None:
        nonlocal settled
        posting, link = await lock_both(session, intent)
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
        return Finding(stranger={"holders": [shown(document) for document in found]})
    return Finding()


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
    outcome = refusal_outcome(error, finding.stranger)
    if finding.gone:
        link.state, outcome = LinkState.MISSING.value, missing_outcome()
    elif finding.current is not None and isinstance(error, StaleDocument):
        if _moved_on(link, finding):
            link.sync_token = finding.current.sync_token
            link.unapplied = still_open(finding.current)
        else:
            outcome = drift_outcome(link, finding.current)
    await follow_posting(session, posting.id, outcome)
