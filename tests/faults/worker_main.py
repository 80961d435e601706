"""
Real worker processes, forked from one that has everything imported: so SIGKILL costs little.

Orders come as lines of JSON on standard input; each is answered by the new process's id. A child
runs the program's own worker (`app.worker.run_worker`) with its settings from the environment, or
an API that asks for jobs and dies before it rings. When the input ends, so do all children.

A child can be told to signal itself at an exact point of writing a document:

    before_intent    the intent is flushed, its COMMIT is about to be sent
    after_intent     the intent is committed, the call is about to be made
    before_settling  the answer is there, the COMMIT that settles it is about to be sent

It takes effect once the file *armed* exists, and only when *companies* of them stand at the point:
each is held there until the last one arrives, so that one death kills them all at the same spot.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import httpx
import uvicorn
from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from app.bootstrap import build
from app.jobs import waits
from app.kit.logging import configure
from app.kit.queue import Doorbell
from app.ledger.models import PostingEvent
from app.main import create_app
from app.settings import Settings, load_settings
from app.worker import run_worker
from tests.faults.nemesis import hooks

# Many workers on few processors: they would spend these on asking whether there is work.
waits.FLOORS["poll"] = 0.25
# Point → (which transition is waited for, before or after its commit).
POINTS = {
    "before_intent": ("sending", "before_commit"),
    "after_intent": ("sending", "after_commit"),
    "before_settling": ("posted", "before_commit"),
}


class Meeting:
    """Holds whoever arrives until all are there, then signals this process."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._armed = Path(order["armed"])
        self._report = Path(order["report"])
        self._expected: int = order["companies"]
        self._signal = signal.Signals[order["signal"]]
        self._arrived: set[UUID] = set()
        self._all_there = asyncio.Event()

    async def arrive(self, who: UUID) -> None:
        if who in self._arrived or not self._armed.exists():
            return
        self._arrived.add(who)
        with self._report.open("a") as report:
            report.write(f"{who}\n")
        if len(self._arrived) == self._expected:
            self._all_there.set()
        await self._all_there.wait()
        # Without a pause: nothing may happen between the point and the signal.
        os.kill(os.getpid(), self._signal)


def watch(order: dict[str, Any]) -> None:
    """Let the transitions of postings be met at the ordered point."""
    wanted, moment = POINTS[order["point"]]
    meeting = Meeting(order)

    def note(session: Session, _: object) -> None:
        for row in session.new:
            if isinstance(row, PostingEvent) and row.to_state == wanted:
                session.info["moved"] = row.organization_id

    def meet(session: Session) -> None:
        if (who := session.info.pop("moved", None)) is not None:
            await_only(meeting.arrive(who))

    event.listen(Session, "after_flush", note)
    event.listen(Session, moment, meet)


class LastWords(Doorbell):
    """A doorbell whose process dies with its hand on the bell, once all jobs are committed."""

    def __init__(self, jobs: int) -> None:
        self._left = jobs

    async def ring(self, job_id: UUID) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()


async def ask_for_jobs(settings: Settings, requests: list[dict[str, Any]]) -> None:
    """Be an API process: take the requests, commit, and die before the ring."""
    assert settings.database_url
    assert settings.redis_url
    made = build(settings, database_url=settings.database_url, redis_url=settings.redis_url)
    made.doorbell = LastWords(len(requests))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(made)), base_url="http://api"
    ) as client:

        async def ask(request: dict[str, Any]) -> None:
            answer = await client.post(
                request["path"],
                json=request["body"],
                headers={"Authorization": request["authorization"]},
            )
            raise AssertionError(f"answered {answer.status_code}: {answer.text}")

        await asyncio.gather(*(ask(request) for request in requests))


def child(order: dict[str, Any]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(0)
    os.environ.update(order["environment"])
    configure(level="INFO")
    settings = load_settings(_env_file=None)
    status = 1
    try:
        if order.get("point"):
            watch(order)
        if order["role"].startswith("nemesis"):
            nemesis(order, settings)
        elif order["role"] == "api":
            asyncio.run(ask_for_jobs(settings, order["requests"]))
        else:
            assert settings.database_url
            assert settings.redis_url
            asyncio.run(
                run_worker(
                    settings, database_url=settings.database_url, redis_url=settings.redis_url
                )
            )
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def nemesis(order: dict[str, Any], settings: Settings) -> None:
    """Be a worker, or the API itself, that lives under the orders of a folder."""
    hooks.install(order)
    assert settings.database_url
    assert settings.redis_url
    if order["role"] == "nemesis_api":
        made = build(settings, database_url=settings.database_url, redis_url=settings.redis_url)
        uvicorn.run(
            create_app(made),
            host="127.0.0.1",
            port=order["port"],
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        return

    async def work() -> None:
        hooks.watch_for_cancellation()
        await run_worker(
            settings, database_url=settings.database_url or "", redis_url=settings.redis_url or ""
        )

    asyncio.run(work())


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children: list[int] = []
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(order)
        children.append(pid)
        sys.stdout.write(json.dumps({"pid": pid}) + "\n")
        sys.stdout.flush()
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
