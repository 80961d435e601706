"""Which of our kinds is which entity of QuickBooks, and where each write goes."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.accounting.records import Kind, Verb

ENTITIES: Mapping[Kind, str] = {
    Kind.CUSTOMER: "Customer",
    Kind.ITEM: "Item",
    Kind.INVOICE: "Invoice",
    Kind.PAYMENT: "Payment",
    Kind.CREDIT_MEMO: "CreditMemo",
    Kind.APPLICATION: "Payment",
    Kind.REFUND: "RefundReceipt",
    Kind.JOURNAL_ENTRY: "JournalEntry",
}
PURCHASE = "Purchase"
NAME_LISTS = frozenset((Kind.CUSTOMER, Kind.ITEM))
PAYMENTS = frozenset((Kind.PAYMENT, Kind.APPLICATION))
# How QuickBooks names what a payment's line settles.
TRANSACTION_TYPES: Mapping[Kind, str] = {
    Kind.INVOICE: "Invoice",
    Kind.CREDIT_MEMO: "CreditMemo",
    Kind.JOURNAL_ENTRY: "JournalEntry",
    Kind.REFUND: "Expense",
}
# The one field of each entity that holds its number, and the one that holds its name.
NUMBER_FIELDS: Mapping[Kind, str] = {
    Kind.INVOICE: "DocNumber",
    Kind.CREDIT_MEMO: "DocNumber",
    Kind.REFUND: "DocNumber",
    Kind.JOURNAL_ENTRY: "DocNumber",
    Kind.PAYMENT: "PaymentRefNum",
    Kind.APPLICATION: "PaymentRefNum",
}
NAME_FIELDS: Mapping[Kind, str] = {Kind.CUSTOMER: "DisplayName", Kind.ITEM: "Name"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a write goes: the path after the company, and its parameters."""

    path: str
    params: Mapping[str, str]


def entities_of(kind: Kind) -> tuple[str, ...]:
    """Return every entity that a document of the kind may be: money goes back in two ways."""
    return (ENTITIES[kind], PURCHASE) if kind is Kind.REFUND else (ENTITIES[kind],)


def address_of(kind: Kind, verb: Verb, entity: str | None = None) -> Address:
    """
    Return where a write of that kind goes; *entity* where it is not the kind's usual one.

    Customers and items cannot be deleted, only made inactive, which is an update.

    Raises:
        ValueError: QuickBooks cannot do that to such a document.
    """
    path = (entity or ENTITIES[kind]).lower()
    match verb:
        case Verb.CREATE | Verb.UPDATE:
            return Address(path, {})
        case Verb.DELETE:
            return Address(path, {} if kind in NAME_LISTS else {"operation": "delete"})
        case Verb.VOID if kind is Kind.INVOICE:
            return Address(path, {"operation": "void"})
        case Verb.VOID if kind in PAYMENTS:
            return Address(path, {"operation": "update", "include": "void"})
    raise ValueError(f"a {kind} cannot be voided")
