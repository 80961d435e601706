"""Tenants come and their keys come and go; used by the API and by the command line."""

from datetime import timedelta
from uuid import UUID

from app.kit.clock import now
from app.kit.db import Database, database_now
from app.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from app.organizations import repository
from app.organizations.access import make_key
from app.organizations.models import ApiKey, Organization
from app.organizations.schemas import ApiKeyIn, OrganizationIn


async def create_organization(db: Database, wanted: OrganizationIn) -> Organization:
    """Create a merchant; names need not be unique."""
    async with db.door() as session:
        made = Organization(name=wanted.name)
        session.add(made)
        await session.flush()
        await session.refresh(made)
    return made


async def list_organizations(
    db: Database, *, before: UUID | None, limit: int
) -> list[Organization]:
    async with db.door() as session:
        return await repository.list_organizations(session, before=before, limit=limit)


async def create_key(
    db: Database, organization_id: UUID, wanted: ApiKeyIn, *, hash_key: str
) -> tuple[ApiKey, str]:
    """
    Make a key and return it with its plain text, which is kept nowhere.

    Raises:
        NotFound: There is no such organization.
        Invalid: The key would have expired already.
    """
    if wanted.expires_at is not None and wanted.expires_at <= now():
        raise Invalid(
            "This time is past; the key would never work.",
            errors=[FieldProblem("/expires_at", "This time is past.")],
        )
    await _require(db, organization_id)
    fresh = make_key(hash_key)
    async with db.transaction(organization_id) as session:
        key = ApiKey(
            organization_id=organization_id,
            name=wanted.name,
            prefix=fresh.prefix,
            key_hash=fresh.key_hash,
            scopes=sorted({scope.value for scope in wanted.scopes}),
            expires_at=wanted.expires_at,
        )
        session.add(key)
        await session.flush()
        await session.refresh(key)
    return key, fresh.plain


async def rotate_key(
    db: Database, organization_id: UUID, key_id: UUID, *, overlap: timedelta, hash_key: str
) -> tuple[ApiKey, str]:
    """
    Let a new key follow a live one; return it with its plain text, which is kept nowhere.

    It has the name and the scopes of the old one and, if that one was to expire, as long a life.
    The old one works for *overlap* longer at most.

    Raises:
        NotFound: There is no such organization, or no such key of it.
        Conflict: The key is revoked or expired: nobody can be using it.
    """
    await _require(db, organization_id)
    fresh = make_key(hash_key)
    async with db.transaction(organization_id) as session:
        old = await repository.find_own_key(session, key_id)
        if old is None:
            raise _no_key()
        moment = await database_now(session)
        if old.revoked_at or (old.expires_at and old.expires_at <= moment):
            raise Conflict(
                "This key is revoked or expired, so there is nothing to take over.",
                code="api_key_not_live",
                fixes=["Make a new key instead."],
            )
        key = ApiKey(
            organization_id=organization_id,
            name=old.name,
            prefix=fresh.prefix,
            key_hash=fresh.key_hash,
            scopes=old.scopes,
            expires_at=moment + (old.expires_at - old.created_at) if old.expires_at else None,
        )
        session.add(key)
        if overlap:
            old.expires_at = min(old.expires_at or moment + overlap, moment + overlap)
        else:
            old.revoked_at = moment
        await session.flush()
        await session.refresh(key)
    return key, fresh.plain


async def list_keys(
    db: Database, organization_id: UUID, *, before: UUID | None, limit: int
) -> list[ApiKey]:
    """
    Return the organization's keys, newest first.

    Raises:
        NotFound: There is no such organization.
    """
    await _require(db, organization_id)
    async with db.transaction(organization_id) as session:
        return await repository.list_keys(session, before=before, limit=limit)


async def revoke_key(db: Database, organization_id: UUID, key_id: UUID) -> None:
    """
    Revoke a key, from its next request on. Doing it twice is harmless.

    Raises:
        NotFound: There is no such organization, or no such key of it.
    """
    await _require(db, organization_id)
    async with db.transaction(organization_id) as session:
        if not await repository.revoke_key(session, key_id):
            raise _no_key()


def _no_key() -> NotFound:
    return NotFound("There is no API key with this id here.", code="api_key_not_found")


async def _require(db: Database, organization_id: UUID) -> None:
    async with db.door() as session:
        await repository.require_organization(session, organization_id)
