"""Tables of the ledger: links, postings, their history and attempts, and strays."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk

OPEN_STATES = ("pending", "sending", "unknown", "parked", "conflict")
POSTING_STATES = (*OPEN_STATES, "posted", "rejected", "cancelled")
LINK_STATES = ("absent", "live", "voided", "missing", "drifted")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Link(Identified, TenantOwned, Base):
    """`(company, kind, billing_id)` ↔ at most one `(company, kind, external_id)`; never deleted."""

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("company_id", "kind", "billing_id"),
        UniqueConstraint("company_id", "kind", "external_id"),
        Index(None, "company_id", "marker"),
        CheckConstraint(_one_of("state", LINK_STATES), name="state"),
        tenant_fk("company_id", "companies"),
    )

    company_id: Mapped[UUID]
    kind: Mapped[str]
    billing_id: Mapped[str]
    source_system: Mapped[str]
    marker: Mapped[str]
    state: Mapped[str] = mapped_column(default="absent")
    external_id: Mapped[str | None]
    sync_token: Mapped[str | None]
    number: Mapped[str | None]
    content_hash: Mapped[str | None]
    fingerprint: Mapped[str | None]
    total: Mapped[Decimal | None]
    tax: Mapped[Decimal | None]
    currency: Mapped[str | None]
    unapplied: Mapped[Decimal | None]
    details: Mapped[Json | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )


class Posting(Identified, TenantOwned, Base):
    """One intended write on one link; a link has at most one open posting."""

    __tablename__ = "postings"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("company_id", "request_id"),
        UniqueConstraint("link_id", "operation", "generation"),
        Index(
            "uq_postings_open_link",
            "link_id",
            unique=True,
            postgresql_where=text(_one_of("state", OPEN_STATES)),
        ),
        Index(
            "ix_postings_unsettled",
            "company_id",
            "next_look_at",
            postgresql_where=text("state IN ('pending', 'sending', 'unknown', 'parked')"),
        ),
        CheckConstraint(_one_of("state", POSTING_STATES), name="state"),
        tenant_fk("company_id", "companies"),
        tenant_fk("link_id", "links"),
    )

    company_id: Mapped[UUID]
    link_id: Mapped[UUID]
    kind: Mapped[str]
    verb: Mapped[str]
    operation: Mapped[str]
    generation: Mapped[int] = mapped_column(default=0)
    request_id: Mapped[str]
    state: Mapped[str] = mapped_column(default="pending")
    body: Mapped[bytes] = mapped_column(LargeBinary)
    target: Mapped[str | None]
    body_hash: Mapped[str]
    content_hash: Mapped[str]
    expected_total: Mapped[Decimal | None]
    expected_tax: Mapped[Decimal | None]
    currency: Mapped[str | None]
    hints: Mapped[Json] = mapped_column(default=dict)
    reason: Mapped[str | None]  # why it is parked, or in conflict
    fault: Mapped[Json | None]
    posted_total: Mapped[Decimal | None]
    posted_tax: Mapped[Decimal | None]
    looks: Mapped[int] = mapped_column(default=0)
    next_look_at: Mapped[datetime | None]
    first_sent_at: Mapped[datetime | None]
    fence: Mapped[int | None] = mapped_column(BigInteger)
    deaths: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    settled_at: Mapped[datetime | None]


class PostingEvent(Identified, TenantOwned, Base):
    """One transition of a posting, with its cause; only ever added to."""

    __tablename__ = "posting_events"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        Index(None, "posting_id", "id"),
        tenant_fk("posting_id", "postings"),
    )

    posting_id: Mapped[UUID]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    cause: Mapped[str]
    actor: Mapped[str]
    fence: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[Json | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Attempt(Identified, TenantOwned, Base):
    """One call that carried (or may have carried) a posting to the books."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("posting_id", "number"),
        tenant_fk("posting_id", "postings"),
    )

    posting_id: Mapped[UUID]
    number: Mapped[int]
    request_id: Mapped[str]
    lane: Mapped[str] = mapped_column(default="single")
    fence: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    http_status: Mapped[int | None]
    fault_code: Mapped[str | None]
    trace_id: Mapped[str | None]
    duration_ms: Mapped[int | None]


class Stray(Identified, TenantOwned, Base):
    """A document in the books with our marker that no link accounts for (yet)."""

    __tablename__ = "strays"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("company_id", "kind", "external_id"),
        Index(None, "company_id", "marker"),
        tenant_fk("company_id", "companies"),
    )

    company_id: Mapped[UUID]
    kind: Mapped[str]
    marker: Mapped[str]
    external_id: Mapped[str]
    number: Mapped[str | None]
    total: Mapped[Decimal | None]
    reason: Mapped[str]  # unknown_record | second_document
    found_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    resolved_at: Mapped[datetime | None]
