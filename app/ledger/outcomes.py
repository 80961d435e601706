"""What a record shows for its posting's state, in plain words. Pure."""

from decimal import Decimal

from app.accounting.errors import Fault, ProviderError
from app.accounting.records import BooksDocument, Verb
from app.jobs.records import Outcome
from app.kit.db import Json
from app.kit.money import as_text
from app.ledger.explain import explain
from app.ledger.models import Link, Posting
from app.ledger.postings import fault_json
from app.ledger.states import LinkState, Parked, PostingState
from app.ledger.variance import with_variance

ACTIONS = {
    Verb.CREATE: "created",
    Verb.UPDATE: "updated",
    Verb.VOID: "voided",
    Verb.DELETE: "voided",
}
DOCUMENT_TYPES = {
    "customer": "Customer",
    "item": "Item",
    "invoice": "Invoice",
    "payment": "Payment",
    "credit_memo": "CreditMemo",
    "application": "Payment",
    "refund": "RefundReceipt",
    "journal_entry": "JournalEntry",
}


def document_type(link: Link) -> str:
    """Return what the books call the link's document."""
    return str((link.details or {}).get("type") or DOCUMENT_TYPES[link.kind])


def posted_outcome(posting: Posting, link: Link, verb: Verb) -> Outcome:
    """Return what a posted record shows; a variance is never passed over."""
    remark = posting.hints.get("remark") or {}
    plain = Outcome(
        state=PostingState.POSTED.value,
        action=ACTIONS[verb],
        document_type=document_type(link),
        document_id=link.external_id,
        document_number=link.number,
        posted_amount=posting.posted_total,
        posted_tax=posting.posted_tax,
        code=remark.get("code"),
        explanation=remark.get("explanation"),
    )
    return with_variance(posting, plain) if verb in {Verb.CREATE, Verb.UPDATE} else plain


CONFLICTS = {
    "document_of_another": (
        "The document in QuickBooks belongs to another billing record.",
        "Two billing records point to one document.",
    ),
    "two_documents": (
        "QuickBooks has two documents for this billing record.",
        "Both carry its mark, so one of them was written behind our back.",
    ),
    "unknown_too_long": (
        "It could not be found out whether QuickBooks has this record.",
        "For a whole day neither a look nor a repeat gave a trustworthy answer.",
    ),
    "poison": (
        "The worker died three times while sending this record.",
        "It is kept apart so that it does not stop the others.",
    ),
    "changed_meanwhile": (
        "The document was changed in QuickBooks while our change was under way.",
        "It cannot be told whether our change was applied first.",
    ),
}
CONFLICT_FIXES = (
    "Look at the record and at QuickBooks, and decide.",
    "Retry with the decision `adopt` to keep the document, or `post_again` to write it anew.",
)


def conflict_outcome(reason: str, details: Json) -> Outcome:
    """Return what a record shows that waits for a person."""
    cause, explanation = CONFLICTS[reason]
    return Outcome(
        state=PostingState.CONFLICT.value,
        code=reason,
        cause=cause,
        explanation=explanation,
        fixes=CONFLICT_FIXES,
        details=details,
    )


WAITING_WORDS = {
    Parked.CONNECTION.value: (
        "The connection to QuickBooks is interrupted.",
        "Nothing was written. It goes on once QuickBooks is connected again.",
    ),
    Parked.QUOTA.value: (
        "QuickBooks allows no more calls right now.",
        "Nothing was written. It goes on by itself.",
    ),
    Parked.SUBSCRIPTION.value: (
        "QuickBooks refuses all changes to this company right now.",
        "Nothing was written. It goes on by itself once the subscription is in order.",
    ),
    Parked.CLOSED_BOOKS.value: (
        "The books are closed for this date.",
        "Nothing was written. It goes on once the closing date allows it.",
    ),
}


def waiting_outcome(state: PostingState, reason: str | None, fault: Fault) -> Outcome:
    """Return what a record shows whose posting waits: unknown, parked or pending."""
    if state is PostingState.UNKNOWN:
        return Outcome(
            state=state.value,
            code="outcome_unknown",
            cause="QuickBooks gave no trustworthy answer.",
            explanation="It may or may not have the record. It is looked for before anything is "
            "sent again.",
            fixes=("Nothing to do: this settles itself within minutes.",),
            details=fault_json(fault) or None,
        )
    if reason is None:
        return Outcome(state=state.value)
    cause, explanation = WAITING_WORDS[reason]
    return Outcome(state=state.value, code=f"parked_{reason}", cause=cause, explanation=explanation)


def shown(document: BooksDocument) -> Json:
    """Return a document of the books as a person recognises it."""
    return {
        "type": document.type_name or DOCUMENT_TYPES[document.kind.value],
        "external_id": document.external_id,
        "number": document.number,
        "total": _amount(document.total),
        "customer_id": document.customer_id,
        "date": document.txn_date.isoformat() if document.txn_date else None,
    }


def refusal_outcome(error: ProviderError, stranger: Json | None) -> Outcome:
    """Return what a refused record shows; *stranger* is who holds its number or name."""
    words = explain(error.fault)
    details: Json = {"fault": fault_json(error.fault)}
    if stranger:
        details |= stranger
    return Outcome(
        state=PostingState.REJECTED.value,
        code=words.code,
        cause=words.cause,
        explanation=words.explanation,
        fixes=words.fixes,
        details=details,
    )


def missing_outcome(details: Json | None = None) -> Outcome:
    """Return what a record shows whose document somebody deleted in the books."""
    return Outcome(
        state=PostingState.REJECTED.value,
        code="document_missing",
        cause="The document was deleted in QuickBooks.",
        explanation="It was posted before, and somebody removed it there. It is not written "
        "again by itself.",
        fixes=(
            "If it should be in the books, retry the record with the decision `post_again`.",
            "If not, void it in the billing system, or skip the record.",
        ),
        details=details,
    )


def drift_outcome(link: Link, current: BooksDocument) -> Outcome:
    """Note on the link that its document was edited: both versions, for every record to show."""
    link.state = LinkState.DRIFTED.value
    versions = {
        "ours": {
            "total": _amount(link.total),
            "tax": _amount(link.tax),
            "number": link.number,
        },
        "in_the_books": {
            **shown(current),
            "tax": _amount(current.tax),
            "voided": current.voided,
        },
    }
    link.details = {**(link.details or {}), "drift": versions}
    return drifted_outcome(link)


def drifted_outcome(link: Link) -> Outcome:
    """Return what a record shows whose document somebody edited in the books."""
    return Outcome(
        state=PostingState.REJECTED.value,
        code="drifted",
        cause="The document was changed in QuickBooks.",
        explanation="Somebody edited it there, so it is not overwritten.",
        fixes=(
            "Undo the edit in QuickBooks, and retry.",
            "Or retry with the decision `overwrite` to replace it by the billing system's version.",
            "Or leave it: the difference stays shown.",
        ),
        details=(link.details or {}).get("drift"),
    )


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else as_text(amount)
