"""Worked examples of the API's documentation."""

from typing import Any

from fastapi.openapi.models import Example

_MONEY: dict[str, Any] = {"documents": 2, "total": "224.00", "tax": "24.00"}
DIFFERENCE: dict[str, Any] = {
    "kind": "invoice",
    "billing_id": "inv_5001",
    "number": "INV-5001",
    "customer": "cus_1001",
    "date": "2026-03-01",
    "currency": "CAD",
    "billed": "112.00",
    "posted": "112.00",
    "in_books": "111.99",
    "difference": "-0.01",
    "document": {"type": "Invoice", "id": "145", "number": "INV-5001", "url": None},
    "code": "cents_differ",
    "cause": "The totals differ by cents.",
    "explanation": "The lines or taxes in the books come to slightly another total than was "
    "billed. Billed 112.00, in the books 111.99 (-0.01).",
    "fixes": ["Correct the amount in QuickBooks."],
    "details": {"lines": {"only_billed": ["100.00"], "only_in_books": ["99.99"]}},
}
RECONCILIATION: dict[str, Any] = {
    "integration_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c010",
    "date_from": "2026-03-01",
    "date_to": "2026-03-31",
    "read_at": "2026-04-01T09:00:00Z",
    "in_step": False,
    "kinds": [
        {
            "kind": "invoice",
            "currency": "CAD",
            "billed": _MONEY,
            "posted": _MONEY,
            "in_books": {"documents": 2, "total": "223.99", "tax": "24.00"},
            "difference": "-0.01",
            "others": {"documents": 0, "total": "0.00", "tax": "0.00"},
        }
    ],
    "taxes": [
        {
            "kind": "invoice",
            "currency": "CAD",
            "rate_id": "3",
            "rate_name": "GST",
            "percent": "5",
            "billed": "10.00",
            "in_books": "10.00",
            "difference": "0.00",
        }
    ],
    "customers": [
        {
            "customer": "cus_1001",
            "currency": "CAD",
            "documents": 1,
            "billed": "112.00",
            "in_books": "111.99",
            "difference": "-0.01",
        }
    ],
    "causes": [
        {
            "code": "cents_differ",
            "cause": "The totals differ by cents.",
            "documents": 1,
            "difference": "-0.01",
        }
    ],
    "differences": [DIFFERENCE],
    "differences_total": 1,
    "foreign_payments": 0,
    "quickbooks_calls": {"read": 3},
}
PREFLIGHT_REQUESTS: dict[str, Example] = {
    "month": {
        "summary": "One month",
        "value": {"date_from": "2026-03-01", "date_to": "2026-03-31"},
    }
}
PREFLIGHT: dict[str, Any] = {
    "integration_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c010",
    "date_from": "2026-03-01",
    "date_to": "2026-03-31",
    "read_at": "2026-04-01T09:00:00Z",
    "ready": False,
    "documents": 2,
    "findings": [
        {
            "code": "closed_books",
            "level": "block",
            "subject": "Books closed until 2026-03-15",
            "consequence": "Dated in the closed period, 1 document would be refused.",
            "documents": 1,
            "fix": "Move the closing date in QuickBooks, or set closed_books to first_open_day.",
        }
    ],
    "profile": {
        "name": "Maple Books Inc.",
        "country": "CA",
        "home_currency": "CAD",
        "time_zone": "America/Toronto",
        "tax_model": "GLOBAL",
        "multicurrency": False,
        "custom_numbers": True,
        "auto_apply_credits": False,
        "auto_apply_payments": False,
        "books_closed_until": "2026-03-15",
        "plan": "QuickBooks Online Plus",
        "subscription": "PAID",
    },
    "quickbooks_calls": {"read": 2},
}
CATALOGUE: dict[str, Any] = {
    "data": [
        {
            "code": "closed_books",
            "cause": "The books are closed for this date.",
            "explanation": "Documents dated on or before the closing date are refused.",
            "fixes": ["Move the closing date in QuickBooks, and retry."],
            "retryable": False,
            "where": ["record", "preflight"],
            "quickbooks_codes": ["6200", "6210"],
        }
    ]
}
FINDINGS: dict[str, Any] = {
    "job_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c011",
    "records": 3,
    "data": [
        {
            "code": "unmapped_tax",
            "state": "rejected",
            "cause": "A tax is not mapped to a tax code of QuickBooks.",
            "explanation": "No tax code is mapped to HST.",
            "fixes": ["Confirm the mapping of these price codes under tax mappings."],
            "records": 2,
            "releases": 3,
            "waits_for": [],
            "amounts": [{"currency": "CAD", "amount": "226.00"}],
            "details": {"price_codes": [["HST"]], "documents_affected": 2},
            "examples": [
                {
                    "record_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c012",
                    "kind": "invoice",
                    "billing_id": "inv_5001",
                    "number": "INV-5001",
                }
            ],
        }
    ],
}
