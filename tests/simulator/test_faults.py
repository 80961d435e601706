"""Fault plans: what happens to the call, and what to the books."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.simulator.harness import REALM, Harness, code_of
from tests.simulator_server import SimulatorServer

CUSTOMER = {"DisplayName": "Acme Rockets"}


async def customers(harness: Harness) -> int:
    found = await harness.query("select count(*) from Customer")
    return int(found["totalCount"])


class TestWhen:
    @pytest.mark.parametrize(("when", "written"), [("before", 0), ("after", 1)])
    @pytest.mark.parametrize(
        "action",
        [
            {"status": 503},
            {"status": 500, "body": "oops"},
            {"html": True},
            {"fault": {"code": "10000", "type": "SystemFault", "status": 500}},
            {"fault": {"code": "6000", "status": 200}},
            {"throttled": True},
            {"unauthorized": True},
        ],
    )
    async def test_before_and_after_the_write(
        self, harness: Harness, action: dict[str, Any], when: str, written: int
    ) -> None:
        harness.fault(operation="create", times=1, action={**action, "when": when})

        answer = await harness.post("customer", CUSTOMER)

        assert "Customer" not in answer.text
        assert await customers(harness) == written

    async def test_the_default_replacement_is_a_gateway_timeout(self, harness: Harness) -> None:
        harness.fault(operation="create", action={"apply_later": 30})

        answer = await harness.post("customer", CUSTOMER)

        assert answer.status_code == 504
        assert answer.headers["content-type"] == "text/html"


class TestMatching:
    async def test_nth_and_times(self, harness: Harness) -> None:
        harness.fault(operation="create", nth=[2, 4], action={"status": 503})
        harness.fault(operation="create", times=1, action={"status": 502})

        found = [
            (await harness.post("customer", {"DisplayName": f"C{number}"})).status_code
            for number in range(5)
        ]

        assert found == [502, 503, 200, 503, 200]

    async def test_by_entity_operation_method_path_body_and_requestid(
        self, harness: Harness
    ) -> None:
        match = {
            "entity": "^customer$",
            "operation": "create",
            "method": "POST",
            "path": REALM,
            "body": "Rockets",
            "requestid": "^x",
        }
        harness.fault(**match, action={"status": 503})

        fits = await harness.post("customer", CUSTOMER, requestid="x1")
        another_id = await harness.post("customer", CUSTOMER, requestid="y1")
        another_entity = await harness.post("item", CUSTOMER, requestid="x2")

        assert fits.status_code == 503
        assert another_id.status_code == 200
        assert another_entity.status_code == 400

    async def test_probability_is_reproducible(self, harness: Harness) -> None:
        async def run() -> list[int]:
            harness.world.plan.clear()
            harness.fault(operation="query", probability=0.5, seed=7, action={"status": 503})
            return [
                (await harness.get("query", query="select * from Item")).status_code
                for _ in range(20)
            ]

        first, second = await run(), await run()

        assert first == second
        assert set(first) == {200, 503}

    async def test_token_calls_can_fail_too(self, harness: Harness) -> None:
        harness.fault(
            operation="refresh", action={"status": 400, "body": {"error": "invalid_grant"}}
        )

        answer = await harness.token_call(grant_type="refresh_token", refresh_token="x")

        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


class TestTokens:
    async def test_one_401_and_then_well_again(self, harness: Harness) -> None:
        harness.fault(operation="query", times=1, action={"unauthorized": True})

        first = await harness.get("query", query="select * from Item")
        second = await harness.get("query", query="select * from Item")

        assert (first.status_code, code_of(first)) == (401, "3200")
        assert second.status_code == 200

    async def test_revoked_in_the_middle(self, harness: Harness) -> None:
        harness.fault(operation="create", nth=2, action={"revoke": True})

        found = [
            (await harness.post("customer", {"DisplayName": f"C{number}"})).status_code
            for number in range(3)
        ]

        assert found == [200, 401, 401]


class TestAnswers:
    async def test_torn_json_after_the_write(self, harness: Harness) -> None:
        harness.fault(operation="create", times=1, action={"torn": True})

        answer = await harness.post("customer", CUSTOMER)

        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        assert await customers(harness) == 1

    async def test_a_fault_with_status_200(self, harness: Harness) -> None:
        harness.fault(operation="query", action={"fault": {"code": "4000", "status": 200}})

        answer = await harness.get("query", query="select * from Item")

        assert (answer.status_code, code_of(answer)) == (200, "4000")

    async def test_headers(self, harness: Harness) -> None:
        harness.fault(
            operation="query", action={"throttled": True, "headers": {"Retry-After": "7"}}
        )

        answer = await harness.get("query", query="select * from Item")

        assert answer.headers["retry-after"] == "7"

    async def test_a_delay_is_felt(self, harness: Harness) -> None:
        harness.fault(operation="query", action={"delay": 0.05})
        before = time.monotonic()

        answer = await harness.get("query", query="select * from Item")

        assert answer.status_code == 200
        assert time.monotonic() - before >= 0.05


class TestLateWrites:
    async def test_they_are_applied_when_their_time_comes(self, harness: Harness) -> None:
        harness.fault(operation="create", times=1, action={"apply_later": 100})
        await harness.post("customer", CUSTOMER)

        harness.world.clock.advance(99)
        before = await customers(harness)
        harness.world.clock.advance(100)
        found = await harness.query("select * from Customer")

        assert before == 0
        created = found["Customer"][0]["MetaData"]["CreateTime"]
        assert created == "2026-03-02T12:01:40-08:00"

    async def test_a_repeat_with_the_same_id_does_not_double_them(self, harness: Harness) -> None:
        harness.fault(operation="create", times=1, action={"apply_later": 100})
        await harness.post("customer", CUSTOMER, requestid="a")

        repeat = await harness.post("customer", CUSTOMER, requestid="a")
        harness.world.clock.advance(200)

        assert repeat.status_code == 200
        assert await customers(harness) == 1

    async def test_with_ids_ignored_they_do_double(self, harness: Harness) -> None:
        made = await harness.create("Customer", CUSTOMER)
        payment = {"CustomerRef": {"value": made["Id"]}, "TotalAmt": 5}
        harness.world.switches.requestid = "ignored"
        harness.fault(entity="payment", times=1, action={"apply_later": 100})
        await harness.post("payment", payment, requestid="a")

        await harness.post("payment", payment, requestid="a")
        harness.world.clock.advance(200)

        found = await harness.query("select count(*) from Payment")
        assert found["totalCount"] == 2

    async def test_a_bad_token_is_refused_at_once(self, harness: Harness) -> None:
        harness.fault(operation="create", action={"apply_later": 100})
        harness.token = "x" * 100

        answer = await harness.post("customer", CUSTOMER)

        assert answer.status_code == 401


class TestSwitchesForOneCall:
    async def test_requestid_ignored_by_rule(self, harness: Harness) -> None:
        made = await harness.create("Customer", CUSTOMER)
        payment = {"CustomerRef": {"value": made["Id"]}, "TotalAmt": 5}
        harness.fault(entity="payment", action={"requestid": "ignored"})

        for _ in range(2):
            await harness.post("payment", payment, requestid="a")

        found = await harness.query("select count(*) from Payment")
        assert found["totalCount"] == 2

    async def test_query_lag_by_rule(self, harness: Harness) -> None:
        await harness.create("Customer", CUSTOMER)
        harness.fault(operation="query", times=1, action={"query_lag": 60})

        assert await customers(harness) == 0
        assert await customers(harness) == 1


class TestCutConnections:
    """Only a real socket can be cut."""

    @pytest.fixture
    def client(self, server: SimulatorServer) -> Any:
        server.reset()
        token = server.issue_tokens()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        base = f"{server.api_url}/v3/company/{server.realm_id}"
        with httpx.Client(base_url=base, headers=headers) as client:
            yield client

    @pytest.mark.parametrize(
        ("action", "written"),
        [
            ({"cut": "before_answer"}, 0),
            ({"cut": "before_answer", "when": "after"}, 1),
            ({"cut": "mid_answer"}, 1),
        ],
    )
    def test_the_client_sees_a_broken_connection(
        self, server: SimulatorServer, client: httpx.Client, action: dict[str, Any], written: int
    ) -> None:
        server.add_faults({"match": {"operation": "create", "times": 1}, "action": action})

        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/customer", json=CUSTOMER)

        assert len(server.documents("Customer")) == written
        assert client.post("/customer", json={"DisplayName": "Next"}).status_code == 200
        assert server.requests(operation="create")[0]["cut"] is True


class TestKept:
    async def test_a_kept_refusal_is_replayed_to_its_request_id_only(
        self, harness: Harness
    ) -> None:
        action = {"fault": {"code": "6000", "status": 400}, "kept": True}
        harness.fault(operation="create", times=1, action=action)
        first = await harness.post("customer", CUSTOMER, requestid="a")

        again = await harness.post("customer", CUSTOMER, requestid="a")
        other = await harness.post("customer", CUSTOMER, requestid="b")

        assert (first.status_code, again.status_code, other.status_code) == (400, 400, 200)
        assert again.content == first.content
        assert await customers(harness) == 1
