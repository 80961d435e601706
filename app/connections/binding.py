"""Which company an integration may have: checked before the code is exchanged, and when saving."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.ports import CompanyRef, TokenSet
from app.accounting.records import CompanyProfile
from app.connections.errors import ConnectRefused
from app.connections.models import Company, Connection
from app.connections.profiles import profile_json
from app.connections.reasons import Status
from app.connections.repository import token_values
from app.connections.sealing import REFRESH, unseal
from app.integrations.models import Integration
from app.kit.db import Database
from app.kit.ids import new_id
from app.kit.secrets import Keyring, UnreadableSecret

EnsureLane = Callable[[AsyncSession, UUID, UUID], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A company on its way to an integration."""

    organization_id: UUID
    integration_id: UUID
    provider: str
    company: CompanyRef
    allow_other_company: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What is known of the company beforehand; *in_use*: a connection of ours opens it now."""

    company_id: UUID
    in_use: bool


async def check_binding(db: Database, newcomer: Newcomer) -> Binding:
    """
    Return what is known of the company, if the integration may have it.

    Raises:
        ConnectRefused: Another organization or integration has it, or another company is bound.
    """
    async with db.door() as session:
        holders = await session.scalars(
            select(Company.organization_id).where(*_same_books(newcomer), Company.held)
        )
        if any(holder != newcomer.organization_id for holder in holders):
            raise _held_by_other()
    async with db.transaction(newcomer.organization_id) as session:
        return await _own_binding(session, newcomer)


async def bind(
    db: Database,
    newcomer: Newcomer,
    *,
    company_id: UUID,
    tokens: TokenSet,
    profile: CompanyProfile,
    keyring: Keyring,
    ensure_lane: EnsureLane,
) -> str | None:
    """
    Save company, connection and binding in one transaction.

    A company that is new gets *company_id*, under which its first calls were counted. The
    unique indexes decide between concurrent attempts. Returns the refresh token of a former company
    that this integration has left, to be revoked.

    Raises:
        ConnectRefused: As `check_binding`; whoever was faster has the company.
    """
    try:
        async with db.transaction(newcomer.organization_id) as session:
            await _own_binding(session, newcomer, lock=True)
            company_id = await _save_company(session, newcomer, company_id, profile)
            former = await _save_connection(session, newcomer, company_id, tokens, keyring)
            await session.execute(
                update(Integration)
                .where(Integration.id == newcomer.integration_id)
                .values(company_id=company_id)
            )
            await ensure_lane(session, newcomer.organization_id, company_id)
            return former
    except IntegrityError as clash:
        if "uq_companies_held_realm" in str(clash.orig):
            raise _held_by_other() from clash
        if "uq_integrations_live_company" in str(clash.orig):
            raise _in_use() from clash
        raise


async def _own_binding(session: AsyncSession, newcomer: Newcomer, *, lock: bool = False) -> Binding:
    query = select(Integration).where(
        Integration.id == newcomer.integration_id, Integration.deleted_at.is_(None)
    )
    integration = await session.scalar(query.with_for_update() if lock else query)
    if integration is None:
        raise ConnectRefused("integration_removed", "The integration was removed meanwhile.")
    company_id = await session.scalar(select(Company.id).where(*_same_books(newcomer)))
    driver = None
    if company_id is not None:
        driver = await session.scalar(
            select(Integration.id).where(
                Integration.company_id == company_id, Integration.deleted_at.is_(None)
            )
        )
    if driver is not None and driver != integration.id:
        raise _in_use()
    bound = integration.company_id
    if bound is not None and bound != company_id and not newcomer.allow_other_company:
        raise ConnectRefused(
            "other_company",
            "This integration belongs to another QuickBooks company. Choose that one, or say "
            "explicitly that the company is to be changed.",
        )
    return Binding(
        company_id=company_id or new_id(),
        in_use=company_id is not None and await _is_open(session, company_id),
    )


async def _is_open(session: AsyncSession, company_id: UUID) -> bool:
    open_ones = select(Connection.id).where(
        Connection.company_id == company_id, Connection.status == Status.CONNECTED
    )
    return await session.scalar(open_ones.limit(1)) is not None


async def _save_company(
    session: AsyncSession, newcomer: Newcomer, new: UUID, profile: CompanyProfile
) -> UUID:
    """Save the company, a new one under the id *new*; return the id it has."""
    fresh = {
        "held": True,
        "profile": profile_json(profile),
        "profile_read_at": func.clock_timestamp(),
    }
    statement = (
        insert(Company)
        .values(
            id=new,
            organization_id=newcomer.organization_id,
            provider=newcomer.provider,
            environment=newcomer.company.environment,
            realm_id=newcomer.company.realm_id,
            **fresh,
        )
        .on_conflict_do_update(
            index_elements=["organization_id", "provider", "environment", "realm_id"], set_=fresh
        )
        .returning(Company.id)
    )
    return (await session.execute(statement)).scalar_one()


async def _save_connection(
    session: AsyncSession,
    newcomer: Newcomer,
    company_id: UUID,
    tokens: TokenSet,
    keyring: Keyring,
) -> str | None:
    """Write the integration's one connection; its generation rises with the new tokens."""
    connection = await session.scalar(
        select(Connection)
        .where(Connection.integration_id == newcomer.integration_id)
        .with_for_update()
    )
    former = None
    if connection is None:
        connection = Connection(
            id=new_id(),
            organization_id=newcomer.organization_id,
            integration_id=newcomer.integration_id,
            company_id=company_id,
            generation=0,
            status=Status.CONNECTED,
        )
        session.add(connection)
        await session.flush()
    elif connection.company_id != company_id:
        former = await _leave_company(session, connection, keyring)
    await session.execute(
        update(Connection)
        .where(Connection.id == connection.id)
        .values(
            **token_values(keyring, connection.id, tokens),
            company_id=company_id,
            status=Status.CONNECTED,
            reason=None,
            generation=Connection.generation + 1,
            connected_at=func.clock_timestamp(),
            disconnected_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    return former


async def _leave_company(
    session: AsyncSession, connection: Connection, keyring: Keyring
) -> str | None:
    """Release the company the connection had; return its refresh token, if it can be read."""
    await session.execute(
        update(Company).where(Company.id == connection.company_id).values(held=False)
    )
    if connection.refresh_token is None:
        return None
    try:
        return unseal(keyring, connection.id, REFRESH, connection.refresh_token)
    except UnreadableSecret:
        return None


def _same_books(newcomer: Newcomer) -> tuple[ColumnElement[bool], ...]:
    return (
        Company.provider == newcomer.provider,
        Company.environment == newcomer.company.environment,
        Company.realm_id == newcomer.company.realm_id,
    )


def _held_by_other() -> ConnectRefused:
    return ConnectRefused(
        "company_held_by_other",
        "This QuickBooks company is connected to another account. It must be disconnected there "
        "first.",
    )


def _in_use() -> ConnectRefused:
    return ConnectRefused(
        "company_in_use",
        "Another integration of yours is connected to this QuickBooks company.",
    )
