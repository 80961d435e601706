"""Invoices, credit memos, sales receipts and refund receipts: one form, four directions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simulator.books.auto_apply import auto_apply
from simulator.books.currencies import transaction_currency
from simulator.books.faults import Fault
from simulator.books.ledger import Posting
from simulator.books.links import (
    applied_to,
    mark_document,
    receivable_account,
    release,
    settlement,
)
from simulator.books.lists import display, draft_of, is_sparse, without_nothing
from simulator.books.money import ZERO, cents, total
from simulator.books.numbers import release_number, settle_number
from simulator.books.sales_lines import SalesLines, read_lines
from simulator.books.sales_parts import addresses, of_kind, own_links, references, state_of
from simulator.books.schemas import Schema
from simulator.books.schemas_documents import CREDIT_MEMO, INVOICE, REFUND_RECEIPT, SALES_RECEIPT
from simulator.books.state import Books
from simulator.books.tax import Tax, drop_global_calculation, global_tax, us_tax
from simulator.books.wire import Wire, ref, ref_id

VOID_NOTE = "Voided"


@dataclass(frozen=True, slots=True)
class Form:
    """What distinguishes one kind of sales form."""

    schema: Schema
    sign: int
    """1 where it sells, -1 where it takes back."""
    on_account: bool
    """Whether it goes to receivables, or straight to a money account."""


FORMS = {
    "Invoice": Form(INVOICE, 1, on_account=True),
    "CreditMemo": Form(CREDIT_MEMO, -1, on_account=True),
    "SalesReceipt": Form(SALES_RECEIPT, 1, on_account=False),
    "RefundReceipt": Form(REFUND_RECEIPT, -1, on_account=False),
}
_PLAIN = (
    "PrivateNote",
    "CustomerMemo",
    "BillEmail",
    "BillEmailCc",
    "BillEmailBcc",
    "PaymentRefNum",
    "ShipDate",
    "TrackingNum",
    "ShipMethodRef",
    "ProjectRef",
    "TransactionLocationType",
)


def create_sale(books: Books, entity: str, body: Wire, *, allow_duplicate: bool = False) -> Wire:
    """Create a form; QuickBooks may link it with open credits or payments at once."""
    form = FORMS[entity]
    sent = form.schema.read(body)
    draft = draft_of(form.schema, None, sent, sparse=False)
    id = books.store.next_id("transaction")
    stored = _store(books, entity, draft, sent, None, id, allow_duplicate=allow_duplicate)
    if form.on_account:
        auto_apply(books, entity, stored)
    return stored if not books.rules.auto_apply_in_answer else books.row(entity, id)


def update_sale(books: Books, entity: str, body: Wire) -> Wire:
    """
    Update a form, sparse or full.

    Lines are replaced whole; tax is computed anew with them unless TxnTaxDetail is sent along,
    which then stands as it is. A total below what is applied frees payments.
    """
    form = FORMS[entity]
    former = books.current(entity, body)
    if (entity, former["Id"]) in books.deposited:
        raise Fault.deposited()
    books.refuse_closed(former["TxnDate"])
    sent = form.schema.read(body)
    draft = draft_of(form.schema, former, sent, sparse=is_sparse(body))
    return _store(books, entity, draft, sent, former, former["Id"], allow_duplicate=False)


def _store(
    books: Books,
    entity: str,
    draft: Wire,
    sent: Wire,
    former: Wire | None,
    id: str,
    *,
    allow_duplicate: bool,
) -> Wire:
    form = FORMS[entity]
    on = draft.get("TxnDate") or books.today()
    books.refuse_closed(on)
    customer = _customer(books, form, draft, former)
    lines, tax = _amounts(books, draft, sent, former, customer, on)
    amount = lines.net + tax.total
    if amount < ZERO:
        raise Fault.business("The transaction amount must be 0 or greater.")
    head = books.header(id) if former is None else books.next_header(former)
    number = settle_number(
        books, entity, id, draft.get("DocNumber"), former, allowed=allow_duplicate
    )
    row = without_nothing(
        {
            **head,
            "CustomField": draft.get("CustomField", []),
            "DocNumber": number,
            "TxnDate": on,
            **transaction_currency(books, draft, customer, on),
            **{name: draft.get(name) for name in _PLAIN},
            **({"LinkedTxn": own_links(draft)} if entity == "Invoice" else {}),
            "Line": lines.wire,
            "TxnTaxDetail": tax.detail,
            "GlobalTaxCalculation": None if books.profile.is_us else _calculation(books, draft),
            "CustomerRef": ref(customer["Id"], display("Customer", customer)) if customer else None,
            **addresses(books, draft, sent, former, customer),
            **references(books, draft, former),
            "TotalAmt": amount,
            "ApplyTaxAfterDiscount": draft.get("ApplyTaxAfterDiscount", False),
            "PrintStatus": draft.get("PrintStatus", "NeedToPrint"),
            "EmailStatus": draft.get("EmailStatus", "NotSet"),
            **of_kind(books, entity, draft, sent, customer, former, on),
        }
    )
    if row["EmailStatus"] == "NeedToSend" and "BillEmail" not in row:
        raise Fault.email_required()
    _home(row)
    return _settle(books, entity, row, former, _credits(lines, tax, books))


def _settle(
    books: Books, entity: str, row: Wire, former: Wire | None, credits: dict[str, Decimal]
) -> Wire:
    """Store a form with its open amount, and post it."""
    if FORMS[entity].on_account:
        key = (entity, row["Id"])
        due = row["TotalAmt"] - row.get("Deposit", ZERO)
        if due < ZERO:
            raise Fault.business("The deposit is more than the transaction amount.")
        release(books, entity, row, applied_to(books, key) - due)
        row |= settlement(books, entity, row)
    else:
        row["Balance"] = ZERO
    stored = books.put(entity, row)
    if former is not None and former.get("CustomerRef") != row.get("CustomerRef"):
        books.mark_open(entity, former, ZERO)
    mark_document(books, entity, stored)
    books.enter(entity, stored, _postings(books, entity, stored, credits))
    return stored


def _customer(books: Books, form: Form, draft: Wire, former: Wire | None) -> Wire | None:
    """The customer; on a form that stands already, an inactive one is no obstacle."""
    id = ref_id(draft, "CustomerRef")
    if id is None:
        if form.on_account:
            raise Fault.missing("CustomerRef")
        return None
    held = None if former is None else ref_id(former, "CustomerRef")
    if id == held:
        return books.store.rows["Customer"][id]
    customer = books.referred("Customer", draft["CustomerRef"])
    if former is not None and books.applied.get((form.schema.entity, former["Id"])):
        raise Fault.business("The customer of a transaction with payments cannot be changed.")
    return customer


def _calculation(books: Books, draft: Wire) -> str:
    return str(draft.get("GlobalTaxCalculation", "TaxExcluded"))


def _amounts(
    books: Books, draft: Wire, sent: Wire, former: Wire | None, customer: Wire | None, on: str
) -> tuple[SalesLines, Tax]:
    """Lines and tax: as they were when nothing sent touches them, else computed anew."""
    drop_global_calculation(books, draft)
    if not draft.get("Line"):
        raise Fault.missing("Line")
    calculation = _calculation(books, draft)
    taxing = calculation != "NotApplicable" and (
        books.preference("TaxPrefs", "UsingSalesTax") is not False
    )
    lines = read_lines(
        books,
        draft["Line"],
        former,
        after_discount=bool(draft.get("ApplyTaxAfterDiscount")),
        taxing=taxing,
        trusted=former is not None and "Line" not in sent,
    )
    touched = {"Line", "TxnTaxDetail", "GlobalTaxCalculation"} & sent.keys()
    given = sent.get("TxnTaxDetail")
    if former is not None and not touched:
        given = former.get("TxnTaxDetail")
    if not books.profile.is_us:
        return lines, global_tax(books, lines.taxed, on, calculation, given)
    exempt = customer is not None and customer["Taxable"] is False
    state = state_of(draft, customer)
    return lines, us_tax(books, lines.taxed, on, given, exempt=exempt, state=state)


def _home(row: Wire) -> None:
    if "ExchangeRate" in row:
        row["HomeTotalAmt"] = cents(row["TotalAmt"] * row["ExchangeRate"])
        row["HomeBalance"] = row["HomeTotalAmt"]


def _credits(lines: SalesLines, tax: Tax, books: Books) -> dict[str, Decimal]:
    """What a sale credits: income less discounts by account, tax by agency."""
    credits = dict(lines.by_account)
    for agency_id, amount in tax.by_agency.items():
        account = books.account_in_role(f"tax/{agency_id}")
        credits[account] = credits.get(account, ZERO) + amount
    return credits


def _postings(books: Books, entity: str, row: Wire, credits: dict[str, Decimal]) -> list[Posting]:
    """
    Credits by account against receivables or money; a form that takes back posts the reverse.

    Cents that the rounding of each to home currency leaves are exchange gain or loss.
    """
    form = FORMS[entity]
    rate = row.get("ExchangeRate", Decimal(1))
    postings = [
        Posting(account, -form.sign * cents(amount * rate)) for account, amount in credits.items()
    ]
    if "Deposit" in row:
        target = ref_id(row, "DepositToAccountRef") or books.account_in_role("undeposited")
        postings.append(Posting(target, cents(row["Deposit"] * rate)))
    owed = form.sign * (row["TotalAmt"] - row.get("Deposit", ZERO))
    home = cents(owed * rate)
    if form.on_account:
        receivable = receivable_account(books, row)
        postings.append(Posting(receivable, home, row["CustomerRef"]["value"], owed))
    else:
        postings.append(Posting(row["DepositToAccountRef"]["value"], home))
    rest = total(posting.amount for posting in postings)
    if rest:
        postings.append(Posting(books.account_in_role("exchange"), -rest))
    return postings


def void_sale(books: Books, entity: str, body: Wire) -> Wire:
    """Void an invoice or sales receipt: everything zero, note, links cleared, number kept."""
    former = books.current(entity, body)
    if (entity, former["Id"]) in books.deposited:
        raise Fault.deposited()
    books.refuse_closed(former["TxnDate"])
    row: Wire = {
        **former,
        **books.next_header(former),
        "PrivateNote": void_note(former.get("PrivateNote")),
        "Line": [_zeroed(line) for line in former["Line"]],
        "TxnTaxDetail": {"TotalTax": ZERO},
        "TotalAmt": ZERO,
    }
    row.pop("Deposit", None)
    _home(row)
    return _settle(books, entity, row, former, {})


def void_note(note: str | None) -> str:
    """The note of a voided document: the word comes before what stood there."""
    if not note or note.startswith(VOID_NOTE):
        return note or VOID_NOTE
    return f"{VOID_NOTE} - {note}"


def _zeroed(line: Wire) -> Wire:
    zeroed = {**line, "Amount": ZERO} if "Amount" in line else dict(line)
    detail = line.get("SalesItemLineDetail")
    if detail is not None:
        changed = {name: Decimal(0) for name in ("Qty", "UnitPrice") if name in detail}
        if "TaxInclusiveAmt" in detail:
            changed["TaxInclusiveAmt"] = ZERO
        zeroed["SalesItemLineDetail"] = {**detail, **changed}
    group = line.get("GroupLineDetail")
    if group is not None:
        zeroed["GroupLineDetail"] = {**group, "Line": [_zeroed(inner) for inner in group["Line"]]}
    return zeroed


def delete_sale(books: Books, entity: str, body: Wire) -> Wire:
    """Delete a form for good; one with payments is refused, or unlinked, by rule."""
    former = books.current(entity, body)
    key = (entity, former["Id"])
    if key in books.deposited:
        raise Fault.deposited()
    books.refuse_closed(former["TxnDate"])
    if books.applied.get(key):
        if books.rules.delete_linked == "refuse":
            raise Fault.has_dependencies("Unlink the linked transactions first.")
        release(books, entity, former, applied_to(books, key))
    books.mark_open(entity, former, ZERO)
    release_number(books, entity, former["Id"], former.get("DocNumber"))
    books.withdraw(entity, former)
    return books.bury(entity, former)
