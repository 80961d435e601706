"""Rows of the imported lists, as the API shows them."""

from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class BookRow(BaseModel):
    """What every imported entry has; each `*_id` is an id in QuickBooks."""

    model_config = ConfigDict(from_attributes=True)

    external_id: str = Field(examples=["58"])
    active: bool
    created_in_books_at: datetime | None
    updated_in_books_at: datetime | None
    changed_at: datetime = Field(description="When an import last saw it change")


class LinkedRow(BookRow):
    """An entry that may stand for a billing record."""

    billing_id: str | None = Field(description="The billing record it is linked to")


class CustomerRow(LinkedRow):
    display_name: str
    company_name: str | None
    email: str | None
    currency: str | None
    parent_id: str | None


class ItemRow(LinkedRow):
    name: str
    full_name: str
    sku: str | None
    type: str
    income_account_id: str | None
    taxable: bool | None


class AccountRow(BookRow):
    name: str
    full_name: str
    number: str | None
    type: str
    sub_type: str | None
    classification: str | None
    currency: str | None
    parent_id: str | None


class TaxCodeRateRow(BaseModel):
    """One sales rate of a tax code, as far as it was imported."""

    external_id: str
    name: str | None
    percent: Decimal | None
    agency: str | None


class TaxCodeRow(BookRow):
    name: str
    description: str | None
    kind: str = Field(description="single, group (several sales rates), pseudo or none")
    rates: list[TaxCodeRateRow]


class TaxRateRow(BookRow):
    name: str
    percent: Decimal | None
    agency_id: str | None


class TaxAgencyRow(BookRow):
    name: str


class NamedRow(BookRow):
    """A payment method, class or department."""

    name: str
    full_name: str | None
    type: str | None


class TermRow(BookRow):
    name: str
    type: str | None
    due_days: int | None


class DocumentRow(LinkedRow):
    number: str | None
    customer_id: str | None
    txn_date: date | None
    currency: str | None
    total: Decimal | None
    balance: Decimal | None
    voided: bool


class PaymentRow(DocumentRow):
    unapplied: Decimal | None
