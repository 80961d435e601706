"""The API of sync jobs: ask, watch, cancel, retry; Previous History."""

import asyncio
import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.models import Integration
from app.integrations.service import get_integration
from app.jobs import examples, service
from app.jobs.applying import applied_by
from app.jobs.models import Job, Record, Step
from app.jobs.progress import OPEN
from app.jobs.records import recount, shown_id
from app.jobs.schemas import (
    AttemptRow,
    Direction,
    JobRequest,
    JobRow,
    JobStatus,
    Paused,
    PostedDocument,
    PreflightFinding,
    Range,
    RecordRow,
    RetryRequest,
    SkipRequest,
    StepRow,
)
from app.jobs.service import HistoryFilter, RecordFilter, Requester
from app.kit.answers import example
from app.kit.clock import monotonic
from app.kit.db import after_commit
from app.kit.fields import Instant, Text
from app.kit.web import Cursor, Limit, Page, Route, refusals
from app.organizations.access import Reader, Tenant, Writer

router = APIRouter(
    prefix="/v1/integrations/{integration_id}/sync-jobs", tags=["Sync jobs"], route_class=Route
)
MAX_WAIT = 60
CSV_PAGE = 1000

PAUSES = {
    "connection": (
        "QuickBooks does not let us in right now. Nothing failed, and nothing was lost.",
        "Check the integration's connection, and reconnect if it says so. The job goes on by "
        "itself.",
    ),
    "quota": (
        "QuickBooks allows no more calls for the moment.",
        "Nothing to do: the job goes on by itself.",
    ),
}


def job_row(
    job: Job,
    counts: Mapping[str, Any],
    amounts: Any,
    steps: list[Step],
    applied_by: UUID | None = None,
) -> JobRow:
    """Return a job as Previous History shows it."""
    paused = None
    if job.status == "paused" and job.paused_reason and job.paused_since:
        explanation, fix = PAUSES[job.paused_reason]
        paused = Paused(
            reason=job.paused_reason,
            since=job.paused_since,
            explanation=explanation,
            fix=fix,
        )
    return JobRow(
        id=job.id,
        integration_id=job.integration_id,
        direction=job.direction,
        operation_type=job.operation_type,
        resources=job.resources,
        range=Range(date_from=job.range_from, date_to=job.range_to, basis=job.range_basis),
        requested_by=job.requested_by,
        trigger=job.trigger,
        status=job.status,
        paused=paused,
        queued_at=job.queued_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        counts=dict(counts),
        amounts=amounts,
        quickbooks_calls=job.quickbooks_calls,
        steps=[
            StepRow(
                name=step.name,
                state=step.state,
                counts=step.counts,
                started_at=step.started_at,
                finished_at=step.finished_at,
            )
            for step in steps
        ],
        retry_of=job.retry_of,
        dry_run=job.dry_run,
        applies=job.applies,
        applied_by=applied_by,
        plan_expires_at=job.plan_expires_at,
        findings=[PreflightFinding(**finding) for finding in job.findings or ()],
        failure=job.failure,
    )


async def show(session: AsyncSession, job: Job) -> JobRow:
    counts, amounts = await service.live_counts(session, job)
    steps = await service.steps_of(session, [job.id])
    applied = await applied_by(session, [job.id]) if job.dry_run else {}
    return job_row(job, counts, amounts, steps[job.id], applied.get(job.id))


def requester_of(tenant: Tenant) -> Requester:
    return Requester(name=tenant.key_name)


async def accept(
    request: Request, response: Response, tenant: Tenant, integration: Integration, job: Job
) -> JobRow:
    """Answer 202 for a queued job, and ring for it after the commit."""
    after_commit(tenant.session, service.ring_later(request.app.state.doorbell, job))
    response.headers["Location"] = f"/v1/integrations/{integration.id}/sync-jobs/{job.id}"
    return await show(tenant.session, job)


@router.post(
    "",
    status_code=202,
    summary="Start an import or an export",
    operation_id="create_sync_job",
    responses=refusals(404, 409, 422) | example(examples.QUEUED, status=202),
)
async def create_sync_job(
    integration_id: UUID,
    body: Annotated[JobRequest, Body(openapi_examples=examples.REQUESTS)],
    request: Request,
    response: Response,
    tenant: Writer,
) -> JobRow:
    """
    Queue a job. Overlapping jobs are accepted and wait their turn; no document is posted twice.

    Watch it with `GET …/sync-jobs/{job_id}?wait=30`.
    """
    integration = await get_integration(tenant.session, integration_id)
    company = await request.app.state.company_state(tenant.session, integration)
    job = await service.request_job(
        tenant.session,
        integration,
        body,
        works=request.app.state.works,
        company=company,
        requester=requester_of(tenant),
    )
    return await accept(request, response, tenant, integration, job)


