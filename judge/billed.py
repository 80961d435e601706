"""What was billed: the pushed records, read with an arithmetic of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from judge.marks import BETWEEN
from judge.taxes import ZERO, nets_of, taxes_of

Record = Mapping[str, Any]
Key = tuple[str, str]
ONE = Decimal(1)
# Records with lines: where they are kept, and which field is their day.
SALES = {
    "invoices": ("invoices", "invoice_date"),
    "credit-notes": ("credits", "date"),
    "refunds": ("receipts", "date"),
}


@dataclass(frozen=True)
class Customer:
    """Somebody who was billed; *external_id* where a person chose the customer in the books."""

    billing_id: str
    name: str
    external_id: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Sale:
    """
    An invoice, a credit note, or a refund with lines of its own.

    *rate* is home currency for one of *currency*. *lines* are price codes with their net amounts.
    *live* is false once it is void, and where it bills nothing at all.
    """

    billing_id: str
    number: str
    customer: str
    day: str
    total: Decimal
    taxes: Mapping[str, Decimal]
    live: bool
    applied: Mapping[str, Decimal] = field(default_factory=dict)
    currency: str | None = None
    rate: Decimal = ONE
    lines: tuple[tuple[str | None, Decimal], ...] = ()
    reason: str = "credit_note"

    @property
    def tax(self) -> Decimal:
        return sum(self.taxes.values(), ZERO)


@dataclass(frozen=True)
class Payment:
    """Money received, and the invoices it settles; *live* is false once it is cancelled."""

    billing_id: str
    customer: str
    day: str
    amount: Decimal
    applied: Mapping[str, Decimal]
    live: bool
    currency: str | None = None
    rate: Decimal = ONE


@dataclass(frozen=True)
class Payout:
    """Money that went back for a credit note or a payment: (kind, billing id) is its source."""

    billing_id: str
    customer: str
    day: str
    amount: Decimal
    source: Key
    currency: str | None = None
    rate: Decimal = ONE
    live: bool = True


@dataclass(frozen=True)
class Refusal:
    """A record that did not go out as billed, and the code that was given for it."""

    kind: str
    billing_id: str
    code: str


@dataclass
class Settings:
    """What people chose, as the pushed file tells it; names are those in the books."""

    income_account: str | None = None
    fallback_item: str | None = None
    reason_items: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Billed:
    """
    All that was exported, as it was then.

    *once_live* holds (kind, billing id) of what was live at some export: it must be in the books,
    even if it is void today. *once_applied* holds (credit, invoice) of every application that ever
    was. *refused* is what was answered with a reason at the last export; what stood before stands
    still.
    """

    customers: dict[str, Customer] = field(default_factory=dict)
    invoices: dict[str, Sale] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    credits: dict[str, Sale] = field(default_factory=dict)
    receipts: dict[str, Sale] = field(default_factory=dict)
    payouts: dict[str, Payout] = field(default_factory=dict)
    charges: dict[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    once_live: set[Key] = field(default_factory=set)
    once_applied: set[Key] = field(default_factory=set)
    refused: list[Refusal] = field(default_factory=list)

    def owed(self, invoice_id: str) -> Decimal:
        """Return what is still open on an invoice."""
        invoice = self.invoices[invoice_id]
        if not invoice.live:
            return ZERO
        settled: list[Payment | Sale] = [*self.payments.values(), *self.credits.values()]
        return invoice.total - sum(
            (each.applied.get(invoice_id, ZERO) for each in settled if each.live), ZERO
        )

    def credit_left(self, billing_id: str) -> Decimal:
        """Return what is left of a credit note: neither applied nor paid back."""
        credit = self.credits[billing_id]
        used = sum(credit.applied.values(), ZERO) + self.paid_back("credits", billing_id)
        return credit.total - used

    def unapplied(self, billing_id: str) -> Decimal:
        """Return what is left of a payment: neither allocated nor paid back."""
        payment = self.payments[billing_id]
        used = sum(payment.applied.values(), ZERO) + self.paid_back("payments", billing_id)
        return payment.amount - used

    def paid_back(self, kind: str, billing_id: str) -> Decimal:
        """Return how much of a credit note or payment went back to the customer."""
        amounts = (
            each.amount for each in self.payouts.values() if each.source == (kind, billing_id)
        )
        return sum(amounts, ZERO)


def read_file(path: Path) -> Billed:
    """Read a file of pushed records, one JSON object a line; what follows the last export waits."""
    with path.open(encoding="utf-8") as lines:
        return read(json.loads(line, parse_float=Decimal) for line in lines if line.strip())


class _Reader:
    """
    Follows the file from export to export.

    A record that was refused stays as it was at the export before; one that never went out is
    not expected at all.
    """

    def __init__(self) -> None:
        self.latest: dict[Key, Record] = {}
        self.accepted: dict[Key, Record] = {}
        self.refused: dict[Key, Refusal] = {}
        self.settings = Settings()
        self.billed = Billed()

    def take(self, kind: str, record: Record) -> None:
        if kind == "checkpoint":
            self._export()
        elif kind == "settings":
            for name, value in record.items():
                setattr(self.settings, name, value)
        elif kind == "refused":
            key = (record["kind"], record["billing_id"])
            self.refused[key] = Refusal(*key, record["code"])
        else:
            self.latest[kind, record["billing_id"]] = record

    def _export(self) -> None:
        for key, record in self.latest.items():
            if key not in self.refused:
                self.accepted[key] = record
        once_live = self.billed.once_live
        once_applied = self.billed.once_applied
        self.billed = _state(self.accepted, once_live)
        self.billed.once_applied |= once_applied
        self.billed.settings = self.settings
        self.billed.refused = list(self.refused.values())
        self.refused = {}


def read(entries: Iterable[Mapping[str, Any]]) -> Billed:
    """Return the state at the last checkpoint."""
    reader = _Reader()
    for entry in entries:
        reader.take(entry["kind"], entry["record"])
    return reader.billed


def _state(accepted: Mapping[Key, Record], once_live: set[Key]) -> Billed:
    state = Billed(once_live=once_live)
    rates = {
        record["price_code"]
        for (kind, _), record in accepted.items()
        if kind == "taxes" or (kind == "charges" and record["kind"] == "tax")
    }
    for (kind, billing_id), record in accepted.items():
        if kind in {"customers", "adoptions"}:
            state.customers[billing_id] = _customer(record)
        elif kind == "charges":
            state.charges[record["price_code"]] = record.get("item_name") or record["name"]
        elif kind == "payments":
            state.payments[billing_id] = _payment(record)
        elif kind in SALES and record.get("lines"):
            name, day = SALES[kind]
            sale = _sale(record, rates, day=day)
            if name == "invoices" and sale.total < 0:
                sale = _credited(sale)
                name = "credits"
            getattr(state, name)[sale.billing_id] = sale
    for (kind, billing_id), record in accepted.items():
        if kind == "refunds" and not record.get("lines"):
            state.payouts[billing_id] = _payout(record, state)
    state.once_applied |= {
        (credit.billing_id, invoice)
        for credit in state.credits.values()
        for invoice in credit.applied
    }
    for name in ("invoices", "payments", "credits", "receipts", "payouts"):
        documents: Mapping[str, Sale | Payment | Payout] = getattr(state, name)
        once_live |= {(name, id_) for id_, each in documents.items() if each.live}
    return state


def _customer(record: Record) -> Customer:
    name, chosen = record["display_name"], record.get("external_id")
    return Customer(record["billing_id"], name, chosen, record.get("currency"))


def _sale(record: Record, rates: set[str], *, day: str) -> Sale:
    total = Decimal(record["total"] if "total" in record else record["amount"])
    lines = nets_of(record, rates)
    bills = bool(total) or any(net for _, net in lines)
    return Sale(
        billing_id=record["billing_id"],
        number=record.get("number") or record["billing_id"],
        customer=record["customer"],
        day=record[day],
        total=total,
        taxes=taxes_of(record, rates),
        live=bills and record.get("status", "open") == "open",
        applied=_parts(record.get("applications", ())),
        currency=record.get("currency"),
        rate=Decimal(record.get("exchange_rate") or 1),
        lines=lines,
        reason=record.get("reason", "credit_note"),
    )


def _credited(invoice: Sale) -> Sale:
    """Return what a negative invoice is in the books: a credit, its amounts turned round."""
    return replace(
        invoice,
        billing_id=f"invoice{BETWEEN}{invoice.billing_id}",
        total=-invoice.total,
        taxes={code: -amount for code, amount in invoice.taxes.items()},
        lines=tuple((code, -net) for code, net in invoice.lines),
    )


def _payment(record: Record) -> Payment:
    return Payment(
        billing_id=record["billing_id"],
        customer=record["customer"],
        day=record["payment_date"],
        amount=Decimal(record["amount"]),
        applied=_parts(record.get("allocations", ())),
        live=record.get("status", "succeeded") == "succeeded",
        currency=record.get("currency"),
        rate=Decimal(record.get("exchange_rate") or 1),
    )


def _payout(record: Record, state: Billed) -> Payout:
    """Return what went back; it is in the currency of its source, and at its rate unless told."""
    source = ("payments", record.get("payment") or "")
    if record.get("credit_note"):
        source = ("credits", record["credit_note"])
    documents: Mapping[str, Sale | Payment] = getattr(state, source[0])
    paid = documents.get(source[1])
    told = record.get("exchange_rate") or (paid.rate if paid else 1)
    return Payout(
        billing_id=record["billing_id"],
        customer=record["customer"],
        day=record["date"],
        amount=Decimal(record["amount"]),
        source=source,
        currency=paid.currency if paid else record.get("currency"),
        rate=Decimal(told),
    )


def _parts(parts: Iterable[Record]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in parts:
        found[part["invoice"]] = found.get(part["invoice"], ZERO) + Decimal(part["amount"])
    return found
