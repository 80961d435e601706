"""Why summarized entries differ from what was billed. Pure."""

from collections.abc import Mapping

from app.ledger.faultwords import Words

UNDO = "Undo the change in QuickBooks; the next reconciliation finds the two equal again."

_WORDS = (
    Words(
        "journal_entry_missing",
        "A journal entry of ours was deleted in QuickBooks.",
        "It was posted, and QuickBooks does not have it any more; all records in it are missing "
        "from the books.",
        ("Retry the entry's record with the decision `post_again`: it is posted as it was.",),
    ),
    Words(
        "journal_lines_differ",
        "A journal entry has other lines in QuickBooks than were sent.",
        "Somebody changed an account, an amount or a side; the details show each account.",
        (
            UNDO,
            "Or delete the entry in QuickBooks, and retry its record with the decision "
            "`post_again`.",
        ),
    ),
    Words(
        "journal_entry_edited",
        "A journal entry was changed in QuickBooks.",
        "Every account stands as sent; its date, number, memo, customer or texts were changed.",
        (UNDO, "Or leave it: the change stays shown."),
    ),
    Words(
        "second_journal_entry",
        "QuickBooks has a second journal entry with our mark.",
        "Two entries carry the mark of the same summary, so its records stand there twice.",
        (
            "Compare both in QuickBooks, and delete the one that the ledger does not know: it is "
            "the document of this difference.",
        ),
    ),
    Words(
        "record_booked_otherwise",
        "The record was changed since it was summed up.",
        "Its entries hold its former version, or a part of it that is dated otherwise now.",
        ("Export the days as journal entries: a further entry corrects it.",),
    ),
)
JOURNAL_CAUSES: Mapping[str, Words] = {words.code: words for words in _WORDS}
