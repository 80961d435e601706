"""Real servers for every test: Postgres and Valkey from wheels, one cloned database per test."""

import asyncio
import itertools
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import hypothesis
import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI

from app.bootstrap import Collaborators, build
from app.kit.db import Database
from app.kit.embedded import EmbeddedPostgres, EmbeddedValkey
from app.kit.logging import configure
from app.main import create_app
from app.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
# The same examples in every run, so that a red run is about the change; `HYPOTHESIS=search` looks
# for new ones.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS", "steady"))
_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Logs as in production: allowed fields only, no tracebacks with values."""
    configure(level="WARNING")


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database named `template_lw`; tests get clones of it."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), fast=True)
    url = server.start()
    template = url.rsplit("/", 1)[0] + "/template_lw"
    asyncio.run(_execute(url, "CREATE DATABASE template_lw"))
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = template
    command.upgrade(config, "head")
    yield url
    server.stop()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    yield server.start()
    server.stop()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A database of this test's own: what it commits nobody else sees."""
    name = f"t{next(_numbers)}_{secrets.token_hex(4)}"
    await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_lw")
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    return load_settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        database_url=database_url,
        redis_url=redis_url,
        public_url="http://127.0.0.1:8400",
        quickbooks_client_id="client",
        quickbooks_client_secret="secret",
        wait_scale=0.01,
    )


@pytest.fixture
async def collaborators(
    settings: Settings, database_url: str, redis_url: str
) -> AsyncIterator[Collaborators]:
    made = build(settings, database_url=database_url, redis_url=redis_url)
    yield made
    await made.close()


@pytest.fixture
def db(collaborators: Collaborators) -> Database:
    return collaborators.db


@pytest.fixture(scope="session")
def kept_apps() -> list[FastAPI]:
    """
    The one application of all tests, once the first of them has made it.

    FastAPI works out every route at an application's first request, which takes longer than most
    tests; only the collaborators differ from test to test.
    """
    return []


def app_over(collaborators: Collaborators, kept_apps: list[FastAPI]) -> FastAPI:
    """Return the kept application, with these collaborators in it."""
    if not kept_apps:
        kept_apps.append(create_app(collaborators))
    collaborators.attach(kept_apps[0].state)
    return kept_apps[0]


@pytest.fixture
def app(collaborators: Collaborators, kept_apps: list[FastAPI]) -> FastAPI:
    return app_over(collaborators, kept_apps)


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def operator_headers(settings: Settings) -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.operator_key}"}


async def make_tenant(
    client: httpx.AsyncClient, operator_headers: dict[str, str], name: str = "Maple Books"
) -> tuple[UUID, str]:
    """Create an organization with an admin key, through the API; return its id and the key."""
    made = await client.post("/v1/organizations", json={"name": name}, headers=operator_headers)
    assert made.status_code == 201, made.text
    organization_id = made.json()["id"]
    key = await client.post(
        f"/v1/organizations/{organization_id}/api-keys",
        json={"name": "tests", "scopes": ["read", "write", "admin"]},
        headers=operator_headers,
    )
    assert key.status_code == 201, key.text
    return UUID(organization_id), key.json()["key"]


@pytest.fixture
async def tenant(
    anonymous: httpx.AsyncClient, operator_headers: dict[str, str]
) -> tuple[UUID, str]:
    return await make_tenant(anonymous, operator_headers)


@pytest.fixture
async def client(app: FastAPI, tenant: tuple[UUID, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an admin key of an organization of its own."""
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {tenant[1]}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers
    ) as client:
        yield client
