"""What a former refresh token is worth once it was replaced; asked only on an operator's wish."""

from uuid import UUID

from sqlalchemy import select

from app.accounting.errors import ProviderError, ReconnectRequired
from app.accounting.ports import Authorization
from app.connections.models import Connection
from app.connections.sealing import REFRESH, unseal
from app.connections.tokens import OpenConnection
from app.kit.db import Database
from app.kit.secrets import Keyring


async def try_former_refresh_token(
    db: Database, connection: OpenConnection, *, authorization: Authorization, keyring: Keyring
) -> str:
    """
    Renew the tokens, then use the refresh token from before; return what that gave.

    This may cost the connection, which is why nothing else asks it. What the server gives last is
    stored, so that a connection that survives goes on.
    """

    async def stored() -> str:
        async with db.transaction(connection.organization_id) as session:
            sealed = await session.scalar(
                select(Connection.refresh_token).where(Connection.id == connection.connection_id)
            )
        return unseal(keyring, connection.connection_id, REFRESH, sealed or "")

    former = await stored()
    token = await connection.tokens.renew(await connection.tokens.access_token())
    if await stored() == former:
        return "not_asked: the server did not replace it"
    try:
        await authorization.refresh(former)
    except ReconnectRequired:
        answer = "refused"
    except ProviderError as error:
        answer = f"could_not_be_asked: {error.fault.code or type(error).__name__}"
    else:
        answer = "honoured"
    try:
        await connection.tokens.renew(token)
    except ReconnectRequired:
        return f"{answer}, and the connection is dead now"
    return answer


async def organization_of(
    db: Database, organization_ids: list[UUID], integration_id: UUID
) -> tuple[UUID, UUID] | None:
    """Return the organization and the company of an integration, for an operator who names it."""
    for organization_id in organization_ids:
        async with db.transaction(organization_id) as session:
            company_id = await session.scalar(
                select(Connection.company_id).where(Connection.integration_id == integration_id)
            )
        if company_id is not None:
            return organization_id, company_id
    return None
