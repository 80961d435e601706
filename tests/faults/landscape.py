"""
Merchants that are connected, imported, mapped and have a first invoice in the books, to be cloned.

Walking through sign-up, consent, import and export takes seconds; cloning what they left takes a
tenth. Each clone gets companies of its own in the simulator, which are alike down to the ids: what
the first export wrote is written again by hand, with the marks of the new company.
"""

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import update

from app.accounting.ports import TokenSet
from app.bootstrap import Collaborators, build
from app.connections.models import Company, Connection
from app.connections.repository import token_values
from app.main import create_app
from app.settings import Settings
from tests.journeys.conftest import PREFERENCES
from tests.journeys.world import Merchant, working
from tests.simulator_server import SimulatorServer

SOURCE_SYSTEM = "billing"
COMPANY = {"profile": "ca", "customers": 0, "items": 1}
_numbers = itertools.count(1)


class Seller(Merchant):
    """A merchant that remembers what it pushed."""

    company_id: UUID
    pushed: dict[tuple[str, str], dict[str, Any]]

    async def put(self, resource: str, billing_id: str, /, **fields: Any) -> dict[str, Any]:
        self.pushed[resource, billing_id] = fields
        return await super().put(resource, billing_id, **fields)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who a merchant is in every clone."""

    organization_id: str
    integration_id: str
    company_id: UUID
    connection_id: UUID
    authorization: str
    realm_id: str
    pushed: dict[tuple[str, str], dict[str, Any]]
    updated: int
    # The bodies of the first export, by entity and in order, and its links.
    written: list[tuple[str, dict[str, Any]]]
    links: list[dict[str, Any]]


@dataclass(slots=True)
class World:
    """One clone: its database, its API, its merchants."""

    settings: Settings
    collaborators: Collaborators
    simulator: SimulatorServer
    sellers: list[Seller]
    _sql: asyncpg.Connection

    async def rows(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Ask the database behind everybody's back."""
        return [dict(row) for row in await self._sql.fetch(statement, *arguments)]

    async def execute(self, statement: str, *arguments: Any) -> None:
        await self._sql.execute(statement, *arguments)

    def faults(self, seller: Seller, *rules: dict[str, Any]) -> list[str]:
        """Arm fault rules for one company only."""
        realm = f"^{seller.realm_id}$"
        return self.simulator.add_faults(
            *(
                {"match": {"realm": realm, **rule.get("match", {})}, "action": rule["action"]}
                for rule in rules
            )
        )


@dataclass(slots=True)
class Landscape:
    """The database to be cloned, and what is needed to bring a clone to life."""

    settings: Settings
    simulator: SimulatorServer
    url: str
    tenants: list[Tenant]

    @contextlib.asynccontextmanager
    async def world(self, sellers: int = 1, **changes: Any) -> AsyncIterator[World]:
        """Clone; *changes* are settings of this world only."""
        async with database(self.url, template=name_of(self.url)) as url:
            settings = self.settings.model_copy(update={"database_url": url, **changes})
            made = build(settings, database_url=url, redis_url=settings.redis_url or "")
            sql = await asyncpg.connect(plain(url))
            try:
                app = create_app(made)
                merchants = [
                    await self._seller(app, made, sql, tenant) for tenant in self.tenants[:sellers]
                ]
                yield World(settings, made, self.simulator, merchants, sql)
            finally:
                for merchant in locals().get("merchants", []):
                    await merchant.http.aclose()
                await sql.close()
                await made.close()

    async def _seller(
        self, app: Any, made: Collaborators, sql: asyncpg.Connection, tenant: Tenant
    ) -> Seller:
        seller = Seller(app, self.simulator, {})
        seller.realm_id = found_company(self.simulator)
        seller.organization_id = tenant.organization_id
        seller.integration_id = tenant.integration_id
        seller.company_id = tenant.company_id
        seller.http.headers["Authorization"] = tenant.authorization
        seller.pushed, seller.updated = dict(tenant.pushed), tenant.updated
        await self._write_again(sql, seller, tenant)
        issued = self.simulator.issue_tokens(seller.realm_id)
        tokens = TokenSet(
            access_token=issued["access_token"],
            refresh_token=issued["refresh_token"],
            access_expires_in=3600,
            refresh_expires_in=86_400,
        )
        async with made.db.transaction(UUID(tenant.organization_id)) as session:
            await session.execute(
                update(Company)
                .where(Company.id == tenant.company_id)
                .values(realm_id=seller.realm_id)
            )
            await session.execute(
                update(Connection)
                .where(Connection.id == tenant.connection_id)
                .values(**token_values(made.keyring, tenant.connection_id, tokens))
            )
        return seller

    async def _write_again(self, sql: asyncpg.Connection, seller: Seller, tenant: Tenant) -> None:
        """Bring the first export into the new company's books, under the same ids."""
        ids = {str(link["external_id"]) for link in tenant.links}
        marks = {
            link["marker"]: marker(seller.realm_id, link["kind"], link["billing_id"])
            for link in tenant.links
        }
        for entity, body in tenant.written:
            text = json.dumps(body)
            for old, new in marks.items():
                text = text.replace(old, new)
            made = self.simulator.edit("create", entity, json.loads(text), seller.realm_id)
            assert made["Id"] in ids, f"{entity} got another id than in the first company"
        await sql.executemany(
            "UPDATE links SET marker = $2 WHERE company_id = $3 AND marker = $1",
            [(old, new, tenant.company_id) for old, new in marks.items()],
        )


