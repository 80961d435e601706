"""Invoices and credit memos: the same lines, taxes and refusals; their edits and removals."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Address, Kind, LookHints, SalesDraft, TaxModel, Verb
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.arithmetic import DocumentSums, UnreadableDocument, read_document
from app.billing.models import BillingRecord
from app.exports.currencies import check_currency, key_for, rate_to_send
from app.exports.decisions import (
    Decision,
    Refusal,
    Send,
    Settle,
    blocked,
    money,
    refused,
    skipped,
    unchanged,
)
from app.exports.drafts import MAX_NUMBER, SalesHeader, postal_address, sales_draft, too_long
from app.exports.facts import ExportFacts, billing_row, find_item, links_needed, reason_item
from app.exports.negative import negated, turned_over
from app.exports.refunded import standing_refunds
from app.exports.rounding import ROUNDING, missing_cents, plan_for, rounds, with_rounding
from app.exports.tax import TaxLayout, UnmappedTaxes, lay_out
from app.exports.us import us_layout
from app.exports.writes import Composer
from app.jobs.models import Record
from app.kit.money import ZERO
from app.ledger.identity import applied_pair
from app.ledger.links import find_link, stands_as
from app.ledger.models import Link
from app.ledger.outcomes import drifted_outcome, missing_outcome
from app.ledger.states import STANDING, LinkState

NOT_SHOWN = {*billing_rows.APART, "applications"}
SalesRecord = billing.Invoice | billing.CreditNote
# More lines than these the books do not take on a document with tax.
MOST_TAXED_LINES = 750


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A document ready to be written."""

    draft: SalesDraft
    hints: LookHints
    content_hash: str


class SalesDecider:
    """Decides about one invoice or credit note that should stand in the books."""

    def __init__(self, composer: Composer, kind: Kind) -> None:
        self._composer = composer
        self._kind = kind

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        row = await billing_row(session, facts, record)
        document = billing_rows.parse(row)
        assert isinstance(document, billing.Invoice | billing.CreditNote)  # noqa: S101 - its kind
        content = content_of(row)
        if (settled := _by_state(link, content)) is not None:
            return await self._rounded(session, facts, link, record, document, row) or settled
        try:
            if turned := await turned_over(session, facts, document, self._kind):
                return turned
            if self._is_new(link):
                composed = await self._compose(session, facts, document, row)
                return self._composer.create(
                    link,
                    composed.draft,
                    content_hash=composed.content_hash,
                    hints=composed.hints,
                    currency=document.currency,
                    on_variance=plan_for(facts, document.currency),
                )
            await self._may_edit(session, facts, link, document)
            _still_bills(document)
            return await self._update(session, facts, link, document, row)
        except Refusal as refusal:
            return refusal.decision

    async def _update(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        link: Link,
        document: SalesRecord,
        row: BillingRecord,
        *,
        rounding: Decimal | None = None,
        action: str | None = None,
    ) -> Send:
        composed = await self._compose(session, facts, document, row, link=link, rounding=rounding)
        # Where the company numbers by itself, an edit must not carry another number.
        draft = composed.draft
        if not facts.profile.custom_numbers:
            draft = replace(draft, number=None)
        plan = plan_for(facts, document.currency, added=rounding, action=action)
        return self._composer.update(
            link,
            draft,
            content_hash=composed.content_hash,
            hints=composed.hints,
            currency=document.currency,
            on_variance=plan,
        )

    async def _rounded(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        link: Link,
        record: Record,
        document: SalesRecord,
        row: BillingRecord,
    ) -> Send | None:
        """Return the write that evens out a few cents, where the settings ask for it."""
        if not rounds(facts):
            return None
        missing = await missing_cents(
            session, facts, link, billed=abs(document.total), currency=document.currency
        )
        if missing is None:
            return None
        try:
            return await self._update(
                session, facts, link, document, row, rounding=missing, action=record.action
            )
        except Refusal:
            return None

    @staticmethod
    def _is_new(link: Link) -> bool:
        missing = link.state == LinkState.MISSING.value and link.content_hash is None
        return missing or link.state == LinkState.ABSENT.value

    async def _may_edit(
        self, session: AsyncSession, facts: ExportFacts, link: Link, document: SalesRecord
    ) -> None:
        """Let an edit pass while the document is open; what is settled already stays."""
        if isinstance(document, billing.CreditNote):
            applied = await applications_of(session, facts, document.billing_id)
            refunds = await standing_refunds(session, facts, "credit_note", document.billing_id)
            if applied or refunds:
                raise Refusal(_applied_credit(document, [*applied, *_named(refunds)]))
            return
        paid = await paid_on(session, facts, document.billing_id)
        total = sum(paid.values(), ZERO)
        full = link.unapplied == ZERO or (link.total is not None and total >= link.total)
        if paid and (full or document.total < total):
            raise Refusal(_paid_invoice(document, paid, total))

    async def _compose(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        document: SalesRecord,
        row: BillingRecord,
        *,
        link: Link | None = None,
        rounding: Decimal | None = None,
    ) -> Composed:
        sums = sums_of(facts, document)
        if self._kind is Kind.CREDIT_MEMO and isinstance(document, billing.Invoice):
            sums = negated(sums)
        _check_header(facts, document, sums)
        if rounding is not None:
            sums = with_rounding(sums, rounding)
        # What is wrong with the document itself is said first, and what it waits for last.
        layout = layout_of(facts, document, sums)
        day, note = _day_and_note(facts, document, self._kind, link)
        reason = document.reason if isinstance(document, billing.CreditNote) else "credit_note"
        items = await items_of(session, facts, sums, reason=reason)
        customer_id = await customer_of(session, facts, document.customer, document.currency)
        header = SalesHeader(
            kind=self._kind,
            number=document.number if facts.settings.documents.send_number else None,
            customer_id=customer_id,
            txn_date=day,
            due_date=document.due_date if isinstance(document, billing.Invoice) else None,
            currency=facts.document_currency(document.currency),
            exchange_rate=rate_to_send(facts, document.currency, document.exchange_rate),
            note=note,
            ship_to=await ship_to(session, facts, document.customer),
            tracking=facts.tracking,
        )
        kept = facts.profile.custom_numbers and facts.settings.documents.send_number
        hints = LookHints(
            number=document.number if kept else None, customer_id=customer_id, txn_date=day
        )
        return Composed(
            draft=sales_draft(header, sums, layout, items),
            hints=hints,
            content_hash=content_of(row),
        )


