"""Payments received: money, and the links that settle invoices with it or with credits."""

from __future__ import annotations

from decimal import Decimal

from simulator.books.accounts import MONEY_TYPES, account_for
from simulator.books.currencies import transaction_currency
from simulator.books.faults import Fault
from simulator.books.links import (
    Link,
    applied_to,
    by_document,
    entity_of,
    forget_payment,
    links_of,
    net_of,
    open_item,
    write_payment,
)
from simulator.books.lists import display, draft_of, is_sparse, without_nothing
from simulator.books.money import ZERO
from simulator.books.sales import void_note
from simulator.books.schemas_documents import PAYMENT
from simulator.books.state import Books
from simulator.books.wire import Wire, ref, ref_id

LINKABLE = frozenset({"Invoice", "CreditMemo", "JournalEntry", "Expense"})


def create_payment(books: Books, body: Wire) -> Wire:
    """Create a payment; what its lines do not apply stays as UnappliedAmt."""
    draft = draft_of(PAYMENT, None, PAYMENT.read(body), sparse=False)
    return _store(books, draft, None)


def update_payment(books: Books, body: Wire) -> Wire:
    """
    Update a payment; lines sent replace all former links.

    A full update without lines takes all links off.
    """
    former = _changeable(books, body)
    draft = draft_of(PAYMENT, former, PAYMENT.read(body), sparse=is_sparse(body))
    return _store(books, draft, former)


def void_payment(books: Books, body: Wire) -> Wire:
    """Void a payment: zero, no lines, note; its documents are open again."""
    former = _changeable(books, body)
    row = {
        **former,
        **books.next_header(former),
        "TotalAmt": ZERO,
        "PrivateNote": void_note(former.get("PrivateNote")),
    }
    return write_payment(books, row, [])


def delete_payment(books: Books, body: Wire) -> Wire:
    """Delete a payment for good; its documents are open again."""
    return forget_payment(books, _changeable(books, body))


def _changeable(books: Books, body: Wire) -> Wire:
    former = books.current("Payment", body)
    if ("Payment", former["Id"]) in books.deposited:
        raise Fault.deposited()
    books.refuse_closed(former["TxnDate"])
    return former


def _store(books: Books, draft: Wire, former: Wire | None) -> Wire:
    for name in ("CustomerRef", "TotalAmt"):
        if name not in draft:
            raise Fault.missing(name)
    amount: Decimal = draft["TotalAmt"]
    if amount < ZERO:
        raise Fault.negative_amount("TotalAmt")
    on = draft.get("TxnDate") or books.today()
    books.refuse_closed(on)
    customer = _customer(books, draft, former)
    links = _links(books, draft, former, customer)
    if not amount and not links and former is None:
        raise Fault.business("You must set a transaction amount.")
    _check_sum(books, amount, links)
    id = books.store.next_id("transaction") if former is None else former["Id"]
    head = books.header(id) if former is None else books.next_header(former)
    row = without_nothing(
        {
            "CustomerRef": ref(customer["Id"], display("Customer", customer)),
            "DepositToAccountRef": _deposit_to(books, draft, former) if amount else None,
            "PaymentMethodRef": _method(books, draft, former),
            "PaymentRefNum": draft.get("PaymentRefNum"),
            "TotalAmt": amount,
            "ProcessPayment": False,
            **head,
            "TxnDate": on,
            **transaction_currency(books, draft, customer, on),
            "PrivateNote": draft.get("PrivateNote"),
            "TransactionLocationType": draft.get("TransactionLocationType"),
        }
    )
    return write_payment(books, row, links)


def _customer(books: Books, draft: Wire, former: Wire | None) -> Wire:
    id = draft["CustomerRef"]["value"]
    if former is not None and ref_id(former, "CustomerRef") == id:
        return books.store.rows["Customer"][id]
    return books.referred("Customer", draft["CustomerRef"])


def _links(books: Books, draft: Wire, former: Wire | None, customer: Wire) -> list[Link]:
    """
    The links a draft asks for, each checked against what is open.

    Raises:
        Fault: 620 for what cannot be linked, 610 for what is not there, 6000 (or 620, by rule)
            for more than is open.
    """
    if former is not None and draft.get("Line") == former["Line"]:
        links = links_of(former)
    else:
        links = [link for line in draft.get("Line", []) if (link := _link(line)) is not None]
    before = by_document(links_of(former)) if former is not None else {}
    for (entity, id), wanted in by_document(links).items():
        row = books.row(entity, id)
        if entity == "Purchase" and row["PaymentType"] != "Cash":
            raise Fault.cannot_link("Only a purchase paid in cash can be linked to a payment.")
        item = open_item(books, entity, row)
        if item is None or not _belongs(books, item.customer_id, customer["Id"]):
            raise Fault.cannot_link("The transaction belongs to another customer.")
        rest = item.total - applied_to(books, (entity, id)) + before.get((entity, id), ZERO)
        if wanted > rest:
            raise _too_much(books, entity, wanted, rest)
    return links


def _link(line: Wire) -> Link | None:
    if "Amount" not in line:
        raise Fault.missing("Amount")
    if line["Amount"] < ZERO:
        raise Fault.negative_amount()
    linked = line.get("LinkedTxn", [])
    if len(linked) != 1 or "TxnId" not in linked[0] or "TxnType" not in linked[0]:
        raise Fault.missing("LinkedTxn")
    if linked[0]["TxnType"] not in LINKABLE:
        raise Fault.cannot_link(f"TxnType {linked[0]['TxnType']} cannot be linked to a payment.")
    if not line["Amount"]:
        return None
    return Link(entity_of(linked[0]["TxnType"]), linked[0]["TxnId"], line["Amount"])


def _belongs(books: Books, owner: str, payer: str) -> bool:
    """A payment settles documents of its customer and of the customers below that one."""
    above: str | None = owner
    while above is not None:
        if above == payer:
            return True
        above = ref_id(books.store.rows["Customer"][above], "ParentRef")
    return False


def _too_much(books: Books, entity: str, wanted: Decimal, rest: Decimal) -> Fault:
    text = f"The amount {wanted} is more than the open balance {rest} of the {entity}."
    if books.rules.over_application_code == "620":
        return Fault.cannot_link(text)
    return Fault.business(text)


def _check_sum(books: Books, amount: Decimal, links: list[Link]) -> None:
    """Charges less credits may take all of the money, and never less than none."""
    net = net_of(books, links)
    if net > amount:
        raise Fault.business("The amounts applied are more than the payment.")
    if net < ZERO:
        raise Fault.business("The credits applied are more than the charges.")


def _deposit_to(books: Books, draft: Wire, former: Wire | None) -> Wire:
    sent = draft.get("DepositToAccountRef")
    if sent is None:
        return ref(books.account_in_role("undeposited"))
    if former is not None and former.get("DepositToAccountRef") == sent:
        held: Wire = sent
        return held
    return ref(account_for(books, sent, "DepositToAccountRef", MONEY_TYPES)["Id"])


def _method(books: Books, draft: Wire, former: Wire | None) -> Wire | None:
    sent: Wire | None = draft.get("PaymentMethodRef")
    if sent is not None and (former is None or former.get("PaymentMethodRef") != sent):
        books.referred("PaymentMethod", sent)
    return sent
