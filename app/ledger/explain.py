"""What a refusal by the books means for a bookkeeper, and what to do about it. Pure."""

from dataclasses import dataclass

from app.accounting.errors import Fault


@dataclass(frozen=True, slots=True)
class Explanation:
    """A refusal in plain words."""

    code: str
    cause: str
    explanation: str
    fixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    code: str
    cause: str
    explanation: str
    fixes: tuple[str, ...]


_KNOWN: dict[str, _Entry] = {
    "6140": _Entry(
        "duplicate_number",
        "Another document in QuickBooks has this number.",
        "QuickBooks does not accept a second document with the same number.",
        (
            "If that document is the same sale, remove it in QuickBooks or link it.",
            "Else give one of the two another number, and retry.",
        ),
    ),
    "6240": _Entry(
        "duplicate_name",
        "This name is already used in QuickBooks.",
        "A name can be used once among customers, vendors and employees, inactive ones included.",
        (
            "If it is the same customer, link it under customer mappings.",
            "Else change the name on one side, and retry.",
        ),
    ),
    "610": _Entry(
        "inactive_reference",
        "Something this record uses was made inactive or deleted in QuickBooks.",
        "QuickBooks refuses documents that point to an inactive customer, item or account.",
        ("Make it active again in QuickBooks, or map another one, and retry.",),
    ),
    "2500": _Entry(
        "invalid_reference",
        "Something this record points to does not exist in QuickBooks.",
        "A customer, item, account or tax code was removed or merged since it was imported.",
        ("Import customers and items again, check the mappings, and retry.",),
    ),
    "6430": _Entry(
        "wrong_account_type",
        "A mapped account has the wrong type.",
        "QuickBooks accepts only certain account types in this place.",
        ("Map an account of the right type, and retry.",),
    ),
    "6210": _Entry(
        "closed_books",
        "The books are closed for this date.",
        "Documents dated on or before the closing date are refused.",
        (
            "Move the closing date in QuickBooks, and retry.",
            "Or change the document's date to an open day.",
        ),
    ),
    "6070": _Entry(
        "amount_mismatch",
        "Quantity times price is not the line's amount.",
        "QuickBooks computes each line and refuses one that does not agree.",
        ("Send the line without quantity and price, and retry.",),
    ),
    "5010": _Entry(
        "stale",
        "The document was changed in QuickBooks in the meantime.",
        "The change was based on an older state of the document, so QuickBooks did not take it.",
        ("Look at both versions and decide which one is right.",),
    ),
    "5020": _Entry(
        "no_permission",
        "The QuickBooks plan or the connecting user lacks a feature.",
        "Some fields need a higher plan or more rights.",
        ("Upgrade the plan or connect with an administrator, and retry.",),
    ),
    "2050": _Entry(
        "too_long",
        "A field is longer than QuickBooks allows.",
        "QuickBooks names the field and its limit in its answer.",
        ("Shorten the field in the billing system, and retry.",),
    ),
    "6540": _Entry(
        "deposited",
        "The payment is part of a bank deposit.",
        "A deposited payment cannot be changed or voided.",
        ("Remove it from the deposit in QuickBooks, and retry.",),
    ),
    "6480": _Entry(
        "reconciled",
        "The document was matched with a bank transaction.",
        "Reconciled documents cannot be changed.",
        ("Undo the match in QuickBooks, and retry.",),
    ),
    "6190": _Entry(
        "subscription_ended",
        "The QuickBooks subscription has ended or the company has a problem.",
        "QuickBooks refuses to write until the subscription is in order.",
        ("Renew the QuickBooks subscription; the work goes on by itself.",),
    ),
    "500": _Entry(
        "unreadable",
        "QuickBooks could not read the record.",
        "This happens with characters that QuickBooks does not support, such as emoji.",
        ("Remove unusual characters from names and descriptions, and retry.",),
    ),
}
_SAME = {"6200": "6210", "630": "6140"}


def explain(fault: Fault) -> Explanation:
    """Return plain words for a refusal; what the books said themselves is kept word for word."""
    code = fault.code or ""
    entry = _KNOWN.get(_SAME.get(code, code))
    said = fault.detail or fault.message
    if entry is None:
        return Explanation(
            code=f"quickbooks_{code}" if code else "quickbooks_refused",
            cause="QuickBooks refused this record.",
            explanation=said or "QuickBooks gave no reason.",
            fixes=("Correct what QuickBooks names, and retry.",),
        )
    explanation = f"{entry.explanation} QuickBooks says: {said}" if said else entry.explanation
    return Explanation(entry.code, entry.cause, explanation, entry.fixes)
