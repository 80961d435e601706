"""What was billed: the pushed records, read with an arithmetic of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]
CENT = Decimal("0.01")
ZERO = Decimal("0.00")


@dataclass(frozen=True)
class Customer:
    """Somebody who was billed; *external_id* where a person chose the customer in the books."""

    billing_id: str
    name: str
    external_id: str | None = None


@dataclass(frozen=True)
class Sale:
    """An invoice or credit note; *live* is false once it is void."""

    billing_id: str
    number: str
    customer: str
    day: str
    total: Decimal
    taxes: Mapping[str, Decimal]
    live: bool
    applied: Mapping[str, Decimal] = field(default_factory=dict)

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

    @property
    def unapplied(self) -> Decimal:
        return self.amount - sum(self.applied.values(), ZERO)


@dataclass
class Billed:
    """
    All that was exported, as it was then.

    *once_live* holds (kind, billing id) of what was live at some export: it must be in the books,
    even if it is void today.
    """

    customers: dict[str, Customer] = field(default_factory=dict)
    invoices: dict[str, Sale] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    credits: dict[str, Sale] = field(default_factory=dict)
    once_live: set[tuple[str, str]] = field(default_factory=set)

    def owed(self, invoice_id: str) -> Decimal:
        """Return what is still open on an invoice."""
        invoice = self.invoices[invoice_id]
        if not invoice.live:
            return ZERO
        settled: list[Payment | Sale] = [*self.payments.values(), *self.credits.values()]
        return invoice.total - sum(
            (each.applied.get(invoice_id, ZERO) for each in settled if each.live), ZERO
        )

    def receivable(self) -> Decimal:
        """Return what all customers owe together, less what they have to their credit."""
        owed = sum((sale.total for sale in self.invoices.values() if sale.live), ZERO)
        paid = sum((each.amount for each in self.payments.values() if each.live), ZERO)
        credit = sum((sale.total for sale in self.credits.values() if sale.live), ZERO)
        return owed - paid - credit


def read_file(path: Path) -> Billed:
    """Read a file of pushed records, one JSON object a line; what follows the last export waits."""
    with path.open(encoding="utf-8") as lines:
        return read(json.loads(line, parse_float=Decimal) for line in lines if line.strip())


def read(entries: Iterable[Mapping[str, Any]]) -> Billed:
    """Return the state at the last checkpoint."""
    latest: dict[tuple[str, str], Record] = {}
    rates: set[str] = set()
    billed = Billed()
    for entry in entries:
        kind, record = entry["kind"], entry["record"]
        if kind == "checkpoint":
            billed = _state(latest, rates, billed.once_live)
        elif kind == "taxes":
            rates.add(record["price_code"])
        else:
            latest[kind, record["billing_id"]] = record
    return billed


def _state(
    latest: Mapping[tuple[str, str], Record], rates: set[str], once_live: set[tuple[str, str]]
) -> Billed:
    state = Billed(once_live=once_live)
    for (kind, billing_id), record in latest.items():
        if kind == "customers":
            state.customers[billing_id] = Customer(billing_id, record["display_name"])
        elif kind == "adoptions":
            name, chosen = record["display_name"], record["external_id"]
            state.customers[billing_id] = Customer(billing_id, name, chosen)
        elif kind == "invoices":
            state.invoices[billing_id] = _sale(record, rates, day="invoice_date")
        elif kind == "credit-notes":
            state.credits[billing_id] = _sale(record, rates, day="date")
        elif kind == "payments":
            state.payments[billing_id] = _payment(record)
    for name in ("invoices", "payments", "credits"):
        documents: Mapping[str, Sale | Payment] = getattr(state, name)
        once_live |= {(name, id_) for id_, each in documents.items() if each.live}
    return state


def _sale(record: Record, rates: set[str], *, day: str) -> Sale:
    return Sale(
        billing_id=record["billing_id"],
        number=record["number"],
        customer=record["customer"],
        day=record[day],
        total=Decimal(record["total"]),
        taxes=taxes_of(record, rates),
        live=record.get("status", "open") == "open",
        applied=_parts(record.get("applications", ())),
    )


def _payment(record: Record) -> Payment:
    return Payment(
        billing_id=record["billing_id"],
        customer=record["customer"],
        day=record["payment_date"],
        amount=Decimal(record["amount"]),
        applied=_parts(record.get("allocations", ())),
        live=record.get("status", "succeeded") == "succeeded",
    )


def _parts(parts: Iterable[Record]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in parts:
        found[part["invoice"]] = found.get(part["invoice"], ZERO) + Decimal(part["amount"])
    return found


# ----------------------------------------------------------------------------------- its taxes


def taxes_of(record: Record, rates: set[str]) -> dict[str, Decimal]:
    """
    Return the billed tax by price code.

    What is told as an amount counts as told. A tax with a rate only is that rate of all that
    carries it, half a cent up; where prices include tax, of what is left when all rates are out.
    """
    told: dict[str, Decimal] = {}
    bases: dict[tuple[str, Decimal], Decimal] = {}
    everything = list(record.get("taxes", ()))
    for line in record["lines"]:
        if line.get("price_code") in rates:
            _add(told, line["price_code"], Decimal(line["amount"]))
            continue
        taxes = [*line.get("taxes", ()), *everything]
        base = _net(line, taxes) if record.get("prices_include_tax") else Decimal(line["amount"])
        for tax in taxes:
            if tax.get("amount") is None:
                key = (tax["price_code"], Decimal(tax["rate"]))
                bases[key] = bases.get(key, ZERO) + base
        for tax in line.get("taxes", ()):
            if tax.get("amount") is not None:
                _add(told, tax["price_code"], Decimal(tax["amount"]))
    for tax in everything:
        if tax.get("amount") is not None:
            _add(told, tax["price_code"], Decimal(tax["amount"]))
    for (code, rate), base in bases.items():
        _add(told, code, (base * rate / 100).quantize(CENT, rounding=ROUND_HALF_UP))
    return {code: amount for code, amount in told.items() if amount}


def _net(line: Record, taxes: Iterable[Record]) -> Decimal:
    whole = 1 + sum((Decimal(tax["rate"]) for tax in taxes), ZERO) / 100
    return Decimal(line["amount"]) / whole


def _add(sums: dict[str, Decimal], code: str, amount: Decimal) -> None:
    sums[code] = sums.get(code, ZERO) + amount
