"""Which ERPs there are, and what each of them can do."""

from app.integrations.schemas import Mode, ModeCapability, Provider

QUICKBOOKS_ONLINE = Provider(
    provider="quickbooks_online",
    name="QuickBooks Online",
    available=True,
    modes=[
        ModeCapability(
            mode=Mode.FULL_SYNCHRONIZATION,
            name="Full synchronization",
            description="Each customer, invoice, payment and credit becomes a document of its own.",
            export_resources=["customers", "items", "invoices", "payments", "credits", "refunds"],
        ),
        ModeCapability(
            mode=Mode.SUMMARIZED_JOURNAL_ENTRY,
            name="Summarized journal entry",
            description="A day's documents become balanced journal entries, one per currency.",
            export_resources=["journal_entries"],
        ),
    ],
    import_resources=["customers", "items", "taxes", "accounts", "invoices", "payments"],
    export_resources=[
        "customers",
        "items",
        "invoices",
        "payments",
        "credits",
        "refunds",
        "journal_entries",
    ],
    mappings=["taxes", "items", "customers", "accounts", "payment_methods"],
    documentation_url="https://developer.intuit.com/app/developer/qbo/docs/get-started",
)


def providers() -> list[Provider]:
    """Return the ERPs that can be chosen."""
    return [QUICKBOOKS_ONLINE]
