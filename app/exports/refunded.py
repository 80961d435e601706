"""What refunds took back of a payment or a credit: both stay as they are while it stands."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Applied, BooksDocument, Kind
from app.billing.models import BillingRecord
from app.exports.facts import ExportFacts
from app.ledger.identity import refund_application_id
from app.ledger.links import links_of
from app.ledger.models import Posting
from app.ledger.states import STANDING, PostingState

# Sent, or about to be sent: the money may have gone already.
UNDER_WAY = (PostingState.SENDING.value, PostingState.UNKNOWN.value, PostingState.CONFLICT.value)


async def standing_refunds(
    session: AsyncSession,
    facts: ExportFacts,
    of: Literal["payment", "credit_note"],
    billing_id: str,
) -> dict[str, Applied]:
    """Return the refunds of a record that stand in the books, by their billing id."""
    amounts = await _refunds_of(session, facts, of, billing_id)
    links = await links_of(session, facts.company_id, Kind.REFUND.value, list(amounts))
    return {
        refund_id: Applied(kind=Kind.REFUND, external_id=link.external_id, amount=amount)
        for refund_id, amount in amounts.items()
        if (link := links.get(refund_id)) is not None
        and link.external_id
        and link.state in STANDING
    }


async def paid_and_not_linked(
    session: AsyncSession,
    facts: ExportFacts,
    source: BooksDocument,
    billing_id: str,
    *,
    but: str,
) -> Decimal:
    """
    Return what other refunds than *but* pay out of a credit or payment and have no link to it yet.

    The books still show that money as left over. One whose outcome is not known counts, too.
    """
    of_payment = source.kind is Kind.PAYMENT
    amounts = await _refunds_of(
        session, facts, "payment" if of_payment else "credit_note", billing_id
    )
    amounts.pop(but, None)
    links = await links_of(session, facts.company_id, Kind.REFUND.value, list(amounts))
    linked = {part.external_id for part in source.applied if part.kind is Kind.REFUND}
    if not of_payment:
        ids = {refund_application_id(refund_id, billing_id): refund_id for refund_id in links}
        applied = await links_of(session, facts.company_id, Kind.APPLICATION.value, list(ids))
        linked |= {
            links[ids[key]].external_id or ""
            for key, link in applied.items()
            if link.state in STANDING
        }
    doubtful = set(
        await session.scalars(
            select(Posting.link_id).where(
                Posting.link_id.in_([link.id for link in links.values()]),
                Posting.state.in_(UNDER_WAY),
            )
        )
    )
    return sum(
        (
            amounts[refund_id]
            for refund_id, link in links.items()
            if (link.state in STANDING or link.id in doubtful) and link.external_id not in linked
        ),
        Decimal(0),
    )


async def _refunds_of(
    session: AsyncSession, facts: ExportFacts, of: str, billing_id: str
) -> dict[str, Decimal]:
    """Return the amounts of all refunds of a payment or credit note, by their billing id."""
    rows = await session.execute(
        select(BillingRecord.billing_id, BillingRecord.amount)
        .where(
            BillingRecord.integration_id == facts.integration.id,
            BillingRecord.kind == Kind.REFUND.value,
            BillingRecord.body[of].astext == billing_id,
        )
        .order_by(BillingRecord.billing_id)
    )
    return {refund_id: amount for refund_id, amount in rows if amount is not None}


def content_with(content_hash: str, refunds: Sequence[Applied]) -> str:
    """Return the hash of a payment's content that has paid these refunds; without, its own."""
    if not refunds:
        return content_hash
    parts = sorted(f"{each.external_id} {each.amount.normalize():f}" for each in refunds)
    return hashlib.sha256("\n".join([content_hash, *parts]).encode()).hexdigest()
