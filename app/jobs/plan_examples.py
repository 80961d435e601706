"""Worked examples of plans."""

from typing import Any

from app.jobs import examples

DRY_RUN_ID = "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c120"
CREATED: dict[str, Any] = {
    "action": "create",
    "kind": "invoice",
    "billing_id": "inv_5001",
    "billing_number": "2026-0001",
    "customer": "cus_1001",
    "date": "2026-03-02",
    "currency": "CAD",
    "total": "114.98",
    "tax": "14.98",
    "taxes": [
        {
            "price_code": "GST",
            "rate": "5",
            "net": "100.00",
            "amount": "5.00",
            "tax_rate_id": "3",
        },
        {
            "price_code": "QST",
            "rate": "9.975",
            "net": "100.00",
            "amount": "9.98",
            "tax_rate_id": "24",
        },
    ],
    "document_type": "Invoice",
    "external_id": None,
    "payload": {
        "CustomerRef": {"value": "{{customer:cus_1001}}"},
        "DocNumber": "2026-0001",
        "TxnDate": "2026-03-02",
        "DueDate": "2026-04-01",
        "GlobalTaxCalculation": "TaxExcluded",
        "PrivateNote": "Invoice 2026-0001 [lw:rbkvca6zy246szk4vc6xwtarlw]",
        "Line": [
            {
                "Description": "Pro plan, March",
                "Amount": 100.00,
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "19"},
                    "TaxCodeRef": {"value": "9"},
                },
            }
        ],
        "TxnTaxDetail": {
            "TotalTax": 14.98,
            "TaxLine": [
                {
                    "Amount": 5.00,
                    "DetailType": "TaxLineDetail",
                    "TaxLineDetail": {
                        "TaxRateRef": {"value": "3"},
                        "PercentBased": True,
                        "TaxPercent": 5,
                        "NetAmountTaxable": 100.00,
                    },
                },
                {
                    "Amount": 9.98,
                    "DetailType": "TaxLineDetail",
                    "TaxLineDetail": {
                        "TaxRateRef": {"value": "24"},
                        "PercentBased": True,
                        "TaxPercent": 9.975,
                        "NetAmountTaxable": 100.00,
                    },
                },
            ],
        },
    },
    "payload_sha256": "7d5c9a2f6b0e4c1d8a3f5e7b9c2d4f6a8e0b1c3d5f7a9b2c4e6d8f0a1b3c5d7e",
    "placeholders": [
        {
            "placeholder": "{{customer:cus_1001}}",
            "kind": "customer",
            "billing_id": "cus_1001",
        }
    ],
    "differences": [],
    "lane": "single",
    "code": None,
    "cause": None,
    "explanation": "It would be created in QuickBooks. Nothing was posted.",
    "fixes": [],
    "details": None,
    "shown": {},
    "plan_hash": "1f3a5c7e9b0d2f4a6c8e0b1d3f5a7c9e2b4d6f8a0c1e3b5d7f9a2c4e6b8d0f1a",
}
PLAN: dict[str, Any] = {
    "job_id": DRY_RUN_ID,
    "status": "succeeded_with_findings",
    "expires_at": "2026-04-08T08:00:09Z",
    "applied_by": None,
    "summary": {
        "actions": {
            "total": 3,
            "create": 2,
            "update": 0,
            "void": 0,
            "delete": 0,
            "link": 0,
            "skip": 0,
            "refuse": 1,
            "block": 0,
            "unchanged": 0,
        },
        "kinds": {"customer": {"create": 1}, "invoice": {"create": 1, "refuse": 1}},
        "amounts": [
            {
                "action": "create",
                "kind": "invoice",
                "currency": "CAD",
                "documents": 1,
                "total": "114.98",
                "tax": "14.98",
            },
            {
                "action": "refuse",
                "kind": "invoice",
                "currency": "CAD",
                "documents": 1,
                "total": "113.00",
                "tax": "13.00",
            },
        ],
        "calls": {"single": 2, "batch": 0, "read": 2, "documents": 2, "minutes": "0.0"},
    },
    "data": [CREATED],
    "next_cursor": None,
}
APPLIED: dict[str, Any] = examples.QUEUED | {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c121",
    "applies": DRY_RUN_ID,
}
