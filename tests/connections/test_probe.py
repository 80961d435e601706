"""`ledgerwire probe`, from an integration's id to the file with the answers."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from typer.testing import CliRunner, Result

from app.bootstrap import Collaborators
from app.cli import build_cli
from app.connections.findings import JournalFindings, journal_findings
from app.connections.models import Company
from app.kit.db import Database
from app.settings import Settings
from tests.connections.conftest import Merchant, app_over, news
from tests.connections.test_against_simulator import consent
from tests.simulator_server import SimulatorServer


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    switch = {"throttle": False, "rotate_every_refresh": True}
    with SimulatorServer(
        profile="ca", customers=1, items=2, auto_approve=False, switch=switch
    ) as server:
        yield server


@pytest.fixture
def settings(
    settings: Settings, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    settings.quickbooks_client_id = simulator.client_id
    settings.quickbooks_client_secret = simulator.client_secret
    settings.quickbooks_discovery_url = simulator.discovery_url
    settings.quickbooks_api_url = simulator.api_url
    for name, value in settings.model_dump(mode="json").items():
        monkeypatch.setenv(name.upper(), str(value))
    return settings


@pytest.fixture
def app(collaborators: Collaborators, kept_apps: list[FastAPI]) -> FastAPI:
    return app_over(collaborators, kept_apps)


async def run(*arguments: str) -> Result:
    """Run the program in a thread: it brings a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, build_cli(), ["probe", *arguments])


def kept(settings: Settings) -> Any:
    [path] = Path(settings.data_dir).glob("probe-*.json")
    return json.loads(path.read_text())


async def test_answers_are_printed_and_kept(
    merchant: Merchant, simulator: SimulatorServer, settings: Settings, db: Database
) -> None:
    assert news(await consent(merchant, simulator))["status"] == "connected"

    done = await run(
        "--integration", str(merchant.integration_id), "--no-burst", "--old-refresh-token"
    )

    assert done.exit_code == 0, done.output
    report = kept(settings)
    answers = {each["question"]: each["answer"] for each in report["answers"]}
    assert answers["requestid_same_body"] == "replayed"
    assert answers["cleaned_up"] == "yes"
    assert answers["old_refresh_token"] == "honoured"
    assert "requestid_same_body" in done.output
    assert (await merchant.connection())["status"] == "connected"
    async with db.transaction(merchant.organization_id) as session:
        company = (await session.scalars(select(Company))).one()
        assert journal_findings(company) == JournalFindings(
            plain_tax_lines=True, system_tax_account=False
        )


async def test_former_token_that_is_refused(
    merchant: Merchant, simulator: SimulatorServer, settings: Settings
) -> None:
    simulator.switches(refresh_grace_seconds=0)
    assert news(await consent(merchant, simulator))["status"] == "connected"

    done = await run(
        "--integration", str(merchant.integration_id), "--no-burst", "--old-refresh-token"
    )

    assert done.exit_code == 0, done.output
    assert "refused" in done.output
    assert (await merchant.connection())["status"] == "connected"


async def test_unconnected_integration(merchant: Merchant, settings: Settings) -> None:
    for name in (merchant.integration_id, uuid4()):
        done = await run("--integration", str(name))

        assert done.exit_code == 1
        assert "not connected" in done.output


async def test_live_books_need_a_word(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QUICKBOOKS_ENVIRONMENT", "production")
    monkeypatch.setenv("PUBLIC_URL", "https://ledgerwire.example.com")
    monkeypatch.setenv("WAIT_SCALE", "1")

    done = await run("--integration", str(uuid4()))

    assert done.exit_code == 1
    assert "--yes-production" in done.output
