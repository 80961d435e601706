"""Summarized entries as the API shows them."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.jobs.schemas import PostedDocument

EntryWord = Literal["invoices", "payments", "credits", "refunds"]


class EntryRow(BaseModel):
    """One summarized entry; `entry` is its id in addresses."""

    entry: str = Field(examples=["2026-03-01-INV-EUR-02"])
    number: str = Field(description="Its number in the books")
    kind: EntryWord
    period: str = Field(description="The day or month that it sums up, as it is in billing")
    period_from: date
    period_to: date
    currency: str
    sequence: int = Field(description="1 is the period's first entry; later ones are changes")
    state: str = Field(
        description="`draft` until it is sent, then that of its posting, and of its document"
    )
    txn_date: date | None = Field(description="Its date in the books")
    memo: str | None
    exchange_rate: str | None
    debits: str | None = Field(description="The sum of either side")
    document: PostedDocument | None
    created_at: datetime


class EntryLine(BaseModel):
    """One line; either debit or credit is told."""

    line: int
    account_id: str
    account_name: str
    debit: str | None
    credit: str | None
    description: str
    customer_id: str | None
    customer_name: str | None
    class_id: str | None
    department_id: str | None
    members: int = Field(description="Parts of billing records that it sums up")
    posted: bool = Field(description="False where its parts come to zero: the books do not have it")
    exchange_correction: bool = Field(
        description="What the entry's one exchange rate makes of several; it has no members"
    )
    home_difference: str | None = Field(
        description="In home currency: the records' own exchange rates less the entry's one"
    )


class EntryDetail(EntryRow):
    """An entry with its lines, as a bookkeeper reads them."""

    lines: list[EntryLine]


class MemberRow(BaseModel):
    """One part of one revision of a billing record."""

    kind: str
    billing_id: str
    number: str | None
    customer: str | None
    date: date
    revision: int
    effect: Literal["billed", "taken_back"]
    component: str = Field(description="`gross`, `money`, `net:<price code>`, `tax:<price code>`")
    role: str
    key: str | None = Field(description="Accounting code, tax or payment method")
    debit: str | None
    credit: str | None
    currency: str
    exchange_rate: str | None


class PreviewEntry(BaseModel):
    """An entry as an export would make it now; refused ones say why."""

    entry: str
    number: str
    kind: EntryWord
    period: str
    currency: str
    sequence: int
    txn_date: date | None
    memo: str | None
    exchange_rate: str | None
    debits: str | None
    lines: list[EntryLine]
    records: int = Field(description="Billing records that it would sum up")
    state: Literal["would_post", "skipped", "blocked", "rejected"]
    code: str | None = None
    cause: str | None = None
    explanation: str | None = None
    fixes: list[str] = []
