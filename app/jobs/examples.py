"""Worked examples of jobs and their records."""

from typing import Any

from fastapi.openapi.models import Example

REQUESTS: dict[str, Example] = {
    "import": {
        "summary": "Read customers, items with their taxes, and the chart of accounts",
        "value": {
            "direction": "import",
            "resources": ["customers", "items", "accounts"],
            "created_from": "2020-01-01",
            "created_to": "2026-12-31",
        },
    },
    "opening_documents": {
        "summary": "Read what stands in the books already",
        "value": {"direction": "import", "resources": ["invoices", "payments"]},
    },
    "export": {
        "summary": "Post what was billed in March",
        "value": {
            "direction": "export",
            "resources": ["customers", "items", "invoices", "payments", "credits"],
            "date_from": "2026-03-01",
            "date_to": "2026-03-31",
        },
    },
    "dry_run": {
        "summary": "See first what an export would do; nothing is posted",
        "value": {
            "direction": "export",
            "resources": ["customers", "items", "invoices", "payments", "credits"],
            "date_from": "2026-03-01",
            "date_to": "2026-03-31",
            "dry_run": True,
        },
    },
}
RETRIES: dict[str, Example] = {
    "again": {"summary": "After the cause was removed", "value": {}},
    "post_again": {
        "summary": "Write it anew: it is known not to be in the books",
        "value": {"decision": "post_again"},
    },
}
NOTHING = {
    "total": 0,
    "created": 0,
    "updated": 0,
    "voided": 0,
    "linked": 0,
    "unchanged": 0,
    "skipped": 0,
    "blocked": 0,
    "rejected": 0,
    "unknown": 0,
    "parked": 0,
    "conflict": 0,
    "cancelled": 0,
}
STEPS = ("plan", "customers", "items", "invoices", "credit_memos", "payments", "applications")


def _steps(state: str, *, started_at: str | None, finished_at: str | None) -> list[dict[str, Any]]:
    times = {"started_at": started_at, "finished_at": finished_at}
    return [{"name": name, "state": state, "counts": {}, **times} for name in STEPS]


def _amounts(kind: str, billed: str, posted: str, difference: str) -> dict[str, str]:
    figures = {"billed": billed, "posted": posted, "difference": difference}
    return {"kind": kind, "currency": "CAD", **figures}


QUEUED: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c107",
    "integration_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c010",
    "direction": "export",
    "operation_type": "Export Customers, Items, Invoices, Payments, Credits",
    "resources": ["customers", "items", "invoices", "payments", "credits"],
    "range": {"date_from": "2026-03-01", "date_to": "2026-03-31", "basis": "document_date"},
    "requested_by": "billing server",
    "trigger": "api",
    "status": "queued",
    "paused": None,
    "queued_at": "2026-04-01T08:00:00Z",
    "started_at": None,
    "finished_at": None,
    "counts": NOTHING,
    "amounts": [],
    "quickbooks_calls": {},
    "steps": _steps("waiting", started_at=None, finished_at=None),
    "retry_of": None,
    "dry_run": False,
    "applies": None,
    "applied_by": None,
    "plan_expires_at": None,
    "findings": [],
    "failure": None,
}
ENDED: dict[str, Any] = QUEUED | {
    "status": "succeeded_with_findings",
    "started_at": "2026-04-01T08:00:01Z",
    "finished_at": "2026-04-01T08:00:09Z",
    "counts": NOTHING | {"total": 6, "created": 5, "rejected": 1},
    "amounts": [
        _amounts("credit_memo", "57.49", "57.49", "0.00"),
        _amounts("invoice", "227.98", "114.98", "113.00"),
        _amounts("payment", "114.98", "114.98", "0.00"),
    ],
    "quickbooks_calls": {"read": 13, "write": 5},
    "steps": _steps("done", started_at="2026-04-01T08:00:01Z", finished_at="2026-04-01T08:00:09Z"),
}
RETRIED: dict[str, Any] = QUEUED | {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c10c",
    "trigger": "retry",
    "retry_of": ENDED["id"],
}
CANCELLED: dict[str, Any] = QUEUED | {
    "status": "cancelled",
    "finished_at": "2026-04-01T08:00:09Z",
}
POSTED: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c10a",
    "job_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c107",
    "kind": "invoice",
    "operation": "post",
    "billing_id": "inv_5001",
    "billing_number": "2026-0001",
    "customer": "cus_1001",
    "date": "2026-03-02",
    "amount": "114.98",
    "tax": "14.98",
    "currency": "CAD",
    "state": "posted",
    "action": "created",
    "document": {"type": "Invoice", "id": "10", "number": "2026-0001", "url": None},
    "posted_amount": "114.98",
    "posted_tax": "14.98",
    "code": None,
    "cause": None,
    "explanation": None,
    "fixes": [],
    "details": None,
    "attempts": [
        {
            "number": 1,
            "request_id": "xrbkvca6zy246szk4vc6xwtarlwg00",
            "intuit_tid": "1-be3c2cc5-fe792d49eb6c0e2c6043dda3",
            "http_status": 200,
            "fault_code": None,
            "outcome": "posted",
            "started_at": "2026-04-01T08:00:01Z",
            "duration_ms": 412,
        }
    ],
    "updated_at": "2026-04-01T08:00:05Z",
}
REJECTED: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c10b",
    "job_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c107",
    "kind": "invoice",
    "operation": "post",
    "billing_id": "inv_unmapped",
    "billing_number": "2026-0002",
    "customer": "cus_1001",
    "date": "2026-03-02",
    "amount": "113.00",
    "tax": "13.00",
    "currency": "CAD",
    "state": "rejected",
    "action": None,
    "document": None,
    "posted_amount": None,
    "posted_tax": None,
    "code": "unmapped_tax",
    "cause": "A tax is not mapped to a tax code of QuickBooks.",
    "explanation": "No tax code is mapped to 'HST'.",
    "fixes": [
        "Confirm the mapping of these price codes under tax mappings, and export again.",
        "If the tax code is new in QuickBooks, import taxes first.",
    ],
    "details": {"price_codes": [["HST"]], "documents_affected": 1},
    "attempts": [],
    "updated_at": "2026-04-01T08:00:05Z",
}
SKIPPED: dict[str, Any] = REJECTED | {
    "state": "skipped",
    "code": "skipped_by_person",
    "cause": "Skipped by settings page.",
    "explanation": "Entered by hand on 3 March",
    "fixes": [],
}
