"""Integrations are made, merged, shown with their connection, and only ever detached."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.models import Integration
from app.integrations.service import settings_of
from app.kit.db import Database
from tests.conftest import make_tenant


def wanted(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Maple Books",
        "provider": "quickbooks_online",
        "mode": "full_synchronization",
    } | changes


async def make(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/integrations", json=wanted(**changes))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


class TestCreate:
    async def test_every_setting_has_a_default(self, client: httpx.AsyncClient) -> None:
        made = await make(client)

        assert made["settings"]["items"]["create_missing"] is True
        assert made["settings"]["tax"] == {"variance": "billed"}
        assert made["settings"]["closed_books"] == "refuse"
        assert made["source_system"] == "billing"
        assert made["connection"]["status"] == "not_connected"

    async def test_says_where_it_is(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/integrations", json=wanted())

        found = await client.get(answer.headers["Location"])
        assert found.json() == answer.json()

    async def test_takes_the_form_with_one_master_customer(self, client: httpx.AsyncClient) -> None:
        made = await make(
            client,
            mode="summarized_journal_entry",
            master_customer={"name": "O'Hara \\ Söhne 🧾", "id": "58"},
            master_customers=[{"currency": "EUR", "name": "Euro", "id": "59"}],
        )

        assert made["master_customers"] == [
            {"currency": None, "name": "O'Hara \\ Söhne 🧾", "id": "58"},
            {"currency": "EUR", "name": "Euro", "id": "59"},
        ]

    @pytest.mark.parametrize(
        "customers",
        [
            [
                {"currency": "EUR", "name": "a", "id": "1"},
                {"currency": "EUR", "name": "b", "id": "2"},
            ],
            [{"currency": "ZZZ", "name": "a", "id": "1"}],
            [{"currency": "eur", "name": "a", "id": "1"}],
            [{"name": "a\x00", "id": "1"}],
        ],
    )
    async def test_refuses_unsound_master_customers(
        self, client: httpx.AsyncClient, customers: list[dict[str, str]]
    ) -> None:
        answer = await client.post("/v1/integrations", json=wanted(master_customers=customers))

        assert answer.status_code == 422

    async def test_accepts_return_urls(self, client: httpx.AsyncClient) -> None:
        urls = [
            "https://billing.example.com/return?tab=erp",
            "http://localhost:3000/return",
            "http://127.0.0.1/return",
        ]

        assert (await make(client, allowed_return_urls=urls))["allowed_return_urls"] == urls

    async def test_refuses_return_urls(self, client: httpx.AsyncClient) -> None:
        for url in (
            "http://billing.example.com/return",
            "http://127.0.0.1.example.com/return",
            "http://localhost@example.com/return",
            "https://user:secret@example.com/",
            "https://example.com/#part",
            "https://example.com/#",
            "//example.com/return",
            "/return",
            "javascript:alert(1)",
            "https:///return",
            "https://exa mple.com/",
            "https://example.com\\@evil.example/",
            "https://example.com:port/",
            "https://example.com/\n",
        ):
            answer = await client.post("/v1/integrations", json=wanted(allowed_return_urls=[url]))

            assert answer.status_code == 422, url
            assert answer.json()["errors"][0]["pointer"] == "/allowed_return_urls/0"

    async def test_refuses_what_it_does_not_know(self, client: httpx.AsyncClient) -> None:
        refused: list[dict[str, Any]] = [
            {"provider": "netsuite"},
            {"mode": "both"},
            {"settings": {"item": {}}},
            {"settings": {"items": {"create_missing": "perhaps"}}},
            {"settings": {"tax": {"variance": "none"}}},
            {"source_system": "With Space"},
        ]
        for changes in refused:
            answer = await client.post("/v1/integrations", json=wanted(**changes))

            assert answer.status_code == 422, changes

    async def test_repeating_it_makes_nothing_new(self, client: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": "make-1"}
        first = await client.post("/v1/integrations", json=wanted(), headers=headers)
        again = await client.post("/v1/integrations", json=wanted(), headers=headers)
        other = await client.post("/v1/integrations", json=wanted(name="x"), headers=headers)

        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert other.status_code == 409
        assert other.json()["first_resource"] == first.headers["Location"]
        assert len((await client.get("/v1/integrations")).json()["data"]) == 1


class TestChange:
    async def test_settings_are_merged_field_by_field(self, client: httpx.AsyncClient) -> None:
        made = await make(
            client, settings={"items": {"income_account_id": "79", "fallback_item_id": "3"}}
        )

        changed = await client.patch(
            f"/v1/integrations/{made['id']}",
            json={"settings": {"items": {"fallback_item_id": None}, "closed_books": "refuse"}},
        )

        items = changed.json()["settings"]["items"]
        assert items["income_account_id"] == "79"
        assert items["fallback_item_id"] is None
        assert changed.json()["name"] == "Maple Books"

    async def test_lists_are_replaced(self, client: httpx.AsyncClient) -> None:
        made = await make(client, allowed_return_urls=["https://a.example/"])

        changed = await client.patch(
            f"/v1/integrations/{made['id']}",
            json={
                "allowed_return_urls": ["https://b.example/"],
                "mode": "summarized_journal_entry",
            },
        )

        assert changed.json()["allowed_return_urls"] == ["https://b.example/"]
        assert changed.json()["mode"] == "summarized_journal_entry"

    async def test_the_home_master_customer_can_be_set_and_removed(
        self, client: httpx.AsyncClient
    ) -> None:
        euro = {"currency": "EUR", "name": "Euro", "id": "59"}
        made = await make(client, master_customers=[euro])
        address = f"/v1/integrations/{made['id']}"

        put = await client.patch(address, json={"master_customer": {"name": "Home", "id": "1"}})
        removed = await client.patch(address, json={"master_customer": None})

        home = {"currency": None, "name": "Home", "id": "1"}
        assert put.json()["master_customers"] == [home, euro]
        assert removed.json()["master_customers"] == [euro]

    @pytest.mark.parametrize("patch", [{"name": None}, {"settings": None}, {"provider": "x"}])
    async def test_refuses_null_and_unknown(
        self, client: httpx.AsyncClient, patch: dict[str, Any]
    ) -> None:
        made = await make(client)

        answer = await client.patch(f"/v1/integrations/{made['id']}", json=patch)

        assert answer.status_code == 422

    @pytest.mark.parametrize(("posted", "status"), [(False, 200), (True, 409)])
    async def test_the_source_system_is_fixed_once_something_was_posted(
        self, app: FastAPI, client: httpx.AsyncClient, db: Database, posted: bool, status: int
    ) -> None:
        async def has_postings(_: AsyncSession, __: Integration) -> bool:
            return posted

        made = await make(client)
        await connect(client, db, made["id"])
        app.state.integration_has_postings = has_postings

        answer = await client.patch(
            f"/v1/integrations/{made['id']}", json={"source_system": "other"}
        )

        assert answer.status_code == status


async def connect(client: httpx.AsyncClient, db: Database, integration_id: str) -> None:
    """Give the integration a company, as connecting does."""
    from sqlalchemy import update

    from app.connections.models import Company

    organization_id = await organization_of(client, db)
    async with db.transaction(organization_id) as session:
        company = Company(
            organization_id=organization_id,
            provider="quickbooks_online",
            environment="simulator",
            realm_id="1",
        )
        session.add(company)
        await session.flush()
        await session.execute(
            update(Integration)
            .where(Integration.id == UUID(integration_id))
            .values(company_id=company.id)
        )


async def organization_of(client: httpx.AsyncClient, db: Database) -> UUID:
    from sqlalchemy import select

    from app.organizations.models import ApiKey

    prefix = client.headers["Authorization"].removeprefix("Bearer ")[:15]
    async with db.door() as session:
        found = await session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
    assert found is not None
    return found.organization_id


class TestConnectionShown:
    async def test_comes_from_the_room_that_knows(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        made = await make(client)
        other = await make(client, name="Other")

        async def summaries(_: AsyncSession, ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
            assert set(ids) == {UUID(made["id"]), UUID(other["id"])}
            return {UUID(made["id"]): {"status": "connected", "company_id": "123"}}

        app.state.connection_summaries = summaries
        listed = (await client.get("/v1/integrations")).json()["data"]

        assert [row["connection"]["status"] for row in listed] == ["not_connected", "connected"]
        assert listed[1]["connection"]["company_id"] == "123"


class TestRemove:
    async def test_is_shown_no_more_and_stays_in_the_database(
        self, app: FastAPI, client: httpx.AsyncClient, db: Database
    ) -> None:
        removed: list[UUID] = []

        async def on_removed(_: AsyncSession, integration: Integration) -> None:
            removed.append(integration.id)

        app.state.on_integration_removed = on_removed
        made = await make(client)
        address = f"/v1/integrations/{made['id']}"

        assert (await client.delete(address)).status_code == 204

        assert removed == [UUID(made["id"])]
        for again in (client.get, client.delete):
            assert (await again(address)).status_code == 404
        assert (await client.patch(address, json={"name": "x"})).status_code == 404
        assert (await client.get("/v1/integrations")).json()["data"] == []
        async with db.transaction(await organization_of(client, db)) as session:
            kept = await session.get(Integration, UUID(made["id"]))
        assert kept is not None
        assert kept.deleted_at is not None

    async def test_somebody_elses_is_not_found(
        self,
        anonymous: httpx.AsyncClient,
        client: httpx.AsyncClient,
        operator_headers: dict[str, str],
    ) -> None:
        made = await make(client)
        _, key = await make_tenant(anonymous, operator_headers, "Other")
        headers = {"Authorization": f"Bearer {key}"}

        for method in ("GET", "DELETE"):
            answer = await anonymous.request(
                method, f"/v1/integrations/{made['id']}", headers=headers
            )
            assert answer.status_code == 404
        listed = await anonymous.get("/v1/integrations", headers=headers)
        assert listed.json()["data"] == []


class TestSettings:
    def test_fields_of_another_version_are_left_aside(self) -> None:
        row = Integration(settings={"items": {"fallback_item_id": "3", "new": 1}, "newer": {}})

        assert settings_of(row).items.fallback_item_id == "3"


class TestProviders:
    async def test_names_what_each_can_do(self, client: httpx.AsyncClient) -> None:
        listed = (await client.get("/v1/providers")).json()["data"]

        assert [row["provider"] for row in listed if row["available"]] == ["quickbooks_online"]
        modes = {mode["mode"]: mode["export_resources"] for mode in listed[0]["modes"]}
        assert modes["summarized_journal_entry"] == ["journal_entries"]
        assert "invoices" in modes["full_synchronization"]
        assert "taxes" in listed[0]["import_resources"]
