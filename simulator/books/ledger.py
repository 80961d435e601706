"""The general ledger: what every document posts, and what each account comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from simulator.books.money import ZERO
from simulator.books.store import Store

CREDIT_SIDE = -1


@dataclass(frozen=True, slots=True)
class Posting:
    """
    One side of a document before it is entered.

    *amount* is in home currency, debit positive. *customer* is named on receivable accounts;
    *open_amount* is the same in the customer's currency and defaults to *amount*.
    """

    account_id: str
    amount: Decimal
    customer_id: str | None = None
    open_amount: Decimal | None = None

    @property
    def receivable(self) -> Decimal:
        """What the customer owes more by it, in the customer's currency."""
        return self.amount if self.open_amount is None else self.open_amount


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the general ledger, in home currency; exactly one side is above zero."""

    txn_type: str
    txn_id: str
    txn_date: date
    account_id: str
    debit: Decimal
    credit: Decimal
    customer_id: str | None = None


class GeneralLedger:
    """Postings by document, and the balances they add up to. Every document balances."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._documents: dict[tuple[str, str], tuple[date, tuple[Posting, ...]]] = {}
        self._balances: dict[str, Decimal] = {}

    def post(
        self, txn_type: str, txn_id: str, on: str, postings: Iterable[Posting]
    ) -> dict[str, Decimal]:
        """
        Enter a document in place of what it posted before.

        Gives back how much more each customer owes now, in the customer's currency.
        """
        entered = tuple(posting for posting in postings if posting.amount or posting.open_amount)
        if sum((posting.amount for posting in entered), ZERO):
            raise AssertionError(f"{txn_type} {txn_id} does not balance: {entered}")
        key = (txn_type, txn_id)
        _, former = self._documents.get(key, (None, ()))
        owed: dict[str, Decimal] = {}
        self._move(former, owed, CREDIT_SIDE)
        self._move(entered, owed, 1)
        if entered:
            self._store.set(self._documents, key, (date.fromisoformat(on), entered))
        else:
            self._store.drop(self._documents, key)
        return {customer: moved for customer, moved in owed.items() if moved}

    def _move(
        self, postings: tuple[Posting, ...], owed: dict[str, Decimal], direction: int
    ) -> None:
        for posting in postings:
            balance = self._balances.get(posting.account_id, ZERO) + direction * posting.amount
            self._store.set(self._balances, posting.account_id, balance)
            if posting.customer_id is not None:
                moved = owed.get(posting.customer_id, ZERO) + direction * posting.receivable
                owed[posting.customer_id] = moved

    def balance(self, account_id: str) -> Decimal:
        """Balance of an account, debit positive."""
        return self._balances.get(account_id, ZERO)

    def balances(self) -> dict[str, Decimal]:
        """All balances that are not zero, debit positive; they add up to zero."""
        return {account: amount for account, amount in self._balances.items() if amount}

    def postings(self, txn_type: str, txn_id: str) -> tuple[Posting, ...]:
        """What a document has posted."""
        return self._documents.get((txn_type, txn_id), (None, ()))[1]

    def entries(self) -> list[LedgerEntry]:
        """Every line, in the order in which the documents were first entered."""
        return [
            LedgerEntry(
                txn_type=kind,
                txn_id=id,
                txn_date=on,
                account_id=posting.account_id,
                debit=max(posting.amount, ZERO),
                credit=max(-posting.amount, ZERO),
                customer_id=posting.customer_id,
            )
            for (kind, id), (on, postings) in self._documents.items()
            for posting in postings
        ]
