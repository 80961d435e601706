"""Commands as an operator runs them: what they print, and their exit codes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import uvicorn
from click.testing import Result
from fastapi import FastAPI
from typer.testing import CliRunner

from app.cli import build_cli
from app.schema import heads
from app.settings import Settings

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with the test's stores, away from this thread's event loop."""
    monkeypatch.chdir(tmp_path)
    environment = {
        "DATABASE_URL": settings.database_url or "",
        "REDIS_URL": settings.redis_url or "",
        "DATA_DIR": str(tmp_path / "data"),
    }

    async def command(*arguments: str, **more: str) -> Result:
        runner = CliRunner(env={**environment, **more})
        return await asyncio.to_thread(runner.invoke, build_cli(), list(arguments))

    return command


async def test_an_organization_and_its_keys(run: Run) -> None:
    made = await run("organizations", "create", "Maple Books", "--json")
    organization = json.loads(made.stdout)[0]["id"]
    listed = await run("organizations", "list", "--json")
    key = await run("keys", "create", organization, "--name", "billing", "--scope", "admin")
    keys = json.loads((await run("keys", "list", organization, "--json")).stdout)

    assert [row["name"] for row in json.loads(listed.stdout)] == ["Maple Books"]
    assert key.stdout.startswith(keys[0]["prefix"])
    assert "only time" in key.stderr
    assert keys[0]["scopes"] == ["admin"]
    assert "key_hash" not in keys[0]

    revoked = await run("keys", "revoke", organization, keys[0]["id"])
    keys = json.loads((await run("keys", "list", organization, "--json")).stdout)
    assert revoked.exit_code == 0
    assert keys[0]["revoked_at"] is not None


async def test_an_unknown_organization_is_a_sentence(run: Run) -> None:
    refused = await run("keys", "create", str(uuid4()), "--name", "x")

    assert refused.exit_code == 1
    assert "There is no organization with this id." in refused.stderr


async def test_rotating_says_how_many(run: Run) -> None:
    assert "0 re-encrypted" in (await run("encryption", "rotate")).stdout


async def test_migrating_what_is_there_changes_nothing(run: Run) -> None:
    (head,) = heads()

    assert f"revision {head}" in (await run("migrate")).stdout


async def test_the_doctor_finds_a_sound_installation(run: Run) -> None:
    (head,) = heads()

    found = await run("doctor")

    assert found.exit_code == 0, found.stdout
    assert f"The schema is at revision {head}." in found.stdout
    assert "Valkey 9 answers." in found.stdout


async def test_the_doctor_names_what_is_wrong(run: Run) -> None:
    found = await run("doctor", DATABASE_URL="postgresql://x@127.0.0.1:9/x", ENCRYPTION_KEYS="k1:x")

    assert found.exit_code == 1
    assert "Postgres does not answer" in found.stdout
    assert "ENCRYPTION_KEYS cannot be read" in found.stdout


async def test_a_setting_that_cannot_be_read_is_named_without_its_value(run: Run) -> None:
    refused = await run("organizations", "list", LOG_FORMAT="secret-looking")

    assert refused.exit_code == 2
    assert "LOG_FORMAT" in refused.stderr
    assert "secret-looking" not in refused.stderr


async def test_production_refuses_unsafe_settings(run: Run) -> None:
    refused = await run("api", QUICKBOOKS_ENVIRONMENT="production")

    assert refused.exit_code == 2
    assert "PUBLIC_URL must start with https://" in refused.stderr


async def test_the_demo_knows_no_other_profiles(run: Run) -> None:
    refused = await run("demo", "--profile", "mars")

    assert refused.exit_code == 2
    assert "'mars'" in refused.stderr
    assert "multicurrency" in refused.stderr


# ------------------------------------------------------------------------ over the REST API


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The API on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells in no other way
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.fixture
async def with_integration(client: httpx.AsyncClient, tenant: tuple[object, str]) -> str:
    """An API key whose organization has one integration."""
    made = await client.post(
        "/v1/integrations",
        json={
            "name": "QuickBooks",
            "provider": "quickbooks_online",
            "mode": "full_synchronization",
        },
    )
    assert made.status_code == 201, made.text
    return tenant[1]


async def test_history_is_empty_at_first(run: Run, served: str, with_integration: str) -> None:
    found = await run("history", "--json", LEDGERWIRE_URL=served, LEDGERWIRE_KEY=with_integration)

    assert (found.exit_code, json.loads(found.stdout)) == (0, [])


async def test_a_refusal_of_the_api_is_a_sentence_with_its_fixes(
    run: Run, served: str, with_integration: str
) -> None:
    days = ("--date-from", "2026-01-01", "--date-to", "2026-01-31")
    refused = await run("export", *days, LEDGERWIRE_URL=served, LEDGERWIRE_KEY=with_integration)

    assert refused.exit_code == 1
    assert "Connect QuickBooks first." in refused.stderr
    assert "authorization_url" in refused.stderr


async def test_a_key_is_needed(run: Run) -> None:
    refused = await run("history")

    assert refused.exit_code == 2
    assert "LEDGERWIRE_KEY" in refused.stderr


async def test_an_api_that_is_away_is_a_sentence(run: Run) -> None:
    refused = await run("import", LEDGERWIRE_URL="http://127.0.0.1:9", LEDGERWIRE_KEY="lw_x")

    assert refused.exit_code == 1
    assert "cannot be reached" in refused.stderr


async def test_a_day_that_is_none_is_refused(run: Run) -> None:
    refused = await run("export", "--date-from", "31.3.2026", LEDGERWIRE_KEY="lw_x")

    assert refused.exit_code == 2
    assert "not a day" in refused.stderr
