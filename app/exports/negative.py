"""
Invoices that owe the customer something: the books take no negative document, so they become
credit memos.

The link is of kind credit memo, under a billing id of its own (`ledger.identity`), so that it never
is that of a credit note. Which of the two an invoice is, is decided once: see `turned_over`.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.billing import schemas as billing
from app.billing.arithmetic import DocumentSums, SalesLine, TaxPart
from app.exports.decisions import Settle, money, refused
from app.exports.facts import ExportFacts
from app.ledger.identity import invoice_credit_id
from app.ledger.links import find_link
from app.ledger.states import STANDING


def negated(sums: DocumentSums) -> DocumentSums:
    """Return the sums with every sign turned: what was owed to the customer is credited."""
    return replace(
        sums,
        lines=tuple(_negated_line(line) for line in sums.lines),
        net=-sums.net,
        tax=-sums.tax,
        gross=-sums.gross,
        taxes=_negated_taxes(sums.taxes),
    )


def _negated_line(line: SalesLine) -> SalesLine:
    quantity, unit_price = _negated_factors(line.quantity, line.unit_price)
    return replace(
        line,
        net=-line.net,
        gross=-line.gross,
        quantity=quantity,
        unit_price=unit_price,
        taxes=_negated_taxes(line.taxes),
    )


def _negated_factors(
    quantity: Decimal | None, unit_price: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Turn the sign of the one that has it, so that what was counted stays a number of things."""
    if quantity is not None and unit_price is not None and quantity >= 0:
        return quantity, -unit_price
    return (None if quantity is None else -quantity), unit_price


def _negated_taxes(taxes: Sequence[TaxPart]) -> tuple[TaxPart, ...]:
    return tuple(replace(part, amount=-part.amount) for part in taxes)


async def turned_over(
    session: AsyncSession,
    facts: ExportFacts,
    invoice: billing.Invoice | billing.CreditNote,
    kind: Kind,
) -> Settle | None:
    """
    Refuse an invoice that stands in the books as the other kind of document.

    An invoice is not made a credit memo by machine, or the other way round: each would have to be
    taken out of the books, and what is applied to it with it.
    """
    if isinstance(invoice, billing.CreditNote):
        return None
    if kind is Kind.INVOICE and not facts.any_credited_invoices:
        return None
    other = Kind.CREDIT_MEMO if kind is Kind.INVOICE else Kind.INVOICE
    billing_id = invoice.billing_id
    name = invoice_credit_id(billing_id) if other is Kind.CREDIT_MEMO else billing_id
    link = await find_link(session, facts.company_id, other.value, name)
    if link is None or link.state not in STANDING:
        return None
    words = {Kind.INVOICE: "an invoice", Kind.CREDIT_MEMO: "a credit memo"}
    return refused(
        "sign_changed",
        "The total has changed its sign since the invoice was posted.",
        f"It stands in QuickBooks as {words[other]} of {money(link.total or Decimal(0))}, and now "
        f"comes to {money(invoice.total)}, which is {words[kind]}.",
        "Void it in the billing system, and bill the present amount under a new record.",
        "Or leave it as it is posted, and bill the difference as an invoice or a credit note.",
        details={"document_id": link.external_id, "in_books": str(link.total)},
    )
