"""The figures of a reconciliation, added up as documents go by. Pure; flat in memory."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from app.accounting.records import Kind
from app.kit.money import ZERO
from app.ledger.faultwords import Words
from app.reconciliation.compare import Billed

# So many customers are kept apart; beyond that only their number is told.
MOST_CUSTOMERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One document that is not in the books as billed; *difference* is books minus billed."""

    kind: Kind
    words: Words
    billing_id: str | None = None
    number: str | None = None
    customer: str | None = None
    day: date | None = None
    currency: str = ""
    billed: Decimal = ZERO
    posted: Decimal = ZERO
    in_books: Decimal = ZERO
    document_id: str | None = None
    document_number: str | None = None
    # The books' word for the document, where the kind alone does not tell.
    document_type: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def difference(self) -> Decimal:
        return self.in_books - self.billed


@dataclass(slots=True)
class Money:
    """How many, and how much."""

    documents: int = 0
    total: Decimal = ZERO
    tax: Decimal = ZERO

    def add(self, total: Decimal, tax: Decimal = ZERO, *, documents: int = 1) -> None:
        self.documents += documents
        self.total += total
        self.tax += tax


@dataclass(slots=True)
class KindSums:
    """One kind in one currency; *others* stand in the books and have nothing to do with billing."""

    billed: Money = field(default_factory=Money)
    posted: Money = field(default_factory=Money)
    in_books: Money = field(default_factory=Money)
    others: Money = field(default_factory=Money)


@dataclass(slots=True)
class TaxSums:
    """One tax rate; *rate_id* None is what is mapped to no rate."""

    billed: Decimal = ZERO
    in_books: Decimal = ZERO


@dataclass(slots=True)
class CustomerSums:
    """One customer's differing documents."""

    documents: int = 0
    billed: Decimal = ZERO
    in_books: Decimal = ZERO


@dataclass(slots=True)
class Report:
    """Everything that is shown, but the single differences, which go to *keep*."""

    kinds: dict[tuple[str, str], KindSums] = field(default_factory=dict)
    taxes: dict[tuple[str, str, str | None], TaxSums] = field(default_factory=dict)
    customers: dict[tuple[str, str], CustomerSums] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=dict)
    foreign_payments: int = 0

    def of(self, kind: Kind, currency: str) -> KindSums:
        return self.kinds.setdefault((kind.value, currency), KindSums())

    def bill(self, billed: Billed) -> None:
        """Count what was billed; what is void is billed at nothing."""
        if billed.stands:
            self.of(billed.kind, billed.currency).billed.add(billed.amount, billed.tax or ZERO)

    def tax(self, kind: Kind, currency: str, rate_id: str | None) -> TaxSums:
        return self.taxes.setdefault((kind.value, currency, rate_id), TaxSums())

    def note(self, difference: Difference) -> None:
        """Count a differing document by its cause and customer."""
        self.causes[difference.words.code] += 1
        before = self.amounts.get(difference.words.code, ZERO)
        self.amounts[difference.words.code] = before + difference.difference
        if difference.kind is Kind.APPLICATION or difference.customer is None:
            return
        key = (difference.customer, difference.currency)
        if key in self.customers or len(self.customers) < MOST_CUSTOMERS:
            sums = self.customers.setdefault(key, CustomerSums())
            sums.documents += 1
            # A credit or a payment lowers what the customer owes; money that went back raises it.
            sign = 1 if difference.kind in {Kind.INVOICE, Kind.REFUND} else -1
            sums.billed += sign * difference.billed
            sums.in_books += sign * difference.in_books

    @property
    def in_step(self) -> bool:
        """Whether nothing differs at all."""
        return not self.causes and all(
            sums.billed.total == sums.in_books.total for sums in self.kinds.values()
        )
