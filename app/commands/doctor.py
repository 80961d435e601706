"""`doctor`: looks at everything that usually is the cause, and says what helps."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import asyncpg
import typer

from app import schema
from app.commands.terminal import console, open_stores, sentences, settings_of_environment
from app.kit.db import APP_ROLE, DOOR_ROLE, async_url
from app.kit.embedded import EmbeddedError
from app.kit.http import HTTPError, build_client
from app.kit.queue import redis_info
from app.kit.secrets import Keyring
from app.settings import Settings, unsafe_settings

Grade = Literal["ok", "warn", "wrong"]
MARKS: dict[Grade, str] = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "wrong": "[red]✗[/]"}
OLDEST_POSTGRES, NEWEST_POSTGRES = 15, 18
OLDEST_REDIS = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    grade: Grade
    sentence: str
    fix: str = ""


@dataclass(slots=True)
class Report:
    """What was found, in the order in which it was looked at."""

    findings: list[Finding] = field(default_factory=list)

    def ok(self, sentence: str) -> None:
        self.findings.append(Finding("ok", sentence))

    def warn(self, sentence: str, fix: str) -> None:
        self.findings.append(Finding("warn", sentence, fix))

    def wrong(self, sentence: str, fix: str) -> None:
        self.findings.append(Finding("wrong", sentence, fix))

    @property
    def well(self) -> bool:
        return all(each.grade != "wrong" for each in self.findings)


def doctor() -> None:
    """Look at settings, stores, schema, keys and the way to QuickBooks; exit code 1 if ill."""
    with sentences():
        settings = settings_of_environment()
        report = Report()
        _look_at_settings(settings, report)
        _look_at_keys(settings, report)
        _look_at_stores(settings, report)
        asyncio.run(_look_at_quickbooks(settings, report))
        out = console()
        for each in report.findings:
            out.print(f"{MARKS[each.grade]} ", end="")
            out.print(each.sentence, markup=False)
            if each.fix:
                out.print(f"    {each.fix}", style="dim", markup=False)
        if not report.well:
            raise typer.Exit(1)


def _look_at_settings(settings: Settings, report: Report) -> None:
    report.ok(f"The settings can be read; QuickBooks is the {settings.quickbooks_environment}.")
    if settings.is_production:
        return  # Loading them would have refused to start.
    for name in ("quickbooks_client_id", "quickbooks_client_secret"):
        if not getattr(settings, name):
            report.warn(
                f"{name.upper()} is not set: nobody can connect.",
                "Take it from Keys & credentials of your app at Intuit.",
            )
    missing = [sentence.split()[0] for sentence in unsafe_settings(settings)]
    if missing:
        report.warn(
            f"Not fit for production yet: {', '.join(dict.fromkeys(missing))}.",
            "Set them before you go live; docs/operations.md explains each.",
        )
    if settings.wait_scale != 1.0:
        report.warn("WAIT_SCALE shortens the waits that keep documents single.", "Remove it.")


def _look_at_keys(settings: Settings, report: Report) -> None:
    try:
        ring = Keyring.parse(settings.encryption_keys)
    except ValueError as wrong:
        report.wrong(
            f"ENCRYPTION_KEYS cannot be read: {wrong}.",
            "Write kid:base64 of 32 bytes, several separated by commas.",
        )
        return
    report.ok(f"Tokens are sealed with the key {ring.current!r}.")
    if not Settings().encryption_keys:
        report.warn(
            f"The keys were made up and are kept in {settings.data_dir / 'secrets.json'}.",
            "Back that file up: without it every merchant has to connect again.",
        )


def _look_at_stores(settings: Settings, report: Report) -> None:
    try:
        with open_stores(settings) as urls:
            fresh = settings.database_url is None
            asyncio.run(_look_at_postgres(urls.database_url, report, fresh_is_well=fresh))
            asyncio.run(_look_at_redis(urls.redis_url, report))
    except EmbeddedError as embedded:
        report.wrong("An embedded server cannot be had.", str(embedded))


async def _look_at_postgres(url: str, report: Report, *, fresh_is_well: bool) -> None:
    try:
        connection = await asyncpg.connect(async_url(url).replace("+asyncpg", ""), timeout=10)
    except (OSError, asyncpg.PostgresError, ValueError, TimeoutError) as lost:
        report.wrong(
            f"Postgres does not answer: {lost or type(lost).__name__}.",
            "Check DATABASE_URL, the password, and that the server runs.",
        )
        return
    try:
        await _look_at_server(connection, report)
        if fresh_is_well and await schema.revision_of(url) is None:
            report.ok("The embedded database is new; its tables are made at the first start.")
            return
        for role in (APP_ROLE, DOOR_ROLE):
            await _look_at_role(connection, role, report)
    finally:
        await connection.close()
    await _look_at_schema(url, report)


async def _look_at_server(connection: asyncpg.Connection, report: Report) -> None:
    major = connection.get_server_version().major
    if OLDEST_POSTGRES <= major <= NEWEST_POSTGRES:
        report.ok(f"Postgres {major} answers.")
    else:
        report.wrong(
            f"This is Postgres {major}; {OLDEST_POSTGRES} to {NEWEST_POSTGRES} are supported.",
            "Use one of these versions.",
        )
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        report.warn(
            "The login is a superuser. Each transaction takes on a narrow role all the same.",
            "With a server of yours, use a login of its own; docs/operations.md says how.",
        )


async def _look_at_role(connection: asyncpg.Connection, role: str, report: Report) -> None:
    member = await connection.fetchval(
        "SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = $1", role
    )
    if member is None:
        report.wrong(f"The role {role} does not exist.", "Run `ledgerwire migrate`.")
    elif not member:
        report.wrong(
            f"The login may not take on the role {role}.", f"As a superuser: GRANT {role} TO login;"
        )


async def _look_at_schema(url: str, report: Report) -> None:
    revision, wanted = await schema.revision_of(url), schema.heads()
    if revision in wanted:
        report.ok(f"The schema is at revision {revision}.")
    else:
        report.wrong(
            f"The schema is at {revision or 'nothing'}, and this version needs {wanted[0]}.",
            "Run `ledgerwire migrate`.",
        )


async def _look_at_redis(url: str, report: Report) -> None:
    info = await redis_info(url)
    if info is None:
        report.warn(
            "Redis does not answer. Work goes on: workers look for due jobs every two seconds.",
            "Check REDIS_URL, and that the server runs.",
        )
        return
    if info.major < OLDEST_REDIS:
        report.wrong(f"This is Redis {info.major}.", f"Use version {OLDEST_REDIS} or newer.")
    else:
        report.ok(f"{info.product} {info.major} answers.")
    if info.policy not in {None, "noeviction"}:
        report.warn(
            f"Redis evicts keys ({info.policy}): calls may be counted too low.",
            "Set maxmemory-policy to noeviction.",
        )


async def _look_at_quickbooks(settings: Settings, report: Report) -> None:
    url = settings.quickbooks_discovery_url
    async with build_client() as http:
        try:
            answer = await http.get(url, timeout=10)
            found = answer.status_code == 200 and "authorization_endpoint" in answer.text  # noqa: PLR2004
        except HTTPError as lost:
            _unreachable(settings, report, f"{url} cannot be reached: {type(lost).__name__}.")
            return
    if found:
        report.ok(f"{url} answers.")
    else:
        _unreachable(settings, report, f"{url} answers {answer.status_code}, without endpoints.")


def _unreachable(settings: Settings, report: Report, sentence: str) -> None:
    if settings.quickbooks_environment == "simulator":
        fix = "Start a simulator (python -m simulator --port 8700), or set QUICKBOOKS_ENVIRONMENT."
        report.warn(sentence, fix)
        return
    report.wrong(sentence, "Open the way out to Intuit in the firewall, and check DNS.")
