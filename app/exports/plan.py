"""What a job is about: which records, in which step, in the ledger's order of dependence."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.arithmetic import UnreadableDocument, read_document
from app.billing.models import BillingRecord
from app.exports.currencies import customer_and_currency, customer_key
from app.exports.tax import PriceCodes, price_codes_of
from app.jobs.models import Record
from app.jobs.work import JobView
from app.kit.ids import new_id
from app.ledger.identity import (
    SEPARATOR,
    application_id,
    invoice_credit_id,
    refund_and_credit,
    refund_application_id,
    stored_as,
)
from app.ledger.links import (
    KnownApplication,
    applications_known,
    credited_invoices,
    links_of,
)

PLAN = "plan"
# The ledger's order: a step never starts while one that it needs has not ended.
ORDER = (
    "customers",
    "items",
    "payment_voids",
    "application_voids",
    "invoice_voids",
    "credit_voids",
    "invoices",
    "credit_memos",
    "payments",
    "applications",
    "refunds",
    "refund_links",
)
RESOURCE_STEPS: Mapping[str, tuple[str, ...]] = {
    "customers": ("customers",),
    "items": ("items",),
    # A negative invoice is a credit memo in the books.
    "invoices": (
        "customers",
        "items",
        "invoice_voids",
        "credit_voids",
        "invoices",
        "credit_memos",
    ),
    "payments": ("customers", "payment_voids", "payments"),
    "credits": (
        "customers",
        "items",
        "application_voids",
        "credit_voids",
        "credit_memos",
        "applications",
    ),
    "refunds": ("customers", "items", "refunds", "refund_links"),
}


def steps_for(resources: Iterable[str]) -> list[str]:
    """Return the steps of an export: planning first, then what the resources need, in order."""
    needed = {step for resource in resources for step in RESOURCE_STEPS.get(resource, ())}
    return [PLAN, *(step for step in ORDER if step in needed)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One record of a job, before it has an id."""

    step: str
    kind: str
    billing_id: str
    operation: str
    number: str | None = None
    customer: str | None = None
    day: date | None = None
    amount: Decimal | None = None
    tax: Decimal | None = None
    currency: str | None = None


@dataclass(slots=True)
class Plan:
    """
    Everything a job will do, each record once.

    *home_currency* is set where the books keep several currencies: customers then are noted with
    the currency they are billed in, for the books have one customer for each.
    """

    home_currency: str | None = None
    # Invoices that stand, or stood, in the books as credit memos.
    credited_invoices: set[str] = field(default_factory=set)
    billed_in: set[tuple[str, str]] = field(default_factory=set)
    records: dict[tuple[str, str, str], Planned] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    price_codes: set[str] = field(default_factory=set)
    tax_sets: Counter[PriceCodes] = field(default_factory=Counter)
    credits: dict[str, billing.CreditNote] = field(default_factory=dict)

    def add(self, planned: Planned) -> None:
        key = (planned.step, planned.kind, planned.billing_id)
        self.records.setdefault(key, planned)

    def needs_customer(self, billing_id: str, currency: str | None) -> None:
        if self.home_currency is None or currency is None:
            self.customers.add(billing_id)
        else:
            self.billed_in.add((billing_id, currency))


async def make_plan(
    session: AsyncSession,
    job: JobView,
    tax_codes: frozenset[str],
    *,
    home_currency: str | None = None,
) -> Plan:
    """Select the records in range (or those of a retry), and what they need."""
    credited = await credited_invoices(session, job.company_id)
    plan = Plan(home_currency=home_currency, credited_invoices=credited)
    if job.selection is not None:
        await _add_selected(session, job, plan, tax_codes)
    else:
        await _add_in_range(session, job, plan, tax_codes)
        if "customers" in job.resources:
            await _add_customers(session, job, plan)
        if "items" in job.resources:
            codes = await billing_rows.price_codes(session, job.integration_id)
            plan.price_codes |= {
                code for code, charge in codes.charges.items() if charge.kind != "tax"
            }
    await _settle_credits(session, job, plan)
    await _add_needed(session, job, plan)
    return plan


