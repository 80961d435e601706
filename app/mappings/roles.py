"""
What accounts do in journal entries: roles, their keys, and which account may take which. Pure.

A role says what an account is to billing. Where one account for a role is not enough, a key tells
them apart (an accounting code, a tax's price code, a payment method), or a currency does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.accounting.records import Account
from app.mappings.targets import ROLES

RECEIVABLE_TYPE = "Accounts Receivable"
# Accounts of these types are kept in one currency, and take entries in no other.
NAMED_TYPES = frozenset({RECEIVABLE_TYPE, "Accounts Payable"})
# QuickBooks keeps its own sales tax on accounts of these sub-types.
SYSTEM_TAX_SUB_TYPES = frozenset({"SalesTaxPayable", "GlobalTaxPayable", "GlobalTaxSuspense"})


class Role(StrEnum):
    """What an account is to billing, in journal entries."""

    INCOME = "income"
    DISCOUNT = "discount"
    TAX = "tax"
    RECEIVABLE = "receivable"
    DEPOSIT = "deposit"
    REFUND = "refund"
    WRITE_OFF = "write_off"
    HOUSE_CREDIT = "house_credit"
    ROUNDING = "rounding"


# An older name of `tax` without a key.
TAX_PAYABLE = "tax_payable"
ALL_ROLES = (*ROLES, *(role.value for role in Role if role.value not in ROLES))

_COSTS = ("Expense", "Other Expense", "Cost of Goods Sold")
_REVENUE = ("Income", "Other Income")
JOURNAL_TYPES: Mapping[str, tuple[str, ...]] = {
    # Revenue that is earned later stands on a liability first.
    Role.INCOME: (*_REVENUE, "Other Current Liability"),
    Role.DISCOUNT: (*_REVENUE, *_COSTS),
    Role.TAX: ("Other Current Liability",),
    Role.RECEIVABLE: (RECEIVABLE_TYPE, "Other Current Asset", "Bank"),
    Role.DEPOSIT: ("Bank", "Other Current Asset"),
    Role.REFUND: ("Bank", "Other Current Asset", "Other Current Liability", "Credit Card"),
    Role.WRITE_OFF: (*_COSTS, *_REVENUE),
    Role.HOUSE_CREDIT: (*_COSTS, *_REVENUE, "Other Current Liability"),
    Role.ROUNDING: (*_COSTS, *_REVENUE),
}
# What the key of a role is; the others take none.
KEYS: Mapping[str, str] = {
    Role.INCOME: "the accounting code of charges",
    Role.DISCOUNT: "the accounting code of charges of kind discount",
    Role.TAX: "a tax's price code",
    Role.DEPOSIT: "a payment method",
    Role.REFUND: "a payment method",
}
# Without an account of their own these go where their charges' income does.
INSTEAD_OF_INCOME = frozenset({Role.DISCOUNT, Role.WRITE_OFF, Role.HOUSE_CREDIT})
CURRENCIES = frozenset({Role.RECEIVABLE, Role.DEPOSIT, Role.REFUND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which account is meant: a role, and what tells accounts of one role apart."""

    role: str
    key: str | None = None
    currency: str | None = None

    @property
    def text(self) -> str:
        """The place as it is kept: `income`, `income:4000`, `deposit@USD:stripe`."""
        at = f"@{self.currency}" if self.currency else ""
        of = f":{self.key}" if self.key is not None else ""
        return f"{self.role}{at}{of}"

    @property
    def said(self) -> str:
        """The place for people."""
        key = f" of {self.key!r}" if self.key is not None else ""
        currency = f" in {self.currency}" if self.currency else ""
        return f"{self.role.replace('_', ' ')}{key}{currency}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        head, has_key, key = text.partition(":")
        role, _, currency = head.partition("@")
        return cls(role=role, key=key if has_key else None, currency=currency or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """Why an account cannot take a place, and what to do."""

    code: str
    reason: str
    fixes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An account as it was chosen for a place; *type* is what it was then, if that is known."""

    account_id: str
    name: str
    type: str | None = None


def types_for(role: str, *, journal: bool) -> tuple[str, ...]:
    """Return what an account may be to take the role; documents are stricter than entries."""
    if not journal and role in ROLES:
        return ROLES[role]
    return JOURNAL_TYPES.get(Role.TAX if role == TAX_PAYABLE else role) or ROLES[role]


def why_unfit(
    account: Account,
    place: Place,
    *,
    journal: bool,
    home_currency: str,
    system_tax_allowed: bool = False,
) -> Unfit | None:
    """Return why the account cannot take the place, or None when it can."""
    types = types_for(place.role, journal=journal)
    if (reason := why_unfit_type(account, place, types)) is not None:
        fixes = [f"Choose an active account of type {' or '.join(types)}."]
        if not account.active:
            fixes.append("Or make it active in the books, then import accounts.")
        return Unfit(code="target_not_selectable", reason=reason, fixes=tuple(fixes))
    if journal and _is_system_tax(account) and not system_tax_allowed:
        return _system_tax(account)
    return _other_currency(account, place, home_currency)


def why_broken(place: Place, chosen: Chosen, account: Account | None) -> str | None:
    """Return what became of a chosen account, or None while it can be what it was chosen for."""
    if account is None:
        return "The account is no longer among the imported ones."
    if account.active and chosen.type is not None and account.type != chosen.type:
        return (
            f"The account {account.name!r} is of type {account.type} now; it was {chosen.type} "
            "when it was chosen."
        )
    return why_unfit_type(account, place, types_for(place.role, journal=True))


def why_unfit_type(account: Account, place: Place, types: tuple[str, ...]) -> str | None:
    """Return why an account is none of the types that a place needs, or None when it is one."""
    if not account.active:
        return f"The account {account.name!r} is inactive in the books."
    if account.type not in types:
        return (
            f"The account {account.name!r} is of type {account.type}; {place.role} needs "
            f"{' or '.join(types)}."
        )
    return None


def _is_system_tax(account: Account) -> bool:
    return account.sub_type in SYSTEM_TAX_SUB_TYPES


def _system_tax(account: Account) -> Unfit:
    return Unfit(
        code="system_tax_account",
        reason=f"The account {account.name!r} is where QuickBooks keeps its own sales tax: it may "
        "refuse journal entries there, and what stands there by journal entry is missing in its "
        "sales tax reports and can spoil a tax return.",
        fixes=(
            "In QuickBooks create an account of type Other Current Liability with the detail type "
            "Other Current Liabilities, import accounts, and choose that one.",
            "Or let `ledgerwire probe` find out whether this company takes such entries.",
        ),
    )


def _other_currency(account: Account, place: Place, home_currency: str) -> Unfit | None:
    wanted = place.currency or (home_currency if place.role == Role.RECEIVABLE else None)
    return currency_unfit(account, wanted, home_currency) if wanted else None


def currency_unfit(account: Account, currency: str, home_currency: str) -> Unfit | None:
    """
    Return why the account takes no entry in the currency, or None when it does.

    Receivables take their own currency only; other accounts also every one if they are kept in the
    home currency.
    """
    held = account.currency or home_currency
    if held == currency or (held == home_currency and account.type not in NAMED_TYPES):
        return None
    return Unfit(
        code="account_currency_differs",
        reason=f"The account {account.name!r} is kept in {held}; the entry is in {currency}.",
        fixes=(
            f"Map an account that is kept in {currency}, and name the currency with it.",
            "If there is none yet, create it in QuickBooks and import accounts.",
        ),
    )
