"""Tables of companies, the connections that open them, and pending authorizations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk


class Company(Identified, TenantOwned, Base):
    """
    One set of books: an ERP's environment and its own id of the company.

    Links, mappings and imported lists hang here, so they survive disconnecting. *held_by* is the
    integration that has it now; a company is held by one organization at a time. *findings* are the
    answers of the last probe, by question.
    """

    __tablename__ = "companies"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "provider", "environment", "realm_id"),
        Index(
            "uq_companies_held_realm",
            "provider",
            "environment",
            "realm_id",
            unique=True,
            postgresql_where=text("held"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    provider: Mapped[str]
    environment: Mapped[str]
    realm_id: Mapped[str]
    held: Mapped[bool] = mapped_column(default=True)
    profile: Mapped[Json | None]
    profile_read_at: Mapped[datetime | None]
    findings: Mapped[Json | None]
    findings_read_at: Mapped[datetime | None]
    preflight: Mapped[Json | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Connection(Identified, TenantOwned, Base):
    """
    The tokens that open a company for one integration.

    *generation* rises with every change of the tokens; a save is compared with it. The refresh
    lease keeps refreshing single over all processes.
    """

    __tablename__ = "connections"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("integration_id"),
        tenant_fk("integration_id", "integrations"),
        tenant_fk("company_id", "companies"),
    )

    integration_id: Mapped[UUID]
    company_id: Mapped[UUID]
    status: Mapped[str]  # connected | reauthorization_required | disconnected
    reason: Mapped[str | None]
    access_token: Mapped[str | None]
    refresh_token: Mapped[str | None]
    access_expires_at: Mapped[datetime | None]
    refresh_expires_at: Mapped[datetime | None]
    generation: Mapped[int] = mapped_column(default=1)
    refresh_lease_until: Mapped[datetime | None]
    refresh_lease_owner: Mapped[str | None]
    connected_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    refreshed_at: Mapped[datetime | None]
    disconnected_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )


class PendingAuthorization(Identified, TenantOwned, Base):
    """
    A connect attempt on its way: our page, then the ERP's consent page, then the callback.

    Page token, state and browser secret are kept as hashes; the state is used once. The page lives
    until *expires_at*, the state until *state_expires_at*.
    """

    __tablename__ = "pending_authorizations"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        tenant_fk("integration_id", "integrations"),
    )

    integration_id: Mapped[UUID]
    page_hash: Mapped[str] = mapped_column(unique=True)
    state_hash: Mapped[str | None] = mapped_column(unique=True)
    browser_hash: Mapped[str | None]
    return_url: Mapped[str]
    allow_other_company: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime]
    state_expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