async def _add_in_range(
    session: AsyncSession, job: JobView, plan: Plan, tax_codes: frozenset[str]
) -> None:
    kinds = {
        "invoices": "invoice",
        "payments": "payment",
        "credits": "credit_note",
        "refunds": "refund",
    }
    for resource, kind in kinds.items():
        if resource not in job.resources:
            continue
        pages = billing_rows.in_range(
            session, job.integration_id, kind, job.range_from, job.range_to
        )
        async for page in pages:
            for row in page:
                add_row(plan, row, tax_codes)
                session.expunge(row)


def add_row(plan: Plan, row: BillingRecord, tax_codes: frozenset[str]) -> None:
    """Add one document, and note which customers, items and taxes it needs."""
    record = billing_rows.parse(row)
    if isinstance(record, billing.Payment):
        cancelled = record.status == "cancelled"
        step = "payment_voids" if cancelled else "payments"
        plan.add(_planned(row, step, Kind.PAYMENT, "void" if cancelled else "post"))
        if not cancelled:
            plan.needs_customer(record.customer, record.currency)
    elif isinstance(record, billing.Invoice):
        _add_invoice(plan, row, record, tax_codes)
    elif isinstance(record, billing.CreditNote):
        _add_credit(plan, row, record, tax_codes)
    elif isinstance(record, billing.Refund):
        _add_refund(plan, row, record, tax_codes)


def _add_invoice(
    plan: Plan, row: BillingRecord, invoice: billing.Invoice, tax_codes: frozenset[str]
) -> None:
    """Add an invoice; a negative one is a credit memo, and a void takes back what was posted."""
    void = invoice.status == "void"
    operation = "void" if void else "post"
    credited = invoice.billing_id in plan.credited_invoices if void else invoice.total < 0
    if credited:
        step = "credit_voids" if void else "credit_memos"
        planned = _planned(row, step, Kind.CREDIT_MEMO, operation)
        plan.add(
            replace(
                planned,
                billing_id=invoice_credit_id(row.billing_id),
                amount=None if planned.amount is None else -planned.amount,
                tax=None if planned.tax is None else -planned.tax,
            )
        )
    else:
        step = "invoice_voids" if void else "invoices"
        plan.add(_planned(row, step, Kind.INVOICE, operation))
    if not void:
        _note_needs(plan, invoice, tax_codes)


def _add_credit(
    plan: Plan, row: BillingRecord, note: billing.CreditNote, tax_codes: frozenset[str]
) -> None:
    plan.credits[note.billing_id] = note
    if note.status == "void":
        plan.add(_planned(row, "credit_voids", Kind.CREDIT_MEMO, "void"))
        return
    plan.add(_planned(row, "credit_memos", Kind.CREDIT_MEMO, "post"))
    _note_needs(plan, note, tax_codes)


def _add_refund(
    plan: Plan, row: BillingRecord, refund: billing.Refund, tax_codes: frozenset[str]
) -> None:
    plan.add(_planned(row, "refunds", Kind.REFUND, "post"))
    if refund.lines:
        _note_needs(plan, refund, tax_codes)
        return
    # What it pays back stands in the books, and so does its customer.
    if refund.credit_note is not None:
        kind = Kind.APPLICATION.value
        billing_id = refund_application_id(refund.billing_id, refund.credit_note)
    else:
        kind, billing_id = Kind.PAYMENT.value, refund.payment or ""
    plan.add(
        Planned(
            step="refund_links",
            kind=kind,
            billing_id=billing_id,
            operation="post",
            customer=refund.customer,
            day=refund.date,
        )
    )


