"""Runs the migrations on an async engine; the URL comes from the caller or the settings."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.bootstrap import tables
from app.kit.db import async_url
from app.settings import load_settings

# A migration that cannot get its lock soon gives up instead of stopping everybody else.
LOCK_TIMEOUT = "5s"


def run(connection: Connection) -> None:
    """Apply the revisions one by one, each in its own transaction."""
    context.configure(
        connection=connection,
        target_metadata=tables(),
        transaction_per_migration=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()


async def connect_and_run() -> None:
    url = context.config.attributes.get("url") or load_settings().database_url
    if not url:
        raise SystemExit("Set DATABASE_URL, or use: ledgerwire migrate")
    engine = create_async_engine(async_url(url), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(connect_and_run())
