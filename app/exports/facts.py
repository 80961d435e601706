"""What an export knows while it works: settings, mappings, and where each item goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument, CompanyProfile, Kind, TaxModel, Tracking
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.models import BillingRecord
from app.books import repository as books
from app.books.kinds import BookKind
from app.connections.models import Company
from app.exports.drafts import book_name
from app.exports.tax import PriceCodes, RateTarget, TaxTarget
from app.integrations.models import Integration
from app.integrations.schemas import IntegrationSettings
from app.integrations.service import settings_of
from app.jobs.models import Record
from app.ledger.identity import stored_as
from app.ledger.links import BookKeeper, credited_invoices, find_link, links_of
from app.ledger.models import Link
from app.ledger.states import LinkState
from app.mappings import service as mappings
from app.mappings.repository import MappingKind

SELLABLE = {"Service", "NonInventory", "Inventory"}


class NeedsDocument(Exception):
    """The books must be read before this record can be decided."""

    def __init__(self, kind: Kind, external_id: str) -> None:
        super().__init__()
        self.kind, self.external_id = kind, external_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlace:
    """Where a charge's lines go. *source*: mapping, link, name or fallback."""

    item_id: str
    name: str | None
    source: str


@dataclass(slots=True)
class Ahead:
    """What the records of one batch need, read for all of them within its transaction."""

    rows: dict[tuple[str, str], BillingRecord] = field(default_factory=dict)
    links: dict[tuple[str, str], Link | None] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ExportFacts:
    """Loaded once per slice; items found are remembered."""

    integration: Integration
    settings: IntegrationSettings
    keeper: BookKeeper
    profile: CompanyProfile
    charges: Mapping[str, billing.Charge]
    tax_codes: frozenset[str]
    taxes: mappings.TaxMap
    items: Mapping[str, ItemPlace]
    # Confirmed item mappings that hold no more, with the reason: nothing else is guessed instead.
    broken_items: Mapping[str, str]
    roles: Mapping[str, str]
    methods: Mapping[str, mappings.PaymentMethodTarget]
    # Some sales tax code, where a document needs one whatever it is (US-AST).
    any_tax_code: str | None = None
    # Whether billing knows any refund, so that payments are asked what went back of them.
    any_refunds: bool = True
    # Whether an invoice stands in the books as a credit memo, so that others are asked for theirs.
    any_credited_invoices: bool = True
    # Linked customers that were made inactive in the books, as last imported: names by their ids.
    inactive_customers: Mapping[str, str] = field(default_factory=dict)
    # How many documents of the job need each set of taxes; counted when the job was planned.
    affected: Mapping[PriceCodes, int] = field(default_factory=dict)
    places: dict[str, ItemPlace] = field(default_factory=dict)
    # What was read in the books for the record in hand, and payments to be planned on what is open.
    found: dict[tuple[Kind, str], BooksDocument | None] = field(default_factory=dict)
    recheck_open: set[str] = field(default_factory=set)
    ahead: Ahead = field(default_factory=Ahead)

    @property
    def company_id(self) -> UUID:
        return self.keeper.company_id

    def document(self, kind: Kind, external_id: str) -> BooksDocument | None:
        """
        Return a document as the books have it now; None if they do not have it.

        Raises:
            NeedsDocument: It has to be read first, outside the transaction.
        """
        if (kind, external_id) not in self.found:
            raise NeedsDocument(kind, external_id)
        return self.found[kind, external_id]

    def forget_documents(self) -> None:
        """Begin with the next record: what was read for the last one is old."""
        self.found.clear()
        self.ahead = Ahead()

    @property
    def taxed_by_code(self) -> bool:
        """Whether each line needs a mapped tax code (every company outside the US)."""
        return self.profile.tax_model is TaxModel.GLOBAL

    def document_currency(self, currency: str) -> str | None:
        """Return the currency to send: none where the books know only their own."""
        return currency if self.profile.multicurrency else None

    def foreign(self, currency: str) -> bool:
        """Tell whether the books could not take this currency at all."""
        return not self.profile.multicurrency and currency != self.profile.home_currency

    @property
    def tracking(self) -> Tracking:
        """Return the class and location that documents carry, as far as the company uses them."""
        chosen, profile = self.settings.documents, self.profile
        return Tracking(
            class_id=chosen.class_id if profile.classes_on_documents else None,
            line_class_id=chosen.class_id if profile.classes_on_lines else None,
            location_id=chosen.location_id if profile.locations else None,
        )

    def closed(self, day: date) -> bool:
        until = self.profile.books_closed_until
        return until is not None and day <= until

    def tax_targets(self, day: date) -> dict[PriceCodes, TaxTarget]:
        """Return what each mapped set of taxes is in the books on *day*."""
        return {
            key: TaxTarget(
                tax_code_id=mapped.tax_code_id,
                rates=tuple(
                    RateTarget(
                        rate_id=rate.rate_id,
                        percent=rate.percent_on(day) or Decimal(0),
                        price_code=rate.price_code,
                    )
                    for rate in mapped.rates
                ),
            )
            for key, mapped in self.taxes.mapped.items()
        }

    @property
    def first_open_day(self) -> date | None:
        until = self.profile.books_closed_until
        return until + timedelta(days=1) if until else None


