"""Am I in the books, and if not why: links, postings and attempts as they are shown."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import Fault
from app.accounting.records import Kind
from app.billing import repository as billing_rows
from app.integrations.models import Integration
from app.jobs.models import Job, Record
from app.jobs.schemas import AttemptRow
from app.kit.money import as_text
from app.ledger.explain import explain
from app.ledger.identity import invoice_credit_id
from app.ledger.membership import EntryPart, part_row, parts_in_entries
from app.ledger.models import Attempt, Link, Posting
from app.ledger.outcomes import DOCUMENT_TYPES
from app.ledger.states import OPEN, LinkState

# Billing kinds whose documents go by another name in the ledger.
KINDS = {"credit_note": "credit_memo", "charge": "item"}


async def attempts_of(
    session: AsyncSession, posting_ids: Sequence[UUID]
) -> dict[UUID, list[AttemptRow]]:
    """Return the calls that carried each posting, in their order."""
    found: dict[UUID, list[AttemptRow]] = {}
    if not posting_ids:
        return found
    rows = await session.scalars(
        select(Attempt)
        .where(Attempt.posting_id.in_(posting_ids))
        .order_by(Attempt.posting_id, Attempt.number)
    )
    for attempt in rows:
        found.setdefault(attempt.posting_id, []).append(_attempt_row(attempt))
    return found


def _attempt_row(attempt: Attempt) -> AttemptRow:
    return AttemptRow(
        number=attempt.number,
        request_id=attempt.request_id,
        intuit_tid=attempt.trace_id,
        http_status=attempt.http_status,
        fault_code=attempt.fault_code,
        outcome=attempt.outcome,
        started_at=attempt.started_at,
        duration_ms=attempt.duration_ms,
    )


async def posting_status(
    session: AsyncSession, integration: Integration, kind: str, billing_ids: list[str]
) -> dict[str, dict[str, Any]]:
    """Return what became of each record, by billing id; one never touched is left out."""
    company_id = integration.company_id
    if company_id is None or not billing_ids:
        return {}
    names = await _ledger_names(session, integration, kind, billing_ids)
    found = await _status(session, company_id, KINDS.get(kind, kind), names)
    if kind == Kind.INVOICE.value:
        # Negative ones are credit memos in the books.
        credited = {billing_id: invoice_credit_id(billing_id) for billing_id in billing_ids}
        for billing_id, row in (
            await _status(session, company_id, "credit_memo", credited)
        ).items():
            found[billing_id] = _of_both(found.get(billing_id), row)
    parts = await parts_in_entries(session, company_id, kind, billing_ids)
    for billing_id, held in parts.items():
        before = found.get(billing_id) or _shown(None, [], None, {})
        found[billing_id] = before | _in_entries(before, held)
    return found


def _of_both(as_invoice: dict[str, Any] | None, as_credit: dict[str, Any]) -> dict[str, Any]:
    """Return what became of an invoice that was tried as a credit memo, too."""
    if as_invoice is None:
        return as_credit
    stands = as_credit["link"]["state"] != LinkState.ABSENT.value
    tried = [
        each["link"]["last_job"] for each in (as_invoice, as_credit) if "last_job" in each["link"]
    ]
    shown = as_credit if stands else as_invoice
    # Ids rise with time: the last one has the last word.
    last = max(tried, key=lambda each: str(each["job_id"]), default=None)
    return {**shown, "link": {**shown["link"], "last_job": last}}


async def _status(
    session: AsyncSession, company_id: UUID, kind: str, names: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return what became of records of one kind, whose ids in the ledger are given by their own."""
    links = await _links(session, company_id, kind, list(names.values()))
    postings = await _postings(session, list(links.values()))
    records = await _last_records(session, company_id, kind, names.values())
    calls = await attempts_of(
        session, [posting.id for listed in postings.values() for posting in listed]
    )
    found = {}
    for billing_id, name in names.items():
        link, record = links.get(name), records.get(name)
        if link is not None or record is not None:
            listed = postings.get(link.id, []) if link else []
            found[billing_id] = _shown(link, listed, record, calls)
    return found


def _in_entries(shown: dict[str, Any], parts: list[EntryPart]) -> dict[str, Any]:
    """Return what is shown besides of a record that summarized entries hold."""
    added: dict[str, Any] = {"journal": [part_row(each) for each in parts]}
    if shown["quickbooks"]["state"] == "absent":
        last = parts[-1]
        added["quickbooks"] = {
            "state": "summarized",
            "id": last.document_id,
            "number": last.number,
        }
    return added


