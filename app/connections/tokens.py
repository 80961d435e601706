"""
The stored tokens of one connection, and how they are renewed: once, whoever asks, wherever.

    read → fresh? use it
         → stale: take the lease (compare-and-set) → ask the authorization server, no transaction
           open → save (compare-and-set on the generation) → only then use
         → leased by somebody else: wait for what they store

A process that dies between receipt and save leaves a lease that runs out and a refresh token that
the server still honours for a day; the next one goes on with it.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import DBAPIError

from app.accounting.errors import (
    CompanyUnavailable,
    NotSent,
    OutcomeUnknown,
    ReconnectRequired,
    RetryLater,
)
from app.accounting.ports import Authorization, CompanyRef, TokenSet
from app.accounting.records import CompanyProfile
from app.connections.errors import NotConnected
from app.connections.models import Company, Connection
from app.connections.profiles import profile_of
from app.connections.reasons import Reason, Status
from app.connections.repository import (
    mark_reauthorization_required,
    require_connected,
    token_values,
)
from app.connections.sealing import ACCESS, REFRESH, unseal
from app.integrations.models import Integration
from app.kit.db import CommitLost, Database, connection_lost
from app.kit.secrets import Keyring, UnreadableSecret

FRESH_SECONDS = 300.0  # Intuit's advice: renew five minutes before the end, not earlier.
CACHE_SECONDS = 10.0
ATTEMPTS = 3
SHORTEST_LEASE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class RefreshWaits(Protocol):
    """The one wait that is needed here, in seconds."""

    @property
    def refresh_lease(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the row says now; *left* and *lifetime* of the access token are in seconds."""

    status: str
    reason: str | None
    generation: int
    access: str | None
    refresh: str | None
    left: float
    lifetime: float

    @property
    def fresh(self) -> bool:
        return self.left >= min(FRESH_SECONDS, self.lifetime / 2)


@dataclass(frozen=True, slots=True)
class _Cached:
    token: str
    until: float


