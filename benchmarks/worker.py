"""
A worker process that is measured: the real loop, in a process whose CPU time is its own.

It reads an order (JSON) from the first line of standard input, and answers each further line with
one line of JSON: processor seconds used so far, and statements and transactions made.
"""

import asyncio
import contextlib
import cProfile
import json
import resource
import sys
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bootstrap import build
from app.exports.service import ExportWork
from app.jobs.runner import Runner
from app.kit.logging import configure
from app.settings import load_settings
from app.worker import listen
from app.working import build_runner


class Counter:
    """Counts what goes to the database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.statements = 0
        self.transactions = 0
        self.by_text: dict[str, int] = {}
        self.texts = False
        event.listen(engine.sync_engine, "before_cursor_execute", self._statement)
        event.listen(engine.sync_engine, "commit", self._commit)

    def _statement(self, _: Any, __: Any, text: str, *___: Any) -> None:
        self.statements += 1
        if self.texts:
            self.by_text[text] = self.by_text.get(text, 0) + 1

    def _commit(self, _: Any) -> None:
        self.transactions += 1

    def shown(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "user": used.ru_utime,
            "system": used.ru_stime,
            "peak_kib": used.ru_maxrss,
            "statements": self.statements,
            "transactions": self.transactions,
        }


async def work(order: dict[str, Any]) -> None:
    """Work until standard input ends."""
    settings = load_settings(_env_file=None, **order["settings"])
    configure(level="WARNING", form="json")
    urls = {"database_url": order["database_url"], "redis_url": order["redis_url"]}
    collaborators = build(settings, **urls)
    counter = Counter(collaborators.db.engine)
    counter.texts = bool(order.get("profile"))
    runner = build_runner(collaborators, "measured")
    if order.get("one_by_one"):
        runner.works = {**runner.works, "export": ExportWork(backlog=sys.maxsize)}
    bell = asyncio.create_task(listen(runner, urls["redis_url"]))
    running = asyncio.create_task(runner.run())
    await _answer(counter, runner)
    bell.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await bell
    await running
    await collaborators.close()
    if counter.texts:
        _show_statements(counter)


async def _answer(counter: Counter, runner: Runner) -> None:
    while await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(json.dumps(counter.shown()) + "\n")
        sys.stdout.flush()
    runner.stop()


def _show_statements(counter: Counter) -> None:
    for text, number in sorted(counter.by_text.items(), key=lambda pair: -pair[1])[:40]:
        sys.stderr.write(f"{number:7} {' '.join(text.split())[:150]}\n")


def main() -> None:
    order = json.loads(sys.stdin.readline())
    if not order.get("profile"):
        asyncio.run(work(order))
        return
    profile = cProfile.Profile()
    profile.enable()
    asyncio.run(work(order))
    profile.disable()
    profile.dump_stats(order["profile"])


if __name__ == "__main__":
    main()
