"""Counts and amounts of a job, taken from its records; they always sum to the total."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.models import Job, Record
from app.kit.db import Json

ACTIONS = ("created", "updated", "voided", "linked")
STATES = (
    "unchanged",
    "skipped",
    "blocked",
    "rejected",
    "unknown",
    "parked",
    "conflict",
    "cancelled",
)
MONEY_KINDS = ("invoice", "payment", "credit_memo", "refund", "journal_entry")
SUCCEEDED, WITH_FINDINGS = "succeeded", "succeeded_with_findings"
# Not settled yet; the job is at it.
IN_WORK = ("waiting", "pending", "sending")
# A dry run's record that would be written.
PLANNED = "planned"


# Posted, but not as billed: never called success.
DIFFERING = ("variance", "allocated_less")
FINDINGS = ("blocked", "rejected", "unknown", "parked", "conflict")


async def end_status(session: AsyncSession, job: Job) -> str:
    """Return how a job that is through has ended, by its counts."""
    if job.direction == "import":
        return WITH_FINDINGS if job.counts.get("findings") else SUCCEEDED
    if any(job.counts.get(name) for name in FINDINGS):
        return WITH_FINDINGS
    differing = (
        select(Record.id)
        .where(Record.job_id == job.id, Record.state == "posted", Record.code.in_(DIFFERING))
        .limit(1)
    )
    return SUCCEEDED if await session.scalar(differing) is None else WITH_FINDINGS


async def counts_of(
    session: AsyncSession, job_id: UUID, *, dry_run: bool = False
) -> tuple[Json, list[Json]]:
    """
    Return an export's counts, and its amounts per kind and currency.

    A dry run has posted nothing: what it would write is counted as planned, and no money is.
    """
    # What is void is billed at nothing, done now or long ago.
    stands = Record.operation != "void"
    rows = await session.execute(
        select(
            Record.kind,
            Record.currency,
            Record.state,
            Record.action,
            func.count(),
            func.sum(Record.amount).filter(stands),
            func.sum(Record.posted_amount).filter(stands),
        )
        .where(Record.job_id == job_id)
        .group_by(Record.kind, Record.currency, Record.state, Record.action)
    )
    groups = [tuple(row) for row in rows]
    if dry_run:
        return _counts(groups, PLANNED), []
    return _counts(groups), _amounts(groups)


def _counts(groups: Iterable[tuple[Any, ...]], *further: str) -> Json:
    counts = dict.fromkeys(("total", *further, *ACTIONS, *STATES, "waiting"), 0)
    for _, _, state, action, number, *_ in groups:
        counts["total"] += number
        if state == "posted":
            counts[action or "created"] += number
        elif state in IN_WORK:
            counts["waiting"] += number
        else:
            counts[state] += number
    if counts["waiting"] == 0:
        del counts["waiting"]
    return counts


def _amounts(groups: Iterable[tuple[Any, ...]]) -> list[Json]:
    """Sum billed against posted, for documents that stand in the books after this job."""
    sums: dict[tuple[str, str], list[Decimal]] = {}
    for kind, currency, state, action, _, billed, posted in groups:
        if kind not in MONEY_KINDS or not currency:
            continue
        entry = sums.setdefault((kind, currency), [Decimal(0), Decimal(0)])
        if action == "voided" or state == "skipped":
            continue
        entry[0] += billed or Decimal(0)
        if state in {"posted", "unchanged"}:
            entry[1] += posted or Decimal(0)
    return [
        {
            "kind": kind,
            "currency": currency,
            "billed": _money(billed),
            "posted": _money(posted),
            "difference": _money(billed - posted),
        }
        for (kind, currency), (billed, posted) in sorted(sums.items())
    ]


def _money(amount: Decimal) -> str:
    """Return at least two decimals, and more only when they matter."""
    cents = amount.quantize(Decimal("0.01"))
    return str(cents) if cents == amount else f"{amount.normalize():f}"
