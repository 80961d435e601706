"""
Every route, made from the API's own description, asked for what belongs to somebody else.

Three times: as it is, with row-level security switched off, and with the statements' own filters
switched off. Each wall holds alone. A route or a table without its declaration fails here.
"""

import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import text

from app.bootstrap import Collaborators, build, tables
from app.kit.clock import now
from app.kit.db import Database
from app.kit.web import encode_cursor
from app.main import create_app, routers
from app.openapi import API_KEY, OPERATOR_KEY
from app.settings import load_settings
from tests.conftest import _execute
from tests.contract.document import Document
from tests.security.twins import BOOK_IDS, Twin, make_twin

# These may be asked without a key, and show nothing of anybody.
PUBLIC = {"/healthz", "/readyz", "/metrics", "/v1/error-catalogue"}
# A billing id is given by the caller: putting one that somebody else has is making one's own.
MADE_BY_CALLER = ("put", "billing_id")


OURS, THEIRS = "Oursmark", "Theirsmark"


def _ours(found: dict[str, Any]) -> dict[str, Any]:
    known = {name: f"{OURS}{number}" for name, number in BOOK_IDS.items()}
    return {name: known.get(name, value) for name, value in found.items()}


@dataclass
class World:
    """An application, its database, and two organizations in it."""

    app: FastAPI
    http: httpx.AsyncClient
    db: Database
    operator: str
    ours: Twin
    theirs: Twin

    async def ask(self, call: "Call", headers: dict[str, str]) -> httpx.Response:
        return await self.http.request(
            call.method, call.path, headers=headers, params=call.query, **call.body
        )


@dataclass(frozen=True)
class Call:
    """One request; *own* if each id in it is the caller's."""

    method: str
    path: str
    body: dict[str, Any]
    query: dict[str, str]
    own: bool