# ------------------------------------------------------------------------ what the record says


def content_of(row: BillingRecord) -> str:
    """
    Return the hash of what the document itself shows.

    A credit's applications are documents of their own: applying it does not edit it.
    """
    if row.kind != "credit_note":
        return row.content_hash
    kept = {name: value for name, value in row.body.items() if name not in NOT_SHOWN}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _by_state(link: Link, content: str) -> Settle | None:
    """Return what the link's state alone decides, or None when there is something to write."""
    if link.state == LinkState.DRIFTED.value:
        return Settle(outcome=drifted_outcome(link))
    if link.state == LinkState.MISSING.value and link.content_hash is not None:
        return Settle(outcome=missing_outcome())
    if link.state == LinkState.VOIDED.value:
        return refused(
            "voided_in_books",
            "The document is void in QuickBooks.",
            "It was voided there (or here, and is open in billing again). A void cannot be undone.",
            "Bill it under a new record, or void it in the billing system too.",
        )
    if stands_as(link, content):
        return unchanged(link)
    return None


def sums_of(facts: ExportFacts, document: billing.SalesDocument) -> DocumentSums:
    """
    Return the document, read.

    Raises:
        Refusal: It contradicts itself.
    """
    try:
        return read_document(document, facts.tax_codes)
    except UnreadableDocument as wrong:
        raise Refusal(
            refused(
                wrong.code,
                "The document does not add up.",
                wrong.detail,
                "Correct it in the billing system and push it again.",
                details={"pointer": wrong.pointer},
            )
        ) from wrong


def _still_bills(document: SalesRecord) -> None:
    if document.total == 0 and not any(line.amount for line in document.lines):
        raise Refusal(
            refused(
                "edited_to_nothing",
                "The document bills nothing any more, and stands in QuickBooks.",
                "Its lines and total are zero now; QuickBooks has it with its former amounts.",
                "Void it in the billing system: the void goes out with the next export.",
            )
        )


