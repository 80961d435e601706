"""
Records of an ERP's books, as this product sees them.

The first half is what is read from the books (imports, looks); the second half is what is to be
written (drafts). Amounts are `Decimal` in the document's currency; percents are percent
(`Decimal("5")` is 5 %); `*_id` fields are the books' own ids; `*_at` are aware instants.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from app.accounting.journal import JournalEntryDraft, JournalLine


class Kind(StrEnum):
    """The kinds of document a link can stand for (the ledger's words)."""

    CUSTOMER = "customer"
    ITEM = "item"
    INVOICE = "invoice"
    PAYMENT = "payment"
    CREDIT_MEMO = "credit_memo"
    APPLICATION = "application"
    REFUND = "refund"
    JOURNAL_ENTRY = "journal_entry"


class Verb(StrEnum):
    """What a write does to its document."""

    CREATE = "create"
    UPDATE = "update"
    VOID = "void"
    DELETE = "delete"


class TaxModel(StrEnum):
    """How a company computes sales tax; it decides what may be sent."""

    US_AST = "US-AST"
    US_AST_UNSET = "US-AST-UNSET"
    US_MANUAL = "US-MANUAL"
    US_NONE = "US-NONE"
    GLOBAL = "GLOBAL"


# ---------------------------------------------------------------- what is read


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; *country* as the source writes it."""

    line1: str | None = None
    line2: str | None = None
    line3: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class PersonName:
    """The parts of a person's name."""

    title: str | None = None
    given: str | None = None
    middle: str | None = None
    family: str | None = None
    suffix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What every entry of the books' lists has."""

    external_id: str
    sync_token: str | None = None
    active: bool = True
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Entry):
    display_name: str
    company_name: str | None = None
    person: PersonName = PersonName()
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    currency: str | None = None
    parent_id: str | None = None
    taxable: bool | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Entry):
    name: str
    full_name: str
    type: str
    sku: str | None = None
    description: str | None = None
    unit_price: Decimal | None = None
    income_account_id: str | None = None
    expense_account_id: str | None = None
    taxable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Entry):
    name: str
    full_name: str
    number: str | None = None
    type: str
    sub_type: str | None = None
    classification: str | None = None
    currency: str | None = None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxCodeRate:
    """One sales rate of a tax code. *basis*: on_net, on_net_plus_tax (compound) or on_tax."""

    rate_id: str
    name: str | None = None
    basis: str = "on_net"
    order: int = 0
    on_order: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxCode(Entry):
    """A code that lines carry. *kind*: single, group (several sales rates), pseudo or none."""

    name: str
    description: str | None = None
    kind: str
    hidden: bool = False
    taxable: bool = True
    rates: tuple[TaxCodeRate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveRate:
    percent: Decimal
    starts_on: date
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRate(Entry):
    """A percentage owed to an agency. *mappable* is false for adjustment and hidden rates."""

    name: str
    percent: Decimal | None = None
    agency_id: str | None = None
    history: tuple[EffectiveRate, ...] = ()
    mappable: bool = True

    def percent_on(self, day: date) -> Decimal | None:
        """Return the percent in force on *day*, else the rate's present one."""
        for rate in self.history:
            if rate.starts_on <= day and (rate.ends_on is None or day <= rate.ends_on):
                return rate.percent
        return self.percent


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxAgency(Entry):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEntry(Entry):
    """A payment method, class, department or term: a name with an id."""

    name: str
    full_name: str | None = None
    type: str | None = None
    due_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyProfile:
    """What decides how a company's books may be written."""

    name: str
    country: str
    home_currency: str
    time_zone: str
    tax_model: TaxModel
    multicurrency: bool = False
    custom_numbers: bool = False
    auto_apply_credits: bool = False
    auto_apply_payments: bool = False
    books_closed_until: date | None = None
    classes_on_documents: bool = False
    classes_on_lines: bool = False
    locations: bool = False
    plan: str | None = None
    subscription: str | None = None
    needs_expense_account: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A settlement a document carries: *amount* against the document *external_id*."""

    kind: Kind
    external_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksDocument:
    """
    A document, customer or item as it stands in the books.

    *fingerprint* changes when its own content changes, and not when only its token or its open
    balance moved. *marker* is ours as it stands there, brackets included (`[lw:…]`). *type_name* is
    the books' word for it where the kind alone does not tell. A journal entry's *total* is the sum
    of its debits. *source* is the provider's own form of it, opaque to everybody else.
    """

    kind: Kind
    external_id: str
    sync_token: str
    number: str | None = None
    name: str | None = None
    total: Decimal | None = None
    tax: Decimal | None = None
    balance: Decimal | None = None
    unapplied: Decimal | None = None
    currency: str | None = None
    customer_id: str | None = None
    txn_date: date | None = None
    marker: str | None = None
    voided: bool = False
    active: bool = True
    created_at: datetime | None = None
    applied: tuple[Applied, ...] = ()
    fingerprint: str = ""
    type_name: str | None = None
    source: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksLine:
    """One line of a sales document as it stands in the books; *amount* is net."""

    amount: Decimal
    item_id: str | None = None
    description: str | None = None
    tax_code_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksTax:
    """The tax that the books show at one rate over a whole document."""

    rate_id: str | None
    amount: Decimal
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentParts:
    """What a document is made of; empty for what has no such parts."""

    lines: tuple[BooksLine, ...] = ()
    taxes: tuple[BooksTax, ...] = ()
    journal: tuple[JournalLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameHolder:
    """Who holds a display name. *holder*: customer, vendor or employee."""

    holder: str
    external_id: str
    name: str
    active: bool = True


# ---------------------------------------------------------------- what is to be written


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDraft:
    display_name: str
    company_name: str | None = None
    person: PersonName = PersonName()
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    currency: str | None = None
    tax_exempt: bool | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDraft:
    """A Service item."""

    name: str
    income_account_id: str
    expense_account_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """One sales line: *amount* is net; *gross* is sent beside it when prices include tax."""

    amount: Decimal
    item_id: str
    description: str | None = None
    tax_code_id: str | None = None
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    gross: Decimal | None = None
    service_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxPart:
    """The tax owed at one rate over the whole document."""

    rate_id: str
    percent: Decimal
    net: Decimal
    amount: Decimal


class TaxTreatment(StrEnum):
    """Whether line amounts exclude tax, include it, or the document has no tax at all."""

    EXCLUDED = "excluded"
    INCLUSIVE = "inclusive"
    NONE = "none"
    UNSTATED = "unstated"  # US companies: the field must not be sent.


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What a merchant keeps apart in the books; only what the company tracks is set."""

    class_id: str | None = None
    line_class_id: str | None = None
    location_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesDraft:
    """
    An invoice, a credit memo or a refund with lines; *total* is what the answer is compared with.

    *tax_code_id* is the document's own code, where the books want one beside those of the lines
    (US companies); elsewhere None. *ship_to* is told where the books compute the tax from it. A
    refund says from which account its money leaves (*paid_from_id*) and by which method.
    """

    kind: Kind
    customer_id: str
    number: str | None
    txn_date: date
    due_date: date | None = None
    lines: tuple[DraftLine, ...]
    tax_parts: tuple[TaxPart, ...] = ()
    tax_total: Decimal
    total: Decimal
    treatment: TaxTreatment = TaxTreatment.EXCLUDED
    tax_code_id: str | None = None
    currency: str | None = None
    exchange_rate: Decimal | None = None
    note: str | None = None
    ship_to: Address | None = None
    paid_from_id: str | None = None
    method_id: str | None = None
    tracking: Tracking = Tracking()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDraft:
    """Money received; *allocations* settle invoices, the rest stays unapplied."""

    customer_id: str
    txn_date: date
    amount: Decimal
    allocations: tuple[Applied, ...] = ()
    reference: str | None = None
    method_id: str | None = None
    deposit_account_id: str | None = None
    currency: str | None = None
    exchange_rate: Decimal | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationDraft:
    """
    A payment of zero that applies *amount* of a credit memo to an invoice.

    With *charge_kind* refund, *invoice_id* is the purchase that paid the credit out.
    """

    customer_id: str
    txn_date: date
    amount: Decimal
    invoice_id: str
    credit_memo_id: str
    charge_kind: Kind = Kind.INVOICE
    currency: str | None = None
    exchange_rate: Decimal | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseDraft:
    """
    Money paid back to a customer on their receivable account: it touches no revenue and no tax.

    *taxes_apply* tells that the books want to hear that there is no tax on it.
    """

    customer_id: str
    txn_date: date
    amount: Decimal
    paid_from_id: str
    receivable_id: str
    taxes_apply: bool = False
    method_id: str | None = None
    description: str | None = None
    currency: str | None = None
    exchange_rate: Decimal | None = None
    note: str | None = None


Draft = (
    CustomerDraft
    | ItemDraft
    | SalesDraft
    | PaymentDraft
    | ApplicationDraft
    | PurchaseDraft
    | JournalEntryDraft
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """
    One intended write, as the exact bytes that will go out, now and on every repeat.

    *expected_total* and *expected_tax* are what the answer must show; None where the kind has none.
    """

    kind: Kind
    verb: Verb
    body: bytes
    target: str | None = None
    expected_total: Decimal | None = None
    expected_tax: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A trustworthy answer to a write; *document* is None after a delete."""

    document: BooksDocument | None
    http_status: int
    trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookHints:
    """What a look may search by, beside the marker."""

    number: str | None = None
    customer_id: str | None = None
    txn_date: date | None = None
    name: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationWindow:
    """
    Creation time in the books: from *starts_at* (included) to *ends_at* (excluded).

    *skip* rows were read before, in the books' stable order; reading starts behind them.
    """

    starts_at: datetime
    ends_at: datetime
    skip: int = 0
