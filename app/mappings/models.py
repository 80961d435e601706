"""The table of mappings."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk


class Mapping(Identified, TenantOwned, Base):
    """
    One confirmed pairing of a billing word with an entry of the books.

    *kind*: tax, item, account or payment_method. *key*: for tax the sorted price codes as a JSON
    array (`[]` is *untaxed*); else the price code, the role or the method. *seen* is what the
    target looked like when it was confirmed; a later change of it is a finding.
    """

    __tablename__ = "mappings"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("company_id", "kind", "key"),
        tenant_fk("company_id", "companies"),
    )

    company_id: Mapped[UUID]
    kind: Mapped[str]
    key: Mapped[str]
    target_id: Mapped[str]
    target_name: Mapped[str]
    extra: Mapped[Json] = mapped_column(default=dict)
    seen: Mapped[Json] = mapped_column(default=dict)
    confirmed_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )
