"""What a probe found out about a company that its documentation leaves open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.connections.models import Company

# The questions whose answers other rooms act on.
PLAIN_TAX_LINES = "journal_plain_tax_lines"
SYSTEM_TAX_ACCOUNT = "journal_system_tax_account"
ACCEPTED, REFUSED = "accepted", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFindings:
    """
    What journal entries may hold in this company; None where nobody asked it yet.

    *plain_tax_lines*: lines without a tax code, on income and on an account for billed tax.
    *system_tax_account*: lines on the account where the books keep their own sales tax.
    """

    plain_tax_lines: bool | None = None
    system_tax_account: bool | None = None


def journal_findings(company: Company) -> JournalFindings:
    """Return what the last probe of the company found out about journal entries."""
    answers = company.findings or {}
    return JournalFindings(
        plain_tax_lines=_settled(answers.get(PLAIN_TAX_LINES)),
        system_tax_account=_settled(answers.get(SYSTEM_TAX_ACCOUNT)),
    )


async def save_findings(
    session: AsyncSession, company_id: UUID, answers: Mapping[str, str]
) -> None:
    """Keep the answers of a probe, by question; they replace those of the one before."""
    await session.execute(
        update(Company)
        .where(Company.id == company_id)
        .values(findings=dict(answers), findings_read_at=func.clock_timestamp())
    )


def answers_of(findings: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Return the answers of a probe's findings, by question."""
    return {str(each["question"]): str(each["answer"]) for each in findings}


def _settled(answer: object) -> bool | None:
    """Return whether it was accepted; what could not be asked is no answer."""
    if answer == ACCEPTED:
        return True
    return False if str(answer).startswith(REFUSED) else None
