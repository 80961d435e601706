"""Payments and applications of credits: what settles which invoice, and by how much."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import ApplicationDraft, Applied, Kind, LookHints
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.exports.currencies import check_currency, rate_to_send
from app.exports.decisions import (
    Decision,
    Refusal,
    Settle,
    blocked,
    money,
    refused,
    skipped,
    unchanged,
)
from app.exports.drafts import payment_draft
from app.exports.facts import ExportFacts, billing_row
from app.exports.refunded import content_with, standing_refunds
from app.exports.sales import customer_of, live_invoices, open_day
from app.exports.summarized import without_summarized
from app.exports.writes import Composer
from app.jobs.models import Record
from app.kit.money import ZERO
from app.ledger.identity import applied_pair
from app.ledger.links import find_link, stands_as
from app.ledger.models import Link
from app.ledger.outcomes import drifted_outcome, missing_outcome
from app.ledger.postings import Remark
from app.ledger.states import STANDING, LinkState


class PaymentDecider:
    """Decides about one payment that succeeded."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        row = await billing_row(session, facts, record)
        payment = billing_rows.parse(row)
        assert isinstance(payment, billing.Payment)  # noqa: S101 - its kind
        refunds: list[Applied] = []
        if link.state == LinkState.LIVE.value and facts.any_refunds:
            standing = await standing_refunds(session, facts, "payment", payment.billing_id)
            refunds = list(standing.values())
        content_hash = content_with(row.content_hash, refunds)
        if (settled := by_state(link, content_hash)) is not None:
            return settled
        try:
            return await self._compose(session, facts, link, payment, content_hash, refunds)
        except Refusal as refusal:
            return refusal.decision

    async def _compose(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        link: Link,
        payment: billing.Payment,
        content_hash: str,
        refunds: Sequence[Applied],
    ) -> Decision:
        taken = sum((part.amount for part in refunds), ZERO)
        allocated = sum((part.amount for part in payment.allocations), taken)
        if allocated > payment.amount:
            raise Refusal(_over_allocated(payment, allocated))
        check_currency(facts, payment.currency, payment.exchange_rate)
        day, remark = open_day(facts, payment.payment_date, link)
        customer_id = await customer_of(session, facts, payment.customer, payment.currency)
        wanted = [part.invoice for part in payment.allocations]
        invoices = await live_invoices(session, facts, wanted)
        payment, less = await without_summarized(session, facts, payment, invoices)
        wanted = [part.invoice for part in payment.allocations]
        if missing := [billing_id for billing_id in wanted if billing_id not in invoices]:
            raise Refusal(_invoices_missing(missing))
        draft_of = payment
        if payment.billing_id in facts.recheck_open:
            draft_of, less = _on_what_is_open(facts, payment, invoices)
        method = facts.methods.get(payment.method or "")
        draft = payment_draft(
            draft_of.model_copy(update={"payment_date": day}),
            customer_id=customer_id,
            invoices=invoices,
            method_id=method.payment_method_id if method else None,
            deposit_account_id=(method.deposit_account_id if method else None)
            or facts.settings.accounts.deposit_account_id,
            currency=facts.document_currency(payment.currency),
            exchange_rate=rate_to_send(facts, payment.currency, payment.exchange_rate),
            note=f"Payment {payment.reference or payment.billing_id}{remark}",
        )
        draft = replace(draft, allocations=(*draft.allocations, *refunds))
        hints = LookHints(customer_id=customer_id, txn_date=day, reference=draft.reference)
        if link.state == LinkState.LIVE.value:
            return self._composer.update(
                link,
                draft,
                content_hash=content_hash,
                hints=hints,
                currency=payment.currency,
                remark=less,
            )
        return self._composer.create(
            link,
            draft,
            content_hash=content_hash,
            hints=hints,
            currency=payment.currency,
            remark=less,
        )


def _on_what_is_open(
    facts: ExportFacts, payment: billing.Payment, invoices: Mapping[str, str]
) -> tuple[billing.Payment, Remark | None]:
    """Return the payment allocated to what is still open of its invoices; the rest is unapplied."""
    parts, less = [], []
    for part in payment.allocations:
        document = facts.document(Kind.INVOICE, invoices[part.invoice])
        open_amount = (document.balance if document else None) or ZERO
        if open_amount < part.amount:
            less.append(f"{part.invoice}: {money(open_amount)} of {money(part.amount)}")
        if open_amount > 0:
            parts.append(part.model_copy(update={"amount": min(open_amount, part.amount)}))
    remark = None
    if less:
        remark = Remark(
            code="allocated_less",
            explanation="QuickBooks settled part of its invoices by itself (automatically apply is "
            f"on there), so less was allocated: {'; '.join(less)}. The rest is unapplied.",
        )
    return payment.model_copy(update={"allocations": tuple(parts)}), remark


