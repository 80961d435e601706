"""Billing records as they are shown: with their revision and their place in the books."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.billing.kinds import KindSpec
from app.billing.models import BillingRecord
from app.kit.web import ProblemField

Outcome = Literal["created", "updated", "unchanged", "stale"]


class InBooks(BaseModel):
    """Where the record stands in QuickBooks, in short."""

    model_config = ConfigDict(extra="ignore")

    state: str = Field(description="Of the posting under way, else of the link")
    id: str | None = Field(default=None, description="The document's id in the books")
    number: str | None = Field(default=None, description="The document's number in the books")


class LastJob(BaseModel):
    """What the last job with this record said of it."""

    job_id: UUID
    state: str
    code: str | None = None
    cause: str | None = None
    explanation: str | None = None
    fixes: list[str] = []


class ForeignPayment(BaseModel):
    """A payment of the invoice that was recorded in QuickBooks, unknown to billing."""

    external_id: str
    number: str | None = None
    date: str | None = None
    amount: str = Field(description="What of it settles this invoice")


class LinkState(BaseModel):
    """The record's document in the books; `absent` until there is one."""

    state: str
    kind: str | None = None
    type: str | None = Field(default=None, description="What it is in QuickBooks")
    external_id: str | None = None
    number: str | None = None
    url: str | None = None
    total: str | None = None
    tax: str | None = None
    currency: str | None = None
    open: str | None = Field(
        default=None, description="Not settled yet when it was last seen; of a payment: unapplied"
    )
    foreign_payments: list[ForeignPayment] = Field(
        default=[], description="As the last reconciliation found them"
    )
    updated_at: datetime | None = None
    last_job: LastJob | None = None


class PostingCall(BaseModel):
    """One call that carried, or may have carried, a write."""

    number: int
    request_id: str
    intuit_tid: str | None = None
    http_status: int | None = None
    fault_code: str | None = None
    outcome: str | None = None
    started_at: datetime | None = None
    duration_ms: int | None = None


class PostingState(BaseModel):
    """One write on the document: what was intended, and what came of it."""

    id: str
    operation: str
    generation: int = 0
    state: str
    code: str | None = None
    explanation: str | None = None
    fixes: list[str] = []
    fault: dict[str, str | int] | None = Field(
        default=None, description="What QuickBooks said, word for word"
    )
    expected_total: str | None = None
    posted_total: str | None = None
    expected_tax: str | None = None
    posted_tax: str | None = None
    next_look_at: datetime | None = None
    created_at: datetime | None = None
    settled_at: datetime | None = None
    attempts: list[PostingCall] = []


class Stored(BaseModel):
    """What is added to a record in lists."""

    revision: int = Field(description="Rises with each change of content")
    received_at: datetime
    quickbooks: InBooks | None = Field(
        default=None, description="Null while nothing was tried with it"
    )


class JournalPart(BaseModel):
    """A part of the record in a summarized journal entry."""

    entry: str
    number: str = Field(description="The entry's number in the books")
    line: int | None = Field(description="Null until the entry is sent")
    revision: int
    effect: Literal["billed", "taken_back"]
    component: str = Field(description="`gross`, `money`, `net:<price code>`, `tax:<price code>`")
    debit: str | None
    credit: str | None


class Detailed(Stored):
    """What is added to a record by itself: am I in QuickBooks, and if not, why."""

    link: LinkState | None = None
    postings: list[PostingState] | None = None
    journal: list[JournalPart] | None = Field(
        default=None, description="Where it stands in summarized journal entries"
    )


class UpsertOut(BaseModel):
    """What became of a record that was put."""

    billing_id: str
    status: Outcome = Field(
        description="`stale`: a newer one is stored already, nothing was changed"
    )
    revision: int


class RecordProblem(BaseModel):
    """Why one record of a batch was refused."""

    model_config = ConfigDict(extra="allow")

    status: int
    code: str
    detail: str
    errors: list[ProblemField] = []
    retryable: bool = False
    fixes: list[str] = []


class RecordResult(BaseModel):
    """What became of one record of a batch; `index` counts from 0, blank lines not at all."""

    index: int
    billing_id: str | None
    status: Literal["created", "updated", "unchanged", "stale", "refused"]
    problem: RecordProblem | None = None


class BatchCounts(BaseModel):
    """How many records met each fate; they sum to `total`."""

    total: int
    created: int
    updated: int
    unchanged: int
    stale: int
    refused: int


class BatchOut(BaseModel):
    """What became of a batch; each record stands alone."""

    results: list[RecordResult]
    counts: BatchCounts


def listed_model(spec: KindSpec) -> type[BaseModel]:
    """Return the model of a record in lists."""
    return create_model(
        f"Listed{spec.model.__name__}", __base__=(Stored, spec.model), __doc__=spec.model.__doc__
    )


def detailed_model(spec: KindSpec) -> type[BaseModel]:
    """Return the model of a record by itself."""
    return create_model(
        f"Detailed{spec.model.__name__}",
        __base__=(Detailed, spec.model),
        __doc__=spec.model.__doc__,
    )


def shown(row: BillingRecord, status: dict[str, Any] | None) -> dict[str, Any]:
    """Return a row with what the ledger says of it, for one of the models above."""
    known = status or {}
    return {
        **row.body,
        "revision": row.revision,
        "received_at": row.received_at,
        "quickbooks": known.get("quickbooks"),
        "link": known.get("link"),
        "postings": known.get("postings"),
        "journal": known.get("journal"),
    }
