"""A plan made again before it is applied: no call, and whatever is different is told."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.ports import AccountingProvider, CompanyRef
from app.billing import repository as billing_rows
from app.connections.models import Company
from app.connections.profiles import profile_of
from app.exports.facts import load_facts
from app.exports.foresight import Foresight
from app.exports.plan import make_plan, steps_for
from app.exports.preflight import held_back
from app.exports.process import Decide
from app.exports.service import PAGE, affected_by, deciders
from app.exports.writes import Composer
from app.jobs.models import PlanLine, Record
from app.jobs.plans import AT_ONCE, Change, changes_of
from app.jobs.work import JobView
from app.kit.db import Database

Key = tuple[str, str, str]
# Composes writes for a company; whoever would call its books is refused.
Composing = Callable[[CompanyRef], AccountingProvider]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAgain:
    """Makes the plan of a dry run again (implements `app.jobs.plans.PlanCheck`)."""

    db: Database
    composing: Composing

    async def __call__(self, job: JobView) -> list[Change]:
        """Return what would go otherwise now: records that came or went, and lines that differ."""
        async with self.db.transaction(job.organization_id) as session:
            company = await session.get_one(Company, job.company_id)
            profile = profile_of(company)
            provider = self.composing(
                CompanyRef(environment=company.environment, realm_id=company.realm_id)
            )
            changes = await _came_or_went(session, job)
            facts = await load_facts(
                session,
                job.integration_id,
                job.company_id,
                profile,
                affected=await affected_by(session, job.id),
            )
            session.expunge_all()
        sight = Foresight(
            facts=facts,
            job_id=job.id,
            open=lambda: self.db.transaction(job.organization_id),
            provider=provider,
            read=False,
        )
        for step, decide in deciders(Composer(provider)).items():
            changes += await self._step(job, sight, step, decide)
        return changes

    async def _step(
        self, job: JobView, sight: Foresight, step: str, decide: Decide
    ) -> list[Change]:
        """Make a step's lines again, in the same pages as the dry run did."""
        changes: list[Change] = []
        async with self.db.transaction(job.organization_id) as session:
            sight.held = await held_back(session, job.id, step)
        position = -1
        while pairs := await self._page(job, step, position):
            sight.kept = {record.id: line for line, record in pairs}
            for now in await sight.page(step, [record for _, record in pairs], decide):
                changes += changes_of(sight.kept[now.record.id], now)
            position = pairs[-1][0].position
            await asyncio.sleep(0)  # Other requests have their turn.
        return changes

    async def _page(
        self, job: JobView, step: str, position: int
    ) -> Sequence[tuple[PlanLine, Record]]:
        async with self.db.transaction(job.organization_id) as session:
            rows = await session.execute(
                select(PlanLine, Record)
                .join(Record, Record.id == PlanLine.record_id)
                .where(
                    PlanLine.job_id == job.id,
                    PlanLine.step == step,
                    PlanLine.position > position,
                    PlanLine.shown[AT_ONCE].astext.is_(None),
                )
                .order_by(PlanLine.position)
                .limit(PAGE)
            )
            pairs = [(line, record) for line, record in rows]
            session.expunge_all()
        return pairs


async def _came_or_went(session: AsyncSession, job: JobView) -> list[Change]:
    """Return which records the range has now and the plan has not, and the other way round."""
    company = await session.get_one(Company, job.company_id)
    profile = profile_of(company)
    codes = await billing_rows.price_codes(session, job.integration_id)
    home = profile.home_currency if profile.multicurrency else None
    plan = await make_plan(session, job, codes.tax_codes, home_currency=home)
    steps = steps_for(job.resources)
    now = {
        (each.kind, each.billing_id, each.operation)
        for each in plan.records.values()
        if each.step in steps
    }
    kept = await _keys(session, job.id)
    return [
        *(_change(key, "in the plan", "not in the range") for key in sorted(kept - now)),
        *(_change(key, "not in the plan", "in the range") for key in sorted(now - kept)),
    ]


async def _keys(session: AsyncSession, job_id: UUID) -> set[Key]:
    rows = await session.execute(
        select(PlanLine.kind, PlanLine.billing_id, PlanLine.operation).where(
            PlanLine.job_id == job_id
        )
    )
    return {(kind, billing_id, operation) for kind, billing_id, operation in rows}


def _change(key: Key, before: str, after: str) -> Change:
    return Change(kind=key[0], billing_id=key[1], field="record", before=before, after=after)
