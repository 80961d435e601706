"""What refunds took back of a payment or a credit: both stay as they are while it stands."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Applied, Kind
from app.billing.models import BillingRecord
from app.exports.facts import ExportFacts
from app.ledger.links import links_of
from app.ledger.states import STANDING


async def standing_refunds(
    session: AsyncSession,
    facts: ExportFacts,
    of: Literal["payment", "credit_note"],
    billing_id: str,
) -> dict[str, Applied]:
    """Return the refunds of a record that stand in the books, by their billing id."""
    rows = await session.execute(
        select(BillingRecord.billing_id, BillingRecord.amount)
        .where(
            BillingRecord.integration_id == facts.integration.id,
            BillingRecord.kind == Kind.REFUND.value,
            BillingRecord.body[of].astext == billing_id,
        )
        .order_by(BillingRecord.billing_id)
    )
    amounts = {refund_id: amount for refund_id, amount in rows if amount is not None}
    links = await links_of(session, facts.company_id, Kind.REFUND.value, list(amounts))
    return {
        refund_id: Applied(kind=Kind.REFUND, external_id=link.external_id, amount=amount)
        for refund_id, amount in amounts.items()
        if (link := links.get(refund_id)) is not None
        and link.external_id
        and link.state in STANDING
    }


def content_with(content_hash: str, refunds: Sequence[Applied]) -> str:
    """Return the hash of a payment's content that has paid these refunds; without, its own."""
    if not refunds:
        return content_hash
    parts = sorted(f"{each.external_id} {each.amount.normalize():f}" for each in refunds)
    return hashlib.sha256("\n".join([content_hash, *parts]).encode()).hexdigest()
