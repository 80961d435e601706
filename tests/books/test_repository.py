"""Pages of imported entries, stored and read."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select, text

from app.accounting.records import (
    Address,
    Applied,
    BooksDocument,
    Customer,
    EffectiveRate,
    Kind,
    PersonName,
    TaxCode,
    TaxRate,
)
from app.books import repository
from app.books.kinds import BookKind
from app.books.models import BookEntry
from app.books.repository import Renamed
from tests.imported import (
    CREATED,
    Connected,
    build_account,
    build_code,
    build_customer,
    build_item,
    build_rate,
)

FULL = build_customer(
    company_name="Acme Inc",
    person=PersonName(given="Wile", family="Coyote"),
    email="ap@acme.example",
    phone="555",
    address=Address(line1="1 Canyon Rd", city="Tucson"),
    parent_id="3",
    taxable=False,
    notes="[lw:x]",
)


async def test_a_customer_comes_back_as_it_was_stored(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, FULL)

    async with maple.db.transaction(maple.organization_id) as session:
        assert await repository.customer(session, maple.company_id, "58") == FULL


async def test_a_tax_rate_keeps_its_history_and_exact_percent(maple: Connected) -> None:
    history = (EffectiveRate(percent=Decimal("9.975"), starts_on=date(2013, 1, 1)),)
    rate = build_rate("7", "QST", "9.975", history=history)
    await maple.store(BookKind.TAX_RATE, rate)

    async with maple.db.transaction(maple.organization_id) as session:
        assert await repository.tax_rates(session, maple.company_id) == [rate]


async def test_a_code_keeps_its_rates(maple: Connected) -> None:
    code = build_code("9", "GST/PST BC", "3", "4")
    await maple.store(BookKind.TAX_CODE, code)

    async with maple.db.transaction(maple.organization_id) as session:
        found: list[TaxCode] = await repository.tax_codes(session, maple.company_id)
    assert found == [code]


async def test_a_document_comes_back_without_the_providers_own_form(maple: Connected) -> None:
    document = BooksDocument(
        kind=Kind.PAYMENT,
        external_id="190",
        sync_token="1",
        number="CHQ 7",
        total=Decimal("113.00"),
        unapplied=Decimal(0),
        currency="CAD",
        customer_id="58",
        txn_date=date(2026, 3, 2),
        created_at=CREATED,
        applied=(Applied(kind=Kind.INVOICE, external_id="130", amount=Decimal("113.00")),),
    )
    await maple.store(BookKind.PAYMENT, replace(document, source={"Id": "190"}))

    async with maple.db.transaction(maple.organization_id) as session:
        found = await repository.documents_numbered(
            session, maple.company_id, BookKind.PAYMENT, "chq 7"
        )
    assert found == [document]
    assert found[0].source == {}


async def test_a_page_tells_what_it_changed(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer("1", "Same"),
        build_customer("2", "Old name"),
        build_customer("3", "Leaving"),
    )

    stored = await maple.store(
        BookKind.CUSTOMER,
        build_customer("1", "Same"),
        build_customer("2", "New name"),
        build_customer("3", "Leaving (deleted)", active=False),
        build_customer("4", "Fresh"),
    )

    assert stored.unchanged == ["1"]
    assert stored.updated == ["2"]
    assert stored.deactivated == ["3"]
    assert stored.created == ["4"]
    assert stored.renamed == [Renamed("2", "Old name", "New name")]


async def test_an_unchanged_row_is_not_touched(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer())
    before = await versions(maple)

    later = CREATED + timedelta(days=1)
    stored = await maple.store(BookKind.CUSTOMER, build_customer(updated_at=later))

    assert stored.unchanged == ["58"]
    assert await versions(maple) == before


async def versions(maple: Connected) -> list[object]:
    async with maple.db.transaction(maple.organization_id) as session:
        rows = await session.execute(select(text("xmin::text"), BookEntry.changed_at))
        return [tuple(row) for row in rows]


async def test_the_last_of_two_rows_with_one_id_counts(maple: Connected) -> None:
    stored = await maple.store(
        BookKind.CUSTOMER, build_customer("1", "First"), build_customer("1", "Second")
    )

    assert stored.created == ["1"]
    async with maple.db.transaction(maple.organization_id) as session:
        found = await repository.customer(session, maple.company_id, "1")
    assert found is not None
    assert found.display_name == "Second"


async def test_what_a_whole_reading_does_not_show_becomes_inactive(maple: Connected) -> None:
    await maple.store(BookKind.TAX_RATE, build_rate("1", "GST", "5"), build_rate("2", "PST", "7"))

    async with maple.db.transaction(maple.organization_id) as session:
        gone = await repository.deactivate_missing(
            session, maple.company_id, BookKind.TAX_RATE, ["1"]
        )
        rates: list[TaxRate] = await repository.tax_rates(session, maple.company_id)

    assert gone == ["2"]
    assert [rate.active for rate in rates] == [True, False]
    assert (await maple.store(BookKind.TAX_RATE, build_rate("2", "PST", "7"))).updated == ["2"]


async def test_customers_are_found_by_folded_name(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer("1", "ACME rockets"),
        build_customer("2", "Acme Rockets (deleted)", active=False),
        build_customer("3", "Acme"),
    )

    async with maple.db.transaction(maple.organization_id) as session:
        found: list[Customer] = await repository.customers_named(
            session, maple.company_id, " acme  rockets"
        )
    assert [each.external_id for each in found] == ["1", "2"]


async def test_an_item_is_found_by_its_exact_active_name(maple: Connected) -> None:
    await maple.store(
        BookKind.ITEM, build_item("1", "Pro plan"), build_item("2", "Old plan", active=False)
    )

    async with maple.db.transaction(maple.organization_id) as session:
        found = await repository.item_named(session, maple.company_id, "Pro plan")
        assert found is not None
        assert found.external_id == "1"
        assert await repository.item_named(session, maple.company_id, "PRO plan") is None
        assert await repository.item_named(session, maple.company_id, "Old plan") is None


async def test_accounts_by_type_are_the_active_ones(maple: Connected) -> None:
    await maple.store(
        BookKind.ACCOUNT,
        build_account("1", "Sales"),
        build_account("2", "Old sales", active=False),
        build_account("3", "Checking", "Bank"),
    )

    async with maple.db.transaction(maple.organization_id) as session:
        found = await repository.accounts_by_type(session, maple.company_id, "Income")
    assert [each.external_id for each in found] == ["1"]
