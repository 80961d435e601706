"""
What a process does to itself at an exact point of its work, when an order for it lies in a folder.

An order is a file, named after the point and the organization: `after_commit.sending.<id>`. Whoever
comes by first takes it (the file is renamed, which only one process can do) and carries it out.
"""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from app.jobs import waits
from app.kit import clock, http
from app.kit.queue import Doorbell
from app.ledger.models import PostingEvent

MOVES = "nemesis.moves"
# Where a connection is lost around its COMMIT; the pipe does it.
CUTS = frozenset({"before", "after"})


class Orders:
    """The orders of one folder, as a process finds them."""

    def __init__(self, folder: Path, database_url: str, *, piped: bool) -> None:
        self._folder = folder
        self._url = database_url
        self._piped = piped
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, name: str, moves: int = 1) -> dict[str, Any] | None:
        """Return the order of that name if this process is the one to carry it out."""
        path = self._folder / name
        try:
            order: dict[str, Any] = json.loads(path.read_text())
        except OSError:
            return None
        if moves < order.get("moves", 1) or (order["action"] in CUTS and not self._piped):
            return None
        try:
            path.rename(self._folder / f"{order['id']}.done")
        except OSError:
            return None
        return order

    def carry_out(self, order: dict[str, Any], session: Session | None) -> None:
        action, seconds = order["action"], float(order.get("seconds", 0))
        if action in {"SIGKILL", "SIGSTOP"}:
            (self._folder / f"{order['id']}.pid").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.Signals[action])
        elif action == "block":
            time.sleep(seconds)
        elif action == "cancel":
            cancel_slices()
        elif action in CUTS and session is not None:
            port = _driver(session)._transport.get_extra_info("sockname")[1]
            (self._folder / f"cut.{port}").write_text(action)
        elif action == "end" and session is not None:
            await_only(self._end_session(_driver(session).get_server_pid()))
        elif action == "exhaust" and session is not None:
            self._keep(self._hold_the_pool(AsyncEngine(session.get_bind()), seconds))

    async def _end_session(self, pid: int) -> None:
        connection = await asyncpg.connect(self._url)
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
        await connection.close()

    async def _hold_the_pool(self, engine: AsyncEngine, seconds: float) -> None:
        """Take every connection that the process may have, for a while."""

        async def hold() -> None:
            async with engine.connect():
                await asyncio.sleep(seconds)

        await asyncio.gather(*(hold() for _ in range(20)), return_exceptions=True)

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _driver(session: Session) -> Any:
    return session.connection().connection.driver_connection


def cancel_slices() -> None:
    """Cancel every slice of this process, wherever it is waiting."""
    for task in asyncio.all_tasks():
        if getattr(task.get_coro(), "__qualname__", "") == "Runner._work_on":
            task.cancel()


def install(order: dict[str, Any]) -> None:
    """Let this process come by the points, and live with a clock that is wrong."""
    # Many workers on few processors: they would spend these on asking whether there is work.
    waits.FLOORS |= {"poll": 1.0, "slice": 8.0}
    http.READ_SECONDS = order["read_seconds"]
    if skew := order.get("skew"):
        _skew(float(skew))
    piped = bool(order.get("piped"))
    orders = Orders(Path(order["orders"]), order["database_url"], piped=piped)
    _at_commits(orders)
    _at_the_bell(orders)
    signal.signal(signal.SIGUSR1, lambda *_: None)


def watch_for_cancellation() -> None:
    """Cancel the slices when the process is told so by SIGUSR1; call it within the loop."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cancel_slices)


def _at_commits(orders: Orders) -> None:
    def note(session: Session, _: object) -> None:
        for row in session.new:
            if isinstance(row, PostingEvent):
                moves = session.info.setdefault(MOVES, {})
                key = (row.to_state, str(row.organization_id))
                moves[key] = moves.get(key, 0) + 1

    def pass_by(moment: str, session: Session, moves: dict[tuple[str, str], int]) -> None:
        for (state, organization), count in moves.items():
            order = orders.take(f"{moment}.{state}.{organization}", count)
            if order is not None:
                orders.carry_out(order, session)

    def before(session: Session) -> None:
        pass_by("before_commit", session, session.info.get(MOVES, {}))

    def after(session: Session) -> None:
        pass_by("after_commit", session, session.info.pop(MOVES, {}))

    event.listen(Session, "after_flush", note)
    event.listen(Session, "before_commit", before)
    event.listen(Session, "after_commit", after)
    event.listen(Session, "after_rollback", lambda session: session.info.pop(MOVES, None))


def _at_the_bell(orders: Orders) -> None:
    ring = Doorbell.ring

    async def pass_by(self: Doorbell, job_id: UUID) -> None:
        order = orders.take("ring.any")
        if order is not None:
            orders.carry_out(order, None)
        await ring(self, job_id)

    Doorbell.ring = pass_by  # type: ignore[method-assign]


def _skew(seconds: float) -> None:
    """Put this process's wall clock wrong; monotonic time stays."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)
    from datetime import UTC, datetime, timedelta  # The type's own clock cannot be replaced.

    from app import working
    from app.jobs import runner

    def wrong() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=seconds)

    clock.now = wrong
    for module in (runner, working):
        if hasattr(module, "now"):
            module.now = wrong
