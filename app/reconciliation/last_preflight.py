"""The last preflight of a company: kept, and shown with its integration."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.connections.models import Company, Connection
from app.connections.profiles import profile_of
from app.integrations.models import Integration
from app.integrations.service import settings_of
from app.kit.db import Json, database_now
from app.reconciliation import company_checks as company
from app.reconciliation.situation import Check, Level, Needs, Situation

COMPANY_LOOKS = (
    company.subscription,
    company.plan_level,
    company.tax_model,
    company.custom_numbers,
    company.auto_apply,
    company.closed_books,
    company.currencies,
)


def finding(check: Check) -> Json:
    """Return a finding as it is kept."""
    return {
        "code": check.code,
        "level": check.level.value,
        "subject": check.subject,
        "consequence": check.consequence,
        "fix": check.fix,
        "documents": check.documents,
    }


async def keep_preflight(
    session: AsyncSession,
    company_id: UUID,
    findings: Sequence[Check],
    first_day: date | None,
    last_day: date | None,
) -> None:
    """Keep what was found as the company's last preflight."""
    kept = {
        "read_at": (await database_now(session)).isoformat(),
        "date_from": first_day.isoformat() if first_day else None,
        "date_to": last_day.isoformat() if last_day else None,
        "findings": [finding(check) for check in findings],
    }
    await session.execute(update(Company).where(Company.id == company_id).values(preflight=kept))


async def last_preflights(
    session: AsyncSession, integration_ids: list[UUID]
) -> dict[UUID, dict[str, Any]]:
    """
    Return the last preflight of each integration that has a company.

    One that was connected since is judged by what connecting read of the company: no call.
    """
    rows = await session.execute(
        select(Integration, Company, Connection.connected_at)
        .join(Company, Company.id == Integration.company_id)
        .join(Connection, Connection.integration_id == Integration.id)
        .where(Integration.id.in_(integration_ids))
    )
    found: dict[UUID, dict[str, Any]] = {}
    for integration, of_company, connected_at in rows:
        kept: Json = of_company.preflight or {}
        newer = "findings" in kept and (
            connected_at is None or kept["read_at"] >= connected_at.isoformat()
        )
        if newer:
            found[integration.id] = _shown(kept)
        elif of_company.profile is not None:
            found[integration.id] = _shown(_at_connect(integration, of_company))
    return found


def _at_connect(integration: Integration, of_company: Company) -> Json:
    """Judge the company alone, without any document."""
    situation = Situation(
        profile=profile_of(of_company),
        settings=settings_of(integration),
        needs=Needs(),
        imported=True,
        accounts={},
        items={},
        roles={},
        why_unmapped=lambda _: None,
    )
    checks = [check for look in COMPANY_LOOKS for check in look(situation)]
    read_at = of_company.profile_read_at or of_company.created_at
    return {
        "read_at": read_at.isoformat(),
        "date_from": None,
        "date_to": None,
        "findings": [finding(check) for check in checks],
    }


def _shown(kept: Json) -> dict[str, Any]:
    levels = list(reversed(Level))
    rows = sorted(kept["findings"], key=lambda row: levels.index(Level(row["level"])))
    ready = all(row["level"] != Level.BLOCK for row in rows)
    return {**kept, "findings": rows, "ready": ready}
