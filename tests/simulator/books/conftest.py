from __future__ import annotations

import pytest

from tests.simulator.books.builders import Bench


@pytest.fixture
def bench() -> Bench:
    """A Canadian company whose automatic application is switched off."""
    return Bench()


@pytest.fixture
def pushy() -> Bench:
    """A Canadian company as founded: it applies credits and payments by itself."""
    return Bench(auto_apply=True)
