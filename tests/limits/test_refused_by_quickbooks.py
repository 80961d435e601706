"""QuickBooks refuses for the quota, in each of its forms: who hears of it, and what follows."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from app.accounting.errors import RetryLater
from app.accounting.ports import AccountingProvider, CompanyRef
from app.accounting.records import CustomerDraft, DraftLine, Kind, SalesDraft, Write
from app.kit.http import build_client
from app.kit.queue import arq_redis
from app.kit.windows import Gate, Limits
from app.providers.quickbooks.provider import quickbooks_factory
from tests.simulator_server import SimulatorServer, simulator_fixture

PAUSE = 0.6

simulator = simulator_fixture(scope="module", profile="us_manual", customers=2, items=2)


class IssuedTokens:
    def __init__(self, token: str) -> None:
        self._token = token

    async def access_token(self) -> str:
        return self._token

    async def renew(self, stale: str) -> str:
        return self._token


@dataclass
class Desk:
    """One company's provider behind a real gate whose minute is short."""

    provider: AccountingProvider
    simulator: SimulatorServer
    serial: int = 0

    def write(self) -> Write:
        self.serial += 1
        draft = CustomerDraft(display_name=f"Throttled {self.serial} {time.monotonic_ns()}")
        return self.provider.prepare_create(draft, marker=f"[lw:{'a' * 26}]")

    async def send(self) -> None:
        await self.provider.ready()
        await self.provider.send(
            self.write(), request_id=f"x{time.monotonic_ns()}g00", permit=lambda: None
        )

    async def refused(self) -> RetryLater:
        with pytest.raises(RetryLater) as caught:
            await self.send()
        return caught.value


async def seconds_until_ready(desk: Desk) -> float:
    begun = time.monotonic()
    await desk.provider.ready()
    return time.monotonic() - begun


@pytest.fixture
async def desk(simulator: SimulatorServer, redis_url: str) -> AsyncIterator[Desk]:
    simulator.reset()
    redis: Redis = arq_redis(redis_url)
    subject = f"desk{time.monotonic_ns()}"
    limits = Limits(requests_per_second=100, scale=PAUSE / 60)
    async with build_client() as http:
        provider = quickbooks_factory(
            http=http, environment="simulator", api_url=simulator.api_url
        )(
            CompanyRef(environment="simulator", realm_id=simulator.realm_id),
            tokens=IssuedTokens(str(simulator.issue_tokens()["access_token"])),
            gate=Gate(redis, subject, limits, pause=PAUSE),
            on_call=lambda _: None,
        )
        yield Desk(provider, simulator)
    await redis.aclose(close_connection_pool=True)


@pytest.mark.parametrize(
    "form",
    [
        {"throttle_status": 429, "throttle_format": "xml"},
        {"throttle_status": 429, "throttle_format": "json"},
        {"throttle_status": 403, "throttle_format": "xml"},
        {"throttle_status": 403, "throttle_format": "json"},
    ],
)
async def test_each_form_closes_the_gate_for_the_usual_time(
    desk: Desk, form: dict[str, Any]
) -> None:
    desk.simulator.switches(**form)
    desk.simulator.add_faults({"match": {"times": 1}, "action": {"throttled": True}})

    refusal = await desk.refused()

    assert refusal.after is None
    assert PAUSE * 0.8 < await seconds_until_ready(desk) < PAUSE * 4
    await desk.send()


async def test_retry_after_is_honoured(desk: Desk) -> None:
    desk.simulator.switches(throttle_retry_after=2)
    desk.simulator.add_faults({"match": {"times": 1}, "action": {"throttled": True}})

    refusal = await desk.refused()

    assert refusal.after == 2
    assert await seconds_until_ready(desk) > 1.7


async def test_the_true_limit_refuses_and_lets_in_again(desk: Desk) -> None:
    """
    Another app uses nearly all; the simulator's minute is as short as ours.
    """
    desk.simulator.scale_clock(60 / PAUSE)
    desk.simulator.switches(other_app_requests_per_minute=497, requests_per_second=1000)
    for _ in range(3):
        await desk.send()

    await desk.refused()
    await seconds_until_ready(desk)

    await desk.send()


async def test_refused_item_of_a_batch_closes_the_gate(desk: Desk) -> None:
    fault = {"code": "3001", "message": "ThrottleExceeded", "type": "SERVICE"}
    desk.simulator.add_faults(
        {"match": {"operation": "batch"}, "action": {"batch": {"faults": {"i1": fault}}}}
    )
    customer = desk.simulator.documents("Customer")[0]["Id"]
    item = desk.simulator.documents("Item")[0]["Id"]
    writes = [invoice(desk, str(customer), str(item)) for _ in range(3)]
    await desk.provider.ready(batch=True)

    outcomes = await desk.provider.send_batch(
        writes, batch_id=f"b{time.monotonic_ns()}", permit=lambda: None
    )

    assert [isinstance(each, RetryLater) for each in outcomes] == [False, True, False]
    assert await seconds_until_ready(desk) > PAUSE * 0.8


def invoice(desk: Desk, customer_id: str, item_id: str) -> Write:
    desk.serial += 1
    digits = f"{time.monotonic_ns()}".translate(str.maketrans("0189", "abcd"))
    draft = SalesDraft(
        kind=Kind.INVOICE,
        number=None,
        customer_id=customer_id,
        txn_date=date(2026, 3, 1),
        lines=(DraftLine(amount=Decimal("10.00"), item_id=item_id, tax_code_id="NON"),),
        total=Decimal("10.00"),
        tax_total=Decimal("0.00"),
    )
    return desk.provider.prepare_create(draft, marker=f"[lw:{digits[-26:].rjust(26, 'z')}]")
