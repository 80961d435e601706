"""Plans: what dry runs foresee, line by line; kept, listed, summed and compared."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.counting import MONEY_KINDS
from app.jobs.differences import differences
from app.jobs.models import Job, PlanLine, Record, Step
from app.jobs.records import Outcome, set_outcomes, shown_id
from app.jobs.work import JobView
from app.kit.db import Json
from app.kit.ids import new_id
from app.kit.money import as_text
from app.kit.web import decode_cursor, encode_cursor

# How long a plan may be applied.
LIFE = timedelta(days=7)
WRITES = ("create", "update", "void", "delete")
# What an applied plan does; everything else it only repeats.
DONE = (*WRITES, "link")
ACTIONS = (*DONE, "skip", "refuse", "block", "unchanged")
# Which action a record's own outcome stands for.
ACTION_OF = {
    "skipped": "skip",
    "rejected": "refuse",
    "conflict": "refuse",
    "blocked": "block",
    "unknown": "block",
    "unchanged": "unchanged",
    "posted": "link",
}
SEPARATOR = "\x1f"
# Marks a line that nothing was decided for: a rule left the record out before.
AT_ONCE = "at_once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """
    One line of a plan, not yet written down.

    *outcome* is what its record shows. *rests_on* is what must be the same when the plan is
    applied, beside action, body and content: the billing revision and the link.
    """

    record: Record
    step: str
    action: str
    outcome: Outcome
    rests_on: Json
    body: bytes | None = None
    content_hash: str | None = None
    document_type: str | None = None
    needs: list[Json] = field(default_factory=list)
    reads: list[Json] = field(default_factory=list)
    effect: Json | None = None
    shown: Json = field(default_factory=dict)
    total: Decimal | None = None
    tax: Decimal | None = None
    lane: str | None = None
    read_calls: int = 0

    @property
    def plan_hash(self) -> str:
        """One hash over everything that applying compares."""
        parts = {
            "action": self.action,
            "body": hashlib.sha256(self.body).hexdigest() if self.body is not None else None,
            "content": self.content_hash,
            "rests_on": self.rests_on,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


async def save_lines(session: AsyncSession, job: JobView, lines: Sequence[Foreseen]) -> None:
    """Write lines down, and show on each record what would become of it."""
    if not lines:
        return
    rows = [_row(job, line) for line in lines]
    await session.execute(insert(PlanLine), rows)
    await set_outcomes(session, {line.record.id: line.outcome for line in lines})


async def save_skipped(session: AsyncSession, job: JobView) -> None:
    """Write the lines of records that were skipped at once, when the range was listed."""
    rows = await session.execute(
        select(Record, Step.name)
        .join(Step, Step.id == Record.step_id)
        .where(Record.job_id == job.id, Record.state == "skipped")
    )
    lines = [_row(job, _skipped(record, step)) for record, step in rows]
    if lines:
        await session.execute(insert(PlanLine), lines)


def _skipped(record: Record, step: str) -> Foreseen:
    return Foreseen(
        record=record,
        step=step,
        action="skip",
        outcome=Outcome(state=record.state),
        rests_on={},
        total=record.amount,
        tax=record.tax,
        shown={AT_ONCE: True},
    )


def _row(job: JobView, line: Foreseen) -> dict[str, Any]:
    record = line.record
    return {
        "id": new_id(),
        "organization_id": job.organization_id,
        "job_id": job.id,
        "record_id": record.id,
        "position": record.position,
        "step": line.step,
        "kind": record.kind,
        "billing_id": record.billing_id,
        "operation": record.operation,
        "subject": subject_of(record.billing_id),
        "action": line.action,
        "document_type": line.document_type,
        "body": line.body,
        "content_hash": line.content_hash,
        "plan_hash": line.plan_hash,
        "rests_on": line.rests_on,
        "needs": line.needs,
        "reads": line.reads,
        "effect": line.effect,
        "shown": line.shown,
        "currency": record.currency,
        "total": line.total,
        "tax": line.tax,
        "lane": line.lane,
        "read_calls": line.read_calls,
    }


# --------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFilter:
    kind: str | None = None
    action: str | None = None


async def plan_page(
    session: AsyncSession,
    job_id: UUID,
    wanted: PlanFilter,
    *,
    limit: int,
    cursor: str | None = None,
) -> tuple[list[tuple[PlanLine, Record]], str | None]:
    """Return a page of a plan in the order of its steps, and the next page's cursor."""
    statement = (
        select(PlanLine, Record)
        .join(Record, Record.id == PlanLine.record_id)
        .where(PlanLine.job_id == job_id)
    )
    if wanted.kind:
        statement = statement.where(PlanLine.kind == wanted.kind)
    if wanted.action:
        statement = statement.where(PlanLine.action == wanted.action)
    if after := decode_cursor(cursor, int, UUID):
        statement = statement.where(tuple_(PlanLine.position, PlanLine.id) > after)
    ordered = statement.order_by(PlanLine.position, PlanLine.id).limit(limit + 1)
    rows = [(line, record) for line, record in await session.execute(ordered)]
    more = None
    if len(rows) > limit:
        last = rows[limit - 1][0]
        more = encode_cursor(last.position, str(last.id))
    return rows[:limit], more


