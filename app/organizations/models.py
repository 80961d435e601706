"""Tables of tenants, their keys, and the answers kept for repeated requests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    LargeBinary,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, TenantOwned


class Organization(Identified, Base):
    """A merchant: the unit of isolation."""

    __tablename__ = "organizations"

    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ApiKey(Identified, TenantOwned, Base):
    """A key of one organization; only a keyed hash of it is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("organization_id", "id"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    key_hash: Mapped[str]
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class KeptAnswer(Identified, TenantOwned, Base):
    """The first answer to an `Idempotency-Key`, given again on every repeat for 30 days."""

    __tablename__ = "kept_answers"
    __table_args__ = (UniqueConstraint("organization_id", "key"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    key: Mapped[str]
    route: Mapped[str]
    body_hash: Mapped[str]
    status: Mapped[int | None]
    content_type: Mapped[str | None]
    location: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)
