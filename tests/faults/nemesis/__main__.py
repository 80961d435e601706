"""
``python -m tests.faults.nemesis``: plays seeds, prints what was hit and what came of it.

    python -m tests.faults.nemesis --seeds 100 [--from 1] [--requestid ignored] [--write]
    python -m tests.faults.nemesis --replay 17

Exit code 0: no promise was broken; 1: at least one was.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from app.kit.embedded import EmbeddedPostgres
from app.kit.logging import configure
from tests.faults.nemesis.catalogue import CATALOGUE
from tests.faults.nemesis.ground import Ground, ground, migrated_postgres
from tests.faults.nemesis.report import Report
from tests.faults.nemesis.run import Verdict, plan_of, play_seed
from tests.faults.nemesis.tenants import Template, make_template

AT_ONCE = 10


def main() -> int:
    options = _options()
    configure(level="WARNING")
    # Ended from outside, it still takes its servers with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    with tempfile.TemporaryDirectory(prefix="ledgerwire-nemesis-") as folder:
        Path(folder).chmod(0o755)
        with migrated_postgres(Path(folder)) as (postgres, url):
            return asyncio.run(_run(options, Path(folder), postgres, url))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nemesis", description="Seeded faults, and a checker.")
    parser.add_argument("--seeds", type=int, default=12, help="how many schedules to play")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--replay", type=int, help="play one seed and show its trace")
    parser.add_argument("--fault", action="append", default=[], help="play only these faults")
    parser.add_argument("--requestid", choices=("honoured", "ignored"), default="honoured")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="seeds side by side")
    parser.add_argument("--trace", action="store_true", help="show what happened when")
    parser.add_argument("--write", action="store_true", help="write docs/faults.md")
    options = parser.parse_args()
    if unknown := [name for name in options.fault if name not in CATALOGUE]:
        parser.error(f"no fault is called {unknown[0]!r}; there are: {', '.join(CATALOGUE)}")
    return options


async def _run(
    options: argparse.Namespace, folder: Path, postgres: EmbeddedPostgres, url: str
) -> int:
    began = time.monotonic()
    report = Report(options.requestid)
    replay = options.replay is not None
    seeds = [options.replay] if replay else range(options.first, options.first + options.seeds)
    async with ground(folder, postgres, url, requestid=options.requestid) as made:
        template = await make_template(made)
        nurse = asyncio.create_task(_nurse(made))
        few = asyncio.Semaphore(options.at_once)
        try:
            await asyncio.gather(
                *(_one(options, made, template, few, seed, report) for seed in seeds)
            )
        finally:
            nurse.cancel()
            await asyncio.gather(nurse, return_exceptions=True)
        if logs := made.logs():
            print(f"\nerrors of the processes:\n{logs[:6000]}")
    report.seconds = time.monotonic() - began
    print(report.text())
    if options.write:
        report.write()
    return 1 if report.broken else 0


async def _one(
    options: argparse.Namespace,
    made: Ground,
    template: Template,
    few: asyncio.Semaphore,
    seed: int,
    report: Report,
) -> None:
    async with few:
        plan = plan_of(seed, options.fault)
        verdict = await play_seed(made, template, plan, mode=options.requestid)
    report.add(verdict)
    _tell(verdict, trace=options.trace or options.replay is not None)


def _tell(verdict: Verdict, *, trace: bool) -> None:
    if trace:
        for moment, what in verdict.trace:
            print(f"{moment:8.2f} s  {what}")
    word = "ok" if not verdict.breaches else "BROKEN"
    struck = ", ".join(f"{name} ({verdict.hits.get(name, 0)})" for name in verdict.faults)
    left = f"; for a person: {dict(verdict.conflicts)}" if verdict.conflicts else ""
    figures = f"{verdict.seconds:5.1f} s  {verdict.documents:3d} documents"
    print(f"seed {verdict.seed:4d}  {word:6}  {figures}  {struck}{left}", flush=True)
    for breach in verdict.breaches[:12]:
        print(f"           {breach}", flush=True)


async def _nurse(made: Ground) -> None:
    """Start again what has died, as a supervisor does."""
    while True:
        await asyncio.sleep(0.4)
        made.revive()


if __name__ == "__main__":
    sys.exit(main())