async def _settle_credits(session: AsyncSession, job: JobView, plan: Plan) -> None:
    """
    Add the applications of the plan's credits: taken back, new, or of another amount.

    Those that take less of their credit than before come first, so that the others find it.
    """
    known = await applications_known(session, job.company_id, list(plan.credits))
    _add_taken_back(plan, known)
    growing: list[Planned] = []
    for note in plan.credits.values():
        for invoice, amount in applied_amounts(note).items():
            links = known.get((note.billing_id, invoice), {})
            billing_id = _present_turn(note.billing_id, invoice, links)
            planned = _application(note, billing_id, "applications", "post", amount)
            before = links[billing_id].amount if billing_id in links else None
            if before is not None and amount < before:
                plan.add(planned)
            else:
                growing.append(planned)
    for planned in growing:
        plan.add(planned)


def applied_amounts(note: billing.CreditNote) -> dict[str, Decimal]:
    """Return how much of an open credit is applied to each invoice."""
    amounts: dict[str, Decimal] = {}
    for part in note.applications if note.status == "open" else ():
        amounts[part.invoice] = amounts.get(part.invoice, Decimal(0)) + part.amount
    return amounts


def _present_turn(credit_id: str, invoice: str, links: Mapping[str, KnownApplication]) -> str:
    """Return the id of the pair's application that was not taken back (yet)."""
    for turn in itertools.count(1):
        billing_id = application_id(credit_id, invoice, turn=turn)
        if billing_id not in links or not links[billing_id].taken_back:
            break
    return billing_id


def _add_taken_back(
    plan: Plan, known: Mapping[tuple[str, str], Mapping[str, KnownApplication]]
) -> None:
    """Add the applications that stand in the books and that their credit note has no more."""
    for (credit_id, invoice), links in known.items():
        note = plan.credits[credit_id]
        if invoice in {part.invoice for part in note.applications}:
            continue
        for each in links.values():
            if each.standing:
                plan.add(_application(note, each.billing_id, "application_voids", "void", None))


def _application(
    note: billing.CreditNote, billing_id: str, step: str, operation: str, amount: Decimal | None
) -> Planned:
    return Planned(
        step=step,
        kind=Kind.APPLICATION.value,
        billing_id=billing_id,
        operation=operation,
        number=note.number,
        customer=note.customer,
        day=note.date,
        amount=amount,
        currency=note.currency,
    )


def _note_needs(plan: Plan, document: billing.SalesDocument, tax_codes: frozenset[str]) -> None:
    plan.needs_customer(document.customer, document.currency)
    try:
        sums = read_document(document, tax_codes)
    except UnreadableDocument:
        return  # Its own record will say what is wrong.
    plan.price_codes |= {line.price_code for line in sums.lines if line.price_code}
    for price_codes in {price_codes_of(line) for line in sums.lines}:
        plan.tax_sets[price_codes] += 1


def _planned(row: BillingRecord, step: str, kind: Kind, operation: str) -> Planned:
    return Planned(
        step=step,
        kind=kind.value,
        billing_id=row.billing_id,
        operation=operation,
        number=row.number,
        customer=row.customer_billing_id,
        day=row.record_date,
        amount=row.amount,
        tax=row.tax,
        currency=row.currency,
    )


async def _add_customers(session: AsyncSession, job: JobView, plan: Plan) -> None:
    """Add customers created in the range, and those that changed since they were posted."""
    in_range = billing_rows.in_range(
        session, job.integration_id, "customer", job.range_from, job.range_to
    )
    async for page in in_range:
        plan.customers |= {row.billing_id for row in page}
    everyone = billing_rows.in_range(session, job.integration_id, "customer", None, None)
    async for page in everyone:
        ids = [row.billing_id for row in page]
        links = await links_of(session, job.company_id, Kind.CUSTOMER.value, ids)
        plan.customers |= {
            row.billing_id
            for row in page
            if (link := links.get(row.billing_id)) is not None
            and link.content_hash not in {None, row.content_hash}
        }