@router.get(
    "",
    summary="Previous History",
    operation_id="list_sync_jobs",
    responses=refusals(404, 422) | example({"data": [examples.ENDED], "next_cursor": None}),
)
async def list_sync_jobs(
    integration_id: UUID,
    tenant: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: JobStatus | None = None,
    direction: Direction | None = None,
    resource: Annotated[Text | None, Query(max_length=50)] = None,
    dry_run: bool | None = None,
    queued_from: Instant | None = None,
    queued_to: Instant | None = None,
) -> Page[JobRow]:
    """List the integration's jobs, newest first."""
    await get_integration(tenant.session, integration_id)
    wanted = HistoryFilter(
        status=status,
        direction=direction,
        resource=resource,
        dry_run=dry_run,
        queued_from=queued_from,
        queued_to=queued_to,
    )
    jobs, more = await service.history(
        tenant.session, integration_id, wanted, limit=limit, cursor=cursor
    )
    steps = await service.steps_of(tenant.session, [job.id for job in jobs])
    applied = await applied_by(tenant.session, [job.id for job in jobs if job.dry_run])
    rows = []
    for job in jobs:
        counts, amounts = await service.live_counts(tenant.session, job)
        rows.append(job_row(job, counts, amounts, steps[job.id], applied.get(job.id)))
    return Page(data=rows, next_cursor=more)


@router.get(
    "/{job_id}",
    summary="One job",
    operation_id="get_sync_job",
    responses=refusals(404, 422) | example(examples.ENDED),
)
async def get_sync_job(
    integration_id: UUID,
    job_id: UUID,
    request: Request,
    tenant: Reader,
    wait: Annotated[
        int, Query(ge=0, le=MAX_WAIT, description="Answer at its end, at most so many seconds")
    ] = 0,
) -> JobRow:
    """
    Show a job; with `wait` the answer comes when it ends or the seconds are over.

    If very many wait already, it comes at once.
    """
    job = await service.get_job(tenant.session, integration_id, job_id)
    if not wait or job.status not in OPEN:
        return await show(tenant.session, job)
    # Waiting holds no transaction open.
    await request.state.work.finish(Response())
    with request.app.state.waiting_room.seat(tenant.organization_id) as seated:
        deadline = monotonic() + (wait if seated else 0)
        return await _wait_for_end(request, tenant, integration_id, job_id, deadline)


async def _wait_for_end(
    request: Request, tenant: Tenant, integration_id: UUID, job_id: UUID, deadline: float
) -> JobRow:
    pause = 0.1
    while True:
        gone = await request.is_disconnected()
        async with tenant.db.transaction(tenant.organization_id) as session:
            job = await service.get_job(session, integration_id, job_id)
            if gone or job.status not in OPEN or monotonic() >= deadline:
                return await show(session, job)
        await asyncio.sleep(min(pause, max(deadline - monotonic(), 0)))
        pause = min(pause * 1.5, 1.0)


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    operation_id="cancel_sync_job",
    responses=refusals(404, 422) | example(examples.CANCELLED),
)
async def cancel_sync_job(integration_id: UUID, job_id: UUID, tenant: Writer) -> JobRow:
    """Cancel what was not begun yet. What is in the books stays there; nothing is undone."""
    job = await service.get_job(tenant.session, integration_id, job_id)
    job = await service.cancel_job(tenant.session, job)
    return await show(tenant.session, job)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    summary="Retry what was refused",
    operation_id="retry_sync_job",
    responses=refusals(404, 409, 422) | example(examples.RETRIED, status=202),
)
async def retry_sync_job(
    integration_id: UUID, job_id: UUID, request: Request, response: Response, tenant: Writer
) -> JobRow:
    """Queue a new job of the rejected, blocked and conflict records, linked to the old one."""
    integration = await get_integration(tenant.session, integration_id)
    job = await service.get_job(tenant.session, integration_id, job_id)
    work = request.app.state.works[job.direction]
    again = await service.retry_job(tenant.session, integration, job, work, requester_of(tenant))
    return await accept(request, response, tenant, integration, again)


# ---------------------------------------------------------------------------------------- records


