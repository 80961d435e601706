"""Exports: the work of a job, slice by slice."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind, Verb
from app.billing import repository as billing_rows
from app.billing.models import BillingRecord
from app.connections.models import Company
from app.exports.batches import BACKLOG, BATCH_SIZE, pass_over_unchanged, process_batch
from app.exports.currencies import customer_key
from app.exports.customers import CustomerDecider
from app.exports.facts import load_facts
from app.exports.foresight import Foresight
from app.exports.guard import PlanGuard
from app.exports.items import ItemDecider
from app.exports.payments import ApplicationDecider, PaymentDecider
from app.exports.plan import PLAN, make_plan, save_plan, steps_for
from app.exports.preflight import Preflight, fresh_profile, held_back, keep_findings
from app.exports.process import Decide, Lane, process
from app.exports.refresh import READ_AT, refresh_taxes
from app.exports.refund_currencies import name_refund_currencies
from app.exports.refunds import RefundDecider, RefundLinkDecider
from app.exports.sales import RemovalDecider, SalesDecider
from app.exports.summarized import pass_over_summarized
from app.exports.tax import PriceCodes
from app.exports.writes import Composer
from app.integrations.models import Integration
from app.jobs.applying import copy_plan, steps_by_name
from app.jobs.models import Record, Step
from app.jobs.plans import Foreseen, save_lines, save_skipped
from app.jobs.repository import save_cursor
from app.jobs.work import GaveWay, JobView, StepView, WorkContext
from app.ledger.identity import application_id, invoice_credit_id, refund_application_id
from app.ledger.links import BookKeeper
from app.ledger.membership import JournalEntry

PAGE = 300
# Documents that go in batches when there is a backlog; names and edits go alone.
BATCHED = ("invoices", "credit_memos", "payments")
# Names that documents need; nearly all stand in the books already.
NAMED = ("customers", "items")
# A record that still is one of these when its turn comes has something to be done.
TO_DO = ("waiting", "pending", "parked")
# So often an application that was taken back and billed again is known by its marker alone.
TURNS = (1, 2, 3)


class ExportWork:
    """
    Billing → company (implements `app.jobs.work.Work`).

    *backlog* is how many records make it worth while to write in batches; *preflight* looks for
    what speaks against an export before anything is sent.
    """

    def __init__(self, *, backlog: int = BACKLOG, preflight: Preflight | None = None) -> None:
        self._backlog = backlog
        self._preflight = preflight

    def steps(self, resources: Sequence[str]) -> list[str]:
        return steps_for(resources)

    def operation_type(self, resources: Sequence[str]) -> str:
        names = [resource.replace("_", " ").title() for resource in resources]
        return f"Export {', '.join(names)}"

    async def run(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        """Plan the job, or bring the step's records one by one to their end for now."""
        if step.name == PLAN:
            await self._begin(context, job, step)
            return True
        if job.dry_run:
            return await self._foresee(context, job, step)
        return await self._work_off(context, job, step)

    async def _begin(self, context: WorkContext, job: JobView, step: StepView) -> None:
        """List the job's records, and look for what speaks against the export."""
        if self._preflight is not None:
            context.profile = await fresh_profile(context, job)
        taxes_read_at = await refresh_taxes(context, job)
        async with context.transaction() as session:
            if job.applies is None:
                affected = await self._plan(session, context, job)
            else:
                await copy_plan(session, job, await steps_by_name(session, job.id))
                affected = await affected_by(session, job.applies)
            cursor: dict[str, Any] = {"tax_sets": _listed(affected)}
            if taxes_read_at is not None:
                cursor[READ_AT] = taxes_read_at
            await save_cursor(session, step.id, cursor=cursor)
            if self._preflight is not None:
                facts = await load_facts(
                    session, job.integration_id, job.company_id, context.profile
                )
                await keep_findings(session, job, await self._preflight(session, facts, job))

    async def _plan(
        self, session: AsyncSession, context: WorkContext, job: JobView
    ) -> Mapping[PriceCodes, int]:
        """List the records of the range; return how many documents need each set of taxes."""
        codes = await billing_rows.price_codes(session, job.integration_id)
        profile = context.profile
        home = profile.home_currency if profile.multicurrency else None
        plan = await make_plan(session, job, codes.tax_codes, home_currency=home)
        await name_refund_currencies(session, job.integration_id, plan)
        await save_plan(session, job, plan, await steps_by_name(session, job.id))
        await pass_over_summarized(session, job)
        if job.dry_run:
            await save_skipped(session, job)
        return plan.tax_sets

    async def _foresee(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        """Plan the step's records page by page; no call but the reads that this takes."""
        async with context.transaction() as session:
            facts = await load_facts(
                session,
                job.integration_id,
                job.company_id,
                context.profile,
                affected=await affected_by(session, job.id),
            )
            held = await held_back(session, job.id, step.name)
            session.expunge_all()
        sight = Foresight(
            facts=facts,
            job_id=job.id,
            open=context.transaction,
            provider=context.provider,
            held=held,
        )
        decide = deciders(Composer(context.provider))[step.name]
        cursor = dict(step.cursor)
        while records := await _next_records(context, step.id, int(cursor.get("position", -1))):
            lines = await sight.page(step.name, records, decide)
            if len(records) >= self._backlog and step.name in BATCHED:
                lines, batches = in_lanes(lines)
                cursor["batches"] = int(cursor.get("batches", 0)) + batches
            cursor["position"] = records[-1].position
            async with context.transaction() as session:
                await save_lines(session, job, lines)
                await save_cursor(session, step.id, cursor=cursor)
            if context.give_way():
                return False
        return True

    async def _work_off(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        async with context.transaction() as session:
            facts = await load_facts(
                session,
                job.integration_id,
                job.company_id,
                context.profile,
                affected=await affected_by(session, job.id),
            )
            held = await held_back(session, job.id, step.name)
            session.expunge_all()
        guard = PlanGuard(job.applies) if job.applies is not None else None
        lane = Lane(context=context, facts=facts, decisions=_decisions(job), guard=guard, held=held)
        decide = deciders(Composer(context.provider))[step.name]
        with suppress(GaveWay):
            return await self._records(lane, step, decide)
        return False

    async def _records(self, lane: Lane, step: StepView, decide: Decide) -> bool:
        """Bring the step's records to their end for now; return whether all are."""
        context, position = lane.context, int(step.cursor.get("position", -1))
        while records := await _next_records(context, step.id, position):
            if isinstance(lane.guard, PlanGuard):
                await lane.guard.load(context, step.name, records)
            for group in await self._groups(lane, step, records, decide):
                if context.give_way():
                    return False
                await _work_off_group(lane, group, decide)
            position = records[-1].position
            async with context.transaction() as session:
                await save_cursor(session, step.id, cursor={"position": position})
        return True

    async def _groups(
        self, lane: Lane, step: StepView, records: Sequence[Record], decide: Decide
    ) -> list[list[Record]]:
        """Cut a page of records into what is worked off together, or alone."""
        if len(records) >= self._backlog and step.name in BATCHED:
            return in_batches(records)
        if len(records) > 1 and step.name in NAMED:
            records = await pass_over_unchanged(lane, records, decide)
        return [[record] for record in records]


async def _work_off_group(lane: Lane, group: Sequence[Record], decide: Decide) -> None:
    """Work off one record, or several together and then, alone, those that need it."""
    alone = await process_batch(lane, group, decide) if len(group) > 1 else group
    for record in alone:
        await process(lane, record, decide)


def in_batches(records: Sequence[Record], size: int = BATCH_SIZE) -> list[list[Record]]:
    """
    Cut records into batches, in their order, no customer twice in one batch.

    QuickBooks carries out a batch's items in any order; one customer's documents keep theirs.
    """
    batches: list[list[Record]] = []
    taken: list[set[str | None]] = []
    first: dict[str | None, int] = {}
    for record in records:
        number = first.get(record.customer, 0)
        while number < len(batches) and (
            len(batches[number]) >= size or record.customer in taken[number]
        ):
            number += 1
        if number == len(batches):
            batches.append([])
            taken.append(set())
        batches[number].append(record)
        taken[number].add(record.customer)
        first[record.customer] = number + 1
    return batches


def in_lanes(lines: Sequence[Foreseen]) -> tuple[list[Foreseen], int]:
    """Return a backlog's lines with the lane each goes by, and how many batches there are."""
    creating = {line.record.id for line in lines if line.action == Verb.CREATE.value}
    groups = [group for group in in_batches([line.record for line in lines]) if len(group) > 1]
    together = [{record.id for record in group} & creating for group in groups]
    batched = {record_id for group in together for record_id in group}
    shown = [replace(line, lane="batch") if line.record.id in batched else line for line in lines]
    return shown, sum(1 for group in together if group)


def deciders(composer: Composer) -> dict[str, Decide]:
    """Return who decides about the records of each step."""
    return {
        "customers": CustomerDecider(composer),
        "items": ItemDecider(composer),
        "payment_voids": RemovalDecider(composer, Kind.PAYMENT, Verb.VOID),
        "application_voids": RemovalDecider(composer, Kind.APPLICATION, Verb.VOID),
        "invoice_voids": RemovalDecider(composer, Kind.INVOICE, Verb.VOID),
        "credit_voids": RemovalDecider(composer, Kind.CREDIT_MEMO, Verb.DELETE),
        "invoices": SalesDecider(composer, Kind.INVOICE),
        "credit_memos": SalesDecider(composer, Kind.CREDIT_MEMO),
        "payments": PaymentDecider(composer),
        "applications": ApplicationDecider(composer),
        "refunds": RefundDecider(composer),
        "refund_links": RefundLinkDecider(composer),
    }


async def affected_by(session: AsyncSession, job_id: UUID) -> dict[PriceCodes, int]:
    """Return how many of the job's documents need each set of taxes."""
    cursor = await session.scalar(
        select(Step.cursor).where(Step.job_id == job_id, Step.name == PLAN)
    )
    return {
        frozenset(entry["price_codes"]): entry["documents"]
        for entry in (cursor or {}).get("tax_sets", [])
    }


def _listed(affected: Mapping[PriceCodes, int]) -> list[dict[str, Any]]:
    return [
        {"price_codes": sorted(price_codes), "documents": number}
        for price_codes, number in affected.items()
    ]


async def _next_records(context: WorkContext, step_id: UUID, position: int) -> Sequence[Record]:
    """Return the step's next records to do; what was done already is passed over."""
    async with context.transaction() as session:
        rows = await session.scalars(
            select(Record)
            .where(
                Record.step_id == step_id,
                Record.position > position,
                Record.state.in_(TO_DO),
            )
            .order_by(Record.position)
            .limit(PAGE)
        )
        records = rows.all()
        session.expunge_all()
    return records


def _decisions(job: JobView) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (chosen["kind"], chosen["billing_id"]): chosen
        for chosen in job.selection or ()
        if chosen.get("decision")
    }


# ------------------------------------------------------------------------- for the catch-up read


class MarkerPlacer:
    """Finds the billing record whose document carries a marker; hashes each kind once."""

    def __init__(self, keeper: BookKeeper, integration_id: UUID) -> None:
        self._keeper = keeper
        self._integration_id = integration_id
        self._known: dict[str, dict[str, str]] = {}

    async def __call__(
        self, session: AsyncSession, kind: str, marker: str
    ) -> tuple[str, str] | None:
        if kind not in self._known:
            self._known[kind] = await self._markers(session, kind)
        billing_id = self._known[kind].get(marker)
        return (kind, billing_id) if billing_id is not None else None

    async def _markers(self, session: AsyncSession, kind: str) -> dict[str, str]:
        stored = {
            Kind.CREDIT_MEMO.value: "credit_note",
            Kind.APPLICATION.value: "credit_note",
        }.get(kind, kind)
        ids = await self._ids(session, kind, stored)
        if kind == Kind.CREDIT_MEMO.value:
            ids += await self._negative_invoices(session)
        if kind == Kind.JOURNAL_ENTRY.value:
            ids += await self._entries(session)
        elif kind == Kind.APPLICATION.value:
            ids += await self._refund_links(session)
        elif kind == Kind.CUSTOMER.value:
            ids += await self._in_other_currencies(session, ids)
        return {self._keeper.identity(kind, id_).marker: id_ for id_ in ids}

    async def _entries(self, session: AsyncSession) -> list[str]:
        rows = await session.scalars(
            select(JournalEntry.billing_id).where(
                JournalEntry.integration_id == self._integration_id
            )
        )
        return list(rows)

    async def _ids(self, session: AsyncSession, kind: str, stored: str) -> list[str]:
        rows = await session.execute(
            select(BillingRecord.billing_id, BillingRecord.body["applications"]).where(
                BillingRecord.integration_id == self._integration_id,
                BillingRecord.kind == stored,
            )
        )
        ids: list[str] = []
        for billing_id, applications in rows:
            if kind == Kind.APPLICATION.value:
                parts = applications or []
                ids.extend(
                    application_id(billing_id, part["invoice"], turn=turn)
                    for part in parts
                    for turn in TURNS
                )
            else:
                ids.append(billing_id)
        return ids

    async def _negative_invoices(self, session: AsyncSession) -> list[str]:
        rows = await session.scalars(
            select(BillingRecord.billing_id).where(
                BillingRecord.integration_id == self._integration_id,
                BillingRecord.kind == Kind.INVOICE.value,
                BillingRecord.amount < 0,
            )
        )
        return [invoice_credit_id(billing_id) for billing_id in rows]

    async def _refund_links(self, session: AsyncSession) -> list[str]:
        credit = BillingRecord.body["credit_note"].astext
        rows = await session.execute(
            select(BillingRecord.billing_id, credit).where(
                BillingRecord.integration_id == self._integration_id,
                BillingRecord.kind == Kind.REFUND.value,
                credit.is_not(None),
            )
        )
        return [refund_application_id(refund_id, credit_id) for refund_id, credit_id in rows]

    async def _in_other_currencies(
        self, session: AsyncSession, customers: Sequence[str]
    ) -> list[str]:
        """Return the ids under which customers are linked for further currencies."""
        currencies = await session.scalars(
            select(BillingRecord.currency)
            .where(
                BillingRecord.integration_id == self._integration_id,
                BillingRecord.kind.in_(("invoice", "payment", "credit_note", "refund")),
                BillingRecord.currency.is_not(None),
            )
            .distinct()
        )
        return [
            customer_key(billing_id, currency, own="")
            for currency in currencies
            for billing_id in customers
            if currency
        ]


async def keeper_and_placer(
    session: AsyncSession, company_id: UUID
) -> tuple[BookKeeper, MarkerPlacer] | None:
    """Return what the catch-up read of a company needs; None without a live integration."""
    integration = await session.scalar(
        select(Integration).where(
            Integration.company_id == company_id, Integration.deleted_at.is_(None)
        )
    )
    if integration is None:
        return None
    company = await session.get_one(Company, company_id)
    keeper = BookKeeper(
        organization_id=integration.organization_id,
        company_id=company_id,
        environment=company.environment,
        realm_id=company.realm_id,
        source_system=integration.source_system,
    )
    return keeper, MarkerPlacer(keeper, integration.id)
