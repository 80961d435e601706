"""Connecting, with an authorization server of our own and a browser that keeps its cookies."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.bootstrap import Collaborators
from app.connections.models import Connection
from app.integrations.models import Integration
from app.kit.db import Database
from app.organizations.access import make_key
from app.organizations.models import ApiKey, Organization
from tests.conftest import app_over
from tests.fakes import FakeAuthorization, FakeFactory

RETURN_URL = "https://billing.example.com/settings/erp?tab=books"
PROVIDER = "quickbooks_online"


@pytest.fixture(scope="session")
async def kept_database(postgres_url: str) -> AsyncIterator[str]:
    """One database for these tests; cloning one for each would take longer than they do."""
    name = f"kept_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template_lw")
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def database_url(kept_database: str) -> AsyncIterator[str]:
    """The kept database, emptied after the test."""
    yield kept_database
    connection = await asyncpg.connect(kept_database.replace("+asyncpg", ""))
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = [row["tablename"] for row in tables if row["tablename"] != "alembic_version"]
    deletions = "; ".join(f"DELETE FROM {name}" for name in names)  # noqa: S608 - our own names
    await connection.execute(f"SET session_replication_role = replica; {deletions}")
    await connection.close()


@pytest.fixture
def authorization() -> FakeAuthorization:
    return FakeAuthorization()


@pytest.fixture
def factory(authorization: FakeAuthorization) -> FakeFactory:
    return FakeFactory(authorization)


@pytest.fixture
def app(
    collaborators: Collaborators,
    authorization: FakeAuthorization,
    factory: FakeFactory,
    kept_apps: list[FastAPI],
) -> FastAPI:
    collaborators.authorizations = {PROVIDER: authorization}
    collaborators.provider_factories = {PROVIDER: factory}  # type: ignore[dict-item]
    return app_over(collaborators, kept_apps)


@dataclass
class Merchant:
    """An organization with a key, an integration, and a browser."""

    organization_id: UUID
    integration_id: UUID
    api: httpx.AsyncClient
    browser: httpx.AsyncClient
    authorization: FakeAuthorization
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    async def begin(self, **wanted: Any) -> httpx.Response:
        return await self.api.post(
            f"/v1/integrations/{self.integration_id}/connect",
            json={"return_url": RETURN_URL, **wanted},
        )

    async def page_path(self, **wanted: Any) -> str:
        answer = await self.begin(**wanted)
        assert answer.status_code == 200, answer.text
        return urlsplit(answer.json()["authorization_url"]).path

    async def state(self, browser: httpx.AsyncClient | None = None, **wanted: Any) -> str:
        """Go as far as the consent page; return the state that was carried there."""
        path = await self.page_path(**wanted)
        return await click(browser or self.browser, path)

    async def callback(
        self, browser: httpx.AsyncClient | None = None, **query: str
    ) -> httpx.Response:
        return await (browser or self.browser).get("/v1/oauth/quickbooks/callback", params=query)

    async def connect(self, realm_id: str = "4620816365", **wanted: Any) -> httpx.Response:
        """Go the whole way; return the callback's answer."""
        state = await self.state(**wanted)
        code = self.authorization.consent(realm_id)
        return await self.callback(state=state, code=code, realmId=realm_id)

    async def connection(self) -> dict[str, Any]:
        answer = await self.api.get(f"/v1/integrations/{self.integration_id}/connection")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


async def click(browser: httpx.AsyncClient, path: str) -> str:
    """Open our page, press its button; return the state of the consent page's address."""
    page = await browser.get(path)
    assert page.status_code == 200, page.text
    form = page.text.split('name="form" value="')[1].split('"')[0]
    left = await browser.post(path, data={"form": form})
    assert left.status_code == 303, left.text
    return parse_qs(urlsplit(left.headers["location"]).query)["state"][0]


def news(answer: httpx.Response) -> dict[str, str]:
    """Return what the return URL was told."""
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def client_of(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test", headers=headers
    )


class Merchants:
    """Makes merchants, without asking another room for it."""

    def __init__(
        self, app: FastAPI, db: Database, hash_key: str, authorization: FakeAuthorization
    ) -> None:
        self._app, self._db, self._hash_key = app, db, hash_key
        self._authorization = authorization
        self.clients: list[httpx.AsyncClient] = []

    async def organization(self, name: str = "Maple Books") -> tuple[UUID, str]:
        key = make_key(self._hash_key)
        async with self._db.door() as session:
            organization = Organization(name=name)
            session.add(organization)
            await session.flush()
        async with self._db.transaction(organization.id) as session:
            session.add(
                ApiKey(
                    organization_id=organization.id,
                    name="tests",
                    prefix=key.prefix,
                    key_hash=key.key_hash,
                    scopes=["admin"],
                )
            )
        return organization.id, key.plain

    async def merchant(
        self, name: str = "Maple Books", *, of: "tuple[UUID, str] | None" = None
    ) -> Merchant:
        organization_id, key = of or await self.organization(name)
        integration = Integration(
            organization_id=organization_id,
            name="Ontario & West",
            provider=PROVIDER,
            mode="full_synchronization",
            source_system="billing",
            master_customers=[],
            allowed_return_urls=[RETURN_URL],
            settings={},
        )
        async with self._db.transaction(organization_id) as session:
            session.add(integration)
        made = Merchant(
            organization_id=organization_id,
            integration_id=integration.id,
            api=client_of(self._app, Authorization=f"Bearer {key}"),
            browser=client_of(self._app),
            authorization=self._authorization,
        )
        self.clients += [made.api, made.browser]
        return made

    def browser(self) -> httpx.AsyncClient:
        made = client_of(self._app)
        self.clients.append(made)
        return made


@pytest.fixture
async def merchants(
    app: FastAPI, collaborators: Collaborators, authorization: FakeAuthorization
) -> AsyncIterator[Merchants]:
    made = Merchants(app, collaborators.db, collaborators.hash_key, authorization)
    yield made
    for client in made.clients:
        await client.aclose()


@pytest.fixture
async def merchant(merchants: Merchants) -> Merchant:
    return await merchants.merchant()


async def stored_connection(db: Database, merchant: Merchant) -> Connection | None:
    async with db.transaction(merchant.organization_id) as session:
        return await session.scalar(
            select(Connection).where(Connection.integration_id == merchant.integration_id)
        )
