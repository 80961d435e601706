"""Billing records, as the billing system sends them; frozen, amounts exact."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from app.kit.fields import (
    CurrencyCode,
    Day,
    Exact,
    Figure,
    Instant,
    Key,
    Name,
    Prose,
    Text,
    at_most,
)
from app.kit.web import Strict

Scalar = StrictBool | Annotated[int, Field(ge=-(2**53), le=2**53)] | Prose | None
Metadata = Annotated[dict[Key, Scalar], Field(max_length=100)]
Rate = Annotated[Figure, Field(ge=0, le=1000, description='Percent: "5" is 5 %')]
Amount = Annotated[Exact, Field(description="Decimal string with the currency's decimals")]


class Part(Strict):
    """A part of a record: unknown fields are refused, known ones do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Record(Part):
    """What every billing record has."""

    billing_id: Key = Field(
        default="",
        description="The billing system's own id. Required in a batch; otherwise it is in the"
        " address, and if it is here too, it must be the same.",
    )
    updated_at: Instant = Field(
        description="When the billing system last changed it; an older one never overwrites"
    )
    metadata: Metadata = Field(default={}, description="Yours; kept, never sent to the books")


class Names(Part):
    """The parts of a person's name."""

    title: Text | None = None
    given: Text | None = None
    middle: Text | None = None
    family: Text | None = None
    suffix: Text | None = None


class Address(Part):
    """A postal address."""

    line1: Text | None = None
    line2: Text | None = None
    line3: Text | None = None
    city: Text | None = None
    region: Text | None = Field(default=None, description="Province or state")
    postal_code: Text | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="ISO 3166, two letters"
    )


class Addresses(Part):
    """Where bills and goods go."""

    billing: Address | None = None
    shipping: Address | None = None


class Customer(Record):
    """Somebody who is billed."""

    display_name: Name
    company_name: Text | None = None
    names: Names | None = None
    email: Text | None = None
    phone: Text | None = None
    addresses: Addresses | None = None
    currency: CurrencyCode | None = Field(
        default=None, description="ISO 4217; the home currency of the books if left out"
    )
    tax_exempt: StrictBool = False
    created_date: Day | None = Field(
        default=None, description="Decides which customers an export by date range adds"
    )


class Charge(Record):
    """
    Something that is charged for, known by its price code.

    Price codes are case-sensitive and unique per integration. A line whose charge is of kind `tax`
    is tax, never an item.
    """

    price_code: Key
    name: Name
    plan: Text | None = None
    kind: Literal["recurring", "one_time", "usage", "discount", "tax"]
    item_name: Text | None = Field(
        default=None, description="Name of its item in the books, if it differs from `name`"
    )
    accounting_code: Text | None = None


class Tax(Record):
    """A tax, known by its price code; `rate` is percent."""

    price_code: Key
    name: Name
    rate: Rate


class LineTax(Part):
    """A tax on a line or on a document."""

    price_code: Key
    rate: Rate
    amount: Amount | None = Field(
        default=None,
        description="Without it the tax is computed, half up, over the document's net"
        " that carries this price code",
    )


class ServicePeriod(Part):
    """The days a line is for, both included."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end < self.start:
            raise ValueError("A service period ends on or after the day it starts.")
        return self


class CreditLine(Part):
    """A line of a credit note or refund; a discount is a negative line."""

    line_id: Key
    price_code: Key | None = Field(
        default=None, description="Without it the item is the one set for the credit's reason"
    )
    description: Prose | None = None
    amount: Amount
    quantity: Figure | None = Field(default=None, description="Information; `amount` is law")
    unit_price: Figure | None = Field(default=None, description="Information; `amount` is law")
    taxes: Annotated[tuple[LineTax, ...], Field(max_length=50), at_most(50)] = ()
    service_period: ServicePeriod | None = None
    applies_to: (
        Annotated[tuple[Key, ...], Field(min_length=1, max_length=2000), at_most(2000)] | None
    ) = Field(
        default=None,
        description="On a line of a charge of kind `tax`: the `line_id`s it taxes; all if left out",
    )


class Line(CreditLine):
    """A line of an invoice; a discount is a negative line."""

    price_code: Key


class Allocation(Part):
    """Part of a payment or credit that settles an invoice."""

    invoice: Key = Field(description="The invoice's billing_id")
    amount: Annotated[Amount, Field(gt=0)]


DocumentTaxes = Annotated[
    tuple[LineTax, ...],
    Field(max_length=50, description="Taxes over all lines, instead of taxes per line"),
    at_most(50),
]
Allocations = Annotated[tuple[Allocation, ...], Field(max_length=2000), at_most(2000)]
ExchangeRate = Annotated[Figure, Field(gt=0, description="Home currency per unit of `currency`")]


class Invoice(Record):
    """An invoice; its lines, taxes and totals must add up exactly."""

    number: Key
    customer: Key = Field(description="The customer's billing_id")
    invoice_date: Day
    due_date: Day | None = None
    currency: CurrencyCode
    exchange_rate: ExchangeRate | None = None
    prices_include_tax: StrictBool = Field(
        default=False, description="Line amounts are gross: they contain their taxes"
    )
    lines: Annotated[tuple[Line, ...], Field(max_length=2000), at_most(2000)]
    taxes: DocumentTaxes = ()
    tax_total: Amount
    total: Amount
    status: Literal["open", "void"] = "open"


class Payment(Record):
    """Money received; what is not allocated is unapplied."""

    customer: Key = Field(description="The customer's billing_id")
    payment_date: Day
    amount: Annotated[Amount, Field(gt=0)]
    currency: CurrencyCode
    exchange_rate: ExchangeRate | None = None
    method: Text | None = None
    reference: Text | None = None
    allocations: Allocations = ()
    status: Literal["succeeded", "cancelled"] = "succeeded"


class CreditNote(Record):
    """A credit note, house credit or write-off, and the invoices it is applied to."""

    number: Key
    customer: Key = Field(description="The customer's billing_id")
    date: Day
    reason: Literal["credit_note", "house_credit", "write_off"]
    currency: CurrencyCode
    exchange_rate: ExchangeRate | None = None
    prices_include_tax: StrictBool = False
    lines: Annotated[tuple[CreditLine, ...], Field(max_length=2000), at_most(2000)]
    taxes: DocumentTaxes = ()
    tax_total: Amount
    total: Amount
    applications: Allocations = ()
    status: Literal["open", "void"] = "open"


class Refund(Record):
    """Money given back: of a payment, of a credit note, or with lines of its own."""

    customer: Key = Field(description="The customer's billing_id")
    date: Day
    amount: Annotated[Amount, Field(gt=0)]
    currency: CurrencyCode | None = Field(
        default=None,
        description="Required with lines; otherwise that of the payment or credit note",
    )
    exchange_rate: ExchangeRate | None = None
    method: Text | None = None
    payment: Key | None = Field(default=None, description="The refunded payment's billing_id")
    credit_note: Key | None = Field(default=None, description="The credit note's billing_id")
    prices_include_tax: StrictBool = False
    lines: Annotated[tuple[CreditLine, ...], Field(max_length=2000), at_most(2000)] = ()
    taxes: DocumentTaxes = ()
    tax_total: Amount | None = None

    @property
    def total(self) -> Decimal:
        """What its lines and taxes must come to."""
        return self.amount


AnyRecord = Customer | Charge | Tax | Invoice | Payment | CreditNote | Refund
SalesDocument = Invoice | CreditNote | Refund