async def lines_of(
    session: AsyncSession, job_id: UUID, step: str, records: Iterable[Record]
) -> dict[tuple[str, str, str], PlanLine]:
    """Return the plan's lines of a step's records, by kind, billing id and operation."""
    keys = [(record.kind, record.billing_id, record.operation) for record in records]
    rows = await session.scalars(
        select(PlanLine).where(
            PlanLine.job_id == job_id,
            PlanLine.step == step,
            tuple_(PlanLine.kind, PlanLine.billing_id, PlanLine.operation).in_(keys),
        )
    )
    return {(line.kind, line.billing_id, line.operation): line for line in rows}


async def plan_summary(session: AsyncSession, job: Job) -> Json:
    """Return the plan's figures: lines per action and kind, money per currency, calls."""
    rows = await session.execute(
        select(
            PlanLine.action,
            PlanLine.kind,
            PlanLine.currency,
            PlanLine.lane,
            func.count(),
            func.sum(PlanLine.total),
            func.sum(PlanLine.tax),
            func.sum(PlanLine.read_calls),
        )
        .where(PlanLine.job_id == job.id)
        .group_by(PlanLine.action, PlanLine.kind, PlanLine.currency, PlanLine.lane)
    )
    counts: dict[str, int] = {"total": 0} | dict.fromkeys(ACTIONS, 0)
    kinds: dict[str, dict[str, int]] = {}
    money: dict[tuple[str, str, str], list[Any]] = {}
    calls = {"single": 0, "batch": await _batches(session, job.id), "read": 0, "documents": 0}
    for action, kind, currency, lane, number, total, tax, reads in rows:
        counts["total"] += number
        counts[action] += number
        of_kind = kinds.setdefault(kind, {})
        of_kind[action] = of_kind.get(action, 0) + number
        calls["read"] += int(reads or 0)
        calls["documents"] += number if lane else 0
        calls["single"] += number if lane == "single" else 0
        if kind in MONEY_KINDS and currency:
            sums = money.setdefault((action, kind, currency), [0, Decimal(0), Decimal(0)])
            sums[0] += number
            sums[1] += total or Decimal(0)
            sums[2] += tax or Decimal(0)
    return {
        "actions": counts,
        "kinds": {kind: kinds[kind] for kind in sorted(kinds)},
        "amounts": [
            {
                "action": action,
                "kind": kind,
                "currency": currency,
                "documents": number,
                "total": as_text(total),
                "tax": as_text(tax),
            }
            for (action, kind, currency), (number, total, tax) in sorted(money.items())
        ],
        "calls": calls,
    }


async def _batches(session: AsyncSession, job_id: UUID) -> int:
    cursors = await session.scalars(select(Step.cursor).where(Step.job_id == job_id))
    return sum(int((cursor or {}).get("batches", 0)) for cursor in cursors)


# -------------------------------------------------------------------------------------- changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What moved since a plan was made: one field of one record."""

    kind: str
    billing_id: str
    field: str
    before: Any
    after: Any


class PlanCheck(Protocol):
    """Makes a plan's lines again, without a call, and tells what is different."""

    async def __call__(self, job: JobView) -> list[Change]: ...


def changes_of(line: PlanLine, now: Foreseen) -> list[Change]:
    """Return what differs between a kept line and the same line made now."""
    if line.plan_hash == now.plan_hash:
        return []
    found: list[tuple[str, Any, Any]] = []
    if line.action != now.action:
        found.append(("action", line.action, now.action))
    found += [
        (each["field"], each["before"], each["after"])
        for each in differences(line.rests_on, now.rests_on)
    ]
    if line.body != now.body:
        found += [
            (f"payload.{each['field']}".rstrip("."), each["before"], each["after"])
            for each in differences(payload_of(line.body), payload_of(now.body))
        ]
    if not found:
        found = [("content", line.content_hash, now.content_hash)]
    return [
        Change(kind=line.kind, billing_id=line.billing_id, field=name, before=old, after=new)
        for name, old, new in found
    ]


def payload_of(body: bytes | None) -> Any:
    """Return a body as JSON; None without one."""
    return None if body is None else json.loads(body)


def change_row(change: Change) -> Mapping[str, Any]:
    """Return a change as the API shows it."""
    return {
        "kind": change.kind,
        "billing_id": shown_id(change.billing_id),
        "field": change.field,
        "before": change.before,
        "after": change.after,
    }


def subject_of(billing_id: str) -> str:
    """Return what others call a record by: an invoice that is a credit memo by its own id."""
    return billing_id.removeprefix(f"invoice{SEPARATOR}").partition(SEPARATOR)[0]


def said_id(billing_id: str) -> str:
    """Return a billing id without what the ledger separates its parts by."""
    return billing_id.strip(SEPARATOR).replace(SEPARATOR, " → ")
