"""Findings: what an import noticed and a person should know, kept as records of the job."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.repository import Renamed
from app.jobs.models import Record
from app.jobs.work import JobView, StepView
from app.kit.db import Json
from app.kit.ids import new_id
from app.mappings.service import BrokenMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing to know, about a billing record, an entry of the books, or both.

    *code* is stable; *explanation* and *fixes* are for people.
    """

    code: str
    kind: str
    explanation: str
    fixes: tuple[str, ...] = ()
    billing_id: str | None = None
    external_id: str | None = None
    name: str | None = None
    cause: str = "books"
    details: Json | None = None


async def save_findings(
    session: AsyncSession,
    job: JobView,
    step: StepView,
    findings: Sequence[Finding],
    *,
    position: int,
) -> int:
    """Keep the findings behind *position* others; return how many were new to this step."""
    if not findings:
        return 0
    rows = [
        _row(job, step, finding, position + number)
        for number, finding in enumerate(findings, start=1)
    ]
    statement = (
        insert(Record)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["step_id", "kind", "billing_id", "operation"])
        .returning(Record.id)
    )
    return len((await session.scalars(statement)).all())


def _row(job: JobView, step: StepView, finding: Finding, position: int) -> dict[str, object]:
    return {
        "id": new_id(),
        "organization_id": job.organization_id,
        "job_id": job.id,
        "step_id": step.id,
        "position": position,
        "kind": finding.kind,
        # An id of the books never stands where a billing id is expected.
        "billing_id": finding.billing_id or "",
        "operation": f"{finding.code}:{finding.external_id or ''}",
        "customer": finding.name if finding.kind == "customer" else None,
        "state": "finding",
        "document_type": finding.kind if finding.external_id else None,
        "document_id": finding.external_id,
        "code": finding.code,
        "cause": finding.cause,
        "explanation": finding.explanation,
        "fixes": list(finding.fixes),
        "details": finding.details,
    }


def renamed(kind: str, change: Renamed, billing_id: str | None) -> Finding:
    """Tell that an entry has another name; nothing has to be done."""
    linked = f" It stays linked to the billing {kind} {billing_id}." if billing_id else ""
    return Finding(
        code="renamed",
        kind=kind,
        billing_id=billing_id,
        external_id=change.external_id,
        name=change.after,
        explanation=f"{change.before!r} is called {change.after!r} in the books now.{linked}",
        details={"before": change.before, "after": change.after},
    )


def linked_inactive(kind: str, external_id: str, name: str, billing_id: str) -> Finding:
    """Tell that an entry which a billing record stands for was made inactive."""
    return Finding(
        code="linked_inactive",
        kind=kind,
        billing_id=billing_id,
        external_id=external_id,
        name=name,
        explanation=f"The {kind} {name!r} was made inactive in the books, and the billing {kind}"
        f" {billing_id} is linked to it. Nothing can be posted to it any more.",
        fixes=(
            f"Make the {kind} active again in the books, then import.",
            f"Or link the billing {kind} to another one.",
        ),
    )


def mapping_broken(broken: BrokenMapping) -> Finding:
    """Tell that a confirmed mapping does not hold any more."""
    words = broken.kind.value.replace("_", " ")
    return Finding(
        code=f"{broken.kind.value}_mapping_broken",
        kind=f"{broken.kind.value}_mapping",
        billing_id=broken.key,
        external_id=broken.target_id or None,
        name=broken.target_name,
        explanation=f"The {words} mapping of {broken.said} to {broken.target_name!r} does not hold"
        f" any more. {broken.reason}",
        fixes=(
            "Confirm the mapping as it is now, or map to something else.",
            "Or undo the change in the books, then import again.",
        ),
    )


def list_refused(kind: str, said: str) -> Finding:
    """Tell that the books do not let this list be read."""
    return Finding(
        code="list_refused",
        kind=kind,
        external_id=kind,
        explanation=f"The books refused to show this list: {said}",
        fixes=("Nothing needs to be done unless you use it; some plans do not have it.",),
    )
