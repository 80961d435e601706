"""
What a billing record amounts to: its components, one for each account it may touch. Pure.

A component's amount is positive where it is debited. A record's components always sum to zero, so
whatever entries they are put into balance as long as none is lost.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.billing import schemas as billing
from app.billing.arithmetic import DocumentSums, UnreadableDocument, read_document
from app.journal.periods import EntryKind
from app.kit.money import ZERO
from app.mappings.roles import Role


@dataclass(frozen=True, slots=True)
class Component:
    """
    One part of a record, on the account that its role and key are mapped to.

    *name* is unique within the record: `gross`, `net:<price code>`, `tax:<price code>`, `money`.
    *key* is an accounting code, a tax's price code or a payment method.
    """

    name: str
    role: Role
    key: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookable:
    """One revision of a billing record, ready to be put into an entry; *rate* is home per unit."""

    kind: str
    billing_id: str
    revision: int
    content_hash: str
    entry: EntryKind
    day: date
    currency: str
    rate: Decimal
    number: str | None
    customer: str | None
    components: tuple[Component, ...]

    @property
    def fingerprint(self) -> str:
        """What must differ for another revision to be booked at all."""
        parts = sorted(
            f"{part.name}\x1f{part.role}\x1f{part.key or ''}\x1f{part.amount.normalize():f}"
            for part in self.components
        )
        head = f"{self.entry}\x1f{self.day}\x1f{self.currency}\x1f{self.rate.normalize():f}"
        return hashlib.sha256("\n".join([head, *parts]).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a record is read with: charges, taxes, the home currency, and what refunds pay back."""

    charges: Mapping[str, billing.Charge]
    tax_codes: frozenset[str]
    home_currency: str
    multicurrency: bool
    payments: Mapping[str, billing.Payment]
    credits: Mapping[str, billing.CreditNote]


class Unbookable(Exception):
    """The record cannot be summed up; carries what is wrong, in plain words."""

    def __init__(self, code: str, cause: str, explanation: str, fix: str) -> None:
        super().__init__(explanation)
        self.code, self.cause, self.explanation, self.fix = code, cause, explanation, fix


Financial = billing.Invoice | billing.Payment | billing.CreditNote | billing.Refund


def bookable(
    record: Financial, ground: Ground, *, kind: str, revision: int, content_hash: str
) -> Bookable:
    """
    Return what a record amounts to; one that is void or cancelled amounts to nothing.

    Raises:
        Unbookable: It contradicts itself, or something it needs is not known.
    """
    currency = _currency(record, ground)
    return Bookable(
        kind=kind,
        billing_id=record.billing_id,
        revision=revision,
        content_hash=content_hash,
        entry=entry_kind_of(record),
        day=day_of(record),
        currency=currency,
        rate=_rate(record, currency, ground) if _stands(record) else Decimal(1),
        number=getattr(record, "number", None) or getattr(record, "reference", None),
        customer=record.customer,
        components=_components(record, ground) if _stands(record) else (),
    )


def entry_kind_of(record: Financial) -> EntryKind:
    """Return which entry of its day a record belongs to."""
    match record:
        case billing.Invoice():
            return EntryKind.INVOICES
        case billing.Payment():
            return EntryKind.PAYMENTS
        case billing.CreditNote():
            return EntryKind.CREDITS
        case billing.Refund():
            return EntryKind.REFUNDS


def day_of(record: Financial) -> date:
    match record:
        case billing.Invoice():
            return record.invoice_date
        case billing.Payment():
            return record.payment_date
        case billing.CreditNote() | billing.Refund():
            return record.date


def _stands(record: Financial) -> bool:
    return getattr(record, "status", None) not in {"void", "cancelled"}


# ------------------------------------------------------------------------- currency and rate


def _source(refund: billing.Refund, ground: Ground) -> billing.Payment | billing.CreditNote | None:
    if refund.credit_note is not None:
        return ground.credits.get(refund.credit_note)
    return ground.payments.get(refund.payment or "")


def _currency(record: Financial, ground: Ground) -> str:
    if not isinstance(record, billing.Refund) or record.lines:
        return record.currency or ground.home_currency
    source = _source(record, ground)
    if source is None:
        word = "credit note" if record.credit_note is not None else "payment"
        raise Unbookable(
            "refund_source_unknown",
            "What a refund pays back is not known here.",
            f"The refund {record.billing_id!r} pays back the {word} "
            f"{record.credit_note or record.payment!r}, which was not pushed.",
            f"Push the {word}, then export again.",
        )
    if record.currency not in {None, source.currency}:
        raise Unbookable(
            "other_currency",
            "A refund is in another currency than what it pays back.",
            f"The refund {record.billing_id!r} is in {record.currency}, what it pays back is in "
            f"{source.currency}.",
            "Refund it in its own currency.",
        )
    return source.currency


