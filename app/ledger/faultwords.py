"""
Every fault code of QuickBooks in plain words. Pure.

One table: what records show, what the error catalogue lists and what `docs/errors.md` prints.
Sources: Intuit's lists of error codes and faults that were seen; where only a number is known, the
words say so, and QuickBooks' own sentence is always shown beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """
    A refusal in plain words; *code* is stable.

    *retryable*: it may go through later without anybody changing anything.
    """

    code: str
    cause: str
    explanation: str
    fixes: tuple[str, ...]
    retryable: bool = False


SAYS = "QuickBooks' own sentence, shown with the record, names the field."
CORRECT = "Correct what QuickBooks names in the billing system, and retry."
REPORT = "Nothing can be corrected in the data: report it with the intuit_tid of the attempt."

RECONNECT = Words(
    "access_lost",
    "QuickBooks does not let us into this company any more.",
    "The connection was ended inside QuickBooks, or whoever connected it has lost the rights of an "
    "administrator.",
    ("Connect again with a QuickBooks administrator; waiting work goes on by itself.",),
    retryable=True,
)
TOKEN = Words(
    "access_expired",
    "The access token was refused.",
    "Tokens live for an hour and are renewed by themselves; this is only seen when a renewal was "
    "not enough.",
    ("Nothing to do. If it comes again and again, connect again.",),
    retryable=True,
)
MAINTENANCE = Words(
    "company_unavailable",
    "QuickBooks has locked this company for the moment.",
    "Companies are moved or maintained now and then; every call is refused meanwhile.",
    ("Nothing to do: the work goes on by itself.",),
    retryable=True,
)
SERVER = Words(
    "quickbooks_failed",
    "QuickBooks broke down while answering.",
    "Whether the record was written is not known from such an answer, so it is looked for before "
    "anything is sent again.",
    ("Nothing to do: this settles itself.",),
    retryable=True,
)
QUOTA = Words(
    "quota",
    "QuickBooks allows no more calls for the moment.",
    "A company may be called about 500 times a minute, by all apps together.",
    ("Nothing to do: the work goes on by itself.",),
    retryable=True,
)
OUR_MISTAKE = Words(
    "request_malformed",
    "QuickBooks did not understand the request.",
    "A field, a query or a path was not one that QuickBooks knows.",
    (REPORT,),
)
UNREADABLE = Words(
    "unreadable",
    "QuickBooks could not read the record.",
    "This happens with characters that QuickBooks does not support, such as emoji.",
    ("Remove unusual characters from names and descriptions, and retry.",),
)
VALUE_REFUSED = Words(
    "value_refused",
    "QuickBooks does not accept a value.",
    f"A value has the wrong form or is not one of those allowed. {SAYS}",
    (CORRECT,),
)
VALUE_MISSING = Words(
    "value_missing",
    "QuickBooks misses a value.",
    f"A field that QuickBooks requires is empty. {SAYS}",
    (CORRECT,),
)
DUPLICATE_NUMBER = Words(
    "duplicate_number",
    "Another document in QuickBooks has this number.",
    "QuickBooks does not accept a second document with the same number.",
    (
        "If that document is the same sale, remove it in QuickBooks or link it.",
        "Else give one of the two another number, and retry.",
    ),
)
CLOSED = Words(
    "closed_books",
    "The books are closed for this date.",
    "Documents dated on or before the closing date are refused.",
    (
        "Move the closing date in QuickBooks, and retry.",
        "Or change the document's date to an open day.",
    ),
)
ENTRY_INCOMPLETE = Words(
    "entry_incomplete",
    "A line of the journal entry is incomplete.",
    "Each line needs its side (debit or credit), and a line of tax needs what it applies to and "
    "its amount.",
    (REPORT,),
)
UNEXPLAINED = Words(
    "refused_by_rule",
    "QuickBooks refused this record by one of its rules.",
    f"Intuit lists this code without saying what it means. {SAYS}",
    (CORRECT,),
)
HIERARCHY = Words(
    "wrong_parent",
    "The record's parent does not fit.",
    "A sub-customer, sub-item or sub-account needs a parent that exists and is not itself; five "
    "levels are the most.",
    ("Correct the parent in QuickBooks, import again, and retry.",),
)
PSEUDO_CODE = Words(
    "custom_tax_refused",
    "The tax code for custom amounts was used where QuickBooks does not take it.",
    "CustomSalesTax stands for an amount of tax entered by hand, on whole documents only.",
    ("Map the tax to an ordinary tax code, and retry.",),
)

FAULTS: Mapping[str, Words] = {
    "100": TOKEN,
    "110": TOKEN,
    "120": RECONNECT,
    "130": MAINTENANCE,
    "140": MAINTENANCE,
    "150": MAINTENANCE,
    "500": UNREADABLE,
    "600": Words(
        "request_id_repeated",
        "QuickBooks has seen this request id before.",
        "The record may be written already, so it is looked for before anything is sent again.",
        ("Nothing to do: this settles itself.",),
        retryable=True,
    ),
    "610": Words(
        "inactive_reference",
        "Something this record uses was made inactive or deleted in QuickBooks.",
        "QuickBooks refuses documents that point to an inactive customer, item or account.",
        ("Make it active again in QuickBooks, or map another one, and retry.",),
    ),
    "620": Words(
        "cannot_be_linked",
        "The payment or credit cannot be applied to this document.",
        "The document is settled already, belongs to another customer, or is not of a kind that "
        "can be settled.",
        (
            "Look at the document in QuickBooks: who settled it, and for which customer it is.",
            "Correct the allocation in the billing system, and retry.",
        ),
    ),
    "630": DUPLICATE_NUMBER,
    "700": HIERARCHY,
    "800": Words(
        "has_dependents",
        "Something else in QuickBooks depends on it.",
        "It cannot be removed while other documents are linked to it.",
        ("Remove what depends on it in QuickBooks first, and retry.",),
    ),
    "900": HIERARCHY,
    "1000": SERVER,
    "1010": UNEXPLAINED,
    "1020": UNEXPLAINED,
    "1040": OUR_MISTAKE,
    "1050": OUR_MISTAKE,
    "2010": OUR_MISTAKE,
    "2020": VALUE_MISSING,
    "2030": VALUE_REFUSED,
    "2040": VALUE_REFUSED,
    "2050": Words(
        "too_long",
        "A field is longer than QuickBooks allows.",
        "QuickBooks names the field and its limit in its answer.",
        ("Shorten the field in the billing system, and retry.",),
    ),
    **dict.fromkeys(("2060", "2070", "2080", "2090", "2100", "2110", "2120", "2130"), OUR_MISTAKE),
    "2170": VALUE_REFUSED,
    "2200": VALUE_REFUSED,
    "2210": Words(
        "email_refused",
        "QuickBooks does not accept the e-mail address.",
        "It needs an @ and a dot, and at most 100 characters.",
        ("Correct the customer's e-mail address in the billing system, and retry.",),
    ),
    "2220": Words(
        "currency_refused",
        "QuickBooks does not accept the currency.",
        "The company does not use it, or it is not the customer's.",
        ("Add the currency in QuickBooks, or bill in the customer's currency, and retry.",),
    ),
    "2260": ENTRY_INCOMPLETE,
    "2270": ENTRY_INCOMPLETE,
    "2280": ENTRY_INCOMPLETE,
    "2290": Words(
        "negative_amount",
        "A negative amount stands where QuickBooks takes none.",
        "Totals and the lines of journal entries are never negative.",
        ("Bill it as a credit note, and retry.",),
    ),
    "2300": Words(
        "unbalanced",
        "Debits and credits of the journal entry differ.",
        "An entry is only taken when both sides are equal to the cent.",
        (REPORT,),
    ),
    "2500": Words(
        "invalid_reference",
        "Something this record points to does not exist in QuickBooks.",
        "A customer, item, account or tax code was removed or merged since it was imported.",
        ("Import customers and items again, check the mappings, and retry.",),
    ),
    "3001": QUOTA,
    "3100": RECONNECT,
    "3200": TOKEN,
    "3202": VALUE_MISSING,
    "4000": OUR_MISTAKE,
    "4001": OUR_MISTAKE,
    "4002": OUR_MISTAKE,
    "5000": OUR_MISTAKE,
    "5010": Words(
        "stale",
        "The document was changed in QuickBooks in the meantime.",
        "The change was based on an older state of the document, so QuickBooks did not take it.",
        ("Look at both versions and decide which one is right.",),
    ),
    "5020": Words(
        "no_permission",
        "The QuickBooks plan or the connecting user lacks a feature.",
        "Some fields need a higher plan or more rights.",
        ("Upgrade the plan or connect with an administrator, and retry.",),
    ),
    "5030": Words(
        "not_supported",
        "This company's QuickBooks does not have that feature.",
        "It depends on the country, the plan and the settings of the company.",
        ("Turn the feature on in QuickBooks if it has it, and retry.",),
    ),
    "6000": Words(
        "business_rule",
        "QuickBooks refused it by a rule of its books.",
        "Seen so far: a total of zero, a line without a rate of GST/HST or VAT, a currency that is "
        "not the customer's, an entry that does not balance, and the limits of a plan.",
        (
            "Do what QuickBooks' own sentence says, and retry.",
            "If it asks for a tax rate, map the tax of that line, also for untaxed lines.",
        ),
    ),
    "6010": Words(
        "account_type_missing",
        "An account has no type, or type and detail type clash.",
        "QuickBooks needs both for every account.",
        ("Correct the account in QuickBooks, and retry.",),
    ),
    "6030": Words(
        "upload_too_large",
        "The upload is too large.",
        "QuickBooks takes at most 100 MB at once.",
        (REPORT,),
    ),
    "6070": Words(
        "amount_mismatch",
        "Quantity times price is not the line's amount.",
        "QuickBooks computes each line and refuses one that does not agree.",
        ("Send the line without quantity and price, and retry.",),
    ),
    "6080": Words(
        "name_missing",
        "The customer has no name.",
        "A display name or a part of a person's name is needed.",
        ("Give the customer a display_name in the billing system, and retry.",),
    ),
    "6090": Words(
        "discount_incomplete",
        "A discount has neither amount nor percentage.",
        "QuickBooks needs one of the two.",
        (CORRECT,),
    ),
    "6100": Words(
        "tax_code_not_for_lines",
        "The tax code does not go on lines of this company.",
        "Lines of US companies carry TAX or NON only.",
        ("Read the company's preferences again (preflight), check the tax mappings, and retry.",),
    ),
    "6110": Words(
        "made_by_payments",
        "The document was made by QuickBooks' own payment service.",
        "Such documents can be changed inside QuickBooks only.",
        ("Make the change in QuickBooks, and skip the record here.",),
    ),
    "6130": UNEXPLAINED,
    "6140": DUPLICATE_NUMBER,
    "6150": UNEXPLAINED,
    "6160": PSEUDO_CODE,
    "6170": Words(
        "tax_without_tax",
        "The document says that it has no tax, and has some.",
        "QuickBooks takes tax amounts only on documents that are taxed.",
        (REPORT,),
    ),
    "6180": HIERARCHY,
    "6190": Words(
        "subscription_ended",
        "The QuickBooks subscription has ended or the company has a problem.",
        "QuickBooks refuses to write until the subscription is in order.",
        ("Renew the QuickBooks subscription; the work goes on by itself.",),
        retryable=True,
    ),
    "6200": CLOSED,
    "6210": CLOSED,
    "6220": Words(
        "has_balance",
        "It has an open balance.",
        "A customer, item or account with a balance cannot be made inactive.",
        ("Settle the balance in QuickBooks first, and retry.",),
    ),
    "6230": PSEUDO_CODE,
    "6240": Words(
        "duplicate_name",
        "This name is already used in QuickBooks.",
        "A name can be used once among customers, vendors and employees, inactive ones included.",
        (
            "If it is the same customer, link it under customer mappings.",
            "Else change the name on one side, and retry.",
        ),
    ),
    "6250": Words(
        "customer_refused",
        "QuickBooks does not sell to this customer.",
        "The customer is inactive, or the name is a vendor's or employee's.",
        ("Make the customer active, or map another one, and retry.",),
    ),
    "6270": UNEXPLAINED,
    "6280": UNEXPLAINED,
    "6310": UNEXPLAINED,
    "6420": Words(
        "email_required",
        "An e-mail address is required.",
        "A document that QuickBooks is to send needs an address.",
        ("Add the customer's e-mail address in the billing system, and retry.",),
    ),
    "6430": Words(
        "wrong_account_type",
        "A mapped account has the wrong type.",
        "QuickBooks accepts only certain account types in this place.",
        ("Map an account of the right type, and retry.",),
    ),
    "6440": Words(
        "line_incomplete",
        "A line lacks its details.",
        "QuickBooks needs to know what kind of line each one is.",
        (REPORT,),
    ),
    "6450": Words(
        "settled_cannot_void",
        "The document is settled, so it cannot be voided.",
        "Payments or credits are applied to it in QuickBooks.",
        ("Remove what is applied to it, and retry.",),
    ),
    "6470": Words(
        "tax_account_refused",
        "A tax rate or tax account is used where QuickBooks does not take it.",
        "Accounts of tax liabilities are kept by QuickBooks itself.",
        ("Map the tax to a tax code of QuickBooks, and retry.",),
    ),
    "6480": Words(
        "reconciled",
        "The document was matched with a bank transaction.",
        "Reconciled documents cannot be changed.",
        ("Undo the match in QuickBooks, and retry.",),
    ),
    "6540": Words(
        "deposited",
        "The payment is part of a bank deposit.",
        "A deposited payment cannot be changed or voided.",
        ("Remove it from the deposit in QuickBooks, and retry.",),
    ),
    "6560": UNEXPLAINED,
    "10000": SERVER,
    "10100": Words(
        "answer_too_large",
        "QuickBooks' answer would be too large.",
        "Lists are read in pages of 1000; this is not expected to be seen.",
        ("Take a shorter range, and retry.",),
        retryable=True,
    ),
    "10200": Words(
        "company_reset",
        "The company's data was reset in QuickBooks.",
        "Everything that was linked there is gone.",
        ("Connect again, import everything anew, and check the mappings.",),
    ),
    "-11014": RECONNECT,
    "-11017": MAINTENANCE,
}
