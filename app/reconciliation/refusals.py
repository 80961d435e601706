"""
What this product itself refuses, skips or finds, in plain words. Pure.

Records, problems and findings say the same with the figures of the case; here each stands once, as
the error catalogue and `docs/errors.md` show it. A test holds this table against the code.
"""

from collections.abc import Mapping

from app.ledger.faultwords import Words
from app.reconciliation.account_words import ACCOUNT_REQUESTS, ACCOUNTS
from app.reconciliation.journal_refusals import JOURNAL
from app.reconciliation.journal_refusals import REQUESTS as JOURNAL_REQUESTS
from app.reconciliation.plan_refusals import PLAN_RECORDS, PLAN_REQUESTS

AGAIN = "Ask again in a moment."
PUSH = "Correct it in the billing system, and push it again."
CONNECT_AGAIN = "Click Connect again."
LOOK_IT_UP = "Check the id, and that it belongs to your organization."

# ---------------------------------------------------------------------- records of exports

RECORDS = (
    Words(
        "unmapped_tax",
        "A tax is not mapped to a tax code of QuickBooks.",
        "Each set of taxes that stands together on a line needs one tax code; nothing is guessed.",
        (
            "Confirm the mapping of these price codes under tax mappings, and export again.",
            "If the tax code is new in QuickBooks, import taxes first.",
        ),
    ),
    Words(
        "two_tax_sets",
        "The document's lines have different taxes.",
        "US companies without automated sales tax take one tax code per document.",
        (
            "Bill the lines of each set of taxes on a document of their own.",
            "Or put the same taxes on all taxed lines, and map that set to a combined tax code.",
        ),
    ),
    Words(
        "refused_too_often",
        "QuickBooks refused this record a hundred times.",
        "It is not sent again as it is, for it has no request id left.",
        (
            "Enter the document in QuickBooks, and retry the record with the decision `adopt`.",
            "Or bill it anew, under another id.",
        ),
    ),
    Words(
        "too_many_lines",
        "The document has too many lines for QuickBooks.",
        "With taxes QuickBooks takes 750 lines.",
        ("Bill it on several documents.",),
    ),
    Words(
        "exchange_rate_required",
        "A document in a foreign currency needs its exchange rate.",
        "QuickBooks would take one of its own otherwise.",
        ("Push it again with exchange_rate: home currency for one of its currency.",),
    ),
    Words(
        "other_currency",
        "The refund is in another currency than what it pays back.",
        "QuickBooks links documents of one currency only.",
        ("Refund it in its own currency.",),
    ),
    Words(
        "refund_changed",
        "The refund stands in the books with other content.",
        "It was changed in billing after it was posted; money that went back is not rewritten.",
        ("Record the difference as a refund of its own, or correct it in QuickBooks.",),
    ),
    Words(
        "payment_not_posted",
        "The payment that a refund pays back is not in QuickBooks.",
        "The payment's own record says why.",
        ("Export the payment first.",),
    ),
    Words(
        "refund_not_posted",
        "The refund is not in QuickBooks.",
        "What links it to what it pays back waits for it.",
        ("Look at the refund's own record in the job.",),
    ),
    Words(
        "nothing_left_to_refund",
        "What it pays back is settled already.",
        "Less than the refund is left unapplied in QuickBooks.",
        (
            "Take back what it is applied to, and export again.",
            "Or issue a credit note and refund that, or give the refund lines of its own.",
        ),
    ),
    Words(
        "no_refund_account",
        "It is not known from which account the money leaves.",
        "Money goes back from a bank or credit card account.",
        ("Map the payment method to a deposit account, or set accounts.deposit_account_id.",),
    ),
    Words(
        "no_receivable_account",
        "It is not known to which receivable account the refund belongs.",
        "There is none in its currency, or more than one.",
        ("Map the role receivable to an account; import accounts if there is none.",),
    ),
    Words(
        "broken_mapping",
        "A mapping does not hold any more.",
        "What it points to was made inactive, changed or removed in QuickBooks.",
        ("Map to something else, or undo the change in QuickBooks and import.",),
    ),
    Words(
        "unknown_item",
        "There is no item in QuickBooks for a line.",
        "Its price code is mapped to no item, and no charge of that code was pushed.",
        ("Push the charge, map the price code to an item, or set a fallback item.",),
    ),
    Words(
        "no_item",
        "There is no item for a charge.",
        "None is mapped, none has its name, and creating items is turned off.",
        ("Map the price code, set a fallback item, or allow creating items.",),
    ),
    Words(
        "item_needs_account",
        "A new item needs an account.",
        "The settings name no income account (outside the US: expense account) for new items.",
        ("Set the account in the settings' `items`, or map its role.",),
    ),
    Words(
        "no_credit_item",
        "There is no item for a credit line.",
        "A line has no price code, and no item is set for the credit's reason.",
        ("Set the item of this reason, or a fallback item, in the settings.",),
    ),
    Words(
        "unknown_customer",
        "The customer is not known here.",
        "Documents name a customer that was never pushed.",
        ("Push the customer, and export again.",),
    ),
    Words(
        "customer_not_posted",
        "The document's customer is not in QuickBooks.",
        "The customer's own record in the job says why.",
        ("Repair the customer's record; what waits for it goes out with the next export.",),
    ),
    Words(
        "invoice_not_posted",
        "An invoice that is to be settled is not in QuickBooks.",
        "A payment or credit waits for it.",
        ("Export the invoice; if it was refused, its record says why.",),
    ),
    Words(
        "credit_not_posted",
        "The credit that is to be applied is not in QuickBooks.",
        "Its application waits for it.",
        ("Repair the credit's record; the application goes out with the next export.",),
    ),
    Words(
        "currency_not_enabled",
        "The company in QuickBooks keeps one currency only.",
        "The record is in another currency than the books.",
        ("Turn on multicurrency in QuickBooks, or bill in the home currency.",),
    ),
    Words(
        "negative_document",
        "The total is negative.",
        "QuickBooks takes no negative document.",
        ("Bill what the customer owes as an invoice, and credits with positive amounts.",),
    ),
    Words(
        "customer_inactive",
        "The customer was made inactive in QuickBooks.",
        "It was made inactive there, or merged into another one; QuickBooks takes no documents for "
        "it. Nothing was sent.",
        (
            "Make the customer active again in QuickBooks, and import customers.",
            "Or link the billing customer to another one (customer mappings): after a merge, to "
            "the one that was kept.",
        ),
    ),
    Words(
        "sign_changed",
        "The total has changed its sign since the invoice was posted.",
        "A negative invoice is a credit memo in QuickBooks, and neither is made of the other.",
        (
            "Void it in the billing system, and bill the present amount under a new record.",
            "Or leave it as it is posted, and bill the difference as an invoice or a credit note.",
        ),
    ),
    Words(
        "edited_to_nothing",
        "The document bills nothing any more, and stands in QuickBooks.",
        "Its lines and total are zero now; QuickBooks has it with its former amounts.",
        ("Void it in the billing system: the void goes out with the next export.",),
    ),
    Words(
        "over_allocated",
        "The payment settles more than it is.",
        "The sum of its allocations is greater than its amount.",
        ("Correct the allocations in the billing system.",),
    ),
    Words(
        "invoice_settled",
        "The invoice is settled, so it is not changed.",
        "Payments or credits are applied to it.",
        (
            "Cancel the payment in the billing system first; the edit goes out with the next "
            "export.",
            "Or correct the difference by a credit note or another invoice.",
        ),
    ),
    Words(
        "credit_applied",
        "The credit is applied, so it is not changed.",
        "It settles invoices already.",
        ("Remove its applications in the billing system first.",),
    ),
    Words(
        "settled_by_others",
        "Payments or credits are applied to it.",
        "Voiding it would leave them unapplied.",
        ("Cancel these in the billing system first; the void goes out with the next export.",),
    ),
    Words(
        "voided_in_books",
        "The document is void in QuickBooks.",
        "It was voided there, and is open in billing. A void cannot be undone.",
        ("Bill it under a new record, or void it in the billing system too.",),
    ),
    Words(
        "document_missing",
        "The document was deleted in QuickBooks.",
        "It was posted before, and somebody removed it there. It is not written again by itself.",
        (
            "If it should be in the books, retry the record with the decision `post_again`.",
            "If not, void it in the billing system, or skip the record.",
        ),
    ),
    Words(
        "drifted",
        "The document was changed in QuickBooks.",
        "Somebody edited it there, so it is not overwritten.",
        (
            "Undo the edit in QuickBooks, and retry.",
            "Or retry with the decision `overwrite`.",
        ),
    ),
    Words(
        "variance",
        "QuickBooks shows another amount than was billed.",
        "The answer to the write shows another total or tax; it is never called success.",
        ("Open the document in QuickBooks and compare taxes and rounding.",),
    ),
    Words(
        "allocated_less",
        "Less was allocated than billing says.",
        "QuickBooks had settled part of the invoices by itself; the rest is unapplied.",
        ("Turn off automatic application in QuickBooks, or apply the rest there.",),
    ),
    Words(
        "applied_by_quickbooks",
        "QuickBooks applied the credit by itself.",
        "Our own application would settle it twice, so it is left out.",
        ("Nothing to do, unless it was applied to the wrong invoice.",),
    ),
    Words(
        "zero_document",
        "It bills nothing.",
        "There is nothing to post.",
        ("Nothing to do.",),
    ),
    Words(
        "never_posted",
        "It is void and was never posted.",
        "Nothing stands in the books that could be voided.",
        ("Nothing to do.",),
    ),
    Words(
        "skipped_by_person",
        "Somebody left it out.",
        "The reason is shown with the record.",
        ("Nothing to do; export the range again to take it up.",),
    ),
    Words(
        "job_cancelled",
        "The job was cancelled before its turn.",
        "Nothing was written.",
        ("Export the range again.",),
    ),
    Words(
        "outcome_unknown",
        "QuickBooks gave no trustworthy answer.",
        "It may or may not have the record; it is looked for before anything is sent again.",
        ("Nothing to do: this settles itself within minutes.",),
        retryable=True,
    ),
    Words(
        "linked",
        "It was in QuickBooks already.",
        "Record and document were linked; nothing was written.",
        ("Nothing to do.",),
    ),
    Words(
        "adopted",
        "A person chose the document.",
        "It was linked, and not written to.",
        ("Nothing to do.",),
    ),
    Words(
        "item_by_mapping",
        "The price code is mapped to this item.",
        "Nothing was written.",
        ("Nothing to do.",),
    ),
    Words(
        "item_by_name",
        "An item of exactly this name is in QuickBooks.",
        "Nothing was written.",
        ("Map the price code if it is the wrong item.",),
    ),
    Words(
        "item_by_fallback",
        "It goes to the fallback item of the settings.",
        "Nothing was written.",
        ("Map the price code if it should have its own item.",),
    ),
    Words(
        "item_by_link",
        "Its item was created before, and is not as it was.",
        "The item that was created for the charge is used.",
        ("Look at the item in QuickBooks.",),
    ),
)

