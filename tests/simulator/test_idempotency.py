"""requestid: honoured, ignored, forgotten, too long, and inside a batch."""

from __future__ import annotations

from typing import Any

from tests.simulator.harness import OTHER_REALM, Harness, code_of

CUSTOMER = {"DisplayName": "Acme Rockets"}
PAYMENT_CUSTOMER = {"DisplayName": "Payer"}


async def payments(harness: Harness) -> int:
    found = await harness.query("select count(*) from Payment")
    return int(found["totalCount"])


async def build_payment(harness: Harness) -> dict[str, Any]:
    customer = await harness.create("Customer", PAYMENT_CUSTOMER)
    return {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": 25}


class TestSingleCalls:
    async def test_a_repeat_gets_the_stored_answer_and_writes_nothing(
        self, harness: Harness
    ) -> None:
        payment = await build_payment(harness)
        first = await harness.post("payment", payment, requestid="a")
        harness.world.clock.advance(3000)

        second = await harness.post("payment", payment, requestid="a")

        assert second.content == first.content
        assert second.headers["intuit_tid"] != first.headers["intuit_tid"]
        assert await payments(harness) == 1

    async def test_another_body_gets_the_stored_answer_too(self, harness: Harness) -> None:
        payment = await build_payment(harness)
        first = await harness.post("payment", payment, requestid="a")

        second = await harness.post("payment", {**payment, "TotalAmt": 26}, requestid="a")

        assert second.content == first.content

    async def test_another_body_is_refused_by_switch(self, harness: Harness) -> None:
        harness.world.switches.requestid_other_body = "fault"
        payment = await build_payment(harness)
        await harness.post("payment", payment, requestid="a")

        second = await harness.post("payment", {**payment, "TotalAmt": 26}, requestid="a")

        assert code_of(second) == "600"

    async def test_ignored(self, harness: Harness) -> None:
        harness.world.switches.requestid = "ignored"
        payment = await build_payment(harness)

        for _ in range(2):
            await harness.post("payment", payment, requestid="a")

        assert await payments(harness) == 2

    async def test_forgotten(self, harness: Harness) -> None:
        harness.world.switches.requestid_forget_seconds = 100
        payment = await build_payment(harness)
        await harness.post("payment", payment, requestid="a")
        harness.world.clock.advance(99)
        await harness.post("payment", payment, requestid="a")
        within = await payments(harness)
        harness.world.clock.advance(1)
        await harness.post("payment", payment, requestid="a")

        assert (within, await payments(harness)) == (1, 2)

    async def test_stored_faults_come_back(self, harness: Harness) -> None:
        """Although the cause is gone: a corrected write needs a new id."""
        first = await harness.post("customer", {"DisplayName": ""}, requestid="a")
        second = await harness.post("customer", CUSTOMER, requestid="a")
        harness.world.switches.requestid_replays_faults = False
        await harness.post("customer", {"DisplayName": ""}, requestid="b")
        third = await harness.post("customer", CUSTOMER, requestid="b")

        assert first.status_code == 400
        assert second.content == first.content
        assert third.status_code == 200

    async def test_fifty_signs_at_most(self, harness: Harness) -> None:
        fits = await harness.post("customer", CUSTOMER, requestid="x" * 50)
        too_long = await harness.post("customer", CUSTOMER, requestid="x" * 51)

        assert fits.status_code == 200
        assert (too_long.status_code, code_of(too_long)) == (400, "2130")

    async def test_ids_belong_to_a_company(self, harness: Harness) -> None:
        await harness.post("customer", CUSTOMER, requestid="a")
        other = harness.world.grants.issue("ABclient", OTHER_REALM).access_token

        answer = await harness.client.post(
            harness.path("customer", OTHER_REALM),
            json={"DisplayName": "Somebody else"},
            params={"requestid": "a"},
            headers={"Authorization": f"Bearer {other}"},
        )

        assert answer.json()["Customer"]["DisplayName"] == "Somebody else"


class TestBatches:
    async def test_request_id_and_item_id_are_the_key(self, harness: Harness) -> None:
        payment = await build_payment(harness)
        item = {"bId": "1", "operation": "create", "Payment": payment}
        batch = {"BatchItemRequest": [item]}
        first = await harness.post("batch", batch, requestid="a")

        repeated = await harness.post("batch", batch, requestid="a")
        again = await harness.post(
            "batch", {"BatchItemRequest": [{**item, "bId": "2"}]}, requestid="a"
        )
        alone = await harness.post("payment", payment, requestid="a")

        assert repeated.json()["BatchItemResponse"] == first.json()["BatchItemResponse"]
        assert again.json()["BatchItemResponse"] != first.json()["BatchItemResponse"]
        assert alone.status_code == 200
        assert await payments(harness) == 3

    async def test_lengths_are_shorter(self, harness: Harness) -> None:
        item = {"bId": "1", "operation": "create", "Customer": CUSTOMER}
        long_item = {**item, "bId": "x" * 11}

        too_long = await harness.post("batch", {"BatchItemRequest": [item]}, requestid="x" * 37)
        long_id = await harness.post("batch", {"BatchItemRequest": [long_item]}, requestid="x")
        without = await harness.post("batch", {"BatchItemRequest": [long_item]})

        assert code_of(too_long) == "2130"
        assert code_of(long_id) == "2130"
        assert "Customer" in without.json()["BatchItemResponse"][0]
