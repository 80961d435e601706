"""
Journal entries, read and to be written: debits and credits on accounts.

Amounts are positive `Decimal`s in the entry's currency; a line's side tells which way it goes.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    """Which side of an entry a line stands on."""

    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """
    One posting on an account; *amount* is positive.

    A line on accounts receivable names its customer, without whom no books take it.
    """

    account_id: str
    side: Side
    amount: Decimal
    description: str | None = None
    customer_id: str | None = None
    class_id: str | None = None
    department_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntryDraft:
    """
    A balanced entry; its *total*, the sum of the debits, is what the answer is compared with.

    *currency* and *exchange_rate* are told only where the books keep several currencies.
    """

    number: str | None
    txn_date: date
    lines: tuple[JournalLine, ...]
    currency: str | None = None
    exchange_rate: Decimal | None = None
    note: str | None = None

    @property
    def total(self) -> Decimal:
        """The sum of the debits."""
        return total_of(self.lines, Side.DEBIT)

    @property
    def imbalance(self) -> Decimal:
        """Debits less credits; zero for what the books will take."""
        return self.total - total_of(self.lines, Side.CREDIT)


def total_of(lines: tuple[JournalLine, ...], side: Side) -> Decimal:
    """Return what stands on one side of an entry."""
    return sum((line.amount for line in lines if line.side is side), Decimal(0))
