"""In which currency a refund is counted that names none: in that of what it pays back."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.exports.plan import Plan, Planned


async def name_refund_currencies(session: AsyncSession, integration_id: UUID, plan: Plan) -> None:
    """Give each planned refund without a currency that of its payment or credit note."""
    unnamed = {
        key: planned
        for key, planned in plan.records.items()
        if planned.kind == Kind.REFUND.value and planned.currency is None
    }
    if not unnamed:
        return
    ids = [planned.billing_id for planned in unnamed.values()]
    rows = await billing_rows.load(session, integration_id, Kind.REFUND.value, ids)
    refunds = [billing_rows.parse(row) for row in rows.values()]
    currencies = await _currencies(session, integration_id, refunds)
    for key, planned in unnamed.items():
        plan.records[key] = _named(planned, currencies.get(planned.billing_id))


async def _currencies(
    session: AsyncSession, integration_id: UUID, refunds: Iterable[billing.AnyRecord]
) -> dict[str, str | None]:
    """Return the currency of each refund's source by the refund's billing id."""
    sources = {
        refund.billing_id: ("credit_note", refund.credit_note)
        if refund.credit_note
        else ("payment", refund.payment or "")
        for refund in refunds
        if isinstance(refund, billing.Refund)
    }
    found: dict[tuple[str, str], str | None] = {}
    for kind in ("credit_note", "payment"):
        wanted = [billing_id for source, billing_id in sources.values() if source == kind]
        rows = await billing_rows.load(session, integration_id, kind, wanted)
        found |= {(kind, billing_id): row.currency for billing_id, row in rows.items()}
    return {refund_id: found.get(source) for refund_id, source in sources.items()}


def _named(planned: Planned, currency: str | None) -> Planned:
    return replace(planned, currency=currency)
