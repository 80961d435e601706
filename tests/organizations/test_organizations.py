"""The operator makes organizations and keys; keys let in exactly whom they should."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.kit.clock import now
from app.kit.db import Database
from app.organizations.models import ApiKey
from tests.conftest import make_tenant

Headers = dict[str, str]


@pytest.fixture
async def organization(anonymous: httpx.AsyncClient, operator_headers: Headers) -> str:
    made = await anonymous.post(
        "/v1/organizations", json={"name": "O'Brien & Fils 🍁"}, headers=operator_headers
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def make_key(
    client: httpx.AsyncClient, headers: Headers, organization: str, **body: Any
) -> httpx.Response:
    wanted = {"name": "server", "scopes": ["read"]} | body
    return await client.post(
        f"/v1/organizations/{organization}/api-keys", json=wanted, headers=headers
    )


class TestOrganizations:
    async def test_names_are_kept_verbatim(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers, organization: str
    ) -> None:
        listed = await anonymous.get("/v1/organizations", headers=operator_headers)

        assert listed.json()["data"][0]["id"] == organization
        assert listed.json()["data"][0]["name"] == "O'Brien & Fils 🍁"

    async def test_lists_newest_first_in_pages(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers
    ) -> None:
        for name in ("first", "second", "third"):
            await anonymous.post("/v1/organizations", json={"name": name}, headers=operator_headers)

        one = await anonymous.get("/v1/organizations?limit=2", headers=operator_headers)
        cursor = one.json()["next_cursor"]
        two = await anonymous.get(
            f"/v1/organizations?limit=2&cursor={cursor}", headers=operator_headers
        )

        assert [row["name"] for row in one.json()["data"]] == ["third", "second"]
        assert [row["name"] for row in two.json()["data"]] == ["first"]
        assert two.json()["next_cursor"] is None

    async def test_is_closed_to_organizations_keys(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v1/organizations")

        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize("name", ["", "   ", "a\x00b", "a\nb", "\ud800", "x" * 201])
    async def test_refuses_names_that_are_none(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers, name: str
    ) -> None:
        import json

        answer = await anonymous.post(
            "/v1/organizations",
            content=json.dumps({"name": name}),
            headers=operator_headers | {"Content-Type": "application/json"},
        )

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/name"

    async def test_refuses_unknown_fields(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers
    ) -> None:
        answer = await anonymous.post(
            "/v1/organizations", json={"name": "a", "nmae": "b"}, headers=operator_headers
        )

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/nmae"


class TestApiKeys:
    async def test_is_shown_once_and_kept_as_a_hash(
        self,
        anonymous: httpx.AsyncClient,
        operator_headers: Headers,
        organization: str,
        db: Database,
    ) -> None:
        made = (await make_key(anonymous, operator_headers, organization)).json()

        listed = await anonymous.get(
            f"/v1/organizations/{organization}/api-keys", headers=operator_headers
        )
        assert made["key"].startswith(made["prefix"])
        assert "key" not in listed.json()["data"][0]
        async with db.transaction(UUID(organization)) as session:
            kept = await session.get(ApiKey, UUID(made["id"]))
        assert kept is not None
        assert made["key"] not in repr(vars(kept))

    async def test_revoking_works_from_the_next_request_on(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers, organization: str
    ) -> None:
        made = (await make_key(anonymous, operator_headers, organization)).json()
        headers = {"Authorization": f"Bearer {made['key']}"}
        assert (await anonymous.get("/v1/providers", headers=headers)).status_code == 200

        address = f"/v1/organizations/{organization}/api-keys/{made['id']}"
        for _ in range(2):
            revoked = await anonymous.delete(address, headers=operator_headers)
            assert revoked.status_code == 204

        assert (await anonymous.get("/v1/providers", headers=headers)).status_code == 401

    async def test_a_key_of_another_organization_is_not_found(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers, organization: str
    ) -> None:
        made = (await make_key(anonymous, operator_headers, organization)).json()
        other, _ = await make_tenant(anonymous, operator_headers, "Other")

        answer = await anonymous.delete(
            f"/v1/organizations/{other}/api-keys/{made['id']}", headers=operator_headers
        )

        assert answer.status_code == 404
        headers = {"Authorization": f"Bearer {made['key']}"}
        assert (await anonymous.get("/v1/providers", headers=headers)).status_code == 200

    async def test_an_unknown_organization_is_not_found(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers
    ) -> None:
        answer = await make_key(anonymous, operator_headers, str(uuid4()))

        assert answer.status_code == 404
        assert answer.json()["code"] == "organization_not_found"

    async def test_a_time_that_is_past_is_refused(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers, organization: str
    ) -> None:
        past = (now() - timedelta(seconds=1)).isoformat()

        answer = await make_key(anonymous, operator_headers, organization, expires_at=past)

        assert answer.status_code == 422

    async def test_unknown_scopes_are_refused(
        self, anonymous: httpx.AsyncClient, operator_headers: Headers, organization: str
    ) -> None:
        answer = await make_key(anonymous, operator_headers, organization, scopes=["root"])

        assert answer.status_code == 422

    async def test_reading_keys_write_nothing(
        self,
        app: FastAPI,
        anonymous: httpx.AsyncClient,
        operator_headers: Headers,
        organization: str,
    ) -> None:
        made = (await make_key(anonymous, operator_headers, organization)).json()

        answer = await anonymous.post(
            "/v1/integrations",
            json={
                "name": "a",
                "provider": "quickbooks_online",
                "mode": "full_synchronization",
            },
            headers={"Authorization": f"Bearer {made['key']}"},
        )

        assert answer.status_code == 403
        assert answer.json()["required_scope"] == "admin"
