"""Which books and which billing records are compared, and over which days."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.accounting.ports import AccountingProvider
from app.accounting.records import Kind
from app.exports.facts import ExportFacts
from app.kit.db import Database

BILLING_KINDS = {
    Kind.INVOICE: "invoice",
    Kind.CREDIT_MEMO: "credit_note",
    Kind.PAYMENT: "payment",
}
TAKEN_BACK = ("void", "cancelled")


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
