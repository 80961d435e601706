"""What is said of account mappings and master customers, in plain words. Pure."""

from app.ledger.faultwords import Words

ACCOUNTS = (
    Words(
        "account_currency_differs",
        "The account is kept in another currency than the entry.",
        "Receivables take entries in their own currency only; other foreign accounts too.",
        (
            "Map an account that is kept in the entry's currency, and name the currency with it.",
            "If there is none yet, create it in QuickBooks and import accounts.",
        ),
    ),
    Words(
        "system_tax_account",
        "QuickBooks keeps its own sales tax on this account.",
        "It may refuse journal entries there, and what stands there by journal entry is missing in "
        "its sales tax reports.",
        (
            "In QuickBooks create an account of type Other Current Liability with the detail type "
            "Other Current Liabilities, import accounts, and map that one.",
            "Or let `ledgerwire probe` find out whether this company takes such entries.",
        ),
    ),
    Words(
        "master_customer_missing",
        "There is no master customer for the currency.",
        "A journal entry line on accounts receivable names a customer.",
        (
            "Set the integration's master customer for the currency, with its name and id.",
            "Or map receivable to a clearing account of type Other Current Asset or Bank.",
        ),
    ),
    Words(
        "master_customer_unknown",
        "The master customer is not in QuickBooks.",
        "No customer has this id any more: it was deleted, or merged into another one.",
        ("Set another master customer; its id is in `GET …/books/customers` after an import.",),
    ),
    Words(
        "master_customer_inactive",
        "The master customer is inactive in QuickBooks.",
        "Entries that name it would be refused.",
        ("Make it active in QuickBooks, or set another master customer.",),
    ),
    Words(
        "master_customer_renamed",
        "The master customer has another name in QuickBooks.",
        "Id and name are both checked, so that a whole day never lands on somebody else.",
        ("Set the master customer with the name it has now, if it is the one.",),
    ),
    Words(
        "master_customer_currency",
        "The master customer has another currency.",
        "A customer of QuickBooks has one currency for ever.",
        ("Set a customer of that currency as its master customer.",),
    ),
    Words(
        "master_customer_twice",
        "The home currency has two master customers.",
        "One is named without a currency, which means the home currency.",
        ("Name one master customer for each currency.",),
    ),
)
ACCOUNT_REQUESTS = (
    Words(
        "key_not_taken",
        "The role takes no key.",
        "There is one account for it, or one per currency.",
        ("Leave the key out.",),
    ),
    Words(
        "currency_not_taken",
        "The role is not told apart by currency.",
        "Only receivable, deposit and refund are.",
        ("Leave the currency out.",),
    ),
)
