"""The chart of accounts, and which account may stand where."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from simulator.books.currencies import ensure_currency
from simulator.books.faults import Fault
from simulator.books.lists import (
    draft_of,
    full_name,
    is_sparse,
    parent_of,
    place_below,
    rename_below,
    store_list_row,
)
from simulator.books.money import ZERO
from simulator.books.naming import settle_name
from simulator.books.schemas import ACCOUNT
from simulator.books.state import Books
from simulator.books.wire import Wire

_SUB_TYPES_OF: dict[str, tuple[str, str]] = {
    "Bank": ("Asset", "CashOnHand Checking Savings MoneyMarket TrustAccounts"),
    "Accounts Receivable": ("Asset", "AccountsReceivable"),
    "Other Current Asset": (
        "Asset",
        "EmployeeCashAdvances UndepositedFunds OtherCurrentAssets PrepaidExpenses Inventory "
        "Retainage",
    ),
    "Fixed Asset": ("Asset", "FurnitureAndFixtures Vehicles MachineryAndEquipment"),
    "Other Asset": ("Asset", "Licenses Goodwill SecurityDeposits"),
    "Accounts Payable": ("Liability", "AccountsPayable"),
    "Credit Card": ("Liability", "CreditCard"),
    "Other Current Liability": (
        "Liability",
        "OtherCurrentLiabilities SalesTaxPayable GlobalTaxPayable GlobalTaxSuspense "
        "DeferredRevenue CurrentTaxLiability PayrollClearing",
    ),
    "Long Term Liability": ("Liability", "NotesPayable OtherLongTermLiabilities"),
    "Equity": ("Equity", "OpeningBalanceEquity RetainedEarnings OwnersEquity"),
    "Income": (
        "Revenue",
        "SalesOfProductIncome ServiceFeeIncome OtherPrimaryIncome DiscountsRefundsGiven "
        "SalesRetail UnappliedCashPaymentIncome",
    ),
    "Other Income": ("Revenue", "OtherMiscellaneousIncome InterestEarned"),
    "Expense": (
        "Expense",
        "OtherMiscellaneousServiceCost BankCharges CommissionsAndFees BadDebts Utilities Travel "
        "OfficeGeneralAdministrativeExpenses LegalProfessionalFees",
    ),
    "Other Expense": ("Expense", "OtherMiscellaneousExpense ExchangeGainOrLoss"),
    "Cost of Goods Sold": ("Expense", "SuppliesMaterialsCogs CostOfSales"),
}

TYPES: dict[str, tuple[str, str]] = {
    kind: (classification, sub_types.split()[0])
    for kind, (classification, sub_types) in _SUB_TYPES_OF.items()
}
"""Account types with their classification and the sub-type they imply."""

SUB_TYPES: dict[str, str] = {
    sub_type: kind
    for kind, (_, sub_types) in _SUB_TYPES_OF.items()
    for sub_type in sub_types.split()
}
"""Known sub-types with the type they imply."""

MONEY_TYPES = frozenset({"Bank", "Other Current Asset"})
BALANCE_SHEET = frozenset({"Asset", "Liability", "Equity"})


def create_account(books: Books, body: Wire) -> Wire:
    """Create an account; its type implies a sub-type, and the other way round."""
    draft = draft_of(ACCOUNT, None, ACCOUNT.read(body), sparse=False)
    return _store(books, draft, None)


def update_account(books: Books, body: Wire) -> Wire:
    """Update an account; system accounts stay active, and so do those with a balance."""
    former = books.current("Account", body)
    draft = draft_of(ACCOUNT, former, ACCOUNT.read(body), sparse=is_sparse(body))
    if draft.get("Active") is False and former["Active"] is True:
        if former["Id"] in books.roles.values():
            raise Fault.business("You can't make a system account inactive.")
        if books.ledger.balance(former["Id"]) != ZERO:
            raise Fault.has_balance()
    return _store(books, draft, former)


def _store(books: Books, draft: Wire, former: Wire | None) -> Wire:
    if "Name" not in draft:
        raise Fault.missing("Name")
    kind, sub_type = _type_of(draft, former)
    if len(draft.get("AcctNum", "")) > books.profile.account_number_length:
        limit = books.profile.account_number_length
        raise Fault.too_long("AcctNum", limit, len(draft["AcctNum"]))
    parent = parent_of(books, "Account", draft, former)
    if parent is not None and parent["AccountType"] != kind:
        raise Fault.bad_parent("sub-accounts have the type of their parent")
    id = books.store.next_id("Account") if former is None else former["Id"]
    place_below(books, "Account", id, parent, former)
    scope = f"Account/{parent['Id'] if parent else ''}"
    draft["Name"] = settle_name(books, "Account", id, scope, draft, former)
    head = books.header(id) if former is None else books.next_header(former)
    if former is None:
        # Recorded: the answer of a creation has no LastUpdatedTime.
        head["MetaData"] = {"CreateTime": head["MetaData"]["CreateTime"]}
    row = {
        **head,
        **draft,
        "SubAccount": parent is not None,
        "FullyQualifiedName": full_name(parent, draft["Name"]),
        "Active": draft.get("Active", True),
        "Classification": TYPES[kind][0],
        "AccountType": kind,
        "AccountSubType": sub_type,
        "CurrencyRef": former["CurrencyRef"]
        if former
        else ensure_currency(books, draft.get("CurrencyRef")),
    }
    stored = store_list_row(books, "Account", row, former)
    rename_below(books, "Account", stored)
    return stored


def _type_of(draft: Wire, former: Wire | None) -> tuple[str, str]:
    kind, sub_type = draft.get("AccountType"), draft.get("AccountSubType")
    if former is not None and kind != former["AccountType"]:
        sub_type = None if sub_type == former["AccountSubType"] else sub_type
    if kind is None and sub_type is None:
        raise Fault.bad_account_type("one of both is required")
    if kind is None:
        kind = SUB_TYPES.get(str(sub_type))
        if kind is None:
            raise Fault.bad_enumeration("AccountSubType", sub_type)
    if kind not in TYPES:
        raise Fault.bad_enumeration("AccountType", kind)
    if sub_type is None:
        sub_type = TYPES[kind][1]
    if SUB_TYPES.get(sub_type, kind) != kind:
        raise Fault.bad_account_type(f"{sub_type} does not belong to {kind}")
    return kind, sub_type


def with_balance(books: Books, row: Wire) -> Wire:
    """The account as read: balance sheet accounts show their balance, credits negative."""
    own = shown = ZERO
    if row["Classification"] in BALANCE_SHEET:
        own = books.ledger.balance(row["Id"])
        shown = own + sum(_below(books, row["Id"]), ZERO)
    return {**row, "CurrentBalance": own, "CurrentBalanceWithSubAccounts": shown}


def _below(books: Books, id: str) -> Iterable[Decimal]:
    for child in books.children.get(("Account", id), {}):
        yield books.ledger.balance(child)
        yield from _below(books, child)


def account_for(books: Books, reference: Wire, element: str, types: frozenset[str] | None) -> Wire:
    """
    The account a reference names, if its type may stand there.

    Raises:
        Fault: 2500, 610, or 6430 for a wrong type.
    """
    found = books.referred("Account", reference)
    if types is not None and found["AccountType"] not in types:
        raise Fault.account_type_used(element)
    return found
