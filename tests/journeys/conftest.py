"""The simulator, the app pointed at it, and a merchant."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI

from app.bootstrap import Collaborators
from app.jobs.runner import Runner
from app.settings import Settings
from tests.journeys.world import Merchant, working
from tests.simulator_server import SimulatorServer

PREFERENCES = {
    "SalesFormsPrefs.CustomTxnNumbers": True,
    "SalesFormsPrefs.AutoApplyCredit": False,
    "SalesFormsPrefs.AutoApplyPayments": False,
}


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[SimulatorServer]:
    options = {"profile": "ca", "customers": 30, "items": 8, "switch": {"throttle": False}}
    with SimulatorServer(**options) as server:
        yield server


@pytest.fixture
def simulator(shared_simulator: SimulatorServer) -> SimulatorServer:
    """The simulator as after its start, with a company that leaves our numbers alone."""
    shared_simulator.reset()
    shared_simulator.preferences(PREFERENCES)
    return shared_simulator


@pytest.fixture
def settings(settings: Settings, simulator: SimulatorServer) -> Settings:
    settings.quickbooks_client_id = simulator.client_id
    settings.quickbooks_client_secret = simulator.client_secret
    settings.quickbooks_discovery_url = simulator.discovery_url
    settings.quickbooks_api_url = simulator.api_url
    settings.limit_requests_per_second = 1000
    settings.limit_requests_per_minute = 100_000
    settings.limit_all_per_minute = 100_000
    simulator.control.put(
        "/redirect-uris", json={"redirect_uris": [settings.callback_url]}
    ).raise_for_status()
    return settings


@pytest.fixture
async def merchant(
    app: FastAPI, simulator: SimulatorServer, operator_headers: dict[str, str]
) -> AsyncIterator[Merchant]:
    made = Merchant(app, simulator, operator_headers)
    yield made
    await made.http.aclose()


@pytest.fixture
async def worker(collaborators: Collaborators) -> AsyncIterator[Runner]:
    async with working(collaborators) as runner:
        yield runner