@dataclass(frozen=True)
class Operation:
    """One operation of the description."""

    method: str
    path: str
    said: dict[str, Any]
    examples: dict[str, Any]

    @property
    def takes(self) -> str:
        return next(iter(self.said["security"][0])) if "security" in self.said else ""

    @property
    def ids(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def pages(self) -> bool:
        return any(each["name"] == "cursor" for each in self.said.get("parameters", ()))

    def body(self, ids: dict[str, str]) -> dict[str, Any]:
        """Return the description's own example, pointing to books that are ours."""
        if not self.examples:
            return {}
        value = json.loads(json.dumps(next(iter(self.examples.values()))), object_hook=_ours)
        if isinstance(value, dict) and "billing_id" in ids:
            value["billing_id"] = ids["billing_id"]
        return {"json": value}

    def call(self, ids: dict[str, str], *, own: bool, **query: str) -> Call:
        path = re.sub(r"{(\w+)}", lambda found: ids[found[1]], self.path)
        required = {
            each["name"]: "2026-03-01"
            for each in self.said.get("parameters", ())
            if each["in"] == "query" and each.get("required")
        }
        return Call(self.method, path, self.body(ids), required | query, own)

    def ids_of(self, twin: Twin) -> dict[str, str]:
        """Return the twin's own id for each position in the path."""
        part = self.path.removeprefix("/v1/integrations/{integration_id}/")
        kind = part.split("/")[1].replace("-", "_") if part.startswith("billing/") else ""
        word = part.partition("-mappings")[0].replace("-", "_")
        known = {
            "organization_id": str(twin.id),
            "key_id": twin.row_id("api_keys"),
            "integration_id": twin.row_id("integrations"),
            "job_id": twin.row_id("jobs"),
            "record_id": twin.row_id("job_records"),
            "entry": twin.row_id("journal_entries"),
            "line": "1",
        }
        if "mapping_id" in self.ids:
            customers = word == "customer"
            known["mapping_id"] = (
                twin.row_id("links") if customers else twin.row_id("mappings", kind=word)
            )
        if "billing_id" in self.ids:
            singular = {"taxes": "tax"}.get(kind, kind.removesuffix("s"))
            row = next(r for r in twin.rows["billing_records"] if r["kind"] == singular)
            known["billing_id"] = str(row["billing_id"])
        return {name: known[name] for name in self.ids}

    def calls_across(self, ours: Twin, theirs: Twin) -> Iterator[Call]:
        """Each way to put somebody else's id into the path, and into the cursor."""
        mine, foreign = self.ids_of(ours), self.ids_of(theirs)
        mixed = [{**mine, name: foreign[name]} for name in mine]
        mixed += [foreign, {**foreign, self.ids[0]: mine[self.ids[0]]}] if mine else []
        for ids in mixed:
            given = {k: v for k, v in ids.items() if (self.method, k) != MADE_BY_CALLER}
            if any(given[name] != mine[name] for name in given):
                yield self.call(ids, own=False)
        if self.pages:
            yield self.call(mine, own=True, cursor=encode_cursor(theirs.row_id("jobs")))
        if self.method == "get":
            yield self.call(mine, own=True)


def operations(app: FastAPI) -> list[Operation]:
    document = Document(app.openapi())
    return [
        Operation(each.method.lower(), each.path, dict(each.said), document.request_examples(each))
        for each in document.operations.values()
    ]


@asynccontextmanager
async def world_in(postgres_url: str, redis_url: str, folder: Any) -> AsyncIterator[World]:
    name = f"matrix_{secrets.token_hex(4)}"
    await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_lw")
    url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
    settings = load_settings(
        _env_file=None,
        data_dir=folder,
        database_url=url,
        redis_url=redis_url,
        quickbooks_discovery_url="http://127.0.0.1:1/nobody",
    )
    made: Collaborators = build(settings, database_url=url, redis_url=redis_url)
    app = create_app(made)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield World(
            app=app,
            http=http,
            db=made.db,
            operator=settings.operator_key,
            ours=await make_twin(made.db, made.hash_key, OURS),
            theirs=await make_twin(made.db, made.hash_key, THEIRS),
        )
    await made.close()
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def world(
    postgres_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with world_in(postgres_url, redis_url, tmp_path_factory.mktemp("matrix")) as made:
        yield made


async def print_of(db: Database, twin: Twin) -> dict[str, str]:
    """Return what an organization's rows look like, table by table; as the owner sees them."""
    found = {}
    async with db.engine.connect() as connection:
        for table in tables().sorted_tables:
            if "organization_id" in table.c:
                # Using a key is noted on it, and that is no change of anything.
                row = "to_jsonb(t) - 'last_used_at'"
                rows = await connection.scalar(
                    text(
                        f"SELECT md5(coalesce(string_agg(md5(({row})::text), '' ORDER BY"  # noqa: S608
                        f" md5(({row})::text)), '')) FROM {table.name} t"
                        " WHERE organization_id = :id"
                    ),
                    {"id": twin.id},
                )
                found[table.name] = str(rows)
    return found


async def leaks(
    world: World, *, methods: str = "get put post patch delete", below: str = "/"
) -> list[str]:
    """Ask for everything of theirs with our key; return what should not have happened."""
    before = await print_of(world.db, world.theirs)
    wrong, asked = [], 0
    # What removes something of ours comes last, so that the ids stay good until then.
    every = sorted(operations(world.app), key=lambda each: each.method == "delete")
    for operation in every:
        if operation.takes != API_KEY or operation.method not in methods.split():
            continue
        if below not in operation.path:
            continue
        for call in operation.calls_across(world.ours, world.theirs):
            answer = await world.ask(call, world.ours.headers)
            asked += 1
            said = f"{call.method.upper()} {call.path} {call.query}: {answer.status_code}"
            if world.theirs.word in answer.text:
                wrong.append(f"{said} shows theirs: {answer.text[:200]}")
            if not call.own and answer.status_code != 404:
                wrong.append(f"{said} {answer.text[:200]}")
            if answer.status_code >= 500:
                wrong.append(f"{said} {answer.text[:200]}")
    assert asked > (30 if below != "/" else 200)
    after = await print_of(world.db, world.theirs)
    wrong.extend(f"{table} was changed" for table in before if before[table] != after[table])
    return wrong


# ------------------------------------------------------------------------------ the three walls


async def test_nothing_of_others_is_found(world: World) -> None:
    assert await leaks(world) == []


async def test_the_statements_filters_hold_alone(world: World) -> None:
    async with row_level_security_off(world):
        assert await leaks(world) == []


async def test_row_level_security_holds_alone(world: World) -> None:
    with filters_off(world):
        assert await leaks(world) == []


async def test_without_both_the_matrix_would_find_leaks(world: World) -> None:
    """Else the three tests above would prove nothing."""
    async with row_level_security_off(world):
        with filters_off(world):
            assert len(await leaks(world, methods="get", below="/billing/")) > 5


@asynccontextmanager
async def row_level_security_off(world: World) -> AsyncIterator[None]:
    async def alter(*actions: str) -> None:
        async with world.db.engine.begin() as owner:
            for table in tables().sorted_tables:
                for action in actions:
                    await owner.execute(text(f"ALTER TABLE {table.name} {action}"))

    await alter("DISABLE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY")
    yield
    await alter("ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY")


@contextmanager
def filters_off(world: World) -> Iterator[None]:
    world.db.filters = False
    yield
    world.db.filters = True


# ------------------------------------------------------------------------------------ the keys


async def refused(world: World, headers: dict[str, str]) -> dict[str, int]:
    """Ask every route for our own things with these headers; return the statuses."""
    found = {}
    for operation in operations(world.app):
        if operation.takes == API_KEY:
            call = operation.call(operation.ids_of(world.ours), own=True)
            answer = await world.ask(call, headers)
            found[f"{operation.method} {operation.path}"] = answer.status_code
    return found


async def change_key(world: World, statement: str) -> None:
    async with world.db.transaction(world.ours.id) as session:
        await session.execute(text(f"UPDATE api_keys SET {statement}"))  # noqa: S608 - ours


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer lw_000000000000_nobody"}, {"Authorization": "Basic x"}],
)
async def test_without_a_good_key_nobody_comes_in(world: World, headers: dict[str, str]) -> None:
    assert set((await refused(world, headers)).values()) == {401}


async def test_a_revoked_key_opens_nothing(world: World) -> None:
    await change_key(world, "revoked_at = clock_timestamp()")
    statuses = await refused(world, world.ours.headers)
    await change_key(world, "revoked_at = NULL")

    assert set(statuses.values()) == {401}


async def test_an_expired_key_opens_nothing(world: World) -> None:
    past = (now() - timedelta(seconds=1)).isoformat()
    await change_key(world, f"expires_at = '{past}'")
    statuses = await refused(world, world.ours.headers)
    await change_key(world, "expires_at = NULL")

    assert set(statuses.values()) == {401}


async def test_a_key_without_the_scope_is_refused(world: World) -> None:
    """A reading key reads, a writing key administers nothing, and none at all does nothing."""
    await change_key(world, "scopes = '{}'")
    none = await refused(world, world.ours.headers)
    await change_key(world, "scopes = '{read}'")
    reading = await refused(world, world.ours.headers)
    await change_key(world, "scopes = '{admin}'")

    assert set(none.values()) == {403}
    wanted = scopes_of(world.app)
    for route, status in reading.items():
        assert (status == 403) == (wanted[route] != "read"), (route, status)


async def test_a_writing_key_administers_nothing(world: World) -> None:
    wanted = scopes_of(world.app)
    await change_key(world, "scopes = '{write}'")
    statuses = {}
    for operation in operations(world.app):
        if wanted.get(f"{operation.method} {operation.path}") == "admin":
            call = operation.call(operation.ids_of(world.ours), own=True)
            statuses[call.path] = (await world.ask(call, world.ours.headers)).status_code
    await change_key(world, "scopes = '{admin}'")

    assert statuses
    assert set(statuses.values()) == {403}


async def test_the_operators_routes_open_to_the_operator_only(world: World) -> None:
    for operation in operations(world.app):
        if operation.takes == OPERATOR_KEY:
            call = operation.call(operation.ids_of(world.ours), own=True)
            for headers in ({}, world.ours.headers, {"Authorization": "Bearer wrong"}):
                assert (await world.ask(call, headers)).status_code == 401, call.path


async def test_keys_of_another_organization_are_not_found_by_the_operator(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.operator}"}
    for operation in operations(world.app):
        if operation.takes == OPERATOR_KEY and "key_id" in operation.ids:
            ids = operation.ids_of(world.ours)
            ids["key_id"] = operation.ids_of(world.theirs)["key_id"]
            call = operation.call(ids, own=False)
            assert (await world.ask(call, headers)).status_code == 404, call.path


# -------------------------------------------------------------------- pages outside the document


async def test_the_console_shows_nothing_of_others(world: World) -> None:
    begun = await world.http.post("/console/sign-in", data={"key": world.ours.key})
    cookie = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
    job, integration = world.theirs.row_id("jobs"), world.theirs.row_id("integrations")

    for path in (
        f"/console/history/{job}",
        f"/console/history?integration={integration}",
        f"/console/tax-mappings?integration={integration}",
    ):
        page = await world.http.get(path, headers=cookie)
        assert page.status_code == (404 if job in path else 200), path
        assert world.theirs.word not in page.text


# ------------------------------------------------------------------------------- declarations


def scopes_of(app: FastAPI) -> dict[str, str]:
    """Return the scope that each route declares, "" where it declares none."""
    found = {}
    for route in [each for router in routers() for each in router.routes]:
        assert isinstance(route, APIRoute)
        asked = [part.call for part in _dependencies(route.dependant)]
        names = {getattr(call, "__name__", "") for call in asked}
        declared = [name.removeprefix("requires_") for name in names if name.startswith("requires")]
        if "operator" in names:
            declared.append("operator")
        for method in route.methods or ():
            found[f"{method.lower()} {route.path_format}"] = ",".join(declared)
    return found


def _dependencies(dependant: Any) -> Iterator[Any]:
    for part in dependant.dependencies:
        yield part
        yield from _dependencies(part)


def undeclared(app: FastAPI) -> list[str]:
    """Return the routes of the description that say not, or not once, who may come."""
    scopes = scopes_of(app)
    return [
        f"{operation.method} {operation.path}"
        for operation in operations(app)
        if operation.path not in PUBLIC
        and scopes.get(f"{operation.method} {operation.path.replace(':path', '')}", "")
        not in {"read", "write", "admin", "operator"}
    ]


async def test_every_route_declares_one_scope(world: World) -> None:
    assert undeclared(world.app) == []


async def test_reading_changes_nothing_and_writing_is_no_reading(world: World) -> None:
    """A route that only reads asks for `read`; one that changes something asks for more."""
    for route, scope in scopes_of(world.app).items():
        method = route.partition(" ")[0]
        if scope in {"read", "write", "admin"}:
            assert (scope == "read") == (method == "get"), (route, scope)


async def test_routes_outside_the_description_are_pages_for_browsers(world: World) -> None:
    """Each is listed here, so that a new one is looked at by a person."""
    hidden = {
        route.path
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute) and not route.include_in_schema
    }
    assert hidden == {
        "/",
        "/assets/ledgerwire.css",
        "/docs",
        "/docs/explorer.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/console",
        "/console/sign-in",
        "/console/sign-out",
        "/console/history",
        "/console/history/{job_id}",
        "/console/tax-mappings",
        "/v1/connect/{page_token}",
        "/v1/oauth/quickbooks/callback",
        "/v1/quickbooks/disconnected",
    }


async def test_a_route_without_a_scope_is_found(world: World) -> None:
    """The test above does see one: here is a copy of the description with one more."""
    app = FastAPI()

    @app.get("/v1/secrets")
    async def secrets_of_everybody() -> None: ...

    assert undeclared(app) == ["get /v1/secrets"]
