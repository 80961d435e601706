"""
What is applied to what: payments to invoices, credits to invoices, and the open rest of each.

All links live on payments. `Books.applied` is the same seen from the document, and the open
amounts shown on documents are derived from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from simulator.books.ledger import Posting
from simulator.books.money import ZERO, cents, total
from simulator.books.state import Books
from simulator.books.wire import Wire, ref_id

OWN_NOTE = "Created by QB Online to link credits to charges."
"""Note of the payments QuickBooks makes by itself to apply a credit."""


_TXN_TYPES = {"Purchase": "Expense"}
_ENTITIES = {txn_type: entity for entity, txn_type in _TXN_TYPES.items()}


def txn_type_of(entity: str) -> str:
    """How a link calls a document of that entity: a purchase paid in cash is an Expense."""
    return _TXN_TYPES.get(entity, entity)


def entity_of(txn_type: str) -> str:
    """The entity of what a link names by its type."""
    return _ENTITIES.get(txn_type, txn_type)


@dataclass(frozen=True, slots=True)
class Link:
    """So much of a payment goes to this document."""

    entity: str
    id: str
    amount: Decimal

    @property
    def key(self) -> tuple[str, str]:
        """The document."""
        return (self.entity, self.id)


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A document with something to settle: *sign* is 1 for a charge and -1 for a credit."""

    customer_id: str
    sign: int
    total: Decimal
    rate: Decimal


def open_item(books: Books, entity: str, row: Wire) -> OpenItem | None:
    """What a document brings to be settled; None when it brings nothing."""
    rate = row.get("ExchangeRate", Decimal(1))
    if entity == "Invoice":
        amount = row["TotalAmt"] - row.get("Deposit", ZERO)
        return OpenItem(row["CustomerRef"]["value"], 1, amount, rate)
    if entity == "CreditMemo":
        return OpenItem(row["CustomerRef"]["value"], -1, row["TotalAmt"], rate)
    if entity not in {"JournalEntry", "Purchase"}:
        return None
    for posting in books.ledger.postings(entity, row["Id"]):
        if posting.customer_id is not None:
            owed = posting.receivable
            return OpenItem(posting.customer_id, 1 if owed > 0 else -1, abs(owed), rate)
    return None


def applied_to(books: Books, key: tuple[str, str]) -> Decimal:
    """How much of a document is settled."""
    return total(books.applied.get(key, {}).values())


def links_of(payment: Wire) -> list[Link]:
    """The links of a stored payment."""
    return [
        Link(
            entity_of(line["LinkedTxn"][0]["TxnType"]),
            line["LinkedTxn"][0]["TxnId"],
            line["Amount"],
        )
        for line in payment["Line"]
    ]


def by_document(links: Iterable[Link]) -> dict[tuple[str, str], Decimal]:
    """The sum of the links to each document."""
    sums: dict[tuple[str, str], Decimal] = {}
    for link in links:
        sums[link.key] = sums.get(link.key, ZERO) + link.amount
    return sums


def net_of(books: Books, links: Iterable[Link]) -> Decimal:
    """Charges less credits: what the links take of the payment's money."""
    return total(link.amount * _sign(books, link) for link in links)


def _sign(books: Books, link: Link) -> int:
    item = open_item(books, link.entity, books.store.rows[link.entity][link.id])
    return 1 if item is None else item.sign


def write_payment(
    books: Books, row: Wire, links: list[Link], *, skip: tuple[str, str] | None = None
) -> Wire:
    """
    Store a payment with its links, post it, and bring the documents it touches up to date.

    *skip* names a document which the caller is about to store itself.
    """
    id = row["Id"]
    former = books.store.rows["Payment"].get(id)
    before = by_document(links_of(former)) if former is not None else {}
    after = by_document(links)
    unapplied = row["TotalAmt"] - net_of(books, links)
    lines = [_line(books, link, before) for link in links]
    stored = books.put("Payment", {**row, "UnappliedAmt": unapplied, "Line": lines})
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            _apply(books, key, id, after.get(key))
            if key != skip:
                refresh(books, *key)
    if former is not None and former["CustomerRef"] != row["CustomerRef"]:
        books.mark_open("Payment", former, ZERO)
    books.mark_open("Payment", stored, unapplied)
    books.enter("Payment", stored, _postings(books, stored, links))
    return stored


def _apply(books: Books, key: tuple[str, str], payment_id: str, amount: Decimal | None) -> None:
    place = books.applied.setdefault(key, {})
    if amount:
        books.store.set(place, payment_id, amount)
    else:
        books.store.drop(place, payment_id)


def refresh(books: Books, entity: str, id: str) -> Wire:
    """Show on a document what is applied to it now: a change QuickBooks makes by itself."""
    row = books.store.rows[entity][id]
    changed = books.touch(entity, row, **settlement(books, entity, row))
    mark_document(books, entity, changed)
    return changed


def settlement(books: Books, entity: str, row: Wire) -> Wire:
    """The attributes of a document that follow from what is applied to it."""
    item = open_item(books, entity, row)
    if item is None or entity in {"JournalEntry", "Purchase"}:
        return {}
    payments = books.applied.get((entity, row["Id"]), {})
    rest = item.total - total(payments.values())
    if entity == "CreditMemo":
        return {"RemainingCredit": rest, "Balance": rest}
    others = [link for link in row.get("LinkedTxn", []) if link["TxnType"] != "Payment"]
    made = [{"TxnId": id, "TxnType": "Payment"} for id in payments]
    shown: Wire = {"LinkedTxn": [*others, *made], "Balance": rest}
    if "HomeBalance" in row:
        shown["HomeBalance"] = cents(rest * row["ExchangeRate"])
    return shown


