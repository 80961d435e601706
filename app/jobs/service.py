"""Asking for jobs, watching them, cancelling and retrying them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.models import Integration
from app.jobs.counting import IN_WORK, counts_of
from app.jobs.lanes import wake
from app.jobs.models import Job, Record, Step
from app.jobs.progress import OPEN, close_cancelled, import_counts
from app.jobs.schemas import ExportRequest, ImportRequest, RetryRequest
from app.jobs.work import Work
from app.kit.clock import now
from app.kit.db import Json
from app.kit.errors import Conflict, FieldProblem, Invalid, NotFound, refuse_reversed
from app.kit.ids import new_id
from app.kit.queue import Doorbell
from app.kit.web import decode_cursor, encode_cursor

FIRST_DAY = date(2000, 1, 1)
DOCUMENTS = {"invoices", "payments", "credits", "refunds", "journal_entries"}
RETRYABLE = ("rejected", "conflict")
JOURNAL = "journal_entries"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyState:
    """What a job needs to know of its company: is it connected, and what day is it there."""

    status: str
    time_zone: str


class NotConnected(Conflict):
    code = "not_connected"
    title = "This integration is not connected to a company"


class NotAvailableYet(Conflict):
    code = "not_available_yet"
    title = "This is not available yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks: shown in Previous History."""

    name: str
    trigger: str = "api"


async def request_job(
    session: AsyncSession,
    integration: Integration,
    request: ImportRequest | ExportRequest,
    *,
    works: Mapping[str, Work],
    company: CompanyState,
    requester: Requester,
) -> Job:
    """
    Queue a job; it waits its turn behind the company's others.

    Raises:
        NotConnected: There is no company, or it was disconnected.
        Invalid: The range is missing or reversed.
        NotAvailableYet: Dry runs of journal entries.
    """
    check_connected(integration, company)
    today = now().astimezone(ZoneInfo(company.time_zone)).date()
    if isinstance(request, ImportRequest):
        start, end = request.created_from or FIRST_DAY, request.created_to or today
        names = ("created_from", "created_to")
    else:
        check_mode(integration, request.resources)
        if request.dry_run and JOURNAL in request.resources:
            raise NotAvailableYet(
                "Dry runs of journal entries are not available yet.", fixes=["Leave dry_run out."]
            )
        start, end = _export_range(request, today)
        names = ("date_from", "date_to")
    refuse_reversed(start, end, start=names[0], end=names[1], body=True)
    return await queue_job(
        session,
        integration,
        works[request.direction],
        direction=request.direction,
        resources=list(dict.fromkeys(request.resources)),
        start=start,
        end=end,
        requester=requester,
        dry_run=isinstance(request, ExportRequest) and request.dry_run,
    )


def check_connected(integration: Integration, company: CompanyState) -> None:
    """
    Let pass an integration whose company can be called.

    Raises:
        NotConnected: There is no company, or it was disconnected.
    """
    if integration.company_id is None or company.status in {"not_connected", "disconnected"}:
        raise NotConnected(
            "Connect QuickBooks first.",
            fixes=["Open the authorization_url that POST …/connect answers, and connect."],
        )


def check_mode(integration: Integration, resources: Sequence[str]) -> None:
    """
    Let pass what the integration's mode exports.

    Raises:
        Conflict: The mode writes something else.
    """
    journal = integration.mode == "summarized_journal_entry"
    if journal and set(resources) != {JOURNAL}:
        raise Conflict(
            "This integration writes summarized journal entries, not single documents.",
            code="wrong_mode",
            fixes=["Ask for the resource journal_entries, or change the integration's mode."],
        )
    if not journal and JOURNAL in resources:
        raise Conflict(
            "This integration writes single documents, not summarized journal entries.",
            code="wrong_mode",
            fixes=["Ask for invoices, payments and credits, or change the integration's mode."],
        )


def _export_range(request: ExportRequest, today: date) -> tuple[date, date]:
    if DOCUMENTS & set(request.resources):
        missing = [name for name in ("date_from", "date_to") if getattr(request, name) is None]
        if missing:
            raise Invalid(
                "Documents are exported by date: say from when to when.",
                code="range_required",
                errors=[FieldProblem(f"/{name}", "is required for documents") for name in missing],
            )
    return request.date_from or FIRST_DAY, request.date_to or today


