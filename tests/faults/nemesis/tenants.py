"""Merchants that are connected, imported and mapped: walked once, then copied row by row."""

import asyncio
import itertools
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from app.accounting.ports import TokenSet
from app.connections.sealing import ACCESS, REFRESH, seal
from app.kit.secrets import Keyring
from tests.faults.nemesis.ground import Ground
from tests.journeys.conftest import PREFERENCES
from tests.journeys.world import Merchant, Refused
from tests.simulator_server import SimulatorServer

COPIED = (
    "companies",
    "integrations",
    "connections",
    "lanes",
    "billing_records",
    "book_entries",
    "mappings",
)
COMPANY = {"profile": "ca", "customers": 0, "items": 1}
_numbers = itertools.count(1)
Row = dict[str, Any]


class Client(Merchant):
    """
    A billing system that does not give up: what fails in transit is sent again, under its key.

    It speaks to the API's own process over HTTP.
    """

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{ground.api_port}", timeout=30)
        self.simulator: SimulatorServer = ground.simulator
        self.operator_headers = {"Authorization": f"Bearer {ground.settings.operator_key}"}
        self.realm_id = self.integration_id = self.organization_id = ""
        self.company_id = ""
        self.updated = 0

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        url = path if path.startswith("/v1") else f"/v1/integrations/{self.integration_id}{path}"
        headers = {**options.pop("headers", {})}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(12)
        for attempt in itertools.count(1):
            try:
                answer = await self.http.request(method, url, json=body, headers=headers, **options)
            except httpx.TransportError:
                if attempt > 60:
                    raise
            else:
                if answer.status_code < 500 and answer.status_code not in {409, 429}:
                    if answer.is_error:
                        raise Refused(answer)
                    return answer.json() if answer.content else None
                if attempt > 60:
                    raise Refused(answer)
            await asyncio.sleep(0.2)
        return None

    async def ended(self, job_id: str, *, seconds: int = 600) -> dict[str, Any]:
        return await super().ended(job_id, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Template:
    """The rows of one merchant who is ready to export, and where its sales are booked."""

    organization_id: UUID
    rows: dict[str, list[Row]]
    income_account: str


async def make_template(ground: Ground) -> Template:
    """Walk one merchant through sign-up, consent, import and mapping."""
    client = Client(ground)
    client.realm_id = found_company(ground.simulator)
    await client.set_up()
    accounts = (await client.call("GET", "/books/accounts", params={"limit": 200}))["data"]
    income = next(row["name"] for row in accounts if row["type"] == "Income")
    await client.http.aclose()
    organization_id = UUID(client.organization_id)
    rows = {}
    for table in COPIED:
        rows[table] = await ground.rows(_all_of(table), organization_id)
    return Template(organization_id, rows, income)


def found_company(simulator: SimulatorServer) -> str:
    """Found a company, alike to all others down to the ids."""
    realm_id = str(9130350000000000000 + next(_numbers))
    simulator.add_company(realm_id, **COMPANY)
    simulator.preferences(PREFERENCES, realm_id)
    return realm_id


async def clone(ground: Ground, template: Template) -> Client:
    """Return a merchant of its own, with a company of its own, ready to export."""
    client = Client(ground)
    client.realm_id = found_company(ground.simulator)
    operator = {"headers": client.operator_headers}
    made = await client.call("POST", "/v1/organizations", {"name": "Maple Books"}, **operator)
    client.organization_id = made["id"]
    keys, wanted = f"/v1/organizations/{made['id']}/api-keys", {"name": "n", "scopes": ["admin"]}
    key = await client.call("POST", keys, wanted, **operator)
    client.http.headers["Authorization"] = f"Bearer {key['key']}"
    names = {template.organization_id: UUID(client.organization_id)}
    names |= {row["id"]: uuid4() for rows in template.rows.values() for row in rows if "id" in row}
    copied = {
        table: [{name: _renamed(value, names) for name, value in row.items()} for row in rows]
        for table, rows in template.rows.items()
    }
    _own(ground, client, copied)
    async with (await ground.sql()).acquire() as connection:
        await insert(connection, copied)
    client.integration_id = str(copied["integrations"][0]["id"])
    client.company_id = str(copied["companies"][0]["id"])
    return client


def _renamed(value: Any, names: dict[UUID, UUID]) -> Any:
    return names.get(value, value) if isinstance(value, UUID) else value


def _own(ground: Ground, client: Client, rows: dict[str, list[Row]]) -> None:
    """Give the copy its own realm and tokens."""
    [company], [connection] = rows["companies"], rows["connections"]
    company["realm_id"] = client.realm_id
    issued = ground.simulator.issue_tokens(client.realm_id)
    tokens = TokenSet(
        access_token=issued["access_token"],
        refresh_token=issued["refresh_token"],
        access_expires_in=3600,
        refresh_expires_in=86_400,
    )
    keyring, id_ = Keyring.parse(ground.settings.encryption_keys), _plain_id(connection["id"])
    connection[ACCESS] = seal(keyring, id_, ACCESS, tokens.access_token)
    connection[REFRESH] = seal(keyring, id_, REFRESH, tokens.refresh_token)
    for lane in rows["lanes"]:
        lane |= {"lease_owner": None, "lease_until": None, "due_at": None}


def _plain_id(id_: Any) -> UUID:
    return UUID(str(id_))


# ------------------------------------------------------------------------------------- backups


async def insert(connection: asyncpg.Connection, rows: dict[str, list[Row]]) -> None:
    """Write rows as they are, in one transaction, whatever order they come in."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for table, listed in rows.items():
            if listed:
                columns = list(listed[0])
                await connection.copy_records_to_table(
                    table,
                    records=[tuple(row[name] for name in columns) for row in listed],
                    columns=columns,
                )


async def tenant_tables(ground: Ground) -> list[str]:
    found = await ground.rows(
        "SELECT c.table_name AS name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.column_name = 'organization_id' AND c.table_schema = 'public'"
        " AND t.table_type = 'BASE TABLE' AND c.table_name NOT IN ('api_keys', 'kept_answers')"
    )
    return [row["name"] for row in found]


async def back_up(ground: Ground, client: Client) -> dict[str, list[Row]]:
    """Return everything that the database has of one merchant, at one moment."""
    kept = {}
    tables = await tenant_tables(ground)
    async with (
        (await ground.sql()).acquire() as connection,
        connection.transaction(isolation="repeatable_read"),
    ):
        for table in tables:
            found = await connection.fetch(_all_of(table), UUID(client.organization_id))
            kept[table] = [dict(row) for row in found]
    return kept


async def restore(ground: Ground, client: Client, kept: dict[str, list[Row]]) -> None:
    """Put the database back to where it was for that merchant; nobody may be at work."""
    async with (await ground.sql()).acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for table in kept:
            statement = f"DELETE FROM {table} WHERE organization_id = $1"  # noqa: S608 - our names
            await connection.execute(statement, UUID(client.organization_id))
        await insert(connection, kept)


def _all_of(table: str) -> str:
    return f"SELECT * FROM {table} WHERE organization_id = $1"  # noqa: S608 - a name of our own