async def load_facts(
    session: AsyncSession,
    integration_id: UUID,
    company_id: UUID,
    profile: CompanyProfile,
    *,
    affected: Mapping[PriceCodes, int] | None = None,
) -> ExportFacts:
    """Read everything that holds for all records of a slice."""
    integration = await session.get_one(Integration, integration_id)
    company = await session.get_one(Company, company_id)
    codes = await billing_rows.price_codes(session, integration_id)
    item_map = await mappings.item_map(session, company_id)
    return ExportFacts(
        integration=integration,
        settings=settings_of(integration),
        keeper=BookKeeper(
            organization_id=integration.organization_id,
            company_id=company_id,
            environment=company.environment,
            realm_id=company.realm_id,
            source_system=integration.source_system,
        ),
        profile=profile,
        charges=codes.charges,
        tax_codes=codes.tax_codes,
        taxes=await mappings.tax_map(session, company_id),
        items={
            code: ItemPlace(item_id=item.item_id, name=item.name, source="mapping")
            for code, item in item_map.items()
        },
        broken_items={
            broken.key: broken.reason
            for broken in await mappings.broken_mappings(session, company_id, MappingKind.ITEM)
        },
        roles=await mappings.account_roles(session, company_id),
        methods=await mappings.payment_methods(session, company_id),
        any_tax_code=await mappings.any_tax_code(session, company_id)
        if profile.tax_model is TaxModel.US_AST
        else None,
        any_refunds=await _any_refunds(session, integration_id),
        inactive_customers=await books.inactive_linked(session, company_id, BookKind.CUSTOMER),
        any_credited_invoices=bool(await credited_invoices(session, company_id, limit=1)),
        affected=affected or {},
    )


async def _any_refunds(session: AsyncSession, integration_id: UUID) -> bool:
    found = await session.scalar(
        select(BillingRecord.id)
        .where(
            BillingRecord.integration_id == integration_id,
            BillingRecord.kind == Kind.REFUND.value,
        )
        .limit(1)
    )
    return found is not None


# ------------------------------------------------------------------------- records and their links


async def look_ahead(session: AsyncSession, facts: ExportFacts, records: Sequence[Record]) -> None:
    """Read what records of one kind will ask for: their rows, customers, and settled invoices."""
    kind = records[0].kind
    rows = await load_stored(session, facts, kind, [each.billing_id for each in records])
    facts.ahead.rows = {(kind, billing_id): row for billing_id, row in rows.items()}
    wanted = {Kind.CUSTOMER.value: {row.customer_billing_id or "" for row in rows.values()}}
    if kind == Kind.PAYMENT.value:
        parts = [part for row in rows.values() for part in row.body.get("allocations") or ()]
        wanted[Kind.INVOICE.value] = {part["invoice"] for part in parts}
    for name, ids in wanted.items():
        links = await links_of(session, facts.company_id, name, sorted(ids))
        facts.ahead.links |= {(name, billing_id): links.get(billing_id) for billing_id in ids}


async def find_billing_row(
    session: AsyncSession, facts: ExportFacts, record: Record
) -> BillingRecord | None:
    """Return the billing record behind a job's record, if it was ever pushed."""
    if (row := facts.ahead.rows.get((record.kind, record.billing_id))) is not None:
        return row
    rows = await load_stored(session, facts, record.kind, [record.billing_id])
    return rows.get(record.billing_id)


