"""Where integrations are found; removed ones are never found again."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.models import Integration
from app.kit.errors import NotFound


async def get_integration(
    session: AsyncSession, integration_id: UUID, *, for_update: bool = False
) -> Integration:
    """
    Return a live integration of the organization in context.

    Raises:
        NotFound: There is none with this id, it was removed, or it belongs to somebody else.
    """
    query = select(Integration).where(
        Integration.id == integration_id, Integration.deleted_at.is_(None)
    )
    if for_update:
        query = query.with_for_update()
    found = await session.scalar(query)
    if found is None:
        raise NotFound("There is no integration with this id.", code="integration_not_found")
    return found


async def list_integrations(
    session: AsyncSession, *, before: UUID | None, limit: int
) -> list[Integration]:
    """Return the live integrations of the organization in context, newest first."""
    query = (
        select(Integration)
        .where(Integration.deleted_at.is_(None))
        .order_by(Integration.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Integration.id < before)
    return list(await session.scalars(query))
