"""Worked examples of mappings, all of one Canadian company."""

from typing import Any

from fastapi.openapi.models import Example

TAX_MAPPINGS: dict[str, Example] = {
    "single": {
        "summary": "One tax",
        "value": {"price_codes": ["GST"], "tax_code_id": "4"},
    },
    "group": {
        "summary": "Taxes that stand together on a line",
        "value": {"price_codes": ["GST", "QST 9.975"], "tax_code_id": "8"},
    },
    "untaxed": {
        "summary": "Lines without tax",
        "value": {"price_codes": [], "tax_code_id": "3"},
    },
    "renamed": {
        "summary": "Names that do not tell which rate is which",
        "value": {
            "price_codes": ["TPS", "TVQ"],
            "tax_code_id": "8",
            "pairs": [
                {"price_code": "TPS", "rate_id": "2"},
                {"price_code": "TVQ", "rate_id": "7"},
            ],
        },
    },
}
TAX_MAPPING: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c101",
    "price_codes": ["GST", "QST 9.975"],
    "tax_code_id": "8",
    "tax_code_name": "GST/QST QC - 9.975",
    "rates": [
        {"external_id": "2", "name": "GST", "percent": "5", "price_code": "GST"},
        {"external_id": "7", "name": "QST 9.975", "percent": "9.975", "price_code": "QST 9.975"},
    ],
    "status": "confirmed",
    "name_matches": True,
    "reason": None,
    "choices": [],
    "fixes": [],
    "documents": 3,
}
TAX_TABLE: dict[str, Any] = {
    "data": [TAX_MAPPING],
    "next_cursor": None,
    "model": "GLOBAL",
    "required": True,
    "plans_without_rate": [
        {"plan": "Quebec", "price_code": "TVQ", "name": "Taxe de vente du Québec"}
    ],
    "rates_without_plan": [{"external_id": "4", "name": "HST ON", "percent": "13"}],
}
ITEM_MAPPING: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c103",
    "status": "confirmed",
    "name_matches": False,
    "reason": None,
    "choices": [],
    "fixes": [],
    "price_code": "PRO-MONTHLY",
    "item_name": "Pro plan, monthly",
    "plan": "Pro",
    "item_id": "3",
    "mapped_item_name": "Pro monthly",
}
ACCOUNT_MAPPING: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c104",
    "status": "confirmed",
    "name_matches": False,
    "reason": None,
    "choices": [],
    "fixes": [],
    "role": "deposit",
    "key": "stripe",
    "currency": None,
    "said": None,
    "allowed_types": ["Bank", "Other Current Asset"],
    "account_id": "1150040003",
    "account_name": "Payment gateway clearing",
    "effective_account_id": None,
    "effective_account_name": None,
}
METHOD_MAPPING: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c105",
    "status": "confirmed",
    "name_matches": False,
    "reason": None,
    "choices": [],
    "fixes": [],
    "method": "visa",
    "payment_method_id": "3",
    "payment_method_name": "Visa",
    "deposit_account_id": "1150040003",
    "deposit_account_name": "Payment gateway clearing",
}
