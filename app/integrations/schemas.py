"""An integration as it is sent and shown, its settings, and the list of providers."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.kit.fields import CurrencyCode, Day, ExternalId, Flag, Name, Text
from app.kit.web import Strict

LOOPBACK = {"localhost", "127.0.0.1"}


class Mode(StrEnum):
    """What the books receive: each document, or one journal entry per day."""

    FULL_SYNCHRONIZATION = "full_synchronization"
    SUMMARIZED_JOURNAL_ENTRY = "summarized_journal_entry"


# ------------------------------------------------------------------------------------ settings


class ItemSettings(Strict):
    """How billing charges find items in the books. Every `*_id` is the books' own id."""

    create_missing: Flag = Field(
        default=True, description="Create a service item for a charge that has none"
    )
    income_account_id: ExternalId | None = Field(
        default=None, description="Income account of items created for charges"
    )
    expense_account_id: ExternalId | None = Field(
        default=None, description="Expense account of created items, where the country needs one"
    )
    fallback_item_id: ExternalId | None = Field(
        default=None, description="Item of charges that have neither mapping nor namesake"
    )
    credit_item_id: ExternalId | None = Field(
        default=None, description="Item of credit note lines without a price code"
    )
    house_credit_item_id: ExternalId | None = Field(
        default=None, description="Item of house credit lines without a price code"
    )
    write_off_item_id: ExternalId | None = Field(
        default=None, description="Item of write-off lines without a price code"
    )
    rounding_item_id: ExternalId | None = Field(
        default=None, description="Item of rounding lines; needed by `tax.variance` rounding_line"
    )


class AccountSettings(Strict):
    """Which accounts documents use when no mapping says otherwise."""

    deposit_account_id: ExternalId | None = Field(
        default=None, description="Where payments are deposited; undeposited funds if left out"
    )


class TaxSettings(Strict):
    """What happens when the books compute another tax than was billed."""

    variance: Literal["billed", "flag", "rounding_line", "quickbooks"] = Field(
        default="billed",
        description="`flag` (or `billed`): the document stays as it is, and a person decides;"
        " `rounding_line`: a difference of up to five cents is evened out by a line on the rounding"
        " item, a larger one is flagged; `quickbooks`: the books' own figure is accepted. Each time"
        " the difference is shown, and the job ends with findings.",
    )


class DocumentSettings(Strict):
    """How documents look in the books."""

    send_number: Flag = Field(
        default=True, description="Give documents the billing number, where the books allow it"
    )
    memo_prefix: Annotated[Text, Field(max_length=100)] | None = Field(
        default=None, description="Stands before the memo of each document"
    )
    class_id: ExternalId | None = Field(
        default=None, description="Class of invoices, credit memos and refunds, if classes are used"
    )
    location_id: ExternalId | None = Field(
        default=None, description="Their location (department), if locations are used"
    )


class JournalSettings(Strict):
    """How summarized journal entries are made."""

    period: Literal["day", "month"] = Field(
        default="day", description="How much of billing one entry sums up"
    )
    split_by_currency: Literal[True] = Field(
        default=True, description="Always true: an entry in QuickBooks has one currency"
    )
    rounding: Literal["account", "refuse"] = Field(
        default="account",
        description="What rounding leaves over: on the account of the role rounding, or the entry"
        " is refused",
    )
    number_prefix: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,4}$")] = Field(
        default="S",
        description="Stands before the numbers of entries, such as `S260301-INV-EUR-02`",
    )


class IntegrationSettings(Strict):
    """Everything that can be set for one integration; each field has a default."""

    items: ItemSettings = ItemSettings()
    accounts: AccountSettings = AccountSettings()
    tax: TaxSettings = TaxSettings()
    closed_books: Literal["refuse", "first_open_day"] = Field(
        default="refuse",
        description="Documents dated in a closed period: refused before the call, or moved to the"
        " first open day with their own date in the memo",
    )
    documents: DocumentSettings = DocumentSettings()
    journal: JournalSettings = JournalSettings()


# ------------------------------------------------------------------------------- integrations


def _return_url(value: str) -> str:
    """Accept absolute https URLs, and http on this machine; exact text is compared later."""
    if any(character.isspace() for character in value) or "\\" in value:
        raise ValueError("A return URL holds no spaces or backslashes.")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("This is not a URL.") from error
    if not host or parts.scheme not in {"https", "http"}:
        raise ValueError("A return URL is absolute and begins with https://.")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("http is for localhost and 127.0.0.1 only; use https.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("A return URL holds no user name or password.")
    if "#" in value:
        raise ValueError("A return URL has no fragment (#…).")
    return value


ReturnUrl = Annotated[Text, Field(min_length=1, max_length=500), AfterValidator(_return_url)]
ReturnUrls = Annotated[list[ReturnUrl], Field(max_length=20)]
SourceSystem = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,39}$")]
IntegrationName = Annotated[Name, Field(max_length=200)]


