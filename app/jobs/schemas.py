"""What the API says about jobs and records."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.kit.fields import Day, ExternalId, Flag, Prose
from app.kit.web import Strict

Direction = Literal["import", "export"]
ImportResource = Literal["customers", "items", "taxes", "accounts", "invoices", "payments"]
ExportResource = Literal[
    "customers", "items", "invoices", "payments", "credits", "refunds", "journal_entries"
]
JobStatus = Literal[
    "queued", "running", "paused", "succeeded", "succeeded_with_findings", "failed", "cancelled"
]


class ImportRequest(Strict):
    """Read the books: what was created in them between two days, both included."""

    direction: Literal["import"]
    resources: list[ImportResource] = Field(min_length=1, max_length=6)
    created_from: Day | None = Field(None, description="Default: 2000-01-01")
    created_to: Day | None = Field(None, description="Default: today in the company's time zone")


class ExportRequest(Strict):
    """Write to the books: documents dated between two days, both included."""

    direction: Literal["export"]
    resources: list[ExportResource] = Field(min_length=1, max_length=7)
    date_from: Day | None = Field(None, description="Required for documents")
    date_to: Day | None = Field(None, description="Required for documents")
    dry_run: Flag = Field(
        False, description="Only plan: no call is made that writes; `GET …/plan` shows the plan"
    )


JobRequest = Annotated[ImportRequest | ExportRequest, Field(discriminator="direction")]


class Range(BaseModel):
    """Which days; `basis` says of what."""

    date_from: date | None
    date_to: date | None
    basis: str = Field(description="created_in_books | document_date")


class Paused(BaseModel):
    """Why a job waits; it goes on by itself."""

    reason: Literal["connection", "quota"]
    since: datetime
    explanation: str
    fix: str


class StepRow(BaseModel):
    name: str
    state: Literal["waiting", "running", "done"]
    counts: dict[str, int]
    started_at: datetime | None
    finished_at: datetime | None


class AmountRow(BaseModel):
    """Billed against posted, per kind of document and currency, as decimal strings."""

    kind: str
    currency: str
    billed: str
    posted: str
    difference: str


class Failure(BaseModel):
    code: str
    cause: str
    explanation: str
    fixes: list[str]


class PreflightFinding(BaseModel):
    """One finding of preflight; `stops`: because of it nothing was posted at all."""

    code: str
    level: Literal["warn", "block"]
    subject: str
    consequence: str
    fix: str | None
    documents: int
    stops: bool


class JobRow(BaseModel):
    """One row of Previous History."""

    id: UUID
    integration_id: UUID
    direction: Direction
    operation_type: str = Field(examples=["Import Customers"])
    resources: list[str]
    range: Range
    requested_by: str
    trigger: Literal["api", "console", "schedule", "retry"]
    status: JobStatus
    paused: Paused | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: dict[str, int]
    amounts: list[AmountRow]
    quickbooks_calls: dict[str, int]
    steps: list[StepRow]
    retry_of: UUID | None
    dry_run: bool = Field(description="It only planned: nothing of it was posted")
    applies: UUID | None = Field(description="The dry run whose plan this job posts")
    applied_by: UUID | None = Field(description="The job that posts this dry run's plan")
    plan_expires_at: datetime | None = Field(description="Until when its plan may be applied")
    findings: list[PreflightFinding] = Field(description="What preflight found when it began")
    failure: Failure | None


class AttemptRow(BaseModel):
    """One call that carried the record."""

    number: int
    request_id: str
    intuit_tid: str | None
    http_status: int | None
    fault_code: str | None
    outcome: str | None
    started_at: datetime
    duration_ms: int | None


class PostedDocument(BaseModel):
    """The document in the books; `url` opens it there."""

    type: str
    id: str
    number: str | None
    url: str | None


class RecordRow(BaseModel):
    """What became of one billing record in one job."""

    id: UUID
    job_id: UUID
    kind: str
    operation: str
    billing_id: str
    billing_number: str | None
    customer: str | None
    date: date | None
    amount: str | None
    tax: str | None
    currency: str | None
    state: str
    action: str | None
    document: PostedDocument | None
    posted_amount: str | None
    posted_tax: str | None
    code: str | None
    cause: str | None
    explanation: str | None
    fixes: list[str]
    details: dict[str, Any] | None
    attempts: list[AttemptRow]
    updated_at: datetime


class RetryRequest(Strict):
    """How to go on with one record; a plain retry needs no decision."""

    decision: Literal["adopt", "post_again", "overwrite"] | None = Field(
        None,
        description="`adopt`: the document `external_id` is this record's. `post_again`: write it "
        "anew (it was deleted in the books, or is known not to be there). `overwrite`: replace an "
        "edited document by the billing system's version.",
    )
    external_id: ExternalId | None = Field(None, max_length=50)


class SkipRequest(Strict):
    """Leave a record out, and say why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "Entered by hand on 3 March"}]}
    )

    reason: Prose = Field(min_length=1, max_length=500)
