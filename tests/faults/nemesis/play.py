"""One seed on its way: its merchant, its dice, its clock, and what happened."""

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.faults.nemesis.billing import Book
from tests.faults.nemesis.ground import WAIT_SCALE, Crew, Ground
from tests.faults.nemesis.tenants import Client
from tests.faults.proxy import Trap
from tests.faults.workers import Process

RANGE = {"date_from": "2026-03-01", "date_to": "2026-03-31"}
RESOURCES = ["customers", "items", "invoices", "payments", "credits"]


@dataclass(slots=True)
class Play:
    """Everything a fault needs to strike one merchant, or everybody."""

    ground: Ground
    client: Client
    book: Book
    rng: random.Random
    mode: str
    income_account: str
    crowd: bool = False
    # Faults end when this is set; what is armed until then is withdrawn.
    healed: asyncio.Event = field(default_factory=asyncio.Event)
    # Set when the second round is about to be exported.
    turned: asyncio.Event = field(default_factory=asyncio.Event)
    # The wire shows these fault codes if a fault has struck that has no other trace.
    trace: list[tuple[float, str]] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    hits: dict[str, int] = field(default_factory=dict)
    unfinished: int = 0
    late: bool = False
    log_from: int = 0
    began: float = field(default_factory=time.monotonic)

    def note(self, text: str) -> None:
        self.trace.append((time.monotonic() - self.began, text))

    async def wait(self, seconds: float) -> bool:
        """Let time pass; return whether the faults have been healed meanwhile."""
        try:
            await asyncio.wait_for(self.healed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    # ------------------------------------------------------------------- what faults are made of

    async def rule(
        self, match: dict[str, Any], action: dict[str, Any], *, anywhere: bool = False
    ) -> str:
        """Arm a rule of the simulator, for this company only unless it is told otherwise."""
        own = {} if anywhere else {"realm": f"^{self.client.realm_id}$"}
        rule = {"match": {**own, **match}, "action": action}
        [number] = await asyncio.to_thread(self.ground.simulator.add_faults, rule)
        return number

    async def disarm(self, number: str) -> int:
        """Take a rule away; return how often it has fired."""
        fired = await self.fired(number)
        await asyncio.to_thread(self.ground.simulator.control.delete, f"/faults/{number}")
        return fired

    async def fired(self, number: str) -> int:
        rules = await asyncio.to_thread(self.ground.simulator.faults)
        return next((int(rule["fired"]) for rule in rules if rule["id"] == number), 0)

    def point(self, moment: str, state: str) -> str:
        return f"{moment}.{state}.{self.client.organization_id}"

    @contextmanager
    def traps(self, point: str, number: signal.Signals) -> Iterator[list[Process]]:
        """Lay a trap on every worker's way: the first one to write there is signalled."""
        caught: list[Process] = []
        laid: list[tuple[Crew, Trap]] = []
        for crew in self.ground.crews:

            async def spring(crew: Crew = crew) -> None:
                caught.append(crew.process)
                for other, trap in laid:
                    if other is not crew:
                        trap.sprung.set()
                crew.process.signal(number)

            trap = Trap(point, {self.client.realm_id}, spring)
            laid.append((crew, trap))
            crew.proxy.traps.append(trap)
        try:
            yield caught
        finally:
            for crew, trap in laid:
                trap.sprung.set()
                crew.proxy.traps.remove(trap)

    async def codes(self) -> list[str]:
        """Return the fault codes that the company's calls met."""
        return [str(entry["code"]) for entry in await self.log() if entry["code"]]

    async def log(self) -> list[dict[str, Any]]:
        simulator, realm_id = self.ground.simulator, self.client.realm_id
        return await asyncio.to_thread(simulator.requests, realm_id=realm_id, limit=100_000)

    # ------------------------------------------------------------------------------- the merchant

    async def push(self, *, everything: bool = False) -> None:
        for kind, records in self.book.to_push(everything=everything).items():
            answer = await self.client.call("POST", f"/billing/{kind}/batch", records)
            refused = [row for row in answer["results"] if row["status"] == "refused"]
            assert not refused, refused
        self.note("pushed")

    async def export(self, *resources: str, **dates: str) -> str:
        order = {"direction": "export", "resources": list(resources) or RESOURCES, **RANGE, **dates}
        job = await self.client.call("POST", "/sync-jobs", order)
        self.jobs.append(job["id"])
        self.note(f"export {len(self.jobs)} of {', '.join(order['resources'])}")
        return str(job["id"])

    async def open_jobs(self) -> int:
        rows = await self.ground.rows(
            "SELECT count(*) AS n FROM jobs WHERE company_id = $1 AND finished_at IS NULL",
            self.client.company_id,
        )
        return int(rows[0]["n"])

    async def open_postings(self) -> list[dict[str, Any]]:
        return await self.ground.rows(
            "SELECT kind, verb, state, reason, looks, next_look_at - clock_timestamp() AS due"
            " FROM postings WHERE company_id = $1"
            " AND state IN ('pending', 'sending', 'unknown', 'parked')"
            " AND coalesce(reason, '') <> 'closed_books'",
            self.client.company_id,
        )

    async def settled(self, seconds: float = 60) -> bool:
        """Wait until every job has ended and nothing is open that settles by itself."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not await self.open_jobs() and not await self.open_postings():
                return True
            await asyncio.sleep(0.25)
        return False


def scaled(seconds: float) -> float:
    return seconds * WAIT_SCALE
