"""Integrations: made, changed, removed, and their settings read."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.models import Integration
from app.integrations.repository import get_integration
from app.integrations.schemas import (
    ConnectionSummary,
    CurrencyMasterCustomer,
    IntegrationIn,
    IntegrationOut,
    IntegrationPatch,
    IntegrationSettings,
    LastPreflight,
    MasterCustomer,
    Mode,
)
from app.kit.db import Json, database_now
from app.kit.errors import Conflict, FieldProblem

Summaries = Callable[[AsyncSession, list[UUID]], Awaitable[dict[UUID, dict[str, Any]]]]
Removed = Callable[[AsyncSession, Integration], Awaitable[None]]
HasPostings = Callable[[AsyncSession, Integration], Awaitable[bool]]
CheckMode = Callable[[AsyncSession, Integration, str, date | None], Awaitable[None]]
CheckMasters = Callable[[AsyncSession, Integration, list[Json]], Awaitable[None]]

__all__ = ["Hooks", "get_integration", "settings_of"]


@dataclass(frozen=True, slots=True)
class Hooks:
    """
    What higher rooms contribute; each may be absent.

    *summaries* tells about connections, *removed* cancels what runs when an integration goes,
    *has_postings* tells whether anything was ever posted for it, *check_masters* refuses master
    customers that are not in its books, *check_mode* refuses a change of mode that would book
    something twice or not at all, *preflights* tells what was found last.
    """

    summaries: Summaries | None = None
    removed: Removed | None = None
    has_postings: HasPostings | None = None
    check_masters: CheckMasters | None = None
    check_mode: CheckMode | None = None
    preflights: Summaries | None = None


def settings_of(integration: Integration) -> IntegrationSettings:
    """Return the typed settings; fields unknown to this version are left aside."""
    return IntegrationSettings.model_validate(integration.settings, extra="ignore")


async def create_integration(
    session: AsyncSession, organization_id: UUID, wanted: IntegrationIn
) -> Integration:
    made = Integration(
        organization_id=organization_id,
        name=wanted.name,
        provider=wanted.provider,
        mode=wanted.mode.value,
        source_system=wanted.source_system,
        master_customers=_customers(wanted.master_customers, wanted.master_customer),
        allowed_return_urls=list(wanted.allowed_return_urls),
        settings=wanted.settings.model_dump(mode="json"),
    )
    session.add(made)
    await session.flush()
    await session.refresh(made)
    return made


async def change_integration(
    session: AsyncSession, integration_id: UUID, patch: IntegrationPatch, hooks: Hooks
) -> Integration:
    """
    Apply what the patch names.

    Raises:
        NotFound: There is no such integration.
        Conflict: The source system is part of documents' identities already, or a master customer
            is not in the books as it was named, or the mode cannot change on that day.
    """
    await _check_masters(session, integration_id, patch, hooks)
    integration = await get_integration(session, integration_id, for_update=True)
    changes = patch.model_dump(mode="json", exclude_unset=True)
    settings = changes.pop("settings", {})
    changes.pop("master_customer", None)
    if (masters := _patched(integration, patch)) is not None:
        changes["master_customers"] = masters
    changes.pop("mode_from", None)
    if changes.get("mode", integration.mode) != integration.mode and hooks.check_mode is not None:
        await hooks.check_mode(session, integration, changes["mode"], patch.mode_from)
    if changes.get("source_system", integration.source_system) != integration.source_system:
        await _refuse_if_posted(session, integration, hooks)
    for field, value in changes.items():
        setattr(integration, field, value)
    integration.settings = merged(integration.settings, settings)
    await session.flush()
    await session.refresh(integration)
    return integration


async def _check_masters(
    session: AsyncSession, integration_id: UUID, patch: IntegrationPatch, hooks: Hooks
) -> None:
    """Have new master customers looked up in the books, before any row is locked."""
    integration = await get_integration(session, integration_id)
    masters = _patched(integration, patch)
    if masters and hooks.check_masters is not None and integration.company_id is not None:
        await hooks.check_masters(session, integration, masters)
    # Read again under its lock: looking up took its time.
    session.expire(integration)


def _patched(integration: Integration, patch: IntegrationPatch) -> list[Json] | None:
    """Return the master customers that the patch leaves, or None when it says nothing of them."""
    if "master_customer" in patch.model_fields_set:
        others = [c for c in integration.master_customers if c["currency"] is not None]
        return [*_customers([], patch.master_customer), *others]
    if "master_customers" in patch.model_fields_set:
        return _customers(patch.master_customers, None)
    return None


async def remove_integration(session: AsyncSession, integration_id: UUID, hooks: Hooks) -> None:
    """
    Detach: the integration is shown no more and its jobs are cancelled. Nothing is erased.

    Raises:
        NotFound: There is no such integration.
    """
    integration = await get_integration(session, integration_id, for_update=True)
    integration.deleted_at = await database_now(session)
    await session.flush()
    if hooks.removed is not None:
        await hooks.removed(session, integration)


async def show(
    session: AsyncSession, integrations: list[Integration], hooks: Hooks
) -> list[IntegrationOut]:
    """Return integrations as the API shows them, each with its connection."""
    summaries: dict[UUID, dict[str, Any]] = {}
    if hooks.summaries is not None and integrations:
        summaries = await hooks.summaries(session, [row.id for row in integrations])
    preflights: dict[UUID, dict[str, Any]] = {}
    if hooks.preflights is not None and integrations:
        preflights = await hooks.preflights(session, [row.id for row in integrations])
    return [_shown(row, summaries.get(row.id), preflights.get(row.id)) for row in integrations]


def merged(kept: Json, patch: Json) -> Json:
    """Return *kept* with *patch* laid over it, object by object; null is a value."""
    result = dict(kept)
    for key, value in patch.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = merged(below, value)  # noqa: PLW2901 - the value as it will stand
        result[key] = value
    return result


def _shown(
    row: Integration, summary: dict[str, Any] | None, preflight: dict[str, Any] | None
) -> IntegrationOut:
    return IntegrationOut(
        id=row.id,
        name=row.name,
        provider=row.provider,
        mode=Mode(row.mode),
        master_customers=[CurrencyMasterCustomer(**entry) for entry in row.master_customers],
        allowed_return_urls=row.allowed_return_urls,
        source_system=row.source_system,
        settings=settings_of(row),
        connection=ConnectionSummary(**summary) if summary else ConnectionSummary(),
        preflight=LastPreflight(**preflight) if preflight else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _customers(listed: list[CurrencyMasterCustomer], home: MasterCustomer | None) -> list[Json]:
    every = list(listed)
    if home is not None:
        every.insert(0, CurrencyMasterCustomer(name=home.name, id=home.id))
    return [
        {"currency": customer.currency, "name": customer.name, "id": customer.id}
        for customer in every
    ]


async def _refuse_if_posted(session: AsyncSession, integration: Integration, hooks: Hooks) -> None:
    """Without anybody to ask, an integration that ever had a company may have posted."""
    posted = integration.company_id is not None
    if posted and hooks.has_postings is not None:
        posted = await hooks.has_postings(session, integration)
    if posted:
        raise Conflict(
            "The source system is part of the identity of documents that were posted already;"
            " with another one they would be posted again.",
            code="source_system_fixed",
            errors=[FieldProblem("/source_system", "It cannot change any more.")],
            fixes=["Leave source_system as it is."],
        )
