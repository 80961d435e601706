"""One worked example of an entry per imported list, all of one Canadian company."""

from typing import Any

ACCOUNTS: dict[str, Any] = {
    "external_id": "1150040000",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": None,
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "Subscription income",
    "full_name": "Subscription income",
    "number": "4000",
    "type": "Income",
    "sub_type": "ServiceFeeIncome",
    "classification": "Revenue",
    "currency": "CAD",
    "parent_id": None,
}
CLASSES: dict[str, Any] = {
    "external_id": "5000000000000007282",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": "2024-01-01T09:00:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "Asia Pacific",
    "full_name": "Asia Pacific",
    "type": None,
}
CUSTOMERS: dict[str, Any] = {
    "external_id": "22",
    "active": True,
    "created_in_books_at": "2025-05-26T14:36:00Z",
    "updated_in_books_at": "2025-05-26T14:36:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "billing_id": "cus_2001",
    "display_name": "Théberge Software Inc.",
    "company_name": "Théberge Software Inc.",
    "email": None,
    "currency": "CAD",
    "parent_id": "11",
}
DEPARTMENTS: dict[str, Any] = {
    "external_id": "3",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": "2024-01-01T09:00:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "Montréal",
    "full_name": "Montréal",
    "type": None,
}
INVOICES: dict[str, Any] = {
    "external_id": "1",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": None,
    "changed_at": "2026-03-01T12:10:03Z",
    "billing_id": None,
    "number": "1001",
    "customer_id": "11",
    "txn_date": "2024-01-01",
    "currency": "CAD",
    "total": "2490.83",
    "balance": "0.00",
    "voided": False,
}
ITEMS: dict[str, Any] = {
    "external_id": "3",
    "active": True,
    "created_in_books_at": "2024-07-01T23:00:00Z",
    "updated_in_books_at": "2024-07-01T23:00:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "billing_id": None,
    "name": "Pro monthly",
    "full_name": "Pro monthly",
    "sku": "SKU-00003",
    "type": "Service",
    "income_account_id": "1150040000",
    "taxable": False,
}
PAYMENT_METHODS: dict[str, Any] = {
    "external_id": "3",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": "2025-06-30T15:20:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "Visa",
    "full_name": None,
    "type": "CREDIT_CARD",
}
PAYMENTS: dict[str, Any] = {
    "external_id": "2",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": None,
    "changed_at": "2026-03-01T12:10:03Z",
    "billing_id": None,
    "number": "ch_3a7779490eab",
    "customer_id": "11",
    "txn_date": "2024-01-01",
    "currency": "CAD",
    "total": "2490.83",
    "balance": None,
    "voided": False,
    "unapplied": "0.00",
}
TAX_AGENCIES: dict[str, Any] = {
    "external_id": "1",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": "2025-06-30T15:20:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "Canada Revenue Agency",
}
TAX_CODES: dict[str, Any] = {
    "external_id": "8",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": "2025-06-30T15:20:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "GST/QST QC - 9.975",
    "description": "GST/QST QC - 9.975",
    "kind": "group",
    "rates": [
        {"external_id": "2", "name": "GST", "percent": "5", "agency": "Canada Revenue Agency"},
        {"external_id": "7", "name": "QST 9.975", "percent": "9.975", "agency": "Revenu Québec"},
    ],
}
TAX_RATES: dict[str, Any] = {
    "external_id": "7",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": "2025-06-30T15:20:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "QST 9.975",
    "percent": "9.975",
    "agency_id": "3",
}
TERMS: dict[str, Any] = {
    "external_id": "3",
    "active": True,
    "created_in_books_at": "2024-01-01T09:00:00Z",
    "updated_in_books_at": "2025-06-30T15:20:00Z",
    "changed_at": "2026-03-01T12:10:03Z",
    "name": "Net 30",
    "type": "STANDARD",
    "due_days": 30,
}
