"""Tying billing records to what stands in the books already, many at a time."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, String, any_, cast, exists, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import BillingRecord
from app.books.kinds import BookKind
from app.books.models import BookEntry
from app.books.repository import LINKED_STATES, entries_with_billing_id
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
from app.ledger.states import LinkState

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


async def link_many(
    session: AsyncSession, keeper: BookKeeper, kind: str, pairs: Sequence[NewLink]
) -> int:
    """
    Link records that have no document yet; return how many were linked.

    A record that got a document in the meantime keeps it.
    """
    if not pairs:
        return 0
    statement = insert(Link).values([_row(keeper, kind, pair) for pair in pairs])
    kept = {"id", "organization_id", "company_id", "kind", "billing_id", "source_system", "marker"}
    moved = [name for name in _row(keeper, kind, pairs[0]) if name not in kept]
    upsert = statement.on_conflict_do_update(
        index_elements=["company_id", "kind", "billing_id"],
        set_={name: statement.excluded[name] for name in moved},
        where=(Link.state == LinkState.ABSENT.value) & Link.external_id.is_(None),
    ).returning(Link.id)
    return len((await session.scalars(upsert)).all())


def _row(keeper: BookKeeper, kind: str, pair: NewLink) -> dict[str, object]:
    return {
        "id": new_id(),
        "organization_id": keeper.organization_id,
        "company_id": keeper.company_id,
        "kind": kind,
        "billing_id": pair.billing_id,
        "source_system": keeper.source_system,
        "marker": keeper.identity(kind, pair.billing_id).marker,
        "state": LinkState.LIVE.value,
        "external_id": pair.external_id,
        "sync_token": pair.sync_token,
        "number": pair.number,
        "content_hash": pair.content_hash,
        "fingerprint": pair.fingerprint,
        "total": pair.total,
        "tax": pair.tax,
        "currency": pair.currency,
        "unapplied": pair.unapplied,
    }


def without_document(company_id: UUID, kind: str) -> ColumnElement[bool]:
    """Say of a billing record that nothing is in the books for it, or on its way there."""
    same = (
        Link.company_id == company_id,
        Link.kind == kind,
        Link.billing_id == BillingRecord.billing_id,
    )
    taken = exists(select(Link.id).where(*same, Link.state.in_(LINKED_STATES)))
    on_its_way = exists(
        select(Posting.id)
        .join(Link, Link.id == Posting.link_id)
        .where(*same, Posting.state.in_(OPEN_STATES))
    )
    return ~taken & ~on_its_way


# ---------------------------------------------------------------- customers


@dataclass(slots=True, kw_only=True)
class CustomerLinking:
    """One step: after the whole list was read, customers that are surely the same are linked."""

    context: WorkContext
    job: JobView
    step: StepView

    async def run(self) -> bool:
        """Go on with the next billing customers; return whether all were looked at."""
        progress = Progress.load(self.step.cursor)
        looks = await self._count_looks()
        while True:
            async with self.context.transaction() as session:
                billed = await self._unlinked(session, progress.after)
                if not billed:
                    await save_cursor(
                        session, self.step.id, cursor=progress.dump(), counts=progress.counts
                    )
                    return True
                await self._link(session, progress, billed, looks)
            if self.context.give_way():
                return False

    async def _link(
        self,
        session: AsyncSession,
        progress: Progress,
        billed: Sequence[BilledCustomer],
        looks: Counter[int],
    ) -> None:
        namesakes = await self._namesakes(session, {each.key[0] for each in billed})
        pairs: list[NewLink] = []
        findings: list[Finding] = []
        for each in billed:
            found = match_customer(
                each, namesakes.get(each.key[0], []), rivals=looks[hash(each.key)] - 1
            )
            if isinstance(found, Finding):
                findings.append(found)
            elif found is not None:
                pairs.append(_pair(each, found))
        keeper = await keeper_of(session, self.job.integration_id, self.context.company_id)
        progress.counts["linked"] += await link_many(
            session, keeper, BookKind.CUSTOMER.value, pairs
        )
        progress.counts["findings"] += await save_findings(
            session, self.job, self.step, findings, position=progress.counts["findings"]
        )
        progress.after = billed[-1].billing_id
        await save_cursor(
            session, self.step.id, cursor=progress.dump(), counts=dict(progress.counts)
        )

    async def _count_looks(self) -> Counter[int]:
        """Count how many unlinked billing customers look the same, by the hash of their looks."""
        looks: Counter[int] = Counter()
        after = ""
        async with self.context.db.transaction(self.context.organization_id) as session:
            while billed := await self._unlinked(session, after):
                looks.update(hash(each.key) for each in billed)
                after = billed[-1].billing_id
        return looks

    async def _unlinked(self, session: AsyncSession, after: str) -> list[BilledCustomer]:
        statement = (
            select(
                BillingRecord.billing_id,
                BillingRecord.name,
                BillingRecord.currency,
                BillingRecord.body["email"].astext,
            )
            .where(
                BillingRecord.integration_id == self.job.integration_id,
                BillingRecord.kind == BookKind.CUSTOMER.value,
                BillingRecord.billing_id > after,
                without_document(self.context.company_id, BookKind.CUSTOMER.value),
            )
            .order_by(BillingRecord.billing_id)
            .limit(CHUNK)
        )
        return [
            BilledCustomer(
                billing_id=billing_id,
                name=name or billing_id,
                currency=currency or self.context.profile.home_currency,
                email=email,
            )
            for billing_id, name, currency, email in await session.execute(statement)
        ]

    async def _namesakes(
        self, session: AsyncSession, keys: Iterable[str]
    ) -> dict[str, list[BookCustomer]]:
        return await book_customers(
            session, self.context.company_id, keys, home=self.context.profile.home_currency
        )


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
    statement = entries_with_billing_id(company_id, BookKind.CUSTOMER).where(
        BookEntry.name_key == any_(cast(list(keys), ARRAY(String)))
    )
    found: dict[str, list[BookCustomer]] = {}
    for entry, billing_id in await session.execute(
        statement.order_by(BookEntry.name_key, BookEntry.external_id)
    ):
        found.setdefault(entry.name_key, []).append(
            BookCustomer(
                external_id=entry.external_id,
                sync_token=entry.body.get("sync_token"),
                name=entry.name,
                currency=entry.currency or home,
                email=entry.email,
                active=entry.active,
                linked_to=billing_id,
            )
        )
    return found
