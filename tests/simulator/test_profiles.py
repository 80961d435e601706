"""Every kind of company speaks the same protocol."""

from __future__ import annotations

import httpx
import pytest

from simulator.app import create_app
from simulator.books.company import Company
from simulator.clock import Clock
from simulator.oauth.grants import App
from simulator.profiles import PROFILES
from simulator.switches import Switches
from simulator.world import CompanySpec, Seeding, World
from tests.simulator.harness import BASE_URL, CLIENT, REALM, START, Harness, exact


@pytest.mark.parametrize("profile", sorted(PROFILES))
async def test_every_list_can_be_queried(profile: str) -> None:
    world = World(
        app=App(*CLIENT),
        companies=[CompanySpec(REALM, profile, Seeding(customers=15, items=6))],
        clock=Clock(START, monotonic=lambda: 0.0),
        switches=Switches(throttle=False),
    )
    transport = httpx.ASGITransport(app=create_app(world, BASE_URL))

    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        harness = Harness(world, client)
        for entity in Company.entities:
            found = await harness.query(
                f"select * from {entity} orderby MetaData.LastUpdatedTime"  # noqa: S608
            )
            count = await harness.query(f"select count(*) from {entity}")  # noqa: S608
            assert len(found.get(entity, [])) == min(count["totalCount"], 100)
        answer = await harness.get("exchangerate", sourcecurrencycode="EUR")

    if answer.status_code == 200:
        rate = exact(answer)["ExchangeRate"]
        assert rate["SourceCurrencyCode"] == "EUR"
        assert rate["Rate"] > 0