def check_amounts(sums: DocumentSums) -> None:
    """
    Let pass what the books can take.

    Raises:
        Refusal: The total is negative, nothing is billed, or there are too many lines.
    """
    if sums.gross < 0:
        raise Refusal(
            refused(
                "negative_document",
                "The total is negative.",
                f"The total is {money(sums.gross)}; QuickBooks takes no negative document.",
                "Bill what the customer owes as an invoice, and credits with positive amounts.",
            )
        )
    if sums.gross == 0 and not any(line.net for line in sums.lines):
        raise Refusal(skipped("zero_document", "It bills nothing, so there is nothing to post."))
    if len(sums.lines) > MOST_TAXED_LINES and any(line.taxes for line in sums.lines):
        raise Refusal(
            refused(
                "too_many_lines",
                "The document has too many lines for QuickBooks.",
                f"It has {len(sums.lines)} lines; with taxes QuickBooks takes {MOST_TAXED_LINES}.",
                "Bill it on several documents.",
                details={"limit": MOST_TAXED_LINES, "lines": len(sums.lines)},
            )
        )


def _check_header(facts: ExportFacts, document: SalesRecord, sums: DocumentSums) -> None:
    check_amounts(sums)
    if long := too_long("number", document.number, MAX_NUMBER):
        raise Refusal(
            refused(
                "too_long",
                "The number is too long for QuickBooks.",
                f"{document.number} has {long.length} characters; QuickBooks takes {long.limit}.",
                "Use shorter numbers in the billing system.",
                details={"field": "number", "limit": long.limit, "length": long.length},
            )
        )
    check_currency(facts, document.currency, document.exchange_rate)


async def customer_of(
    session: AsyncSession, facts: ExportFacts, billing_id: str, currency: str
) -> str:
    """
    Return the id in the books of the customer who is billed in *currency*.

    Raises:
        Refusal: It is not in the books; the record is blocked by it.
    """
    key = await key_for(session, facts, billing_id, currency)
    links = await links_needed(session, facts, Kind.CUSTOMER, [key])
    link = links.get(key)
    if link is None or link.state not in STANDING or not link.external_id:
        raise Refusal(
            blocked(
                "customer_not_posted",
                f"The customer {billing_id!r} is not in QuickBooks (yet).",
                "Look at the customer's own record in this job: it says why.",
                details={"customer": billing_id},
            )
        )
    if inactive := facts.inactive_customers.get(link.external_id):
        raise Refusal(
            blocked(
                "customer_inactive",
                f"The customer {inactive!r} was made inactive in QuickBooks (or merged).",
                "Make it active again in QuickBooks and import customers, or link the billing "
                "customer to another one.",
                details={"customer": billing_id},
            )
        )
    return link.external_id


async def ship_to(session: AsyncSession, facts: ExportFacts, billing_id: str) -> Address | None:
    """Return where the customer's goods go, where the books compute the tax from it."""
    if facts.profile.tax_model is not TaxModel.US_AST:
        return None
    rows = await billing_rows.load(session, facts.integration.id, "customer", [billing_id])
    customer = billing_rows.parse(rows[billing_id]) if billing_id in rows else None
    if not isinstance(customer, billing.Customer) or customer.addresses is None:
        return None
    return postal_address(customer.addresses.shipping or customer.addresses.billing)


async def items_of(
    session: AsyncSession, facts: ExportFacts, sums: DocumentSums, *, reason: str
) -> dict[str | None, str]:
    """
    Return the item of each price code; lines without one have the item of the *reason*.

    Raises:
        Refusal: There is none for some line.
    """
    items: dict[str | None, str] = {}
    missing: list[str] = []
    for code in dict.fromkeys(line.price_code for line in sums.lines):
        if code is None:
            items[None] = _reason_item(facts, reason)
            continue
        if code == ROUNDING:
            items[code] = facts.settings.items.rounding_item_id or ""
            continue
        place = await find_item(session, facts, code)
        if place is None:
            missing.append(code)
        else:
            items[code] = place.item_id
    if missing:
        raise Refusal(
            refused(
                "unknown_item",
                "There is no item in QuickBooks for a line.",
                f"No item was found for the price codes {', '.join(missing)}.",
                "Map these price codes to items, push their charges, or set a fallback item.",
                details={"price_codes": missing},
            )
        )
    return items


def _reason_item(facts: ExportFacts, reason: str) -> str:
    item_id = reason_item(facts, reason)
    if item_id is None:
        raise Refusal(
            refused(
                "no_credit_item",
                "There is no item for a credit line.",
                f"A line has no price code, and no item is set for the reason {reason!r}.",
                "Set the item of this reason (or a fallback item) in the settings.",
            )
        )
    return item_id


# --------------------------------------------------------------------------------- taxes, dates


