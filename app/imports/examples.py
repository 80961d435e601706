"""Worked examples of adopting and pairing customers."""

from typing import Any

from fastapi.openapi.models import Example

ADOPTIONS: dict[str, Example] = {
    "two_customers": {
        "value": [
            {"external_id": "22", "billing_id": "cus_2001"},
            {"external_id": "23", "billing_id": "cus_2002"},
        ]
    }
}
ADOPTED: dict[str, Any] = {
    "results": [
        {
            "index": 0,
            "external_id": "22",
            "billing_id": "cus_2001",
            "status": "created",
            "problem": None,
        },
        {
            "index": 1,
            "external_id": "23",
            "billing_id": "cus_2002",
            "status": "created",
            "problem": None,
        },
    ],
    "counts": {"created": 2, "linked": 0, "unchanged": 0, "refused": 0},
}
CUSTOMER_MAPPING: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c106",
    "billing_id": "cus_1001",
    "billing_name": "Érable & Fils inc.",
    "external_id": "8",
    "name": "O'Brien & Sons Ltd.",
    "status": "confirmed",
    "name_matches": False,
    "reason": None,
    "candidates": [],
    "fixes": [],
}
