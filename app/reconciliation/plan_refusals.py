"""What dry runs and applied plans say, in plain words. Pure; see `refusals`."""

from app.ledger.faultwords import Words

ANOTHER = "Make another dry run."

PLAN_REQUESTS = (
    Words(
        "not_a_dry_run",
        "This job is not a dry run.",
        "Only a dry run has a plan.",
        ("Start a job with dry_run true, and ask for its plan.",),
    ),
    Words(
        "is_dry_run",
        "A dry run has nothing to retry or to skip.",
        "It posts nothing, so it left nothing behind.",
        ("Correct the cause and make another dry run, or start the export itself.",),
    ),
    Words(
        "plan_changed",
        "The plan does not hold any more.",
        "Billing, a mapping, a setting or a document moved since the dry run. Nothing was posted.",
        ("Look at the changes, and make another dry run.",),
    ),
    Words(
        "already_applied",
        "The plan was applied before.",
        "A plan is posted once; the answer names the job.",
        ("Look at that job. For what is new since, make another dry run.",),
    ),
    Words(
        "plan_expired",
        "The plan is too old.",
        "It may be applied within 7 days.",
        (ANOTHER,),
    ),
    Words(
        "plan_incomplete",
        "The plan is not whole.",
        "The dry run was cancelled, or failed.",
        (ANOTHER,),
    ),
    Words(
        "plan_of_another_company",
        "The plan was made for another company.",
        "The integration is connected to other books now.",
        (ANOTHER,),
    ),
)

PLAN_RECORDS = (
    Words("would_create", "It would be created.", "Only foreseen, by a dry run.", ("Apply it.",)),
    Words("would_update", "It would be changed.", "Only foreseen, by a dry run.", ("Apply it.",)),
    Words("would_void", "It would be voided.", "Only foreseen, by a dry run.", ("Apply it.",)),
    Words("would_delete", "It would be deleted.", "Only foreseen, by a dry run.", ("Apply it.",)),
    Words("would_link", "It would be linked.", "Only foreseen, by a dry run.", ("Apply it.",)),
    Words(
        "plan_changed",
        "It would go otherwise than the plan says.",
        "Something moved after the plan was applied; nothing was written for it.",
        ("Make another dry run of these days, and apply that.",),
    ),
    Words(
        "books_unavailable",
        "QuickBooks could not be read for this record.",
        "A document was asked for again and again.",
        (ANOTHER,),
    ),
)