def mark_document(books: Books, entity: str, row: Wire) -> None:
    """Keep the list of open documents."""
    if entity in {"Invoice", "CreditMemo"}:
        books.mark_open(entity, row, row["Balance"])


def release(books: Books, entity: str, row: Wire, excess: Decimal) -> None:
    """
    Take *excess* of what is applied to a document off again, the latest payment first.

    Payments get the money back as unapplied; links of credits give way on both sides.
    """
    key = (entity, row["Id"])
    item = open_item(books, entity, row)
    for payment_id in reversed(list(books.applied.get(key, {}))):
        if excess <= ZERO or item is None:
            return
        taken = min(excess, books.applied[key][payment_id])
        excess -= taken
        payment = books.store.rows["Payment"][payment_id]
        links = _reduced(links_of(payment), [key], taken)
        _rewrite(books, payment, _balanced(books, payment, links), skip=key)


def _rewrite(books: Books, payment: Wire, links: list[Link], *, skip: tuple[str, str]) -> None:
    write_payment(books, {**payment, **books.next_header(payment)}, links, skip=skip)
    if not links and payment.get("PrivateNote") == OWN_NOTE:
        forget_payment(books, books.store.rows["Payment"][payment["Id"]])


def forget_payment(books: Books, payment: Wire) -> Wire:
    """Delete a payment; what it settled is open again."""
    bare = write_payment(books, payment, [])
    books.mark_open("Payment", bare, ZERO)
    books.withdraw("Payment", bare)
    return books.bury("Payment", bare)


def _balanced(books: Books, payment: Wire, links: list[Link]) -> list[Link]:
    """Reduce the other side of *links* until charges less credits fit the payment's money."""
    net = net_of(books, links)
    if net < ZERO:
        return _reduced(links, [link.key for link in links if _sign(books, link) < 0], -net)
    if net > payment["TotalAmt"]:
        charges = [link.key for link in links if _sign(books, link) > 0]
        return _reduced(links, charges, net - payment["TotalAmt"])
    return links


def _reduced(links: list[Link], keys: list[tuple[str, str]], amount: Decimal) -> list[Link]:
    kept: list[Link] = []
    for link in reversed(links):
        if link.key in keys and amount > ZERO:
            taken = min(amount, link.amount)
            amount -= taken
            if taken == link.amount:
                continue
            kept.append(replace(link, amount=link.amount - taken))
        else:
            kept.append(link)
    return kept[::-1]


def _line(books: Books, link: Link, before: dict[tuple[str, str], Decimal]) -> Wire:
    """A line as answered, with the noise that comes along."""
    row = books.store.rows[link.entity][link.id]
    item = open_item(books, link.entity, row)
    brought = ZERO if item is None else item.total
    rest = brought - applied_to(books, link.key) + before.get(link.key, ZERO)
    noise = [("txnId", link.id), ("txnOpenBalance", str(rest))]
    if "DocNumber" in row:
        noise.append(("txnReferenceNumber", row["DocNumber"]))
    return {
        "Amount": link.amount,
        "LinkedTxn": [{"TxnId": link.id, "TxnType": txn_type_of(link.entity)}],
        "LineEx": {"any": [_name_value(name, value) for name, value in noise]},
    }


def _name_value(name: str, value: str) -> Wire:
    return {
        "name": "{http://schema.intuit.com/finance/v3}NameValue",
        "declaredType": "com.intuit.schema.finance.v3.NameValue",
        "scope": "javax.xml.bind.JAXBElement$GlobalScope",
        "value": {"Name": name, "Value": value},
        "nil": False,
        "globalScope": True,
        "typeSubstituted": False,
    }


def _postings(books: Books, payment: Wire, links: list[Link]) -> list[Posting]:
    """
    Money in; receivables down, on each customer at the rate of the document settled.

    What the rates differ by is exchange gain or loss.
    """
    rate = payment.get("ExchangeRate", Decimal(1))
    deposit = ref_id(payment, "DepositToAccountRef") or books.account_in_role("undeposited")
    postings = [Posting(deposit, cents(payment["TotalAmt"] * rate))]
    receivable = receivable_account(books, payment)
    for link in links:
        item = open_item(books, link.entity, books.store.rows[link.entity][link.id])
        if item is not None:
            owed = -item.sign * link.amount
            home = cents(owed * item.rate)
            postings.append(Posting(receivable, home, item.customer_id, owed))
    rest = -payment["UnappliedAmt"]
    customer = payment["CustomerRef"]["value"]
    postings.append(Posting(receivable, cents(rest * rate), customer, rest))
    difference = total(posting.amount for posting in postings)
    if difference:
        postings.append(Posting(books.account_in_role("exchange"), -difference))
    return postings


def receivable_account(books: Books, row: Wire) -> str:
    """The A/R account of a document: one per currency."""
    currency = row["CurrencyRef"]["value"]
    if currency == books.profile.currency:
        return books.account_in_role("receivable")
    return books.account_in_role(f"receivable/{currency}")
