"""Invoices, credit memos, sales receipts and refund receipts: one form, four directions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simulator.books.accounts import MONEY_TYPES, account_for
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
from simulator.books.lists import address, display, draft_of, is_sparse, without_nothing
from simulator.books.money import ZERO, cents, total
from simulator.books.numbers import release_number, settle_number
from simulator.books.sales_lines import SalesLines, read_lines
from simulator.books.schemas import Schema
from simulator.books.schemas_documents import CREDIT_MEMO, INVOICE, REFUND_RECEIPT, SALES_RECEIPT
from simulator.books.small_lists import due_date
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
_ADDRESSES = ("BillAddr", "ShipAddr", "ShipFromAddr")
_ONLINE = (
    "AllowIPNPayment",
    "AllowOnlinePayment",
    "AllowOnlineCreditCardPayment",
    "AllowOnlineACHPayment",
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
            **({"LinkedTxn": _own_links(draft)} if entity == "Invoice" else {}),
            "Line": lines.wire,
            "TxnTaxDetail": tax.detail,
            "GlobalTaxCalculation": None if books.profile.is_us else _calculation(books, draft),
            "CustomerRef": ref(customer["Id"], display("Customer", customer)) if customer else None,
            **_addresses(books, draft, sent, former, customer),
            **_references(books, draft, former),
            "TotalAmt": amount,
            "ApplyTaxAfterDiscount": draft.get("ApplyTaxAfterDiscount", False),
            "PrintStatus": draft.get("PrintStatus", "NeedToPrint"),
            "EmailStatus": draft.get("EmailStatus", "NotSet"),
            **_of_kind(books, entity, draft, sent, customer, former, on),
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
    state = _state(draft, customer)
    return lines, us_tax(books, lines.taxed, on, given, exempt=exempt, state=state)


def _state(draft: Wire, customer: Wire | None) -> str | None:
    for holder in (draft, customer or {}):
        for name in ("ShipAddr", "BillAddr"):
            code = holder.get(name, {}).get("CountrySubDivisionCode")
            if code:
                return str(code)
    return None


def _home(row: Wire) -> None:
    if "ExchangeRate" in row:
        row["HomeTotalAmt"] = cents(row["TotalAmt"] * row["ExchangeRate"])
        row["HomeBalance"] = row["HomeTotalAmt"]


def _own_links(draft: Wire) -> list[Wire]:
    """Links the sender may set: estimates and time, never payments."""
    return [link for link in draft.get("LinkedTxn", []) if link.get("TxnType") != "Payment"]


def _addresses(
    books: Books, draft: Wire, sent: Wire, former: Wire | None, customer: Wire | None
) -> Wire:
    found: Wire = {}
    for name in _ADDRESSES:
        if name not in sent:
            fallback = customer.get(name) if customer and former is None else None
            found[name] = draft.get(name, fallback)
            continue
        given = sent[name]
        if former is not None and books.rules.flatten_addresses:
            given = _flattened(given)
        found[name] = address(books, given, former.get(name) if former else None)
    return found


def _flattened(sent: Wire) -> Wire:
    """The address as QuickBooks prints it: everything in Line1 to Line5."""
    lines = [sent[f"Line{n}"] for n in range(1, 6) if sent.get(f"Line{n}")]
    region = " ".join(sent[n] for n in ("CountrySubDivisionCode",) if sent.get(n))
    town = ", ".join(part for part in (sent.get("City"), region) if part)
    last = "  ".join(part for part in (town, sent.get("PostalCode")) if part)
    lines += [part for part in (last, sent.get("Country")) if part]
    return {f"Line{n}": line for n, line in enumerate(lines[:5], start=1)}


def _references(books: Books, draft: Wire, former: Wire | None) -> Wire:
    found: Wire = {}
    for name, entity, group, switch in (
        ("ClassRef", "Class", "AccountingInfoPrefs", "ClassTrackingPerTxn"),
        ("DepartmentRef", "Department", "AccountingInfoPrefs", "TrackDepartments"),
        ("PaymentMethodRef", "PaymentMethod", None, None),
    ):
        if name not in draft:
            continue
        if former is not None and ref_id(former, name) == draft[name]["value"]:
            found[name] = former[name]
            continue
        target = books.referred(entity, draft[name])
        if group is None or books.preference(group, str(switch)):
            found[name] = ref(target["Id"], display(entity, target))
    return found


def _of_kind(
    books: Books,
    entity: str,
    draft: Wire,
    sent: Wire,
    customer: Wire | None,
    former: Wire | None,
    on: str,
) -> Wire:
    """The attributes only one kind of form has."""
    match entity:
        case "Invoice":
            return _of_invoice(books, draft, sent, customer, former, on)
        case "CreditMemo":
            return {"SalesTermRef": draft.get("SalesTermRef")}
    return {"DepositToAccountRef": _money_account(books, entity, draft)}


def _of_invoice(
    books: Books, draft: Wire, sent: Wire, customer: Wire | None, former: Wire | None, on: str
) -> Wire:
    chosen = draft.get("SalesTermRef")
    if chosen is None and former is None and customer is not None:
        chosen = customer.get("SalesTermRef")
    held = None if former is None else former.get("SalesTermRef")
    if chosen is not None and chosen != held:
        term = books.referred("Term", chosen)
        chosen = ref(term["Id"], term["Name"])
    fallback = chosen or books.preference("SalesFormsPrefs", "DefaultTerms")
    due = draft.get("DueDate")
    if due is None or ("SalesTermRef" in sent and "DueDate" not in sent):
        terms = books.store.rows["Term"]
        due = due_date(terms.get(fallback["value"]) if fallback else None, on)
    found: Wire = {"SalesTermRef": chosen, "DueDate": due}
    found |= {name: draft.get(name, False) for name in _ONLINE}
    if "Deposit" in draft and books.preference("SalesFormsPrefs", "AllowDeposit"):
        found["Deposit"] = draft["Deposit"]
        found["DepositToAccountRef"] = draft.get("DepositToAccountRef")
    return found


def _money_account(books: Books, entity: str, draft: Wire) -> Wire:
    """Where the money of a receipt goes to, or a refund comes from."""
    if "DepositToAccountRef" not in draft:
        if entity == "RefundReceipt":
            raise Fault.missing("DepositToAccountRef")
        draft["DepositToAccountRef"] = ref(books.account_in_role("undeposited"))
    account = account_for(books, draft["DepositToAccountRef"], "DepositToAccountRef", MONEY_TYPES)
    printed = draft.get("PrintStatus") == "PrintComplete" and account["AccountType"] == "Bank"
    if entity == "RefundReceipt" and printed and "PaymentRefNum" not in draft:
        raise Fault.missing("PaymentRefNum")
    return ref(account["Id"], display("Account", account))


def _credits(lines: SalesLines, tax: Tax, books: Books) -> dict[str, Decimal]:
    """What a sale credits: income less discounts by account, tax by agency."""
    credits = dict(lines.by_account)
    for agency_id, amount in tax.by_agency.items():
        account = books.account_in_role(f"tax/{agency_id}")
        credits[account] = credits.get(account, ZERO) + amount
    return credits


def _postings(books: Books, entity: str, row: Wire, credits: dict[str, Decimal]) -> list[Posting]:
    """Credits by account against receivables or money; a form that takes back posts the reverse."""
    form = FORMS[entity]
    rate = row.get("ExchangeRate", Decimal(1))
    postings = [
        Posting(account, -form.sign * cents(amount * rate)) for account, amount in credits.items()
    ]
    if "Deposit" in row:
        target = ref_id(row, "DepositToAccountRef") or books.account_in_role("undeposited")
        postings.append(Posting(target, cents(row["Deposit"] * rate)))
    balancing = -total(posting.amount for posting in postings)
    if form.on_account:
        owed = form.sign * (row["TotalAmt"] - row.get("Deposit", ZERO))
        receivable = receivable_account(books, row)
        postings.append(Posting(receivable, balancing, row["CustomerRef"]["value"], owed))
    else:
        postings.append(Posting(row["DepositToAccountRef"]["value"], balancing))
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
