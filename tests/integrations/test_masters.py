"""Master customers: judged by id and name, against what was read or imported."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.accounting.errors import RetryLater
from app.accounting.records import BooksDocument, Kind
from app.books.kinds import BookKind
from app.integrations.masters import (
    MasterCustomer,
    masters_of,
    verify_master_customers,
)
from app.kit.db import Database
from tests.fake_provider import FakeProvider
from tests.imported import Connected, build_customer, connect

BILLING = MasterCustomer(currency="CAD", customer_id="58", name="Billing customers")
STANDING = BooksDocument(
    kind=Kind.CUSTOMER,
    external_id="58",
    sync_token="0",
    name="Billing customers",
    currency="CAD",
)


async def codes(*standing: BooksDocument) -> list[str]:
    provider = FakeProvider()
    provider.stand(*standing)
    found = await verify_master_customers(provider, [BILLING], home_currency="CAD")
    return [problem.code for problem in found.values()]


class TestVerify:
    async def test_as_it_was_set(self) -> None:
        assert await codes(STANDING) == []
        assert await codes(replace(STANDING, name="Billing  customers", currency=None)) == []

    @pytest.mark.parametrize(
        ("standing", "code"),
        [
            ([], "master_customer_unknown"),
            ([replace(STANDING, active=False)], "master_customer_inactive"),
            ([replace(STANDING, name="Acme Rockets")], "master_customer_renamed"),
            ([replace(STANDING, name="billing customers")], "master_customer_renamed"),
            ([replace(STANDING, currency="USD")], "master_customer_currency"),
        ],
    )
    async def test_as_it_must_not_be(self, standing: list[BooksDocument], code: str) -> None:
        assert await codes(*standing) == [code]

    async def test_books_that_cannot_be_read_say_nothing(self) -> None:
        provider = FakeProvider()
        provider.fail("read", RetryLater(explanation="too many calls"))

        with pytest.raises(RetryLater):
            await verify_master_customers(provider, [BILLING], home_currency="CAD")

    def test_no_currency_means_the_home_one(self) -> None:
        kept = [
            {"currency": None, "name": "Billing customers", "id": "58"},
            {"currency": "EUR", "name": "Euro", "id": "59"},
        ]

        assert masters_of(kept, "CAD") == {
            "CAD": BILLING,
            "EUR": MasterCustomer(currency="EUR", customer_id="59", name="Euro"),
        }


@pytest.fixture
async def maple(db: Database, client: httpx.AsyncClient, tenant: tuple[UUID, str]) -> Connected:
    """A company that cannot be opened right now, with one customer imported."""
    made = await connect(db, client, tenant[0])
    await made.store(
        BookKind.CUSTOMER,
        build_customer("58", "Billing customers"),
        build_customer("59", "Euro customers", currency="EUR"),
        build_customer("60", "Former customers", active=False),
    )
    return made


async def patch(maple: Connected, *customers: dict[str, Any]) -> httpx.Response:
    return await maple.client.patch(maple.path, json={"master_customers": list(customers)})


def named(id_: str, name: str, currency: str | None = None) -> dict[str, Any]:
    return {"id": id_, "name": name, "currency": currency}


class TestSavedAgainstTheImport:
    @pytest.mark.parametrize(
        ("customer", "code"),
        [
            (named("58", "Acme"), "master_customer_renamed"),
            (named("60", "Former customers"), "master_customer_inactive"),
            (named("59", "Euro customers"), "master_customer_currency"),
            (named("58", "Billing customers", "USD"), "master_customer_currency"),
        ],
    )
    async def test_refused_with_a_way_out(
        self, maple: Connected, customer: dict[str, Any], code: str
    ) -> None:
        answer = await patch(maple, customer)

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, code)
        assert customer["id"] in problem["detail"]
        assert problem["fixes"]
        assert problem["errors"][0]["pointer"] == "/master_customers"
        assert (await maple.client.get(maple.path)).json()["master_customers"] == []

    async def test_saved_as_named(self, maple: Connected) -> None:
        wanted = [named("58", "Billing customers"), named("59", "Euro customers", "EUR")]

        answer = await patch(maple, *wanted)

        assert answer.status_code == 200, answer.text
        assert answer.json()["master_customers"] == wanted

    async def test_one_that_was_never_imported_waits_for_its_first_use(
        self, maple: Connected
    ) -> None:
        assert (await patch(maple, named("77", "Somebody"))).status_code == 200

    async def test_two_for_the_home_currency(self, maple: Connected) -> None:
        wanted = [named("58", "Billing customers"), named("58", "Billing customers", "CAD")]

        answer = await patch(maple, *wanted)

        assert (answer.status_code, answer.json()["code"]) == (409, "master_customer_twice")

    @pytest.mark.parametrize("change", [{"name": "New"}, {"master_customers": []}])
    async def test_other_changes_ask_nothing(
        self, maple: Connected, change: dict[str, Any]
    ) -> None:
        await patch(maple, named("58", "Billing customers"))
        await maple.store(BookKind.CUSTOMER, build_customer("58", "Renamed"))

        assert (await maple.client.patch(maple.path, json=change)).status_code == 200


class TestJournalSettings:
    async def test_defaults(self, client: httpx.AsyncClient, make: Any) -> None:
        assert (await make())["settings"]["journal"] == {
            "period": "day",
            "split_by_currency": True,
            "rounding": "account",
            "number_prefix": "S",
        }

    @pytest.fixture
    def make(self, client: httpx.AsyncClient) -> Callable[..., Any]:
        async def made(**journal: Any) -> Any:
            body = {
                "name": "Maple",
                "provider": "quickbooks_online",
                "mode": "summarized_journal_entry",
                "settings": {"journal": journal},
            }
            return (await client.post("/v1/integrations", json=body)).json()

        return made

    @pytest.mark.parametrize(
        "journal",
        [
            {"period": "week"},
            {"split_by_currency": False},
            {"number_prefix": "LEDGE"},
            {"number_prefix": "s-1"},
            {"rounding": "hide"},
        ],
    )
    async def test_refused(self, make: Any, journal: dict[str, Any]) -> None:
        answer = await make(**journal)

        assert answer["status"] == 422
        assert answer["errors"][0]["pointer"].startswith("/settings/journal/")

    async def test_merged(self, client: httpx.AsyncClient, make: Any) -> None:
        made = await make(period="month")
        path = f"/v1/integrations/{made['id']}"

        answer = await client.patch(path, json={"settings": {"journal": {"number_prefix": "LW"}}})

        journal = answer.json()["settings"]["journal"]
        assert (journal["period"], journal["number_prefix"]) == ("month", "LW")