# ---------------------------------------------------------------------- billing documents

DOCUMENTS = (
    Words(
        "does_not_add_up",
        "The document does not add up.",
        "Lines, taxes and total differ; the difference is named.",
        (PUSH,),
    ),
    Words("currency_required", "A document with lines needs a currency.", "It has none.", (PUSH,)),
    Words(
        "not_a_tax_line",
        "A line that is no tax says what it applies to.",
        "Only lines of a charge of kind `tax` may have `applies_to`.",
        (PUSH,),
    ),
    Words(
        "tax_without_lines",
        "There is tax, and nothing that is taxed.",
        "Every line of the document is a tax.",
        (PUSH,),
    ),
    Words(
        "too_many_decimals",
        "An amount has more decimals than its currency.",
        "Amounts are exact; nothing is rounded here.",
        (PUSH,),
    ),
    Words(
        "refund_of_what",
        "A refund says not what it gives back.",
        "It is of a payment, of a credit note, or has lines of its own: exactly one of them.",
        (PUSH,),
    ),
    Words(
        "taxes_without_lines",
        "Taxes stand on a refund without lines.",
        "Only a refund with lines of its own has taxes.",
        (PUSH,),
    ),
    Words(
        "invoice_repeated",
        "An invoice stands twice among the allocations.",
        "One amount is taken for each.",
        (PUSH,),
    ),
    Words("line_id_repeated", "Two lines have one line_id.", "Line ids are unique.", (PUSH,)),
    Words(
        "taxes_twice",
        "Taxes stand on the lines and on the document.",
        "Only one of the two is taken.",
        (PUSH,),
    ),
    Words("tax_repeated", "A tax stands twice on one line.", "Once is enough.", (PUSH,)),
    Words("tax_on_tax", "A line of tax is taxed itself.", "Tax lines carry no taxes.", (PUSH,)),
    Words(
        "unknown_line",
        "A line of tax applies to a line that is not there.",
        "`applies_to` names line ids of the same document.",
        (PUSH,),
    ),
)

