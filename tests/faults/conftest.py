"""The machinery of the faults: a simulator, a landscape to clone, a process to fork from."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.settings import Settings, load_settings
from tests.faults.landscape import Landscape, build_landscape, database
from tests.faults.workers import Workers, forking
from tests.simulator_server import SimulatorServer

# Merchants in one world, for tests that are marked `crowd`; the others need one.
SELLERS = 6
WAIT_SCALE = 0.02


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real processes die here by the dozen; `make faults` runs them, `make test` does not."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "crowd: needs six merchants in one world")


@pytest.fixture(scope="session")
def fault_simulator() -> Iterator[SimulatorServer]:
    # Not approved by itself: then it would always be the first company.
    options = {"profile": "ca", "customers": 0, "items": 1, "switch": {"throttle": False}}
    with SimulatorServer(auto_approve=False, **options) as server:
        yield server


@pytest.fixture(scope="session")
def fault_settings(
    tmp_path_factory: pytest.TempPathFactory, fault_simulator: SimulatorServer, redis_url: str
) -> Settings:
    settings = load_settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("faults"),
        redis_url=redis_url,
        public_url="http://127.0.0.1:8400",
        quickbooks_client_id=fault_simulator.client_id,
        quickbooks_client_secret=fault_simulator.client_secret,
        quickbooks_discovery_url=fault_simulator.discovery_url,
        quickbooks_api_url=fault_simulator.api_url,
        limit_requests_per_second=1000,
        limit_requests_per_minute=100_000,
        limit_all_per_minute=100_000,
        wait_scale=WAIT_SCALE,
    )
    fault_simulator.control.put(
        "/redirect-uris", json={"redirect_uris": [settings.callback_url]}
    ).raise_for_status()
    return settings


@pytest.fixture(scope="session")
async def landscape(
    request: pytest.FixtureRequest,
    fault_settings: Settings,
    fault_simulator: SimulatorServer,
    postgres_url: str,
) -> AsyncIterator[Landscape]:
    """As many merchants as the tests of this session want at once."""
    crowded = any(item.get_closest_marker("crowd") for item in request.session.items)
    async with database(postgres_url, template="template_lw") as url:
        yield await build_landscape(fault_settings, fault_simulator, url, SELLERS if crowded else 1)


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder: Path = tmp_path_factory.mktemp("workers")
    with forking(folder) as made:
        yield made
