"""
Refunds: money that went back.

A credit note has reversed revenue and tax already, and an unapplied payment never was revenue: the
refund of either is an expense on the customer's receivables, linked to what it pays out. A refund
with lines of its own reverses them, once, as a refund receipt.
"""

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import (
    Account,
    ApplicationDraft,
    Kind,
    LookHints,
    PurchaseDraft,
    SalesDraft,
)
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.books import repository as books
from app.books.kinds import BookKind
from app.exports.currencies import check_currency, rate_to_send
from app.exports.decisions import Decision, Refusal, Settle, blocked, money, refused
from app.exports.drafts import SalesHeader, sales_draft
from app.exports.facts import ExportFacts, billing_row
from app.exports.payments import PaymentDecider, by_state
from app.exports.refunded import paid_and_not_linked
from app.exports.sales import (
    check_amounts,
    customer_of,
    items_of,
    layout_of,
    open_day,
    ship_to,
    sums_of,
)
from app.exports.writes import Composer
from app.jobs.models import Record
from app.ledger.identity import refund_and_credit
from app.ledger.links import find_link
from app.ledger.models import Link
from app.ledger.states import STANDING, LinkState

RECEIVABLE, BANK = "Accounts Receivable", "Bank"
MONEY_TYPES = {BANK, "Other Current Asset"}
SOURCES = {
    Kind.CREDIT_MEMO: ("credit_note", "credit"),
    Kind.PAYMENT: ("payment", "payment"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a refund pays out: a credit note or an unapplied payment that stands in the books."""

    kind: Literal[Kind.CREDIT_MEMO, Kind.PAYMENT]
    record: billing.CreditNote | billing.Payment
    external_id: str

    @property
    def currency(self) -> str:
        return self.record.currency

    @property
    def name(self) -> str:
        if isinstance(self.record, billing.CreditNote):
            return f"credit {self.record.number}"
        return f"payment {self.record.reference or self.record.billing_id}"


class RefundDecider:
    """Decides about one refund; one that stands is never changed."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        row = await billing_row(session, facts, record)
        refund = billing_rows.parse(row)
        assert isinstance(refund, billing.Refund)  # noqa: S101 - its kind
        if (settled := by_state(link, row.content_hash)) is not None:
            return settled
        if link.state == LinkState.LIVE.value:
            return _changed()
        try:
            draft: SalesDraft | PurchaseDraft
            if refund.lines:
                draft, currency = await _receipt(session, facts, refund)
            else:
                draft, currency = await _payout(session, facts, refund)
        except Refusal as refusal:
            return refusal.decision
        return self._composer.create(
            link,
            draft,
            content_hash=row.content_hash,
            hints=LookHints(customer_id=draft.customer_id, txn_date=draft.txn_date),
            currency=currency,
        )


def _changed() -> Settle:
    return refused(
        "refund_changed",
        "The refund stands in the books with other content.",
        "It was changed in billing after it was posted; money that went back is not rewritten.",
        "Record the difference as a refund of its own, or correct the document in QuickBooks.",
    )


# --------------------------------------------------------------------- with lines of its own


async def _receipt(
    session: AsyncSession, facts: ExportFacts, refund: billing.Refund
) -> tuple[SalesDraft, str]:
    currency = refund.currency or facts.profile.home_currency
    sums = sums_of(facts, refund)
    check_amounts(sums)
    check_currency(facts, currency, refund.exchange_rate)
    customer_id = await customer_of(session, facts, refund.customer, currency)
    items = await items_of(session, facts, sums, reason="credit_note")
    layout = layout_of(facts, refund, sums)
    day, remark = open_day(facts, refund.date)
    header = SalesHeader(
        kind=Kind.REFUND,
        number=None,
        customer_id=customer_id,
        txn_date=day,
        currency=facts.document_currency(currency),
        exchange_rate=rate_to_send(facts, currency, refund.exchange_rate),
        note=f"Refund {refund.billing_id}{remark}",
        ship_to=await ship_to(session, facts, refund.customer),
        tracking=facts.tracking,
    )
    draft = sales_draft(header, sums, layout, items)
    paid_from = await _paid_from(session, facts, refund, MONEY_TYPES)
    return replace(draft, paid_from_id=paid_from, method_id=_method(facts, refund)), currency


# ------------------------------------------------------------- of a credit note or a payment


async def _payout(
    session: AsyncSession, facts: ExportFacts, refund: billing.Refund
) -> tuple[PurchaseDraft, str]:
    source = await _source(session, facts, refund)
    currency = source.currency
    if refund.currency not in {None, currency}:
        raise Refusal(_other_currency(refund, source))
    rate = refund.exchange_rate or source.record.exchange_rate
    check_currency(facts, currency, rate)
    customer_id = await customer_of(session, facts, refund.customer, currency)
    await _check_what_is_left(session, facts, refund, source)
    day, remark = open_day(facts, refund.date)
    draft = PurchaseDraft(
        customer_id=customer_id,
        txn_date=day,
        amount=refund.amount,
        paid_from_id=await _paid_from(session, facts, refund, {BANK}),
        receivable_id=await _receivable(session, facts, currency),
        taxes_apply=facts.taxed_by_code,
        method_id=_method(facts, refund),
        description=f"Refund of {source.name}",
        currency=facts.document_currency(currency),
        exchange_rate=rate_to_send(facts, currency, rate),
        note=f"Refund {refund.billing_id} of {source.name}{remark}",
    )
    return draft, currency


async def _source(session: AsyncSession, facts: ExportFacts, refund: billing.Refund) -> Source:
    kind: Literal[Kind.CREDIT_MEMO, Kind.PAYMENT]
    kind = Kind.CREDIT_MEMO if refund.credit_note is not None else Kind.PAYMENT
    stored, word = SOURCES[kind]
    billing_id = refund.credit_note or refund.payment or ""
    rows = await billing_rows.load(session, facts.integration.id, stored, [billing_id])
    record = billing_rows.parse(rows[billing_id]) if billing_id in rows else None
    link = await find_link(session, facts.company_id, kind.value, billing_id)
    standing = link is not None and link.state in STANDING
    if not isinstance(record, billing.CreditNote | billing.Payment) or not standing:
        raise Refusal(
            blocked(
                f"{word}_not_posted",
                f"The {word} {billing_id!r} that it pays back is not in QuickBooks (yet).",
                f"Export the {word} first; if it was refused, its record says why.",
                details={stored: billing_id},
            )
        )
    assert link is not None  # noqa: S101 - it stands
    return Source(kind=kind, record=record, external_id=link.external_id or "")


async def _check_what_is_left(
    session: AsyncSession, facts: ExportFacts, refund: billing.Refund, source: Source
) -> None:
    document = facts.document(source.kind, source.external_id)
    left = (document.unapplied if document else None) or Decimal(0)
    if document is not None:
        source_id = source.record.billing_id
        left -= await paid_and_not_linked(
            session, facts, document, source_id, but=refund.billing_id
        )
    if left >= refund.amount:
        return
    raise Refusal(
        refused(
            "nothing_left_to_refund",
            "What it pays back is settled already.",
            f"{money(refund.amount)} would go back, but only {money(max(left, Decimal(0)))} of the "
            f"{source.name} is left: the rest is applied in QuickBooks, or paid back already.",
            "Take back what it is applied to, and export again.",
            "Or, if goods or services are taken back, issue a credit note and refund that.",
            "Or give the refund lines and taxes of its own instead.",
            details={"left": str(left), "refund": str(refund.amount)},
        )
    )


def _other_currency(refund: billing.Refund, source: Source) -> Settle:
    return refused(
        "other_currency",
        "The refund is in another currency than what it pays back.",
        f"It is in {refund.currency}, the {source.name} is in {source.currency}.",
        "Refund it in its own currency.",
    )


# ------------------------------------------------------------------------------- accounts


def _method(facts: ExportFacts, refund: billing.Refund) -> str | None:
    method = facts.methods.get(refund.method or "")
    return method.payment_method_id if method else None


async def _accounts(session: AsyncSession, facts: ExportFacts) -> dict[str, Account]:
    kind = BookKind.ACCOUNT
    found = await books.records_of(session, facts.company_id, kind, Account)
    return {account.external_id: account for account in found}


async def _paid_from(
    session: AsyncSession, facts: ExportFacts, refund: billing.Refund, types: set[str]
) -> str:
    """Return the account the money leaves: that of its method, else the settings'."""
    method = facts.methods.get(refund.method or "")
    chosen = (
        (method.deposit_account_id if method else None)
        or facts.settings.accounts.deposit_account_id
        or facts.roles.get("deposit")
    )
    account = (await _accounts(session, facts)).get(chosen or "")
    if account is not None and account.active and account.type in types:
        return account.external_id
    named = f"{account.name!r} is of type {account.type}" if account else "None is set"
    raise Refusal(
        refused(
            "no_refund_account",
            "It is not known from which account the money leaves.",
            f"{named}; money goes back from an account of type {' or '.join(sorted(types))}.",
            "Map the payment method to a deposit account of that type.",
            "Or set accounts.deposit_account_id of the integration.",
            "If the account is new in QuickBooks, import accounts first.",
        )
    )


async def _receivable(session: AsyncSession, facts: ExportFacts, currency: str) -> str:
    """Return the receivable account of a currency: the mapped one, else the only one."""
    home = facts.profile.home_currency
    fitting = [
        account.external_id
        for account in (await _accounts(session, facts)).values()
        if account.active and account.type == RECEIVABLE and (account.currency or home) == currency
    ]
    mapped = facts.roles.get("receivable")
    if mapped in fitting and mapped is not None:
        return mapped
    if len(fitting) == 1:
        return fitting[0]
    raise Refusal(
        refused(
            "no_receivable_account",
            "It is not known to which receivable account the refund belongs.",
            f"{len(fitting)} imported accounts are receivables in {currency}.",
            "Map the role receivable to an account.",
            "If there is none at all, import accounts first.",
        )
    )


# ------------------------------------------------------------------- linked to what it pays


class RefundLinkDecider:
    """Decides how a refund is tied to its credit (a payment of zero) or payment (its own lines)."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._payments = PaymentDecider(composer)

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        if record.kind == Kind.PAYMENT.value:
            if link.state == LinkState.ABSENT.value:
                return _payment_missing(record.billing_id)
            return await self._payments(session, facts, link, record)
        refund_id, credit_id = refund_and_credit(record.billing_id) or ("", "")
        kind = Kind.REFUND.value
        rows = await billing_rows.load(session, facts.integration.id, kind, [refund_id])
        refund = billing_rows.parse(rows[refund_id])
        assert isinstance(refund, billing.Refund)  # noqa: S101 - its kind
        content_hash = _hash(refund)
        if (settled := by_state(link, content_hash)) is not None:
            return settled
        if link.state == LinkState.LIVE.value:
            return _changed()
        try:
            draft, currency = await _link_draft(session, facts, refund, credit_id)
        except Refusal as refusal:
            return refusal.decision
        hints = LookHints(customer_id=draft.customer_id, txn_date=draft.txn_date)
        return self._composer.create(
            link, draft, content_hash=content_hash, hints=hints, currency=currency
        )


async def _link_draft(
    session: AsyncSession, facts: ExportFacts, refund: billing.Refund, credit_id: str
) -> tuple[ApplicationDraft, str]:
    paid = await find_link(session, facts.company_id, Kind.REFUND.value, refund.billing_id)
    if paid is None or paid.state not in STANDING or not paid.external_id:
        raise Refusal(
            blocked(
                "refund_not_posted",
                f"The refund {refund.billing_id!r} is not in QuickBooks (yet).",
                "Look at the refund's own record in this job: it says why.",
                details={"refund": refund.billing_id, "credit_note": credit_id},
            )
        )
    source = await _source(session, facts, refund)
    rate = refund.exchange_rate or source.record.exchange_rate
    day, remark = open_day(facts, refund.date)
    draft = ApplicationDraft(
        customer_id=await customer_of(session, facts, refund.customer, source.currency),
        txn_date=day,
        amount=refund.amount,
        invoice_id=paid.external_id,
        credit_memo_id=source.external_id,
        charge_kind=Kind.REFUND,
        currency=facts.document_currency(source.currency),
        exchange_rate=rate_to_send(facts, source.currency, rate),
        note=f"Refund {refund.billing_id} of {source.name}{remark}",
    )
    return draft, source.currency


def _payment_missing(billing_id: str) -> Settle:
    return blocked(
        "payment_not_posted",
        f"The payment {billing_id!r} that a refund pays back is not in QuickBooks (yet).",
        "Export the payment first; if it was refused, its record says why.",
        details={"payment": billing_id},
    )


def _hash(refund: billing.Refund) -> str:
    content = f"{refund.billing_id}\n{refund.credit_note}\n{refund.amount.normalize():f}"
    return hashlib.sha256(content.encode()).hexdigest()
