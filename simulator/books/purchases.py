"""Purchases: money paid out by cash, check or card, split over accounts and items."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from simulator.books.accounts import account_for
from simulator.books.currencies import transaction_currency
from simulator.books.faults import Fault
from simulator.books.ledger import Posting
from simulator.books.lists import display, draft_of, is_sparse, without_nothing
from simulator.books.money import ZERO, cents, total
from simulator.books.schemas_documents import PURCHASE
from simulator.books.state import Books
from simulator.books.tax import TaxedLine, drop_global_calculation, global_tax
from simulator.books.wire import Wire, ref, ref_id

_PAID_FROM: Final = {
    "Cash": frozenset({"Bank"}),
    "Check": frozenset({"Bank"}),
    "CreditCard": frozenset({"Credit Card"}),
}


@dataclass(slots=True)
class _Split:
    """What a purchase debits, before its tax."""

    debits: list[tuple[str, Decimal, str | None]] = field(default_factory=list)
    taxed: list[TaxedLine] = field(default_factory=list)


def create_purchase(books: Books, body: Wire) -> Wire:
    """Create a purchase; a line on receivables pays a customer back."""
    draft = draft_of(PURCHASE, None, PURCHASE.read(body), sparse=False)
    return _store(books, draft, None)


def update_purchase(books: Books, body: Wire) -> Wire:
    """Update a purchase, sparse or full."""
    former = books.current("Purchase", body)
    books.refuse_closed(former["TxnDate"])
    sent = PURCHASE.read(body)
    draft = draft_of(PURCHASE, former, sent, sparse=is_sparse(body))
    if "TxnTaxDetail" not in sent:
        draft.pop("TxnTaxDetail", None)
    return _store(books, draft, former)


def delete_purchase(books: Books, body: Wire) -> Wire:
    """Delete a purchase for good."""
    former = books.current("Purchase", body)
    books.refuse_closed(former["TxnDate"])
    if books.applied.get(("Purchase", former["Id"])):
        raise Fault.has_dependencies("Unlink the linked transactions first.")
    books.withdraw("Purchase", former)
    return books.bury("Purchase", former)


def _store(books: Books, draft: Wire, former: Wire | None) -> Wire:
    for name in ("PaymentType", "AccountRef", "Line"):
        if not draft.get(name):
            raise Fault.missing(name)
    on = draft.get("TxnDate") or books.today()
    books.refuse_closed(on)
    types = _PAID_FROM[draft["PaymentType"]]
    source = account_for(books, draft["AccountRef"], "AccountRef", types)
    payee = _payee(books, draft)
    split = _Split()
    lines = [
        _line(books, line, str(place), split, payee)
        for place, line in enumerate(draft["Line"], start=1)
    ]
    drop_global_calculation(books, draft)
    calculation = draft.get("GlobalTaxCalculation", "TaxExcluded")
    tax = None
    if not books.profile.is_us:
        sent = draft.get("TxnTaxDetail") or None
        tax = global_tax(books, split.taxed, on, calculation, sent, "Purchase")
    for agency_id, amount in (tax.by_agency if tax else {}).items():
        split.debits.append((books.account_in_role(f"tax/{agency_id}"), amount, None))
    id = books.store.next_id("transaction") if former is None else former["Id"]
    head = books.header(id) if former is None else books.next_header(former)
    row = without_nothing(
        {
            "AccountRef": ref(source["Id"], display("Account", source)),
            "PaymentType": draft["PaymentType"],
            "EntityRef": payee,
            "PaymentMethodRef": draft.get("PaymentMethodRef"),
            "PaymentRefNum": draft.get("PaymentRefNum"),
            "Credit": draft.get("Credit") or None,
            "TotalAmt": total(amount for _, amount, _ in split.debits),
            "PrintStatus": draft.get("PrintStatus", "NotSet"),
            **head,
            "DocNumber": draft.get("DocNumber"),
            "TxnDate": on,
            **transaction_currency(books, draft, None, on),
            "PrivateNote": draft.get("PrivateNote"),
            "Line": lines,
            "GlobalTaxCalculation": None if books.profile.is_us else calculation,
            "TxnTaxDetail": tax.detail if tax else None,
        }
    )
    stored = books.put("Purchase", row)
    books.enter("Purchase", stored, _postings(stored, split))
    return stored


def _payee(books: Books, draft: Wire) -> Wire | None:
    sent = draft.get("EntityRef")
    if sent is None:
        return None
    entity = sent.get("type", "Vendor")
    person = books.referred(entity, sent)
    return {**ref(person["Id"], display(entity, person)), "type": entity}


def _line(books: Books, line: Wire, place: str, split: _Split, payee: Wire | None) -> Wire:
    kind = line.get("DetailType")
    if kind is None:
        raise Fault.missing("DetailType")
    detail = line.get(kind)
    if detail is None:
        raise Fault.detail_missing(kind)
    if "Amount" not in line:
        raise Fault.missing("Amount")
    amount: Decimal = line["Amount"]
    account, target = _target(books, kind, detail, amount)
    customer = None
    if account["AccountType"] == "Accounts Receivable":
        customer = _customer(books, payee, detail)
    split.debits.append((account["Id"], amount, customer))
    code = ref_id(detail, "TaxCodeRef")
    if code is not None and not books.profile.is_us:
        books.referred("TaxCode", detail["TaxCodeRef"])
    if customer is None or code is not None:
        split.taxed.append(TaxedLine(amount, code, detail.get("TaxInclusiveAmt")))
    head = {"Description": line["Description"]} if line.get("Description") else {}
    stored = {"BillableStatus": "NotBillable", **detail, **target}
    return {"Id": place, **head, "Amount": amount, "DetailType": kind, kind: stored}


def _target(books: Books, kind: str, detail: Wire, amount: Decimal) -> tuple[Wire, Wire]:
    """The account a line debits, and how the stored detail names its target."""
    if kind == "AccountBasedExpenseLineDetail":
        if "AccountRef" not in detail:
            raise Fault.missing("AccountRef")
        account = books.referred("Account", detail["AccountRef"])
        return account, {"AccountRef": ref(account["Id"], display("Account", account))}
    if "ItemRef" not in detail:
        raise Fault.missing("ItemRef")
    priced = "Qty" in detail and "UnitPrice" in detail
    if priced and cents(detail["Qty"] * detail["UnitPrice"]) != amount:
        raise Fault.wrong_amount()
    item = books.referred("Item", detail["ItemRef"])
    expense = ref_id(item, "ExpenseAccountRef")
    if expense is None:
        raise Fault.business("The item has no expense account.")
    return books.store.rows["Account"][expense], {
        "ItemRef": ref(item["Id"], item["FullyQualifiedName"])
    }


def _customer(books: Books, payee: Wire | None, detail: Wire) -> str:
    """Whom a line on receivables pays: the payee, or the customer on the line."""
    if payee is not None and payee["type"] == "Customer":
        return str(payee["value"])
    if "CustomerRef" not in detail:
        raise Fault.business(
            "When you use Accounts Receivable, you must choose a customer in the Name field."
        )
    return str(books.referred("Customer", detail["CustomerRef"])["Id"])


def _postings(row: Wire, split: _Split) -> list[Posting]:
    """Debits against the account paid from; a card credit is the reverse."""
    sign = -1 if row.get("Credit") else 1
    rate = row.get("ExchangeRate", Decimal(1))
    postings = []
    for account, amount, customer in split.debits:
        owed = sign * amount if customer else None
        postings.append(Posting(account, cents(sign * amount * rate), customer, owed))
    paid = -total(posting.amount for posting in postings)
    return [*postings, Posting(row["AccountRef"]["value"], paid or ZERO)]
