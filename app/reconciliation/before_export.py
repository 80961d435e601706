"""Preflight as a part of each export: the same judgement, on the documents of the job."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.billing import repository as billing_rows
from app.billing.models import BillingRecord
from app.exports.facts import ExportFacts
from app.jobs.work import JobView
from app.kit.db import Json
from app.reconciliation.last_preflight import finding, keep_preflight
from app.reconciliation.preflight import judge
from app.reconciliation.readiness import needs_of, situation_of
from app.reconciliation.situation import Level

RESOURCES = {"invoices": "invoice", "credits": "credit_note", "payments": "payment"}


async def preflight_of_job(session: AsyncSession, facts: ExportFacts, job: JobView) -> list[Json]:
    """
    Judge a job's documents (implements `app.exports.preflight.Preflight`); no call.

    What is in order is not told; a retry of some records is judged, and not kept as the last one.
    """
    needs = await needs_of(facts, _documents(session, facts, job))
    checks = judge(await situation_of(session, facts, needs))
    if job.selection is None:
        await keep_preflight(session, job.company_id, checks, job.range_from, job.range_to)
    return [finding(check) for check in checks if check.level is not Level.PASS]


async def _documents(
    session: AsyncSession, facts: ExportFacts, job: JobView
) -> AsyncIterator[list[BillingRecord]]:
    integration_id = facts.integration.id
    chosen = _chosen(job)
    for resource, kind in RESOURCES.items():
        if resource not in job.resources:
            continue
        if chosen is not None:
            rows = await billing_rows.load(session, integration_id, kind, chosen.get(kind, ()))
            yield list(rows.values())
            continue
        pages = billing_rows.in_range(session, integration_id, kind, job.range_from, job.range_to)
        async for page in pages:
            yield page
            for row in page:
                session.expunge(row)


def _chosen(job: JobView) -> dict[str, list[str]] | None:
    """Return the documents that a retry names, by kind; None for a whole range."""
    if job.selection is None:
        return None
    found: dict[str, list[str]] = {}
    for record in job.selection:
        kind = "credit_note" if record["kind"] == Kind.CREDIT_MEMO.value else record["kind"]
        found.setdefault(kind, []).append(record["billing_id"])
    return found
