"""Falsifies the books behind the program's back: the judge has to notice."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.commands.remote import Remote
from app.commands.terminal import Stop
from app.demo.stage import Books

MARK = "[lw:"
COPIED = (
    "CustomerRef",
    "TxnDate",
    "DueDate",
    "DocNumber",
    "PrivateNote",
    "GlobalTaxCalculation",
    "CurrencyRef",
    "ExchangeRate",
    "ShipAddr",
)


class Sabotage(StrEnum):
    """What is done to one invoice of ours."""

    DROP = "drop"
    DOUBLE = "double"
    CENT = "cent"


def sabotage(books: Books, kind: Sabotage) -> str:
    """Falsify one open, unpaid invoice; return a sentence about it."""
    with books.control() as control:
        invoice = _victim(control, books)
        number = invoice.get("DocNumber")
        if kind is Sabotage.DROP:
            body = {"Id": invoice["Id"], "SyncToken": invoice["SyncToken"]}
            _edit(control, books, "delete", body)
            return f"Invoice {number} was deleted in QuickBooks."
        if kind is Sabotage.DOUBLE:
            _edit(control, books, "create", _copy(invoice))
            return f"Invoice {number} was entered a second time in QuickBooks."
        _edit(control, books, "update", _one_cent_more(invoice))
        return f"Invoice {number} was made one cent dearer in QuickBooks."


def _victim(control: Remote, books: Books) -> dict[str, Any]:
    rows = control.call("GET", books.company("/documents/Invoice"))["data"]
    for row in rows:
        marked = MARK in str(row.get("PrivateNote", ""))
        gross = row.get("GlobalTaxCalculation") == "TaxInclusive"
        if marked and not gross and row["TotalAmt"] > 0 and row["Balance"] == row["TotalAmt"]:
            found: dict[str, Any] = row
            return found
    raise Stop("There is no open invoice to falsify.")


def _edit(control: Remote, books: Books, operation: str, body: dict[str, Any]) -> None:
    order = {
        "operation": operation,
        "entity": "Invoice",
        "body": _plain(body),
        "allow_duplicate_docnum": True,
    }
    control.call("POST", books.company("/edit"), order)


def _copy(invoice: dict[str, Any]) -> dict[str, Any]:
    kept = {name: invoice[name] for name in COPIED if name in invoice}
    return {**kept, "Line": _sales(invoice), "TxnTaxDetail": _taxes(invoice)}


def _sales(invoice: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in line.items() if name not in {"Id", "LineNum"}}
        for line in invoice["Line"]
        if line["DetailType"] == "SalesItemLineDetail"
    ]


def _taxes(invoice: dict[str, Any]) -> dict[str, Any]:
    detail: dict[str, Any] = invoice.get("TxnTaxDetail", {})
    return {
        name: detail[name] for name in ("TxnTaxCodeRef", "TotalTax", "TaxLine") if name in detail
    }


def _one_cent_more(invoice: dict[str, Any]) -> dict[str, Any]:
    lines = _sales(invoice)
    for name in ("Qty", "UnitPrice"):
        lines[0]["SalesItemLineDetail"].pop(name, None)
    lines[0]["Amount"] += Decimal("0.01")
    return {
        "Id": invoice["Id"],
        "SyncToken": invoice["SyncToken"],
        "sparse": True,
        "Line": lines,
        "TxnTaxDetail": _taxes(invoice),
    }


def _plain(value: Any) -> Any:
    """Return JSON's own types: an exact decimal goes as a number."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
