"""What tests of imports, lists and mappings start from: a connected company, and its work."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from pydantic import TypeAdapter
from sqlalchemy import select

from app.accounting.records import (
    Account,
    CompanyProfile,
    Customer,
    Item,
    TaxCode,
    TaxCodeRate,
    TaxRate,
)
from app.billing import repository as billing
from app.billing.kinds import SPEC_OF, BillingKind
from app.books.kinds import BookKind, BookRecord
from app.books.repository import Stored, store_page
from app.connections.models import Company
from app.integrations.models import Integration
from app.jobs.models import Job, Lane, Record, Step
from app.jobs.progress import view_of
from app.jobs.waits import Waits
from app.jobs.work import JobView, StepView, Work, WorkContext
from app.kit.db import Database
from app.kit.ids import new_id
from app.ledger.models import Link
from tests.fake_provider import FakeProvider, build_profile

CREATED = datetime(2026, 3, 10, 12, tzinfo=UTC)


@dataclass
class Connected:
    """An integration with its company, its books in memory, and a client of its organization."""

    db: Database
    client: httpx.AsyncClient
    organization_id: UUID
    integration_id: UUID
    company_id: UUID
    profile: CompanyProfile
    provider: FakeProvider
    fence: int = 1
    jobs: list[UUID] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/v1/integrations/{self.integration_id}"

    async def store(self, kind: BookKind, *records: BookRecord) -> Stored:
        """Put entries into the imported lists."""
        async with self.db.transaction(self.organization_id) as session:
            return await store_page(
                session,
                organization_id=self.organization_id,
                company_id=self.company_id,
                kind=kind,
                records=records,
            )

    async def bill(self, kind: BillingKind, billing_id: str, /, **body: Any) -> None:
        """Put a billing record as the billing room keeps it."""
        values = {"billing_id": billing_id, "updated_at": CREATED, **body}
        prepared = billing.prepare(SPEC_OF[kind].model.model_validate(values))
        async with self.db.transaction(self.organization_id) as session:
            await billing.write(
                session, self.organization_id, self.integration_id, kind, [(prepared, 1)]
            )

    async def bill_customer(self, billing_id: str, name: str, **body: Any) -> None:
        await self.bill(BillingKind.CUSTOMER, billing_id, display_name=name, **body)

    async def links(self, kind: str) -> dict[str, str | None]:
        """Return which document each billing record is linked to."""
        async with self.db.transaction(self.organization_id) as session:
            found = await session.scalars(select(Link).where(Link.kind == kind))
            return {link.billing_id: link.external_id for link in found}

    async def run(
        self,
        work: Work,
        *resources: str,
        created_from: date | None = date(2000, 1, 1),
        created_to: date | None = date(2030, 1, 1),
        slices: Callable[[], bool] = lambda: False,
    ) -> "Ran":
        """Run a job to its end, slice by slice, as a worker would."""
        job = await self._queue(work, resources, created_from, created_to)
        self.jobs.append(job.id)
        return await self._work(work, job, slices)

    async def resume(self, work: Work, job_id: UUID) -> "Ran":
        """Go on with a job that an error interrupted."""
        async with self.db.transaction(self.organization_id) as session:
            job = view_of(await session.get_one(Job, job_id))
        return await self._work(work, job, lambda: False)

    async def _work(self, work: Work, job: JobView, slices: Callable[[], bool]) -> "Ran":
        for step_id in await self._step_ids(job.id):
            while not await self._slice(work, job, step_id, slices):
                pass
        return await self.ran(job.id)

    async def _slice(
        self, work: Work, job: JobView, step_id: UUID, slices: Callable[[], bool]
    ) -> bool:
        async with self.db.transaction(self.organization_id) as session:
            step = await session.get(Step, step_id)
            assert step is not None
            view = StepView(
                id=step.id, name=step.name, position=step.position, cursor=step.cursor or {}
            )
        return await work.run(self.context(slices), job, view)

    def context(self, give_way: Callable[[], bool] = lambda: False) -> WorkContext:
        return WorkContext(
            db=self.db,
            organization_id=self.organization_id,
            company_id=self.company_id,
            fence=self.fence,
            worker="tests",
            provider=self.provider,
            profile=self.profile,
            waits=Waits(),
            give_way=give_way,
        )

    async def _queue(
        self, work: Work, resources: Iterable[str], start: date | None, end: date | None
    ) -> JobView:
        asked = list(resources)
        async with self.db.transaction(self.organization_id) as session:
            job = Job(
                id=new_id(),
                organization_id=self.organization_id,
                integration_id=self.integration_id,
                company_id=self.company_id,
                direction="import",
                operation_type=work.operation_type(asked),
                resources=asked,
                range_from=start,
                range_to=end,
                range_basis="created",
                trigger="api",
                requested_by="tests",
            )
            session.add(job)
            await session.flush()
            for position, name in enumerate(work.steps(asked)):
                session.add(
                    Step(
                        organization_id=self.organization_id,
                        job_id=job.id,
                        position=position,
                        name=name,
                    )
                )
            return view_of(job)

    async def _step_ids(self, job_id: UUID) -> list[UUID]:
        async with self.db.transaction(self.organization_id) as session:
            statement = select(Step.id).where(Step.job_id == job_id).order_by(Step.position)
            return list(await session.scalars(statement))

    async def ran(self, job_id: UUID) -> "Ran":
        async with self.db.transaction(self.organization_id) as session:
            steps = list(
                await session.scalars(
                    select(Step).where(Step.job_id == job_id).order_by(Step.position)
                )
            )
            findings = list(
                await session.scalars(
                    select(Record)
                    .where(Record.job_id == job_id)
                    .order_by(Record.step_id, Record.position)
                )
            )
        return Ran(counts={step.name: step.counts for step in steps}, findings=findings)


@dataclass
class Ran:
    """What a job left: the counts of each step, and its findings."""

    counts: Mapping[str, Mapping[str, int]]
    findings: list[Record]

    def codes(self) -> list[str]:
        return sorted(finding.code or "" for finding in self.findings)


async def connect(
    db: Database,
    client: httpx.AsyncClient,
    organization_id: UUID,
    *,
    profile: CompanyProfile | None = None,
    realm_id: str = "9130347",
    provider: FakeProvider | None = None,
) -> Connected:
    """Return an integration of the organization with a company of its own."""
    profile = profile or build_profile()
    async with db.transaction(organization_id) as session:
        company = Company(
            organization_id=organization_id,
            provider="quickbooks_online",
            environment="simulator",
            realm_id=realm_id,
            profile=TypeAdapter(CompanyProfile).dump_python(profile, mode="json"),
        )
        session.add(company)
        await session.flush()
        integration = Integration(
            organization_id=organization_id,
            name="Maple",
            provider="quickbooks_online",
            mode="full_synchronization",
            allowed_return_urls=[],
            settings={},
            company_id=company.id,
        )
        session.add(integration)
        session.add(Lane(organization_id=organization_id, company_id=company.id, fence=1))
        await session.flush()
    return Connected(
        db=db,
        client=client,
        organization_id=organization_id,
        integration_id=integration.id,
        company_id=company.id,
        profile=profile,
        provider=provider or FakeProvider(profile),
    )


# ---------------------------------------------------------------- entries of the books


def build_customer(external_id: str = "58", name: str = "Acme Rockets", **more: Any) -> Customer:
    values = {"sync_token": "0", "currency": "CAD", "created_at": CREATED, "updated_at": CREATED}
    return Customer(external_id=external_id, display_name=name, **(values | more))


def build_item(external_id: str = "19", name: str = "Pro plan", **more: Any) -> Item:
    values = {
        "sync_token": "0",
        "full_name": name,
        "type": "Service",
        "income_account_id": "79",
        "created_at": CREATED,
        "updated_at": CREATED,
    }
    return Item(external_id=external_id, name=name, **(values | more))


def build_account(
    external_id: str = "79", name: str = "Subscription income", type: str = "Income", **more: Any
) -> Account:
    values = {"full_name": name, "created_at": CREATED}
    return Account(external_id=external_id, name=name, type=type, **(values | more))


def build_rate(external_id: str, name: str, percent: str, **more: Any) -> TaxRate:
    values = {"agency_id": "1", "created_at": CREATED}
    return TaxRate(external_id=external_id, name=name, percent=Decimal(percent), **(values | more))


def build_code(external_id: str, name: str, *rate_ids: str, **more: Any) -> TaxCode:
    kinds = {0: "none", 1: "single"}
    values = {"kind": kinds.get(len(rate_ids), "group"), "created_at": CREATED}
    rates = tuple(TaxCodeRate(rate_id=rate, order=n) for n, rate in enumerate(rate_ids))
    return TaxCode(external_id=external_id, name=name, rates=rates, **(values | more))
