"""What the API says about plans."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

PlanAction = Literal[
    "create", "update", "void", "delete", "link", "skip", "refuse", "block", "unchanged"
]


class PlannedTax(BaseModel):
    """The billed tax of one price code over the document, and the rate it goes to."""

    price_code: str
    rate: str | None = Field(description="Percent")
    net: str
    amount: str
    tax_rate_id: str | None


class FieldDifference(BaseModel):
    """One field that an edit changes: as it stands in the books, and as it would be."""

    field: str = Field(examples=["Line[0].Amount"])
    before: Any
    after: Any


class Placeholder(BaseModel):
    """A document that is not in the books yet: its id is known once this record is posted."""

    placeholder: str = Field(examples=["{{customer:cus_1001}}"])
    kind: str
    billing_id: str


class PlanRow(BaseModel):
    """What would become of one billing record."""

    action: PlanAction
    kind: str
    billing_id: str
    billing_number: str | None
    customer: str | None
    date: date | None
    currency: str | None
    total: str | None
    tax: str | None
    taxes: list[PlannedTax]
    document_type: str | None = Field(description="What QuickBooks calls the document")
    external_id: str | None = Field(description="The document that is changed, voided or linked")
    payload: Any = Field(description="What would be sent, as it is; null where nothing is")
    payload_sha256: str | None = Field(description="Of its exact bytes, placeholders included")
    placeholders: list[Placeholder]
    differences: list[FieldDifference] = Field(description="Of updates")
    lane: Literal["single", "batch"] | None = Field(description="How the write would go out")
    code: str | None
    cause: str | None
    explanation: str | None
    fixes: list[str]
    details: dict[str, Any] | None
    shown: dict[str, Any] = Field(description="Whatever else the kind has to show")
    plan_hash: str


class PlanAmount(BaseModel):
    """Documents of one action, kind and currency."""

    action: PlanAction
    kind: str
    currency: str
    documents: int
    total: str
    tax: str


class CallBudget(BaseModel):
    """The calls that posting the plan takes, and the minutes at the limits of this installation."""

    single: int = Field(description="Writes that go one by one")
    batch: int = Field(description="Batches of up to 30 documents")
    read: int = Field(description="Reads that decisions need; two for the preflight")
    documents: int = Field(description="Documents written, in either lane")
    minutes: str


class PlanSummary(BaseModel):
    """The plan in figures."""

    actions: dict[str, int]
    kinds: dict[str, dict[str, int]]
    amounts: list[PlanAmount]
    calls: CallBudget


class DryRunPlan(BaseModel):
    """A page of a dry run's plan; the summary is that of the whole plan."""

    job_id: UUID
    status: str
    expires_at: datetime | None
    applied_by: UUID | None
    summary: PlanSummary
    data: list[PlanRow]
    next_cursor: str | None
