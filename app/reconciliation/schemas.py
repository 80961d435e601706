"""What the API says of a reconciliation."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.accounting.records import CompanyProfile
from app.jobs.records import shown_id
from app.kit.fields import Day
from app.kit.money import as_text
from app.kit.web import Strict
from app.ledger.outcomes import DOCUMENT_TYPES
from app.reconciliation.causes import CAUSES
from app.reconciliation.journal_causes import JOURNAL_CAUSES
from app.reconciliation.report import Difference, KindSums, Money, Report
from app.reconciliation.service import Reconciled
from app.reconciliation.situation import Check

DocumentKind = Literal["invoice", "credit_memo", "payment", "refund"]
DocumentUrl = Callable[[str, str], str | None]
TOP_CUSTOMERS = 50


class MoneyRow(BaseModel):
    """How many documents, their total, and the tax in it."""

    documents: int
    total: str
    tax: str

    @classmethod
    def of(cls, money: Money) -> "MoneyRow":
        return cls(documents=money.documents, total=as_text(money.total), tax=as_text(money.tax))


class KindRow(BaseModel):
    """One kind of document in one currency."""

    kind: DocumentKind
    currency: str
    billed: MoneyRow
    posted: MoneyRow = Field(description="What the ledger knew to stand in the books")
    in_books: MoneyRow = Field(description="What stands in the books now, of ours")
    difference: str = Field(description="In the books minus billed")
    others: MoneyRow = Field(description="In the books, and none of billing's; not compared")

    @classmethod
    def of(cls, kind: str, currency: str, sums: KindSums) -> "KindRow":
        return cls(
            kind=kind,
            currency=currency,
            billed=MoneyRow.of(sums.billed),
            posted=MoneyRow.of(sums.posted),
            in_books=MoneyRow.of(sums.in_books),
            difference=as_text(sums.in_books.total - sums.billed.total),
            others=MoneyRow.of(sums.others),
        )


class TaxRow(BaseModel):
    """One tax component: a rate of the books."""

    kind: DocumentKind
    currency: str
    rate_id: str | None = Field(
        description="Null: tax that is mapped to no rate, or all tax where the books compute it. "
        "With summarized entries: the price code of the tax"
    )
    rate_name: str | None
    percent: str | None
    billed: str
    in_books: str
    difference: str


class DifferingCustomerRow(BaseModel):
    """A customer with differing documents: invoices less credits and payments."""

    customer: str
    currency: str
    documents: int
    billed: str
    in_books: str
    difference: str


class CauseRow(BaseModel):
    """How many documents differ for the same reason."""

    code: str
    cause: str | None
    documents: int
    difference: str


class DocumentRef(BaseModel):
    """The document in the books; `url` opens it there."""

    type: str
    id: str
    number: str | None
    url: str | None


class DifferenceRow(BaseModel):
    """
    One document that is not in the books as it was billed.

    With summarized entries: a record that no entry holds as billed, or an entry (by the sum of its
    debits) that does not stand as it was sent.
    """

    kind: Literal["invoice", "credit_memo", "payment", "refund", "application", "journal_entry"]
    billing_id: str | None
    number: str | None
    customer: str | None
    date: date | None
    currency: str
    billed: str
    posted: str
    in_books: str
    difference: str
    document: DocumentRef | None
    code: str
    cause: str
    explanation: str
    fixes: list[str]
    details: dict[str, Any]

    @classmethod
    def of(cls, found: Difference, url: DocumentUrl) -> "DifferenceRow":
        document = None
        if found.document_id:
            type_ = found.document_type or DOCUMENT_TYPES[found.kind.value]
            document = DocumentRef(
                type=type_,
                id=found.document_id,
                number=found.document_number,
                url=url(type_, found.document_id),
            )
        return cls(
            kind=found.kind.value,
            billing_id=shown_id(found.billing_id) if found.billing_id else None,
            number=found.number,
            customer=found.customer,
            date=found.day,
            currency=found.currency,
            billed=as_text(found.billed),
            posted=as_text(found.posted),
            in_books=as_text(found.in_books),
            difference=as_text(found.difference),
            document=document,
            code=found.words.code,
            cause=found.words.cause,
            explanation=said(found),
            fixes=list(found.words.fixes),
            details=dict(found.details),
        )


def said(found: Difference) -> str:
    """Return the explanation with the figures, where they differ."""
    if found.difference == 0:
        return found.words.explanation
    figures = (
        f"Billed {as_text(found.billed)}, in the books {as_text(found.in_books)} "
        f"({found.difference:+.2f})."
    )
    return f"{found.words.explanation} {figures}".strip()


class ReconciliationOut(BaseModel):
    """Billed, posted and in the books, to the cent."""

    integration_id: UUID
    date_from: date
    date_to: date
    read_at: datetime
    in_step: bool = Field(description="Nothing differs")
    kinds: list[KindRow]
    taxes: list[TaxRow]
    customers: list[DifferingCustomerRow] = Field(
        description=f"The {TOP_CUSTOMERS} that differ most; only differing documents are summed"
    )
    causes: list[CauseRow]
    differences: list[DifferenceRow]
    differences_total: int = Field(description="All of them; the CSV has every one")
    foreign_payments: int = Field(
        description="Payments recorded in QuickBooks for our invoices; shown at the invoices"
    )
    quickbooks_calls: dict[str, int]


def kind_rows(report: Report) -> list[KindRow]:
    return [
        KindRow.of(kind, currency, sums) for (kind, currency), sums in sorted(report.kinds.items())
    ]


def tax_rows(done: Reconciled) -> list[TaxRow]:
    rows = []
    for (kind, currency, rate_id), sums in sorted(
        done.report.taxes.items(), key=lambda entry: (entry[0][0], entry[0][1], entry[0][2] or "")
    ):
        rate = done.rates.get(rate_id or "")
        percent = rate.percent if rate else None
        rows.append(
            TaxRow(
                kind=kind,
                currency=currency,
                rate_id=rate_id,
                rate_name=rate.name if rate else None,
                percent=None if percent is None else f"{percent.normalize():f}",
                billed=as_text(sums.billed),
                in_books=as_text(sums.in_books),
                difference=as_text(sums.in_books - sums.billed),
            )
        )
    return rows


def customer_rows(report: Report) -> list[DifferingCustomerRow]:
    """Return the customers that differ most, the greatest difference first."""
    ordered = sorted(
        report.customers.items(),
        key=lambda entry: (-abs(entry[1].in_books - entry[1].billed), entry[0]),
    )
    return [
        DifferingCustomerRow(
            customer=customer,
            currency=currency,
            documents=sums.documents,
            billed=as_text(sums.billed),
            in_books=as_text(sums.in_books),
            difference=as_text(sums.in_books - sums.billed),
        )
        for (customer, currency), sums in ordered[:TOP_CUSTOMERS]
    ]


def cause_rows(report: Report) -> list[CauseRow]:
    words = {**CAUSES, **JOURNAL_CAUSES}
    return [
        CauseRow(
            code=code,
            cause=words[code].cause if code in words else None,
            documents=number,
            difference=as_text(report.amounts[code]),
        )
        for code, number in report.causes.most_common()
    ]


# ---------------------------------------------------------------------------------- preflight


class PreflightIn(Strict):
    """Which documents are looked at; all of them where a day is left out."""

    date_from: Day | None = None
    date_to: Day | None = None


class CheckRow(BaseModel):
    """One finding: what was looked at, what follows for the range, and what to do."""

    code: str
    level: Literal["pass", "warn", "block"]
    subject: str
    consequence: str
    documents: int = Field(description="How many documents of the range it concerns")
    fix: str | None


class ProfileRow(BaseModel):
    """The company as QuickBooks describes it now."""

    name: str
    country: str
    home_currency: str
    time_zone: str
    tax_model: str
    multicurrency: bool
    custom_numbers: bool
    auto_apply_credits: bool
    auto_apply_payments: bool
    books_closed_until: date | None
    plan: str | None
    subscription: str | None


class PreflightOut(BaseModel):
    """Whether an export of the range would go through."""

    integration_id: UUID
    date_from: date | None
    date_to: date | None
    read_at: datetime
    ready: bool = Field(description="No finding blocks")
    documents: int = Field(description="Documents of the range that are not void")
    findings: list[CheckRow] = Field(description="The worst first")
    profile: ProfileRow
    quickbooks_calls: dict[str, int]


def check_row(check: Check) -> CheckRow:
    return CheckRow(
        code=check.code,
        level=check.level.value,
        subject=check.subject,
        consequence=check.consequence,
        documents=check.documents,
        fix=check.fix,
    )


def profile_row(profile: CompanyProfile) -> ProfileRow:
    names = ProfileRow.model_fields
    return ProfileRow(**{name: getattr(profile, name) for name in names})
