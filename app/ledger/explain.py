"""What a refusal by the books means for a bookkeeper, and what to do about it. Pure."""

from app.accounting.errors import Fault
from app.ledger.faultwords import FAULTS, Words

UNLISTED = Words(
    "quickbooks_refused",
    "QuickBooks refused this record.",
    "QuickBooks gave no reason.",
    ("Correct what QuickBooks names, and retry.",),
)


def explain(fault: Fault) -> Words:
    """
    Return plain words for a refusal; what the books said themselves is kept word for word.

    A code that is in no list becomes `quickbooks_<code>`.
    """
    code = fault.code or ""
    words, said = FAULTS.get(code), fault.detail or fault.message
    if words is None:
        return Words(
            code=f"quickbooks_{code}" if code else UNLISTED.code,
            cause=UNLISTED.cause,
            explanation=said or UNLISTED.explanation,
            fixes=UNLISTED.fixes,
        )
    if not said:
        return words
    explanation = f"{words.explanation} QuickBooks says: {said}"
    return Words(words.code, words.cause, explanation, words.fixes, words.retryable)
