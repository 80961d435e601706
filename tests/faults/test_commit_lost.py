"""The connection to Postgres dies in COMMIT: what became of it is asked, never guessed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from app.bootstrap import build
from app.ledger.models import PostingEvent
from tests.faults.landscape import Landscape, World, plain
from tests.faults.proxy import CommitProxy
from tests.faults.truth import differences, writes
from tests.journeys.world import working

# Which commit of a document's two is hit, and how: the COMMIT never arrives, its answer never
# arrives, or the server ends the session before it.
CASES = [(state, how) for state in ("sending", "posted") for how in ("before", "after", "end")]


@contextmanager
def losing(proxy: CommitProxy, cases: dict[UUID, tuple[str, str]], url: str) -> Iterator[None]:
    """Hit the commit of each organization's first posting that moves to its case's state."""

    def note(session: Session, _: object) -> None:
        for row in session.new:
            if isinstance(row, PostingEvent) and row.organization_id in cases:
                state, how = cases[row.organization_id]
                if row.to_state == state:
                    session.info["lose"] = how
                    del cases[row.organization_id]

    def lose(session: Session) -> None:
        if (how := session.info.pop("lose", None)) is None:
            return
        connection: Any = session.connection().connection.driver_connection
        if how == "end":
            await_only(end_session(url, connection.get_server_pid()))
            proxy.lost.append(how)
        else:
            proxy.lose[connection._transport.get_extra_info("sockname")[1]] = how

    event.listen(Session, "after_flush", note)
    event.listen(Session, "before_commit", lose)
    try:
        yield
    finally:
        event.remove(Session, "after_flush", note)
        event.remove(Session, "before_commit", lose)


async def end_session(url: str, pid: int) -> None:
    connection = await asyncpg.connect(plain(url))
    await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await connection.close()


async def export_all(world: World) -> list[dict[str, Any]]:
    for seller in world.sellers:
        await seller.invoice("i1", "149.99", invoice_date="2026-03-01")
        await seller.invoice("i2", "20.01", invoice_date="2026-03-02")
    return await asyncio.gather(*(seller.exported("invoices") for seller in world.sellers))


@pytest.mark.crowd
async def test_a_lost_commit_loses_nothing_and_doubles_nothing(landscape: Landscape) -> None:
    async with landscape.world(sellers=len(CASES)) as world:
        url = world.settings.database_url or ""
        server = make_url(url)
        assert server.host
        assert server.port
        async with CommitProxy(server.host, server.port) as proxy:
            through = server.set(host="127.0.0.1", port=proxy.port)
            made = build(
                world.settings,
                database_url=through.render_as_string(hide_password=False),
                redis_url=world.settings.redis_url or "",
            )
            cases = {
                UUID(seller.organization_id): case
                for seller, case in zip(world.sellers, CASES, strict=True)
            }
            try:
                with losing(proxy, cases, url):
                    async with working(made):
                        jobs = await export_all(world)
            finally:
                await made.close()

        assert sorted(proxy.lost) == sorted(how for _, how in CASES)
        for seller, job, case in zip(world.sellers, jobs, CASES, strict=True):
            assert job["status"] == "succeeded", (case, await seller.records(job))
            assert differences(seller) == [], case
            assert len(writes(seller, carried_out=False)) == 2, case
        attempts = await world.rows(
            "SELECT count(*) AS n FROM attempts a JOIN postings p ON p.id = a.posting_id"
            " JOIN links l ON l.id = p.link_id WHERE l.billing_id IN ('i1', 'i2')"
            " AND a.outcome IS DISTINCT FROM 'NotSent'"  # A slow machine's intent grew too old.
        )
        assert attempts[0]["n"] == 2 * len(CASES)
