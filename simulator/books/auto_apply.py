"""
AutoApplyCredit and AutoApplyPayments: QuickBooks links documents unasked.

A new invoice takes the customer's open credits by a zero payment that QuickBooks makes, then
unapplied payments by growing them; a new credit memo goes to the open invoices. Oldest first. A new
payment without lines stays unapplied, as recorded.
"""

from __future__ import annotations

from decimal import Decimal

from simulator.books.links import OWN_NOTE, Link, links_of, write_payment
from simulator.books.money import ZERO
from simulator.books.state import Books
from simulator.books.wire import Wire


def auto_apply(books: Books, entity: str, row: Wire) -> None:
    """Link a document that was just created with whatever the customer has open."""
    id = row["Id"]
    if entity == "Invoice":
        if books.preference("SalesFormsPrefs", "AutoApplyCredit"):
            for credit in _open(books, "CreditMemo", row):
                _apply_credit(books, books.store.rows[entity][id], credit)
        if books.preference("SalesFormsPrefs", "AutoApplyPayments"):
            for payment in _open(books, "Payment", row):
                _grow(books, payment, books.store.rows[entity][id])
    elif entity == "CreditMemo" and books.preference("SalesFormsPrefs", "AutoApplyCredit"):
        for invoice in _open(books, "Invoice", row):
            _apply_credit(books, invoice, books.store.rows[entity][id])


def _open(books: Books, entity: str, row: Wire) -> list[Wire]:
    """The customer's open documents of a kind in the same currency, oldest first."""
    ids = books.open_items.get((entity, row["CustomerRef"]["value"]), {})
    found = [books.store.rows[entity][id] for id in ids]
    same = [other for other in found if other["CurrencyRef"] == row["CurrencyRef"]]
    return sorted(same, key=lambda other: (other["TxnDate"], int(other["Id"])))


def _apply_credit(books: Books, invoice: Wire, credit: Wire) -> None:
    amount = min(invoice["Balance"], credit["RemainingCredit"])
    if amount <= ZERO:
        return
    row: Wire = {
        "CustomerRef": invoice["CustomerRef"],
        "TotalAmt": ZERO,
        "ProcessPayment": False,
        **books.header(books.store.next_id("transaction")),
        "TxnDate": max(invoice["TxnDate"], credit["TxnDate"]),
        "CurrencyRef": invoice["CurrencyRef"],
        "PrivateNote": OWN_NOTE,
    }
    if "ExchangeRate" in invoice:
        row["ExchangeRate"] = invoice["ExchangeRate"]
    links = [Link("Invoice", invoice["Id"], amount), Link("CreditMemo", credit["Id"], amount)]
    write_payment(books, row, links)


def _grow(books: Books, payment: Wire, invoice: Wire) -> None:
    amount: Decimal = min(invoice["Balance"], payment["UnappliedAmt"])
    closed = books.preference("AccountingInfoPrefs", "BookCloseDate")
    if amount <= ZERO or (closed is not None and payment["TxnDate"] <= closed):
        return
    links = [*links_of(payment), Link("Invoice", invoice["Id"], amount)]
    write_payment(books, {**payment, **books.next_header(payment)}, links)
