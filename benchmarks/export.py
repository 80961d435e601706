"""
Exporting invoices within QuickBooks' limits: how much of them is used, and at what cost.

The simulator enforces the true limits on a clock that runs faster, and our windows are shortened
by the same factor: what is said per minute is said in simulated minutes. Processor time is that
of the worker's own process, and real.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.town import Town, WorkerProcess, town

BATCH_CEILING = 1200  # documents a minute: 40 batches of 30
SINGLE_CEILING = 500  # documents a minute: 500 calls
CUSTOMERS = 300
WARM = "2026-03-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One measurement: how many documents, in which lane, beside which other app."""

    name: str
    prefix: str
    day: str
    documents: int
    ceiling: int
    one_by_one: bool = False
    # Of the clock's scale; a faster one would measure this machine instead of the limits.
    pace: float = 1.0
    other_requests: int = 0
    other_batches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one measurement gave; rates in simulated minutes, processor time in milliseconds."""

    name: str
    documents: int
    seconds: float
    sustained_per_minute: float | None
    ceiling_per_minute: int
    share_of_ceiling: float | None
    refused_429: int
    calls: dict[str, int]
    cpu_ms_per_document: float
    statements_per_document: float
    transactions_per_document: float
    peak_mib: float
    counts: dict[str, int]
    duplicates: int


def cases(documents: int) -> list[Case]:
    third = {"other_requests": SINGLE_CEILING // 3, "other_batches": 40}
    single: dict[str, Any] = {
        "one_by_one": True,
        "ceiling": SINGLE_CEILING,
        "documents": max(documents // 5, 1),
        "pace": 0.25,
    }
    batch: dict[str, Any] = {"ceiling": BATCH_CEILING, "documents": documents}
    return [
        Case(name="batches", prefix="a", day="2026-03-02", **batch),
        Case(
            name="batches, a third used by another app",
            prefix="b",
            day="2026-03-03",
            **batch,
            **third,
        ),
        Case(name="one by one", prefix="c", day="2026-03-04", **single),
        Case(
            name="one by one, a third used by another app",
            prefix="d",
            day="2026-03-05",
            **single,
            **third,
        ),
    ]


async def measure(place: Town, worker: WorkerProcess, case: Case) -> Figures:
    """Push the case's invoices, export them, and read off what it took."""
    place.simulator.switches(
        other_app_requests_per_minute=case.other_requests,
        other_app_batches_per_minute=case.other_batches,
    )
    await place.push_invoices(case.prefix, case.documents, customers=CUSTOMERS, day=case.day)
    # The windows of the last measurement run out first.
    await asyncio.sleep(125 / place.scale)
    after = max((entry["number"] for entry in place.simulator.requests()), default=0)
    before = await worker.mark()
    started = await place.merchant.call(
        "POST",
        "/sync-jobs",
        {
            "direction": "export",
            "resources": ["invoices"],
            "date_from": case.day,
            "date_to": case.day,
        },
    )
    job = await place.merchant.ended(started["id"], seconds=1200)
    used = await worker.mark()
    log = place.simulator.requests(after=after)
    return _figures(place, case, job, (before, used), log)


def _figures(
    place: Town,
    case: Case,
    job: dict[str, Any],
    marks: tuple[dict[str, float], dict[str, float]],
    log: Sequence[dict[str, Any]],
) -> Figures:
    before, used = marks
    writes = [
        entry
        for entry in log
        if entry["operation"] in {"batch", "create"} and entry["status"] == 200  # noqa: PLR2004
    ]
    times = [datetime.fromisoformat(entry["at"]).timestamp() for entry in writes]
    rate = sustained(times, _documents_of(writes, case))
    spent = sum(used[name] - before[name] for name in ("user", "system"))
    return Figures(
        name=case.name,
        documents=case.documents,
        seconds=round(times[-1] - times[0], 1) if times else 0.0,
        sustained_per_minute=rate,
        ceiling_per_minute=case.ceiling,
        share_of_ceiling=None if rate is None else round(rate / case.ceiling, 3),
        refused_429=sum(1 for entry in log if entry["status"] in {429, 403}),
        calls=job["quickbooks_calls"],
        cpu_ms_per_document=round(spent / case.documents * 1000, 3),
        statements_per_document=round(
            (used["statements"] - before["statements"]) / case.documents, 2
        ),
        transactions_per_document=round(
            (used["transactions"] - before["transactions"]) / case.documents, 2
        ),
        peak_mib=round(used["peak_kib"] / 1024, 1),
        counts={name: number for name, number in job["counts"].items() if number},
        duplicates=len(place.simulator.duplicates()["by_marker"]),
    )


def _documents_of(writes: Sequence[dict[str, Any]], case: Case) -> list[float]:
    """Return how many documents each write carried; batches share what single ones did not."""
    batches = sum(1 for entry in writes if entry["operation"] == "batch")
    shared = (case.documents - (len(writes) - batches)) / max(batches, 1)
    return [shared if entry["operation"] == "batch" else 1.0 for entry in writes]


def sustained(times: Sequence[float], documents: Sequence[float]) -> float | None:
    """
    Return the documents per minute over the whole minutes that the writes took.

    An empty window lets the first minute's calls out in a burst, so a part of a minute at the
    end would flatter; None when there is no whole minute.
    """
    minutes = int((times[-1] - times[0]) // 60) if times else 0
    if not minutes:
        return None
    end = times[0] + minutes * 60
    within = sum(count for at, count in zip(times, documents, strict=True) if at < end)
    return round(within / minutes, 1)


async def run(options: argparse.Namespace) -> list[Figures]:
    results = []
    async with town(options.scale) as place:
        await _set_up(place)
        for case in cases(options.documents):
            if options.only and options.only != case.prefix:
                continue
            place.pace(max(options.scale * case.pace, 1.0))
            order: dict[str, Any] = {"one_by_one": case.one_by_one}
            if options.profile:
                order["profile"] = options.profile
            async with place.worker(**order) as worker:
                results.append(await measure(place, worker, case))
    return results


async def _set_up(place: Town) -> None:
    """Connect, import, map, and let the customers stand in the books already."""
    place.simulator.switches(throttle=False)
    async with place.worker():
        await place.merchant.set_up()
        await place.push_customers(CUSTOMERS)
        await place.push_invoices("warm", CUSTOMERS, customers=CUSTOMERS, day=WARM)
        await place.merchant.exported("invoices", date_from=WARM, date_to=WARM)
    place.simulator.switches(throttle=True)


def table(results: Sequence[Figures]) -> str:
    head = ("", "docs", "docs/min", "of limit", "429", "CPU ms/doc", "SQL/doc", "commits/doc")
    rows = [head]
    for each in results:
        share = "-" if each.share_of_ceiling is None else f"{each.share_of_ceiling:.1%}"
        rows.append(
            (
                each.name,
                str(each.documents),
                "-" if each.sustained_per_minute is None else f"{each.sustained_per_minute:.0f}",
                share,
                str(each.refused_429),
                f"{each.cpu_ms_per_document:.2f}",
                f"{each.statements_per_document:.1f}",
                f"{each.transactions_per_document:.2f}",
            )
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--scale", type=float, default=4.0, help="simulated seconds in a second")
    parser.add_argument("--only", help="one case, by its letter: a, b, c or d")
    parser.add_argument("--profile", help="write the worker's profile there, and its statements")
    parser.add_argument("--json", help="write the figures there")
    options = parser.parse_args()
    results = asyncio.run(run(options))
    report = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "clock_scale": options.scale,
        "figures": [asdict(each) for each in results],
    }
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
    sys.stdout.write(table(results) + "\n\n" + json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