def _rate(record: Financial, currency: str, ground: Ground) -> Decimal:
    if currency == ground.home_currency:
        return Decimal(1)
    if not ground.multicurrency:
        raise Unbookable(
            "currency_not_enabled",
            "The company in QuickBooks keeps one currency only.",
            f"{record.billing_id!r} is in {currency}, the books are in {ground.home_currency}.",
            "Turn on multicurrency in QuickBooks, or bill in the home currency.",
        )
    rate = record.exchange_rate
    if rate is None and isinstance(record, billing.Refund):
        source = _source(record, ground)
        rate = source.exchange_rate if source else None
    if rate is None:
        raise Unbookable(
            "exchange_rate_required",
            "A document in a foreign currency needs its exchange rate.",
            f"{record.billing_id!r} is in {currency}, the books are in {ground.home_currency}, and "
            "no rate was told.",
            f"Push it again with exchange_rate: so many {ground.home_currency} for one {currency}.",
        )
    return rate


# ------------------------------------------------------------------------------- components


def _components(record: Financial, ground: Ground) -> tuple[Component, ...]:
    match record:
        case billing.Invoice():
            parts = _sold(record, ground, sign=-1)
            parts.append(Component("gross", Role.RECEIVABLE, None, record.total))
        case billing.Payment():
            parts = [
                Component("money", Role.DEPOSIT, record.method, record.amount),
                Component("gross", Role.RECEIVABLE, None, -record.amount),
            ]
        case billing.CreditNote():
            parts = _sold(record, ground, sign=1, reason=_REASONS.get(record.reason))
            parts.append(Component("gross", Role.RECEIVABLE, None, -record.total))
        case billing.Refund():
            parts = [Component("money", Role.REFUND, record.method, -record.amount)]
            if record.lines:
                parts += _sold(record, ground, sign=1)
            else:
                parts.append(Component("gross", Role.RECEIVABLE, None, record.amount))
    return tuple(part for part in parts if part.amount)


# Credits of these reasons take no income back, where an account is set for them.
_REASONS = {"house_credit": Role.HOUSE_CREDIT, "write_off": Role.WRITE_OFF}


def _sold(
    document: billing.SalesDocument, ground: Ground, *, sign: int, reason: Role | None = None
) -> list[Component]:
    """Return net per price code and tax per tax, debited with a *sign* of 1."""
    sums = _read(document, ground)
    nets: dict[str | None, Decimal] = {}
    for line in sums.lines:
        nets[line.price_code] = nets.get(line.price_code, ZERO) + line.net
    taxes: dict[str, Decimal] = {}
    for part in sums.taxes:
        taxes[part.price_code] = taxes.get(part.price_code, ZERO) + part.amount
    return [
        *(_net(code, sign * net, ground, reason) for code, net in nets.items()),
        *(Component(f"tax:{code}", Role.TAX, code, sign * tax) for code, tax in taxes.items()),
    ]


def _net(code: str | None, amount: Decimal, ground: Ground, reason: Role | None) -> Component:
    charge = ground.charges.get(code or "")
    role = Role.DISCOUNT if charge is not None and charge.kind == "discount" else Role.INCOME
    return Component(
        f"net:{code or ''}", reason or role, charge.accounting_code if charge else None, amount
    )


def _read(document: billing.SalesDocument, ground: Ground) -> DocumentSums:
    unknown = _unknown_codes(document.lines, ground)
    if unknown:
        raise Unbookable(
            "unknown_charge",
            "A price code is not known here.",
            f"{document.billing_id!r} has lines with {', '.join(map(repr, unknown))}, for which no "
            "charge was pushed, so it is not known which income they are.",
            "Push the charge with its accounting code, and export again.",
        )
    try:
        return read_document(document, ground.tax_codes)
    except UnreadableDocument as wrong:
        raise Unbookable(
            wrong.code,
            "A document does not add up.",
            f"{document.billing_id!r}: {wrong.detail}",
            "Correct it in the billing system and push it again.",
        ) from wrong


def _unknown_codes(lines: Iterable[billing.CreditLine], ground: Ground) -> list[str]:
    codes = {line.price_code for line in lines if line.price_code is not None}
    return sorted(code for code in codes - ground.tax_codes if code not in ground.charges)
