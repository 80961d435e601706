"""What is refused, skipped or found about summarized entries, in plain words. Pure."""

from app.ledger.faultwords import Words

AGAIN = "Export again."
REQUESTS = (
    Words(
        "journal_entry_not_found",
        "There is no such journal entry, or it has no such line.",
        "Entries are addressed by their period, kind, currency and number in it.",
        ("List the journal entries of the integration.",),
    ),
)
JOURNAL = (
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
