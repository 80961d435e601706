"""A reconciliation from beginning to end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind, TaxRate
from app.billing import repository as billing_rows
from app.books import repository as books
from app.exports.facts import ExportFacts, load_facts
from app.integrations.models import Integration
from app.integrations.schemas import Mode
from app.journal.periods import Length
from app.journal.planning import Scope
from app.kit.db import Database
from app.kit.errors import refuse_reversed
from app.reconciliation.entries import EntryWalk
from app.reconciliation.ground import RECONCILED, Ground
from app.reconciliation.opening import BooksOpener, NoAccess, readable
from app.reconciliation.report import Difference, Report
from app.reconciliation.walk import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be reconciled; both days are included."""

    organization_id: UUID
    integration_id: UUID
    company_id: UUID
    first_day: date
    last_day: date
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The figures, the names of the rates in them, and the calls they cost."""

    report: Report
    rates: dict[str, TaxRate]
    calls: dict[str, int]


def asked_for(integration: Integration, first_day: date, last_day: date, kind: str | None) -> Asked:
    """
    Return a request that can be carried out.

    Raises:
        Invalid: The range is reversed.
        NoAccess: There is no company.
    """
    company_id = company_for(integration, first_day, last_day)
    return Asked(
        organization_id=integration.organization_id,
        integration_id=integration.id,
        company_id=company_id,
        first_day=first_day,
        last_day=last_day,
        kinds=(Kind(kind),) if kind else RECONCILED,
    )


def company_for(integration: Integration, first_day: date | None, last_day: date | None) -> UUID:
    """
    Return the company whose books are meant.

    Raises:
        Invalid: The range is reversed.
        NoAccess: There is no company.
    """
    if first_day is not None and last_day is not None:
        refuse_reversed(first_day, last_day)
    if integration.company_id is None:
        raise NoAccess(
            "This integration has not been connected to a company yet.",
            fixes=["Connect the company first."],
        )
    return integration.company_id


async def reconcile(
    db: Database, opener: BooksOpener, asked: Asked, keep: Callable[[Difference], None]
) -> Reconciled:
    """
    Compare billing with the books, reading each document of the range once.

    *keep* is given every differing document. Links whose documents were edited, voided or deleted
    are marked; no document is touched. No transaction is open while the books are read.

    Raises:
        NoAccess: The company cannot be opened.
        BooksAway: The books cannot be read right now.
    """
    async with readable():
        opened = await opener.open(asked.organization_id, asked.company_id)
        async with db.transaction(asked.organization_id) as session:
            facts = await load_facts(
                session, asked.integration_id, asked.company_id, opened.profile
            )
            rates = await _rates(session, asked.company_id)
            scope = (
                await _scope(session, facts)
                if facts.integration.mode == Mode.SUMMARIZED_JOURNAL_ENTRY
                else None
            )
        report = Report()
        ground = Ground(
            db=db,
            organization_id=asked.organization_id,
            provider=opened.provider,
            facts=facts,
            first_day=asked.first_day,
            last_day=asked.last_day,
        )
        walk = Walk(ground, report) if scope is None else EntryWalk(ground, report, scope)
        async for difference in walk.differences(asked.kinds):
            keep(difference)
    return Reconciled(report=report, rates=rates if scope is None else {}, calls=dict(opened.calls))


async def _scope(session: AsyncSession, facts: ExportFacts) -> Scope:
    """Return whose billing is summed up in entries, and how."""
    integration, journal = facts.integration, facts.settings.journal
    return Scope(
        organization_id=integration.organization_id,
        company_id=facts.company_id,
        integration_id=integration.id,
        profile=facts.profile,
        codes=await billing_rows.price_codes(session, integration.id),
        length=Length(journal.period),
        number_prefix=journal.number_prefix,
    )


async def _rates(session: AsyncSession, company_id: UUID) -> dict[str, TaxRate]:
    return {rate.external_id: rate for rate in await books.tax_rates(session, company_id)}
