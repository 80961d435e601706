"""A write that was refused for certain, drafted once more: the same bytes, the next generation."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.connections.models import Company
from app.jobs.records import pass_on
from app.jobs.work import WorkContext
from app.kit.ids import new_id
from app.ledger.identity import LAST_GENERATION, Identity
from app.ledger.models import Link, Posting, PostingEvent
from app.ledger.postings import event_row, hints_of, move
from app.ledger.states import PostingState

COPIED = (
    "organization_id",
    "company_id",
    "link_id",
    "kind",
    "verb",
    "operation",
    "body",
    "target",
    "body_hash",
    "content_hash",
    "expected_total",
    "expected_tax",
    "currency",
    "hints",
)


async def write_anew(session: AsyncSession, context: WorkContext, posting: Posting) -> UUID | None:
    """
    Give a parked posting up and draft its successor; return that one's id.

    None, and nothing changes, while the books are known to be closed for its day, or when there is
    no generation left.
    """
    generation = await _next_generation(session, posting)
    if _still_closed(context, posting) or generation > LAST_GENERATION:
        return None
    for state in (PostingState.PENDING, PostingState.CANCELLED):
        await move(
            session,
            posting,
            state,
            cause="written_anew",
            actor=context.worker,
            fence=context.fence,
        )
    successor = Posting(
        id=new_id(),
        generation=generation,
        request_id=await _request_id(session, posting, generation),
        state=PostingState.PENDING.value,
        looks=0,
        deaths=0,
        **{name: getattr(posting, name) for name in COPIED},
    )
    session.add(successor)
    await session.flush()
    drafted = event_row(
        successor, None, PostingState.PENDING, cause="drafted", actor=context.worker
    )
    session.add(PostingEvent(**drafted))
    await pass_on(session, posting.id, successor.id)
    return successor.id


def _still_closed(context: WorkContext, posting: Posting) -> bool:
    day, until = hints_of(posting).txn_date, context.profile.books_closed_until
    return day is not None and until is not None and day <= until


async def _next_generation(session: AsyncSession, posting: Posting) -> int:
    last = await session.scalar(
        select(func.max(Posting.generation)).where(
            Posting.link_id == posting.link_id, Posting.operation == posting.operation
        )
    )
    return (last or 0) + 1


async def _request_id(session: AsyncSession, posting: Posting, generation: int) -> str:
    company = await session.get_one(Company, posting.company_id)
    link = await session.get_one(Link, posting.link_id)
    identity = Identity(
        environment=company.environment,
        realm_id=company.realm_id,
        kind=link.kind,
        source_system=link.source_system,
        billing_id=link.billing_id,
    )
    return identity.request_id(posting.operation, generation)
