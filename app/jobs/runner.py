"""
The worker's own loop: claims due companies, works on each in slices, and gives them back.

Postgres says what is due; the doorbell only shortens the wait. Several companies are worked on side
by side; each by one worker at a time.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import structlog

from app.accounting.errors import (
    AccessExpired,
    CompanyUnavailable,
    NotSent,
    OutcomeUnknown,
    ProviderError,
    ReconnectRequired,
    RetryLater,
)
from app.accounting.ports import AccountingProvider
from app.accounting.records import CompanyProfile
from app.jobs import lanes, progress
from app.jobs.lanes import Lease
from app.jobs.waits import Waits
from app.jobs.work import GaveWay, LeaseLost, StepView, Work, WorkContext
from app.kit.clock import monotonic
from app.kit.db import Database, database_away

log = structlog.get_logger(__name__)

# Part of the lease that a late heartbeat may eat before calls are no longer permitted.
LEASE_MARGIN = 0.8
MAX_DEATHS = 3
# How often a slice looks up from its work at the least, in seconds.
SHORTEST_WATCH = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBooks:
    """A company's books, opened; *on_calls* drains the count of calls made since it was asked."""

    provider: AccountingProvider
    profile: CompanyProfile
    calls: Callable[[], dict[str, int]]


class Opener(Protocol):
    """Opens a company's books with its stored tokens."""

    async def __call__(self, lease: Lease) -> OpenBooks:
        """
        Raises:
            ReconnectRequired: There is no live connection.
            ProviderError: The books cannot be read right now.
        """


Sweep = Callable[[WorkContext], Awaitable[None]]


@dataclass(slots=True)
class _Slice:
    """One company in this worker's hands right now."""

    lease: Lease
    started_at: float
    renewed_at: float
    lost: bool = False
    cancelled: bool = False
    crowded: bool = False
    job_id: UUID | None = None


