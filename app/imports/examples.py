"""Worked examples of adopting and pairing customers."""

from fastapi.openapi.models import Example

ADOPTIONS: dict[str, Example] = {
    "two_customers": {
        "value": [
            {"external_id": "22", "billing_id": "cus_2001"},
            {"external_id": "23", "billing_id": "cus_2002"},
        ]
    }
}
