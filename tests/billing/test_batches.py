"""Many records at once: each stands alone, and the answer has the form of the question."""

import asyncio
import json
import time
from typing import Any

import httpx

from app.billing.batch import MOST_IN_ARRAY, MOST_LINES
from app.billing.kinds import BillingKind
from tests.billing.test_records import record
from tests.conftest import make_tenant

NDJSON = {"Content-Type": "application/x-ndjson"}


def customer(number: int, **changes: Any) -> dict[str, Any]:
    return record(BillingKind.CUSTOMER, billing_id=f"cus_{number}", **changes)


def charge(billing_id: str, price_code: str, **changes: Any) -> dict[str, Any]:
    return record(BillingKind.CHARGE, billing_id=billing_id, price_code=price_code) | changes


def invoice(number: int, **changes: Any) -> dict[str, Any]:
    return record(BillingKind.INVOICE, billing_id=f"inv_{number}", number=f"N{number}", **changes)


def lines(*records: Any) -> bytes:
    return b"\n".join(json.dumps(entry).encode() for entry in records)


def fates(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["status"] for row in answer.json()["results"]]


class TestArrays:
    async def test_every_record_stands_alone(self, client: httpx.AsyncClient, billing: str) -> None:
        await client.post(f"{billing}/customers/batch", json=[customer(1), customer(2)])
        batch = [
            customer(1),
            customer(2, display_name="New"),
            customer(2, updated_at="2020-01-01T00:00:00Z"),
            customer(3, display_name="a\x00"),
            customer(4, unknown=1),
            7,
            customer(5),
        ]

        answer = await client.post(f"{billing}/customers/batch", json=batch)

        assert fates(answer) == [
            "unchanged",
            "updated",
            "stale",
            "refused",
            "refused",
            "refused",
            "created",
        ]
        assert answer.json()["counts"] == {
            "total": 7,
            "created": 1,
            "updated": 1,
            "unchanged": 1,
            "stale": 1,
            "refused": 3,
        }
        problem = answer.json()["results"][4]["problem"]
        assert problem["errors"][0]["pointer"] == "/unknown"
        assert answer.json()["results"][3]["billing_id"] == "cus_3"

    async def test_a_record_that_stands_twice_updates_itself(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        batch = [customer(1), customer(1, display_name="b"), customer(1, display_name="c")]

        answer = await client.post(f"{billing}/customers/batch", json=batch)

        found = (await client.get(f"{billing}/customers/cus_1")).json()
        assert fates(answer) == ["created", "updated", "updated"]
        assert (found["display_name"], found["revision"]) == ("c", 3)

    async def test_price_codes_are_unique_within_the_batch_too(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await client.post(f"{billing}/charges/batch", json=[charge("a", "A")])
        batch = [charge("b", "A"), charge("a", "A2"), charge("b", "A"), charge("c", "A")]

        answer = await client.post(f"{billing}/charges/batch", json=batch)

        assert fates(answer) == ["refused", "updated", "created", "refused"]
        assert answer.json()["results"][0]["problem"]["code"] == "price_code_taken"

    async def test_documents_are_added_up(self, client: httpx.AsyncClient, billing: str) -> None:
        batch = [invoice(1), invoice(2, total="1.00"), invoice(3)]

        answer = await client.post(f"{billing}/invoices/batch", json=batch)

        assert fates(answer) == ["created", "refused", "created"]
        assert answer.json()["results"][1]["problem"]["difference"] == "-113.98"

    async def test_an_id_is_needed(self, client: httpx.AsyncClient, billing: str) -> None:
        body = customer(1)
        del body["billing_id"]

        answer = await client.post(f"{billing}/customers/batch", json=[body])

        assert answer.json()["results"][0]["problem"]["errors"][0]["pointer"] == "/billing_id"

    async def test_repeating_it_gives_the_same_answer(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        headers = {"Idempotency-Key": "batch-1"}
        address = f"{billing}/customers/batch"

        first = await client.post(address, json=[customer(1)], headers=headers)
        again = await client.post(address, json=[customer(1)], headers=headers)
        other = await client.post(address, json=[customer(2)], headers=headers)

        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert other.status_code == 409
        assert other.json()["code"] == "idempotency_key_reused"


class TestLines:
    async def test_come_back_as_lines_with_counts_last(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        body = (
            lines(invoice(1))
            + b"\n\n{not json}\n\xff\xfe\n"
            + lines([1], invoice(2, total="0"), invoice(3, customer="\ud800"))
            + b"\r\n"
            + b"[" * 100_000
            + b"\n"
        )

        answer = await client.post(f"{billing}/invoices/batch", content=body, headers=NDJSON)

        assert answer.headers["content-type"].startswith("application/x-ndjson")
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert [row.get("status") for row in rows] == [
            "created",
            "refused",
            "refused",
            "refused",
            "refused",
            "refused",
            "refused",
            None,
        ]
        assert [row.get("index") for row in rows[:-1]] == list(range(7))
        assert rows[-1]["counts"]["total"] == 7
        assert rows[1]["problem"]["code"] == "malformed_json"

    async def test_replays_come_as_lines_too(self, client: httpx.AsyncClient, billing: str) -> None:
        headers = NDJSON | {"Idempotency-Key": "k"}
        address = f"{billing}/customers/batch"

        first = await client.post(address, content=lines(customer(1)), headers=headers)
        again = await client.post(address, content=lines(customer(1)), headers=headers)

        assert again.text == first.text
        assert again.headers["content-type"].startswith("application/x-ndjson")

    async def test_thousands_are_taken_while_others_are_answered(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        """
        While two thousand invoices are taken in, other requests are answered in between.
        """
        body = lines(*(invoice(number) for number in range(2000)))

        taking = asyncio.create_task(
            client.post(f"{billing}/invoices/batch", content=body, headers=NDJSON, timeout=60)
        )
        longest, answered = 0.0, 0
        while not taking.done():
            started = time.monotonic()
            assert (await client.get("/v1/providers")).status_code == 200
            longest, answered = max(longest, time.monotonic() - started), answered + 1
        counts = json.loads((await taking).text.splitlines()[-1])["counts"]

        assert counts["created"] == 2000
        assert answered >= 3


class TestWholeRequests:
    async def test_that_are_no_array_are_refused(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        for body in (b"{}", b"", b"[", b"[NaN]", b"\xff", b"[" * 100_000):
            answer = await client.post(
                f"{billing}/customers/batch",
                content=body,
                headers={"Content-Type": "application/json"},
            )

            assert answer.status_code == 422, body[:10]

    async def test_that_are_too_long_are_refused(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        address = f"{billing}/customers/batch"

        array = await client.post(address, json=[1] * (MOST_IN_ARRAY + 1))
        many = await client.post(address, content=b"1\n" * (MOST_LINES + 1), headers=NDJSON)
        large = await client.post(address, json=["x" * 9_000_000])

        assert [array.status_code, many.status_code, large.status_code] == [413] * 3
        assert array.json()["code"] == "too_many_records"

    async def test_of_another_type_are_refused(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        address = f"{billing}/customers/batch"

        csv = await client.post(address, content=b"a", headers={"Content-Type": "text/csv"})
        packed = await client.post(address, json=[], headers={"Content-Encoding": "gzip"})

        assert [csv.status_code, packed.status_code] == [415, 415]

    async def test_of_readers_are_refused(
        self,
        anonymous: httpx.AsyncClient,
        client: httpx.AsyncClient,
        billing: str,
        operator_headers: dict[str, str],
    ) -> None:
        organization, _ = await make_tenant(anonymous, operator_headers, "Other")
        key = await anonymous.post(
            f"/v1/organizations/{organization}/api-keys",
            json={"name": "reader", "scopes": ["read"]},
            headers=operator_headers,
        )

        answer = await anonymous.post(
            f"{billing}/customers/batch",
            json=[],
            headers={"Authorization": f"Bearer {key.json()['key']}"},
        )

        assert answer.status_code == 403


class TestRaces:
    async def test_a_code_goes_to_one_of_two_who_want_it_at_once(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        answers = await asyncio.gather(
            *(
                client.put(f"{billing}/charges/{name}", json=charge(name, "SAME"))
                for name in ("a", "b", "c", "d")
            )
        )

        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]

    async def test_batches_that_overlap_end_with_the_newest(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        def batch(day: int) -> list[dict[str, Any]]:
            at = f"2026-04-{day:02}T00:00:00Z"
            found = [customer(n, display_name=f"day {day}", updated_at=at) for n in range(50)]
            return found if day % 2 else found[::-1]

        answers = await asyncio.gather(
            *(client.post(f"{billing}/customers/batch", json=batch(day)) for day in range(1, 6))
        )

        listed = (await client.get(f"{billing}/customers?limit=200")).json()["data"]
        assert all(answer.status_code == 200 for answer in answers)
        assert {row["display_name"] for row in listed} == {"day 5"}