def marker(realm_id: str, kind: str, billing_id: str) -> str:
    """Compute a document's mark from the contract, not by the program's own code."""
    parts = ("simulator", realm_id, kind, SOURCE_SYSTEM, billing_id, "create")
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"[lw:{base64.b32encode(digest).decode().lower()[:26]}]"


def found_company(simulator: SimulatorServer) -> str:
    """Found one more company, alike to all others, and return its realm id."""
    realm_id = str(4620816365000000000 + next(_numbers))
    simulator.add_company(realm_id, **COMPANY)
    simulator.preferences(PREFERENCES, realm_id)
    return realm_id


async def build_landscape(
    settings: Settings, simulator: SimulatorServer, url: str, sellers: int
) -> Landscape:
    """Walk *sellers* merchants up to the point where they have their first invoice in the books."""
    made = build(settings, database_url=url, redis_url=settings.redis_url or "")
    made.waits = replace(made.waits, poll=0.25)
    app = create_app(made)
    headers = {"Authorization": f"Bearer {settings.operator_key}"}

    async def walk() -> Tenant:
        seller = Seller(app, simulator, headers)
        seller.realm_id, seller.pushed = found_company(simulator), {}
        await seller.set_up()
        await seller.invoice("base", "100.00", invoice_date="2026-02-01", due_date="2026-02-28")
        job = await seller.exported("invoices", date_from="2026-02-01", date_to="2026-02-28")
        assert job["status"] == "succeeded", await seller.records(job)
        await seller.http.aclose()
        return await _tenant(url, seller)

    try:
        async with working(made):
            tenants = await asyncio.gather(*(walk() for _ in range(sellers)))
    finally:
        await made.close()
    return Landscape(settings, simulator, url, tenants)


async def _tenant(url: str, seller: Seller) -> Tenant:
    sql = await asyncpg.connect(plain(url))
    row = await sql.fetchrow(
        "SELECT id, company_id FROM connections WHERE integration_id = $1",
        UUID(seller.integration_id),
    )
    links = await sql.fetch("SELECT * FROM links WHERE company_id = $1", row["company_id"])
    await sql.close()
    return Tenant(
        organization_id=seller.organization_id,
        integration_id=seller.integration_id,
        company_id=row["company_id"],
        connection_id=row["id"],
        authorization=seller.http.headers["Authorization"],
        realm_id=seller.realm_id,
        pushed=dict(seller.pushed),
        updated=seller.updated,
        written=[
            (entry["entity"].title(), json.loads(entry["body"]))
            for entry in seller.simulator.requests(realm_id=seller.realm_id, operation="create")
        ],
        links=[dict(link) for link in links],
    )


@contextlib.asynccontextmanager
async def database(server: str, *, template: str) -> AsyncIterator[str]:
    """A database of its own, gone afterwards."""
    name = f"faults{next(_numbers)}"
    await on_server(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield server.rsplit("/", 1)[0] + f"/{name}"
    finally:
        await on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


async def on_server(url: str, statement: str) -> None:
    connection = await asyncpg.connect(plain(url).rsplit("/", 1)[0] + "/postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def plain(url: str) -> str:
    """Return the URL as asyncpg itself reads it."""
    return url.replace("+asyncpg", "")


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


__all__: Sequence[str] = [
    "Landscape",
    "Seller",
    "World",
    "build_landscape",
    "database",
    "found_company",
    "marker",
    "plain",
]
