"""Exports, whichever the mode: single documents, or the work of a journal job, slice by slice."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.billing import repository as billing_rows
from app.books.service import books_of
from app.connections.findings import journal_findings
from app.exports.facts import ExportFacts, load_facts
from app.exports.process import Lane, process
from app.exports.service import ExportWork
from app.exports.writes import Composer
from app.integrations.masters import (
    MasterCustomer,
    MasterProblem,
    masters_of,
    verify_master_customers,
)
from app.integrations.service import get_integration, settings_of
from app.jobs.models import Record, Step
from app.jobs.repository import save_cursor
from app.jobs.service import JOURNAL
from app.jobs.work import GaveWay, JobView, StepView, WorkContext
from app.journal.deciding import EntryDecider, EntryRules
from app.journal.deltas import Group
from app.journal.periods import GroupKey, Length, group_of, periods_of, windows
from app.journal.places import load_places
from app.journal.planning import PeriodPlan, Scope, days_with_something, open_halves, plan_period
from app.kit.clock import now
from app.kit.db import Json
from app.kit.ids import new_id
from app.ledger.membership import JournalEntry

PLAN, ENTRIES = "plan", "journal_entries"
PAGE = 100
TO_DO = ("waiting", "pending", "parked")
MOST_NAMED = 50


class AnyExport:
    """Billing → company in either mode (implements `app.jobs.work.Work`)."""

    def __init__(self, documents: ExportWork, entries: "JournalWork") -> None:
        self._documents, self._entries = documents, entries

    def steps(self, resources: Sequence[str]) -> list[str]:
        return self._of(resources).steps(resources)

    def operation_type(self, resources: Sequence[str]) -> str:
        return self._of(resources).operation_type(resources)

    async def run(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        return await self._of(job.resources).run(context, job, step)

    def _of(self, resources: Sequence[str]) -> "ExportWork | JournalWork":
        return self._entries if JOURNAL in resources else self._documents


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selected:
    """What a retry names: these entries' groups and no others."""

    groups: frozenset[GroupKey]

    def days(self) -> tuple[date, date]:
        periods = [key.period for key in self.groups]
        return min(each.first for each in periods), max(each.last for each in periods)


