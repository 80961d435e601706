"""
Unmistakable secrets, names and amounts go the whole way, with every handler failing besides.

Afterwards they are looked for where they must not be: logs, error bodies, Redis, the database in
clear, the data folder.
"""

import asyncio
import io
import logging
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from app.bootstrap import QUICKBOOKS, Collaborators, tables
from app.connections.models import Connection
from app.connections.sealing import ACCESS, REFRESH, unseal
from app.jobs.runner import Runner
from app.kit.db import Database
from app.kit.logging import configure
from app.kit.queue import arq_redis
from app.settings import Settings
from tests.contract.document import Document
from tests.journeys.conftest import merchant, settings, shared_simulator, simulator, worker
from tests.journeys.world import RETURN_URL, Merchant

__all__ = ["merchant", "settings", "shared_simulator", "simulator", "worker"]

NAME = "Canaryname Quetzalcoatlus"
AMOUNT = "31415.93"
REFERENCE = "canaryreference-8472"
ALSO_AMOUNTS = ("1570.80", "2199.12", "35185.85")  # Its taxes, and their sum.


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """All that is logged from here on, down to DEBUG, as it would be written."""
    written = io.StringIO()
    configure(level="DEBUG", form="json")
    _forget_bound_loggers()
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    configure(level="WARNING")
    _forget_bound_loggers()


def _forget_bound_loggers() -> None:
    """Loggers keep what was configured at their first use."""
    for name, module in list(sys.modules.items()):
        if name.startswith("app."):
            with suppress(AttributeError):
                del module.log.bind


class Broken(Database):
    """A database whose every use fails with an error that tells too much."""

    def __init__(self, loose_tongue: str) -> None:
        self.loose_tongue = loose_tongue

    @asynccontextmanager
    async def transaction(self, organization_id: UUID) -> AsyncIterator[Any]:
        raise RuntimeError(self.loose_tongue)
        yield

    @asynccontextmanager
    async def door(self) -> AsyncIterator[Any]:
        raise RuntimeError(self.loose_tongue)
        yield


async def test_secrets_names_and_amounts_stay_where_they_belong(
    app: FastAPI,
    merchant: Merchant,
    worker: Runner,
    collaborators: Collaborators,
    settings: Settings,
    redis_url: str,
    logs: io.StringIO,
) -> None:
    await merchant.sign_up()
    page = await connect(merchant)
    await merchant.imported("customers", "items", "accounts")
    await merchant.use_accounts()
    await bill(merchant)
    job = await merchant.exported()
    assert job["counts"]["created"] >= 3, job
    stored = await tokens(collaborators, merchant)
    merchant.simulator.expire_tokens(merchant.realm_id)
    await merchant.imported("accounts")
    secrets = {
        *stored,
        *await tokens(collaborators, merchant),
        page.rsplit("/", 1)[1],
        merchant.http.headers["Authorization"].removeprefix("Bearer "),
        settings.operator_key,
        settings.hash_key,
        settings.encryption_keys.partition(":")[2],
        settings.quickbooks_client_secret,
    }
    private = {NAME, AMOUNT, REFERENCE, *ALSO_AMOUNTS}

    bodies = await fail_everywhere(app, merchant, collaborators, " ".join(secrets | private))

    said = logs.getvalue()
    assert said.count("request_failed") >= len(bodies)
    assert said.count("request_answered") > 20
    assert hits(said, secrets | private) == set()
    assert hits("\n".join(bodies), secrets | private) == set()
    assert hits(await redis_dump(redis_url), secrets | private) == set()
    dump = await database_dump(collaborators.db)
    assert NAME in dump  # The dump does show what is there.
    assert hits(dump, secrets) == set()
    assert hits(folder_dump(settings.data_dir), secrets) == set()


