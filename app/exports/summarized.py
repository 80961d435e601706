"""What summarized entries hold already is not exported once more as a document of its own."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.billing import schemas as billing
from app.exports.facts import ExportFacts
from app.jobs.models import Record
from app.jobs.work import JobView
from app.ledger.identity import applied_pair, refund_and_credit, stored_as
from app.ledger.membership import booked_in_entries
from app.ledger.postings import Remark

CHUNK = 1000
KINDS = (Kind.INVOICE, Kind.PAYMENT, Kind.CREDIT_MEMO, Kind.REFUND, Kind.APPLICATION)


async def pass_over_summarized(session: AsyncSession, job: JobView) -> None:
    """Skip the job's records that entries hold, with the reason; the others are not touched."""
    for kind in KINDS:
        ids = (
            await session.scalars(
                select(Record.billing_id).where(
                    Record.job_id == job.id, Record.kind == kind.value, Record.state == "waiting"
                )
            )
        ).all()
        held = await _held(session, job, kind, ids)
        for start in range(0, len(held), CHUNK):
            await session.execute(
                update(Record)
                .where(
                    Record.job_id == job.id,
                    Record.kind == kind.value,
                    Record.billing_id.in_(held[start : start + CHUNK]),
                )
                .values(
                    state="skipped",
                    code="summarized_in_entry",
                    cause="Skipped by rule.",
                    explanation="It stands in a summarized journal entry, posted before the mode "
                    "was changed; a document of its own would book it twice.",
                    fixes=[],
                )
            )


async def _held(
    session: AsyncSession, job: JobView, kind: Kind, billing_ids: Sequence[str]
) -> list[str]:
    """Return those that entries hold; an application goes with its credit."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for id_ in billing_ids:
        wanted.setdefault(_stored(kind, id_), []).append(id_)
    found: list[str] = []
    for stored in sorted({name for name, _ in wanted}):
        ids = [id_ for name, id_ in wanted if name == stored]
        for id_ in await booked_in_entries(session, job.company_id, stored, ids):
            found += wanted[stored, id_]
    return found


def _stored(kind: Kind, billing_id: str) -> tuple[str, str]:
    """Return under which kind and id billing keeps what a record of a job is about."""
    if kind is not Kind.APPLICATION:
        return stored_as(kind.value, billing_id)
    linked = refund_and_credit(billing_id)
    return "credit_note", linked[1] if linked else applied_pair(billing_id)[0]


async def without_summarized(
    session: AsyncSession,
    facts: ExportFacts,
    payment: billing.Payment,
    standing: Collection[str],
) -> tuple[billing.Payment, Remark | None]:
    """
    Return the payment without what it settles of invoices that entries hold.

    Those are open on the master customer's account; this payment lowers receivables as a whole, but
    there is no document that it could be applied to.
    """
    apart = [part.invoice for part in payment.allocations if part.invoice not in standing]
    held = await booked_in_entries(session, facts.company_id, "invoice", apart)
    if not held:
        return payment, None
    kept = tuple(part for part in payment.allocations if part.invoice not in held)
    remark = Remark(
        code="settles_summarized",
        explanation=f"It settles {', '.join(sorted(held))}, which stands in a summarized journal "
        "entry and is no document that it could be applied to. That part is unapplied.",
    )
    return payment.model_copy(update={"allocations": kept}), remark