async def load_stored(
    session: AsyncSession, facts: ExportFacts, kind: str, billing_ids: Sequence[str]
) -> dict[str, BillingRecord]:
    """Return the billing records behind links of one kind, by the links' billing ids."""
    by_kind: dict[str, dict[str, str]] = {}
    for billing_id in billing_ids:
        stored, own_id = stored_as(kind, billing_id)
        by_kind.setdefault(stored, {})[own_id] = billing_id
    found: dict[str, BillingRecord] = {}
    for stored, names in by_kind.items():
        rows = await billing_rows.load(session, facts.integration.id, stored, names)
        found |= {names[own_id]: row for own_id, row in rows.items()}
    return found


async def billing_row(session: AsyncSession, facts: ExportFacts, record: Record) -> BillingRecord:
    """Return the billing record behind a job's record; documents are never removed."""
    row = await find_billing_row(session, facts, record)
    if row is None:
        raise LookupError(f"{record.kind} has no billing record")
    return row


async def links_needed(
    session: AsyncSession, facts: ExportFacts, kind: Kind, billing_ids: Sequence[str]
) -> dict[str, Link]:
    """Return the links that a record refers to, as far as there are any."""
    known = facts.ahead.links
    if all((kind.value, billing_id) in known for billing_id in billing_ids):
        pairs = {billing_id: known[kind.value, billing_id] for billing_id in billing_ids}
        return {billing_id: link for billing_id, link in pairs.items() if link is not None}
    return await links_of(session, facts.company_id, kind.value, list(billing_ids))


# ------------------------------------------------------------------------------------------ items


def item_name_of(charge: billing.Charge) -> str:
    """Return the name under which a charge's item is looked for, and created."""
    return charge.item_name or charge.name


async def find_item(session: AsyncSession, facts: ExportFacts, price_code: str) -> ItemPlace | None:
    """
    Return where a charge's lines go: mapping, own item, exact name, else the fallback item.

    None where an item would have to be created first, or the charge is unknown.
    """
    if price_code in facts.broken_items:
        return None
    if place := facts.items.get(price_code) or facts.places.get(price_code):
        return place
    place = await _find_item(session, facts, price_code)
    if place is not None:
        facts.places[price_code] = place
    return place


async def _find_item(
    session: AsyncSession, facts: ExportFacts, price_code: str
) -> ItemPlace | None:
    link = await find_link(session, facts.company_id, Kind.ITEM.value, price_code)
    if link is not None and link.state == LinkState.LIVE.value and link.external_id:
        return ItemPlace(item_id=link.external_id, name=link.number, source="link")
    charge = facts.charges.get(price_code)
    if charge is not None:
        name = item_name_of(charge)
        named = await _named_item(session, facts, name)
        if named is not None:
            return named
    fallback = facts.settings.items.fallback_item_id
    if fallback:
        return ItemPlace(item_id=fallback, name=None, source="fallback")
    return None


async def _named_item(session: AsyncSession, facts: ExportFacts, name: str) -> ItemPlace | None:
    found = [
        item
        for item in await books.items_named(session, facts.company_id, name)
        if item.active and item.type in SELLABLE and name in {item.name, item.full_name}
    ]
    if len(found) == 1:
        return ItemPlace(item_id=found[0].external_id, name=found[0].name, source="name")
    made = await session.scalar(
        select(Link).where(
            Link.company_id == facts.company_id,
            Link.kind == Kind.ITEM.value,
            Link.number == book_name(name),
            Link.state == LinkState.LIVE.value,
        )
    )
    if made is not None and made.external_id:
        return ItemPlace(item_id=made.external_id, name=made.number, source="name")
    return None


def reason_item(facts: ExportFacts, reason: str) -> str | None:
    """Return the item of credit lines without a price code: the reason's, else the fallback."""
    items = facts.settings.items
    chosen = {
        "credit_note": items.credit_item_id,
        "house_credit": items.house_credit_item_id,
        "write_off": items.write_off_item_id,
    }[reason]
    return chosen or items.fallback_item_id
