"""A simulator whose ids are those of the examples, and our own program in front of it."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from app.bootstrap import Collaborators, build
from app.settings import Settings, load_settings
from tests.conftest import _execute
from tests.contract.document import Document, committed
from tests.contract.served import Served
from tests.contract.served import served as serving
from tests.journeys.conftest import PREFERENCES, pointed
from tests.simulator_server import SimulatorServer

SEED = {"profile": "ca", "customers": 20, "items": 8, "invoices": 6}


@pytest.fixture(scope="session")
def document() -> Document:
    return committed()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`ledgerwire serve` with its own embedded stores, and the simulator beside it."""
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(scope="module")
def books() -> Iterator[SimulatorServer]:
    with SimulatorServer(switch={"throttle": False}, **SEED) as server:
        server.preferences(PREFERENCES)
        yield server


@pytest.fixture(scope="module")
async def module_settings(
    postgres_url: str,
    redis_url: str,
    books: SimulatorServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Settings]:
    """Settings with a database of this module's own."""
    name = f"contract_{secrets.token_hex(4)}"
    await _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE template_lw")
    settings = load_settings(
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("contract"),
        database_url=postgres_url.rsplit("/", 1)[0] + f"/{name}",
        redis_url=redis_url,
        public_url="http://127.0.0.1:8400",
        wait_scale=0.01,
    )
    yield pointed(settings, books)
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def module_collaborators(
    module_settings: Settings, redis_url: str
) -> AsyncIterator[Collaborators]:
    url = module_settings.database_url
    assert url is not None
    made = build(module_settings, database_url=url, redis_url=redis_url)
    yield made
    await made.close()
