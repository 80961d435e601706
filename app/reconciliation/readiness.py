"""Reads what preflight judges: the company afresh, and what the range's documents need."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import CompanyProfile, Item
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.arithmetic import UnreadableDocument, read_document
from app.billing.models import BillingRecord
from app.books import repository as books
from app.books.kinds import BookKind
from app.books.models import BookEntry
from app.connections.profiles import save_profile
from app.exports.facts import ExportFacts, find_item, load_facts
from app.exports.tax import price_codes_of
from app.kit.db import Database
from app.mappings import service as mappings
from app.mappings.repository import MappingKind
from app.reconciliation.ground import BILLING_KINDS, TAKEN_BACK
from app.reconciliation.last_preflight import keep_preflight
from app.reconciliation.opening import BooksOpener, readable
from app.reconciliation.preflight import judge
from app.reconciliation.situation import Check, Needs, Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """The findings, the company as it is now, and what reading it cost."""

    findings: list[Check]
    profile: CompanyProfile
    documents: int
    calls: dict[str, int]


async def run_preflight(
    db: Database,
    opener: BooksOpener,
    *,
    organization_id: UUID,
    integration_id: UUID,
    company_id: UUID,
    first_day: date | None,
    last_day: date | None,
) -> Preflight:
    """
    Read the company's profile (two reads) and judge an export of the range; nothing is written.

    What was read replaces the profile known so far. Without days every document is looked at.

    Raises:
        NoAccess: The company cannot be opened.
        BooksAway: It cannot be read right now.
    """
    async with readable():
        opened = await opener.open(organization_id, company_id)
        profile = await opened.provider.company()
    async with db.transaction(organization_id) as session:
        await save_profile(session, company_id, profile)
        facts = await load_facts(session, integration_id, company_id, profile)
        needs = await needs_of(facts, _documents(session, facts, first_day, last_day))
        findings = judge(await situation_of(session, facts, needs))
        await keep_preflight(session, company_id, findings, first_day, last_day)
    return Preflight(
        findings=findings,
        profile=profile,
        documents=needs.documents,
        calls=dict(opened.calls),
    )


# ------------------------------------------------------------------------------ what is needed


async def _documents(
    session: AsyncSession, facts: ExportFacts, first_day: date | None, last_day: date | None
) -> AsyncIterator[list[BillingRecord]]:
    for kind in BILLING_KINDS.values():
        pages = billing_rows.in_range(session, facts.integration.id, kind, first_day, last_day)
        async for page in pages:
            yield page
            for row in page:
                session.expunge(row)


async def needs_of(facts: ExportFacts, pages: AsyncIterator[list[BillingRecord]]) -> Needs:
    """Return what these documents need of the books; void ones need nothing."""
    needs = Needs()
    async for page in pages:
        for row in page:
            if row.status not in TAKEN_BACK:
                _need(needs, facts, row)
        await asyncio.sleep(0)  # Other requests have their turn.
    return needs


def _need(needs: Needs, facts: ExportFacts, row: BillingRecord) -> None:
    """Count what one document needs."""
    record = billing_rows.parse(row)
    needs.documents += 1
    if row.record_date is not None:
        needs.on_days[row.record_date] += 1
    if row.currency:
        needs.currencies[row.currency] += 1
    if isinstance(record, billing.Payment):
        needs.payments += 1
        if record.method:
            needs.methods[record.method] += 1
        return
    assert isinstance(record, billing.Invoice | billing.CreditNote)  # noqa: S101 - its kind
    needs.numbered += 1
    if record.exchange_rate is None:
        needs.without_rate[record.currency] += 1
    try:
        sums = read_document(record, facts.tax_codes)
    except UnreadableDocument:
        needs.unreadable += 1
        return
    needs.taxed += bool(sums.tax)
    needs.tax_sets.update({price_codes_of(line) for line in sums.lines})
    codes = {line.price_code for line in sums.lines}
    needs.price_codes.update(code for code in codes if code is not None)
    if None in codes and isinstance(record, billing.CreditNote):
        needs.reasons[record.reason] += 1


# ------------------------------------------------------------------------------ what is there


async def situation_of(session: AsyncSession, facts: ExportFacts, needs: Needs) -> Situation:
    """Return everything that preflight judges, as it is now."""
    accounts = await books.accounts(session, facts.company_id)
    to_create, unknown = await _without_item(session, facts, needs.price_codes)
    return Situation(
        profile=facts.profile,
        settings=facts.settings,
        needs=needs,
        imported=bool(accounts),
        accounts={account.external_id: account for account in accounts},
        items=await _items_set(session, facts),
        roles=facts.roles,
        why_unmapped=facts.taxes.why_not,
        broken=await mappings.broken_mappings(session, facts.company_id, *MappingKind),
        to_create=to_create,
        unknown=unknown,
    )


async def _without_item(
    session: AsyncSession, facts: ExportFacts, price_codes: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return the price codes whose item would be created, and those that nothing is known of."""
    to_create: list[str] = []
    unknown: list[str] = []
    for code in sorted(price_codes):
        if code in facts.broken_items or await find_item(session, facts, code) is not None:
            continue
        (to_create if code in facts.charges else unknown).append(code)
    return to_create, unknown


async def _items_set(session: AsyncSession, facts: ExportFacts) -> dict[str, Item]:
    """Return the items that the settings name, as far as they were imported."""
    settings = facts.settings.items
    wanted = [
        settings.fallback_item_id,
        settings.credit_item_id,
        settings.house_credit_item_id,
        settings.write_off_item_id,
    ]
    ids = [item_id for item_id in wanted if item_id]
    found = await books.records_of(
        session, facts.company_id, BookKind.ITEM, Item, BookEntry.external_id.in_(ids)
    )
    return {item.external_id: item for item in found}
