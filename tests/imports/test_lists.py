"""Imports of lists, through a worker's eyes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, update

from app.accounting.errors import RecordRejected, RetryLater
from app.accounting.records import NamedEntry, TaxAgency
from app.books import repository as books
from app.imports.linking import keeper_of
from app.imports.work import ImportWork
from app.jobs.models import Lane, Step
from app.jobs.work import LeaseLost
from app.ledger.links import link_existing
from tests.imported import (
    Connected,
    build_account,
    build_code,
    build_customer,
    build_item,
    build_rate,
)

NOTHING = {"created": 0, "updated": 0, "deactivated": 0, "linked": 0, "findings": 0}


def counted(**counts: int) -> dict[str, int]:
    return {"total": 0, "unchanged": 0, **NOTHING, **counts}


def every(number: int) -> Callable[[], bool]:
    """Give way each time when asked the *number*th time."""
    asked = 0

    def give_way() -> bool:
        nonlocal asked
        asked += 1
        return asked % number == 0

    return give_way


async def test_customers_are_imported_with_their_counts(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer(str(n), f"C{n}") for n in range(5)]

    ran = await maple.run(ImportWork(), "customers")

    assert ran.counts["customers"] == counted(total=5, created=5)
    assert ran.findings == []


async def test_a_second_import_touches_nothing(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer(str(n), f"C{n}") for n in range(5)]
    await maple.run(ImportWork(), "customers")

    ran = await maple.run(ImportWork(), "customers")

    assert ran.counts["customers"] == counted(total=5, unchanged=5)


async def test_only_what_was_created_on_the_asked_days(maple: Connected) -> None:
    """
    The company's clocks stand in Vancouver: its 10 March begins at 07:00 UTC.
    """
    maple.provider.lists.customers = [
        build_customer("1", "Before", created_at=datetime(2026, 3, 10, 6, 59, 59, tzinfo=UTC)),
        build_customer("2", "First", created_at=datetime(2026, 3, 10, 7, tzinfo=UTC)),
        build_customer("3", "Last", created_at=datetime(2026, 3, 12, 6, 59, 59, tzinfo=UTC)),
        build_customer("4", "After", created_at=datetime(2026, 3, 12, 7, tzinfo=UTC)),
    ]

    await maple.run(
        ImportWork(), "customers", created_from=date(2026, 3, 10), created_to=date(2026, 3, 11)
    )

    assert await names(maple) == ["First", "Last"]


async def names(maple: Connected) -> list[str]:
    answer = await maple.client.get(f"{maple.path}/books/customers", params={"limit": 200})
    return [row["display_name"] for row in answer.json()["data"]]


async def test_an_empty_range_reads_nothing(maple: Connected) -> None:
    ran = await maple.run(
        ImportWork(), "customers", created_from=date(2026, 3, 10), created_to=date(2026, 3, 1)
    )

    assert ran.counts["customers"] == counted()
    assert maple.provider.calls == []


async def test_slices_go_on_where_the_last_one_stopped(maple: Connected) -> None:
    maple.provider.page_size = 2
    maple.provider.lists.customers = [build_customer(str(n), f"C{n}") for n in range(7)]

    ran = await maple.run(ImportWork(), "customers", slices=every(1))

    assert ran.counts["customers"] == counted(total=7, created=7)
    assert [window.skip for window in maple.provider.windows] == [0, 2, 4, 6, 7]
    assert len({window.ends_at for window in maple.provider.windows}) == 1


async def test_a_failed_page_is_read_again_and_nothing_twice(maple: Connected) -> None:
    maple.provider.page_size = 2
    maple.provider.lists.customers = [build_customer(str(n), f"C{n}") for n in range(5)]
    maple.provider.fail("customers", RetryLater(after=1), after=2)
    with pytest.raises(RetryLater):
        await maple.run(ImportWork(), "customers")

    job_id = maple.jobs[-1]
    ran = await maple.resume(ImportWork(), job_id)

    assert ran.counts["customers"] == counted(total=5, created=5)


async def test_a_worker_that_lost_its_lease_writes_nothing(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer()]
    async with maple.db.transaction(maple.organization_id) as session:
        await session.execute(update(Lane).values(fence=2))

    with pytest.raises(LeaseLost):
        await maple.run(ImportWork(), "customers")

    assert await names(maple) == []


async def test_inactive_customers_are_kept_as_inactive(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("1", "Gone (deleted)", active=False)]

    ran = await maple.run(ImportWork(), "customers")

    assert ran.counts["customers"] == counted(total=1, created=1)
    answer = await maple.client.get(f"{maple.path}/books/customers", params={"active": False})
    assert [row["external_id"] for row in answer.json()["data"]] == ["1"]


async def test_items_bring_taxes_with_them(maple: Connected) -> None:
    maple.provider.lists.items = [build_item()]
    maple.provider.lists.tax_agencies = [TaxAgency(external_id="1", name="CRA")]
    maple.provider.lists.tax_rates = [build_rate("3", "GST", "5")]
    maple.provider.lists.tax_codes = [build_code("9", "GST", "3")]

    ran = await maple.run(ImportWork(), "items")

    assert {name: counts["created"] for name, counts in ran.counts.items()} == {
        "tax agencies": 1,
        "tax rates": 1,
        "tax codes": 1,
        "items": 1,
    }


async def test_taxes_and_the_chart_are_read_whole_whatever_the_range(maple: Connected) -> None:
    maple.provider.lists.tax_rates = [build_rate("3", "GST", "5")]
    maple.provider.lists.accounts = [build_account()]

    ran = await maple.run(
        ImportWork(),
        "taxes",
        "accounts",
        created_from=date(2027, 1, 1),
        created_to=date(2027, 1, 2),
    )

    assert ran.counts["tax rates"]["created"] == 1
    assert ran.counts["accounts"]["created"] == 1


async def test_accounts_bring_the_small_lists(maple: Connected) -> None:
    maple.provider.lists.payment_methods = [NamedEntry(external_id="4", name="Visa")]
    maple.provider.lists.terms = [NamedEntry(external_id="3", name="Net 30", due_days=30)]

    ran = await maple.run(ImportWork(), "accounts")

    assert list(ran.counts) == ["accounts", "payment methods", "terms", "classes", "departments"]
    assert ran.counts["payment methods"]["created"] == 1
    assert ran.counts["terms"]["created"] == 1


async def test_a_rate_that_vanished_from_the_whole_list_is_inactive(maple: Connected) -> None:
    maple.provider.lists.tax_rates = [build_rate("3", "GST", "5"), build_rate("4", "PST", "7")]
    await maple.run(ImportWork(), "taxes")
    maple.provider.lists.tax_rates = maple.provider.lists.tax_rates[:1]

    ran = await maple.run(ImportWork(), "taxes")

    assert ran.counts["tax rates"] == counted(total=2, unchanged=1, deactivated=1)


async def test_an_empty_answer_does_not_empty_a_whole_list(maple: Connected) -> None:
    maple.provider.lists.tax_rates = [build_rate("3", "GST", "5")]
    await maple.run(ImportWork(), "taxes")
    maple.provider.lists.tax_rates = []

    await maple.run(ImportWork(), "taxes")

    async with maple.db.transaction(maple.organization_id) as session:
        assert [rate.active for rate in await books.tax_rates(session, maple.company_id)] == [True]


async def test_a_whole_list_goes_on_after_a_slice(maple: Connected) -> None:
    maple.provider.page_size = 2
    maple.provider.lists.accounts = [build_account(str(n), f"A{n}") for n in range(5)]

    ran = await maple.run(ImportWork(), "accounts", slices=every(1))

    assert ran.counts["accounts"] == counted(total=5, created=5)


async def test_a_list_that_the_plan_does_not_have_is_a_finding(maple: Connected) -> None:
    maple.provider.fail("classes", RecordRejected(explanation="Feature not supported"))

    ran = await maple.run(ImportWork(), "accounts")

    assert ran.counts["classes"] == counted(findings=1)
    [finding] = ran.findings
    assert (finding.state, finding.code, finding.kind) == ("finding", "list_refused", "class")


async def test_a_refusal_of_a_needed_list_is_not_swallowed(maple: Connected) -> None:
    maple.provider.fail("accounts", RecordRejected(explanation="No"))

    with pytest.raises(RecordRejected):
        await maple.run(ImportWork(), "accounts")


async def test_a_renamed_customer_is_told(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("1", "Acme")]
    await maple.run(ImportWork(), "customers")
    maple.provider.lists.customers = [build_customer("1", "Acme Rockets")]

    ran = await maple.run(ImportWork(), "customers")

    assert ran.counts["customers"] == counted(total=1, updated=1, findings=1)
    [finding] = ran.findings
    assert (finding.code, finding.document_id) == ("renamed", "1")
    assert finding.explanation is not None
    assert "'Acme' is called 'Acme Rockets'" in finding.explanation


async def test_a_linked_customer_made_inactive_is_told(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("1", "Acme"), build_customer("2", "Other")]
    await maple.run(ImportWork(), "customers")
    async with maple.db.transaction(maple.organization_id) as session:
        keeper = await keeper_of(session, maple.integration_id, maple.company_id)
        await link_existing(session, keeper, "customer", "cus_1", external_id="1")
    maple.provider.lists.customers = [
        replace(each, display_name=each.display_name + " (deleted)", active=False)
        for each in maple.provider.lists.customers
    ]

    ran = await maple.run(ImportWork(), "customers")

    assert ran.counts["customers"] == counted(total=2, deactivated=2, findings=1)
    [finding] = ran.findings
    assert (finding.code, finding.billing_id) == ("linked_inactive", "cus_1")
    assert finding.fixes


async def test_counts_are_kept_on_the_step_page_by_page(maple: Connected) -> None:
    maple.provider.page_size = 1
    maple.provider.lists.customers = [build_customer("1", "A"), build_customer("2", "B")]
    maple.provider.fail("customers", RetryLater(), after=1)

    with pytest.raises(RetryLater):
        await maple.run(ImportWork(), "customers")

    async with maple.db.transaction(maple.organization_id) as session:
        counts = await session.scalar(select(Step.counts).where(Step.name == "customers"))
    assert counts == counted(total=1, created=1)
