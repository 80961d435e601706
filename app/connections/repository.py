"""Rows of companies and connections."""

from uuid import UUID

import structlog
from sqlalchemy import func, update

from app.accounting.errors import ReconnectRequired
from app.accounting.ports import TokenSet
from app.connections.errors import NotConnected
from app.connections.models import Connection
from app.connections.reasons import Status, explain
from app.connections.sealing import ACCESS, REFRESH, seal
from app.kit.db import Database
from app.kit.secrets import Keyring

log = structlog.get_logger(__name__)


def token_values(keyring: Keyring, connection_id: UUID, tokens: TokenSet) -> dict[str, object]:
    """Return the columns that hold freshly received tokens; the lease ends with them."""
    now = func.clock_timestamp()
    return {
        ACCESS: seal(keyring, connection_id, ACCESS, tokens.access_token),
        REFRESH: seal(keyring, connection_id, REFRESH, tokens.refresh_token),
        "access_expires_at": now + func.make_interval(0, 0, 0, 0, 0, 0, tokens.access_expires_in),
        "refresh_expires_at": now + func.make_interval(0, 0, 0, 0, 0, 0, tokens.refresh_expires_in),
        "refreshed_at": now,
        "refresh_lease_owner": None,
        "refresh_lease_until": None,
    }


def require_connected(status: str, reason: str | None) -> None:
    """
    Return if tokens may be used.

    Raises:
        NotConnected: The connection was ended on our side.
        ReconnectRequired: The merchant must connect again.
    """
    if status == Status.DISCONNECTED:
        raise NotConnected(explanation=explain(status, reason).explanation)
    if status != Status.CONNECTED:
        raise ReconnectRequired(explanation=explain(status, reason).explanation)


async def mark_reauthorization_required(
    db: Database,
    organization_id: UUID,
    connection_id: UUID,
    reason: str,
    *,
    generation: int | None = None,
) -> bool:
    """
    Note that only the merchant can bring the connection back; return whether that was noted.

    With a *generation*, nothing is noted if newer tokens have been stored since.
    """
    same_tokens = [] if generation is None else [Connection.generation == generation]
    statement = (
        update(Connection)
        .where(Connection.id == connection_id, Connection.status == Status.CONNECTED, *same_tokens)
        .values(
            status=Status.REAUTHORIZATION_REQUIRED,
            reason=reason,
            refresh_lease_owner=None,
            refresh_lease_until=None,
        )
        .returning(Connection.id)
    )
    async with db.transaction(organization_id) as session:
        marked = await session.scalar(statement) is not None
    if marked:
        log.warning("connection_needs_merchant", reason=str(reason))
    return marked