def layout_of(facts: ExportFacts, document: billing.SalesDocument, sums: DocumentSums) -> TaxLayout:
    """
    Return how the document's taxes are sent.

    Raises:
        Refusal: A tax is not mapped, or the company takes no such taxes.
    """
    targets = facts.tax_targets(_date_of(document))
    try:
        if facts.taxed_by_code:
            return lay_out(sums, targets, inclusive=document.prices_include_tax)
        return us_layout(facts.profile.tax_model, sums, targets, any_code=facts.any_tax_code)
    except UnmappedTaxes as unmapped:
        raise Refusal(_unmapped(facts, unmapped)) from unmapped


def _unmapped(facts: ExportFacts, unmapped: UnmappedTaxes) -> Settle:
    reasons = [facts.taxes.why_not(price_codes) for price_codes in unmapped.sets]
    return refused(
        "unmapped_tax",
        "A tax is not mapped to a tax code of QuickBooks.",
        " ".join(reason for reason in reasons if reason),
        "Confirm the mapping of these price codes under tax mappings, and export again.",
        "If the tax code is new in QuickBooks, import taxes first.",
        details={
            "price_codes": [sorted(price_codes) for price_codes in unmapped.sets],
            "documents_affected": max(
                (facts.affected.get(price_codes, 1) for price_codes in unmapped.sets), default=1
            ),
        },
    )


def _date_of(document: billing.SalesDocument) -> date:
    return document.invoice_date if isinstance(document, billing.Invoice) else document.date


WORDS = {Kind.INVOICE: "Invoice", Kind.CREDIT_MEMO: "Credit note"}


def _day_and_note(
    facts: ExportFacts, document: SalesRecord, kind: Kind, link: Link | None
) -> tuple[date, str]:
    """Return the day to post on, and the memo; *link* is that of a document that is edited."""
    day = _date_of(document)
    prefix = facts.settings.documents.memo_prefix
    word = "Invoice" if isinstance(document, billing.Invoice) else WORDS[kind]
    note = f"{prefix + ' ' if prefix else ''}{word} {document.number}"
    moved, remark = open_day(facts, day, link)
    return moved, note + remark


def _day_of_edit(facts: ExportFacts, link: Link, day: date) -> date:
    """
    Return the open day on which a document stands that is billed on a closed one.

    Raises:
        Refusal: It stands in the closed period itself, where nothing is changed.
    """
    document = facts.document(Kind(link.kind), link.external_id or "")
    stands_on = document.txn_date if document is not None else None
    if stands_on is not None and not facts.closed(stands_on):
        return stands_on
    raise Refusal(_closed(facts, stands_on or day))


def open_day(facts: ExportFacts, day: date, link: Link | None = None) -> tuple[date, str]:
    """
    Return the day to post on, and what the memo says when it is another one.

    With a *link* whose document stands, that one is edited where it stands.

    Raises:
        Refusal: The books are closed for that day, and the policy is to refuse.
    """
    if not facts.closed(day):
        return day, ""
    if link is not None and link.state in STANDING:
        return _day_of_edit(facts, link, day), ""
    if facts.settings.closed_books == "first_open_day" and facts.first_open_day:
        return facts.first_open_day, f" (dated {day.isoformat()}, period closed)"
    raise Refusal(
        _closed(facts, day, "Or set the policy first_open_day: new documents move to an open day.")
    )


def _closed(facts: ExportFacts, day: date, *more: str) -> Settle:
    return refused(
        "closed_books",
        "The books are closed for this date.",
        f"QuickBooks is closed up to {facts.profile.books_closed_until}; this is dated {day}.",
        "Move the closing date in QuickBooks, and export again.",
        *(more or ("Or bill the difference as a document of its own, dated in an open period.",)),
    )


# ----------------------------------------------------------------------- edits of what is settled


async def paid_on(
    session: AsyncSession, facts: ExportFacts, invoice_id: str
) -> Mapping[str, Decimal]:
    """Return what posted payments and credits settle of an invoice, by their billing id."""
    invoice = await find_link(session, facts.company_id, Kind.INVOICE.value, invoice_id)
    if invoice is None or invoice.external_id is None:
        return {}
    rows = await session.scalars(
        select(Link).where(
            Link.company_id == facts.company_id,
            Link.kind.in_([Kind.PAYMENT.value, Kind.APPLICATION.value]),
            Link.state == LinkState.LIVE.value,
            Link.details["applied"].contains(
                [{"kind": Kind.INVOICE.value, "external_id": invoice.external_id}]
            ),
        )
    )
    paid: dict[str, Decimal] = {}
    for link in rows:
        for part in (link.details or {}).get("applied", []):
            if part["external_id"] == invoice.external_id and part["kind"] == Kind.INVOICE.value:
                paid[link.billing_id] = paid.get(link.billing_id, ZERO) + Decimal(part["amount"])
    return paid


