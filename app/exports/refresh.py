"""
Tax codes and rates are read again before an export when they were last read more than a day ago.

A rate that was changed or made inactive in QuickBooks then breaks its mapping before anything that
bears it goes out. Three reads, where the books take tax by code; the others need no mapping.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import RecordRejected
from app.accounting.records import TaxModel
from app.books.kinds import BookKind, BookRecord
from app.books.repository import deactivate_missing, store_page
from app.jobs.models import Job, Step
from app.jobs.work import JobView, WorkContext
from app.kit.db import database_now

log = structlog.get_logger(__name__)

MAX_AGE = timedelta(hours=24)
BY_CODE = {TaxModel.GLOBAL, TaxModel.US_MANUAL}
TAXED = {"invoices", "credits", "refunds"}
# Noted in the plan step's cursor, so that the next export knows.
READ_AT = "taxes_read_at"


async def refresh_taxes(context: WorkContext, job: JobView) -> str | None:
    """
    Read the taxes if the job needs them and they are old; return when they were, if they were.

    Raises:
        ProviderError: The books cannot be read right now.
    """
    if context.profile.tax_model not in BY_CODE or not TAXED & set(job.resources):
        return None
    async with context.transaction() as session:
        if not await _are_old(session, context):
            return None
    provider = context.provider
    try:
        await _read(context, BookKind.TAX_AGENCY, provider.tax_agencies())
        await _read(context, BookKind.TAX_RATE, provider.tax_rates())
        await _read(context, BookKind.TAX_CODE, provider.tax_codes())
    except RecordRejected as refusal:
        # What was imported is what is known; an import will say why.
        log.warning("taxes_not_refreshed", code=refusal.fault.code)
        return None
    async with context.transaction() as session:
        return (await database_now(session)).isoformat()


async def _are_old(session: AsyncSession, context: WorkContext) -> bool:
    """Tell whether the last reading, of an import or an export, was too long ago."""
    recent = await database_now(session) - MAX_AGE
    read = await session.scalar(
        select(func.count())
        .select_from(Step)
        .join(Job, Job.id == Step.job_id)
        .where(
            Job.company_id == context.company_id,
            Step.finished_at > recent,
            or_(Step.name == "tax codes", Step.cursor.has_key(READ_AT)),
        )
    )
    return not read


async def _read(
    context: WorkContext, kind: BookKind, pages: AsyncIterator[Sequence[BookRecord]]
) -> None:
    """Store a list whole; only one that is not empty tells what vanished."""
    seen: list[str] = []
    async for page in pages:
        seen += [record.external_id for record in page]
        async with context.transaction() as session:
            await store_page(
                session,
                organization_id=context.organization_id,
                company_id=context.company_id,
                kind=kind,
                records=page,
            )
    if seen:
        async with context.transaction() as session:
            await deactivate_missing(session, context.company_id, kind, seen)
