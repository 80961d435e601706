"""One caller cannot take the room of all: connections to the database, memory, the event loop."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.bootstrap import Collaborators
from app.jobs.waiting import WaitingRoom
from app.kit.db import Database
from app.kit.ids import new_id
from tests.security.twins import make_twin

JSON, NDJSON = "application/json", "application/x-ndjson"
INVOICE = {
    "billing_id": "i1",
    "number": "1",
    "customer": "c1",
    "invoice_date": "2026-03-01",
    "currency": "CAD",
    "updated_at": "2026-03-01T00:00:00Z",
    "tax_total": "0",
    "total": "0",
}


@pytest.fixture
async def integration(client: httpx.AsyncClient) -> str:
    """The path of an integration's billing records."""
    made = await client.post(
        "/v1/integrations",
        json={"name": "a", "provider": "quickbooks_online", "mode": "full_synchronization"},
    )
    return f"/v1/integrations/{made.json()['id']}"


def connections_of(db: Database) -> int:
    """Return how many connections are more than one pool holds, so that none would be left."""
    pool: Any = db.engine.pool
    return int(pool.size()) + 12


class TestSlowBodies:
    @pytest.mark.parametrize("media", [JSON, NDJSON])
    @pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "slow"}])
    async def test_nobody_else_waits_for_them(
        self,
        client: httpx.AsyncClient,
        integration: str,
        db: Database,
        media: str,
        headers: dict[str, str],
    ) -> None:
        """A body is read before a transaction is opened, however long it takes."""
        begun, end = asyncio.Semaphore(0), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            begun.release()
            await end.wait()
            yield b"[]"

        async def send(number: int) -> httpx.Response:
            own = {name: f"{value}{number}" for name, value in headers.items()}
            return await client.post(
                f"{integration}/billing/customers/batch",
                content=slowly(),
                headers={"Content-Type": media, **own},
            )

        count = connections_of(db)
        slow = [asyncio.create_task(send(number)) for number in range(count)]
        for _ in range(count):
            await begun.acquire()
        held = db.engine.pool.checkedout()  # type: ignore[attr-defined]  # a queue pool has it
        prompt = await asyncio.wait_for(client.get(integration), 15)
        end.set()
        answers = await asyncio.gather(*slow)

        assert held == 0
        assert prompt.status_code == 200
        assert {answer.status_code for answer in answers} == {200}

    async def test_nothing_is_read_for_strangers(self, anonymous: httpx.AsyncClient) -> None:
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            while read < 1000:
                read += 1
                yield b"[" * 1000

        for headers in ({}, {"Authorization": "Bearer lw_000000000000_nobody"}):
            for path in ("/v1/integrations", "/v1/organizations", "/v1/integrations/1/connect"):
                answer = await anonymous.post(path, content=endless(), headers=headers)
                assert answer.status_code == 401
        assert read == 0


class TestWaiting:
    async def test_those_who_wait_hold_no_connection(
        self, app: FastAPI, collaborators: Collaborators, db: Database
    ) -> None:
        twin = await make_twin(db, collaborators.hash_key, "Waiting")
        async with db.engine.begin() as owner:
            await owner.execute(text("UPDATE jobs SET status = 'running'"))
        path = f"/v1/integrations/{twin.row_id('integrations')}/sync-jobs/{twin.row_id('jobs')}"
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=twin.headers
        ) as client:
            waiting = [
                asyncio.create_task(client.get(path, params={"wait": 60}))
                for _ in range(connections_of(db))
            ]
            await asyncio.sleep(1)
            prompt = await asyncio.wait_for(client.get(path), 15)
            async with db.engine.begin() as owner:
                await owner.execute(text("UPDATE jobs SET status = 'succeeded'"))
            answers = await asyncio.gather(*waiting)

        assert prompt.json()["status"] == "running"
        assert {answer.json()["status"] for answer in answers} == {"succeeded"}

    def test_seats_are_few_and_nobody_takes_them_all(self) -> None:
        room, ours, theirs = WaitingRoom(3, 2), new_id(), new_id()

        with (
            room.seat(ours) as first,
            room.seat(ours) as second,
            room.seat(ours) as third,
            room.seat(theirs) as other,
            room.seat(theirs) as late,
        ):
            assert (first, second, third, other, late) == (True, True, False, True, False)
        with room.seat(ours) as again:
            assert again


class TestCrowdedBodies:
    """What costs little to send costs little to refuse."""

    async def test_a_list_is_counted_before_it_is_looked_at(
        self, client: httpx.AsyncClient, integration: str
    ) -> None:
        answer = await client.put(
            f"{integration}/billing/invoices/i1", json={**INVOICE, "lines": [{}] * 50_000}
        )

        assert answer.status_code == 422
        [wrong] = answer.json()["errors"]
        assert (wrong["pointer"], wrong["code"]) == ("/lines", "too_long")

    @pytest.mark.parametrize(
        "body",
        [
            b'{"billing_id":"i1","lines":[' + b",".join([b"{}"] * 200_000) + b"]}",
            b"{" + b",".join(b'"%d":0' % number for number in range(200_000)) + b"}",
        ],
    )
    async def test_millions_of_mistakes_are_not_described(
        self, client: httpx.AsyncClient, integration: str, body: bytes
    ) -> None:
        answer = await client.put(
            f"{integration}/billing/invoices/i1", content=body, headers={"Content-Type": JSON}
        )

        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_values")

    async def test_nor_in_a_batch(self, client: httpx.AsyncClient, integration: str) -> None:
        crowded = b"{" + b",".join(b'"%d":0' % number for number in range(5000)) + b"}"
        strange = b"{" + b",".join(b'"%d":0' % number for number in range(100)) + b"}"

        answer = await client.post(
            f"{integration}/billing/customers/batch",
            content=b"[" + crowded + b"," + strange + b"]",
            headers={"Content-Type": JSON},
        )

        first, second = (each["problem"] for each in answer.json()["results"])
        assert "mistakes" in first["detail"]
        assert len(first["errors"]) == 1
        assert len(second["errors"]) == 10

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"\n" * 2_000_000, 413, "too_many_records"),
            (b"{}\n" * 50_001, 413, "too_many_records"),
            (b'{"a":"' + b"x" * 1_100_000 + b'"}\n', 200, "record_too_large"),
            (b"[" + b",".join([b"{}"] * 200_000) + b"]\n", 200, "too_many_values"),
        ],
    )
    async def test_lines_that_blow_up_are_refused(
        self, client: httpx.AsyncClient, integration: str, body: bytes, status: int, code: str
    ) -> None:
        answer = await client.post(
            f"{integration}/billing/customers/batch", content=body, headers={"Content-Type": NDJSON}
        )

        assert answer.status_code == status
        assert f'"{code}"' in answer.text
