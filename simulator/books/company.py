"""
One QuickBooks Online company, in memory.

The rules are those of the reference; where it is silent or unsure, `Rules` of the profile decide.

Not modelled: opening balances, inventory quantities and their cost of sales (an inventory item
sells like a service), bundles as items, estimates and time (links to them are kept as sent),
merging of customers, projects, reports, attachments, plan and role restrictions (5020),
statements of the bank (what is reconciled is told), fiscal years, tax returns, exempt reasons
beyond the customer's Taxable, address normalisation (Lat, Long), and names in references of a
document after its target was renamed: they stay as they were when the document was last written. A
customer's balance is in the customer's currency, the ledger in home currency; a foreign document
paid in parts may leave cents of home currency on its receivable account. Deposits of foreign money
take the deposit's own rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from simulator.books.accounts import create_account, update_account, with_balance
from simulator.books.currencies import create_currency, set_exchange_rate, update_currency
from simulator.books.deposits import create_deposit, delete_deposit, update_deposit
from simulator.books.faults import Fault
from simulator.books.founding import found
from simulator.books.items import create_item, update_item
from simulator.books.journal import (
    create_journal_entry,
    delete_journal_entry,
    update_journal_entry,
)
from simulator.books.ledger import LedgerEntry
from simulator.books.payments import create_payment, delete_payment, update_payment, void_payment
from simulator.books.people import create_person, update_person
from simulator.books.purchases import create_purchase, delete_purchase, update_purchase
from simulator.books.rules import Rules
from simulator.books.sales import FORMS, create_sale, delete_sale, update_sale, void_sale
from simulator.books.settings import update_company_info, update_preferences, with_preference
from simulator.books.small_lists import create_small, update_small
from simulator.books.state import ENTITIES, SINGLETONS, TRANSACTIONS, Books
from simulator.books.storable import refuse_unstorable
from simulator.books.tax_lists import create_agency, create_by_service
from simulator.books.wire import Wire
from simulator.profiles import Profile

PEOPLE: Final = frozenset({"Customer", "Vendor", "Employee"})
SMALL: Final = frozenset({"PaymentMethod", "Term", "Class", "Department"})


class Company:
    """
    The books of one company; synchronous, without any I/O.

    Every method that writes is atomic and raises nothing but `Fault`. Rows that are handed out are
    snapshots: a later write puts a new object in their place, so they may be kept but must not be
    changed.
    """

    entities = ENTITIES

    def __init__(self, *, realm_id: str, profile: Profile, clock: Callable[[], datetime]) -> None:
        self.realm_id = realm_id
        self.profile = profile
        self._books = Books(realm_id, profile, clock)
        found(self._books)

    @property
    def rules(self) -> Rules:
        """How the company behaves where the reference leaves it open; may be changed."""
        return self._books.rules

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Hold the company's time at *moment*, for seeding."""
        clock, self._books.clock = self._books.clock, lambda: moment
        try:
            yield
        finally:
            self._books.clock = clock

    # Writing

    def create(self, entity: str, body: Wire, *, allow_duplicate_docnum: bool = False) -> Wire:
        """Create an object and give it back as stored, with all that was computed."""
        books = self._writable(entity, body)
        with books.store.atomic():
            if entity in FORMS:
                return create_sale(books, entity, body, allow_duplicate=allow_duplicate_docnum)
            if entity in PEOPLE:
                return create_person(books, entity, body)
            if entity in SMALL:
                return create_small(books, entity, body)
            creator = _CREATORS.get(entity)
            if creator is None:
                raise Fault.unsupported(f"Operation create is not supported on {entity}.")
            return self._shown(entity, creator(books, body))

    def update(self, entity: str, body: Wire) -> Wire:
        """Update an object; ``sparse`` in the body says whether what is left out stays."""
        books = self._writable(entity, body)
        with books.store.atomic():
            if entity in FORMS:
                return update_sale(books, entity, body)
            if entity in PEOPLE:
                return update_person(books, entity, body)
            if entity in SMALL:
                return update_small(books, entity, body)
            updater = _UPDATERS.get(entity)
            if updater is None:
                raise Fault.unsupported(f"Operation update is not supported on {entity}.")
            return self._shown(entity, updater(books, body))

    def void(self, entity: str, body: Wire) -> Wire:
        """Void an Invoice, SalesReceipt or Payment; other entities have no void."""
        books = self._writable(entity, body)
        with books.store.atomic():
            if entity in {"Invoice", "SalesReceipt"}:
                return void_sale(books, entity, body)
            if entity == "Payment":
                return void_payment(books, body)
            raise Fault.unsupported(f"Operation void is not supported on {entity}.")

    def delete(self, entity: str, body: Wire) -> Wire:
        """Delete a transaction for good; lists know Active only."""
        books = self._writable(entity, body)
        with books.store.atomic():
            if entity in FORMS:
                return delete_sale(books, entity, body)
            deleter = _DELETERS.get(entity)
            if deleter is not None:
                return deleter(books, body)
            raise Fault.unsupported(f"Operation delete is not supported on {entity}.")

    def tax_service(self, body: Wire) -> Wire:
        """``POST /taxservice/taxcode``; the answer has no wrapper."""
        books = self._writable("TaxCode", body)
        with books.store.atomic():
            return create_by_service(books, body)

    def set_preference(self, path: str, value: Any) -> None:
        """Set a preference by path, for instance ``SalesFormsPrefs.AutoApplyCredit``."""
        with self._books.store.atomic():
            with_preference(self._books, path, value)

    def close_books(self, on: date | None) -> None:
        """Close the books up to and including a day; None opens them."""
        closed = None if on is None else on.isoformat()
        self.set_preference("AccountingInfoPrefs.BookCloseDate", closed)

    # Reading

    def get(self, entity: str, id: str) -> Wire:
        """One object; the singletons answer to any id."""
        self._known(entity)
        if entity in SINGLETONS:
            id = "1"
        return self._shown(entity, self._books.row(entity, str(id)))

    def rows(self, entity: str) -> list[Wire]:
        """All objects of an entity, inactive ones too, by ascending id."""
        self._known(entity)
        stored = self._books.store.rows[entity].values()
        if entity == "Account":
            return [with_balance(self._books, row) for row in stored]
        return list(stored)

    def deleted(self, since: datetime) -> list[tuple[str, Wire]]:
        """Transactions deleted at or after *since*, as CDC shows them, oldest first."""
        found_stubs = [
            (moment, entity, stub)
            for (entity, _), (moment, stub) in self._books.tombstones.items()
            if moment >= since
        ]
        return [(entity, stub) for _, entity, stub in sorted(found_stubs, key=lambda stub: stub[0])]

    def trial_balance(self) -> dict[str, Decimal]:
        """Balance of every account that has one, debit positive; they add up to zero."""
        return self._books.ledger.balances()

    def tax_accounts(self) -> dict[str, str]:
        """The liability account of each tax agency, by its id."""
        roles = self._books.roles.items()
        return {role[4:]: account for role, account in roles if role.startswith("tax/")}

    def ledger_entries(self) -> list[LedgerEntry]:
        """The general ledger."""
        return self._books.ledger.entries()

    def _known(self, entity: str) -> None:
        if entity not in self._books.store.rows:
            raise Fault.unsupported(f"{entity} is not a supported entity.")

    def _writable(self, entity: str, body: Wire) -> Books:
        self._known(entity)
        if not isinstance(body, dict):
            raise Fault.bad_value(entity, "The body should be an object")
        refuse_unstorable(body, four_byte=self._books.rules.refuse_four_byte)
        return self._books

    def _shown(self, entity: str, row: Wire) -> Wire:
        return with_balance(self._books, row) if entity == "Account" else row


_CREATORS: Final[dict[str, Callable[[Books, Wire], Wire]]] = {
    "Account": create_account,
    "Item": create_item,
    "TaxAgency": create_agency,
    "CompanyCurrency": create_currency,
    "ExchangeRate": set_exchange_rate,
    "Payment": create_payment,
    "JournalEntry": create_journal_entry,
    "Purchase": create_purchase,
    "Deposit": create_deposit,
}
_UPDATERS: Final[dict[str, Callable[[Books, Wire], Wire]]] = {
    "Account": update_account,
    "Item": update_item,
    "CompanyCurrency": update_currency,
    "ExchangeRate": set_exchange_rate,
    "Payment": update_payment,
    "JournalEntry": update_journal_entry,
    "Purchase": update_purchase,
    "Deposit": update_deposit,
    "CompanyInfo": update_company_info,
    "Preferences": update_preferences,
}
_DELETERS: Final[dict[str, Callable[[Books, Wire], Wire]]] = {
    "Payment": delete_payment,
    "JournalEntry": delete_journal_entry,
    "Purchase": delete_purchase,
    "Deposit": delete_deposit,
}

__all__ = ["TRANSACTIONS", "Company"]
