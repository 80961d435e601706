"""Worked examples of billing records; each is accepted as it stands."""

from typing import Any

from app.billing.kinds import BillingKind

AT = "2026-03-02T09:30:00Z"

CUSTOMER: dict[str, Any] = {
    "billing_id": "cus_1001",
    "updated_at": AT,
    "display_name": "Érable & Fils inc.",
    "company_name": "Érable & Fils inc.",
    "names": {"given": "Amélie", "family": "O'Neil"},
    "email": "compta@erable.example.com",
    "phone": "+1 514 555 0100",
    "addresses": {
        "billing": {
            "line1": "1200 rue Sherbrooke",
            "city": "Montréal",
            "region": "QC",
            "postal_code": "H3A 1H6",
            "country": "CA",
        }
    },
    "currency": "CAD",
    "created_date": "2026-03-01",
}
CHARGE: dict[str, Any] = {
    "billing_id": "chg_pro",
    "updated_at": AT,
    "price_code": "PRO-MONTHLY",
    "name": "Pro plan, monthly",
    "plan": "Pro",
    "kind": "recurring",
    "accounting_code": "4000",
}
TAX: dict[str, Any] = {
    "billing_id": "tax_gst",
    "updated_at": AT,
    "price_code": "GST",
    "name": "Goods and services tax",
    "rate": "5",
}
INVOICE: dict[str, Any] = {
    "billing_id": "inv_5001",
    "updated_at": AT,
    "number": "2026-0001",
    "customer": "cus_1001",
    "invoice_date": "2026-03-02",
    "due_date": "2026-04-01",
    "currency": "CAD",
    "lines": [
        {
            "line_id": "1",
            "price_code": "PRO-MONTHLY",
            "description": "Pro plan, March",
            "amount": "100.00",
            "quantity": "2",
            "unit_price": "50",
            "taxes": [
                {"price_code": "GST", "rate": "5"},
                {"price_code": "QST 9.975", "rate": "9.975"},
            ],
            "service_period": {"start": "2026-03-01", "end": "2026-03-31"},
        }
    ],
    "tax_total": "14.98",
    "total": "114.98",
    "status": "open",
}
PAYMENT: dict[str, Any] = {
    "billing_id": "pay_9001",
    "updated_at": AT,
    "customer": "cus_1001",
    "payment_date": "2026-03-03",
    "amount": "114.98",
    "currency": "CAD",
    "method": "visa",
    "reference": "ch_3Nk2",
    "allocations": [{"invoice": "inv_5001", "amount": "114.98"}],
}
CREDIT_NOTE: dict[str, Any] = {
    "billing_id": "cn_700",
    "updated_at": AT,
    "number": "CN-0001",
    "customer": "cus_1001",
    "date": "2026-03-05",
    "reason": "credit_note",
    "currency": "CAD",
    "lines": [
        {
            "line_id": "1",
            "price_code": "PRO-MONTHLY",
            "description": "One seat less",
            "amount": "50.00",
        }
    ],
    "taxes": [{"price_code": "GST", "rate": "5"}, {"price_code": "QST 9.975", "rate": "9.975"}],
    "tax_total": "7.49",
    "total": "57.49",
    "applications": [],
}
REFUND: dict[str, Any] = {
    "billing_id": "ref_300",
    "updated_at": AT,
    "customer": "cus_1001",
    "date": "2026-03-06",
    "amount": "57.49",
    "currency": "CAD",
    "method": "visa",
    "credit_note": "cn_700",
}
RECORDS: dict[BillingKind, dict[str, Any]] = {
    BillingKind.CUSTOMER: CUSTOMER,
    BillingKind.CHARGE: CHARGE,
    BillingKind.TAX: TAX,
    BillingKind.INVOICE: INVOICE,
    BillingKind.PAYMENT: PAYMENT,
    BillingKind.CREDIT_NOTE: CREDIT_NOTE,
    BillingKind.REFUND: REFUND,
}
SHORT_STATE = {"state": "posted", "id": "145", "number": "2026-0001"}


def stored(kind: BillingKind) -> dict[str, Any]:
    """Return the example as a list shows it."""
    return {
        **RECORDS[kind],
        "revision": 1,
        "received_at": "2026-03-02T09:30:01Z",
        "quickbooks": SHORT_STATE if kind is BillingKind.INVOICE else None,
    }


def detailed(kind: BillingKind) -> dict[str, Any]:
    """Return the example as it is shown by itself."""
    if kind is not BillingKind.INVOICE:
        return {**stored(kind), "link": None, "postings": None}
    link = {"state": "live", "kind": "invoice", "external_id": "145", "number": "2026-0001"}
    posting: dict[str, Any] = {
        "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c0aa",
        "operation": "create",
        "state": "posted",
        "code": None,
        "explanation": None,
        "fixes": [],
    }
    return {**stored(kind), "link": link, "postings": [posting]}


def batch(kind: BillingKind) -> dict[str, Any]:
    """Return the answer to a batch of one new record."""
    return {
        "results": [
            {
                "index": 0,
                "billing_id": RECORDS[kind]["billing_id"],
                "status": "created",
                "problem": None,
            }
        ],
        "counts": {
            "total": 1,
            "created": 1,
            "updated": 0,
            "unchanged": 0,
            "stale": 0,
            "refused": 0,
        },
    }
