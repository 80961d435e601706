"""The API of plans: what a dry run foresees, and posting exactly that."""

import csv
import hashlib
import io
import json
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.integrations.service import get_integration
from app.jobs import plan_examples, service
from app.jobs.applying import applied_by, apply_plan, check_dry_run
from app.jobs.endpoints import accept, disarmed, requester_of
from app.jobs.models import PlanLine, Record
from app.jobs.plan_schemas import (
    CallBudget,
    DryRunPlan,
    PlanAction,
    PlanRow,
    PlanSummary,
)
from app.jobs.plans import PlanFilter, plan_page, plan_summary, said_id
from app.jobs.records import shown_id
from app.jobs.schemas import JobRow
from app.kit.answers import example
from app.kit.db import Json
from app.kit.fields import Text
from app.kit.money import as_text
from app.kit.web import Cursor, Limit, Route, refusals
from app.kit.windows import Limits
from app.organizations.access import IdempotencyKey, Reader, Writer

router = APIRouter(
    prefix="/v1/integrations/{integration_id}/sync-jobs", tags=["Sync jobs"], route_class=Route
)
CSV_PAGE = 500
# CompanyInfo and Preferences, once per export.
PREFLIGHT_READS = 2
SHOWN_APART = ("taxes", "differences", "external_id")
OneKind = Annotated[Text | None, Query(max_length=50, description="Only this kind of record")]
OneAction = Annotated[PlanAction | None, Query(description="Only this action")]


@router.get(
    "/{job_id}/plan",
    summary="What a dry run foresees",
    operation_id="get_sync_job_plan",
    responses=refusals(404, 409, 422) | example(plan_examples.PLAN),
)
async def get_plan(
    integration_id: UUID,
    job_id: UUID,
    request: Request,
    tenant: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    kind: OneKind = None,
    action: OneAction = None,
) -> DryRunPlan:
    """
    List what would be created, updated, linked, voided, skipped or refused, with exact payloads.

    Ids that QuickBooks has not given yet are placeholders that name the record created before.
    """
    job = await service.get_job(tenant.session, integration_id, job_id)
    check_dry_run(job)
    rows, more = await plan_page(
        tenant.session, job.id, PlanFilter(kind=kind, action=action), limit=limit, cursor=cursor
    )
    summary = await plan_summary(tenant.session, job)
    return DryRunPlan(
        job_id=job.id,
        status=job.status,
        expires_at=job.plan_expires_at,
        applied_by=(await applied_by(tenant.session, [job.id])).get(job.id),
        summary=summary_out(summary, request.app.state.call_limits),
        data=[plan_row(line, record) for line, record in rows],
        next_cursor=more,
    )


@router.get(
    "/{job_id}/plan.csv",
    summary="A plan as CSV",
    operation_id="download_sync_job_plan",
    response_class=Response,
    responses={
        **refusals(404, 409, 422),
        200: {
            "content": {"text/csv": {"schema": {"type": "string"}}},
            "description": "One line per record",
        },
    },
)
async def download_plan(
    integration_id: UUID,
    job_id: UUID,
    tenant: Reader,
    kind: OneKind = None,
    action: OneAction = None,
) -> Response:
    """Download the plan's lines that match; cells that a spreadsheet would run are disarmed."""
    job = await service.get_job(tenant.session, integration_id, job_id)
    check_dry_run(job)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(COLUMNS)
    cursor: str | None = None
    wanted = PlanFilter(kind=kind, action=action)
    while True:
        rows, cursor = await plan_page(
            tenant.session, job.id, wanted, limit=CSV_PAGE, cursor=cursor
        )
        writer.writerows(_cells(plan_row(line, record)) for line, record in rows)
        tenant.session.expunge_all()
        if cursor is None:
            break
    headers = {"Content-Disposition": f'attachment; filename="plan-{job_id}.csv"'}
    return Response(sheet.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/{job_id}/apply",
    status_code=202,
    summary="Post exactly what a dry run foresaw",
    operation_id="apply_sync_job",
    responses=refusals(404, 409, 422) | example(plan_examples.APPLIED, status=202),
)
async def apply_sync_job(
    integration_id: UUID,
    job_id: UUID,
    request: Request,
    response: Response,
    tenant: Writer,
    _key: IdempotencyKey = None,
) -> JobRow:
    """
    Queue a job that posts exactly the plan, once.

    Everything the plan rests on is looked at again first, without a call to QuickBooks. Whatever
    moved is named in a 409 with the code `plan_changed`, and nothing is posted.
    """
    integration = await get_integration(tenant.session, integration_id)
    job = await service.get_job(tenant.session, integration_id, job_id)
    state = request.app.state
    applying = await apply_plan(
        tenant.session,
        integration,
        job,
        work=state.works[job.direction],
        company=await state.company_state(tenant.session, integration),
        check=state.plan_check,
        requester=requester_of(tenant),
    )
    return await accept(request, response, tenant, integration, applying)


