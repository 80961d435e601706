"""
Pooled connections: each is looked at once more before a request or a worker gets it.

One statement asks the server whether the connection lives and whether a former user left anything
on it. It takes the place of the pool's own ping, which needs three.
"""

from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

# Both settings are made for one transaction only. Whoever finds one set between transactions
# would work in the name of somebody else.
LEFT_BEHIND = (
    "SELECT coalesce(current_setting('role', true), 'none') = ANY ('{roles}'::text[])"
    " OR coalesce(current_setting('app.organization_id', true), '') <> ''"
)

log = structlog.get_logger(__name__)


def guard(engine: AsyncEngine, *roles: str) -> None:
    """
    Discard a connection that died, or that carries an open transaction, a role or a tenant.

    Whoever asked for it gets another one instead; a dead one ends all that are as old.
    """
    question = LEFT_BEHIND.format(roles="{" + ",".join(roles) + "}")

    @event.listens_for(engine.sync_engine, "checkout")
    def look(connection: Any, _: Any, __: Any) -> None:
        if connection.driver_connection.is_in_transaction():
            log.error("connection_discarded", reason="open_transaction")
            raise DisconnectionError
        try:
            dirty = connection.run_async(lambda driver: driver.fetchval(question))
        except Exception as lost:
            raise InvalidatePoolError from lost
        if dirty:
            log.error("connection_discarded", reason="tenant_left_behind")
            raise DisconnectionError
