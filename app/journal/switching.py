"""
Changing the mode of an integration: what would be booked twice or not at all, and clean days.

In one mode each record is a document of its own, in the other it is part of an entry; it must never
be both, and never neither. So the change names the first day of the new mode: everything before it
stands in the books as the old mode writes it, and nothing from it on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import BillingRecord
from app.exports.sales import content_of
from app.integrations.models import Integration
from app.integrations.schemas import Mode
from app.jobs.models import Job
from app.jobs.progress import OPEN
from app.journal.planning import KINDS
from app.kit.errors import Conflict, FieldProblem
from app.ledger.identity import invoice_credit_id
from app.ledger.links import AS_FOUND
from app.ledger.membership import Booked, booked_in_entries
from app.ledger.models import Link, Posting
from app.ledger.states import STANDING, PostingState

PAGE = 1000
MOST_NAMED = 20
DOCUMENT_KINDS = ("invoice", "payment", "credit_memo", "refund", "journal_entry")
UNSETTLED = tuple(
    state.value
    for state in (
        PostingState.PENDING,
        PostingState.SENDING,
        PostingState.UNKNOWN,
        PostingState.PARKED,
        PostingState.CONFLICT,
    )
)


@dataclass(slots=True)
class Listed:
    """How many records there are of a sort, over which days, and the first of them."""

    count: int = 0
    first: date | None = None
    last: date | None = None
    named: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: BillingRecord) -> None:
        day = row.record_date or date.min
        self.count += 1
        self.first = min(self.first or day, day)
        self.last = max(self.last or day, day)
        if len(self.named) < MOST_NAMED:
            self.named.append(
                {"kind": row.kind, "billing_id": row.billing_id, "date": day.isoformat()}
            )

    def shown(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "date_from": self.first.isoformat() if self.first else None,
            "date_to": self.last.isoformat() if self.last else None,
            "records": self.named,
        }


@dataclass(slots=True)
class Census:
    """
    Billing, sorted by what the old mode has written of it.

    What lies before everything that the old mode ever wrote was left out on purpose.
    """

    booked: Listed = field(default_factory=Listed)
    # With a first day of the new mode: what stands from it on.
    twice: Listed = field(default_factory=Listed)
    lacking: list[BillingRecord] = field(default_factory=list)
    unsettled: int = 0

    def count(self, row: BillingRecord, *, stands: bool, whole: bool, since: date | None) -> None:
        """Count a record: does it stand in the books, and with all that billing says of it."""
        day = row.record_date or date.min
        if stands:
            self.booked.add(row)
            if since is not None and day >= since:
                self.twice.add(row)
        if not whole and (stands or row.amount):
            self.lacking.append(row)

    def missing(self, until: date | None = None) -> Listed:
        """Return what is not booked as billed, before a day if one is told."""
        found = Listed()
        begun = self.booked.first
        for row in self.lacking:
            day = row.record_date or date.min
            if begun is not None and day >= begun and (until is None or day < until):
                found.add(row)
        return found

    def clean_days(self) -> dict[str, str | None] | None:
        """Return the days with which the new mode could begin; None if there are none."""
        after, until = self.booked.last, self.missing().first
        if after is None or (until is not None and until <= after):
            return None
        begins = (after + timedelta(days=1)).isoformat()
        return {"from": begins, "to": until.isoformat() if until else None}


async def check_mode_change(
    session: AsyncSession, integration: Integration, mode: str, mode_from: date | None
) -> None:
    """
    Let a change of mode pass that books nothing twice and leaves nothing out.

    Raises:
        Conflict: It would, or the first day of the new mode is not told; the answer says what and
            names the clean days.
    """
    company_id = integration.company_id
    if company_id is None:
        return
    await _no_open_job(session, company_id)
    census = await _census(session, integration, company_id, mode_from)
    if not census.booked.count and not census.unsettled:
        return
    clean, missing = census.clean_days(), census.missing()
    details: dict[str, object] = {
        "booked": census.booked.shown(),
        "not_booked": missing.shown(),
        "clean_days": clean,
        "unsettled_writes": census.unsettled,
    }
    if census.unsettled:
        raise Conflict(
            f"{census.unsettled} writes are not settled: whether they stand in QuickBooks is not "
            "known yet.",
            code="mode_switch_unsettled",
            fixes=["Wait until no record is unknown, parked or in conflict, and ask again."],
            extra=details,
        )
    if mode_from is None:
        raise Conflict(
            "Say from which day on the new mode books; everything before stays as it is.",
            code="mode_from_required",
            errors=[FieldProblem("/mode_from", "is required once something was posted")],
            fixes=[_advice(clean, census, missing, mode)],
            extra=details,
        )
    never = census.missing(mode_from)
    if census.twice.count or never.count:
        raise Conflict(
            f"From {mode_from} on, {census.twice.count} records stand in QuickBooks already and "
            f"would be booked twice; before it, {never.count} are not booked as billed and "
            "would never be.",
            code="mode_switch_not_clean",
            errors=[FieldProblem("/mode_from", "is not a clean day")],
            fixes=[_advice(clean, census, missing, mode)],
            extra={
                **details,
                "booked_twice": census.twice.shown(),
                "not_booked_at_all": never.shown(),
            },
        )


def _advice(clean: dict[str, str | None] | None, census: Census, missing: Listed, mode: str) -> str:
    if clean is not None:
        upper = f" to {clean['to']}" if clean["to"] else " or any later day"
        return f"Send mode_from with a day from {clean['from']}{upper}."
    what = "documents" if mode == Mode.SUMMARIZED_JOURNAL_ENTRY else "journal_entries"
    return (
        f"First export {what} from {missing.first} to {missing.last} in the present "
        "mode, until nothing of these days is missing."
    )


async def _no_open_job(session: AsyncSession, company_id: UUID) -> None:
    running = await session.scalar(
        select(Job.id)
        .where(Job.company_id == company_id, Job.direction == "export", Job.status.in_(OPEN))
        .limit(1)
    )
    if running is not None:
        raise Conflict(
            "An export of this company has not ended yet.",
            code="job_not_ended",
            fixes=["Wait for its end, or cancel it; then change the mode."],
            extra={"job_id": str(running)},
        )


async def _census(
    session: AsyncSession, integration: Integration, company_id: UUID, since: date | None
) -> Census:
    """Sort all billing of the integration, page by page."""
    found = Census()
    journal = integration.mode == Mode.SUMMARIZED_JOURNAL_ENTRY
    found.unsettled = (
        await session.scalar(
            select(func.count())
            .select_from(Posting)
            .where(
                Posting.company_id == company_id,
                Posting.kind.in_(DOCUMENT_KINDS),
                Posting.state.in_(UNSETTLED),
            )
        )
        or 0
    )
    after: UUID | None = None
    while rows := await _page(session, integration, company_id, after):
        entries = {
            kind: await booked_in_entries(
                session, company_id, kind, [row.billing_id for row, _ in rows if row.kind == kind]
            )
            for kind in KINDS
        }
        for row, link in rows:
            booked = entries[row.kind].get(row.billing_id)
            _count(found, row, link, booked, journal=journal, since=since)
        after = rows[-1][0].id
        session.expunge_all()
        session.add(integration)
    return found


def _count(
    found: Census,
    row: BillingRecord,
    link: Link | None,
    booked: Booked | None,
    *,
    journal: bool,
    since: date | None,
) -> None:
    document = link is not None and link.state in STANDING
    taken_back = row.status in {"void", "cancelled"}
    if journal:
        # What stands as a document of its own is no business of entries.
        if not document:
            whole = booked is None if taken_back else _holds(booked, row)
            found.count(row, stands=booked is not None, whole=whole, since=since)
    elif booked is None:
        whole = (not document) if taken_back else document and _as_billed(row, link)
        found.count(row, stands=document, whole=whole, since=since)


def _holds(booked: Booked | None, row: BillingRecord) -> bool:
    return booked is not None and booked.settled and booked.content_hash == row.content_hash


def _as_billed(row: BillingRecord, link: Link | None) -> bool:
    """Tell whether a document has what billing says; a payment's refunds are part of it there."""
    if link is None or link.content_hash == AS_FOUND or row.kind == "payment":
        return link is not None
    return link.content_hash == content_of(row)


async def _page(
    session: AsyncSession, integration: Integration, company_id: UUID, after: UUID | None
) -> Sequence[tuple[BillingRecord, Link | None]]:
    # A negative invoice is a credit memo in the books, under a name of its own.
    credited = and_(BillingRecord.kind == "invoice", BillingRecord.amount < 0)
    ledger_kind = case(
        (or_(BillingRecord.kind == "credit_note", credited), "credit_memo"),
        else_=BillingRecord.kind,
    )
    name = case(
        (credited, literal(invoice_credit_id("")) + BillingRecord.billing_id),
        else_=BillingRecord.billing_id,
    )
    statement = (
        select(BillingRecord, Link)
        .outerjoin(
            Link,
            and_(
                Link.company_id == company_id,
                Link.kind == ledger_kind,
                Link.billing_id == name,
            ),
        )
        .where(BillingRecord.integration_id == integration.id, BillingRecord.kind.in_(KINDS))
        .order_by(BillingRecord.id)
        .limit(PAGE)
    )
    if after is not None:
        statement = statement.where(BillingRecord.id > after)
    return [(row, link) for row, link in await session.execute(statement)]
