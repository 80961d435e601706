"""What a reconciliation looks up, a page at a time."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.jobs.models import Job, Record
from app.ledger.models import Link
from app.ledger.states import STANDING
from app.reconciliation.compare import Known


def known(link: Link) -> Known:
    """Return a link as it is now."""
    return Known(
        id=link.id,
        kind=Kind(link.kind),
        billing_id=link.billing_id,
        state=link.state,
        external_id=link.external_id,
        sync_token=link.sync_token,
        content_hash=link.content_hash,
        fingerprint=link.fingerprint,
        total=link.total,
        tax=link.tax,
        open=link.unapplied,
        applied=_applied(link.details or {}),
        updated_at=link.updated_at,
    )


def _applied(details: Mapping[str, Any]) -> frozenset[tuple[str, str, Decimal]]:
    return frozenset(
        (part["kind"], part["external_id"], Decimal(part["amount"]))
        for part in details.get("applied", ())
    )


async def links_by_document(
    session: AsyncSession, company_id: UUID, kinds: Iterable[Kind], external_ids: Iterable[str]
) -> dict[str, Known]:
    """Return links by their document's id."""
    found = await _links(session, company_id, kinds, Link.external_id.in_(list(external_ids)))
    return {link.external_id or "": link for link in found}


async def links_by_record(
    session: AsyncSession, company_id: UUID, kind: Kind, billing_ids: Iterable[str]
) -> dict[str, Known]:
    """Return links by their billing record's id."""
    found = await _links(session, company_id, [kind], Link.billing_id.in_(list(billing_ids)))
    return {link.billing_id: link for link in found}


async def links_by_marker(
    session: AsyncSession, company_id: UUID, markers: Iterable[str]
) -> dict[str, Known]:
    """Return links by the marker their document carries."""
    rows = await session.scalars(
        select(Link).where(Link.company_id == company_id, Link.marker.in_(list(markers)))
    )
    return {link.marker: known(link) for link in rows}


async def links_numbered(
    session: AsyncSession, company_id: UUID, kind: Kind, numbers: Iterable[str]
) -> dict[str, list[Known]]:
    """Return links whose document stands in the books, by its number there."""
    rows = await session.scalars(
        select(Link).where(
            Link.company_id == company_id,
            Link.kind == kind.value,
            Link.number.in_(list(numbers)),
            Link.external_id.is_not(None),
            Link.state.in_(STANDING),
        )
    )
    found: dict[str, list[Known]] = {}
    for link in rows:
        found.setdefault(link.number or "", []).append(known(link))
    return found


async def _links(
    session: AsyncSession, company_id: UUID, kinds: Iterable[Kind], which: ColumnElement[bool]
) -> list[Known]:
    rows = await session.scalars(
        select(Link).where(
            Link.company_id == company_id, Link.kind.in_([kind.value for kind in kinds]), which
        )
    )
    return [known(link) for link in rows]


async def last_records(
    session: AsyncSession, company_id: UUID, kind: Kind, billing_ids: Sequence[str]
) -> dict[str, Record]:
    """Return each record's line in the last job that had it: why it is not in the books."""
    if not billing_ids:
        return {}
    rows = await session.scalars(
        select(Record)
        .join(Job, Job.id == Record.job_id)
        .where(
            Job.company_id == company_id,
            Job.dry_run.is_(False),
            Record.kind == kind.value,
            Record.billing_id.in_(list(billing_ids)),
        )
        .order_by(Record.kind, Record.billing_id, Record.id.desc())
        .ext(distinct_on(Record.kind, Record.billing_id))
    )
    return {record.billing_id: record for record in rows}
