"""What an export does with one record: settle it without a call, or send one write."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.accounting.records import BooksDocument, LookHints, Write
from app.jobs.models import Record
from app.jobs.records import Outcome
from app.kit.db import Json
from app.kit.money import as_text
from app.ledger.identity import LAST_GENERATION
from app.ledger.models import Link
from app.ledger.outcomes import document_type
from app.ledger.postings import Past, Remark, body_hash
from app.ledger.states import PostingState
from app.ledger.together import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """No call: the record shows this outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One write, on the link's present state."""

    write: Write
    operation: str
    content_hash: str
    hints: LookHints
    currency: str | None = None
    # Shown with the posted record: what was done differently from what was billed.
    remark: Remark | None = None
    on_variance: Json | None = None


Decision = Settle | Send


def next_generation(past: Sequence[Past], decision: Send) -> int:
    """Return the generation above the last of the same operation, which was refused or given up."""
    same = [each.generation for each in past if each.operation == decision.operation]
    return max(same, default=-1) + 1


def out_of_tries(past: Sequence[Past], decision: Send) -> Settle | None:
    """Return what a record shows whose write was refused in every generation there is."""
    if next_generation(past, decision) <= LAST_GENERATION:
        return None
    return refused(
        "refused_too_often",
        "QuickBooks refused this record a hundred times.",
        "It is not sent again as it is, for it has no request id left.",
        "Enter the document in QuickBooks, and retry the record with the decision `adopt`.",
        "Or bill it anew, under another id.",
    )


def order_of(record: Record, link: Link, past: Sequence[Past], decision: Send) -> Order:
    """Return what is to be written, in the next generation of its operation."""
    return Order(
        record_id=record.id,
        link=link,
        write=decision.write,
        operation=decision.operation,
        generation=next_generation(past, decision),
        content_hash=decision.content_hash,
        hints=decision.hints,
        currency=decision.currency,
        remark=decision.remark,
        on_variance=decision.on_variance,
    )


def refused_before(record: Record, past: Sequence[Past], decision: Send) -> bool:
    """Tell whether exactly this was refused last; only a change makes it worth a call."""
    if record.force or not past:
        return False
    return (
        past[-1].state == PostingState.REJECTED.value
        and past[-1].operation == decision.operation
        and past[-1].body_hash == body_hash(decision.write.body)
    )


class Refusal(Exception):
    """The document cannot go out; carries what its record shows."""

    def __init__(self, decision: Settle) -> None:
        super().__init__()
        self.decision = decision


def unchanged(link: Link, *, code: str | None = None, explanation: str | None = None) -> Settle:
    """The books have it as billing has it."""
    return Settle(
        outcome=Outcome(
            state="unchanged",
            document_type=document_type(link),
            document_id=link.external_id,
            document_number=link.number,
            posted_amount=link.total,
            posted_tax=link.tax,
            code=code,
            explanation=explanation,
        )
    )


def skipped(code: str, explanation: str) -> Settle:
    """Left out by a rule, which is named."""
    return Settle(
        outcome=Outcome(
            state="skipped", code=code, cause="Skipped by rule.", explanation=explanation
        )
    )


def blocked(code: str, explanation: str, *fixes: str, details: Json | None = None) -> Settle:
    """What it needs is not in the books."""
    return Settle(
        outcome=Outcome(
            state="blocked",
            code=code,
            cause="Something this record needs is not in QuickBooks.",
            explanation=explanation,
            fixes=fixes,
            details=details,
        )
    )


def refused(
    code: str, cause: str, explanation: str, *fixes: str, details: Json | None = None
) -> Settle:
    """Refused before any call; it comes back by itself once the cause is gone."""
    return Settle(
        outcome=Outcome(
            state="rejected",
            code=code,
            cause=cause,
            explanation=explanation,
            fixes=fixes,
            details=details,
        )
    )


def linked(document_type: str, external_id: str, name: str | None, *, explanation: str) -> Settle:
    """It was in the books already; now they belong together."""
    return Settle(
        outcome=Outcome(
            state="posted",
            action="linked",
            document_type=document_type,
            document_id=external_id,
            document_number=name,
            code="linked",
            explanation=explanation,
        )
    )


def adopted(document_type: str, document: BooksDocument, *, billed: Decimal | None) -> Outcome:
    """A person said that this document is the record's; where the amounts differ, it says so."""
    differs = billed is not None and document.total is not None and billed != document.total
    return Outcome(
        state="posted",
        action="linked",
        document_type=document_type,
        document_id=document.external_id,
        document_number=document.number or document.name,
        posted_amount=document.total,
        posted_tax=document.tax,
        code="variance" if differs else "adopted",
        cause="QuickBooks shows another amount than was billed." if differs else None,
        explanation=f"total: billed {money(billed)}, in the books {money(document.total)}"
        if differs and billed is not None and document.total is not None
        else "A person chose this document; it was not written to.",
        fixes=("Correct the document in QuickBooks, or the billing record.",) if differs else (),
    )


def money(amount: Decimal) -> str:
    """Return an amount for a sentence."""
    return as_text(amount)


def held_or(decision: Decision, held: Outcome | None) -> Decision:
    """
    Return the decision, or what a stopped export shows instead of writing.

    What only waits for something that the stop holds back as well shows the stop, not the wait.
    """
    if held is None or (isinstance(decision, Settle) and decision.outcome.state != "blocked"):
        return decision
    return Settle(outcome=held)