class StoredTokens:
    """The `TokenSource` of one connection."""

    def __init__(
        self,
        *,
        db: Database,
        organization_id: UUID,
        connection_id: UUID,
        authorization: Authorization,
        keyring: Keyring,
        waits: RefreshWaits,
    ) -> None:
        self._db = db
        self._organization_id = organization_id
        self._connection_id = connection_id
        self._authorization = authorization
        self._keyring = keyring
        self._lease = max(waits.refresh_lease, SHORTEST_LEASE_SECONDS)
        self._lock = asyncio.Lock()
        self._cached: _Cached | None = None
        self._refreshes: set[asyncio.Task[str | None]] = set()

    async def access_token(self) -> str:
        """
        Return a token that lives five minutes more.

        Raises:
            ReconnectRequired: The connection is dead, or was ended (NotConnected).
            CompanyUnavailable: None can be had now; nothing is wrong with the connection.
        """
        if (cached := self._cached) and time.monotonic() < cached.until:
            return cached.token
        async with self._lock:
            return await self._obtain(None)

    async def renew(self, stale: str) -> str:
        """Return a token other than *stale*, which the books refused; raises as `access_token`."""
        if self._cached and self._cached.token == stale:
            self._cached = None
        async with self._lock:
            return await self._obtain(stale)

    async def _obtain(self, stale: str | None) -> str:
        owner = secrets.token_hex(8)
        deadline = time.monotonic() + 4 * self._lease
        while True:
            stored = await self._read()
            if (token := self._usable(stored, stale)) is not None:
                return token
            if await self._take_lease(owner, stored.generation):
                if (token := await self._shielded(owner, stored)) is not None:
                    return token
                continue
            if time.monotonic() > deadline:
                raise CompanyUnavailable(explanation="The tokens are being renewed for too long.")
            await asyncio.sleep(self._lease / 200 * random.uniform(0.8, 1.6))  # noqa: S311

    async def _read(self) -> _Stored:
        """
        Read the row.

        Raises:
            ReconnectRequired: It is no longer connected.
        """
        ends, begins = Connection.access_expires_at, Connection.refreshed_at
        statement = select(
            Connection.status,
            Connection.reason,
            Connection.generation,
            Connection.access_token,
            Connection.refresh_token,
            func.coalesce(func.extract("epoch", ends - func.clock_timestamp()), 0),
            func.coalesce(func.extract("epoch", ends - begins), 2 * FRESH_SECONDS),
        ).where(Connection.id == self._connection_id)
        async with self._db.transaction(self._organization_id) as session:
            row = (await session.execute(statement)).one_or_none()
        if row is None:
            raise NotConnected(explanation="This connection does not exist.")
        status, reason, generation, access, refresh, left, lifetime = row
        require_connected(status, reason)
        return _Stored(status, reason, generation, access, refresh, float(left), float(lifetime))

    def _usable(self, stored: _Stored, stale: str | None) -> str | None:
        if not stored.fresh or stored.access is None:
            return None
        token = self._open(ACCESS, stored.access)
        if token == stale:
            return None
        self._remember(token, stored.left)
        return token

    def _open(self, column: str, sealed: str) -> str:
        try:
            return unseal(self._keyring, self._connection_id, column, sealed)
        except UnreadableSecret as error:
            # The operator's keys are wrong, which says nothing about the connection.
            raise CompanyUnavailable(
                explanation="The stored tokens cannot be decrypted: check ENCRYPTION_KEYS."
            ) from error

    def _remember(self, token: str, left: float) -> None:
        margin = min(FRESH_SECONDS, left / 2)
        self._cached = _Cached(token, time.monotonic() + min(CACHE_SECONDS, left - margin))

    async def _take_lease(self, owner: str, generation: int) -> bool:
        """Take, or lengthen, the right to renew this generation; the database's clock decides."""
        now = func.clock_timestamp()
        free = or_(
            Connection.refresh_lease_until.is_(None),
            Connection.refresh_lease_until < now,
            Connection.refresh_lease_owner == owner,
        )
        statement = (
            update(Connection)
            .where(
                Connection.id == self._connection_id,
                Connection.generation == generation,
                Connection.status == Status.CONNECTED,
                free,
            )
            .values(
                refresh_lease_owner=owner,
                refresh_lease_until=now + func.make_interval(0, 0, 0, 0, 0, 0, self._lease),
            )
            .returning(Connection.id)
        )
        async with self._db.transaction(self._organization_id) as session:
            return await session.scalar(statement) is not None

    async def _release(self, owner: str) -> None:
        async with self._db.transaction(self._organization_id) as session:
            await session.execute(
                update(Connection)
                .where(
                    Connection.id == self._connection_id, Connection.refresh_lease_owner == owner
                )
                .values(refresh_lease_owner=None, refresh_lease_until=None)
            )

    async def _shielded(self, owner: str, stored: _Stored) -> str | None:
        """Refresh to the end even if the caller is cancelled: what was received must be saved."""
        task = asyncio.ensure_future(self._refresh(owner, stored))
        self._refreshes.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Task[str | None]") -> None:
        self._refreshes.discard(task)
        if not task.cancelled():
            task.exception()  # Seen, even if its caller has gone.

    async def _refresh(self, owner: str, stored: _Stored) -> str | None:
        """Return the new token once it is saved, or None when a sibling was faster."""
        try:
            refresh_token = self._open(REFRESH, stored.refresh or "")
            tokens = await self._ask(owner, stored, refresh_token)
        except CompanyUnavailable:
            await self._release(owner)
            raise
        if tokens is None or not await self._save(tokens, stored.generation):
            return None
        self._remember(tokens.access_token, tokens.access_expires_in)
        log.info("tokens_refreshed")
        return tokens.access_token

    async def _ask(self, owner: str, stored: _Stored, refresh_token: str) -> TokenSet | None:
        lost: Exception | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(self._lease / 60 * 2.0**attempt)
                if not await self._take_lease(owner, stored.generation):
                    return None
            try:
                async with asyncio.timeout(self._lease * 0.8):
                    return await self._authorization.refresh(refresh_token)
            except ReconnectRequired:
                if await self._believe_dead(stored):
                    raise
                return None
            except (OutcomeUnknown, NotSent, RetryLater, TimeoutError) as error:
                lost = error
        raise CompanyUnavailable(explanation="The tokens could not be renewed now.") from lost

    async def _believe_dead(self, stored: _Stored) -> bool:
        """Mark the connection dead unless a sibling has stored newer tokens in the meantime."""
        return await mark_reauthorization_required(
            self._db,
            self._organization_id,
            self._connection_id,
            Reason.REVOKED,
            generation=stored.generation,
        )

    async def _save(self, tokens: TokenSet, generation: int) -> bool:
        """Store the tokens as the next generation; False if there is another one already."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._db.certain_transaction(self._organization_id) as session:
                    statement = (
                        update(Connection)
                        .where(
                            Connection.id == self._connection_id,
                            Connection.generation == generation,
                            Connection.status == Status.CONNECTED,
                        )
                        .values(
                            **token_values(self._keyring, self._connection_id, tokens),
                            generation=generation + 1,
                        )
                        .returning(Connection.id)
                    )
                    saved = await session.scalar(statement) is not None
            except (CommitLost, OSError, DBAPIError) as error:
                if isinstance(error, DBAPIError) and not connection_lost(error):
                    raise
                if attempt + 1 == ATTEMPTS:
                    raise
                await asyncio.sleep(self._lease / 60)
            else:
                return saved
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenConnection:
    """A company that can be opened: where it is, what it is like, and what opens it."""

    organization_id: UUID
    integration_id: UUID
    connection_id: UUID
    company_id: UUID
    provider: str
    company: CompanyRef
    profile: CompanyProfile
    generation: int
    tokens: StoredTokens


async def tokens_for(
    db: Database,
    organization_id: UUID,
    company_id: UUID,
    *,
    authorizations: Mapping[str, Authorization],
    keyring: Keyring,
    waits: RefreshWaits,
) -> OpenConnection:
    """
    Return the connection of the live integration that drives the company.

    Raises:
        NotConnected: There is none, or it was ended on our side.
        ReconnectRequired: The merchant must connect again.
    """
    statement = (
        select(Connection, Company)
        .join(Company, Company.id == Connection.company_id)
        .join(Integration, Integration.id == Connection.integration_id)
        .where(
            Connection.company_id == company_id,
            Integration.company_id == company_id,
            Integration.deleted_at.is_(None),
        )
    )
    async with db.transaction(organization_id) as session:
        found = (await session.execute(statement)).one_or_none()
    if found is None:
        raise NotConnected(explanation="No integration is connected to this company.")
    connection, company = found
    require_connected(connection.status, connection.reason)
    return OpenConnection(
        organization_id=organization_id,
        integration_id=connection.integration_id,
        connection_id=connection.id,
        company_id=company_id,
        provider=company.provider,
        company=CompanyRef(environment=company.environment, realm_id=company.realm_id),
        profile=profile_of(company),
        generation=connection.generation,
        tokens=StoredTokens(
            db=db,
            organization_id=organization_id,
            connection_id=connection.id,
            authorization=authorizations[company.provider],
            keyring=keyring,
            waits=waits,
        ),
    )


__all__ = [
    "OpenConnection",
    "RefreshWaits",
    "StoredTokens",
    "mark_reauthorization_required",
    "tokens_for",
]
