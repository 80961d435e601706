"""HTTP: the error catalogue, and a job's findings by cause."""

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.jobs.records import shown_id
from app.jobs.service import get_job
from app.kit.answers import example
from app.kit.money import as_text
from app.kit.web import Route, refusals
from app.organizations.access import Reader
from app.reconciliation import examples
from app.reconciliation.catalogue import Entry, catalogue
from app.reconciliation.findings import Cause, Found, findings_of

router = APIRouter(route_class=Route)

Place = Literal[
    "record",
    "posting",
    "document",
    "request",
    "connect",
    "import",
    "preflight",
    "reconciliation",
    "job",
]


class CatalogueRow(BaseModel):
    """One code, in plain words."""

    code: str
    cause: str
    explanation: str
    fixes: list[str]
    retryable: bool = Field(description="May go through later without anybody changing anything")
    where: list[Place]
    quickbooks_codes: list[str] = Field(description="QuickBooks' own codes that end as this one")

    @classmethod
    def of(cls, entry: Entry) -> "CatalogueRow":
        words = entry.words
        return cls.model_validate(
            {
                "code": words.code,
                "cause": words.cause,
                "explanation": words.explanation,
                "fixes": words.fixes,
                "retryable": words.retryable,
                "where": entry.where,
                "quickbooks_codes": entry.faults,
            }
        )


class CatalogueOut(BaseModel):
    """Every code that a record, a problem or a finding can carry."""

    data: list[CatalogueRow]


class ExampleRow(BaseModel):
    """One of the records."""

    record_id: UUID
    kind: str
    billing_id: str
    number: str | None

    @classmethod
    def of(cls, found: Found) -> "ExampleRow":
        return cls(
            record_id=found.id,
            kind=found.kind,
            billing_id=shown_id(found.billing_id),
            number=found.number,
        )


class AmountOut(BaseModel):
    currency: str
    amount: str


class FindingRow(BaseModel):
    """One cause, and the records behind it."""

    code: str
    state: str
    cause: str | None
    explanation: str | None = Field(description="Of the first record")
    fixes: list[str]
    records: int = Field(description="Records that show this code themselves")
    releases: int = Field(
        description="Records that go through once this cause is gone: its own, and those that wait "
        "for them alone"
    )
    waits_for: list[str] = Field(description="Codes of the causes that these records wait for")
    amounts: list[AmountOut]
    details: dict[str, Any]
    examples: list[ExampleRow]

    @classmethod
    def of(cls, cause: Cause) -> "FindingRow":
        first = cause.first
        return cls(
            code=first.code,
            state=first.state,
            cause=first.cause,
            explanation=first.explanation,
            fixes=list(first.fixes),
            records=cause.records,
            releases=cause.releases,
            waits_for=sorted(cause.waits_for),
            amounts=[
                AmountOut(currency=currency, amount=as_text(amount))
                for currency, amount in sorted(cause.amounts.items())
            ],
            details=dict(first.details),
            examples=[ExampleRow.of(found) for found in cause.examples],
        )


class FindingsOut(BaseModel):
    """A job's findings, what releases most first."""

    job_id: UUID
    records: int = Field(description="All records with a finding")
    data: list[FindingRow]


@router.get(
    "/v1/error-catalogue",
    tags=["Errors"],
    operation_id="get_error_catalogue",
    summary="Every error, refusal and finding in plain words",
    responses=example(examples.CATALOGUE),
)
async def get_error_catalogue() -> CatalogueOut:
    """List every code, its cause, its fixes and where it appears. No key is needed."""
    return CatalogueOut(data=[CatalogueRow.of(entry) for entry in catalogue()])


@router.get(
    "/v1/integrations/{integration_id}/sync-jobs/{job_id}/findings",
    tags=["Sync jobs"],
    operation_id="list_sync_job_findings",
    summary="A job's findings by cause",
    responses=refusals(401, 403, 404, 422) | example(examples.FINDINGS),
)
async def list_findings(integration_id: UUID, job_id: UUID, tenant: Reader) -> FindingsOut:
    """Group what was refused, blocked or differs by its cause: what to fix first."""
    job = await get_job(tenant.session, integration_id, job_id)
    causes = await findings_of(tenant.session, job.id)
    return FindingsOut(
        job_id=job.id,
        records=sum(cause.records for cause in causes),
        data=[FindingRow.of(cause) for cause in causes],
    )
