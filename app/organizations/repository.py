"""Where organizations and keys are found."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.errors import NotFound
from app.organizations.models import ApiKey, Organization


async def require_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """
    Return the organization; *session* is the door's.

    Raises:
        NotFound: There is none with this id.
    """
    found = await session.get(Organization, organization_id)
    if found is None:
        raise NotFound("There is no organization with this id.", code="organization_not_found")
    return found


async def list_organizations(
    session: AsyncSession, *, before: UUID | None, limit: int
) -> list[Organization]:
    """Return organizations, newest first."""
    query = select(Organization).order_by(Organization.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Organization.id < before)
    return list(await session.scalars(query))


async def list_keys(session: AsyncSession, *, before: UUID | None, limit: int) -> list[ApiKey]:
    """Return the keys of the organization in context, newest first, revoked ones too."""
    query = select(ApiKey).order_by(ApiKey.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ApiKey.id < before)
    return list(await session.scalars(query))


async def find_own_key(session: AsyncSession, key_id: UUID) -> ApiKey | None:
    """Return a key of the organization in context, locked until the commit."""
    query = select(ApiKey).where(ApiKey.id == key_id).with_for_update()
    found: ApiKey | None = await session.scalar(query)
    return found


async def revoke_key(session: AsyncSession, key_id: UUID) -> bool:
    """Mark the key revoked, keeping the first time; tell whether it exists."""
    change = (
        update(ApiKey)
        .where(ApiKey.id == key_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.clock_timestamp()))
        .returning(ApiKey.id)
    )
    return (await session.execute(change)).scalar() is not None
