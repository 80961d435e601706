"""The table of integrations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk


class Integration(Identified, TenantOwned, Base):
    """One organization's settings for one ERP company; removing it only detaches."""

    __tablename__ = "integrations"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        # A company is driven by one live integration at a time.
        Index(
            "uq_integrations_live_company",
            "company_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND company_id IS NOT NULL"),
        ),
        tenant_fk("company_id", "companies"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    provider: Mapped[str]
    mode: Mapped[str]
    source_system: Mapped[str] = mapped_column(default="billing")
    master_customers: Mapped[list[Json]] = mapped_column(JSONB, default=list)
    allowed_return_urls: Mapped[list[str]]
    settings: Mapped[Json]
    company_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )
    deleted_at: Mapped[datetime | None]