async def queue_job(
    session: AsyncSession,
    integration: Integration,
    work: Work,
    *,
    direction: str,
    resources: list[str],
    start: date | None,
    end: date | None,
    requester: Requester,
    retry_of: UUID | None = None,
    selection: list[Json] | None = None,
    dry_run: bool = False,
    applies: UUID | None = None,
) -> Job:
    """Write a job and its steps down, and let the company's lane be looked at after the commit."""
    assert integration.company_id is not None  # noqa: S101 - checked by every caller
    named = work.operation_type(resources)
    job = Job(
        id=new_id(),
        organization_id=integration.organization_id,
        integration_id=integration.id,
        company_id=integration.company_id,
        direction=direction,
        operation_type=f"Dry run: {named}" if dry_run else named,
        resources=resources,
        range_from=start,
        range_to=end,
        range_basis="created_in_books" if direction == "import" else "document_date",
        trigger=requester.trigger,
        requested_by=requester.name,
        retry_of=retry_of,
        selection=selection,
        dry_run=dry_run,
        applies=applies,
        status="queued",
        counts={},
        amounts=[],
        quickbooks_calls={},
        deaths=0,
    )
    session.add(job)
    await session.flush()
    for position, name in enumerate(work.steps(resources)):
        session.add(
            Step(
                id=new_id(),
                organization_id=integration.organization_id,
                job_id=job.id,
                position=position,
                name=name,
                state="waiting",
                counts={},
            )
        )
    await session.flush()
    await wake(session, integration.company_id)
    await session.refresh(job)
    return job


def ring_later(doorbell: Doorbell, job: Job) -> Any:
    """Return what rings for the job once its transaction is committed."""

    async def ring() -> None:
        await doorbell.ring(job.id)

    return ring


# --------------------------------------------------------------------------------------- reading


async def get_job(session: AsyncSession, integration_id: UUID, job_id: UUID) -> Job:
    job = await session.scalar(
        select(Job).where(Job.id == job_id, Job.integration_id == integration_id)
    )
    if job is None:
        raise NotFound("There is no such job.")
    return job


async def live_counts(session: AsyncSession, job: Job) -> tuple[Json, list[Json]]:
    """Return a job's counts and amounts as of now; those of an ended job are kept on it."""
    if job.status not in OPEN:
        return job.counts, job.amounts
    if job.direction == "import":
        return await import_counts(session, job.id), []
    return await counts_of(session, job.id, dry_run=job.dry_run)


