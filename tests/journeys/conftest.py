"""The simulator, the app pointed at it, and a merchant."""

import itertools
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI

from app.bootstrap import Collaborators, build
from app.jobs.runner import Runner
from app.main import create_app
from app.settings import Settings, load_settings
from tests.conftest import _execute
from tests.journeys.cases import Case, Town
from tests.journeys.world import Merchant, working
from tests.simulator_server import SimulatorServer

_cases = itertools.count(1)

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
    return pointed(settings, simulator)


def pointed(settings: Settings, simulator: SimulatorServer) -> Settings:
    """Point the settings at the simulator, and lift limits that tests would only wait for."""
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


@pytest.fixture(scope="module")
async def town(
    postgres_url: str,
    redis_url: str,
    shared_simulator: SimulatorServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Town]:
    """
    A merchant who is set up once for a whole module, with a worker at hand.

    A module that uses it must not use `simulator`, which starts the books anew.
    """
    shared_simulator.reset()
    shared_simulator.switches(authorize="page")  # whoever connects says which company
    shared_simulator.preferences(PREFERENCES)
    name = f"town_{secrets.token_hex(4)}"
    await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_lw")
    url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
    settings = load_settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("town"),
        database_url=url,
        redis_url=redis_url,
        public_url="http://127.0.0.1:8400",
        wait_scale=0.01,
    )
    made = build(pointed(settings, shared_simulator), database_url=url, redis_url=redis_url)
    headers = {"Authorization": f"Bearer {settings.operator_key}"}
    merchant = Town(create_app(made), shared_simulator, headers)
    async with working(made):
        await merchant.set_up()
        yield merchant
    await merchant.http.aclose()
    await made.close()
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def case(town: Town) -> Case:
    """A case of this test's own in the shared town."""
    return await Case(town, next(_cases)).with_customer()