# ---------------------------------------------------------------------- requests

REQUESTS = (
    Words("refused", "The request was refused.", "The detail says why.", ("Read the detail.",)),
    Words(
        "unauthorized",
        "The key is missing, unknown, expired or revoked.",
        "Which of them is not told.",
        ("Send `Authorization: Bearer <key>` with a live key.",),
    ),
    Words(
        "forbidden",
        "This key may not do that.",
        "Its scopes do not reach so far.",
        ("Use a key with the scope that the answer names.",),
    ),
    Words("not_found", "There is no such thing here.", "Or it is not yours.", (LOOK_IT_UP,)),
    Words("integration_not_found", "There is no such integration.", "Or not yours.", (LOOK_IT_UP,)),
    Words("organization_not_found", "There is no such organization.", "", (LOOK_IT_UP,)),
    Words("api_key_not_found", "There is no such API key.", "", (LOOK_IT_UP,)),
    Words(
        "api_key_not_live",
        "The API key is expired or revoked.",
        "Only a live key can be replaced.",
        ("Make a new key.",),
    ),
    Words("billing_record_not_found", "There is no such billing record.", "", (LOOK_IT_UP,)),
    Words("conflict", "It clashes with what is there.", "The detail says how.", (AGAIN,)),
    Words(
        "too_slow",
        "The request came too slowly.",
        "A body must arrive within two minutes.",
        ("Send fewer records at a time.", "Send them over a faster line."),
    ),
    Words(
        "too_many_values",
        "The JSON holds more values than any record has.",
        "It is refused before it is looked at: each mistake would have to be told.",
        ("Send fewer elements at a time.",),
    ),
    Words(
        "record_too_large",
        "One line of the batch is larger than any record.",
        "A record has at most 1024 KiB.",
        ("Look whether a line break is missing.",),
    ),
    Words(
        "too_large",
        "The request is too large.",
        "Bodies are limited; see the description of the operation.",
        ("Send it in several requests.",),
    ),
    Words(
        "unsupported_media_type",
        "This content type is not understood here.",
        "JSON everywhere, NDJSON for batches.",
        ("Set Content-Type.",),
    ),
    Words(
        "content_encoding_refused",
        "Compressed requests are not taken.",
        "A small request could unfold to a huge one.",
        ("Send the body uncompressed.",),
    ),
    Words(
        "invalid",
        "The request is not valid.",
        "`errors` names each field and what is wrong with it.",
        ("Correct the fields named.",),
    ),
    Words(
        "malformed_json",
        "A line or body is no JSON.",
        "It cannot be read.",
        ("Send one JSON object a line, or an array.",),
    ),
    Words("not_an_array", "A batch is an array.", "Something else came.", ("Send an array.",)),
    Words(
        "too_many_records",
        "The batch has too many records.",
        "1000 as an array, 50 000 as NDJSON.",
        ("Send it in parts.",),
    ),
    Words(
        "too_many_requests",
        "Too many requests.",
        "A key, and an organization, may ask so often a minute.",
        ("Wait as long as Retry-After says.",),
        retryable=True,
    ),
    Words(
        "unavailable",
        "Not available right now.",
        "Something that is needed is away.",
        (AGAIN,),
        retryable=True,
    ),
    Words(
        "not_ready",
        "This process is not ready to serve.",
        "The database is away, or its schema is another one.",
        ("Run `ledgerwire doctor`.",),
        retryable=True,
    ),
    Words(
        "internal_error",
        "Something broke on our side.",
        "The request was not carried out, or the job stopped; what was posted is not posted twice.",
        ("Send the same request again, with its Idempotency-Key; or start the job again.",),
        retryable=True,
    ),
    Words(
        "too_deep",
        "The JSON is nested too deeply.",
        "Records here are a few levels deep; this one has hundreds.",
        ("Send the record as the API document describes it.",),
    ),
    Words("invalid_cursor", "The cursor is not of this list.", "", ("Use next_cursor.",)),
    Words(
        "idempotency_in_progress",
        "The first request with this key is still being answered.",
        "Both may have been sent at once.",
        (AGAIN,),
        retryable=True,
    ),
    Words(
        "idempotency_key_reused",
        "This Idempotency-Key belongs to another request.",
        "The first one is named.",
        ("Use a fresh key for a different request.",),
    ),
    Words(
        "idempotency_answer_gone",
        "The first answer to this request cannot be shown again.",
        "It was carried out; its answer is not kept.",
        ("Read the resource that it names.",),
    ),
    Words(
        "reversed_range",
        "The range is reversed.",
        "Its first day is after its last.",
        ("Swap the days.",),
    ),
    Words("empty_range", "The range has no days.", "", ("Swap the days.",)),
    Words("range_required", "A range is needed.", "Documents are chosen by date.", ("Send one.",)),
    Words(
        "wrong_mode",
        "The integration's mode does not do that.",
        "Documents and journal entries are never mixed.",
        ("Ask for what the mode exports, or change the mode.",),
    ),
    Words(
        "not_available_yet",
        "This is not available yet.",
        "It is described, and not built.",
        ("Export something else until it is.",),
    ),
    Words(
        "not_connected",
        "The integration is not connected to a company.",
        "It never was, or the connection was ended.",
        ("Connect QuickBooks.",),
    ),
    Words(
        "books_unavailable",
        "QuickBooks cannot be read right now.",
        "It gave no trustworthy answer, or allows no more calls.",
        ("Ask again in a minute.",),
        retryable=True,
    ),
    Words("job_not_ended", "The job has not ended.", "", ("Wait for its end, or cancel it.",)),
    Words("nothing_to_retry", "Nothing was refused in this job.", "", ("Nothing to do.",)),
    Words(
        "record_not_retryable",
        "The record cannot be retried.",
        "It is posted, or still under way.",
        ("Look at its state.",),
    ),
    Words(
        "record_not_skippable",
        "The record cannot be skipped.",
        "Only what was refused or is blocked can be left out.",
        ("Look at its state.",),
    ),
    Words(
        "decision_required",
        "A decision is needed.",
        "The record is in conflict: nobody but a person can tell what is right.",
        ("Retry with `adopt` or `post_again`.",),
    ),
    Words(
        "source_system_fixed",
        "source_system cannot change any more.",
        "It is part of the identity of what was posted.",
        ("Make another integration.",),
    ),
    Words(
        "price_code_taken",
        "Another charge or tax has this price code.",
        "Price codes are unique per integration.",
        ("Use another price code.",),
    ),
    Words(
        "provider_unavailable",
        "This installation cannot connect to that accounting system.",
        "It is not configured.",
        ("Ask the operator.",),
    ),
    Words(
        "return_url_not_allowed",
        "The return_url is not on the integration's list.",
        "Browsers are sent to listed addresses only.",
        ("Add it to allowed_return_urls.",),
    ),
    Words(
        "already_mapped",
        "This is mapped already.",
        "Each key is mapped once.",
        ("Change or delete the mapping that is there.",),
    ),
    Words(
        "target_not_selectable",
        "This cannot be mapped to.",
        "It is inactive, or of the wrong kind.",
        ("Choose another one.",),
    ),
    Words(
        "tax_code_not_selectable",
        "This tax code cannot be mapped to.",
        "It is inactive, hidden, or has no sales rate.",
        ("Choose another one, or import taxes.",),
    ),
    Words(
        "tax_code_does_not_fit",
        "The tax code does not fit the price codes.",
        "It needs one rate for each of them.",
        ("Choose a code with as many rates.",),
    ),
    Words(
        "pairs_needed",
        "It must be said which price code is which rate.",
        "The names do not tell.",
        ("Send `pairs`.",),
    ),
    Words("unknown_target", "There is no such thing in the imported lists.", "", ("Import.",)),
    Words("unknown_tax_code", "There is no such imported tax code.", "", ("Import taxes.",)),
    Words("link_in_use", "The link cannot be removed.", "Documents hang on it.", ("Keep it.",)),
    Words(
        "already_linked",
        "One of the two is linked already.",
        "A billing record has one document, and a document one record.",
        ("Remove the other link first.",),
    ),
    Words("inactive", "It is inactive in QuickBooks.", "", ("Make it active, and import.",)),
    Words("currency_differs", "The currencies differ.", "", ("Choose one of the same currency.",)),
    Words("unknown_external_id", "There is no such imported entry.", "", ("Import first.",)),
    Words("not_adoptable", "It cannot be adopted.", "The errors say why.", ("Correct them.",)),
)

