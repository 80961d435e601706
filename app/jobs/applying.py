"""Applying a plan: exactly what a dry run foresaw, or nothing."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.models import Integration
from app.jobs.models import Job, PlanLine, Record, Step
from app.jobs.plans import DONE, Change, PlanCheck, change_row
from app.jobs.progress import OPEN, view_of
from app.jobs.service import CompanyState, Requester, check_connected, check_mode, queue_job
from app.jobs.work import JobView, Work
from app.kit.db import database_now
from app.kit.errors import Conflict
from app.kit.ids import new_id

# So many changes are named in a refusal; the number of all stands beside them.
MOST_CHANGES = 100
CHUNK = 1000


class NotADryRun(Conflict):
    """Only a dry run has a plan."""

    code = "not_a_dry_run"
    title = "This job is not a dry run"


class NotApplicable(Conflict):
    """The plan cannot be applied; the code says why."""

    title = "This plan cannot be applied"


class PlanChanged(Conflict):
    """Something moved since the dry run; nothing was queued."""

    code = "plan_changed"
    title = "The plan does not hold any more"


def check_dry_run(job: Job) -> None:
    """
    Let pass a dry run.

    Raises:
        NotADryRun: The job posts by itself, or imports.
    """
    if not job.dry_run:
        raise NotADryRun(
            "Only a dry run has a plan.",
            fixes=["Start a job with dry_run true, and ask for its plan."],
        )


async def apply_plan(
    session: AsyncSession,
    integration: Integration,
    job: Job,
    *,
    work: Work,
    company: CompanyState,
    check: PlanCheck,
    requester: Requester,
) -> Job:
    """
    Queue a job that posts exactly the plan of the dry run *job*.

    Everything the plan rests on is looked at again before, without a call to the books.

    Raises:
        NotADryRun: The job has no plan.
        NotApplicable: It has not ended, was applied before, or is too old.
        PlanChanged: Something is not as it was; the changes are named.
    """
    check_dry_run(job)
    check_connected(integration, company)
    check_mode(integration, job.resources)
    # Whoever applies the same plan at this moment waits, and then finds it applied.
    locked = await session.get_one(Job, job.id, with_for_update=True, populate_existing=True)
    await _check_applicable(session, integration, locked)
    if changes := await check(view_of(locked)):
        raise _changed(changes)
    return await queue_job(
        session,
        integration,
        work,
        direction=locked.direction,
        resources=list(locked.resources),
        start=locked.range_from,
        end=locked.range_to,
        requester=requester,
        applies=locked.id,
    )


async def _check_applicable(session: AsyncSession, integration: Integration, job: Job) -> None:
    if job.status in OPEN:
        raise NotApplicable(
            "The dry run has not ended yet.", code="job_not_ended", fixes=["Wait for its end."]
        )
    if job.plan_expires_at is None:
        raise NotApplicable(
            f"The dry run {job.status}, so its plan is not whole.",
            code="plan_incomplete",
            fixes=["Make another dry run."],
        )
    if (applied := await applied_by(session, [job.id])).get(job.id):
        raise NotApplicable(
            f"The plan was applied before, by the job {applied[job.id]}.",
            code="already_applied",
            fixes=["Look at that job. For what is new since, make another dry run."],
            extra={"job_id": str(applied[job.id])},
        )
    if job.plan_expires_at <= await database_now(session):
        raise NotApplicable(
            f"The plan was good until {job.plan_expires_at:%Y-%m-%d %H:%M} UTC.",
            code="plan_expired",
            fixes=["Make another dry run, and apply it within 7 days."],
        )
    if job.company_id != integration.company_id:
        raise NotApplicable(
            "The integration is connected to another company than the plan was made for.",
            code="plan_of_another_company",
            fixes=["Make another dry run."],
        )


def _changed(changes: Sequence[Change]) -> PlanChanged:
    records = len({(change.kind, change.billing_id) for change in changes})
    return PlanChanged(
        f"{records} record{'s' if records > 1 else ''} of the plan would go otherwise now. "
        "Nothing was posted.",
        fixes=["Look at the changes, and make another dry run."],
        extra={
            "changes": [change_row(change) for change in changes[:MOST_CHANGES]],
            "changes_total": len(changes),
            "records_changed": records,
        },
    )


async def applied_by(session: AsyncSession, job_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return which job applies the plan of each dry run, as far as one does."""
    rows = await session.execute(select(Job.applies, Job.id).where(Job.applies.in_(job_ids)))
    return {plan_id: job_id for plan_id, job_id in rows if plan_id is not None}


# ----------------------------------------------------------------------------- within the job

COPIED = (
    "position",
    "kind",
    "billing_id",
    "operation",
    "billing_number",
    "customer",
    "record_date",
    "amount",
    "tax",
    "currency",
)
SETTLED = (
    "state",
    "document_type",
    "document_id",
    "document_number",
    "posted_amount",
    "posted_tax",
    "code",
    "cause",
    "explanation",
    "fixes",
    "details",
)


async def copy_plan(session: AsyncSession, job: JobView, steps: dict[str, UUID]) -> None:
    """Give the job the plan's records: what is written waits, what is not shows why at once."""
    position = -1
    while True:
        rows = (
            await session.execute(
                select(PlanLine.step, PlanLine.action, Record)
                .join(Record, Record.id == PlanLine.record_id)
                .where(PlanLine.job_id == job.applies, PlanLine.position > position)
                .order_by(PlanLine.position)
                .limit(CHUNK)
            )
        ).all()
        if not rows:
            return
        values = [_copied(job, steps[step], action, record) for step, action, record in rows]
        await session.execute(insert(Record), values)
        position = rows[-1][2].position
        session.expunge_all()


def _copied(job: JobView, step_id: UUID, action: str, record: Record) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(record, name) for name in COPIED}
    values |= {
        "id": new_id(),
        "organization_id": job.organization_id,
        "job_id": job.id,
        "step_id": step_id,
        "force": False,
    }
    empty: dict[str, object] = dict.fromkeys(SETTLED) | {"state": "waiting", "fixes": []}
    settled: dict[str, object] = {name: getattr(record, name) for name in SETTLED}
    return values | (empty if action in DONE else settled)


async def steps_by_name(session: AsyncSession, job_id: UUID) -> dict[str, UUID]:
    rows = await session.execute(select(Step.name, Step.id).where(Step.job_id == job_id))
    return dict(rows.all())
