"""Which books and which billing records are compared, and over which days."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.accounting.ports import AccountingProvider
from app.accounting.records import Kind
from app.billing.models import BillingRecord
from app.exports.facts import ExportFacts
from app.kit.db import Database
from app.ledger.identity import invoice_credit_id

BILLING_KINDS = {
    Kind.INVOICE: "invoice",
    Kind.CREDIT_MEMO: "credit_note",
    Kind.PAYMENT: "payment",
}
RECONCILED = (*BILLING_KINDS, Kind.REFUND)
TAKEN_BACK = ("void", "cancelled")


def is_credited(row: BillingRecord) -> bool:
    """Tell whether a billing record is a negative invoice, which is a credit memo in the books."""
    return row.kind == Kind.INVOICE.value and row.amount is not None and row.amount < 0


def kind_of(row: BillingRecord) -> Kind:
    """Return what a billing record is in the books."""
    if row.kind == "credit_note" or is_credited(row):
        return Kind.CREDIT_MEMO
    return Kind(row.kind)


def link_id_of(row: BillingRecord) -> str:
    """Return the id under which the ledger links a billing record."""
    return invoice_credit_id(row.billing_id) if is_credited(row) else row.billing_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a reconciliation stands on; both days are included."""

    db: Database
    organization_id: UUID
    provider: AccountingProvider
    facts: ExportFacts
    first_day: date
    last_day: date

    @property
    def integration_id(self) -> UUID:
        return self.facts.integration.id

    @property
    def company_id(self) -> UUID:
        return self.facts.company_id

    def covers(self, day: date | None) -> bool:
        return day is not None and self.first_day <= day <= self.last_day