class JournalWork:
    """Billing → summarized entries (implements `app.jobs.work.Work`)."""

    def __init__(self, *, clock: Callable[[str], date] | None = None) -> None:
        self._today = clock or today_in_zone

    def steps(self, resources: Sequence[str]) -> list[str]:
        return [PLAN, ENTRIES]

    def operation_type(self, resources: Sequence[str]) -> str:
        return "Export Journal Entries"

    async def run(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        """Plan the job period by period, or bring its entries one by one to their end for now."""
        if step.name == PLAN:
            return await self._plan(context, job, step)
        return await self._work_off(context, job, step)

    # ------------------------------------------------------------------ planning

    async def _plan(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        """Freeze the members of one period after the other, each in a transaction of its own."""
        selected = _selected(job)
        first, last = selected.days() if selected else (job.range_from, job.range_to)
        assert first is not None and last is not None  # noqa: S101, PT018 - exports have a range
        async with context.transaction() as session:
            scope = await load_scope(session, context, job)
            days = await days_with_something(session, scope, first, last)
            entries_step = await session.scalar(
                select(Step.id).where(Step.job_id == job.id, Step.name == ENTRIES)
            )
        done = str(step.cursor.get("done", ""))
        position = int(step.cursor.get("position", 0))
        periods = [each for each in periods_of(days, scope.length) if each.key > done]
        for period, begin, end in windows(first, last, periods):
            if context.give_way():
                return False
            async with context.transaction() as session:
                plan = await plan_period(
                    session, scope, begin, end, only=selected.groups if selected else None
                )
                rows = [
                    *_entry_rows(plan),
                    *_refused_rows(plan, scope.number_prefix),
                    *_elsewhere_rows(plan),
                ]
                position = await _save(session, job, entries_step, rows, position)
                await save_cursor(
                    session, step.id, cursor={"done": period.key, "position": position}
                )
        if selected is None:
            async with context.transaction() as session:
                rows = [_row(entry) for entry in await open_halves(session, scope)]
                await _save(session, job, entries_step, rows, position)
        return True

    # ------------------------------------------------------------------ the entries

    async def _work_off(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        async with context.transaction() as session:
            facts = await load_facts(session, job.integration_id, job.company_id, context.profile)
            books = await books_of(session, job.integration_id)
            places = await load_places(session, books, facts.tracking)
            findings = journal_findings(books.company)
            session.expunge_all()
        rules = EntryRules(
            facts=facts,
            places=places,
            today=self._today(context.profile.time_zone),
            masters=await _masters(context, facts),
            plain_tax_lines=findings.plain_tax_lines,
        )
        decide = EntryDecider(Composer(context.provider), rules)
        lane = Lane(context=context, facts=facts, decisions=_decisions(job))
        with suppress(GaveWay):
            return await self._records(lane, step, decide)
        return False

    async def _records(self, lane: Lane, step: StepView, decide: EntryDecider) -> bool:
        context, position = lane.context, int(step.cursor.get("position", -1))
        while records := await _next_records(context, step.id, position):
            for record in records:
                if context.give_way():
                    return False
                await process(lane, record, decide)
            position = records[-1].position
            async with context.transaction() as session:
                await save_cursor(session, step.id, cursor={"position": position})
        return True


def today_in_zone(zone: str) -> date:
    """Return the day it is in the company's time zone."""
    return now().astimezone(ZoneInfo(zone)).date()


async def _masters(
    context: WorkContext, facts: ExportFacts
) -> dict[str, MasterCustomer | MasterProblem]:
    """Look the master customers up in the books: a day of billing must not land on another."""
    home = context.profile.home_currency
    masters = masters_of(facts.integration.master_customers, home)
    problems = await verify_master_customers(context.provider, masters.values(), home_currency=home)
    return {**masters, **problems}


async def load_scope(session: AsyncSession, context: WorkContext, job: JobView) -> Scope:
    settings = settings_of(await get_integration(session, job.integration_id)).journal
    return Scope(
        organization_id=job.organization_id,
        company_id=job.company_id,
        integration_id=job.integration_id,
        profile=context.profile,
        codes=await billing_rows.price_codes(session, job.integration_id),
        length=Length(settings.period),
        number_prefix=settings.number_prefix,
    )


def _selected(job: JobView) -> _Selected | None:
    if job.selection is None:
        return None
    found = (group_of(chosen["billing_id"]) for chosen in job.selection)
    return _Selected(groups=frozenset(each[0] for each in found if each is not None))


def _decisions(job: JobView) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (chosen["kind"], chosen["billing_id"]): chosen
        for chosen in job.selection or ()
        if chosen.get("decision")
    }


# ------------------------------------------------------------------------------ records of a job


def _entry_rows(plan: PeriodPlan) -> list[Json]:
    return [_row(entry) for entry in plan.entries]


def _row(entry: JournalEntry) -> Json:
    return {
        "kind": Kind.JOURNAL_ENTRY.value,
        "billing_id": entry.billing_id,
        "operation": "post",
        "billing_number": entry.number,
        "record_date": entry.txn_date or entry.period_to,
        "currency": entry.currency,
        "state": "waiting",
        "fixes": [],
    }


def _refused_rows(plan: PeriodPlan, prefix: str) -> list[Json]:
    """Return the records of entries that cannot be made: the first reason, and who has one."""
    return [_refused(group, sequence, prefix) for group, sequence in plan.refused]


def _refused(group: Group, sequence: int, prefix: str) -> Json:
    first = group.problems[0].error
    others = len(group.problems) - 1
    more = f" So it is with {others} more." if others else ""
    return {
        "kind": Kind.JOURNAL_ENTRY.value,
        "billing_id": group.key.entry_key(sequence),
        "operation": "post",
        "billing_number": group.key.number(sequence, prefix),
        "record_date": group.key.period.last,
        "currency": group.key.currency,
        "state": "rejected",
        "code": first.code,
        "cause": first.cause,
        "explanation": f"{first.explanation}{more} Nothing of this entry is posted before that.",
        "fixes": list(dict.fromkeys(each.error.fix for each in group.problems))[:MOST_NAMED],
        "details": {
            "records": [
                {"kind": kind, "billing_id": billing_id, "code": problem.error.code}
                for problem in group.problems[:MOST_NAMED]
                for kind, billing_id in [problem.record]
            ]
        },
    }


def _elsewhere_rows(plan: PeriodPlan) -> list[Json]:
    """Return the records that were changed after they were posted as documents of their own."""
    return [
        {
            "kind": "credit_memo" if each.row.kind == "credit_note" else each.row.kind,
            "billing_id": each.row.billing_id,
            "operation": "post",
            "billing_number": each.row.number,
            "customer": each.row.customer_billing_id,
            "record_date": each.row.record_date,
            "amount": each.row.amount,
            "tax": each.row.tax,
            "currency": each.row.currency,
            "state": "rejected",
            "code": "stands_as_document",
            "cause": "The record stands in QuickBooks as a document of its own, and was changed.",
            "explanation": "It was posted before the integration's mode was changed; entries never "
            "sum up what stands by itself.",
            "fixes": [
                "Correct the document in QuickBooks by hand.",
                "Or change the mode back for a moment and export it.",
            ],
        }
        for each in plan.elsewhere
    ]


async def _save(
    session: AsyncSession, job: JobView, step_id: UUID | None, rows: Sequence[Json], position: int
) -> int:
    """Write a period's records; one that a period before named already stays where it is."""
    common = {
        "organization_id": job.organization_id,
        "job_id": job.id,
        "step_id": step_id,
        "force": job.selection is not None,
    }
    nothing = dict.fromkeys(
        ("customer", "amount", "tax", "code", "cause", "explanation", "details"), None
    )
    values = [
        {**nothing, **common, **row, "id": new_id(), "position": position + number}
        for number, row in enumerate(rows)
    ]
    for start in range(0, len(values), 1000):
        await session.execute(insert(Record).on_conflict_do_nothing(), values[start : start + 1000])
    return position + len(values)


async def _next_records(context: WorkContext, step_id: UUID, position: int) -> Sequence[Record]:
    async with context.transaction() as session:
        rows = await session.scalars(
            select(Record)
            .where(Record.step_id == step_id, Record.position > position, Record.state.in_(TO_DO))
            .order_by(Record.position)
            .limit(PAGE)
        )
        records = rows.all()
        session.expunge_all()
    return records
