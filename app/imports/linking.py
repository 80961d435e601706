"""Tying billing records to what stands in the books already, many at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from uuid import UUID

from sqlalchemy import String, Uuid, any_, cast, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import BillingRecord
from app.books.kinds import BookKind
from app.books.models import BookEntry
from app.books.repository import LINKED_STATES, billing_ids_of, plan_afresh
from app.connections.models import Company
from app.imports.customers import BilledCustomer, BookCustomer, match_customer
from app.imports.findings import Finding, save_findings
from app.imports.progress import Progress
from app.integrations.models import Integration
from app.jobs.repository import save_cursor
from app.jobs.work import JobView, StepView, WorkContext
from app.kit.ids import new_id
from app.ledger.links import BookKeeper
from app.ledger.models import OPEN_STATES, Link, Posting

_LOOKS = (BillingRecord.name, BillingRecord.currency)
CHUNK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A billing record and the document it is; totals as the books show them."""

    billing_id: str
    external_id: str
    sync_token: str | None
    number: str | None
    content_hash: str | None = None
    fingerprint: str | None = None
    total: Decimal | None = None
    tax: Decimal | None = None
    currency: str | None = None
    unapplied: Decimal | None = None


async def keeper_of(session: AsyncSession, integration_id: UUID, company_id: UUID) -> BookKeeper:
    integration = await session.get_one(Integration, integration_id)
    company = await session.get_one(Company, company_id)
    return BookKeeper(
        organization_id=company.organization_id,
        company_id=company_id,
        environment=company.environment,
        realm_id=company.realm_id,
        source_system=integration.source_system,
    )


_LINK = text(
    """
    INSERT INTO links (id, organization_id, company_id, kind, billing_id, source_system, marker,
        state, external_id, sync_token, number, content_hash, fingerprint, total, tax, currency,
        unapplied)
    SELECT pair.id, CAST(:organization_id AS uuid), CAST(:company_id AS uuid),
        CAST(:kind AS text), pair.billing_id, CAST(:source_system AS text), pair.marker, 'live',
        pair.external_id, pair.sync_token, pair.number, pair.content_hash, pair.fingerprint,
        pair.total, pair.tax, pair.currency, pair.unapplied
    FROM unnest(CAST(:id AS uuid[]), CAST(:billing_id AS text[]), CAST(:marker AS text[]),
        CAST(:external_id AS text[]), CAST(:sync_token AS text[]), CAST(:number AS text[]),
        CAST(:content_hash AS text[]), CAST(:fingerprint AS text[]), CAST(:total AS numeric[]),
        CAST(:tax AS numeric[]), CAST(:currency AS text[]), CAST(:unapplied AS numeric[]))
        AS pair (id, billing_id, marker, external_id, sync_token, number, content_hash,
            fingerprint, total, tax, currency, unapplied)
    ON CONFLICT (company_id, kind, billing_id) DO UPDATE SET
        state = excluded.state, external_id = excluded.external_id,
        sync_token = excluded.sync_token, number = excluded.number,
        content_hash = excluded.content_hash, fingerprint = excluded.fingerprint,
        total = excluded.total, tax = excluded.tax, currency = excluded.currency,
        unapplied = excluded.unapplied, updated_at = clock_timestamp()
    WHERE links.state = 'absent' AND links.external_id IS NULL
    RETURNING links.id
    """
)


async def link_many(
    session: AsyncSession, keeper: BookKeeper, kind: str, pairs: Sequence[NewLink]
) -> int:
    """
    Link records that have no document yet, in one statement; return how many were linked.

    A record that got a document in the meantime keeps it.
    """
    if not pairs:
        return 0
    columns: dict[str, object] = {
        field.name: [getattr(pair, field.name) for pair in pairs] for field in fields(NewLink)
    }
    columns["id"] = [new_id() for _ in pairs]
    columns["marker"] = [keeper.identity(kind, pair.billing_id).marker for pair in pairs]
    fixed = {
        "organization_id": keeper.organization_id,
        "company_id": keeper.company_id,
        "kind": kind,
        "source_system": keeper.source_system,
    }
    return len((await session.scalars(_LINK, columns | fixed)).all())


async def taken_billing_ids(
    session: AsyncSession, company_id: UUID, kind: str, billing_ids: list[str] | None = None
) -> set[str]:
    """Return the billing records (of these, or all) that have a document, or one on its way."""
    linked = select(Link.billing_id).where(
        Link.company_id == company_id, Link.kind == kind, Link.state.in_(LINKED_STATES)
    )
    coming = (
        select(Link.billing_id)
        .join(Posting, Posting.link_id == Link.id)
        .where(
            Posting.company_id == company_id,
            Posting.kind == kind,
            Posting.state.in_(OPEN_STATES),
        )
    )
    if billing_ids is not None:
        wanted = Link.billing_id == any_(cast(billing_ids, ARRAY(String)))
        linked, coming = linked.where(wanted), coming.where(wanted)
    return {*await session.scalars(linked), *await session.scalars(coming)}


# ---------------------------------------------------------------- customers


