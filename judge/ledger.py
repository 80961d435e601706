"""
What each account of the books must have moved by, worked out from billing alone.

A sale debits receivables with its total and credits the income account of each line's item with
the net, and the agency of each tax with the tax; credits and refunds with lines do the reverse.
Money received, and money that went back, moves between money and receivables. All in home
currency: each account's part of a document is converted at the document's rate and rounded half
up; what is settled leaves receivables at the rate at which it came there, and the rest of such a
document is exchange gain or loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from judge.billed import Billed, Payment, Payout, Sale
from judge.books import Books, reference
from judge.naming import folded
from judge.taxes import ZERO, cents

MONEY_TYPES = {"Bank", "Other Current Asset", "Credit Card"}
INCOME_TYPES = {"Income", "Other Income"}
MONEY, EXCHANGE, TAX = "money", "exchange gain or loss", "tax, all agencies"


class Untold(ValueError):
    """The pushed file does not tell enough to know an account; the message says what is missing."""


@dataclass
class Expected:
    """How each account moved, debit positive: by account id, and in three sums."""

    by_account: dict[str, Decimal] = field(default_factory=dict)
    sums: dict[str, Decimal] = field(default_factory=dict)


class Ledger:
    """Works out what must have been posted since *before*."""

    def __init__(self, billed: Billed, books: Books, before: Books) -> None:
        self._billed, self._books, self._before = billed, books, before
        self._items = {folded(str(row["Name"])): row for row in before.of("Item")}
        self._agencies = {
            str(row["Name"]): reference(row, "AgencyRef") for row in books.of("TaxRate")
        }
        self._receivables = receivables(books)
        self._found = Expected()

    def expected(self) -> Expected:
        """
        Return what must have moved.

        Raises:
            Untold: An account cannot be told from the pushed file.
        """
        billed = self._billed
        for sale in billed.invoices.values():
            self._sale(sale, 1)
        for sale in billed.credits.values():
            self._sale(sale, -1)
            self._applications(sale)
        for sale in billed.receipts.values():
            self._sale(sale, -1, paid=True)
        for payment in billed.payments.values():
            self._payment(payment)
        for payout in billed.payouts.values():
            self._payout(payout)
        return self._found

    # ---------------------------------------------------------------------- one document

    def _sale(self, sale: Sale, sign: int, *, paid: bool = False) -> None:
        if not sale.live:
            return
        parts: dict[str, Decimal] = {}
        for code, net in sale.lines:
            account = self._income(code, sale.reason)
            parts[account] = parts.get(account, ZERO) - sign * net
        for code, tax in sale.taxes.items():
            account = self._tax(code)
            parts[account] = parts.get(account, ZERO) - sign * tax
        target = MONEY if paid else self._receivable(sale.currency)
        moved = {account: cents(amount * sale.rate) for account, amount in parts.items()}
        self._post({**moved, target: cents(sign * sale.total * sale.rate)})

    def _applications(self, credit: Sale) -> None:
        """A credit leaves at its own rate, and the invoice at that of the invoice."""
        account = self._receivable(credit.currency)
        for invoice_id, amount in credit.applied.items() if credit.live else ():
            settled = self._billed.invoices[invoice_id]
            self._post({account: cents(amount * credit.rate) - cents(amount * settled.rate)})

    def _payment(self, payment: Payment) -> None:
        if not payment.live:
            return
        left = self._billed.unapplied(payment.billing_id)
        moved = -cents(left * payment.rate)
        for invoice_id, amount in payment.applied.items():
            moved -= cents(amount * self._billed.invoices[invoice_id].rate)
        for payout in self._billed.payouts.values():
            if payout.source == ("payments", payment.billing_id):
                moved -= cents(payout.amount * payout.rate)
        account = self._receivable(payment.currency)
        self._post({MONEY: cents(payment.amount * payment.rate), account: moved})

    def _payout(self, payout: Payout) -> None:
        account, home = self._receivable(payout.currency), cents(payout.amount * payout.rate)
        self._post({account: home, MONEY: -home})
        if payout.source[0] == "credits":
            credit = self._billed.credits[payout.source[1]]
            self._post({account: cents(payout.amount * credit.rate) - home})

    def _post(self, parts: Mapping[str, Decimal]) -> None:
        """Enter one document; what its parts do not come to is exchange gain or loss."""
        rest = -sum(parts.values(), ZERO)
        for account, amount in {**parts, EXCHANGE: rest}.items():
            place = self._found.by_account
            if account in {MONEY, EXCHANGE, TAX}:
                place = self._found.sums
            place[account] = place.get(account, ZERO) + amount

    # ----------------------------------------------------------------------- its accounts

    def _income(self, code: str | None, reason: str) -> str:
        """Return the income account of a line: that of its item, or the one for new items."""
        item = self._items.get(folded(self._item_name(code, reason)))
        if item is not None:
            return reference(item, "IncomeAccountRef")
        name = self._billed.settings.income_account
        for row in self._books.of("Account"):
            if name is not None and row["Name"] == name and row["AccountType"] in INCOME_TYPES:
                return str(row["Id"])
        raise Untold(f"the income account of {code or reason}")

    def _item_name(self, code: str | None, reason: str) -> str:
        settings = self._billed.settings
        if code is None:
            return settings.reason_items.get(reason) or settings.fallback_item or ""
        return settings.items.get(code) or self._billed.charges.get(code) or ""

    def _tax(self, code: str) -> str:
        """Return the liability account of a tax; all of them together where QuickBooks shares."""
        if self._books.automated_tax:
            return TAX
        rate = self._billed.settings.rates.get(code, code)
        if rate not in self._agencies:
            raise Untold(f"the rate of the tax {code}")
        return self._books.tax_accounts[self._agencies[rate]]

    def _receivable(self, currency: str | None) -> str:
        account = self._receivables.get(currency or self._books.home or "")
        if account is None:
            raise Untold(f"the receivable account of {currency}")
        return account


def receivables(books: Books) -> dict[str, str]:
    """Return the receivable account of each currency; the first where there are several."""
    found: dict[str, str] = {}
    for row in books.of("Account"):
        if row.get("AccountType") == "Accounts Receivable":
            currency = reference(row, "CurrencyRef") or books.home or ""
            found.setdefault(currency, str(row["Id"]))
    return found


def moved(books: Books, before: Books) -> Expected:
    """Return how each account did move, in the same sums."""
    kinds = {str(row["Id"]): row for row in books.of("Account")}
    taxes = set(books.tax_accounts.values())
    found = Expected()
    for account in {*books.balances, *before.balances}:
        change = books.balances.get(account, ZERO) - before.balances.get(account, ZERO)
        row = kinds.get(account, {})
        name = None
        if books.automated_tax and account in taxes:
            name = TAX
        elif row.get("AccountType") in MONEY_TYPES:
            name = MONEY
        elif row.get("AccountSubType") == "ExchangeGainOrLoss":
            name = EXCHANGE
        place = found.by_account if name is None else found.sums
        key = name or account
        place[key] = place.get(key, ZERO) + change
    return found
