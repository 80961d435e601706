"""What may be mapped to, what it looked like when it was, and what breaks a mapping; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.accounting.records import Account, Item, NamedEntry, TaxCode, TaxRate
from app.kit.db import Json

SELLABLE = frozenset({"Service", "NonInventory", "Inventory"})
# What each role's account may be, in the books' words for types of account.
ROLES: Mapping[str, tuple[str, ...]] = {
    "income": ("Income", "Other Income"),
    "expense": ("Expense", "Other Expense", "Cost of Goods Sold"),
    "deposit": ("Bank", "Other Current Asset"),
    "receivable": ("Accounts Receivable",),
    "tax_payable": ("Other Current Liability",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxBooks:
    """A company's imported tax codes, and its rates by id."""

    codes: Sequence[TaxCode]
    rates: Mapping[str, TaxRate]

    def code(self, external_id: str) -> TaxCode | None:
        return next((each for each in self.codes if each.external_id == external_id), None)

    def rates_of(self, code: TaxCode) -> list[TaxRate] | None:
        """Return the code's sales rates, or None when one of them was never imported."""
        found = [self.rates.get(part.rate_id) for part in code.rates]
        rates = [rate for rate in found if rate is not None]
        return rates if len(rates) == len(found) else None


def why_no_code(code: TaxCode, books: TaxBooks) -> str | None:
    """Return why lines cannot carry the code, or None when they can."""
    if not code.active:
        return f"The tax code {code.name!r} is inactive in the books."
    if code.hidden:
        return f"The tax code {code.name!r} is not offered on sales forms."
    if not code.rates:
        return f"The tax code {code.name!r} has no sales rate."
    rates = books.rates_of(code)
    if rates is None:
        return f"The rates of the tax code {code.name!r} have not been imported."
    return next(filter(None, map(_why_no_rate, rates)), None)


def _why_no_rate(rate: TaxRate) -> str | None:
    if not rate.active:
        return f"The tax rate {rate.name!r} is inactive in the books."
    return None if rate.mappable else f"The tax rate {rate.name!r} is for adjustments only."


def is_zero(code: TaxCode, books: TaxBooks) -> bool:
    """Tell whether lines with this code owe no tax: it has rates, and all are zero."""
    rates = books.rates_of(code)
    return bool(rates) and all(rate.percent == 0 for rate in rates or ())


def seen_of_code(code: TaxCode, books: TaxBooks) -> Json:
    """Return what is kept of a code when it is confirmed."""
    return {
        "rates": [
            {
                "rate_id": part.rate_id,
                "name": rate.name if rate else part.name,
                "percent": _text(rate.percent) if rate else None,
                "basis": part.basis,
            }
            for part in code.rates
            for rate in [books.rates.get(part.rate_id)]
        ]
    }


def why_tax_broken(tax_code_id: str, seen: Json, books: TaxBooks) -> str | None:
    """Return what became of a confirmed code since, or None when nothing did."""
    code = books.code(tax_code_id)
    if code is None:
        return "The tax code is no longer among the imported ones."
    if reason := why_no_code(code, books):
        return reason
    before = {each["rate_id"]: each for each in seen.get("rates", [])}
    if set(before) != {part.rate_id for part in code.rates}:
        return f"The tax code {code.name!r} has other rates than when it was confirmed."
    for part in code.rates:
        rate, old = books.rates[part.rate_id], before[part.rate_id]
        if _text(rate.percent) != old["percent"]:
            now = _text(rate.percent)
            return f"The tax rate {rate.name!r} is {now} % now; {old['percent']} % was confirmed."
        if part.basis != old["basis"]:
            return f"The tax rate {rate.name!r} is computed on another basis than was confirmed."
    return None


def why_no_item(item: Item) -> str | None:
    """Return why invoice lines cannot carry the item, or None when they can."""
    if not item.active:
        return f"The item {item.name!r} is inactive in the books."
    if item.type not in SELLABLE:
        return f"The item {item.name!r} is a {item.type}; lines need a product or service."
    return None


def why_no_account(account: Account, role: str) -> str | None:
    """Return why the account cannot take the role, or None when it can."""
    if not account.active:
        return f"The account {account.name!r} is inactive in the books."
    if account.type not in ROLES[role]:
        allowed = " or ".join(ROLES[role])
        return f"The account {account.name!r} is of type {account.type}; {role} needs {allowed}."
    return None


def why_no_method(method: NamedEntry) -> str | None:
    """Return why payments cannot carry the method, or None when they can."""
    return None if method.active else f"The payment method {method.name!r} is inactive."


def _text(percent: Decimal | None) -> str | None:
    return None if percent is None else f"{percent.normalize():f}"
