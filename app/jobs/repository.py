"""Rows of jobs, steps and records."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.models import Lane, Step


async def save_cursor(
    session: AsyncSession,
    step_id: UUID,
    *,
    cursor: dict[str, Any] | None = None,
    counts: dict[str, int] | None = None,
) -> None:
    """Save how far a step has come, in the transaction of the rows that it covers."""
    values: dict[str, Any] = {}
    if cursor is not None:
        values["cursor"] = cursor
    if counts is not None:
        values["counts"] = counts
    await session.execute(update(Step).where(Step.id == step_id).values(**values))


async def ensure_lane(session: AsyncSession, organization_id: UUID, company_id: UUID) -> None:
    """Give the company a lane, and let its waiting jobs be looked at now."""
    statement = insert(Lane).values(
        organization_id=organization_id,
        company_id=company_id,
        fence=0,
        due_at=func.clock_timestamp(),
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Lane.company_id], set_={"due_at": func.clock_timestamp()}
        )
    )