@dataclass(slots=True, kw_only=True)
class Runner:
    """Runs slices until it is told to stop."""

    db: Database
    worker: str
    waits: Waits
    works: Mapping[str, Work]
    open_books: Opener
    # Both run at the start of a slice: settle what a dead worker left, then what is due.
    begin: Sweep
    sweep: Sweep
    on_reconnect_required: Callable[[Lease, str], Awaitable[None]]
    lanes: int = 8
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False
    _held: dict[UUID, _Slice] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    # Failed slices in a row, by company.
    _failures: dict[UUID, int] = field(default_factory=dict)

    # ------------------------------------------------------------------ from outside

    def ring(self) -> None:
        """Look for work now."""
        self._bell.set()

    def stop(self) -> None:
        """Finish the calls in flight, give every company back, and return from `run`."""
        self._stopping = True
        self._bell.set()

    async def run(self) -> None:
        """Work until `stop`; a database that is away is waited for."""
        heartbeat = asyncio.create_task(self._beat())
        try:
            while not self._stopping:
                # Cleared first: a ring during the claim may have come too late for it.
                self._bell.clear()
                await self._claim_what_fits()
                if not self._stopping:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._bell.wait(), self.waits.poll)
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            heartbeat.cancel()
            await asyncio.gather(heartbeat, return_exceptions=True)

    # ------------------------------------------------------------------ claims and heartbeat

    async def _claim_what_fits(self) -> None:
        while len(self._held) < self.lanes and not self._stopping:
            try:
                lease = await lanes.claim(self.db, self.worker, self.waits)
            except Exception as error:  # the loop outlives its database
                log.warning("claim_failed", exc_info=error)
                return
            if lease is None:
                return
            held = _Slice(lease, started_at=monotonic(), renewed_at=monotonic())
            self._held[lease.company_id] = held
            task = asyncio.create_task(self._work_on(held))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.waits.heartbeat)
            fences = {id_: held.lease.fence for id_, held in self._held.items()}
            if not fences:
                continue
            asked_at = monotonic()
            try:
                kept = await lanes.renew(self.db, self.worker, fences, self.waits)
            except Exception as error:  # as above; the permits run out meanwhile
                log.warning("heartbeat_failed", exc_info=error)
                continue
            for id_, fence in fences.items():
                held = self._held.get(id_)
                if held is None or held.lease.fence != fence:
                    continue
                if id_ in kept:
                    held.renewed_at = asked_at
                else:
                    held.lost = True

    def _permit(self, held: _Slice) -> None:
        age = monotonic() - held.renewed_at
        if held.lost or age >= self.waits.lease * LEASE_MARGIN:
            raise NotSent(explanation="The lease is not known to be alive")

    # ------------------------------------------------------------------ one slice

    async def _work_on(self, held: _Slice) -> None:
        lease = held.lease
        structlog.contextvars.bind_contextvars(company_id=str(lease.company_id))
        watch = asyncio.create_task(self._watch(held))
        rest: float | None = None
        try:
            rest = await self._slice(held)
        except LeaseLost:
            log.warning("lease_lost", fence=lease.fence)
        except Exception as error:  # the outermost shell: noted, kept, counted
            log.error("slice_failed", exc_info=error)
            rest = self.waits.poll
            if not database_away(error):
                rest = self._rest_after_failure(held)
                await self._note_death(held, error)
        else:
            self._failures.pop(lease.company_id, None)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await self._give_back(held, rest)

    async def _give_back(self, held: _Slice, rest: float | None) -> None:
        try:
            await lanes.release(self.db, held.lease, rest=rest)
        except Exception as error:  # the lease runs out by itself
            log.warning("release_failed", exc_info=error)
        finally:
            self._held.pop(held.lease.company_id, None)
            self._bell.set()

    def _rest_after_failure(self, held: _Slice) -> float:
        """Return how long a company rests whose slices keep failing: twice as long each time."""
        company_id = held.lease.company_id
        failures = self._failures[company_id] = self._failures.get(company_id, 0) + 1
        return min(self.waits.poll * 2.0 ** (failures - 1), max(self.waits.repeats[0], 1.0))

    async def _note_death(self, held: _Slice, error: Exception) -> None:
        """Count the failure on the job at hand; one before any job on the job whose turn it is."""
        with contextlib.suppress(Exception):
            job_id = held.job_id or await progress.oldest_open(self.db, held.lease)
            if job_id is not None:
                await progress.note_death(
                    self.db, held.lease, job_id, type(error).__name__, limit=MAX_DEATHS
                )

    async def _watch(self, held: _Slice) -> None:
        """Notice a cancelled job, and other companies waiting while every lane is taken."""
        pause = min(1.0, max(self.waits.poll, SHORTEST_WATCH))
        while True:
            await asyncio.sleep(pause)
            with contextlib.suppress(Exception):
                if held.job_id is not None:
                    held.cancelled = await progress.cancel_requested(
                        self.db, held.lease, held.job_id
                    )
                held.crowded = len(self._held) >= self.lanes and await lanes.waiting(self.db)

    def _give_way(self, held: _Slice) -> bool:
        worked = monotonic() - held.started_at
        return (
            self._stopping
            or held.lost
            or held.cancelled
            or worked >= self.waits.slice
            or (held.crowded and worked >= self.waits.slice / 10)
        )

    async def _slice(self, held: _Slice) -> float | None:
        """Work on the company; return for how many seconds at least it shall rest, if it shall."""
        lease = held.lease
        try:
            books = await self.open_books(lease)
        except ProviderError as error:
            return await self._stopped_by(held, error)
        context = WorkContext(
            db=self.db,
            organization_id=lease.organization_id,
            company_id=lease.company_id,
            fence=lease.fence,
            worker=self.worker,
            provider=books.provider,
            profile=books.profile,
            waits=self.waits,
            give_way=lambda: self._give_way(held),
            permit=lambda: self._permit(held),
        )
        try:
            await self.begin(context)
            await progress.resume_paused(context)
            await self.sweep(context)
            while not self._give_way(held):
                if not await self._one_step(held, context):
                    break
        except GaveWay:
            return None
        except ProviderError as error:
            return await self._stopped_by(held, error)
        finally:
            await self._count_calls(held, context, books)
        return None

    async def _count_calls(self, held: _Slice, context: WorkContext, books: OpenBooks) -> None:
        calls = books.calls()
        if held.job_id is not None and calls:
            with contextlib.suppress(LeaseLost):
                await progress.add_calls(context, held.job_id, calls)

    async def _one_step(self, held: _Slice, context: WorkContext) -> bool:
        """Go on with the company's oldest open job; return whether there was one."""
        found = await progress.next_step(context)
        if found is None:
            return False
        job, step = found
        if held.job_id not in {None, job.id}:
            held.cancelled = False
        held.job_id = job.id
        structlog.contextvars.bind_contextvars(job_id=str(job.id))
        if step is None:
            await progress.finish(context, job.id)
            return True
        done = await self.works[job.direction].run(context, job, step)
        await self._after_step(held, context, step, done=done)
        return True

    async def _after_step(
        self, held: _Slice, context: WorkContext, step: StepView, *, done: bool
    ) -> None:
        if done:
            await progress.end_step(context, step.id)
        if held.job_id is not None and (
            held.cancelled or await progress.cancel_requested(self.db, held.lease, held.job_id)
        ):
            await progress.cancel(context, held.job_id)
            held.cancelled = False

    # ------------------------------------------------------------------ what stops a company

    async def _stopped_by(self, held: _Slice, error: ProviderError) -> float:
        """Pause the company's jobs for a cause outside their records; nothing fails."""
        log.info("company_stopped", error=type(error).__name__, fault_code=error.fault.code)
        reason, delay = self._pause_of(error)
        if isinstance(error, ReconnectRequired):
            await self.on_reconnect_required(held.lease, error.fault.message or str(error))
        await progress.pause(self.db, held.lease, reason, delay=delay)
        # Without a resumption in sight only a reconnect wakes the company at once.
        return self.waits.parked if delay is None else delay

    def _pause_of(self, error: ProviderError) -> tuple[str, float | None]:
        if isinstance(error, RetryLater):
            return "quota", error.after or self.waits.throttled
        if isinstance(error, ReconnectRequired | AccessExpired):
            return "connection", None
        if isinstance(error, CompanyUnavailable):
            return "connection", self.waits.repeats[0]
        if isinstance(error, NotSent | OutcomeUnknown):
            return "connection", self.waits.parked
        raise error
