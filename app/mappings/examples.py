"""Worked examples of mappings, all of one Canadian company."""

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
