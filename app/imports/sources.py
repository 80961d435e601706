"""Which list of the books each step reads, and how."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from app.accounting.ports import AccountingProvider
from app.accounting.records import CreationWindow, Kind
from app.books.kinds import BookKind, BookRecord

Pages = AsyncIterator[Sequence[BookRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowedList:
    """A list that is read by creation time."""

    kind: BookKind
    read: Callable[[AccountingProvider, CreationWindow], Pages]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeList:
    """
    A list that is always read whole, whatever the range, so that what vanished is noticed.

    An *optional* one may be refused by the books: some plans do not have it.
    """

    kind: BookKind
    read: Callable[[AccountingProvider], Pages]
    optional: bool = False


ListSource = WindowedList | WholeList

SOURCES: Mapping[str, ListSource] = {
    "accounts": WholeList(kind=BookKind.ACCOUNT, read=lambda books: books.accounts()),
    "payment methods": WholeList(
        kind=BookKind.PAYMENT_METHOD, read=lambda books: books.payment_methods(), optional=True
    ),
    "terms": WholeList(kind=BookKind.TERM, read=lambda books: books.terms(), optional=True),
    "classes": WholeList(kind=BookKind.CLASS, read=lambda books: books.classes(), optional=True),
    "departments": WholeList(
        kind=BookKind.DEPARTMENT, read=lambda books: books.departments(), optional=True
    ),
    "tax agencies": WholeList(kind=BookKind.TAX_AGENCY, read=lambda books: books.tax_agencies()),
    "tax rates": WholeList(kind=BookKind.TAX_RATE, read=lambda books: books.tax_rates()),
    "tax codes": WholeList(kind=BookKind.TAX_CODE, read=lambda books: books.tax_codes()),
    "items": WindowedList(kind=BookKind.ITEM, read=lambda books, window: books.items(window)),
    "customers": WindowedList(
        kind=BookKind.CUSTOMER, read=lambda books, window: books.customers(window)
    ),
    "invoices": WindowedList(
        kind=BookKind.INVOICE, read=lambda books, window: books.documents(Kind.INVOICE, window)
    ),
    "payments": WindowedList(
        kind=BookKind.PAYMENT, read=lambda books, window: books.documents(Kind.PAYMENT, window)
    ),
}
