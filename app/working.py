"""What a worker is made of: how it opens books, settles what is left, and sweeps."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.bootstrap import Collaborators
from app.connections.models import Company, Connection
from app.connections.profiles import save_profile
from app.connections.reasons import Reason
from app.connections.tokens import mark_reauthorization_required, tokens_for
from app.exports.service import ExportWork, keeper_and_placer
from app.imports.work import ImportWork
from app.jobs.lanes import Lease
from app.jobs.models import Lane
from app.jobs.runner import OpenBooks, Runner
from app.jobs.work import WorkContext
from app.journal.work import AnyExport, JournalWork
from app.kit.db import database_now
from app.ledger.catchup import catch_up, set_watermark
from app.ledger.looks import recover, sweep
from app.reconciliation.before_export import preflight_of_job

log = structlog.get_logger(__name__)

# How old what is known of a company's preferences may be when a slice begins.
PROFILE_AGE = timedelta(minutes=15)
# A company left alone for so long is caught up with as after a restart.
LONG_PAUSE = timedelta(hours=1)


def build_runner(collaborators: Collaborators, worker: str, *, lanes: int = 8) -> Runner:
    """Return the claim loop over the given collaborators."""
    desk = CompanyDesk(collaborators)
    documents = ExportWork(preflight=preflight_of_job)
    return Runner(
        db=collaborators.db,
        worker=worker,
        waits=collaborators.waits,
        works={"import": ImportWork(), "export": AnyExport(documents, JournalWork())},
        open_books=desk.open_books,
        begin=desk.begin,
        sweep=sweep,
        on_reconnect_required=desk.reconnect_required,
        lanes=lanes,
    )


class CompanyDesk:
    """Opens companies for this process, and remembers which it has caught up with."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._made_of = collaborators
        self._caught_up: set[UUID] = set()
        self._opened: dict[UUID, tuple[UUID, datetime]] = {}

    async def open_books(self, lease: Lease) -> OpenBooks:
        """Open a company with its stored tokens (implements `Opener`)."""
        parts = self._made_of
        connection = await tokens_for(
            parts.db,
            lease.organization_id,
            lease.company_id,
            authorizations=parts.authorizations,
            keyring=parts.keyring,
            waits=parts.waits,
        )
        async with parts.db.transaction(lease.organization_id) as session:
            row = await session.get_one(Connection, connection.connection_id)
            self._opened[lease.company_id] = (row.id, row.connected_at)
        calls: dict[str, int] = {}

        def count(kind: str) -> None:
            calls[kind] = calls.get(kind, 0) + 1

        provider = parts.provider_factories[connection.provider](
            connection.company,
            tokens=connection.tokens,
            gate=parts.gates(lease.company_id),
            on_call=count,
        )
        profile = connection.profile
        if await self._profile_is_old(lease):
            profile = await provider.company()
            async with parts.db.transaction(lease.organization_id) as session:
                await save_profile(session, lease.company_id, profile)
        return OpenBooks(provider=provider, profile=profile, calls=lambda: dict(calls))

    async def _profile_is_old(self, lease: Lease) -> bool:
        async with self._made_of.db.transaction(lease.organization_id) as session:
            company = await session.get_one(Company, lease.company_id)
            read_at, moment = company.profile_read_at, await database_now(session)
        fresh = read_at is not None and moment - read_at < PROFILE_AGE
        return not fresh or lease.company_id not in self._caught_up

    async def begin(self, context: WorkContext) -> None:
        """Settle what a dead worker left in flight, and learn what the ledger does not know."""
        if left := await recover(context):
            log.warning("taken_over", count=left, fence=context.fence)
        if context.company_id in self._caught_up and not await self._paused_long(context):
            await set_watermark(context)
            return
        async with context.transaction() as session:
            found = await keeper_and_placer(session, context.company_id)
        if found is not None:
            await catch_up(context, *found)
        self._caught_up.add(context.company_id)

    async def _paused_long(self, context: WorkContext) -> bool:
        async with context.transaction() as session:
            lane = await session.get_one(Lane, context.company_id)
            moment = await database_now(session)
        return lane.watermark_at is None or moment - lane.watermark_at > LONG_PAUSE

    async def reconnect_required(self, lease: Lease, reason: str) -> None:
        """Mark the connection dead, unless the merchant connected again in the meantime."""
        known = self._opened.get(lease.company_id)
        if known is None:
            return
        connection_id, connected_at = known
        async with self._made_of.db.transaction(lease.organization_id) as session:
            connection = await session.get_one(Connection, connection_id)
            if connection.connected_at != connected_at:
                return
            generation = connection.generation
        log.warning("reconnect_required", company_id=str(lease.company_id))
        await mark_reauthorization_required(
            self._made_of.db,
            lease.organization_id,
            connection_id,
            Reason.REFUSED,
            generation=generation,
        )
