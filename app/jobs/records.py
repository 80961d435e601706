"""Records follow their posting: what became of a write is shown in every job that waits for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.counting import SUCCEEDED, WITH_FINDINGS, counts_of, end_status
from app.jobs.models import Job, Record
from app.kit.db import Json


def shown_id(billing_id: str) -> str:
    """
    Return a ledger's billing id for people: both ends of an application, a refund's link.

    A negative invoice is a credit memo under its own id, which is what people know it by.
    """
    return billing_id.removeprefix("invoice\x1f").strip("\x1f").replace("\x1f", " → ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a record shows: a posting's state, or the record's own."""

    state: str
    action: str | None = None
    document_type: str | None = None
    document_id: str | None = None
    document_number: str | None = None
    posted_amount: Decimal | None = None
    posted_tax: Decimal | None = None
    code: str | None = None
    cause: str | None = None
    explanation: str | None = None
    fixes: tuple[str, ...] = ()
    details: Json | None = None

    def columns(self) -> dict[str, Any]:
        """Return the columns to set; unknown document columns keep what they show."""
        values: dict[str, Any] = {
            "state": self.state,
            "code": self.code,
            "cause": self.cause,
            "explanation": self.explanation,
            "fixes": list(self.fixes),
            "details": self.details,
        }
        optional = (
            "action",
            "document_type",
            "document_id",
            "document_number",
            "posted_amount",
            "posted_tax",
        )
        for name in optional:
            value = getattr(self, name)
            if value is not None:
                values[name] = value
        return values


def _bound(values: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """Sort rows by the columns they set; each sort is one statement for all its rows."""
    sorts: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in values:
        named = {f"v_{name}": value for name, value in row.items()}
        sorts.setdefault(tuple(sorted(row)), []).append(named)
    return sorts


async def _set_each(
    session: AsyncSession, column: str, values: Mapping[UUID, Mapping[str, Any]]
) -> None:
    """Update records, found by *column*, each with its own values, in few statements."""
    table = Record.__table__
    rows = [{column: key, **row} for key, row in values.items()]
    connection = await session.connection()
    for names, bound in _bound(rows).items():
        statement = (
            update(Record)
            .where(table.c[column] == bindparam(f"v_{column}"))
            .values({name: bindparam(f"v_{name}") for name in names if name != column})
        )
        await connection.execute(statement, bound)


async def set_outcomes(session: AsyncSession, outcomes: Mapping[UUID, Outcome]) -> None:
    """Show each record its own outcome."""
    await _set_each(session, "id", {id_: each.columns() for id_, each in outcomes.items()})


async def set_outcome(session: AsyncSession, record_id: UUID, outcome: Outcome) -> None:
    await session.execute(update(Record).where(Record.id == record_id).values(**outcome.columns()))


SHOWN = (
    "state",
    "action",
    "document_type",
    "document_id",
    "document_number",
    "posted_amount",
    "posted_tax",
    "code",
    "cause",
    "explanation",
    "fixes",
    "details",
)


async def earlier_outcome(session: AsyncSession, posting_id: UUID, state: str) -> Outcome:
    """Return what the records of a posting show; its bare state if none does."""
    found = await session.scalar(
        select(Record)
        .where(Record.posting_id == posting_id, Record.state == state)
        .order_by(Record.updated_at.desc())
        .limit(1)
    )
    if found is None:
        return Outcome(state=state)
    values = {name: getattr(found, name) for name in SHOWN}
    return Outcome(**(values | {"fixes": tuple(found.fixes)}))


async def attach_posting(
    session: AsyncSession, record_id: UUID, posting_id: UUID, *, state: str
) -> None:
    """From now on this record shows that posting, as the records before it did."""
    values: dict[str, Any] = {"posting_id": posting_id, "state": state}
    earlier = await session.scalar(
        select(Record)
        .where(Record.posting_id == posting_id, Record.id != record_id, Record.state == state)
        .order_by(Record.updated_at.desc())
        .limit(1)
    )
    if earlier is not None:
        values |= {name: getattr(earlier, name) for name in SHOWN}
    await session.execute(update(Record).where(Record.id == record_id).values(**values))


async def attach_new(session: AsyncSession, postings: Mapping[UUID, UUID], *, state: str) -> None:
    """From now on each record shows its posting, which no record had before."""
    values = {record: {"posting_id": id_, "state": state} for record, id_ in postings.items()}
    await _set_each(session, "id", values)


async def follow_postings(session: AsyncSession, outcomes: Mapping[UUID, Outcome]) -> None:
    """Do for many postings what `follow_posting` does for one."""
    values = {posting_id: each.columns() for posting_id, each in outcomes.items()}
    await _set_each(session, "posting_id", values)
    ended = (
        select(Job.id)
        .join(Record, Record.job_id == Job.id)
        .where(Record.posting_id.in_(outcomes), Job.finished_at.is_not(None))
        .distinct()
    )
    for job_id in (await session.scalars(ended)).all():
        await recount(session, job_id)


async def follow_posting(session: AsyncSession, posting_id: UUID, outcome: Outcome) -> None:
    """
    Show a posting's new state on every record that has it.

    Jobs that had ended already are marked, so that their counts are taken again.
    """
    jobs = await session.scalars(
        update(Record)
        .where(Record.posting_id == posting_id)
        .values(**outcome.columns())
        .returning(Record.job_id)
    )
    if ids := set(jobs.all()):
        ended = select(Job.id).where(Job.id.in_(ids), Job.finished_at.is_not(None))
        for job_id in (await session.scalars(ended)).all():
            await recount(session, job_id)


async def pass_on(session: AsyncSession, posting_id: UUID, successor_id: UUID) -> None:
    """Let the records of a posting that was given up follow the one that takes its place."""
    await session.execute(
        update(Record).where(Record.posting_id == posting_id).values(posting_id=successor_id)
    )


async def recount(session: AsyncSession, job_id: UUID) -> None:
    """Take an ended job's counts, amounts and status from its records again."""
    job = await session.get_one(Job, job_id, with_for_update=True)
    job.counts, job.amounts = await counts_of(session, job_id, dry_run=job.dry_run)
    if job.status in {SUCCEEDED, WITH_FINDINGS}:
        job.status = await end_status(session, job)
    await session.flush()