@dataclass(slots=True, kw_only=True)
class CustomerMatching:
    """Which unlinked billing customers surely are which customers of the books."""

    integration_id: UUID
    company_id: UUID
    home: str
    # In the order of their billing ids; how many look alike, by the hash of `BilledCustomer.key`.
    ids: list[tuple[str, UUID]] = field(default_factory=list)
    looks: Counter[int] = field(default_factory=Counter)

    async def find_unlinked(self, session: AsyncSession) -> None:
        """Go through all billing customers once; only ids and counts are kept of them."""
        statement = select(BillingRecord.id, BillingRecord.billing_id, *_LOOKS).where(
            BillingRecord.integration_id == self.integration_id,
            BillingRecord.kind == BookKind.CUSTOMER.value,
        )
        taken = await taken_billing_ids(session, self.company_id, BookKind.CUSTOMER.value)
        rows = await session.stream(statement.execution_options(yield_per=CHUNK))
        async for record_id, billing_id, name, currency in rows:
            if billing_id not in taken:
                self.ids.append((billing_id, record_id))
                self.looks[hash(self._customer(billing_id, name, currency).key)] += 1
        self.ids.sort()

    def chunks(self, after: str = "") -> Iterator[list[UUID]]:
        """Yield the unlinked customers behind a billing id, some at a time."""
        ids = [record_id for billing_id, record_id in self.ids if billing_id > after]
        for start in range(0, len(ids), CHUNK):
            yield ids[start : start + CHUNK]

    async def link(
        self, session: AsyncSession, ids: Sequence[UUID]
    ) -> tuple[int, list[Finding], str]:
        """Link those of a chunk that are sure; return how many, what was found, the last id."""
        billed = await self._billed(session, ids)
        namesakes = await book_customers(
            session, self.company_id, {each.key[0] for each in billed}, home=self.home
        )
        pairs: list[NewLink] = []
        findings: list[Finding] = []
        for each in billed:
            rivals = self.looks[hash(each.key)] - 1
            found = match_customer(each, namesakes.get(each.key[0], []), rivals=rivals)
            if isinstance(found, Finding):
                findings.append(found)
            elif found is not None:
                pairs.append(_pair(each, found))
        keeper = await keeper_of(session, self.integration_id, self.company_id)
        linked = await link_many(session, keeper, BookKind.CUSTOMER.value, pairs)
        return linked, findings, billed[-1].billing_id if billed else ""

    async def _billed(self, session: AsyncSession, ids: Sequence[UUID]) -> list[BilledCustomer]:
        await plan_afresh(session)
        statement = select(
            BillingRecord.billing_id, *_LOOKS, BillingRecord.body["email"].astext
        ).where(BillingRecord.id == any_(cast(list(ids), ARRAY(Uuid))))
        rows = (await session.execute(statement)).all()
        return sorted((self._customer(*row) for row in rows), key=lambda each: each.billing_id)

    def _customer(
        self, billing_id: str, name: str | None, currency: str | None, email: str | None = None
    ) -> BilledCustomer:
        return BilledCustomer(
            billing_id=billing_id,
            name=name or billing_id,
            currency=currency or self.home,
            email=email,
        )


async def link_customers(context: WorkContext, job: JobView, step: StepView) -> bool:
    """
    Go on with the step that links customers; return whether all billing customers were looked at.

    It comes after the whole list was read: before, a second customer of the same name might still
    be on its way.
    """
    progress = Progress.load(step.cursor)
    matching = CustomerMatching(
        integration_id=job.integration_id,
        company_id=context.company_id,
        home=context.profile.home_currency,
    )
    async with context.db.transaction(context.organization_id) as session:
        await matching.find_unlinked(session)
    for ids in matching.chunks(progress.after):
        async with context.transaction() as session:
            linked, findings, last = await matching.link(session, ids)
            progress.counts["linked"] += linked
            progress.counts["findings"] += await save_findings(
                session, job, step, findings, position=progress.counts["findings"]
            )
            progress.after = last or progress.after
            await save_cursor(
                session, step.id, cursor=progress.dump(), counts=dict(progress.counts)
            )
        if context.give_way():
            return False
    async with context.transaction() as session:
        await save_cursor(session, step.id, counts=dict(progress.counts))
    return True


def _pair(billed: BilledCustomer, found: BookCustomer) -> NewLink:
    return NewLink(
        billing_id=billed.billing_id,
        external_id=found.external_id,
        sync_token=found.sync_token,
        number=found.name,
        currency=found.currency,
    )


async def book_customers(
    session: AsyncSession, company_id: UUID, keys: Iterable[str], *, home: str
) -> dict[str, list[BookCustomer]]:
    """Return the customers of the books with these folded names, by name."""
    await plan_afresh(session)
    statement = select(BookEntry).where(
        BookEntry.company_id == company_id,
        BookEntry.kind == BookKind.CUSTOMER.value,
        BookEntry.name_key == any_(cast(list(keys), ARRAY(String))),
    )
    entries = (await session.scalars(statement.order_by(BookEntry.external_id))).all()
    linked_to = await billing_ids_of(
        session, company_id, BookKind.CUSTOMER, (entry.external_id for entry in entries)
    )
    found: dict[str, list[BookCustomer]] = {}
    for entry in entries:
        found.setdefault(entry.name_key, []).append(
            BookCustomer(
                external_id=entry.external_id,
                sync_token=entry.body.get("sync_token"),
                name=entry.name,
                currency=entry.currency or home,
                email=entry.email,
                active=entry.active,
                linked_to=linked_to.get(entry.external_id),
            )
        )
    return found