def _text(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    cents = amount.quantize(Decimal("0.01"))
    return str(cents) if cents == amount else f"{amount.normalize():f}"


async def record_rows(
    request: Request, session: AsyncSession, found: list[Record]
) -> list[RecordRow]:
    ids = [record.posting_id for record in found if record.posting_id]
    attempts: dict[UUID, list[AttemptRow]] = await request.app.state.attempts_of(session, ids)
    return [_record_row(request, record, attempts) for record in found]


def _record_row(
    request: Request, record: Record, attempts: Mapping[UUID, list[AttemptRow]]
) -> RecordRow:
    document = None
    if record.document_type and record.document_id:
        document = PostedDocument(
            type=record.document_type,
            id=record.document_id,
            number=record.document_number,
            url=request.app.state.document_url(record.document_type, record.document_id),
        )
    return RecordRow(
        id=record.id,
        job_id=record.job_id,
        kind=record.kind,
        operation=record.operation,
        billing_id=shown_id(record.billing_id),
        billing_number=record.billing_number,
        customer=record.customer,
        date=record.record_date,
        amount=_text(record.amount),
        tax=_text(record.tax),
        currency=record.currency,
        state=record.state,
        action=record.action,
        document=document,
        posted_amount=_text(record.posted_amount),
        posted_tax=_text(record.posted_tax),
        code=record.code,
        cause=record.cause,
        explanation=record.explanation,
        fixes=record.fixes,
        details=record.details,
        attempts=attempts.get(record.posting_id, []) if record.posting_id else [],
        updated_at=record.updated_at,
    )


@router.get(
    "/{job_id}/records",
    summary="A job's records",
    operation_id="list_sync_job_records",
    responses=refusals(404, 422)
    | example({"data": [examples.POSTED, examples.REJECTED], "next_cursor": None}),
)
async def list_records(
    integration_id: UUID,
    job_id: UUID,
    request: Request,
    tenant: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[Text | None, Query(max_length=50)] = None,
    kind: Annotated[Text | None, Query(max_length=50)] = None,
    code: Annotated[Text | None, Query(max_length=100)] = None,
) -> Page[RecordRow]:
    """List what became of each record: state, document, attempts, cause and fixes."""
    job = await service.get_job(tenant.session, integration_id, job_id)
    found, more = await service.records(
        tenant.session,
        job.id,
        RecordFilter(state=state, kind=kind, code=code),
        limit=limit,
        cursor=cursor,
    )
    return Page(data=await record_rows(request, tenant.session, found), next_cursor=more)


COLUMNS = (
    "kind",
    "operation",
    "billing_id",
    "billing_number",
    "customer",
    "date",
    "amount",
    "tax",
    "currency",
    "state",
    "action",
    "document_type",
    "document_id",
    "document_number",
    "posted_amount",
    "posted_tax",
    "code",
    "cause",
    "explanation",
    "fixes",
)


@router.get(
    "/{job_id}/records.csv",
    summary="A job's records as CSV",
    operation_id="download_sync_job_records",
    response_class=Response,
    responses={
        **refusals(404, 422),
        200: {
            "content": {"text/csv": {"schema": {"type": "string"}}},
            "description": "One line per record",
        },
    },
)
async def download_records(
    integration_id: UUID,
    job_id: UUID,
    request: Request,
    tenant: Reader,
    state: Annotated[Text | None, Query(max_length=50)] = None,
    kind: Annotated[Text | None, Query(max_length=50)] = None,
    code: Annotated[Text | None, Query(max_length=100)] = None,
) -> Response:
    """Download all records that match; cells that a spreadsheet would run are disarmed."""
    job = await service.get_job(tenant.session, integration_id, job_id)
    wanted = RecordFilter(state=state, kind=kind, code=code)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(COLUMNS)
    cursor: str | None = None
    while True:
        found, cursor = await service.records(
            tenant.session, job.id, wanted, limit=CSV_PAGE, cursor=cursor
        )
        writer.writerows(_cells(row) for row in await record_rows(request, tenant.session, found))
        if cursor is None:
            break
    name = f"records-{job.id}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(sheet.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cells(row: RecordRow) -> list[str]:
    document = row.document
    values: dict[str, Any] = row.model_dump()
    values |= {
        "document_type": document.type if document else None,
        "document_id": document.id if document else None,
        "document_number": document.number if document else None,
        "fixes": " | ".join(row.fixes),
    }
    return [disarmed(values[name]) for name in COLUMNS]


def disarmed(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    if text[:1] in {"=", "+", "@", "\t", "\r"} or (text[:1] == "-" and not _is_number(text)):
        return "'" + text
    return text


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


@router.post(
    "/{job_id}/records/{record_id}/retry",
    status_code=202,
    summary="Retry one record",
    operation_id="retry_sync_job_record",
    responses=refusals(404, 409, 422) | example(examples.RETRIED, status=202),
)
async def retry_record(
    integration_id: UUID,
    job_id: UUID,
    record_id: UUID,
    request: Request,
    response: Response,
    tenant: Writer,
    body: Annotated[RetryRequest | None, Body(openapi_examples=examples.RETRIES)] = None,
) -> JobRow:
    """Queue a job of this record alone; a conflict needs the decision how to go on."""
    integration = await get_integration(tenant.session, integration_id)
    job = await service.get_job(tenant.session, integration_id, job_id)
    record = await service.get_record(tenant.session, job, record_id)
    again = await service.retry_record(
        tenant.session,
        integration,
        job,
        record,
        request.app.state.works[job.direction],
        body or RetryRequest(),
        requester_of(tenant),
    )
    return await accept(request, response, tenant, integration, again)


@router.post(
    "/{job_id}/records/{record_id}/skip",
    summary="Skip one record",
    operation_id="skip_sync_job_record",
    responses=refusals(404, 409, 422) | example(examples.SKIPPED),
)
async def skip_record(
    integration_id: UUID,
    job_id: UUID,
    record_id: UUID,
    body: SkipRequest,
    request: Request,
    tenant: Writer,
) -> RecordRow:
    """Leave a refused record out for good in this job, with the reason."""
    job = await service.get_job(tenant.session, integration_id, job_id)
    record = await service.get_record(tenant.session, job, record_id)
    record = await service.skip_record(
        tenant.session, job, record, body.reason, requester_of(tenant)
    )
    if job.status not in OPEN:
        await recount(tenant.session, job.id)
    await tenant.session.refresh(record)
    return (await record_rows(request, tenant.session, [record]))[0]
