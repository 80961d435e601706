"""Adopted customers and customer mappings, as the API shows and takes them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.imports.adopting import Adopted
from app.imports.pairing import CustomerRow
from app.kit.fields import ExternalId, Key
from app.kit.web import Problem, Strict, problem_of
from app.mappings.suggest import Status

BookId = Annotated[ExternalId, Field(examples=["58"])]


class AdoptIn(Strict):
    """An imported customer, and the billing id it is to have."""

    external_id: BookId
    billing_id: Key = Field(examples=["cus_2001"])


class AdoptedOut(BaseModel):
    """What became of one row."""

    index: int
    external_id: str
    billing_id: str
    status: Literal["created", "linked", "unchanged", "refused"]
    problem: Problem | None


class AdoptCounts(BaseModel):
    created: int = 0
    linked: int = 0
    unchanged: int = 0
    refused: int = 0


class AdoptOut(BaseModel):
    """A result per row, in the order of the request."""

    results: list[AdoptedOut]
    counts: AdoptCounts

    @classmethod
    def of(cls, adopted: list[Adopted]) -> "AdoptOut":
        results = [_adopted(index, each) for index, each in enumerate(adopted)]
        names = AdoptCounts.model_fields
        counts = {name: sum(each.status == name for each in adopted) for name in names}
        return cls(results=results, counts=AdoptCounts(**counts))


def _adopted(index: int, each: Adopted) -> AdoptedOut:
    problem = Problem.model_validate(problem_of(each.problem)) if each.problem else None
    return AdoptedOut.model_validate(
        {
            "index": index,
            "external_id": each.wish.external_id,
            "billing_id": each.wish.billing_id,
            "status": each.status,
            "problem": problem,
        }
    )


class CandidateOut(BaseModel):
    """A customer of the books of the same name."""

    external_id: str
    name: str
    currency: str
    email: str | None
    active: bool
    billing_id: str | None = Field(description="Whom it is linked to already")


class CustomerMappingOut(BaseModel):
    """A billing customer with its customer of the books, or a suggestion."""

    id: UUID | None = Field(description="Null until it is linked")
    billing_id: str
    billing_name: str | None
    external_id: str | None
    name: str | None
    status: Status
    name_matches: bool
    reason: str | None
    candidates: list[CandidateOut]
    fixes: list[str]

    @classmethod
    def of(cls, row: CustomerRow) -> "CustomerMappingOut":
        return cls(
            id=row.link_id,
            billing_id=row.billing_id,
            billing_name=row.billing_name,
            external_id=row.external_id,
            name=row.name,
            status=row.status,
            name_matches=row.name_matches,
            reason=row.reason,
            candidates=[CandidateOut.model_validate(each.said) for each in row.candidates],
            fixes=list(row.fixes),
        )


class CustomerMappingIn(Strict):
    """A billing customer, and the customer of the books it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"billing_id": "cus_1001", "external_id": "8"}]}
    )

    billing_id: Key
    external_id: BookId


class CustomerMappingPatch(Strict):
    """Another customer of the books."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"external_id": "9"}]})

    external_id: BookId