# ---------------------------------------------------------------------- connecting

CONNECTING = (
    Words("access_denied", "Access to QuickBooks was not granted.", "", (CONNECT_AGAIN,)),
    Words("authorization_failed", "QuickBooks could not ask for access.", "", (CONNECT_AGAIN,)),
    Words("incomplete_answer", "QuickBooks' answer was incomplete.", "", (CONNECT_AGAIN,)),
    Words("no_answer", "QuickBooks did not answer in time.", "", (CONNECT_AGAIN,), retryable=True),
    Words("code_refused", "QuickBooks did not accept its own answer.", "", (CONNECT_AGAIN,)),
    Words(
        "installation_refused",
        "QuickBooks does not accept this installation.",
        "Client id or secret are wrong.",
        ("The operator must check them.",),
    ),
    Words("company_mismatch", "QuickBooks did not open this company.", "", (CONNECT_AGAIN,)),
    Words(
        "integration_removed",
        "The integration was removed meanwhile.",
        "",
        ("Make a new integration.",),
    ),
    Words(
        "other_company",
        "The integration belongs to another QuickBooks company.",
        "Mappings and links hang on the company.",
        ("Choose that company, or send allow_other_company.",),
    ),
    Words(
        "company_held_by_other",
        "This QuickBooks company is connected to another account.",
        "A company is held by one organization at a time.",
        ("Disconnect it there first.",),
    ),
    Words(
        "company_in_use",
        "Another integration of yours is connected to this company.",
        "Two would write the same books.",
        ("Remove the other integration, or choose another company.",),
    ),
)

