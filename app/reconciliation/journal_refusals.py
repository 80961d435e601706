"""What is refused, skipped or found about summarized entries, in plain words. Pure."""

from app.ledger.faultwords import Words

AGAIN = "Export again."
REQUESTS = (
    Words(
        "too_many_days",
        "These are too many days to be shown at once.",
        "A preview makes every entry of its days while one waits for it.",
        ("Ask for fewer days.",),
    ),
    Words(
        "mode_from_required",
        "It is not said from which day on the new mode books.",
        "Something was posted already; everything before that day stays as the old mode wrote it.",
        ("Send mode_from with one of the clean days that the answer names.",),
    ),
    Words(
        "mode_switch_not_clean",
        "On that day something would be booked twice, or not at all.",
        "Before the first day of the new mode everything billed must stand in the books, and from "
        "it on nothing may.",
        (
            "Send mode_from with one of the clean days that the answer names.",
            "If there is none, first export what is missing in the present mode.",
        ),
    ),
    Words(
        "mode_switch_unsettled",
        "Some writes are not settled yet.",
        "Whether they stand in QuickBooks is not known, so no day is clean.",
        ("Wait until no record is unknown, parked or in conflict, and ask again.",),
    ),
    Words(
        "journal_entry_not_found",
        "There is no such journal entry, or it has no such line.",
        "Entries are addressed by their period, kind, currency and number in it.",
        ("List the journal entries of the integration.",),
    ),
)
JOURNAL = (
    Words(
        "settles_summarized",
        "The payment settles invoices that stand in summarized journal entries.",
        "They are no documents that it could be applied to, so that part of it is unapplied.",
        ("Nothing to do: receivables as a whole are right.",),
    ),
    Words(
        "summarized_in_entry",
        "The record stands in a summarized journal entry.",
        "It was posted before the mode was changed; as a document of its own it would be booked "
        "twice.",
        (
            "Nothing to do, unless it was changed: then change the mode back for a moment and "
            "export the journal entries of its day.",
        ),
    ),
    Words(
        "unmapped_account",
        "An account is missing for a journal entry.",
        "Each role, with its accounting code, tax or payment method, needs one account. Half a day "
        "in the books is worse than a day late, so nothing of the entry is posted before that.",
        (
            "Map it to an active account under account mappings, and export again.",
            "If the account is new in QuickBooks, import accounts first.",
        ),
    ),
    Words(
        "unknown_charge",
        "A price code is not known here.",
        "Without its charge it is not known which income a line is.",
        ("Push the charge with its accounting code, and export again.",),
    ),
    Words(
        "refund_source_unknown",
        "What a refund pays back is not known here.",
        "Its currency and exchange rate are those of the payment or credit note that it pays back.",
        ("Push that payment or credit note, and export again.",),
    ),
    Words(
        "nothing_to_post",
        "The entry comes to zero on every account.",
        "What it would sum up cancels out, or was taken back before it was sent.",
        ("Nothing to do.",),
    ),
    Words(
        "entry_differs",
        "An entry stands in QuickBooks that sums up something else.",
        "It carries our mark, but was written before the ledger was restored from a backup.",
        (
            "Look at it in QuickBooks; if it is wrong, delete it there and retry the record with "
            "the decision `post_again`.",
        ),
    ),
    Words(
        "journal_tax_unconfirmed",
        "This company's QuickBooks is not known to take tax in a journal entry.",
        "In companies with GST, HST or VAT every tax is computed by codes; tax on a plain line may "
        "be refused, or be missing from the tax return.",
        (
            "Run `ledgerwire probe` with this integration; if QuickBooks takes it, export again.",
            "Or use the mode full_synchronization.",
        ),
    ),
    Words(
        "rounding_refused",
        "The documents of the entry have several exchange rates.",
        "An entry has one, and corrections on a rounding account are turned off.",
        (
            "Set journal.rounding to `account`, and map the role rounding.",
            "Or bill one rate a day for each currency.",
        ),
    ),
    Words(
        "two_receivables",
        "The entry would touch several receivable accounts.",
        "QuickBooks takes one line on accounts receivable in an entry.",
        ("Map only the role receivable to an account of that type.", AGAIN),
    ),
    Words(
        "account_currency",
        "An account is kept in another currency than the entry.",
        "An account in a foreign currency takes entries in that currency only.",
        ("Map an account in the entry's currency, and export again.",),
    ),
    Words(
        "stands_as_document",
        "The record stands in QuickBooks as a document of its own, and was changed.",
        "It was posted before the mode was changed; entries never sum up what stands by itself.",
        (
            "Correct the document in QuickBooks by hand.",
            "Or change the mode back for a moment and export it.",
        ),
    ),
)
