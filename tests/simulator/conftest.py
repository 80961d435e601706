"""Fixtures of the simulator's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.simulator.harness import Harness, running
from tests.simulator_server import simulator_fixture

server = simulator_fixture(
    profile="ca", realm=["4620816365000000001", "4620816365000000002"], switch={"throttle": False}
)


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with running() as started:
        yield started
