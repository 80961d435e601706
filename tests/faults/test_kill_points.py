"""
Six points at which a worker dies × six writes × requestid honoured and ignored: nothing is lost,
nothing stands twice, no cent is wrong, and nobody waits for the dead.

Workers are processes; they die by SIGKILL with six companies standing at exactly the same point.
All groups run side by side, because most of their time is waiting; each test looks at one case.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from app.jobs.waits import Waits
from tests.faults.conftest import WAIT_SCALE
from tests.faults.landscape import Landscape, Seller, World
from tests.faults.proxy import HttpProxy, Trap
from tests.faults.truth import differences, writes
from tests.faults.workers import Process, Workers

POINTS = (
    "before_intent",
    "after_intent",
    "half_sent",
    "answered",
    "before_settling",
    "before_ring",
)
WRITES = (
    "customer_create",
    "invoice_create",
    "invoice_edit",
    "payment_create",
    "invoice_void",
    "credit_memo_create",
)
MODES = ("honoured", "ignored")

# The contract, unscaled: the next document 45 s after a death, the doubtful one 6 minutes.
FULL, SCALED = Waits(), Waits().scaled(WAIT_SCALE)
SLACK = 45 - (FULL.lease + FULL.poll)
NEXT_WITHIN = SCALED.lease + SLACK
SETTLED_WITHIN = max(SCALED.second_look, SCALED.lease) + SLACK
assert FULL.second_look + FULL.poll + SLACK <= 360


@dataclass(slots=True)
class Case:
    """What is left of one write whose worker was killed."""

    differences: list[str]
    job: dict[str, Any]
    records: list[dict[str, Any]]
    postings: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    next_after: float
    settled_after: float
    at_the_point: bool
    requests: list[dict[str, Any]]
    duplicates: Any = field(default_factory=dict)


async def push_target(seller: Seller, write: str) -> dict[str, Any]:
    """Push what the worker dies on, dated before what comes next; return the job to ask for."""
    wanted = {"date_from": "2026-02-01", "date_to": "2026-03-31", "direction": "export"}
    if write == "customer_create":
        await seller.put(
            "customers", "target", display_name="Target Ltd", created_date="2026-03-01"
        )
        await seller.put("customers", "next", display_name="Next Ltd", created_date="2026-03-02")
        return wanted | {"resources": ["customers"], "date_from": "2026-03-01"}
    if write == "payment_create":
        await seller.payment("target", "50.01", {"base": "50.01"}, payment_date="2026-03-01")
        await seller.payment("next", "19.99", {"base": "9.99"}, payment_date="2026-03-02")
        return wanted | {"resources": ["payments"]}
    if write == "credit_memo_create":
        await seller.credit("target", "10.01", {}, date="2026-03-01")
        await seller.credit("next", "10.02", {}, date="2026-03-02")
        return wanted | {"resources": ["credits"]}
    if write == "invoice_create":
        await seller.invoice("target", "149.99", invoice_date="2026-03-01")
    elif write == "invoice_edit":
        await seller.invoice("base", "120.03", invoice_date="2026-02-01", due_date="2026-02-28")
    else:
        await seller.invoice(
            "base", "100.00", invoice_date="2026-02-01", due_date="2026-02-28", status="void"
        )
    await seller.invoice("next", "33.33", invoice_date="2026-03-02")
    return wanted | {"resources": ["invoices"]}


class Group:
    """Six companies, one death."""

    def __init__(self, world: World, workers: Workers, point: str, mode: str) -> None:
        self.world, self.workers, self.point, self.mode = world, workers, point, mode
        self.sellers = dict(zip(WRITES, world.sellers, strict=True))
        self.jobs: dict[str, str] = {}
        self.arrived: set[str] = set()
        self.ordered_at = self.killed_at = datetime.now(UTC)

    async def run(self) -> dict[str, Case]:
        for seller in self.sellers.values():
            self.world.faults(seller, {"action": {"requestid": self.mode}})
        async with HttpProxy(self.world.simulator.api_url) as proxy:
            first = self._first_worker(proxy)
            try:
                await self._kill(first, proxy)
                second = self.workers.start(self.world.settings, api_url=proxy.url)
                try:
                    await self._settled()
                finally:
                    await second.end()
            finally:
                await first.end()
        return {write: await self._case(write, seller) for write, seller in self.sellers.items()}

    def _first_worker(self, proxy: HttpProxy) -> Process:
        own_point = self.point in {"before_intent", "after_intent", "before_settling"}
        worker = self.workers.start(
            self.world.settings,
            point=self.point if own_point else None,
            companies=len(self.sellers),
            api_url=proxy.url,
        )
        worker.arm()
        return worker

    async def _kill(self, worker: Process, proxy: HttpProxy) -> None:
        requests = {
            write: await push_target(seller, write) for write, seller in self.sellers.items()
        }
        if self.point == "before_ring":
            await self._kill_the_api(requests)
            return
        trap = None
        if self.point in {"half_sent", "answered"}:

            async def spring() -> None:
                worker.signal(signal.SIGKILL)

            trap = Trap(self.point, {s.realm_id for s in self.sellers.values()}, spring)
            proxy.trap = trap
        self.ordered_at = datetime.now(UTC)
        for write, seller in self.sellers.items():
            self.jobs[write] = (await seller.call("POST", "/sync-jobs", requests[write]))["id"]
        self.killed_at = datetime.fromtimestamp(await worker.gone(60), UTC)
        organizations = {
            seller.organization_id
            for seller in self.sellers.values()
            if trap and seller.realm_id in trap.held
        }
        self.arrived = organizations | set(worker.arrived())

    async def _kill_the_api(self, requests: dict[str, dict[str, Any]]) -> None:
        """The jobs are committed by an API that dies with its hand on the bell."""
        orders = [
            {
                "path": f"/v1/integrations/{seller.integration_id}/sync-jobs",
                "body": requests[write],
                "authorization": seller.http.headers["Authorization"],
            }
            for write, seller in self.sellers.items()
        ]
        self.ordered_at = datetime.now(UTC)
        api = self.workers.ask(self.world.settings, orders)
        self.killed_at = datetime.fromtimestamp(await api.gone(), UTC)
        for write, seller in self.sellers.items():
            jobs = (await seller.call("GET", "/sync-jobs", params={"limit": 1}))["data"]
            assert jobs[0]["resources"] == requests[write]["resources"], api.log.read_text()
            self.jobs[write] = jobs[0]["id"]
            self.arrived.add(seller.organization_id)

    async def _settled(self) -> None:
        """Wait until every job has ended and nothing is open; the tests judge how long it took."""
        deadline = asyncio.get_running_loop().time() + 60
        while asyncio.get_running_loop().time() < deadline:
            left = await self.world.rows(
                "SELECT (SELECT count(*) FROM jobs WHERE finished_at IS NULL)"
                " + (SELECT count(*) FROM postings"
                " WHERE state IN ('pending', 'sending', 'unknown', 'parked')) AS left"
            )
            if left[0]["left"] == 0:
                return
            await asyncio.sleep(0.1)

    async def _case(self, write: str, seller: Seller) -> Case:
        job = await seller.call("GET", f"/sync-jobs/{self.jobs[write]}")
        postings = await self.world.rows(
            "SELECT p.*, l.billing_id FROM postings p JOIN links l ON l.id = p.link_id"
            " WHERE p.company_id = $1 ORDER BY p.id",
            seller.company_id,
        )
        target = "base" if write in {"invoice_edit", "invoice_void"} else "target"
        doubtful = [row for row in postings if row["billing_id"] == target][-1:]
        following = [row for row in postings if row["billing_id"] == "next"][-1:]
        return Case(
            differences=differences(seller),
            job=job,
            records=await seller.records(job),
            postings=doubtful,
            attempts=await self.world.rows(
                "SELECT * FROM attempts WHERE posting_id = any($1::uuid[]) ORDER BY number",
                [row["id"] for row in doubtful],
            ),
            next_after=self._after(following),
            settled_after=self._after(doubtful),
            at_the_point=seller.organization_id in self.arrived,
            requests=writes(seller, carried_out=False),
            duplicates=self.world.simulator.duplicates(seller.realm_id),
        )

    def _after(self, postings: list[dict[str, Any]]) -> float:
        if not postings or postings[0]["settled_at"] is None:
            return float("inf")
        return float((postings[0]["settled_at"] - self.killed_at).total_seconds())


def at_once() -> int:
    """Return how many groups may run side by side: one where the processors are busy anyway."""
    return 2 if os.getloadavg()[0] < (os.cpu_count() or 1) else 1


Look = Callable[[str, str, str], Any]


@pytest.fixture(scope="module")
async def case(
    request: pytest.FixtureRequest, landscape: Landscape, workers: Workers
) -> AsyncIterator[Look]:
    """Run all groups that were asked for, a few at once; wait for one when it is looked at."""
    wanted = [
        (item.callspec.params["point"], item.callspec.params["mode"])
        for item in request.session.items
        if getattr(item, "module", None) is request.module
    ]
    few = asyncio.Semaphore(at_once())

    async def run(point: str, mode: str) -> dict[str, Case]:
        async with few, landscape.world(sellers=len(WRITES)) as world:
            return await Group(world, workers, point, mode).run()

    running = {key: asyncio.create_task(run(*key)) for key in dict.fromkeys(wanted)}

    async def look(point: str, mode: str, write: str) -> Case:
        return (await running[point, mode])[write]

    yield look
    for task in running.values():
        task.cancel()
    with contextlib.suppress(Exception):
        await asyncio.gather(*running.values(), return_exceptions=True)


@pytest.mark.crowd
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("point", POINTS)
async def test_a_death_costs_nothing(case: Look, point: str, mode: str, write: str) -> None:
    found = await case(point, mode, write)

    assert found.at_the_point
    # Nothing lost, nothing twice, no cent wrong.
    assert found.differences == []
    assert found.duplicates == {"by_marker": {}, "by_number": []}
    assert found.job["status"] == "succeeded", found.records
    assert {record["state"] for record in found.records} <= {"posted", "unchanged"}
    # One intent, one identity, the same bytes however often it went out.
    assert [(row["state"], row["generation"]) for row in found.postings] == [("posted", 0)]
    assert {row["request_id"] for row in found.attempts} == {found.postings[0]["request_id"]}
    sent = [
        entry for entry in found.requests if entry["requestid"] == found.postings[0]["request_id"]
    ]
    assert len({entry["body_sha256"] for entry in sent if entry["status"] == 200}) == 1
    assert len(found.attempts) == (2 if point in {"after_intent", "half_sent"} else 1)
    assert len([entry for entry in sent if entry["status"] == 200]) == 1
    # Nobody waits for the dead.
    assert found.next_after <= NEXT_WITHIN
    assert found.settled_after <= SETTLED_WITHIN
