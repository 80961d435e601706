"""Taxes that were read a day ago are read again before an export; younger ones are not."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, update

from app.accounting.errors import Fault, RecordRejected
from app.accounting.records import TaxModel
from app.books import repository as books
from app.exports.refresh import refresh_taxes
from app.imports.work import ImportWork
from app.jobs.models import Job, Step
from app.jobs.progress import view_of
from app.jobs.work import JobView
from app.kit.db import Database
from tests.imported import Connected, build_code, build_rate, connect


@pytest.fixture
async def maple(db: Database, client: httpx.AsyncClient, tenant: tuple[UUID, str]) -> Connected:
    """A company whose taxes were imported; since then GST was made inactive in QuickBooks."""
    made = await connect(db, client, tenant[0])
    made.provider.lists.tax_rates = [build_rate("7", "GST", "5"), build_rate("8", "HST", "13")]
    made.provider.lists.tax_codes = [build_code("5", "GST", "7"), build_code("6", "HST", "8")]
    await made.run(ImportWork(), "taxes")
    made.provider.lists.tax_rates[0] = build_rate("7", "GST", "5", active=False)
    return made


async def read_ago(made: Connected, hours: int) -> None:
    """Let the import have ended so many hours ago."""
    ended = func.clock_timestamp() - timedelta(hours=hours)
    async with made.db.transaction(made.organization_id) as session:
        await session.execute(update(Step).values(finished_at=ended))


async def export_of(made: Connected, *resources: str) -> JobView:
    async with made.db.transaction(made.organization_id) as session:
        view = view_of(await session.get_one(Job, made.jobs[-1]))
    return replace(view, resources=resources)


async def active_rates(made: Connected) -> set[str]:
    async with made.db.transaction(made.organization_id) as session:
        return {
            rate.name for rate in await books.tax_rates(session, made.company_id) if rate.active
        }


async def test_old_ones_are_read_again(maple: Connected) -> None:
    await read_ago(maple, 25)

    read_at = await refresh_taxes(maple.context(), await export_of(maple, "invoices"))

    assert read_at is not None
    assert await active_rates(maple) == {"HST"}


async def test_young_ones_are_trusted(maple: Connected) -> None:
    await read_ago(maple, 23)

    assert await refresh_taxes(maple.context(), await export_of(maple, "invoices")) is None
    assert await active_rates(maple) == {"GST", "HST"}


async def test_a_job_without_taxes_reads_none(maple: Connected) -> None:
    await read_ago(maple, 25)

    assert await refresh_taxes(maple.context(), await export_of(maple, "payments")) is None


async def test_a_company_that_maps_no_taxes_reads_none(maple: Connected) -> None:
    await read_ago(maple, 25)
    context = maple.context()
    context.profile = replace(context.profile, tax_model=TaxModel.US_AST)

    assert await refresh_taxes(context, await export_of(maple, "invoices")) is None


async def test_an_export_that_read_them_spares_the_next_one(maple: Connected) -> None:
    await read_ago(maple, 25)
    job = await export_of(maple, "invoices")
    read_at = await refresh_taxes(maple.context(), job)
    async with maple.db.transaction(maple.organization_id) as session:
        session.add(
            Step(
                organization_id=maple.organization_id,
                job_id=job.id,
                position=99,
                name="plan",
                cursor={"taxes_read_at": read_at},
                finished_at=func.clock_timestamp(),
            )
        )

    assert await refresh_taxes(maple.context(), job) is None


async def test_a_refused_list_leaves_what_is_known(maple: Connected) -> None:
    await read_ago(maple, 25)
    maple.provider.fail("tax_agencies", RecordRejected(Fault(code="4002"), "not supported"))

    assert await refresh_taxes(maple.context(), await export_of(maple, "invoices")) is None
    assert await active_rates(maple) == {"GST", "HST"}
