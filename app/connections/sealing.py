"""Tokens between their columns and their plain form, and their move to a new key."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.connections.models import Connection
from app.kit.db import Database
from app.kit.secrets import Keyring, UnreadableSecret
from app.organizations.kept import reseal_kept
from app.organizations.models import Organization

ACCESS = "access_token"
REFRESH = "refresh_token"


def place(connection_id: UUID, column: str) -> str:
    """Name the one place in which a sealed token can be opened."""
    return f"connections:{connection_id}:{column}"


def seal(keyring: Keyring, connection_id: UUID, column: str, token: str) -> str:
    return keyring.encrypt(token, place=place(connection_id, column))


def unseal(keyring: Keyring, connection_id: UUID, column: str, sealed: str) -> str:
    """
    Return the plain token.

    Raises:
        UnreadableSecret: Its key is not in the ring, or it was taken from another row or column.
    """
    return keyring.decrypt(sealed, place=place(connection_id, column))


@dataclass(slots=True)
class Rotation:
    """How many connections were re-encrypted, already were, or could not be opened."""

    rotated: int = 0
    current: int = 0
    unreadable: int = 0


async def rotate_encryption(db: Database, keyring: Keyring) -> Rotation:
    """
    Seal every stored token, and what else is kept sealed, with the ring's first key.

    Each row is changed only if it still holds what was read, so a refresh that happens meanwhile
    wins. Run it after every process has the new ring; repeating it does no harm.
    """
    done = Rotation()
    async with db.door() as session:
        organizations = list(await session.scalars(select(Organization.id)))
    for organization_id in organizations:
        async with db.transaction(organization_id) as session:
            sealed = Connection.refresh_token.is_not(None)
            found = list(await session.scalars(select(Connection.id).where(sealed)))
            await reseal_kept(session, keyring)
        for connection_id in found:
            async with db.transaction(organization_id) as session:
                await _rotate(session, keyring, connection_id, done)
    return done


async def _rotate(
    session: AsyncSession, keyring: Keyring, connection_id: UUID, done: Rotation
) -> None:
    row = await session.scalar(
        select(Connection).where(Connection.id == connection_id).with_for_update()
    )
    if row is None:
        return
    columns = {ACCESS: row.access_token, REFRESH: row.refresh_token}
    old = {name: sealed for name, sealed in columns.items() if _is_old(sealed, keyring)}
    if not old:
        done.current += 1
        return
    try:
        fresh = {
            name: seal(keyring, row.id, name, unseal(keyring, row.id, name, sealed or ""))
            for name, sealed in old.items()
        }
    except UnreadableSecret:
        done.unreadable += 1
        return
    unchanged = [getattr(Connection, name) == sealed for name, sealed in old.items()]
    await session.execute(
        update(Connection).where(Connection.id == row.id, *unchanged).values(**fresh)
    )
    done.rotated += 1


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """How many stored tokens were tried, how many opened, and which keys they ask for."""

    tried: int
    opened: int
    missing: frozenset[str]

    @property
    def wrong(self) -> bool:
        """Tell whether these are not the keys of this database."""
        return bool(self.missing) or (self.tried > 0 and self.opened == 0)


async def check_keys(db: Database, keyring: Keyring, *, most: int = 50) -> KeyCheck:
    """Try the keys on one token of each of the newest organizations; nothing is changed."""
    tried = opened = 0
    missing: set[str] = set()
    async with db.door() as session:
        newest = select(Organization.id).order_by(Organization.id.desc()).limit(most)
        organizations = list(await session.scalars(newest))
    for organization_id in organizations:
        async with db.transaction(organization_id) as session:
            sealed = select(Connection).where(Connection.refresh_token.is_not(None)).limit(1)
            row = await session.scalar(sealed)
        if row is None:
            continue
        tried += 1
        token = row.refresh_token or ""
        try:
            unseal(keyring, row.id, REFRESH, token)
            opened += 1
        except UnreadableSecret:
            if (name := token.partition(":")[0]) not in keyring.keys:
                missing.add(name)
    return KeyCheck(tried, opened, frozenset(missing))


def _is_old(sealed: str | None, keyring: Keyring) -> bool:
    return sealed is not None and sealed.partition(":")[0] != keyring.current
