"""The state of one company, and the few moves everything else is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from simulator.books.faults import Fault
from simulator.books.ledger import GeneralLedger, Posting
from simulator.books.money import ZERO
from simulator.books.store import Store
from simulator.books.wire import Wire, ref_id
from simulator.profiles import Profile

TRANSACTIONS = (
    "Invoice",
    "Payment",
    "CreditMemo",
    "SalesReceipt",
    "RefundReceipt",
    "JournalEntry",
    "Purchase",
    "Deposit",
)
LISTS = (
    "Customer",
    "Vendor",
    "Employee",
    "Item",
    "Account",
    "TaxCode",
    "TaxRate",
    "TaxAgency",
    "PaymentMethod",
    "Term",
    "Class",
    "Department",
    "CompanyCurrency",
    "ExchangeRate",
)
SINGLETONS = ("CompanyInfo", "Preferences")
ENTITIES = (*LISTS, *TRANSACTIONS, *SINGLETONS)

REFERENCE_WORDS = {
    "Customer": "Names",
    "Vendor": "Names",
    "Employee": "Names",
    "Item": "Items",
    "Account": "Accounts",
    "TaxCode": "TaxCodes",
    "TaxRate": "TaxRates",
    "TaxAgency": "TaxAgencies",
    "PaymentMethod": "PaymentMethods",
    "Term": "Terms",
    "Class": "Klasses",
    "Department": "Depts",
}
"""What the text of 2500 calls each list."""


class Books:
    """
    Rows, ledger, indexes and settings of one company.

    Everything that changes goes through `store`, so that a refused mutation can be taken back.
    """

    def __init__(self, realm_id: str, profile: Profile, clock: Callable[[], datetime]) -> None:
        self.realm_id = realm_id
        self.profile = profile
        self.rules = replace(profile.rules)
        self.clock = clock
        self.store = Store(ENTITIES)
        self.ledger = GeneralLedger(self.store)
        self.zone = ZoneInfo(profile.zone)
        self.server_zone = ZoneInfo(profile.server_zone)
        self.roles: dict[str, str] = {}
        """Accounts by role (receivable, undeposited, discount …) and by tax agency."""
        self.names: dict[tuple[str, str], tuple[str, str]] = {}
        """Names in use by (scope, folded name), with their holder."""
        self.children: dict[tuple[str, str], dict[str, None]] = {}
        """By (entity, id): the objects directly below it."""
        self.numbers: dict[tuple[str, str], dict[str, None]] = {}
        """Documents by (entity, number), in the order in which they took it."""
        self.applied: dict[tuple[str, str], dict[str, Decimal]] = {}
        """By open item (entity, id): which payment applies how much of it."""
        self.open_items: dict[tuple[str, str], dict[str, None]] = {}
        """By (entity, customer): the documents on which something is open, in order of id."""
        self.deposited: dict[tuple[str, str], str] = {}
        """Transactions that stand on a deposit, with the deposit's id."""
        self.tombstones: dict[tuple[str, str], tuple[datetime, Wire]] = {}
        """Hard-deleted transactions with the moment and the stub that CDC shows."""
        self._second: tuple[int, str] = (-1, "")

    # Time

    def timestamp(self) -> str:
        """Now, as QuickBooks writes it: whole seconds, offset of the company's zone."""
        now = self.clock()
        second = int(now.timestamp())
        if second != self._second[0]:
            local = now.astimezone(self.zone).isoformat(timespec="seconds")
            self._second = (
                second,
                local.removesuffix("+00:00") + "Z" if local.endswith("+00:00") else local,
            )
        return self._second[1]

    def today(self) -> str:
        """The server's day, which a transaction without TxnDate gets."""
        return self.clock().astimezone(self.server_zone).date().isoformat()

    # Settings

    def preference(self, group: str, name: str) -> Any:
        """One preference; None when the company does not have it."""
        return self.store.rows["Preferences"]["1"].get(group, {}).get(name)

    def refuse_closed(self, *days: str) -> None:
        """Refuse anything dated on or before the closing date."""
        closed = self.preference("AccountingInfoPrefs", "BookCloseDate")
        if closed is not None and any(day <= closed for day in days):
            raise Fault.period_closed()

    # Rows

    def row(self, entity: str, id: str) -> Wire:
        """
        A stored object by id.

        Raises:
            Fault: 610 when there is none, 2030 when the id cannot be one.
        """
        found = self.store.rows[entity].get(id)
        if found is not None:
            return found
        if not id.isdigit():
            raise Fault.bad_id(id)
        raise Fault.not_found()

    def referred(self, entity: str, reference: Wire) -> Wire:
        """
        The object a reference names.

        Raises:
            Fault: 2500 when there is none, 610 when it was made inactive.
        """
        found = self.store.rows[entity].get(reference["value"])
        if found is None:
            raise Fault.bad_reference(REFERENCE_WORDS[entity], reference["value"])
        if found.get("Active") is False:
            raise Fault.not_found()
        return found

    def current(self, entity: str, body: Wire) -> Wire:
        """
        The object that an update, void or delete means.

        Raises:
            Fault: 2020 without Id or SyncToken, 610 unknown, 5010 when the token is not current.
        """
        for name in ("Id", "SyncToken"):
            if body.get(name) in (None, ""):
                raise Fault.missing(name)
        found = self.row(entity, str(body["Id"]))
        if str(body["SyncToken"]) != found.get("SyncToken"):
            raise Fault.stale()
        return found

    def header(self, id: str) -> Wire:
        """The attributes every new object begins with."""
        now = self.timestamp()
        return {
            "domain": "QBO",
            "sparse": False,
            "Id": id,
            "SyncToken": "0",
            "MetaData": {"CreateTime": now, "LastUpdatedTime": now},
        }

    def next_header(self, former: Wire) -> Wire:
        """The attributes of the next version of *former*: token up, time now."""
        return {
            "domain": "QBO",
            "sparse": False,
            "Id": former["Id"],
            "SyncToken": str(int(former["SyncToken"]) + 1),
            "MetaData": {**former["MetaData"], "LastUpdatedTime": self.timestamp()},
        }

    def put(self, entity: str, row: Wire) -> Wire:
        """Store *row* as the present version of its object."""
        self.store.set(self.store.rows[entity], row["Id"], row)
        return row

    def touch(self, entity: str, row: Wire, **changes: Any) -> Wire:
        """Store *row* with *changes* as QuickBooks does by itself: token up, time now."""
        return self.put(entity, {**row, **self.next_header(row), **changes})

    def bury(self, entity: str, row: Wire) -> Wire:
        """Hard-delete a transaction, leave its stub to CDC, and answer as a delete does."""
        id = row["Id"]
        stub = {"status": "Deleted", "domain": "QBO", "Id": id}
        moment = {"LastUpdatedTime": self.timestamp()}
        self.store.drop(self.store.rows[entity], id)
        self.store.set(self.tombstones, (entity, id), (self.clock(), {**stub, "MetaData": moment}))
        return stub

    # Ledger

    def account_in_role(self, role: str) -> str:
        """The id of the account which stands in *role*."""
        return self.roles[role]

    def enter(self, entity: str, row: Wire, postings: list[Posting]) -> None:
        """Post a document in place of its former version, and move the customers' balances."""
        moved = self.ledger.post(entity, row["Id"], row["TxnDate"], postings)
        for customer_id, amount in moved.items():
            self._owe(customer_id, amount)

    def withdraw(self, entity: str, row: Wire) -> None:
        """Take a document out of the ledger."""
        self.enter(entity, row, [])

    def _owe(self, customer_id: str, amount: Decimal) -> None:
        """A balance moves without a new SyncToken, but with a new LastUpdatedTime."""
        customers = self.store.rows["Customer"]
        customer = customers[customer_id]
        now = {**customer["MetaData"], "LastUpdatedTime": self.timestamp()}
        changes: Wire = {"MetaData": now, "Balance": customer["Balance"] + amount}
        changes["BalanceWithJobs"] = customer["BalanceWithJobs"] + amount
        self.put("Customer", {**customer, **changes})
        parent = ref_id(customer, "ParentRef")
        while parent is not None:
            above = customers[parent]
            rolled = above["BalanceWithJobs"] + amount
            self.put("Customer", {**above, "BalanceWithJobs": rolled})
            parent = ref_id(above, "ParentRef")

    # Open items

    def mark_open(self, entity: str, row: Wire, amount: Decimal) -> None:
        """Keep the list of a customer's documents with something open."""
        customer = ref_id(row, "CustomerRef")
        if customer is None:
            return
        place = self.open_items.setdefault((entity, customer), {})
        if amount > ZERO:
            self.store.set(place, row["Id"], None)
        else:
            self.store.drop(place, row["Id"])
