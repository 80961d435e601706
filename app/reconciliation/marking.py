"""
What a reconciliation notes on links: edited, voided, deleted, put right again.

Nothing in the books is touched. A link that somebody moved since it was read is left alone, and
so is one with a write under way: what was seen of its document is older than what is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument, Kind
from app.kit.money import as_text
from app.ledger.links import remember, still_open
from app.ledger.models import Link
from app.ledger.outcomes import drift_outcome
from app.ledger.postings import open_posting
from app.ledger.states import LinkState
from app.reconciliation.compare import Known, Mark

MOST_FOREIGN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A link, what was found, and the document it was found on (None: deleted)."""

    link: Known
    mark: Mark
    document: BooksDocument | None


async def mark(session: AsyncSession, findings: Sequence[Finding]) -> int:
    """Note the findings on their links; return how many could be noted."""
    return sum([await _mark(session, finding) for finding in findings])


async def _mark(session: AsyncSession, finding: Finding) -> bool:
    link = await session.scalar(
        select(Link)
        .where(Link.id == finding.link.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if link is None or link.updated_at != finding.link.updated_at:
        return False
    if await open_posting(session, link.id) is not None:
        return False
    if finding.document is None:
        link.state = LinkState.MISSING.value
    elif finding.mark is Mark.DRIFTED:
        drift_outcome(link, finding.document)
    elif finding.mark is not Mark.NONE:
        remember(link, finding.document)
    return True


_REFRESH = text(
    """
    UPDATE links SET unapplied = seen.open, sync_token = seen.sync_token,
        updated_at = clock_timestamp()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:opens AS numeric[]), CAST(:tokens AS text[]),
        CAST(:stamps AS timestamptz[])) AS seen (id, open, sync_token, stamp)
    WHERE links.id = seen.id AND links.updated_at = seen.stamp AND NOT EXISTS (
        SELECT FROM postings WHERE postings.link_id = links.id
            AND postings.state IN ('pending', 'sending', 'unknown', 'parked', 'conflict'))
    """
)


def has_moved(link: Known, document: BooksDocument) -> bool:
    """Tell whether only its open balance or its token moved: something was applied to it."""
    same = link.state == LinkState.LIVE.value and document.fingerprint == link.fingerprint
    now = (still_open(document), document.sync_token)
    return same and now != (link.open, link.sync_token)


async def refresh(session: AsyncSession, moved: Sequence[tuple[Known, BooksDocument]]) -> None:
    """Keep on links what is still open of their documents; one statement, whatever their number."""
    values = {
        "ids": [link.id for link, _ in moved],
        "opens": [still_open(document) for _, document in moved],
        "tokens": [document.sync_token for _, document in moved],
        "stamps": [link.updated_at for link, _ in moved],
    }
    await session.execute(_REFRESH, values)


async def note_foreign_payments(
    session: AsyncSession, company_id: UUID, payments: Sequence[BooksDocument]
) -> int:
    """
    Keep on invoices' links which payments that are not ours settle them; return how many payments.

    They were recorded in QuickBooks, and billing does not know of them.
    """
    settled: dict[str, list[tuple[BooksDocument, str]]] = {}
    for payment in payments:
        for part in payment.applied:
            if part.kind is Kind.INVOICE:
                entry = (payment, as_text(part.amount))
                settled.setdefault(part.external_id, []).append(entry)
    if not settled:
        return 0
    rows = await session.scalars(
        select(Link)
        .where(
            Link.company_id == company_id,
            Link.kind == Kind.INVOICE.value,
            Link.external_id.in_(list(settled)),
        )
        .order_by(Link.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    noted: set[str] = set()
    for link in rows:
        entries = settled[link.external_id or ""]
        noted |= {payment.external_id for payment, _ in entries}
        _keep(link, entries)
    return len(noted)


def _keep(link: Link, entries: Sequence[tuple[BooksDocument, str]]) -> None:
    kept = {each["external_id"]: each for each in (link.details or {}).get("foreign_payments", ())}
    for payment, amount in entries:
        kept[payment.external_id] = {
            "external_id": payment.external_id,
            "number": payment.number,
            "date": payment.txn_date.isoformat() if payment.txn_date else None,
            "amount": amount,
        }
    listed = list(kept.values())[:MOST_FOREIGN]
    if listed != (link.details or {}).get("foreign_payments"):
        link.details = {**(link.details or {}), "foreign_payments": listed}
