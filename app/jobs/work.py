"""What a worker hands to the rooms that do the work, and what they hand back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.ports import AccountingProvider
from app.accounting.records import CompanyProfile
from app.jobs.models import Lane
from app.jobs.waits import Waits
from app.kit.db import Database

# How often a call that waits for its turn looks whether the slice is over.
TURN_SECONDS = 0.5


class LeaseLost(Exception):
    """Another worker holds the company now: stop, write nothing."""


class GaveWay(Exception):
    """The slice was over before a call's turn came; nothing was sent for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as its work sees it."""

    id: UUID
    organization_id: UUID
    integration_id: UUID
    company_id: UUID
    direction: str
    resources: tuple[str, ...]
    range_from: date | None
    range_to: date | None
    trigger: str
    retry_of: UUID | None
    selection: Sequence[Mapping[str, Any]] | None
    # Foresees only, and writes to no books.
    dry_run: bool = False
    # The dry run whose plan this job posts.
    applies: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step as its work sees it; *cursor* is what the last slice left."""

    id: UUID
    name: str
    position: int
    cursor: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class WorkContext:
    """
    One company, leased to this worker: its books, its tenant's transactions, and the fence.

    *give_way* turns true when the slice is over, the worker stops, or the job was cancelled; work
    then saves its cursor and returns.
    """

    db: Database
    organization_id: UUID
    company_id: UUID
    fence: int
    worker: str
    provider: AccountingProvider
    profile: CompanyProfile
    waits: Waits
    give_way: Callable[[], bool]
    permit: Callable[[], None] = field(default=lambda: None)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """
        Open a tenant's transaction that holds the fence until it is committed.

        Raises:
            LeaseLost: The company was claimed by somebody else.
        """
        async with self.db.transaction(self.organization_id) as session:
            await check_fence(session, self.company_id, self.fence)
            yield session

    @asynccontextmanager
    async def certain_transaction(self) -> AsyncIterator[AsyncSession]:
        """As `transaction`, and a commit that lost its connection is asked for, never guessed."""
        async with self.db.certain_transaction(self.organization_id) as session:
            await check_fence(session, self.company_id, self.fence)
            yield session

    async def ready(self, *, batch: bool = False) -> None:
        """
        Return when a write (or a batch of them) may go out at once.

        A company that used up its quota would else sleep for a minute in a lane that others wait
        for, and keep a worker from stopping.

        Raises:
            GaveWay: The slice is over.
            ReconnectRequired: There is no token to be had.
        """
        turn = asyncio.ensure_future(self.provider.ready(batch=batch))
        try:
            while not (await asyncio.wait({turn}, timeout=TURN_SECONDS))[0]:
                if self.give_way():
                    raise GaveWay
            turn.result()
        finally:
            if not turn.done():
                turn.cancel()
                await asyncio.wait({turn})


async def check_fence(session: AsyncSession, company_id: UUID, fence: int) -> None:
    """
    Lock the lane against a new claim for the rest of this transaction.

    Raises:
        LeaseLost: The fence has risen.
    """
    # A key share keeps claims out, which lock for update, but lets heartbeats and wake-ups pass.
    share = select(Lane.fence).where(Lane.company_id == company_id)
    statement = share.with_for_update(read=True, key_share=True)
    if await session.scalar(statement) != fence:
        raise LeaseLost


class Work(Protocol):
    """One direction's work: how its jobs are cut into steps, and how a step runs."""

    def steps(self, resources: Sequence[str]) -> list[str]:
        """Return the steps' names in their order of dependence."""

    def operation_type(self, resources: Sequence[str]) -> str:
        """Return the operation in a person's words, such as "Import Customers"."""

    async def run(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        """
        Go on with a step; return whether it is done.

        The cursor is saved in the transaction of the rows it covers (`save_cursor`).
        """
