"""The kinds of billing records: their names in addresses and in store, and what is looked up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.billing.schemas import (
    AnyRecord,
    Charge,
    CreditNote,
    Customer,
    Invoice,
    Payment,
    Refund,
    Tax,
)


class BillingKind(StrEnum):
    """A kind as it is stored."""

    CUSTOMER = "customer"
    CHARGE = "charge"
    TAX = "tax"
    INVOICE = "invoice"
    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Columns:
    """What is kept beside the body, to look records up by."""

    number: str | None = None
    name: str | None = None
    customer_billing_id: str | None = None
    record_date: date | None = None
    currency: str | None = None
    amount: Decimal | None = None
    tax: Decimal | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class KindSpec:
    """One kind: *path* is its name in addresses."""

    kind: BillingKind
    path: str
    noun: str
    model: type[AnyRecord]
    columns: Callable[[Any], Columns]


def _customer(record: Customer) -> Columns:
    return Columns(
        name=record.display_name, record_date=record.created_date, currency=record.currency
    )


def _charge(record: Charge) -> Columns:
    return Columns(number=record.price_code, name=record.name, status=record.kind)


def _tax(record: Tax) -> Columns:
    return Columns(number=record.price_code, name=record.name)


def _invoice(record: Invoice) -> Columns:
    return Columns(
        number=record.number,
        customer_billing_id=record.customer,
        record_date=record.invoice_date,
        currency=record.currency,
        amount=record.total,
        tax=record.tax_total,
        status=record.status,
    )


def _payment(record: Payment) -> Columns:
    return Columns(
        number=record.reference,
        customer_billing_id=record.customer,
        record_date=record.payment_date,
        currency=record.currency,
        amount=record.amount,
        status=record.status,
    )


def _credit_note(record: CreditNote) -> Columns:
    return Columns(
        number=record.number,
        name=record.reason,
        customer_billing_id=record.customer,
        record_date=record.date,
        currency=record.currency,
        amount=record.total,
        tax=record.tax_total,
        status=record.status,
    )


def _refund(record: Refund) -> Columns:
    return Columns(
        customer_billing_id=record.customer,
        record_date=record.date,
        currency=record.currency,
        amount=record.amount,
        tax=record.tax_total,
    )


SPECS = (
    KindSpec(BillingKind.CUSTOMER, "customers", "customer", Customer, _customer),
    KindSpec(BillingKind.CHARGE, "charges", "charge", Charge, _charge),
    KindSpec(BillingKind.TAX, "taxes", "tax", Tax, _tax),
    KindSpec(BillingKind.INVOICE, "invoices", "invoice", Invoice, _invoice),
    KindSpec(BillingKind.PAYMENT, "payments", "payment", Payment, _payment),
    KindSpec(BillingKind.CREDIT_NOTE, "credit-notes", "credit note", CreditNote, _credit_note),
    KindSpec(BillingKind.REFUND, "refunds", "refund", Refund, _refund),
)
SPEC_OF = {spec.kind: spec for spec in SPECS}
PRICED = (BillingKind.CHARGE, BillingKind.TAX)
DOCUMENTS = (BillingKind.INVOICE, BillingKind.CREDIT_NOTE, BillingKind.REFUND)
