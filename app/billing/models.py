"""The table of billing records."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk


class BillingRecord(Identified, TenantOwned, Base):
    """
    What the billing system told us about one customer, charge, tax, invoice, payment, …

    *body* is the record as accepted (the canonical form of its schema); the other columns are
    taken from it for looking up. *content_hash* moves only when the content does.
    """

    __tablename__ = "billing_records"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("integration_id", "kind", "billing_id"),
        Index(None, "integration_id", "kind", "record_date"),
        Index(None, "integration_id", "kind", "customer_billing_id"),
        Index(None, "integration_id", "kind", "number"),
        tenant_fk("integration_id", "integrations"),
    )

    integration_id: Mapped[UUID]
    kind: Mapped[str]
    billing_id: Mapped[str]
    number: Mapped[str | None]
    name: Mapped[str | None]
    customer_billing_id: Mapped[str | None]
    record_date: Mapped[date | None]
    currency: Mapped[str | None]
    amount: Mapped[Decimal | None]
    tax: Mapped[Decimal | None]
    status: Mapped[str | None]
    body: Mapped[Json]
    content_hash: Mapped[str]
    updated_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(default=1)
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
