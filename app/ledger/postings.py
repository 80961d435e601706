"""Postings: drafted once per intended write, moved along legal ways only, each move kept."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import Fault
from app.accounting.records import Kind, LookHints, Verb, Write
from app.kit.db import Json, database_now
from app.kit.ids import new_id
from app.ledger.links import BookKeeper
from app.ledger.models import Attempt, Link, Posting, PostingEvent
from app.ledger.states import OPEN, PostingState, check_transition

SETTLED = {PostingState.POSTED, PostingState.REJECTED, PostingState.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a write does differently from what was billed, and why."""

    code: str
    explanation: str


async def open_posting(session: AsyncSession, link_id: UUID) -> Posting | None:
    """Return the link's one open posting, if it has one."""
    return await session.scalar(
        select(Posting).where(Posting.link_id == link_id, Posting.state.in_(OPEN))
    )


async def locked_posting(session: AsyncSession, posting_id: UUID) -> Posting:
    statement = select(Posting).where(Posting.id == posting_id).with_for_update()
    return (await session.scalars(statement.execution_options(populate_existing=True))).one()


def new_posting(
    keeper: BookKeeper,
    link: Link,
    write: Write,
    *,
    operation: str,
    generation: int,
    content_hash: str,
    hints: LookHints,
    currency: str | None,
    remark: Remark | None,
    on_variance: Json | None = None,
) -> Posting:
    """
    Return one intended write, its exact bytes under its derived request id; not yet written down.

    *generation* is one above the last of the same operation, which is settled: the link's open
    posting excludes a second one.
    """
    identity = keeper.identity(link.kind, link.billing_id)
    return Posting(
        id=new_id(),
        organization_id=keeper.organization_id,
        company_id=keeper.company_id,
        link_id=link.id,
        kind=link.kind,
        verb=write.verb.value,
        operation=operation,
        generation=generation,
        request_id=identity.request_id(operation, generation),
        state=PostingState.PENDING.value,
        body=write.body,
        target=write.target,
        body_hash=body_hash(write.body),
        content_hash=content_hash,
        expected_total=write.expected_total,
        expected_tax=write.expected_tax,
        currency=currency,
        hints=_hints_json(hints)
        | ({"remark": asdict(remark)} if remark else {})
        | ({"on_variance": on_variance} if on_variance else {}),
        looks=0,
        deaths=0,
    )


@dataclass(frozen=True, slots=True)
class Past:
    """What a decision needs to know of a posting that a link has already."""

    id: UUID
    state: str
    operation: str
    generation: int
    body_hash: str


async def pasts_of(session: AsyncSession, link_ids: Sequence[UUID]) -> dict[UUID, list[Past]]:
    """Return the postings of several links, each link's in their order."""
    found: dict[UUID, list[Past]] = {link_id: [] for link_id in link_ids}
    rows = await session.execute(
        select(
            Posting.link_id,
            Posting.id,
            Posting.state,
            Posting.operation,
            Posting.generation,
            Posting.body_hash,
        )
        .where(Posting.link_id.in_(link_ids))
        .order_by(Posting.id)
    )
    for link_id, posting_id, state, operation, generation, hashed in rows:
        found[link_id].append(Past(posting_id, state, operation, generation, hashed))
    return found


async def move(
    session: AsyncSession,
    posting: Posting,
    to: PostingState,
    *,
    cause: str,
    actor: str,
    fence: int | None = None,
    details: Json | None = None,
) -> None:
    """
    Move a posting along one legal way and keep the move.

    Raises:
        IllegalTransition: There is no such way; nothing is changed.
    """
    before = PostingState(posting.state)
    check_transition(before, to)
    posting.state = to.value
    if to in SETTLED:
        posting.settled_at = await database_now(session)
        posting.next_look_at = None
    _note(session, posting, before, to, cause=cause, actor=actor, fence=fence, details=details)
    await session.flush()


def _note(
    session: AsyncSession,
    posting: Posting,
    before: PostingState | None,
    after: PostingState,
    *,
    cause: str,
    actor: str,
    fence: int | None = None,
    details: Json | None = None,
) -> None:
    kept = event_row(posting, before, after, cause=cause, actor=actor, fence=fence, details=details)
    session.add(PostingEvent(**kept))


def event_row(
    posting: Posting,
    before: PostingState | None,
    after: PostingState,
    *,
    cause: str,
    actor: str,
    fence: int | None = None,
    details: Json | None = None,
) -> dict[str, Any]:
    """Return a move as it is kept."""
    return {
        "id": new_id(),
        "organization_id": posting.organization_id,
        "posting_id": posting.id,
        "from_state": before.value if before else None,
        "to_state": after.value,
        "cause": cause,
        "actor": actor,
        "fence": fence,
        "details": details,
    }


async def add_attempt(session: AsyncSession, posting: Posting, *, fence: int, lane: str) -> Attempt:
    """Note that a call may go out now."""
    number = await session.scalar(
        select(func.count()).select_from(Attempt).where(Attempt.posting_id == posting.id)
    )
    attempt = Attempt(
        id=new_id(),
        organization_id=posting.organization_id,
        posting_id=posting.id,
        number=(number or 0) + 1,
        request_id=posting.request_id,
        lane=lane,
        fence=fence,
    )
    session.add(attempt)
    await session.flush()
    return attempt


def body_hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def write_of(posting: Posting) -> Write:
    """Return the posting's write, byte for byte as it was drafted."""
    return Write(
        kind=Kind(posting.kind),
        verb=Verb(posting.verb),
        body=posting.body,
        target=posting.target,
        expected_total=posting.expected_total,
        expected_tax=posting.expected_tax,
    )


def hints_of(posting: Posting) -> LookHints:
    """Return what a look for this posting may search by."""
    kept: Mapping[str, Any] = posting.hints
    day = kept.get("txn_date")
    return LookHints(
        number=kept.get("number"),
        customer_id=kept.get("customer_id"),
        txn_date=date.fromisoformat(day) if day else None,
        name=kept.get("name"),
        reference=kept.get("reference"),
    )


def _hints_json(hints: LookHints) -> Json:
    kept = {name: value for name, value in asdict(hints).items() if value is not None}
    if "txn_date" in kept:
        kept["txn_date"] = kept["txn_date"].isoformat()
    return kept


def fault_json(fault: Fault) -> Json:
    """Return a fault as kept on postings, without empty parts."""
    return {name: value for name, value in asdict(fault).items() if value}
