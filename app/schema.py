"""The database's schema: brought to its head, and compared with what the models say."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app.kit.db import async_url
from app.kit.embedded import EmbeddedPostgres

# Two processes that start at once must not migrate at once.
MIGRATION_LOCK = 0x1ED6E2


class SchemaError(Exception):
    """The schema cannot be made what it must be; the message says why, *fixes* what helps."""

    def __init__(self, sentence: str, fixes: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.fixes = tuple(fixes)


def migrations_folder() -> Path:
    """Return the folder of the migrations, which is installed beside `app`."""
    place = Path(__file__).resolve().parents[1] / "migrations"
    if not (place / "env.py").is_file():
        raise SchemaError(
            "The migrations are not installed.", ["Install Ledgerwire again, as a whole."]
        )
    return place


def alembic_config(database_url: str = "") -> Config:
    """Return Alembic's configuration; quiet, and without a file."""
    config = Config(attributes={"url": async_url(database_url)})
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.print_stdout = lambda *_: None  # type: ignore[method-assign]
    return config


def heads() -> list[str]:
    """Return the newest revisions; more than one is a mistake."""
    return ScriptDirectory.from_config(alembic_config()).get_heads()


def upgrade(database_url: str) -> None:
    """
    Bring the schema to its head; waits while another process is at it.

    Raises:
        SchemaError: The database refused, or could not be reached.
    """
    with asyncio.Runner() as runner, _alone(runner, database_url), _refusals():
        command.upgrade(alembic_config(database_url), "head")


@contextmanager
def _alone(runner: asyncio.Runner, database_url: str) -> Iterator[None]:
    plain = async_url(database_url).replace("+asyncpg", "")
    try:
        connection = runner.run(_locked(plain))
    except (OSError, asyncpg.PostgresError, ValueError) as lost:
        raise SchemaError(
            f"The database cannot be reached: {lost or type(lost).__name__}.",
            ["Check DATABASE_URL, and that the server runs."],
        ) from lost
    try:
        yield
    finally:
        runner.run(connection.close())


async def _locked(url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
    return connection


@contextmanager
def _refusals() -> Iterator[None]:
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as refused:
        raise SchemaError(
            f"The migration was refused and changed nothing: {refused.orig}",
            [
                "If it waited for a lock, try again in a moment.",
                "If a right is missing, docs/operations.md says which one the login needs.",
            ],
        ) from refused
    except CommandError as wrong:
        raise SchemaError(f"The migrations cannot be applied: {wrong}") from wrong


def check() -> None:
    """
    Prove on a database of its own that there is one head and that it makes what the models say.

    Raises:
        SchemaError: It does not, naming each difference.
    """
    if len(found := heads()) != 1:
        raise SchemaError(f"There must be one newest migration, and there are: {', '.join(found)}.")
    with tempfile.TemporaryDirectory(prefix="ledgerwire-migrate-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", fast=True)
        url = server.start()
        try:
            upgrade(url)
            command.check(alembic_config(url))
        except CommandError as different:
            raise SchemaError(
                f"The models and the migrations differ: {different}",
                ["Write the migration: alembic revision --autogenerate"],
            ) from different
        finally:
            server.stop()


async def revision_of(database_url: str) -> str | None:
    """Return the schema's revision, or None for a database without tables of ours."""
    connect = partial(asyncpg.connect, timeout=5)
    connection = await connect(async_url(database_url).replace("+asyncpg", ""))
    try:
        if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
            return None
        found = await connection.fetchval("SELECT version_num FROM alembic_version")
        return str(found) if found else None
    finally:
        await connection.close()