async def steps_of(session: AsyncSession, job_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    found: dict[UUID, list[Step]] = {job_id: [] for job_id in job_ids}
    rows = await session.scalars(
        select(Step).where(Step.job_id.in_(job_ids)).order_by(Step.job_id, Step.position)
    )
    for step in rows:
        found[step.job_id].append(step)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    status: str | None = None
    direction: str | None = None
    resource: str | None = None
    dry_run: bool | None = None
    queued_from: datetime | None = None
    queued_to: datetime | None = None


async def history(
    session: AsyncSession,
    integration_id: UUID,
    wanted: HistoryFilter,
    *,
    limit: int,
    cursor: str | None,
) -> tuple[list[Job], str | None]:
    """Return a page of Previous History, newest first, and the next page's cursor."""
    statement = select(Job).where(Job.integration_id == integration_id)
    if wanted.status:
        statement = statement.where(Job.status == wanted.status)
    if wanted.direction:
        statement = statement.where(Job.direction == wanted.direction)
    if wanted.resource:
        statement = statement.where(literal(wanted.resource) == any_(Job.resources))
    if wanted.dry_run is not None:
        statement = statement.where(Job.dry_run == wanted.dry_run)
    if wanted.queued_from:
        statement = statement.where(Job.queued_at >= wanted.queued_from)
    if wanted.queued_to:
        statement = statement.where(Job.queued_at < wanted.queued_to)
    if after := decode_cursor(cursor, UUID):
        statement = statement.where(Job.id < after[0])
    rows = (await session.scalars(statement.order_by(Job.id.desc()).limit(limit + 1))).all()
    more = encode_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
    return list(rows[:limit]), more


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    state: str | None = None
    kind: str | None = None
    code: str | None = None


async def records(
    session: AsyncSession,
    job_id: UUID,
    wanted: RecordFilter,
    *,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[Record], str | None]:
    """Return a page of a job's records in their order, and the next page's cursor."""
    statement = (
        select(Record, Step.position)
        .join(Step, Step.id == Record.step_id)
        .where(Record.job_id == job_id)
    )
    for column, value in (
        (Record.state, wanted.state),
        (Record.kind, wanted.kind),
        (Record.code, wanted.code),
    ):
        if value:
            statement = statement.where(column == value)
    if after := decode_cursor(cursor, int, int, UUID):
        place = func.row(Step.position, Record.position, Record.id)
        statement = statement.where(place > func.row(*after))
    ordered = statement.order_by(Step.position, Record.position, Record.id).limit(limit + 1)
    rows = (await session.execute(ordered)).all()
    more = None
    if len(rows) > limit:
        record, position = rows[limit - 1]
        more = encode_cursor(position, record.position, str(record.id))
    return [row[0] for row in rows[:limit]], more


# ------------------------------------------------------------------------ cancelling and retrying


async def cancel_job(session: AsyncSession, job: Job) -> Job:
    """
    Cancel a job: at once if nobody works on it, else after the call in flight.

    Cancelling an ended job changes nothing.
    """
    locked = await session.get_one(Job, job.id, with_for_update=True, populate_existing=True)
    if locked.status not in OPEN:
        return locked
    locked.cancel_requested_at = locked.cancel_requested_at or func.clock_timestamp()
    await session.flush()
    if locked.status in {"queued", "paused"}:
        await close_cancelled(session, job.id)
    else:
        await wake(session, job.company_id)
    await session.flush()
    await session.refresh(locked)
    return locked


async def cancel_jobs_of(session: AsyncSession, integration_id: UUID) -> None:
    """Cancel every open job of an integration that is being removed."""
    jobs = await session.scalars(
        select(Job).where(Job.integration_id == integration_id, Job.status.in_(OPEN))
    )
    for job in jobs.all():
        await cancel_job(session, job)


async def retry_job(
    session: AsyncSession,
    integration: Integration,
    job: Job,
    work: Work,
    requester: Requester,
) -> Job:
    """
    Queue a new job of the rejected and conflict records, linked to the old one.

    Raises:
        Conflict: There is nothing to retry, or the job is still at it.
    """
    _not_of_a_dry_run(job)
    if job.status in OPEN:
        raise Conflict(
            "The job has not ended yet.",
            code="job_not_ended",
            fixes=["Wait for its end, or cancel it first."],
        )
    if job.direction == "import":
        return await _again(session, integration, job, work, requester, selection=None)
    rows = await session.scalars(
        select(Record)
        .where(Record.job_id == job.id, Record.state.in_((*RETRYABLE, "blocked")))
        .order_by(Record.position)
    )
    selection = [_selected(record) for record in rows]
    if not any(selection):
        raise Conflict(
            "No record of this job was rejected or is in conflict.", code="nothing_to_retry"
        )
    return await _again(session, integration, job, work, requester, selection=selection)


def _not_of_a_dry_run(job: Job) -> None:
    """
    Let pass a job that posts.

    Raises:
        Conflict: It is a dry run, which left nothing behind to be taken up again.
    """
    if job.dry_run:
        raise Conflict(
            "A dry run posts nothing, so there is nothing to retry or to skip in it.",
            code="is_dry_run",
            fixes=["Correct the cause and make another dry run, or start the export itself."],
        )


def _selected(record: Record, **decision: Any) -> Json:
    return {
        "kind": record.kind,
        "billing_id": record.billing_id,
        "operation": record.operation,
        **{name: value for name, value in decision.items() if value is not None},
    }


async def _again(
    session: AsyncSession,
    integration: Integration,
    job: Job,
    work: Work,
    requester: Requester,
    *,
    selection: list[Json] | None,
) -> Job:
    return await queue_job(
        session,
        integration,
        work,
        direction=job.direction,
        resources=list(job.resources),
        start=job.range_from,
        end=job.range_to,
        requester=Requester(name=requester.name, trigger="retry"),
        retry_of=job.id,
        selection=selection,
    )


async def get_record(session: AsyncSession, job: Job, record_id: UUID) -> Record:
    record = await session.scalar(
        select(Record).where(Record.id == record_id, Record.job_id == job.id)
    )
    if record is None:
        raise NotFound("This job has no such record.")
    return record


async def retry_record(
    session: AsyncSession,
    integration: Integration,
    job: Job,
    record: Record,
    work: Work,
    request: RetryRequest,
    requester: Requester,
) -> Job:
    """
    Queue a job of this one record, with the person's decision where one is needed.

    Raises:
        Conflict: The record needs no retry, or needs a decision first.
        Invalid: The decision lacks its document.
    """
    _not_of_a_dry_run(job)
    if record.state not in {*RETRYABLE, "blocked", "skipped"}:
        raise Conflict(
            f"A record that is {record.state} cannot be retried.", code="record_not_retryable"
        )
    if record.state == "conflict" and request.decision is None:
        raise Conflict(
            "A conflict needs a decision.",
            code="decision_required",
            fixes=["Send decision `adopt` with the document's external_id, or `post_again`."],
        )
    if request.decision == "adopt" and not request.external_id:
        raise Invalid(
            "Say which document is to be adopted.",
            errors=[FieldProblem("/external_id", "is required with `adopt`")],
        )
    chosen = _selected(
        record,
        decision=request.decision,
        external_id=request.external_id,
        by=requester.name if request.decision else None,
    )
    return await _again(session, integration, job, work, requester, selection=[chosen])


async def skip_record(
    session: AsyncSession, job: Job, record: Record, reason: str, requester: Requester
) -> Record:
    """
    Leave a refused or blocked record out, with a person's reason.

    Raises:
        Conflict: It is settled, still on its way, or a dry run's.
    """
    _not_of_a_dry_run(job)
    if record.state not in {*RETRYABLE, "blocked"} or record.state in IN_WORK:
        raise Conflict(
            f"A record that is {record.state} cannot be skipped.", code="record_not_skippable"
        )
    record.state, record.code = "skipped", "skipped_by_person"
    record.cause = f"Skipped by {requester.name}."
    record.explanation, record.fixes = reason, []
    record.posting_id = None
    await session.flush()
    return record
