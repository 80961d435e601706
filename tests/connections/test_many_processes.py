"""One connection, many real processes, an authorization server that forgives nothing."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app.bootstrap import Collaborators
from app.connections.tokens import StoredTokens
from app.settings import Settings
from tests.connections.conftest import Merchant, app_over, news, stored_connection
from tests.connections.renewing import DIED, source
from tests.connections.test_against_simulator import consent
from tests.simulator_server import SimulatorServer

ROOT = Path(__file__).parents[2]
PROCESSES, EXPIRIES = 8, 200


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    switch = {"rotate_every_refresh": True, "throttle": False}
    with SimulatorServer(profile="ca", auto_approve=False, switch=switch) as server:
        yield server


@pytest.fixture
def settings(settings: Settings, simulator: SimulatorServer) -> Settings:
    settings.quickbooks_client_id = simulator.client_id
    settings.quickbooks_client_secret = simulator.client_secret
    settings.quickbooks_discovery_url = simulator.discovery_url
    settings.quickbooks_api_url = simulator.api_url
    return settings


@pytest.fixture
def app(collaborators: Collaborators, kept_apps: list[FastAPI]) -> FastAPI:
    return app_over(collaborators, kept_apps)


class Connected:
    """A connected merchant, and processes that renew its tokens."""

    def __init__(self, order: dict[str, Any], made: Collaborators) -> None:
        self.order, self.made = order, made

    async def run(self, **order: Any) -> tuple[int, list[dict[str, int]]]:
        """Run processes to their end; return the worst exit code and what each said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.connections.renewing",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        line = json.dumps(self.order | order) + "\n"
        out, _ = await process.communicate(line.encode())
        assert process.returncode is not None
        return process.returncode, [json.loads(said) for said in out.splitlines()]

    def tokens(self, **order: Any) -> StoredTokens:
        return source(self.made, self.order | order)


@pytest.fixture
async def connected(
    merchant: Merchant,
    simulator: SimulatorServer,
    collaborators: Collaborators,
    settings: Settings,
    database_url: str,
    redis_url: str,
) -> Connected:
    simulator.switches(refresh_grace_seconds=0)
    assert news(await consent(merchant, simulator))["status"] == "connected"
    simulator.control.delete("/requests").raise_for_status()
    row = await stored_connection(collaborators.db, merchant)
    assert row is not None
    kept = settings.model_dump(mode="json", exclude={"database_url", "redis_url"})
    order = {
        "settings": kept,
        "database_url": database_url,
        "redis_url": redis_url,
        "organization_id": str(merchant.organization_id),
        "connection_id": str(row.id),
        "generation": row.generation,
        # Waiting processes look every two hundredth of it.
        "lease": 30.0,
        "processes": 1,
    }
    return Connected(order, collaborators)


def refreshes(simulator: SimulatorServer) -> list[int]:
    """Return the status of each refresh that the server answered."""
    return [call["status"] for call in simulator.requests(operation="refresh")]


@pytest.mark.slow
async def test_eight_processes_renew_once_an_expiry(
    connected: Connected, simulator: SimulatorServer, merchant: Merchant
) -> None:
    """
    Each refresh kills the former refresh token at once: a second one would end the connection.
    """
    goal = connected.order["generation"] + EXPIRIES

    code, said = await connected.run(goal=goal, processes=PROCESSES)

    assert code == 0
    assert refreshes(simulator) == [200] * EXPIRIES
    assert len(said) == PROCESSES
    # It was a race: more tokens were handed out than made.
    assert sum(each["seen"] for each in said) > EXPIRIES
    assert (await merchant.connection())["status"] == "connected"


async def test_death_between_receipt_and_saving(
    connected: Connected, simulator: SimulatorServer, merchant: Merchant
) -> None:
    """
    The server has rotated, the row has the former token, which is honoured for a while.
    """
    simulator.switches(refresh_grace_seconds=3600)
    goal = connected.order["generation"] + 1
    lost = connected.tokens()
    stale = await lost.access_token()

    code, said = await connected.run(goal=goal, crash=True, lease=1.0)
    fresh = await connected.tokens(lease=1.0).renew(stale)

    assert (code, said) == (DIED, [])
    assert refreshes(simulator) == [200, 200]
    assert fresh != stale
    assert (await merchant.connection())["status"] == "connected"


async def test_lost_answer_of_a_refresh(
    connected: Connected, simulator: SimulatorServer, merchant: Merchant
) -> None:
    simulator.switches(refresh_grace_seconds=3600)
    simulator.add_faults(
        {
            "match": {"operation": "refresh", "times": 1},
            "action": {"when": "after", "cut": "before_answer"},
        }
    )
    goal = connected.order["generation"] + 3

    code, _ = await connected.run(goal=goal, processes=3, lease=3.0)

    assert code == 0
    assert len(refreshes(simulator)) == 4
    assert (await merchant.connection())["status"] == "connected"
