"""HTTP: reconciliation, and preflight."""

import csv
from collections.abc import AsyncIterator
from datetime import date
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.integrations.service import get_integration
from app.jobs.endpoints import disarmed
from app.kit.answers import example
from app.kit.clock import now
from app.kit.fields import Day
from app.kit.web import Route, refusals
from app.organizations.access import IdempotencyKey, Reader, Writer
from app.reconciliation import examples
from app.reconciliation.readiness import run_preflight
from app.reconciliation.report import Difference
from app.reconciliation.schemas import (
    DifferenceRow,
    DocumentKind,
    PreflightIn,
    PreflightOut,
    ReconciliationOut,
    cause_rows,
    check_row,
    customer_rows,
    kind_rows,
    profile_row,
    tax_rows,
)
from app.reconciliation.service import Asked, asked_for, company_for, reconcile
from app.reconciliation.situation import Level

router = APIRouter(
    prefix="/v1/integrations/{integration_id}",
    route_class=Route,
    tags=["Reconciliation"],
    responses=refusals(401, 403, 404, 409, 422, 503),
)
IN_MEMORY = 1_000_000
BLOCK = 65_536
COLUMNS = (
    "kind",
    "billing_id",
    "number",
    "customer",
    "date",
    "currency",
    "billed",
    "posted",
    "in_books",
    "difference",
    "document_type",
    "document_id",
    "document_number",
    "code",
    "cause",
    "explanation",
    "fixes",
)
FirstDay = Annotated[Day, Query(description="First day, of invoice_date, payment_date or date")]
LastDay = Annotated[Day, Query(description="Last day, included")]
OneKind = Annotated[DocumentKind | None, Query(description="Only this kind of document")]


async def _asked(
    request: Request,
    tenant: Reader,
    integration_id: UUID,
    first_day: date,
    last_day: date,
    kind: DocumentKind | None,
) -> Asked:
    """Check the request, and end its transaction: none stays open while the books are read."""
    integration = await get_integration(tenant.session, integration_id)
    asked = asked_for(integration, first_day, last_day, kind)
    await request.state.work.finish(Response())
    return asked


@router.get(
    "/reconciliation",
    operation_id="reconcile",
    summary="Billed, posted and in the books, to the cent",
    responses=example(examples.RECONCILIATION),
)
async def get_reconciliation(
    integration_id: UUID,
    request: Request,
    tenant: Reader,
    date_from: FirstDay,
    date_to: LastDay,
    kind: OneKind = None,
    limit: Annotated[int, Query(ge=0, le=1000, description="Differences shown")] = 200,
) -> ReconciliationOut:
    """
    Read the books' documents of the range, now, and compare each with what was billed.

    Documents that were edited, voided or deleted in QuickBooks are noted on their links, and never
    overwritten. Reading costs a call per 1000 documents and kind.
    """
    asked = await _asked(request, tenant, integration_id, date_from, date_to, kind)
    kept: list[DifferenceRow] = []
    url = request.app.state.document_url

    def keep(found: Difference) -> None:
        if len(kept) < limit:
            kept.append(DifferenceRow.of(found, url))

    read_at = now()
    done = await reconcile(tenant.db, request.app.state.books_opener, asked, keep)
    return ReconciliationOut(
        integration_id=integration_id,
        date_from=date_from,
        date_to=date_to,
        read_at=read_at,
        in_step=done.report.in_step,
        kinds=kind_rows(done.report),
        taxes=tax_rows(done),
        customers=customer_rows(done.report),
        causes=cause_rows(done.report),
        differences=kept,
        differences_total=done.report.causes.total(),
        foreign_payments=done.report.foreign_payments,
        quickbooks_calls=done.calls,
    )


@router.get(
    "/reconciliation.csv",
    operation_id="download_reconciliation",
    summary="Every differing document as CSV",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "One line per document"}},
)
async def download_reconciliation(
    integration_id: UUID,
    request: Request,
    tenant: Reader,
    date_from: FirstDay,
    date_to: LastDay,
    kind: OneKind = None,
) -> StreamingResponse:
    """Reconcile as above; cells that a spreadsheet would run are disarmed."""
    asked = await _asked(request, tenant, integration_id, date_from, date_to, kind)
    sheet = SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed when sent
    try:
        writer = csv.writer(sheet)
        writer.writerow(COLUMNS)
        url = request.app.state.document_url
        await reconcile(
            tenant.db,
            request.app.state.books_opener,
            asked,
            lambda found: writer.writerow(_cells(DifferenceRow.of(found, url))),
        )
        sheet.seek(0)
    except BaseException:
        sheet.close()
        raise
    name = f"reconciliation-{date_from}-{date_to}.csv"
    return StreamingResponse(
        _blocks(sheet),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post(
    "/preflight",
    operation_id="preflight",
    summary="Would an export go through?",
    responses=example(examples.PREFLIGHT),
)
async def preflight(
    integration_id: UUID,
    request: Request,
    tenant: Writer,
    wanted: Annotated[
        PreflightIn | None, Body(openapi_examples=examples.PREFLIGHT_REQUESTS)
    ] = None,
    _key: IdempotencyKey = None,
) -> PreflightOut:
    """
    Read the company's settings from QuickBooks, now, and judge an export of the range.

    Nothing is written, here or there, except that the settings read are remembered. Two reads.
    """
    integration = await get_integration(tenant.session, integration_id)
    asked = wanted or PreflightIn()
    company_id = company_for(integration, asked.date_from, asked.date_to)
    read_at = now()
    done = await run_preflight(
        tenant.db,
        request.app.state.books_opener,
        organization_id=integration.organization_id,
        integration_id=integration.id,
        company_id=company_id,
        first_day=asked.date_from,
        last_day=asked.date_to,
    )
    return PreflightOut(
        integration_id=integration_id,
        date_from=asked.date_from,
        date_to=asked.date_to,
        read_at=read_at,
        ready=all(check.level is not Level.BLOCK for check in done.findings),
        documents=done.documents,
        findings=[check_row(check) for check in done.findings],
        profile=profile_row(done.profile),
        quickbooks_calls=done.calls,
    )


async def _blocks(sheet: IO[str]) -> AsyncIterator[str]:
    with sheet:
        while block := await anyio.to_thread.run_sync(partial(sheet.read, BLOCK)):
            yield block


def _cells(row: DifferenceRow) -> list[str]:
    document = row.document
    values: dict[str, Any] = row.model_dump()
    values |= {
        "document_type": document.type if document else None,
        "document_id": document.id if document else None,
        "document_number": document.number if document else None,
        "fixes": " | ".join(row.fixes),
    }
    return [disarmed(values[name]) for name in COLUMNS]
