"""How a job moves on: its next step, its pauses and its end. Every write checks the fence."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.counting import IN_WORK, counts_of, end_status
from app.jobs.lanes import Lease
from app.jobs.models import Job, Record, Step
from app.jobs.plans import LIFE
from app.jobs.work import JobView, StepView, WorkContext, check_fence
from app.kit.db import Database, Json, database_now

OPEN = ("queued", "running", "paused")


def view_of(job: Job) -> JobView:
    return JobView(
        id=job.id,
        organization_id=job.organization_id,
        integration_id=job.integration_id,
        company_id=job.company_id,
        direction=job.direction,
        resources=tuple(job.resources),
        range_from=job.range_from,
        range_to=job.range_to,
        trigger=job.trigger,
        retry_of=job.retry_of,
        selection=job.selection,
        dry_run=job.dry_run,
        applies=job.applies,
    )


async def next_step(context: WorkContext) -> tuple[JobView, StepView | None] | None:
    """Return the oldest open job's next step; no step means that the job is through."""
    async with context.transaction() as session:
        job = await session.scalar(
            select(Job)
            .where(Job.company_id == context.company_id, Job.status.in_(["queued", "running"]))
            .order_by(Job.id)
            .limit(1)
            .with_for_update()
        )
        if job is None:
            return None
        if job.status == "queued":
            job.status, job.started_at = "running", func.clock_timestamp()
        step = await session.scalar(
            select(Step)
            .where(Step.job_id == job.id, Step.state != "done")
            .order_by(Step.position)
            .limit(1)
        )
        if step is not None and step.state == "waiting":
            step.state, step.started_at = "running", func.clock_timestamp()
        await session.flush()
        return view_of(job), _step_view(step) if step else None


def _step_view(step: Step) -> StepView:
    return StepView(id=step.id, name=step.name, position=step.position, cursor=step.cursor or {})


async def end_step(context: WorkContext, step_id: UUID) -> None:
    async with context.transaction() as session:
        await session.execute(
            update(Step)
            .where(Step.id == step_id)
            .values(state="done", finished_at=func.clock_timestamp())
        )


async def finish(context: WorkContext, job_id: UUID) -> None:
    """End a job that has nothing left it can do now."""
    async with context.transaction() as session:
        job = await session.get_one(Job, job_id, with_for_update=True)
        await _take_counts(session, job)
        job.status = await end_status(session, job)
        job.finished_at = func.clock_timestamp()
        if job.dry_run:
            job.plan_expires_at = func.clock_timestamp() + LIFE


async def _take_counts(session: AsyncSession, job: Job) -> None:
    if job.direction == "import":
        job.counts = await import_counts(session, job.id)
    else:
        job.counts, job.amounts = await counts_of(session, job.id, dry_run=job.dry_run)


IMPORT_COUNTS = (
    "total",
    "created",
    "updated",
    "deactivated",
    "unchanged",
    "linked",
    "findings",
)


async def import_counts(session: AsyncSession, job_id: UUID) -> Json:
    """Return an import's counts: the sums over its steps."""
    sums = dict.fromkeys(IMPORT_COUNTS, 0)
    for counts in await session.scalars(select(Step.counts).where(Step.job_id == job_id)):
        for name, number in counts.items():
            sums[name] = sums.get(name, 0) + number
    return sums


async def cancel_requested(db: Database, lease: Lease, job_id: UUID) -> bool:
    async with db.transaction(lease.organization_id) as session:
        wanted = select(Job.cancel_requested_at).where(Job.id == job_id)
        return await session.scalar(wanted) is not None


async def cancel(context: WorkContext, job_id: UUID) -> None:
    """End a job on its requester's wish; what was not begun is cancelled, what is out is kept."""
    async with context.transaction() as session:
        await close_cancelled(session, job_id)


async def close_cancelled(session: AsyncSession, job_id: UUID) -> None:
    await session.execute(
        update(Record)
        .where(Record.job_id == job_id, Record.state.in_(IN_WORK))
        .values(
            state="cancelled",
            code="job_cancelled",
            explanation="The job was cancelled before this record's turn.",
        )
    )
    await session.execute(
        update(Step)
        .where(Step.job_id == job_id, Step.state != "done")
        .values(state="done", finished_at=func.clock_timestamp())
    )
    job = await session.get_one(Job, job_id, with_for_update=True)
    if job.status not in OPEN:
        return
    await _take_counts(session, job)
    job.status, job.finished_at = "cancelled", func.clock_timestamp()
    job.paused_reason, job.paused_since, job.resume_at = None, None, None


async def oldest_open(db: Database, lease: Lease) -> UUID | None:
    """Return the job whose turn it is, or will be when its pause is over."""
    async with db.transaction(lease.organization_id) as session:
        return await session.scalar(
            select(Job.id)
            .where(Job.company_id == lease.company_id, Job.status.in_(OPEN))
            .order_by(Job.id)
            .limit(1)
        )


async def pause(db: Database, lease: Lease, reason: str, *, delay: float | None) -> None:
    """
    Pause every open job of the company; they go on by themselves.

    After *delay* seconds by the database's clock, for a worker's own may be minutes off.
    """
    async with db.transaction(lease.organization_id) as session:
        await check_fence(session, lease.company_id, lease.fence)
        resume_at = None
        if delay is not None:
            resume_at = await database_now(session) + timedelta(seconds=delay)
        await session.execute(
            update(Job)
            .where(Job.company_id == lease.company_id, Job.status.in_(["queued", "running"]))
            .values(
                status="paused",
                paused_reason=reason,
                paused_since=func.clock_timestamp(),
                resume_at=resume_at,
            )
        )
        # One that was paused already waits for the new reason.
        await session.execute(
            update(Job)
            .where(Job.company_id == lease.company_id, Job.status == "paused")
            .values(paused_reason=reason, resume_at=resume_at)
        )


async def resume_paused(context: WorkContext) -> None:
    """The books are open: paused jobs go on."""
    async with context.transaction() as session:
        await session.execute(
            update(Job)
            .where(Job.company_id == context.company_id, Job.status == "paused")
            .values(
                status=case((Job.started_at.is_(None), "queued"), else_="running"),
                paused_reason=None,
                paused_since=None,
                resume_at=None,
            )
        )


async def note_death(db: Database, lease: Lease, job_id: UUID, error: str, *, limit: int) -> None:
    """Count a slice that ended in an unforeseen error; too many of them fail the job."""
    async with db.transaction(lease.organization_id) as session:
        await check_fence(session, lease.company_id, lease.fence)
        job = await session.get_one(Job, job_id, with_for_update=True)
        job.deaths += 1
        if job.deaths < limit or job.status not in OPEN:
            return
        await close_cancelled(session, job_id)
        job.status = "failed"
        job.failure = {
            "code": "internal_error",
            "cause": "Something broke on our side.",
            "explanation": f"The job stopped {limit} times with {error}.",
            "fixes": ["Start the job again; what was posted is not posted twice."],
        }


async def add_calls(context: WorkContext, job_id: UUID, calls: dict[str, int]) -> None:
    """Add the calls of a slice to the job's figures."""
    async with context.transaction() as session:
        job = await session.get_one(Job, job_id, with_for_update=True)
        sums = dict(job.quickbooks_calls)
        for name, number in calls.items():
            sums[name] = sums.get(name, 0) + number
        job.quickbooks_calls = sums