# ------------------------------------------------------------- findings of imports

LINK_BY_HAND = "Link it by hand under customer mappings if it is the same."
IMPORTS = (
    Words(
        "several_matches",
        "Several entries fit.",
        "None was linked: a guess could be wrong.",
        ("Link the right one by hand.",),
    ),
    Words(
        "several_billing_customers",
        "Several billing customers have the name of one customer in QuickBooks.",
        "None was linked.",
        (LINK_BY_HAND,),
    ),
    Words("email_conflict", "The e-mail addresses differ.", "Not linked.", (LINK_BY_HAND,)),
    Words(
        "match_inactive",
        "The customer of that name is inactive in QuickBooks.",
        "Not linked.",
        ("Make it active, and import.",),
    ),
    Words(
        "match_linked_elsewhere",
        "The customer of that name is linked to another billing customer.",
        "Names are unique in the books.",
        ("Rename one of the two.",),
    ),
    Words(
        "match_other_currency",
        "The customer of that name has another currency.",
        "A customer's currency never changes in QuickBooks.",
        ("Let a customer be created, one per currency.",),
    ),
    Words(
        "document_differs",
        "The document in the books has another amount.",
        "Number and customer are the same; not linked.",
        ("Correct one side, then import again.",),
    ),
    Words(
        "document_other_customer",
        "The document in the books belongs to another customer.",
        "Number and amount are the same; not linked.",
        ("Link the customers if they are the same, then import again.",),
    ),
    Words(
        "second_document",
        "A second document in the books has the same number, amount and customer.",
        "The first one was linked.",
        ("Look at both in QuickBooks.",),
    ),
    Words("renamed", "It was renamed in QuickBooks.", "", ("Nothing to do.",)),
    Words(
        "linked_inactive",
        "Something that is linked was made inactive in QuickBooks.",
        "Nothing can be posted to it any more.",
        ("Make it active again, or link to another one.",),
    ),
    *(
        Words(
            f"{kind}_mapping_broken",
            f"A confirmed {kind.replace('_', ' ')} mapping does not hold any more.",
            "What it points to was changed in QuickBooks.",
            ("Confirm the mapping as it is now, or map to something else.",),
        )
        for kind in ("tax", "item", "account", "payment_method")
    ),
    Words(
        "list_refused",
        "QuickBooks does not let a list be read.",
        "Some plans do not have it.",
        ("Nothing to do unless you use it.",),
    ),
)