async def _add_needed(session: AsyncSession, job: JobView, plan: Plan) -> None:
    wanted = {customer_and_currency(key)[0] for key in plan.customers}
    wanted |= {billing_id for billing_id, _ in plan.billed_in}
    rows = await billing_rows.load(session, job.integration_id, "customer", wanted)
    for billing_id, currency in plan.billed_in:
        own = (rows[billing_id].currency if billing_id in rows else None) or plan.home_currency
        plan.customers.add(customer_key(billing_id, currency, own=own or currency))
    for billing_id in sorted(plan.customers):
        row = rows.get(customer_and_currency(billing_id)[0])
        plan.add(
            Planned(
                step="customers",
                kind=Kind.CUSTOMER.value,
                billing_id=billing_id,
                operation="post",
                customer=billing_id,
                number=row.name if row else None,
                day=row.record_date if row else None,
            )
        )
    for price_code in sorted(plan.price_codes):
        plan.add(
            Planned(step="items", kind=Kind.ITEM.value, billing_id=price_code, operation="post")
        )


async def _add_selected(
    session: AsyncSession, job: JobView, plan: Plan, tax_codes: frozenset[str]
) -> None:
    """Add the records that a retry names."""
    wanted: dict[str, set[str]] = {}
    applications: list[str] = []
    for chosen in job.selection or ():
        kind, billing_id = chosen["kind"], chosen["billing_id"]
        if kind == Kind.CUSTOMER.value:
            plan.customers.add(billing_id)
        elif kind == Kind.ITEM.value:
            plan.price_codes.add(billing_id)
        elif kind == Kind.APPLICATION.value and (linked := refund_and_credit(billing_id)):
            wanted.setdefault(Kind.REFUND.value, set()).add(linked[0])
        elif kind == Kind.APPLICATION.value:
            applications.append(billing_id)
        elif kind == Kind.PAYMENT.value and "payments" not in job.resources:
            # The payment stands here for the refund that it paid.
            plan.add(
                Planned(step="refund_links", kind=kind, billing_id=billing_id, operation="post")
            )
        else:
            stored, own_id = stored_as(kind, billing_id)
            wanted.setdefault(stored, set()).add(own_id)
    for kind, ids in wanted.items():
        rows = await billing_rows.load(session, job.integration_id, kind, ids)
        for billing_id in sorted(rows):
            add_row(plan, rows[billing_id], tax_codes)
    await _add_applications(session, job, plan, tax_codes, applications)


async def _add_applications(
    session: AsyncSession,
    job: JobView,
    plan: Plan,
    tax_codes: frozenset[str],
    applications: Sequence[str],
) -> None:
    credit_ids = {billing_id.partition(SEPARATOR)[0] for billing_id in applications}
    rows = await billing_rows.load(session, job.integration_id, "credit_note", credit_ids)
    for credit_id in sorted(rows):
        add_row(plan, rows[credit_id], tax_codes)


async def save_plan(
    session: AsyncSession, job: JobView, plan: Plan, steps: Mapping[str, Any]
) -> int:
    """Write the plan's records, each under its step; return how many there are."""
    forced = job.selection is not None
    ordered = sorted(
        (planned for planned in plan.records.values() if planned.step in steps),
        key=lambda planned: (ORDER.index(planned.step), planned.day or date.min),
    )
    rows = [
        {
            "id": new_id(),
            "organization_id": job.organization_id,
            "job_id": job.id,
            "step_id": steps[planned.step],
            "position": position,
            "kind": planned.kind,
            "billing_id": planned.billing_id,
            "operation": planned.operation,
            "billing_number": planned.number,
            "customer": planned.customer,
            "record_date": planned.day,
            "amount": planned.amount,
            "tax": planned.tax,
            "currency": planned.currency,
            "state": "waiting",
            "force": forced,
            "fixes": [],
        }
        for position, planned in enumerate(ordered)
    ]
    for start in range(0, len(rows), 1000):
        await session.execute(insert(Record).on_conflict_do_nothing(), rows[start : start + 1000])
    return len(rows)