class MasterCustomer(Strict):
    """The customer in the books that journal entries with a receivable line are tied to."""

    name: Name
    id: ExternalId = Field(description="Its id in the books")


class CurrencyMasterCustomer(MasterCustomer):
    """The master customer of one currency."""

    currency: CurrencyCode | None = Field(
        default=None, description="Null: the home currency of the books"
    )


def _one_per_currency(
    customers: list[CurrencyMasterCustomer],
) -> list[CurrencyMasterCustomer]:
    currencies = [customer.currency for customer in customers]
    if len(set(currencies)) != len(currencies):
        raise ValueError("There is one master customer per currency.")
    return customers


MasterCustomers = Annotated[
    list[CurrencyMasterCustomer], Field(max_length=200), AfterValidator(_one_per_currency)
]


class IntegrationIn(Strict):
    """An integration to be made."""

    name: IntegrationName
    provider: Literal["quickbooks_online"]
    mode: Mode
    master_customer: MasterCustomer | None = Field(
        default=None, description="Short for the one master customer of the home currency"
    )
    master_customers: MasterCustomers = Field(default=[])
    allowed_return_urls: ReturnUrls = Field(
        default=[], description="Where the browser may return to after connecting; exact URLs"
    )
    source_system: SourceSystem = Field(
        default="billing",
        description="Part of every document's identity; fixed once something was posted",
    )
    settings: IntegrationSettings = IntegrationSettings()

    @model_validator(mode="after")
    def _one_home_customer(self) -> Self:
        if self.master_customer and any(c.currency is None for c in self.master_customers):
            raise ValueError("Name the home currency's master customer once, not twice.")
        return self


class IntegrationPatch(Strict):
    """
    What is to change; what is left out stays.

    `settings` are merged field by field; `master_customers` and `allowed_return_urls` are replaced
    as a whole.
    """

    name: IntegrationName = ""
    mode: Mode = Mode.FULL_SYNCHRONIZATION
    master_customer: MasterCustomer | None = Field(
        default=None, description="The home currency's; null removes it"
    )
    master_customers: MasterCustomers = Field(default=[])
    allowed_return_urls: ReturnUrls = Field(default=[])
    source_system: SourceSystem = "billing"
    settings: IntegrationSettings = IntegrationSettings()
    mode_from: Day | None = Field(
        default=None,
        description="With `mode`, once something was posted: the first day that the new mode books."
        " All billing before it must stand in the books, and nothing from it on",
    )

    @model_validator(mode="after")
    def _something_once(self) -> Self:
        if {"master_customer", "master_customers"} <= self.model_fields_set:
            raise ValueError("Send master_customer or master_customers, not both.")
        return self


class ConnectionSummary(BaseModel):
    """Whether the integration's books are open right now."""

    status: Literal["not_connected", "connected", "reauthorization_required", "disconnected"] = (
        "not_connected"
    )
    company_id: str | None = Field(default=None, description="The company's id at the provider")
    company_name: str | None = None
    connected_at: datetime | None = None
    reason: str | None = Field(default=None, description="Why it is not connected (any more)")


class PreflightRow(BaseModel):
    """One finding: what was looked at, what follows, and what to do."""

    code: str
    level: Literal["pass", "warn", "block"]
    subject: str
    consequence: str
    fix: str | None
    documents: int


class LastPreflight(BaseModel):
    """What the last preflight found: that of connecting, of `POST …/preflight` or of an export."""

    read_at: datetime
    date_from: date | None
    date_to: date | None
    ready: bool = Field(description="No finding blocks")
    findings: list[PreflightRow] = Field(description="The worst first")


class IntegrationOut(BaseModel):
    """One organization's settings for one ERP company, and whether it is connected."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    provider: str
    mode: Mode
    master_customers: list[CurrencyMasterCustomer]
    allowed_return_urls: list[str]
    source_system: str
    settings: IntegrationSettings
    connection: ConnectionSummary
    preflight: LastPreflight | None
    created_at: datetime
    updated_at: datetime


# ---------------------------------------------------------------------------------- providers


class ModeCapability(BaseModel):
    """One mode, and what it can export."""

    mode: Mode
    name: str
    description: str
    export_resources: list[str]


class Provider(BaseModel):
    """An ERP that can be chosen, with what it can do."""

    provider: str
    name: str
    available: bool
    modes: list[ModeCapability]
    import_resources: list[str]
    export_resources: list[str]
    mappings: list[str]
    documentation_url: str
