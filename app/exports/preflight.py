"""
Before an export: the company as it is now, what preflight finds, and what that stops.

A finding that concerns the whole company, or every document of the job, stops the export before any
call: its records are held back and say why. Findings about some documents stop nothing: those are
refused one by one, also without a call, and the others go out.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import CompanyProfile
from app.connections.models import Company
from app.connections.profiles import save_profile
from app.exports.facts import ExportFacts
from app.jobs.models import Job, Record, Step
from app.jobs.records import Outcome
from app.jobs.work import JobView, WorkContext
from app.kit.db import Json

# Returns findings (code, level, subject, consequence, fix, documents), without those that pass.
Preflight = Callable[[AsyncSession, ExportFacts, JobView], Awaitable[list[Json]]]

BLOCK = "block"
# Findings because of which the company takes nothing at all.
WHOLE_COMPANY = {"subscription"}
NAMED = ("customers", "items")
DOCUMENTS = ("invoices", "credit_memos", "payments", "refunds")
WRITING = (*NAMED, *DOCUMENTS)


async def fresh_profile(context: WorkContext, job: JobView) -> CompanyProfile:
    """Return the company as it was read since the job was asked for; two reads if it was not."""
    async with context.transaction() as session:
        company = await session.get_one(Company, job.company_id)
        queued_at = await session.scalar(select(Job.queued_at).where(Job.id == job.id))
        read_at = company.profile_read_at
    if read_at is not None and queued_at is not None and read_at >= queued_at:
        return context.profile
    profile = await context.provider.company()
    async with context.transaction() as session:
        await save_profile(session, job.company_id, profile)
    return profile


async def keep_findings(session: AsyncSession, job: JobView, findings: Sequence[Json]) -> None:
    """Keep with the job what was found, and whether it stops the export."""
    documents = await _documents(session, job.id)
    kept = [finding | {"stops": _stops(finding, documents)} for finding in findings]
    await session.execute(update(Job).where(Job.id == job.id).values(findings=kept))


async def held_back(session: AsyncSession, job_id: UUID, step: str) -> Outcome | None:
    """
    Return what a step's records show instead of being written, if a finding stops the export.

    One about the company stops everything. One about all documents stops them, and the customers
    and items that would be made for them; a document that is refused by itself shows its own
    reason. Voids go on.
    """
    findings = await session.scalar(select(Job.findings).where(Job.id == job_id))
    for finding in findings or ():
        if finding["stops"] and (finding["code"] in WHOLE_COMPANY or step in WRITING):
            return _held(finding)
    return None


async def _documents(session: AsyncSession, job_id: UUID) -> int:
    """Return how many documents the job would post."""
    number = await session.scalar(
        select(func.count())
        .select_from(Record)
        .join(Step, Step.id == Record.step_id)
        .where(Record.job_id == job_id, Step.name.in_(DOCUMENTS), Record.operation == "post")
    )
    return number or 0


def _stops(finding: Json, documents: int) -> bool:
    if finding["level"] != BLOCK:
        return False
    return finding["code"] in WHOLE_COMPANY or finding["documents"] >= documents > 0


def _held(finding: Json) -> Outcome:
    return Outcome(
        state="blocked",
        code=finding["code"],
        cause=f"Preflight stopped the export: {finding['subject']}.",
        explanation=f"Nothing was sent to QuickBooks. {finding['consequence']}",
        fixes=(finding["fix"],) if finding["fix"] else (),
    )
