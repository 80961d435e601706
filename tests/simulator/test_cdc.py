"""Change data capture."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.world import Seeding
from tests.simulator.harness import Harness, code_of

LONG_AGO = "2026-01-01T00:00:00-08:00"
START = "2026-03-02T12:00:00-08:00"


async def captured(harness: Harness, entities: str, since: str = START) -> list[dict[str, Any]]:
    answer = await harness.get("cdc", entities=entities, changedSince=since)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"CDCResponse", "time"}
    return list(answer.json()["CDCResponse"][0]["QueryResponse"])


async def test_one_member_an_entity_in_asked_order(harness: Harness) -> None:
    await harness.create("Customer", {"DisplayName": "Acme"})

    found = await captured(harness, "Invoice,customer,Item")

    assert found[0] == {}
    assert list(found[1]) == ["Customer", "startPosition", "maxResults"]
    assert found[2] == {}


async def test_only_what_changed_the_oldest_change_first(harness: Harness) -> None:
    ids = [
        (await harness.create("Customer", {"DisplayName": f"Customer {number}"}))["Id"]
        for number in range(3)
    ]
    for moment, at in ((10, 2), (20, 0)):
        harness.world.clock.advance(moment)
        body = {"Id": ids[at], "SyncToken": "0", "sparse": True, "Notes": "x"}
        await harness.create("Customer", body)

    found = await captured(harness, "Customer", "2026-03-02T20:00:01Z")

    assert [row["Id"] for row in found[0]["Customer"]] == [ids[2], ids[0]]


async def test_deleted_ones_are_stubs_at_the_end(harness: Harness) -> None:
    customer = await harness.create("Customer", {"DisplayName": "Acme"})
    body = {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": 5}
    gone = await harness.create("Payment", body)
    kept = await harness.create("Payment", body)
    await harness.post("payment", {"Id": gone["Id"], "SyncToken": "0"}, operation="delete")

    found = await captured(harness, "Payment")

    live, stub = found[0]["Payment"]
    assert live["Id"] == kept["Id"]
    assert stub == {
        "status": "Deleted",
        "domain": "QBO",
        "Id": gone["Id"],
        "MetaData": {"LastUpdatedTime": "2026-03-02T12:00:00-08:00"},
    }
    assert (found[0]["startPosition"], found[0]["maxResults"]) == (1, 2)


async def test_a_member_of_stubs_only(harness: Harness) -> None:
    customer = await harness.create("Customer", {"DisplayName": "Acme"})
    made = await harness.create(
        "Payment", {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": 5}
    )
    await harness.post("payment", {"Id": made["Id"], "SyncToken": "0"}, operation="delete")

    found = await captured(harness, "Payment")

    assert list(found[0]) == ["Payment", "maxResults", "totalCount"]


async def test_a_thousand_objects_in_all(harness: Harness) -> None:
    realm = next(iter(harness.world.realms.values()))
    harness.world.switches.cdc_old_since = "answer"
    harness.world.fill(realm, Seeding(customers=900, items=300))

    found = await captured(harness, "Customer,Item", "2020-01-01T00:00:00Z")

    customers = found[0]["maxResults"]
    assert customers >= 900
    assert customers + found[1]["maxResults"] == 1000


class TestLookBack:
    async def test_clipped_by_default(self, harness: Harness) -> None:
        realm = next(iter(harness.world.realms.values()))
        harness.world.fill(realm, Seeding(customers=5))
        await harness.create("Customer", {"DisplayName": "Fresh"})

        found = await captured(harness, "Customer", LONG_AGO)

        assert [row["DisplayName"] for row in found[0]["Customer"]] == ["Fresh"]

    async def test_refused_by_switch(self, harness: Harness) -> None:
        harness.world.switches.cdc_old_since = "refuse"

        answer = await harness.get("cdc", entities="Customer", changedSince=LONG_AGO)

        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("entities", "since", "code"),
    [
        ("TaxCode", START, "4002"),
        ("TaxRate,Customer", START, "4002"),
        ("Custmoer", START, "4001"),
        ("", START, "2020"),
        ("Customer", "", "2020"),
        ("Customer", "yesterday", "2090"),
    ],
)
async def test_refusals(harness: Harness, entities: str, since: str, code: str) -> None:
    answer = await harness.get("cdc", entities=entities, changedSince=since)

    assert (answer.status_code, code_of(answer)) == (400, code)
