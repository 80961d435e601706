"""What stands in the books, read over HTTP from the simulator's control plane."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]
DATED = ("Invoice", "Payment", "CreditMemo", "Purchase", "RefundReceipt")
LISTS = ("Customer", "Item", "TaxRate", "Account", "CompanyInfo", "Preferences")
TIMEOUT = 120.0
ZERO = Decimal("0.00")


class Unreadable(Exception):
    """The books cannot be read; the message says why."""


@dataclass
class Books:
    """
    All documents of one company by entity, and the balance of each account by its id.

    *tax_accounts* names the liability account of each tax agency.
    """

    documents: dict[str, list[Document]] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)
    tax_accounts: dict[str, str] = field(default_factory=dict)

    def of(self, entity: str) -> list[Document]:
        return self.documents.get(entity, [])

    def rate_names(self) -> dict[str, str]:
        return {str(row["Id"]): str(row["Name"]) for row in self.of("TaxRate")}

    @property
    def home(self) -> str | None:
        """The currency of the ledger; None where the books do not tell."""
        for row in self.of("Preferences"):
            home = row.get("CurrencyPrefs", {}).get("HomeCurrency", {}).get("value")
            return str(home) if home else None
        return None

    @property
    def automated_tax(self) -> bool:
        """Whether QuickBooks itself shares the tax to rates, whatever the billed taxes are."""
        return any(
            row.get("TaxPrefs", {}).get("PartnerTaxEnabled") for row in self.of("Preferences")
        )


def read_books(base_url: str, realm: str) -> Books:
    """
    Read one company.

    Raises:
        Unreadable: Nobody answers there, or there is no such company.
    """
    books = Books()
    for entity in (*LISTS, *DATED):
        found = _get(f"{base_url}/_control/companies/{realm}/documents/{entity}")
        books.documents[entity] = list(found)
    trial = _get(f"{base_url}/_control/companies/{realm}/trial-balance")
    books.balances = {str(name): Decimal(amount) for name, amount in trial["accounts"].items()}
    owed = _get(f"{base_url}/_control/companies/{realm}/tax-accounts")
    books.tax_accounts = {str(agency): str(account) for agency, account in owed.items()}
    return books


def _get(url: str) -> Any:
    if not url.startswith(("http://", "https://")):
        raise Unreadable(f"{url} is not an http address.")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - checked above
            return json.loads(answer.read(), parse_float=Decimal)
    except OSError as lost:
        raise Unreadable(f"{url} cannot be read: {lost}") from lost


def save(books: Books, path: Path) -> None:
    """Keep the books as they are now."""
    kept = {
        "documents": books.documents,
        "balances": books.balances,
        "tax_accounts": books.tax_accounts,
    }
    path.write_text(json.dumps(kept, default=str, ensure_ascii=False), encoding="utf-8")


def load(path: Path) -> Books:
    """Return books that were kept; amounts are text in them, and read as such."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    balances = {name: Decimal(amount) for name, amount in kept["balances"].items()}
    return Books(documents=kept["documents"], balances=balances, tax_accounts=kept["tax_accounts"])


# -------------------------------------------------------------------------------- one document


def money(document: Document, name: str) -> Decimal:
    """Return an amount of a document; what is not there is zero."""
    return Decimal(str(document.get(name, 0)))


def note(document: Document) -> str:
    return f"{document.get('PrivateNote', '')} {document.get('Notes', '')}"


def customer_of(document: Document) -> str:
    named = document.get("CustomerRef") or document.get("EntityRef") or {}
    return str(named.get("value", ""))


def reference(document: Document, name: str) -> str:
    """Return the id that a reference names; empty for none."""
    return str(document.get(name, {}).get("value", ""))


def taxes_of(document: Document, rate_names: Mapping[str, str]) -> dict[str, Decimal]:
    """Return the tax by the name of its rate."""
    found: dict[str, Decimal] = {}
    for line in document.get("TxnTaxDetail", {}).get("TaxLine", ()):
        rate = str(line.get("TaxLineDetail", {}).get("TaxRateRef", {}).get("value"))
        name = rate_names.get(rate, f"rate {rate}")
        found[name] = found.get(name, ZERO) + money(line, "Amount")
    return {name: amount for name, amount in found.items() if amount}


def linked(document: Document, kind: str) -> dict[str, Decimal]:
    """Return what a payment's lines settle, by the id of the settled document."""
    found: dict[str, Decimal] = {}
    for line in document.get("Line", ()):
        for each in line.get("LinkedTxn", ()):
            if each.get("TxnType") == kind:
                target = str(each["TxnId"])
                found[target] = found.get(target, ZERO) + money(line, "Amount")
    return found
