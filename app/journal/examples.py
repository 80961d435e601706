"""Worked examples for the API's document."""

from typing import Any

ENTRY: dict[str, Any] = {
    "entry": "2026-03-01-INV-CAD-01",
    "number": "S260301-INV-CAD-01",
    "kind": "invoices",
    "period": "2026-03-01",
    "period_from": "2026-03-01",
    "period_to": "2026-03-01",
    "currency": "CAD",
    "sequence": 1,
    "state": "posted",
    "txn_date": "2026-03-01",
    "memo": "Billing summary 2026-03-01: 18 invoices",
    "exchange_rate": None,
    "debits": "1338.40",
    "document": {
        "type": "JournalEntry",
        "id": "227",
        "number": "S260301-INV-CAD-01",
        "url": "https://app.qbo.intuit.com/app/journal?txnId=227",
    },
    "created_at": "2026-03-02T01:00:00Z",
}


def _line(number: int, account: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {
        "line": number,
        "account_id": account[0],
        "account_name": account[1],
        "debit": None,
        "credit": None,
        "customer_id": None,
        "customer_name": None,
        "class_id": None,
        "department_id": None,
        "members": 18,
        "posted": True,
        "exchange_correction": False,
        "home_difference": None,
        **fields,
    }


LINES = [
    _line(
        1,
        ("84", "Accounts Receivable (A/R)"),
        debit="1338.40",
        description="Receivables",
        customer_id="77",
        customer_name="Billing master customer",
    ),
    _line(
        2, ("79", "Subscription income"), credit="1338.40", description="Income: 4000", members=24
    ),
]
DETAIL: dict[str, Any] = {**ENTRY, "lines": LINES}
MEMBER: dict[str, Any] = {
    "kind": "invoice",
    "billing_id": "inv_5001",
    "number": "2026-0001",
    "customer": "cus_1001",
    "date": "2026-03-01",
    "revision": 1,
    "effect": "billed",
    "component": "net:pro-monthly",
    "role": "income",
    "key": "4000",
    "debit": None,
    "credit": "100.00",
    "currency": "CAD",
    "exchange_rate": "1",
}
PREVIEW: dict[str, Any] = {
    **{
        name: ENTRY[name]
        for name in ("entry", "number", "kind", "period", "currency", "sequence", "txn_date")
    },
    **{name: ENTRY[name] for name in ("memo", "exchange_rate", "debits")},
    "lines": LINES,
    "records": 18,
    "state": "would_post",
    "code": None,
    "cause": None,
    "explanation": None,
    "fixes": [],
}
