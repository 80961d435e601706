"""The imported lists over HTTP."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import httpx
import pytest

from app.accounting.records import BooksDocument, Kind, NamedEntry, TaxAgency
from app.books.kinds import BookKind
from app.ledger.links import BookKeeper, link_existing
from tests.conftest import make_tenant
from tests.imported import (
    Connected,
    build_account,
    build_code,
    build_customer,
    build_item,
    build_rate,
)

LISTS = [
    "customers", "items", "accounts", "tax-codes", "tax-rates", "tax-agencies", "payment-methods",
    "classes", "departments", "terms", "invoices", "payments",
]  # fmt: skip


async def link(maple: Connected, kind: str, billing_id: str, external_id: str) -> None:
    keeper = BookKeeper(
        organization_id=maple.organization_id,
        company_id=maple.company_id,
        environment="simulator",
        realm_id="9130347",
        source_system="billing",
    )
    async with maple.db.transaction(maple.organization_id) as session:
        await link_existing(session, keeper, kind, billing_id, external_id=external_id)


async def test_a_list_that_was_not_imported_is_empty(maple: Connected) -> None:
    for name in LISTS:
        answer = await maple.client.get(f"{maple.path}/books/{name}")

        assert answer.status_code == 200
        assert answer.json() == {"data": [], "next_cursor": None}


async def test_without_a_company_there_are_no_books(client: httpx.AsyncClient) -> None:
    made = await client.post(
        "/v1/integrations",
        json={"name": "x", "provider": "quickbooks_online", "mode": "full_synchronization"},
    )
    assert made.status_code == 201, made.text

    for name in LISTS:
        answer = await client.get(f"/v1/integrations/{made.json()['id']}/books/{name}")

        assert answer.status_code == 409
        assert answer.json()["code"] == "not_connected"
        assert answer.json()["fixes"]


async def test_another_organizations_integration_is_not_found(
    maple: Connected, anonymous: httpx.AsyncClient, operator_headers: dict[str, str]
) -> None:
    _, key = await make_tenant(anonymous, operator_headers, "Other")

    answer = await anonymous.get(
        f"{maple.path}/books/customers", headers={"Authorization": f"Bearer {key}"}
    )

    assert answer.status_code == 404


async def test_a_customer_row(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer(company_name="Acme Inc", email="ap@acme.example", parent_id="3"),
    )
    await link(maple, "customer", "cus_1", "58")

    [row] = (await maple.client.get(f"{maple.path}/books/customers")).json()["data"]

    assert row.pop("changed_at")
    assert row == {
        "external_id": "58",
        "active": True,
        "created_in_books_at": "2026-03-10T12:00:00Z",
        "updated_in_books_at": "2026-03-10T12:00:00Z",
        "billing_id": "cus_1",
        "display_name": "Acme Rockets",
        "company_name": "Acme Inc",
        "email": "ap@acme.example",
        "currency": "CAD",
        "parent_id": "3",
    }


async def test_the_link_of_another_kind_is_not_the_customers(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer())
    await link(maple, "item", "price_1", "58")

    [row] = (await maple.client.get(f"{maple.path}/books/customers")).json()["data"]

    assert row["billing_id"] is None


async def test_item_and_account_rows(maple: Connected) -> None:
    await maple.store(BookKind.ITEM, build_item(sku="pro", taxable=True))
    await maple.store(BookKind.ACCOUNT, build_account(number="4000", sub_type="ServiceFeeIncome"))

    [item] = (await maple.client.get(f"{maple.path}/books/items")).json()["data"]
    [account] = (await maple.client.get(f"{maple.path}/books/accounts")).json()["data"]

    assert (item["name"], item["full_name"], item["sku"]) == ("Pro plan", "Pro plan", "pro")
    assert (item["type"], item["income_account_id"], item["taxable"]) == ("Service", "79", True)
    assert (account["number"], account["type"]) == ("4000", "Income")
    assert account["sub_type"] == "ServiceFeeIncome"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({"type": "Bank"}, ["2", "3"]),
        ({"type": "Bank", "currency": "USD"}, ["3"]),
        ({"number": "4000"}, ["1"]),
        ({"type": "Bank", "active": "false"}, []),
        ({"active": "false"}, ["4"]),
        ({"number": "40"}, []),
    ],
)
async def test_the_chart_is_narrowed(
    maple: Connected, params: dict[str, str], expected: list[str]
) -> None:
    await maple.store(
        BookKind.ACCOUNT,
        build_account("1", "A", number="4000", currency="CAD"),
        build_account("2", "B", "Bank", currency="CAD"),
        build_account("3", "C", "Bank", currency="USD"),
        build_account("4", "D", number="4001", active=False),
    )

    answer = await maple.client.get(f"{maple.path}/books/accounts", params=params)

    assert [row["external_id"] for row in answer.json()["data"]] == expected


async def test_a_tax_code_shows_its_rates_with_name_percent_and_agency(maple: Connected) -> None:
    await maple.store(BookKind.TAX_AGENCY, TaxAgency(external_id="1", name="CRA"))
    await maple.store(
        BookKind.TAX_RATE,
        build_rate("3", "GST", "5"),
        build_rate("4", "PST BC", "7", agency_id=None),
    )
    await maple.store(BookKind.TAX_CODE, build_code("9", "GST/PST BC", "3", "4", "99"))

    [code] = (await maple.client.get(f"{maple.path}/books/tax-codes")).json()["data"]

    assert code["kind"] == "group"
    assert code["rates"] == [
        {"external_id": "3", "name": "GST", "percent": "5", "agency": "CRA"},
        {"external_id": "4", "name": "PST BC", "percent": "7", "agency": None},
        {"external_id": "99", "name": None, "percent": None, "agency": None},
    ]


async def test_small_lists(maple: Connected) -> None:
    await maple.store(
        BookKind.PAYMENT_METHOD, NamedEntry(external_id="4", name="Visa", type="CREDIT_CARD")
    )
    await maple.store(BookKind.TERM, NamedEntry(external_id="3", name="Net 30", due_days=30))

    [method] = (await maple.client.get(f"{maple.path}/books/payment-methods")).json()["data"]
    [term] = (await maple.client.get(f"{maple.path}/books/terms")).json()["data"]

    assert (method["name"], method["type"]) == ("Visa", "CREDIT_CARD")
    assert term["due_days"] == 30


async def test_an_invoice_row_has_amounts_as_strings(maple: Connected) -> None:
    document = BooksDocument(
        kind=Kind.INVOICE,
        external_id="130",
        sync_token="0",
        number="1037",
        total=Decimal("113.00"),
        balance=Decimal("13.00"),
        currency="CAD",
        customer_id="58",
    )
    await maple.store(BookKind.INVOICE, document)

    [row] = (await maple.client.get(f"{maple.path}/books/invoices")).json()["data"]

    assert (row["number"], row["total"], row["balance"]) == ("1037", "113.00", "13.00")
    assert (row["customer_id"], row["billing_id"], row["voided"]) == ("58", None, False)


async def test_filters(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer("1", "Acme Rockets"),
        build_customer("2", "Old Rockets", active=False),
        build_customer("3", "100% Pure"),
    )
    await link(maple, "customer", "cus_1", "1")
    expectations = {
        "": ["3", "1", "2"],
        "?name=ROCKET": ["1", "2"],
        "?name=100%25": ["3"],
        "?active=false": ["2"],
        "?active=true": ["3", "1"],
        "?linked=true": ["1"],
        "?linked=false": ["3", "2"],
        "?linked=false&active=true": ["3"],
    }

    for query, expected in expectations.items():
        rows = (await maple.client.get(f"{maple.path}/books/customers{query}")).json()["data"]

        assert [row["external_id"] for row in rows] == expected, query


async def test_updated_since_is_the_instant_of_the_import(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer())
    ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    path = f"{maple.path}/books/customers"

    before = await maple.client.get(path, params={"updated_since": ago})
    after = await maple.client.get(path, params={"updated_since": ahead})

    assert len(before.json()["data"]) == 1
    assert after.json()["data"] == []


async def test_pages_show_each_row_once(maple: Connected) -> None:
    names = ["b", "A", "a", "c", "B"]
    customers = [build_customer(str(number), name) for number, name in enumerate(names)]
    await maple.store(BookKind.CUSTOMER, *customers)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await maple.client.get(f"{maple.path}/books/customers", params=params)).json()
        seen += [row["display_name"] for row in page["data"]]
        cursor = page["next_cursor"]

    assert seen == ["A", "a", "b", "B", "c"]


async def test_a_strange_cursor_is_refused(maple: Connected) -> None:
    answer = await maple.client.get(f"{maple.path}/books/customers", params={"cursor": "%%%"})

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_cursor"


async def test_one_organization_sees_only_its_books(
    maple: Connected, tenant: tuple[UUID, str]
) -> None:
    answer = await maple.client.get(f"/v1/integrations/{maple.company_id}/books/customers")

    assert answer.status_code == 404