async def connect(merchant: Merchant) -> str:
    """Connect, with an Idempotency-Key, whose kept answer has the page's address in it."""
    headers = {"Idempotency-Key": "canary"}
    url = f"/v1/integrations/{merchant.integration_id}/connect"
    begun = await merchant.http.post(url, json={"return_url": RETURN_URL}, headers=headers)
    again = await merchant.http.post(url, json={"return_url": RETURN_URL}, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == begun.json()
    page: str = begun.json()["authorization_url"]
    form = (await merchant.http.get(page)).text.split('name="form" value="')[1].split('"')[0]
    left = await merchant.http.post(page, data={"form": form})
    back = merchant.simulator.authorize(left.headers["location"], realm_id=merchant.realm_id)
    landed = await merchant.http.get(back)
    assert parse_qs(urlsplit(landed.headers["location"]).query)["status"] == ["connected"]
    return page


async def bill(merchant: Merchant) -> None:
    for code, rate in (("GST", "5"), ("PST BC", "7")):
        await merchant.put("taxes", code, price_code=code, name=code, rate=rate)
    await merchant.put("charges", "plan", price_code="plan", name="Pro plan", kind="recurring")
    await merchant.put("customers", "c1", display_name=NAME, created_date="2026-01-15")
    await merchant.map_taxes()
    await merchant.invoice("i1", AMOUNT)
    await merchant.payment("p1", "100.00", {"i1": "100.00"}, reference=REFERENCE)


async def tokens(collaborators: Collaborators, merchant: Merchant) -> set[str]:
    """Return the connection's tokens in clear."""
    async with collaborators.db.transaction(UUID(merchant.organization_id)) as session:
        row = (await session.scalars(select(Connection))).one()
    ring = collaborators.keyring
    return {
        unseal(ring, row.id, ACCESS, row.access_token or ""),
        unseal(ring, row.id, REFRESH, row.refresh_token or ""),
    }


async def fail_everywhere(
    app: FastAPI, merchant: Merchant, collaborators: Collaborators, loose_tongue: str
) -> list[str]:
    """Let every operation, and a job, fail with this text; return the bodies of the answers."""
    await fail_a_job(merchant, collaborators, loose_tongue)
    whole, app.state.db = app.state.db, Broken(loose_tongue)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    document = Document(app.openapi())
    bodies = []
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=merchant.http.headers
    ) as client:
        for operation in document.operations.values():
            if not operation.path.startswith("/v1/") or "security" not in operation.said:
                continue
            key = merchant.operator_headers if operation.by_operator else {}
            path = re.sub(r"{\w+}", str(UUID(int=1)), operation.path)
            examples = document.request_examples(operation)
            body = next(iter(examples.values())) if examples else None
            query = {"date_from": "2026-01-01", "date_to": "2026-12-31"}
            answer = await client.request(
                operation.method, path, json=body, headers=key, params=query
            )
            assert answer.status_code == 500, (operation.id, answer.status_code, answer.text)
            bodies.append(answer.text)
    app.state.db = whole
    assert len(bodies) > 50
    return bodies


async def fail_a_job(merchant: Merchant, collaborators: Collaborators, loose_tongue: str) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError(loose_tongue)

    whole = collaborators.provider_factories
    collaborators.provider_factories = {QUICKBOOKS: broken}
    wanted = {"direction": "import", "resources": ["accounts"]}
    job = await merchant.call("POST", "/sync-jobs", wanted)
    await asyncio.sleep(0.5)
    collaborators.provider_factories = whole
    await merchant.call("POST", f"/sync-jobs/{job['id']}/cancel")


def hits(haystack: str, needles: set[str]) -> set[str]:
    """Return what was found, shortened: a failing test must not print secrets either."""
    return {needle[:6] + "…" for needle in needles if needle and needle in haystack}


async def redis_dump(url: str) -> str:
    redis = arq_redis(url)
    readers = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    found = []
    async for key in redis.scan_iter():
        kind = await redis.type(key)
        value = await readers[kind](key) if kind in readers else None
        found.append(f"{key!r}: {value!r}")
    await redis.aclose(close_connection_pool=True)
    assert found
    return "\n".join(found)


async def database_dump(db: Database) -> str:
    """Return every row of every table as text, bytes as what they spell."""
    found = []
    async with db.engine.connect() as connection:
        for table in tables().sorted_tables:
            rows = (await connection.execute(text(f"SELECT * FROM {table.name}"))).all()  # noqa: S608
            found.extend(f"{table.name}: {row!r}" for row in rows)
    return "\n".join(found)


def folder_dump(folder: Path) -> str:
    """Return all files but the one that is there to keep the made-up keys."""
    return "\n".join(
        path.read_text(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and path.name != "secrets.json"
    )
