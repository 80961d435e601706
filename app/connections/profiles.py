"""A company's profile between its JSON column and its record."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import CompanyProfile
from app.connections.models import Company
from app.kit.db import Json

_ADAPTER = TypeAdapter(CompanyProfile)


def profile_json(profile: CompanyProfile) -> Json:
    """Return the profile as it is kept."""
    kept: Any = _ADAPTER.dump_python(profile, mode="json")
    return dict(kept)


def parse_profile(kept: Json) -> CompanyProfile:
    """Return the profile; a field that a newer version wrote is passed over."""
    known = {name: value for name, value in kept.items() if name in CompanyProfile.__slots__}
    return _ADAPTER.validate_python(known)


def profile_of(company: Company) -> CompanyProfile:
    """
    Return what is known of the company since its profile was last read.

    Raises:
        ValueError: It was never read; a company that was connected always has one.
    """
    if company.profile is None:
        raise ValueError(f"Company {company.id} has no profile")
    return parse_profile(company.profile)


async def save_profile(session: AsyncSession, company_id: UUID, profile: CompanyProfile) -> None:
    """Keep a profile that was just read."""
    await session.execute(
        update(Company)
        .where(Company.id == company_id)
        .values(profile=profile_json(profile), profile_read_at=func.clock_timestamp())
    )
