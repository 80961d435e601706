"""Tables of lanes (who may call a company now), jobs, steps and records."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base, Identified, Json, TenantOwned, tenant_fk


class Lane(TenantOwned, Base):
    """
    The right to call one company. Whoever holds the lease works on that company's jobs.

    *fence* rises with each claim; every write of the engine checks it, so a worker that lost its
    lease writes nothing. *watermark_at* is the instant up to which the ledger is known to be whole.
    """

    __tablename__ = "lanes"
    __table_args__ = (tenant_fk("company_id", "companies"),)

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    last_slice_at: Mapped[datetime | None]
    # When there is something to do here: a job, a look at an unknown, a parked record.
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    watermark_at: Mapped[datetime | None]


class Job(Identified, TenantOwned, Base):
    """One sync job, as shown under Previous History."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        Index(None, "integration_id", "id"),
        Index(
            "ix_jobs_open",
            "company_id",
            "id",
            postgresql_where=text("status IN ('queued', 'running', 'paused')"),
        ),
        # A plan is applied once at most.
        Index("uq_jobs_applies", "applies", unique=True),
        tenant_fk("integration_id", "integrations"),
        tenant_fk("company_id", "companies"),
        tenant_fk("retry_of", "jobs"),
        tenant_fk("applies", "jobs"),
    )

    integration_id: Mapped[UUID]
    company_id: Mapped[UUID]
    direction: Mapped[str]
    operation_type: Mapped[str]
    resources: Mapped[list[str]]
    range_from: Mapped[date | None]
    range_to: Mapped[date | None]
    range_basis: Mapped[str]
    trigger: Mapped[str]
    requested_by: Mapped[str]
    retry_of: Mapped[UUID | None]
    # For a retry: which records to take up again.
    selection: Mapped[list[Json] | None] = mapped_column(JSONB(none_as_null=True))
    # A dry run writes to no books; until when its plan may be applied, and which plan this applies.
    dry_run: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    plan_expires_at: Mapped[datetime | None]
    applies: Mapped[UUID | None]
    # What preflight found when the export began.
    findings: Mapped[list[Json] | None] = mapped_column(JSONB(none_as_null=True))
    status: Mapped[str] = mapped_column(default="queued", index=True)
    paused_reason: Mapped[str | None]
    paused_since: Mapped[datetime | None]
    resume_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    queued_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    planned_at: Mapped[datetime | None]
    counts: Mapped[Json] = mapped_column(default=dict)
    amounts: Mapped[list[Json]] = mapped_column(JSONB, default=list)
    quickbooks_calls: Mapped[Json] = mapped_column(default=dict)
    failure: Mapped[Json | None]
    deaths: Mapped[int] = mapped_column(default=0)


class Step(Identified, TenantOwned, Base):
    """One kind of record within a job, in the ledger's order of dependence."""

    __tablename__ = "job_steps"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("job_id", "position"),
        tenant_fk("job_id", "jobs", ondelete="CASCADE"),
    )

    job_id: Mapped[UUID]
    position: Mapped[int]
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")  # waiting | running | done
    cursor: Mapped[Json | None]
    counts: Mapped[Json] = mapped_column(default=dict)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Record(Identified, TenantOwned, Base):
    """A billing record's line in one job (or, for imports, a finding)."""

    __tablename__ = "job_records"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("step_id", "kind", "billing_id", "operation"),
        Index(None, "job_id", "state", "action"),
        Index(None, "step_id", "position"),
        Index(None, "posting_id"),
        Index(None, "organization_id", "kind", "billing_id", "id"),
        tenant_fk("job_id", "jobs", ondelete="CASCADE"),
        tenant_fk("step_id", "job_steps", ondelete="CASCADE"),
        tenant_fk("posting_id", "postings"),
    )

    job_id: Mapped[UUID]
    step_id: Mapped[UUID]
    position: Mapped[int]
    kind: Mapped[str]
    billing_id: Mapped[str]
    operation: Mapped[str]  # post | void | …: what the step does with it
    billing_number: Mapped[str | None]
    customer: Mapped[str | None]
    record_date: Mapped[date | None]
    amount: Mapped[Decimal | None]
    tax: Mapped[Decimal | None]
    currency: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="waiting")
    action: Mapped[str | None]
    force: Mapped[bool] = mapped_column(default=False)
    posting_id: Mapped[UUID | None]
    document_type: Mapped[str | None]
    document_id: Mapped[str | None]
    document_number: Mapped[str | None]
    posted_amount: Mapped[Decimal | None]
    posted_tax: Mapped[Decimal | None]
    code: Mapped[str | None]
    cause: Mapped[str | None]
    explanation: Mapped[str | None]
    fixes: Mapped[list[str]] = mapped_column(default=list)
    details: Mapped[Json | None]
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), onupdate=func.clock_timestamp()
    )


class PlanLine(Identified, TenantOwned, Base):
    """
    What a dry run foresees for one record: the action, the exact bytes, and what they rest on.

    *body* may hold placeholders for documents that do not exist yet; *needs* says which records
    they stand for. *rests_on* is what the plan hash covers beside the body: the billing revision
    and the link. *effect* is what the books will show of it, for the lines that come after; *reads*
    what was read in the books for it. *shown* is for people: differences, totals, taxes.
    """

    __tablename__ = "plan_lines"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("job_id", "step", "kind", "billing_id", "operation"),
        Index(None, "job_id", "position"),
        Index(None, "job_id", "subject"),
        tenant_fk("job_id", "jobs", ondelete="CASCADE"),
        tenant_fk("record_id", "job_records", ondelete="CASCADE"),
    )

    job_id: Mapped[UUID]
    record_id: Mapped[UUID]
    position: Mapped[int]
    step: Mapped[str]
    kind: Mapped[str]
    billing_id: Mapped[str]
    operation: Mapped[str]
    # The billing id without what the ledger adds to it; later lines name their needs by it.
    subject: Mapped[str]
    action: Mapped[str]
    document_type: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    content_hash: Mapped[str | None]
    plan_hash: Mapped[str]
    rests_on: Mapped[Json] = mapped_column(default=dict)
    needs: Mapped[list[Json]] = mapped_column(JSONB, default=list)
    reads: Mapped[list[Json]] = mapped_column(JSONB, default=list)
    effect: Mapped[Json | None]
    shown: Mapped[Json] = mapped_column(default=dict)
    currency: Mapped[str | None]
    total: Mapped[Decimal | None]
    tax: Mapped[Decimal | None]
    lane: Mapped[str | None]  # single | batch; none without a write
    read_calls: Mapped[int] = mapped_column(default=0)
