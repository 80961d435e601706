"""Findings by cause: who waits for whom, and what one fix would release."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from app.ledger.identity import application_id
from app.reconciliation.findings import Found, causes_of


def build_found(kind: str, billing_id: str, code: str, **changes: Any) -> Found:
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "kind": kind,
        "billing_id": billing_id,
        "number": None,
        "state": "rejected",
        "code": code,
        "cause": None,
        "explanation": None,
        "fixes": (),
        "details": {},
        "amount": Decimal(10),
        "currency": "CAD",
    }
    return Found(**(values | changes))


def waiting(kind: str, billing_id: str, **details: Any) -> Found:
    return build_found(kind, billing_id, "waits", state="blocked", details=details)


def shown(*found: Found) -> list[tuple[str, int, int]]:
    return [(cause.first.code, cause.records, cause.releases) for cause in causes_of(found)]


def test_one_cause_of_several_records() -> None:
    tax = {"price_codes": [["HST"]]}
    (cause,) = causes_of(
        build_found("invoice", f"i{number}", "unmapped_tax", details=tax) for number in range(3)
    )
    assert (cause.records, cause.releases) == (3, 3)
    assert cause.amounts == {"CAD": 30}


def test_one_code_with_two_causes() -> None:
    found = [
        build_found("invoice", code, "unmapped_tax", details={"price_codes": [[code]]})
        for code in ("HST", "QST")
    ]
    assert shown(*found) == [("unmapped_tax", 1, 1)] * 2


def test_what_waits_is_released_with_what_it_waits_for() -> None:
    """A customer's name holds back an invoice, which holds back its payment."""
    found = [
        build_found("customer", "c1", "duplicate_name"),
        waiting("invoice", "i1", customer="c1"),
        waiting("payment", "p1", invoices=["i1"]),
    ]
    assert shown(*found) == [("duplicate_name", 1, 3), ("waits", 2, 0)]


def test_what_waits_for_two_causes_is_released_by_neither_alone() -> None:
    found = [
        build_found("invoice", "i1", "closed_books"),
        build_found("invoice", "i2", "too_long"),
        waiting("payment", "p1", invoices=["i1", "i2"]),
    ]
    causes = causes_of(found)
    assert [(cause.first.code, cause.releases) for cause in causes] == [
        ("closed_books", 1),
        ("too_long", 1),
        ("waits", 0),
    ]
    assert causes[-1].waits_for == {"closed_books", "too_long"}


def test_what_waits_for_something_outside_the_job_is_its_own_cause() -> None:
    assert shown(waiting("payment", "p1", invoices=["elsewhere"])) == [("waits", 1, 1)]


def test_an_application_waits_for_its_credit() -> None:
    found = [
        build_found("credit_memo", "n1", "no_credit_item"),
        waiting("application", application_id("n1", "i1")),
    ]
    assert shown(*found) == [("no_credit_item", 1, 2), ("waits", 1, 0)]
