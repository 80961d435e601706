"""Batches: independent items, always 200, answers found by bId."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.harness import Harness, code_of, exact


def create(batch_id: str, name: str) -> dict[str, Any]:
    return {"bId": batch_id, "operation": "create", "Customer": {"DisplayName": name}}


async def items(harness: Harness, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await harness.post("batch", {"BatchItemRequest": list(requests)})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"BatchItemResponse", "time"}
    return list(exact(answer)["BatchItemResponse"])


def codes(found: list[dict[str, Any]]) -> list[str | None]:
    return [item["Fault"]["Error"][0]["code"] if "Fault" in item else None for item in found]


async def test_every_kind_of_item(harness: Harness) -> None:
    customer = await harness.create("Customer", {"DisplayName": "Acme"})
    payment = await harness.create(
        "Payment", {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": 5}
    )

    found = await items(
        harness,
        create("c", "New"),
        {
            "bId": "u",
            "operation": "update",
            "Customer": {"Id": customer["Id"], "SyncToken": "0", "sparse": True, "Notes": "x"},
        },
        {"bId": "d", "operation": "delete", "Payment": {"Id": payment["Id"], "SyncToken": "0"}},
        {"bId": "q", "Query": "select * from Customer where DisplayName = 'New'"},
    )

    assert [list(item) for item in found] == [
        ["Customer", "bId"],
        ["Customer", "bId"],
        ["Payment", "bId"],
        ["QueryResponse", "bId"],
    ]
    assert found[2]["Payment"]["status"] == "Deleted"
    assert found[3]["QueryResponse"]["maxResults"] == 1


async def test_one_bad_item_leaves_the_others_alone(harness: Harness) -> None:
    found = await items(
        harness,
        create("1", "Acme"),
        create("2", "Acme"),
        create("3", "Other"),
        {"bId": "4", "operation": "delete", "Invoice": {"Id": "129", "SyncToken": "0"}},
        {"bId": "5", "Query": "select * from Nothing"},
    )

    assert codes(found) == [None, "6240", None, "610", "4001"]


async def test_thirty_are_enough(harness: Harness) -> None:
    requests = [create(str(number), f"Customer {number}") for number in range(31)]

    full = await harness.post("batch", {"BatchItemRequest": requests[:30]})
    too_many = await harness.post("batch", {"BatchItemRequest": requests})

    assert full.status_code == 200
    assert (too_many.status_code, code_of(too_many)) == (400, "1040")


async def test_void_is_not_documented_and_so_refused(harness: Harness) -> None:
    void = {"bId": "1", "operation": "void", "Invoice": {"Id": "1", "SyncToken": "0"}}
    by_options = {**void, "operation": "update", "optionsData": "void"}

    by_default = await items(harness, void, by_options)
    harness.world.switches.batch_void = True
    by_switch = await items(harness, void, by_options)

    assert codes(by_default) == ["500", "500"]
    assert codes(by_switch) == ["610", "610"]


@pytest.mark.parametrize(
    "item",
    [
        {"bId": "1"},
        {"bId": "1", "operation": "create", "Nothing": {}},
        {"bId": "1", "operation": "create", "Customer": {}, "Item": {}},
        {"bId": "1", "operation": "create", "Customer": []},
    ],
)
async def test_items_that_are_none(harness: Harness, item: dict[str, Any]) -> None:
    assert codes(await items(harness, item)) == ["2010"]


@pytest.mark.parametrize("body", [{}, {"BatchItemRequest": {}}, {"BatchItemRequest": ["x"]}, []])
async def test_bodies_that_are_no_batch(harness: Harness, body: Any) -> None:
    answer = await harness.post("batch", body)

    assert (answer.status_code, code_of(answer)) == (400, "2010")


async def test_more_than_a_thousand_objects_are_too_many(harness: Harness) -> None:
    from simulator.world import Seeding

    realm = next(iter(harness.world.realms.values()))
    harness.world.fill(realm, Seeding(customers=600, awkward=False, inactive=False))
    query = {"Query": "select * from Customer maxresults 600"}

    found = await items(harness, {"bId": "1", **query}, {"bId": "2", **query})

    assert codes(found) == [None, "10100"]


async def test_shuffled_items_keep_their_ids(harness: Harness) -> None:
    harness.world.switches.batch_shuffle = True
    requests = [create(str(number), f"Customer {number}") for number in range(30)]

    found = await items(harness, *requests)

    order = [item["bId"] for item in found]
    assert order != sorted(order, key=int)
    for item in found:
        assert item["Customer"]["DisplayName"] == f"Customer {item['bId']}"


class TestFaults:
    async def test_missing_and_doubled_answers(self, harness: Harness) -> None:
        harness.fault(operation="batch", action={"batch": {"drop": ["a"], "double": ["1"]}})

        found = await items(harness, create("a", "A"), create("b", "B"), create("c", "C"))

        assert [item["bId"] for item in found] == ["b", "b", "c"]
        assert (await harness.query("select count(*) from Customer"))["totalCount"] == 3

    @pytest.mark.parametrize(("when", "written"), [("before", 1), ("after", 2)])
    async def test_an_items_fault(self, harness: Harness, when: str, written: int) -> None:
        fault = {"code": "3001", "message": "ThrottleExceeded", "type": "SERVICE"}
        harness.fault(operation="batch", action={"batch": {"faults": {"b": fault}, "when": when}})

        found = await items(harness, create("a", "A"), create("b", "B"))

        assert codes(found) == [None, "3001"]
        count = await harness.query("select count(*) from Customer")
        assert count["totalCount"] == written


async def test_every_item_is_metered(harness: Harness) -> None:
    realm = next(iter(harness.world.realms.values()))

    await items(
        harness,
        create("1", "A"),
        create("2", "A"),
        {"bId": "3", "Query": "select * from Customer"},
    )

    assert realm.counters.to_json() == {"reads": 1, "writes": 1, "refused": 1, "throttled": 0}