# ------------------------------------------------------------------------------------------ rows


def plan_row(line: PlanLine, record: Record) -> PlanRow:
    """Return a line of a plan as the API shows it."""
    written = line.body is not None
    return PlanRow(
        action=line.action,
        kind=line.kind,
        billing_id=shown_id(line.billing_id),
        billing_number=record.billing_number,
        customer=record.customer,
        date=record.record_date,
        currency=line.currency,
        total=_amount(line.total),
        tax=_amount(line.tax),
        taxes=line.shown.get("taxes") or [],
        document_type=line.document_type,
        external_id=line.shown.get("external_id"),
        payload=json.loads(line.body) if line.body is not None else None,
        payload_sha256=hashlib.sha256(line.body).hexdigest() if line.body is not None else None,
        placeholders=[_placeholder(need) for need in line.needs if need["of"] == "id"],
        differences=line.shown.get("differences") or [],
        lane=line.lane,
        code=None if written else record.code,
        cause=None if written else record.cause,
        explanation=record.explanation,
        fixes=record.fixes,
        details=record.details,
        shown={name: part for name, part in line.shown.items() if name not in SHOWN_APART},
        plan_hash=line.plan_hash,
    )


def _placeholder(need: Json) -> Json:
    kind, billing_id = need["kind"], said_id(need["billing_id"])
    return {
        "placeholder": f"{{{{{kind}:{billing_id}}}}}",
        "kind": kind,
        "billing_id": billing_id,
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else as_text(amount)


def summary_out(summary: Json, limits: Limits) -> PlanSummary:
    """Return a plan's figures with the minutes that its calls take at the limits."""
    calls = dict(summary["calls"])
    calls["read"] += PREFLIGHT_READS
    minutes = minutes_of(calls, limits)
    budget = CallBudget(**calls, minutes=f"{minutes:.1f}")
    return PlanSummary(**(summary | {"calls": budget}))


def minutes_of(calls: dict[str, int], limits: Limits) -> float:
    """Return the minutes that so many calls take if nothing but the limits holds them up."""
    single = calls["single"] + calls["read"]
    return limits.scale * max(
        single / limits.requests_per_minute,
        single / (limits.requests_per_second * 60),
        calls["batch"] / limits.batches_per_minute,
        (single + calls["batch"]) / limits.all_per_minute,
    )


COLUMNS = (
    "action",
    "kind",
    "billing_id",
    "billing_number",
    "customer",
    "date",
    "currency",
    "total",
    "tax",
    "document_type",
    "external_id",
    "lane",
    "code",
    "cause",
    "explanation",
    "fixes",
    "differences",
    "payload",
)


def _cells(row: PlanRow) -> list[str]:
    values: dict[str, Any] = row.model_dump(mode="json")
    values["fixes"] = " | ".join(row.fixes)
    values["differences"] = " | ".join(
        f"{each.field}: {each.before} → {each.after}" for each in row.differences
    )
    if row.payload is not None:
        values["payload"] = json.dumps(row.payload, ensure_ascii=False)
    return [disarmed(values[name]) for name in COLUMNS]