async def has_postings(session: AsyncSession, integration: Integration) -> bool:
    """Tell whether anything was ever written for the integration's company."""
    if integration.company_id is None:
        return False
    first = select(Posting.id).where(Posting.company_id == integration.company_id).limit(1)
    return await session.scalar(first) is not None


async def _ledger_names(
    session: AsyncSession, integration: Integration, kind: str, billing_ids: list[str]
) -> dict[str, str]:
    """Return the id under which the ledger knows each record: a charge's item by price code."""
    if kind != "charge":
        return {billing_id: billing_id for billing_id in billing_ids}
    rows = await billing_rows.load(session, integration.id, kind, billing_ids)
    return {billing_id: row.number or billing_id for billing_id, row in rows.items()}


async def _links(
    session: AsyncSession, company_id: UUID, kind: str, names: list[str]
) -> dict[str, Link]:
    rows = await session.scalars(
        select(Link).where(
            Link.company_id == company_id, Link.kind == kind, Link.billing_id.in_(names)
        )
    )
    return {link.billing_id: link for link in rows}


async def _postings(session: AsyncSession, links: list[Link]) -> dict[UUID, list[Posting]]:
    ids = [link.id for link in links]
    found: dict[UUID, list[Posting]] = {link_id: [] for link_id in ids}
    rows = await session.scalars(
        select(Posting).where(Posting.link_id.in_(ids)).order_by(Posting.id)
    )
    for posting in rows:
        found[posting.link_id].append(posting)
    return found


async def _last_records(
    session: AsyncSession, company_id: UUID, kind: str, names: Iterable[str]
) -> dict[str, Record]:
    """Return each record's line in the last job that had it."""
    rows = await session.scalars(
        select(Record)
        .join(Job, Job.id == Record.job_id)
        .where(
            Job.company_id == company_id,
            Job.dry_run.is_(False),
            Record.kind == kind,
            Record.billing_id.in_(list(names)),
        )
        .order_by(Record.kind, Record.billing_id, Record.id.desc())
        .ext(distinct_on(Record.kind, Record.billing_id))
    )
    return {record.billing_id: record for record in rows}


def _shown(
    link: Link | None,
    postings: list[Posting],
    record: Record | None,
    calls: dict[UUID, list[AttemptRow]],
) -> dict[str, Any]:
    standing = postings[-1].state if postings and postings[-1].state in OPEN else None
    state = standing or (link.state if link else "absent")
    return {
        "quickbooks": {
            "state": state,
            "id": link.external_id if link else None,
            "number": link.number if link else None,
        },
        "link": link_row(link, record),
        "postings": [posting_row(posting, calls) for posting in postings],
    }


def link_row(link: Link | None, record: Record | None) -> dict[str, Any]:
    """Return a link as the API shows it, with what the last job said of the record."""
    row: dict[str, Any] = {"state": "absent"}
    if link is not None:
        row = {
            "state": link.state,
            "kind": link.kind,
            "type": DOCUMENT_TYPES[link.kind],
            "external_id": link.external_id,
            "number": link.number,
            "total": _text(link.total),
            "tax": _text(link.tax),
            "currency": link.currency,
            "open": _text(link.unapplied),
            "foreign_payments": (link.details or {}).get("foreign_payments", []),
            "updated_at": link.updated_at.isoformat(),
        }
    if record is not None:
        row["last_job"] = {
            "job_id": str(record.job_id),
            "state": record.state,
            "code": record.code,
            "cause": record.cause,
            "explanation": record.explanation,
            "fixes": record.fixes,
        }
    return row


def posting_row(posting: Posting, calls: dict[UUID, list[AttemptRow]]) -> dict[str, Any]:
    """Return a posting as the API shows it."""
    words = explain(Fault(**posting.fault)) if posting.fault else None
    return {
        "id": str(posting.id),
        "operation": posting.verb,
        "generation": posting.generation,
        "state": posting.state,
        "code": words.code if words else posting.reason,
        "explanation": words.explanation if words else None,
        "fixes": list(words.fixes) if words else [],
        "fault": posting.fault,
        "expected_total": _text(posting.expected_total),
        "posted_total": _text(posting.posted_total),
        "expected_tax": _text(posting.expected_tax),
        "posted_tax": _text(posting.posted_tax),
        "next_look_at": posting.next_look_at.isoformat() if posting.next_look_at else None,
        "created_at": posting.created_at.isoformat(),
        "settled_at": posting.settled_at.isoformat() if posting.settled_at else None,
        "attempts": [row.model_dump(mode="json") for row in calls.get(posting.id, [])],
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else as_text(amount)
