"""Rows of jobs, steps and records."""

from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.models import Step


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
