"""A pooled connection that carries anything of its former user is not given to the next."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.jobs.lanes import Lease, claim
from app.jobs.models import Lane
from app.jobs.waits import Waits
from app.kit.db import Database, build_engine
from tests.security.twins import make_twin


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Database]:
    """A database with one pooled connection, so that the next user gets the same one."""
    made = Database(build_engine(database_url, pool_size=1))
    yield made
    await made.dispose()


async def backend(connection: AsyncConnection) -> int:
    found = await connection.scalar(text("SELECT pg_backend_pid()"))
    assert isinstance(found, int)
    return found


async def test_a_clean_connection_is_used_again(single: Database) -> None:
    async with single.engine.connect() as connection:
        first = await backend(connection)
    async with single.transaction(uuid4()):
        pass
    async with single.engine.connect() as connection:
        assert await backend(connection) == first


@pytest.mark.parametrize(
    "statement",
    [
        f"SET app.organization_id = '{UUID(int=7)}'",
        "SET ROLE ledgerwire_app",
        "SET ROLE ledgerwire_door",
    ],
)
async def test_a_tenant_or_role_left_behind(single: Database, statement: str) -> None:
    async with single.engine.connect() as connection:
        first = await backend(connection)
        await connection.execute(text(statement))
        await connection.commit()

    async with single.engine.connect() as connection:
        assert await backend(connection) != first
        left = await connection.scalar(text("SELECT current_setting('app.organization_id', true)"))
        assert not left
        assert await connection.scalar(text("SELECT current_setting('role')")) == "none"


async def test_an_open_transaction_left_behind(single: Database) -> None:
    """One that was begun past SQLAlchemy, which would not know to end it."""
    async with single.engine.connect() as connection:
        first = await backend(connection)
        await connection.rollback()
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        await driver.execute("BEGIN")

    async with single.engine.connect() as connection:
        assert await backend(connection) != first


async def test_a_connection_that_died(single: Database, db: Database) -> None:
    async with single.engine.connect() as connection:
        first = await backend(connection)
    async with db.engine.connect() as other:
        await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first})

    async with single.transaction(uuid4()) as session:
        assert await session.scalar(text("SELECT 1")) == 1


async def test_a_worker_takes_the_tenant_from_the_row(db: Database) -> None:
    """Whatever a message may say: the lease names whose lane it is."""
    twin = await make_twin(db, "hash-key", "Word")
    async with db.transaction(twin.id) as session:
        await session.execute(
            text("UPDATE lanes SET due_at = clock_timestamp(), lease_until = NULL")
        )

    lease = await claim(db, "w1", Waits())

    assert isinstance(lease, Lease)
    assert lease.organization_id == twin.id
    async with db.transaction(lease.organization_id) as session:
        assert await session.scalar(select(Lane.company_id)) == lease.company_id
