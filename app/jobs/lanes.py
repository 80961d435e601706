"""Leases on companies: claimed through the door, renewed by a heartbeat, released when done."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.models import Job, Lane
from app.jobs.waits import Waits
from app.kit.db import Database, database_now

# Does anything else want this worker's attention in the company: supplied by the upper rooms.
UNSETTLED_DUE = text(
    "SELECT min(next_look_at) FROM postings"
    " WHERE company_id = :company AND state IN ('pending', 'sending', 'unknown', 'parked')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to call one company, until somebody claims it with a higher fence."""

    company_id: UUID
    organization_id: UUID
    fence: int


async def claim(db: Database, worker: str, waits: Waits) -> Lease | None:
    """
    Claim the due company that has waited longest since its last slice.

    One that another transaction is claiming right now is skipped, not waited for.
    """
    moment = func.clock_timestamp()
    due = (
        select(Lane.company_id)
        .where(Lane.due_at <= moment, or_(Lane.lease_until.is_(None), Lane.lease_until < moment))
        .order_by(Lane.last_slice_at.asc().nulls_first(), Lane.company_id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = (
        update(Lane)
        .where(Lane.company_id == due)
        .values(
            lease_owner=worker,
            lease_until=moment + timedelta(seconds=waits.lease),
            fence=Lane.fence + 1,
            last_slice_at=moment,
        )
        .returning(Lane.company_id, Lane.organization_id, Lane.fence)
        .execution_options(synchronize_session=False)
    )
    async with db.door() as session:
        row = (await session.execute(statement)).first()
    if row is None:
        return None
    return Lease(company_id=row[0], organization_id=row[1], fence=row[2])


async def renew(db: Database, worker: str, fences: dict[UUID, int], waits: Waits) -> set[UUID]:
    """Push the leases' ends; return the companies that are still this worker's."""
    moment = func.clock_timestamp()
    statement = (
        update(Lane)
        .where(Lane.company_id.in_(fences), Lane.lease_owner == worker)
        .values(lease_until=moment + timedelta(seconds=waits.lease))
        .returning(Lane.company_id, Lane.fence)
        .execution_options(synchronize_session=False)
    )
    async with db.door() as session:
        rows = (await session.execute(statement)).all()
    return {company_id for company_id, fence in rows if fences[company_id] == fence}


async def waiting(db: Database) -> bool:
    """Tell whether a company is due and nobody works on it."""
    moment = func.clock_timestamp()
    statement = select(
        select(Lane.company_id)
        .where(Lane.due_at <= moment, or_(Lane.lease_until.is_(None), Lane.lease_until < moment))
        .exists()
    )
    async with db.door() as session:
        return bool(await session.scalar(statement))


async def release(db: Database, lease: Lease, *, rest: float | None = None) -> None:
    """
    Give the company back, and note when there will be something to do again.

    That is not before *rest* seconds have passed, by the database's clock.
    """
    async with db.transaction(lease.organization_id) as session:
        lane = await session.scalar(
            select(Lane).where(Lane.company_id == lease.company_id).with_for_update()
        )
        if lane is None or lane.fence != lease.fence:
            return
        lane.lease_until, lane.lease_owner = None, None
        lane.due_at = await next_due(session, lease.company_id, rest)


async def next_due(
    session: AsyncSession, company_id: UUID, rest: float | None = None
) -> datetime | None:
    """Return when the company has something to do: a job, a look, a paused job's resumption."""
    moment = await database_now(session)
    jobs = await session.execute(
        select(Job.status, Job.resume_at).where(
            Job.company_id == company_id, Job.status.in_(["queued", "running", "paused"])
        )
    )
    times: list[datetime] = []
    for status, resume_at in jobs:
        if status == "paused":
            times.extend(_known([resume_at]))
        else:
            times.append(moment)
    look = await session.scalar(UNSETTLED_DUE, {"company": company_id})
    times.extend(_known([look]))
    if not times:
        return None
    earliest = moment + timedelta(seconds=rest or 0)
    return max(min(times), earliest) if rest else min(times)


def _known(moments: Iterable[datetime | None]) -> list[datetime]:
    return [moment for moment in moments if moment is not None]


async def wake(session: AsyncSession, company_id: UUID) -> None:
    """Let the company be looked at now, once this transaction is committed."""
    moment = func.clock_timestamp()
    await session.execute(
        update(Lane)
        .where(Lane.company_id == company_id)
        .values(due_at=func.least(func.coalesce(Lane.due_at, moment), moment))
        .execution_options(synchronize_session=False)
    )