def by_state(link: Link, content_hash: str) -> Settle | None:
    """Return what the link's state alone decides, or None when there is something to write."""
    if link.state == LinkState.DRIFTED.value:
        return Settle(outcome=drifted_outcome(link))
    if link.state == LinkState.MISSING.value and link.content_hash is not None:
        return Settle(outcome=missing_outcome())
    if link.state == LinkState.VOIDED.value:
        return refused(
            "voided_in_books",
            "It is void in QuickBooks.",
            "It was voided there, or cancelled in billing before. A void cannot be undone.",
            "Record it as a new payment in the billing system.",
        )
    if stands_as(link, content_hash):
        return unchanged(link)
    return None


def _over_allocated(payment: billing.Payment, allocated: Decimal) -> Settle:
    return refused(
        "over_allocated",
        "The payment settles more than it is.",
        f"Its allocations are {money(allocated)}, the payment is {money(payment.amount)}: "
        f"{money(allocated - payment.amount)} too much.",
        "Correct the allocations in the billing system.",
    )


def _invoices_missing(missing: list[str]) -> Settle:
    return blocked(
        "invoice_not_posted",
        f"It settles {', '.join(missing)}, which is not in QuickBooks (yet).",
        "Export those invoices first; if one was refused, its record says why.",
        details={"invoices": missing},
    )


class ApplicationDecider:
    """Decides about the application of one credit to one invoice: a payment of zero."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        credit_id, invoice_id = applied_pair(record.billing_id)
        rows = await billing_rows.load(session, facts.integration.id, "credit_note", [credit_id])
        note = billing_rows.parse(rows[credit_id])
        assert isinstance(note, billing.CreditNote)  # noqa: S101 - its kind
        amount = sum(
            (part.amount for part in note.applications if part.invoice == invoice_id), ZERO
        )
        content_hash = _hash(note, invoice_id, amount)
        if (settled := by_state(link, content_hash)) is not None:
            return settled
        try:
            return await self._compose(session, facts, link, note, invoice_id, amount, content_hash)
        except Refusal as refusal:
            return refusal.decision

    async def _compose(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        link: Link,
        note: billing.CreditNote,
        invoice_id: str,
        amount: Decimal,
        content_hash: str,
    ) -> Decision:
        credit = await find_link(session, facts.company_id, Kind.CREDIT_MEMO.value, note.billing_id)
        if credit is None or credit.state not in STANDING or not credit.external_id:
            raise Refusal(
                blocked(
                    "credit_not_posted",
                    f"The credit {note.number} is not in QuickBooks (yet).",
                    "Look at the credit's own record in this job: it says why.",
                )
            )
        invoices = await live_invoices(session, facts, [invoice_id])
        if invoice_id not in invoices:
            raise Refusal(_invoices_missing([invoice_id]))
        standing = link.state == LinkState.LIVE.value
        if not standing and _used_up(facts, credit, amount):
            raise Refusal(
                skipped(
                    "applied_by_quickbooks",
                    f"QuickBooks applied {note.number} by itself (automatically apply credits is "
                    f"on there); only {money(credit.unapplied or ZERO)} of it is left, and "
                    f"{money(amount)} would be needed. Our own application would settle it twice.",
                )
            )
        day, remark = open_day(facts, note.date, link)
        draft = ApplicationDraft(
            customer_id=await customer_of(session, facts, note.customer, note.currency),
            txn_date=day,
            amount=amount,
            invoice_id=invoices[invoice_id],
            credit_memo_id=credit.external_id,
            currency=facts.document_currency(note.currency),
            exchange_rate=rate_to_send(facts, note.currency, note.exchange_rate),
            note=f"Credit {note.number} applied{remark}",
        )
        hints = LookHints(customer_id=draft.customer_id, txn_date=day)
        write = self._composer.update if standing else self._composer.create
        return write(link, draft, content_hash=content_hash, hints=hints, currency=note.currency)


def _used_up(facts: ExportFacts, credit: Link, amount: Decimal) -> bool:
    """Tell whether QuickBooks had applied the credit already when it answered its creation."""
    left = credit.unapplied
    return facts.profile.auto_apply_credits and left is not None and left < amount


def _hash(note: billing.CreditNote, invoice_id: str, amount: Decimal) -> str:
    content = f"{note.billing_id}\n{invoice_id}\n{amount.normalize():f}\n{note.date}"
    return hashlib.sha256(content.encode()).hexdigest()
