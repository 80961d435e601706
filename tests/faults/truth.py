"""What was billed against what stands in the books."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tests.faults.landscape import Seller, marker

ENTITIES = {
    "customers": ("Customer", "customer"),
    "invoices": ("Invoice", "invoice"),
    "payments": ("Payment", "payment"),
    "credit-notes": ("CreditMemo", "credit_memo"),
}


def differences(seller: Seller) -> list[str]:
    """
    Return every way in which the books differ from what the seller pushed: none, if all is well.

    Each record must stand there exactly once, to the cent, and nothing else may.
    """
    wrong: list[str] = []
    for resource, (entity, kind) in ENTITIES.items():
        rows = seller.simulator.documents(entity, seller.realm_id)
        pushed = {id_: body for (name, id_), body in seller.pushed.items() if name == resource}
        for billing_id, body in pushed.items():
            mark = marker(seller.realm_id, kind, billing_id)
            found = [row for row in rows if mark in note_of(row)]
            if len(found) != 1:
                wrong.append(f"{resource}/{billing_id} stands {len(found)} times in the books")
                continue
            rows.remove(found[0])
            wrong += _amounts(seller, resource, billing_id, body, found[0])
        wrong += [f"{entity} {row['Id']} is nobody's: {note_of(row)!r}" for row in rows]
    wrong += [f"not balanced: {rest}" for rest in _unbalanced(seller)]
    return wrong


def note_of(row: dict[str, Any]) -> str:
    return str(row.get("PrivateNote", "")) + str(row.get("Notes", ""))


def _unbalanced(seller: Seller) -> list[Any]:
    rest = seller.simulator.trial_balance(seller.realm_id)["sum"]
    return [rest] if rest else []


def _amounts(
    seller: Seller, resource: str, billing_id: str, body: dict[str, Any], row: dict[str, Any]
) -> list[str]:
    expected = dict(_expected(seller, resource, billing_id, body))
    return [
        f"{resource}/{billing_id}: {name} is {_at(row, name)}, not {value}"
        for name, value in expected.items()
        if _at(row, name) != value
    ]


def _expected(
    seller: Seller, resource: str, billing_id: str, body: dict[str, Any]
) -> Iterable[tuple[str, Any]]:
    if resource == "customers":
        yield "DisplayName", body["display_name"]
    elif resource == "payments":
        settled = sum(Decimal(part["amount"]) for part in body["allocations"])
        yield "TotalAmt", Decimal(body["amount"])
        yield "UnappliedAmt", Decimal(body["amount"]) - settled
    elif body.get("status") == "void":
        yield "TotalAmt", Decimal(0)
        yield "Balance", Decimal(0)
    else:
        yield "TotalAmt", Decimal(body["total"])
        yield "TxnTaxDetail.TotalTax", Decimal(body["tax_total"])
        yield "DocNumber", body["number"]
        if resource == "invoices":
            yield "Balance", Decimal(body["total"]) - _paid(seller, billing_id)


def _paid(seller: Seller, invoice: str) -> Decimal:
    parts = [
        part
        for (resource, _), body in seller.pushed.items()
        for part in body.get(
            {"payments": "allocations", "credit-notes": "applications"}.get(resource, ""), []
        )
    ]
    return sum(
        (Decimal(part["amount"]) for part in parts if part["invoice"] == invoice), Decimal(0)
    )


def _at(row: dict[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name, {}) if isinstance(value, dict) else value
    return Decimal(0) if value == {} else value


def writes(seller: Seller, *, carried_out: bool = True) -> list[dict[str, Any]]:
    """Return the company's write requests, whole ones that were answered unless told otherwise."""
    return [
        entry
        for entry in seller.simulator.requests(realm_id=seller.realm_id)
        if entry["requestid"]
        and entry["method"] == "POST"
        and (not carried_out or entry["status"] == 200)
    ]