async def applications_of(session: AsyncSession, facts: ExportFacts, credit_id: str) -> list[str]:
    """Return the invoices to which a credit is applied in the books."""
    prefix = f"{credit_id}\x1f"
    rows = await session.scalars(
        select(Link.billing_id).where(
            Link.company_id == facts.company_id,
            Link.kind == Kind.APPLICATION.value,
            Link.state == LinkState.LIVE.value,
            Link.billing_id.startswith(prefix, autoescape=True),
        )
    )
    return [applied_pair(billing_id)[1] for billing_id in rows]


def _paid_invoice(invoice: billing.Invoice, paid: Mapping[str, Decimal], total: Decimal) -> Settle:
    return refused(
        "invoice_settled",
        "The invoice is settled, so it is not changed.",
        f"{money(total)} are applied to it by {', '.join(_plain(name) for name in sorted(paid))}.",
        "Cancel the payment in the billing system first; the edit goes out with the next export.",
        "Or correct the difference by a credit note or another invoice.",
        details={"settled_by": {_plain(name): str(amount) for name, amount in paid.items()}},
    )


def _named(refunds: Mapping[str, object]) -> list[str]:
    return [f"refund {billing_id}" for billing_id in sorted(refunds)]


def _plain(billing_id: str) -> str:
    return billing_id.replace("\x1f", " → ")


def _applied_credit(note: billing.CreditNote, invoices: list[str]) -> Settle:
    return refused(
        "credit_applied",
        "The credit is applied, so it is not changed.",
        f"{note.number} is applied to {', '.join(sorted(invoices))}.",
        "Remove its applications in the billing system first.",
        details={"applied_to": sorted(invoices)},
    )


# ----------------------------------------------------------------------------------- removals


class RemovalDecider:
    """Decides about a void invoice or credit note, or a cancelled payment."""

    def __init__(self, composer: Composer, kind: Kind, verb: Verb) -> None:
        self._composer = composer
        self._kind = kind
        self._verb = verb

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        if link.state in {LinkState.ABSENT.value, LinkState.MISSING.value}:
            return skipped("never_posted", "It does not stand in the books, so nothing is voided.")
        if link.state == LinkState.VOIDED.value:
            return unchanged(link)
        if link.state == LinkState.DRIFTED.value:
            return Settle(outcome=drifted_outcome(link))
        if cascade := await self._cascade(session, facts, record):
            return cascade
        if link.total is not None and record.record_date and facts.closed(record.record_date):
            return refused(
                "closed_books",
                "The books are closed for this date.",
                "A document of a closed period cannot be voided.",
                "Move the closing date in QuickBooks, or correct it by a credit note.",
            )
        return self._composer.remove(link, self._verb, content_hash="void")

    async def _cascade(
        self, session: AsyncSession, facts: ExportFacts, record: Record
    ) -> Settle | None:
        """Return the refusal that shows what a void would tear apart, if it would."""
        if self._kind is Kind.INVOICE:
            settled = sorted(await paid_on(session, facts, record.billing_id))
        elif self._kind is Kind.CREDIT_MEMO:
            refunds = await standing_refunds(session, facts, "credit_note", record.billing_id)
            settled = sorted(await applications_of(session, facts, record.billing_id))
            settled += _named(refunds)
        elif self._kind is Kind.PAYMENT:
            settled = _named(await standing_refunds(session, facts, "payment", record.billing_id))
        else:
            return None
        if not settled:
            return None
        names = [_plain(name) for name in settled]
        return refused(
            "settled_by_others",
            "Payments or credits are applied to it.",
            f"Voiding it would leave {', '.join(names)} unapplied.",
            "Cancel these in the billing system first; the void goes out with the next export.",
            details={"settled_by": names},
        )


async def live_invoices(
    session: AsyncSession, facts: ExportFacts, billing_ids: list[str]
) -> dict[str, str]:
    """Return the ids in the books of those invoices that stand there."""
    links = await links_needed(session, facts, Kind.INVOICE, billing_ids)
    return {
        billing_id: link.external_id
        for billing_id, link in links.items()
        if link.external_id and link.state in STANDING
    }
