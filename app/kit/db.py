"""The database: tables' common base, and transactions that know their tenant."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import DateTime, ForeignKeyConstraint, MetaData, Numeric, String, event, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    with_loader_criteria,
)

from app.kit.ids import new_id
from app.kit.pool import guard

APP_ROLE = "ledgerwire_app"
DOOR_ROLE = "ledgerwire_door"
FILTER = "own_rows"

Json = dict[str, Any]  # A JSON column's value; parsed into records at the repository.

log = structlog.get_logger(__name__)


class Base(DeclarativeBase):
    """Every table's base: constraint names follow one pattern, types one map."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own idiom
        datetime: DateTime(timezone=True),
        Decimal: Numeric(19, 6),
        Json: JSONB(none_as_null=True),
        list[str]: ARRAY(String),
    }


class Identified:
    """A primary key that sorts by creation."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class TenantOwned:
    """A row of one organization; row-level security hangs on this column."""

    organization_id: Mapped[UUID] = mapped_column()


def tenant_fk(column: str, target: str, **kwargs: Any) -> ForeignKeyConstraint:
    """Return a foreign key that cannot point into another organization."""
    return ForeignKeyConstraint(
        ["organization_id", column], [f"{target}.organization_id", f"{target}.id"], **kwargs
    )


def build_engine(url: str, *, pool_size: int = 10, statement_cache: bool = True) -> AsyncEngine:
    """Return an engine for a Postgres URL in any of its usual spellings."""
    arguments: dict[str, Any] = {"timeout": 10, "command_timeout": 60}
    if not statement_cache:
        arguments["statement_cache_size"] = 0
    engine = create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=1800,
        connect_args=arguments,
    )
    guard(engine, APP_ROLE, DOOR_ROLE)
    return engine


class TenantSession(Session):
    """A session whose statements name its organization, wall or no wall in the database."""


@event.listens_for(TenantSession, "do_orm_execute")
def _name_the_organization(state: ORMExecuteState) -> None:
    """Add `organization_id = …` to whatever is read, changed or deleted in a tenant's session."""
    own = state.session.info.get(FILTER)
    bulk = state.is_executemany and not state.is_select
    if own is not None and not bulk and (state.is_select or state.is_update or state.is_delete):
        state.statement = state.statement.options(own)


def own_rows(organization_id: UUID) -> Any:
    """Return the filter that every statement of a tenant's session gets."""
    return with_loader_criteria(
        TenantOwned,
        lambda table: table.organization_id == organization_id,
        include_aliases=True,
    )


def async_url(url: str) -> str:
    """Rewrite `postgres://` and `postgresql://` to the asyncpg dialect."""
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgres", "postgresql"}:
        return f"postgresql+asyncpg{separator}{rest}"
    return url


class CommitLost(Exception):
    """The connection died in COMMIT and the transaction did not happen."""


class Database:
    """
    Opens transactions: for one tenant, or through the narrow cross-tenant door.

    A tenant's rows stand behind two walls: row-level security in the database, and a filter that
    each statement gets here. Either alone keeps others out; *filters* off leaves the first.
    """

    def __init__(self, engine: AsyncEngine, *, filters: bool = True) -> None:
        self.engine = engine
        self.filters = filters

    @asynccontextmanager
    async def transaction(self, organization_id: UUID) -> AsyncIterator[AsyncSession]:
        """Open a transaction that sees and writes only this organization's rows."""
        async with self._begin(APP_ROLE, organization_id) as session:
            yield session

    @asynccontextmanager
    async def door(self) -> AsyncIterator[AsyncSession]:
        """
        Open a transaction across tenants, with the few rights of the door role.

        For: claim and sweep, key look-up, OAuth state, realm uniqueness, operator lists.
        """
        async with self._begin(DOOR_ROLE, None) as session:
            yield session

    @asynccontextmanager
    async def certain_transaction(self, organization_id: UUID) -> AsyncIterator[AsyncSession]:
        """
        Open a tenant's transaction whose commit is never guessed.

        If the connection dies in COMMIT, the server is asked what became of the transaction
        (`pg_xact_status`).

        Raises:
            CommitLost: It did not happen; everything in it may be tried again.
        """
        xid: str | None = None
        try:
            async with self._begin(APP_ROLE, organization_id) as session:
                yield session
                await session.flush()
                xid = (await session.execute(text("SELECT pg_current_xact_id()::text"))).scalar()
        except (InterfaceError, OperationalError, DBAPIError, OSError) as error:
            if xid is None or (isinstance(error, DBAPIError) and not connection_lost(error)):
                raise
            if not await self._committed(xid):
                raise CommitLost from error
            log.warning("commit_confirmed_after_loss")

    async def _committed(self, xid: str) -> bool:
        for _ in range(60):
            try:
                async with self.engine.connect() as connection:
                    # By way of text: the driver would want a number for an xid8.
                    question = text("SELECT pg_xact_status(CAST(CAST(:xid AS text) AS xid8))")
                    status = (await connection.execute(question, {"xid": xid})).scalar()
            except (DBAPIError, OSError):
                status = "in progress"
            if status != "in progress":
                return bool(status == "committed")
            await asyncio.sleep(0.5)
        raise ConnectionError("The database did not say what became of a commit")

    @asynccontextmanager
    async def _begin(self, role: str, tenant: UUID | None) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(
            self.engine, expire_on_commit=False, sync_session_class=TenantSession
        ) as session:
            if tenant is not None and self.filters:
                session.info[FILTER] = own_rows(tenant)
            async with session.begin():
                await enter(session, role, str(tenant or ""))
                yield session
            await run_after_commit(session)

    async def dispose(self) -> None:
        await self.engine.dispose()


def connection_lost(error: DBAPIError) -> bool:
    """Tell whether the statement failed because the connection went away."""
    return error.connection_invalidated or isinstance(error, InterfaceError)


def database_away(error: BaseException) -> bool:
    """Tell an error that says nothing of the work: the database went away, or had no room."""
    if isinstance(error, DBAPIError):
        return connection_lost(error)
    return isinstance(error, OSError | CommitLost | PoolTimeout)


async def enter(session: AsyncSession, role: str, tenant: str) -> None:
    """Put on the role and the tenant for this transaction only; the login may be a superuser."""
    await session.execute(
        text(
            "SELECT set_config('role', :role, true),"
            " set_config('app.organization_id', :tenant, true)"
        ),
        {"role": role, "tenant": tenant},
    )


def after_commit(session: AsyncSession, action: Callable[[], Awaitable[None]]) -> None:
    """Run *action* once this transaction is committed; nothing leaves for the queue before."""
    session.info.setdefault("after_commit", []).append(action)


async def run_after_commit(session: AsyncSession) -> None:
    for action in session.info.pop("after_commit", []):
        await action()


async def database_now(session: AsyncSession) -> datetime:
    """Return the database's clock, the only one the ledger trusts."""
    moment = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    assert isinstance(moment, datetime)  # noqa: S101 - narrows the driver's type
    return moment


__all__ = ["ARRAY", "JSONB", "Base", "Database", "Identified", "Json", "TenantOwned", "date"]