# ---------------------------------------------------------------------- preflight

PREFLIGHT = (
    Words("subscription", "Is the QuickBooks subscription running?", "", ("Renew it.",)),
    Words("plan", "Does the QuickBooks plan have what is needed?", "", ("Upgrade.",)),
    Words(
        "tax_model",
        "How does the company compute sales tax?",
        "It decides what is sent: codes per line, one code per document, or a total.",
        ("Nothing to do.",),
    ),
    Words(
        "sales_tax_not_set_up",
        "Sales tax is not set up in QuickBooks.",
        "Documents with tax would be refused.",
        ("Finish the set-up under Taxes in QuickBooks.",),
    ),
    Words(
        "custom_numbers",
        "Do documents keep their billing numbers?",
        "With custom transaction numbers off, QuickBooks counts by itself.",
        ("Turn on Custom transaction numbers in QuickBooks.",),
    ),
    Words(
        "auto_apply",
        "Does QuickBooks apply credits and payments by itself?",
        "Then it may settle other invoices than billing says.",
        ("Turn off automatic application in QuickBooks.",),
    ),
    Words("multicurrency", "Do the books take the currencies?", "", ("Turn on multicurrency.",)),
    Words("exchange_rate", "Do foreign documents carry a rate?", "", ("Push exchange_rate.",)),
    Words("lists_not_imported", "Nothing was imported yet.", "", ("Import first.",)),
    Words(
        "untaxed_mapping",
        "Is there a code for untaxed lines?",
        "Outside the US untaxed lines carry one too.",
        ("Map the empty set of price codes.",),
    ),
    Words("items", "Does every price code have its item?", "", ("Map the price codes.",)),
    Words(
        "item_account",
        "Can new items be created?",
        "They need an active account of the right type.",
        ("Set the account in the settings' `items`.",),
    ),
    Words(
        "deposit_account",
        "Can payments be deposited?",
        "The account must be an active bank account.",
        ("Set accounts.deposit_account_id.",),
    ),
    Words("fallback_item", "The fallback item cannot be used.", "", ("Set an active item.",)),
    Words(
        "document_does_not_add_up",
        "Documents of the range do not add up.",
        "They would be refused.",
        (PUSH,),
    ),
)

PLACES: Mapping[str, tuple[Words, ...]] = {
    "record": (*RECORDS, *JOURNAL, *ACCOUNTS, *PLAN_RECORDS),
    "document": DOCUMENTS,
    "request": (
        *REQUESTS,
        *ACCOUNTS,
        *ACCOUNT_REQUESTS,
        *JOURNAL_REQUESTS,
        *PLAN_REQUESTS,
    ),
    "connect": CONNECTING,
    "import": IMPORTS,
    "preflight": PREFLIGHT,
}
