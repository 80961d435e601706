"""A connection begun, shown and ended."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import ProviderError
from app.accounting.ports import Authorization
from app.connections.errors import ProviderMissing, ReturnUrlNotAllowed
from app.connections.models import Company, Connection, PendingAuthorization
from app.connections.profiles import profile_of
from app.connections.reasons import Reason, Status, explain
from app.connections.schemas import CompanyOut, ConnectionOut, ConnectOut
from app.connections.sealing import REFRESH, unseal
from app.integrations.models import Integration
from app.integrations.repository import get_integration
from app.kit.db import after_commit, database_now
from app.kit.errors import FieldProblem
from app.kit.secrets import Keyring, UnreadableSecret, keyed_hash

PAGE_LIFE = timedelta(minutes=10)
KEPT = timedelta(days=1)
REVOKE_SECONDS = 10.0

log = structlog.get_logger(__name__)


def hashed(purpose: str, secret: str, hash_key: str) -> str:
    """Return the form in which a page token, state or browser secret is kept."""
    return keyed_hash(f"connect:{purpose}:{secret}", hash_key)


async def begin(
    session: AsyncSession,
    integration_id: UUID,
    *,
    return_url: str,
    allow_other_company: bool,
    hash_key: str,
    public_url: str,
    providers: Mapping[str, Authorization],
) -> ConnectOut:
    """
    Make a connect page for the merchant's browser, good for ten minutes.

    Raises:
        NotFound: There is no such integration.
        ReturnUrlNotAllowed: The return URL is not, character by character, on its list.
    """
    integration = await get_integration(session, integration_id)
    if return_url not in integration.allowed_return_urls:
        raise ReturnUrlNotAllowed(
            "return_url must be exactly one of the integration's allowed_return_urls.",
            errors=[FieldProblem("/return_url", "Not on the list.", "return_url_not_allowed")],
            fixes=["Add the URL to the integration's allowed_return_urls, or send one of those."],
        )
    if integration.provider not in providers:
        raise ProviderMissing(f"{integration.provider} is not set up here.")
    moment = await database_now(session)
    await session.execute(
        delete(PendingAuthorization).where(
            PendingAuthorization.integration_id == integration_id,
            PendingAuthorization.created_at < moment - KEPT,
        )
    )
    token = secrets.token_urlsafe(32)
    session.add(
        PendingAuthorization(
            organization_id=integration.organization_id,
            integration_id=integration_id,
            page_hash=hashed("page", token, hash_key),
            return_url=return_url,
            allow_other_company=allow_other_company,
            expires_at=moment + PAGE_LIFE,
        )
    )
    return ConnectOut(
        authorization_url=f"{public_url}/v1/connect/{token}", expires_at=moment + PAGE_LIFE
    )


async def show(session: AsyncSession, integration_id: UUID) -> ConnectionOut:
    """
    Return the state of an integration's connection.

    Raises:
        NotFound: There is no such integration.
    """
    await get_integration(session, integration_id)
    found = (
        await session.execute(
            select(Connection, Company)
            .join(Company, Company.id == Connection.company_id)
            .where(Connection.integration_id == integration_id)
        )
    ).one_or_none()
    if found is None:
        why = explain(Status.NOT_CONNECTED, None)
        return ConnectionOut(
            integration_id=integration_id,
            status=Status.NOT_CONNECTED,
            explanation=why.explanation,
            fix=why.fix,
        )
    connection, company = found
    why = explain(connection.status, connection.reason)
    return ConnectionOut(
        integration_id=integration_id,
        status=Status(connection.status),
        company=_company_out(company),
        connected_at=connection.connected_at,
        access_expires_at=connection.access_expires_at,
        refresh_expires_at=connection.refresh_expires_at,
        last_refreshed_at=connection.refreshed_at,
        disconnected_at=connection.disconnected_at,
        reason=connection.reason,
        explanation=why.explanation or None,
        fix=why.fix,
    )


def _company_out(company: Company) -> CompanyOut:
    profile = profile_of(company)
    return CompanyOut(
        external_id=company.realm_id,
        name=profile.name,
        country=profile.country,
        home_currency=profile.home_currency,
        time_zone=profile.time_zone,
        tax_model=profile.tax_model,
        environment=company.environment,
    )


async def connection_summaries(
    session: AsyncSession, integration_ids: list[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Return, for each integration that was ever connected, the short form of its connection."""
    rows = await session.execute(
        select(
            Connection.integration_id,
            Connection.status,
            Connection.reason,
            Connection.connected_at,
            Company.realm_id,
            Company.profile["name"].astext,
        )
        .join(Company, Company.id == Connection.company_id)
        .where(Connection.integration_id.in_(integration_ids))
    )
    return {
        integration_id: {
            "status": status,
            "company_id": realm_id,
            "company_external_id": realm_id,
            "company_name": name,
            "connected_at": connected_at,
            "reason": reason,
        }
        for integration_id, status, reason, connected_at, realm_id, name in rows
    }


async def disconnect(
    session: AsyncSession,
    integration_id: UUID,
    *,
    keyring: Keyring,
    authorizations: Mapping[str, Authorization],
) -> ConnectionOut:
    """
    End the connection: destroy the tokens, release the company, then revoke at the provider.

    Links, mappings and history stay. Repeating it changes nothing.

    Raises:
        NotFound: There is no such integration.
    """
    integration = await get_integration(session, integration_id, for_update=True)
    await end_connection(
        session,
        integration,
        reason=Reason.REQUESTED,
        keyring=keyring,
        authorizations=authorizations,
    )
    return await show(session, integration_id)


async def end_connection(
    session: AsyncSession,
    integration: Integration,
    *,
    reason: Reason,
    keyring: Keyring,
    authorizations: Mapping[str, Authorization],
) -> None:
    """Destroy an integration's tokens and release its company, whatever state they are in."""
    connection = await session.scalar(
        select(Connection).where(Connection.integration_id == integration.id).with_for_update()
    )
    if connection is None or connection.status == Status.DISCONNECTED:
        return
    token = _readable(connection, keyring)
    await session.execute(
        update(Connection)
        .where(Connection.id == connection.id)
        .values(
            status=Status.DISCONNECTED,
            reason=reason,
            access_token=None,
            refresh_token=None,
            access_expires_at=None,
            refresh_expires_at=None,
            refresh_lease_owner=None,
            refresh_lease_until=None,
            # A refresh that is on its way finds another generation, and saves nothing.
            generation=Connection.generation + 1,
            disconnected_at=func.clock_timestamp(),
        )
    )
    await session.execute(
        update(Company).where(Company.id == connection.company_id).values(held=False)
    )
    await session.refresh(connection)
    if token is not None and integration.provider in authorizations:
        revoke_later(session, authorizations[integration.provider], token)


def _readable(connection: Connection, keyring: Keyring) -> str | None:
    """Return the refresh token, or None if there is none or its key is lost."""
    if connection.refresh_token is None:
        return None
    try:
        return unseal(keyring, connection.id, REFRESH, connection.refresh_token)
    except UnreadableSecret:
        return None


def revoke_later(session: AsyncSession, authorization: Authorization, token: str) -> None:
    """Revoke once the transaction is committed."""

    async def revoke() -> None:
        await revoke_quietly(authorization, token)

    after_commit(session, revoke)


async def revoke_quietly(authorization: Authorization, token: str) -> None:
    """Revoke as far as the provider answers soon; our copy is gone in any case."""
    try:
        async with asyncio.timeout(REVOKE_SECONDS):
            await authorization.revoke(token)
    except (ProviderError, TimeoutError) as error:
        log.warning("revoke_unanswered", error=type(error).__name__)
