"""
Processes that renew one connection's tokens as fast as they can, forked from one that is imported.

The order is one line of JSON on standard input; each process answers with one line: how many
different tokens it was given. With *crash* a process dies right after it was given new ones.
"""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import select

from app.accounting.ports import Authorization, TokenSet
from app.bootstrap import Collaborators, build
from app.connections.models import Connection
from app.connections.tokens import StoredTokens
from app.kit.logging import configure
from app.settings import load_settings

DIED = 9


@dataclass
class Waits:
    refresh_lease: float


class Dying:
    """An authorization server's client whose process dies before it can tell what it received."""

    def __init__(self, real: Authorization) -> None:
        self._real = real

    async def refresh(self, refresh_token: str) -> TokenSet:
        await self._real.refresh(refresh_token)
        os._exit(DIED)


async def renew(order: dict[str, Any]) -> int:
    """Follow the tokens until the connection has the generation that is the goal."""
    made = build(
        load_settings(_env_file=None, **order["settings"]),
        database_url=order["database_url"],
        redis_url=order["redis_url"],
    )
    tokens = source(made, order)
    token, seen = await tokens.access_token(), 1
    # A token is no younger than the generation read after it, so none is renewed past the goal.
    while await generation(made, order) < order["goal"]:
        token, seen = await tokens.renew(token), seen + 1
    await made.close()
    return seen


def source(made: Collaborators, order: dict[str, Any]) -> StoredTokens:
    real = made.authorizations["quickbooks_online"]
    return StoredTokens(
        db=made.db,
        organization_id=UUID(order["organization_id"]),
        connection_id=UUID(order["connection_id"]),
        authorization=Dying(real) if order.get("crash") else real,  # type: ignore[arg-type]
        keyring=made.keyring,
        waits=Waits(order["lease"]),
    )


async def generation(made: Collaborators, order: dict[str, Any]) -> int:
    wanted = select(Connection.generation).where(Connection.id == UUID(order["connection_id"]))
    async with made.db.transaction(UUID(order["organization_id"])) as session:
        return int(await session.scalar(wanted) or 0)


def child(order: dict[str, Any]) -> NoReturn:
    code = 1
    try:
        sys.stdout.write(json.dumps({"seen": asyncio.run(renew(order))}) + "\n")
        sys.stdout.flush()
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    configure(level="WARNING")
    order = json.loads(sys.stdin.readline())
    children = []
    for _ in range(order["processes"]):
        pid = os.fork()
        if pid == 0:
            child(order)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    sys.exit(max(codes))


if __name__ == "__main__":
    main()
