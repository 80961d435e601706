"""Why the books differ from what was billed, in words a bookkeeper can act on. Pure."""

from collections.abc import Mapping

from app.ledger.faultwords import Words

LOOK = "Open the document in QuickBooks and compare it with the billing record."
UNDO = "Undo the change in QuickBooks; the next reconciliation finds the two equal again."
OVERWRITE = (
    "Or retry the record with the decision `overwrite`: the billing system's version replaces it."
)
EXPORT = "Export the range; the record goes out, or its record says why not."

_WORDS = (
    Words(
        "missing_in_books",
        "The document was deleted in QuickBooks.",
        "It was posted, and QuickBooks does not have it any more.",
        (
            "If it should be in the books, retry the record with the decision `post_again`.",
            "If not, void it in the billing system.",
        ),
    ),
    Words(
        "void_in_books",
        "The document was voided in QuickBooks.",
        "It is open in the billing system, and void in the books.",
        (
            "Void it in the billing system too, or bill it again under a new record.",
            "A void cannot be undone in QuickBooks.",
        ),
    ),
    Words(
        "second_document_in_books",
        "QuickBooks has a second document for this billing record.",
        "Two documents carry the mark of the same record, or the same number, customer and total.",
        ("Compare both in QuickBooks, and delete or void the one that is too many.",),
    ),
    Words(
        "unknown_marked_document",
        "A document carries our mark, and no billing record belongs to it.",
        "It was written for a record that the ledger does not know, for example after an old "
        "backup was restored.",
        ("Push the billing record again and export it: the document is found, not written twice.",),
    ),
    Words(
        "line_dropped",
        "A line of the document is missing in QuickBooks.",
        "The books have fewer lines than were billed.",
        (LOOK, OVERWRITE),
    ),
    Words(
        "cents_differ",
        "The totals differ by cents.",
        "The lines or taxes in the books come to slightly another total than was billed.",
        (LOOK, "Correct the amount in QuickBooks.", OVERWRITE),
    ),
    Words(
        "tax_differs",
        "The tax differs, the lines are the same.",
        "QuickBooks computed or was given another tax than was billed.",
        (LOOK, "Correct the tax in QuickBooks.", OVERWRITE),
    ),
    Words(
        "amount_differs",
        "The document has another total in QuickBooks.",
        "Its amount in the books is not the billed one.",
        (UNDO, OVERWRITE),
    ),
    Words(
        "currency_changed",
        "The document is in another currency in QuickBooks.",
        "The books have it in another currency than was billed.",
        (LOOK,),
    ),
    Words(
        "edited_in_books",
        "The document was changed in QuickBooks.",
        "Its total is as billed; its date, customer, number, items or texts were changed there.",
        (UNDO, OVERWRITE, "Or leave it: the change stays shown."),
    ),
    Words(
        "applied_differently",
        "The payment settles other invoices in QuickBooks.",
        "Its amount is right; what it is applied to was changed there, by somebody or by "
        "QuickBooks' automatic application.",
        ("Apply it in QuickBooks as billed, or change the allocations in the billing system.",),
    ),
    Words(
        "edit_not_exported",
        "The billing record was changed since it was posted.",
        "The books have its former version.",
        (EXPORT,),
    ),
    Words(
        "void_not_exported",
        "It is void in the billing system, and stands in QuickBooks.",
        "The void was not exported yet, or was refused.",
        (EXPORT,),
    ),
    Words(
        "not_exported",
        "It was never exported.",
        "It is billed in this range, and no job has had it yet.",
        (EXPORT,),
    ),
    Words(
        "not_settled",
        "It is not certain yet whether QuickBooks has it.",
        "It is under way, or its answer was lost; it is looked for before anything is sent again.",
        ("Nothing to do: reconcile again in some minutes.",),
        retryable=True,
    ),
)
CAUSES: Mapping[str, Words] = {words.code: words for words in _WORDS}
