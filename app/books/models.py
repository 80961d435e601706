"""The table of everything imported from a company's books."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk


class BookEntry(Identified, TenantOwned, Base):
    """
    One customer, item, account, tax code, … as last read; inactive ones are kept as inactive.

    *body* is the accounting record of its kind; *name_key* is the name folded for comparison.
    """

    __tablename__ = "book_entries"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("company_id", "kind", "external_id"),
        Index(None, "company_id", "kind", "name_key"),
        tenant_fk("company_id", "companies"),
    )

    company_id: Mapped[UUID]
    kind: Mapped[str]
    external_id: Mapped[str]
    name: Mapped[str]
    name_key: Mapped[str]
    active: Mapped[bool]
    currency: Mapped[str | None]
    email: Mapped[str | None]
    body: Mapped[Json]
    body_hash: Mapped[str]
    created_in_books_at: Mapped[datetime | None]
    updated_in_books_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
