"""From billing records to drafts of documents. Pure: everything that was looked up comes in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.accounting.records import (
    Address,
    Applied,
    CustomerDraft,
    DraftLine,
    Kind,
    PaymentDraft,
    PersonName,
    SalesDraft,
    TaxTreatment,
    Tracking,
)
from app.billing import schemas as billing
from app.billing.arithmetic import DocumentSums, SalesLine
from app.exports.tax import TaxLayout

MAX_NUMBER = 21
MAX_DISPLAY_NAME = 500
MAX_ITEM_NAME = 100
MAX_REFERENCE = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLong:
    """A field that the books could not take; nothing is cut off silently."""

    field: str
    limit: int
    length: int


def too_long(field: str, value: str | None, limit: int) -> TooLong | None:
    if value is not None and len(value) > limit:
        return TooLong(field=field, limit=limit, length=len(value))
    return None


def book_name(name: str) -> str:
    """
    Return a name as the books take it: a colon separates levels there, so it becomes a dash.

    Tabs and newlines become spaces; outer spaces go.
    """
    return " ".join(name.replace(":", "-").split())


def customer_draft(customer: billing.Customer, *, currency: str | None) -> CustomerDraft:
    names = customer.names or billing.Names()
    billed = customer.addresses.billing if customer.addresses else None
    return CustomerDraft(
        display_name=book_name(customer.display_name),
        company_name=customer.company_name,
        person=PersonName(
            title=names.title,
            given=names.given,
            middle=names.middle,
            family=names.family,
            suffix=names.suffix,
        ),
        email=customer.email,
        phone=customer.phone,
        address=postal_address(billed),
        currency=currency,
        tax_exempt=customer.tax_exempt or None,
    )


def postal_address(address: billing.Address | None) -> Address | None:
    if address is None:
        return None
    return Address(
        line1=address.line1,
        line2=address.line2,
        line3=address.line3,
        city=address.city,
        region=address.region,
        postal_code=address.postal_code,
        country=address.country,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesHeader:
    """What an invoice and a credit note have in common above their lines."""

    kind: Kind
    number: str | None
    customer_id: str
    txn_date: date
    due_date: date | None = None
    currency: str | None = None
    exchange_rate: Decimal | None = None
    note: str | None = None
    ship_to: Address | None = None
    tracking: Tracking | None = None


def sales_draft(
    header: SalesHeader,
    sums: DocumentSums,
    layout: TaxLayout,
    items: Mapping[str | None, str],
) -> SalesDraft:
    """Return the draft of an invoice or credit memo: every sales line once, totals as billed."""
    inclusive = layout.treatment is TaxTreatment.INCLUSIVE
    lines = tuple(
        _line(line, items[line.price_code], code, inclusive=inclusive)
        for line, code in zip(sums.lines, layout.line_codes, strict=True)
    )
    return SalesDraft(
        kind=header.kind,
        customer_id=header.customer_id,
        number=header.number,
        txn_date=header.txn_date,
        due_date=header.due_date,
        lines=lines,
        tax_parts=layout.parts,
        tax_total=sums.tax,
        total=sums.gross,
        treatment=layout.treatment,
        tax_code_id=layout.header_code,
        currency=header.currency,
        exchange_rate=header.exchange_rate,
        note=header.note,
        ship_to=header.ship_to,
        tracking=header.tracking or Tracking(),
    )


def _line(line: SalesLine, item_id: str, code: str | None, *, inclusive: bool) -> DraftLine:
    return DraftLine(
        amount=line.net,
        item_id=item_id,
        description=line.description,
        tax_code_id=code,
        quantity=None if inclusive else line.quantity,
        unit_price=None if inclusive else line.unit_price,
        gross=line.gross if inclusive else None,
        service_date=line.service_from,
    )


def payment_draft(
    payment: billing.Payment,
    *,
    customer_id: str,
    invoices: Mapping[str, str],
    method_id: str | None,
    deposit_account_id: str | None,
    currency: str | None,
    exchange_rate: Decimal | None = None,
    note: str,
) -> PaymentDraft:
    """Return the draft of a payment: one line per allocation, the rest unapplied."""
    return PaymentDraft(
        customer_id=customer_id,
        txn_date=payment.payment_date,
        amount=payment.amount,
        allocations=allocations(payment.allocations, invoices),
        reference=_reference(payment.reference),
        method_id=method_id,
        deposit_account_id=deposit_account_id,
        currency=currency,
        exchange_rate=exchange_rate,
        note=note,
    )


def _reference(reference: str | None) -> str | None:
    """Return the reference if it fits its field; else the note alone carries it."""
    return reference if reference and len(reference) <= MAX_REFERENCE else None


def allocations(
    given: Sequence[billing.Allocation], invoices: Mapping[str, str]
) -> tuple[Applied, ...]:
    """Return one settlement per invoice; several on one invoice become one."""
    sums: dict[str, Decimal] = {}
    for part in given:
        sums[part.invoice] = sums.get(part.invoice, Decimal(0)) + part.amount
    return tuple(
        Applied(kind=Kind.INVOICE, external_id=invoices[billing_id], amount=amount)
        for billing_id, amount in sums.items()
    )
