"""Preflight through HTTP: what it reads, and that its counts are those of the range."""

from typing import Any

import pytest

from tests.journeys.cases import Case
from tests.journeys.world import Refused


async def preflight(case: Case) -> dict[str, Any]:
    body = {"date_from": case.day, "date_to": case.day}
    return dict(await case.merchant.call("POST", "/preflight", body))


def finding(found: dict[str, Any], code: str) -> dict[str, Any]:
    (row,) = [each for each in found["findings"] if each["code"] == code]
    return dict(row)


async def test_a_company_in_order_is_ready(case: Case) -> None:
    await case.invoice("i1")
    case.mark()

    found = await preflight(case)

    assert found["ready"] is True, found["findings"]
    assert {row["level"] for row in found["findings"]} == {"pass"}
    assert found["documents"] == 1
    assert found["profile"]["tax_model"] == "GLOBAL"
    assert found["profile"]["plan"]
    assert found["quickbooks_calls"] == {"read": 2}
    assert len(case.calls()) == 2


async def test_it_says_what_the_export_then_does(case: Case) -> None:
    taxes = [{"price_code": "HST", "rate": "13", "amount": "13.00"}]
    lines = [{"line_id": "1", "price_code": "plan", "amount": "100.00", "taxes": taxes}]
    await case.invoice("i1", lines=lines, tax_total="13.00", total="113.00")

    found = await preflight(case)
    job = await case.export("invoices")

    tax = finding(found, "unmapped_tax")
    assert (tax["level"], tax["documents"]) == ("block", 1)
    assert found["ready"] is False
    assert (await case.record(job, "i1"))["code"] == "unmapped_tax"


async def test_settings_changed_in_the_books_are_seen_at_once(case: Case) -> None:
    await case.invoice("i1")
    simulator, realm = case.merchant.simulator, case.merchant.realm_id
    simulator.preferences({"SalesFormsPrefs.CustomTxnNumbers": False}, realm)
    simulator.close_books(case.day, realm)
    try:
        found = await preflight(case)
    finally:
        simulator.preferences({"SalesFormsPrefs.CustomTxnNumbers": True}, realm)
        simulator.close_books(None, realm)

    assert finding(found, "custom_numbers")["level"] == "warn"
    closed = finding(found, "closed_books")
    assert (closed["level"], closed["documents"]) == ("block", 1)
    assert found["profile"]["books_closed_until"] == case.day
    assert found["findings"][0]["code"] == "closed_books"
    assert (await preflight(case))["ready"] is True


async def test_a_reversed_range_is_refused(case: Case) -> None:
    with pytest.raises(Refused) as refused:
        await case.merchant.call(
            "POST", "/preflight", {"date_from": "2026-03-02", "date_to": "2026-03-01"}
        )
    assert (refused.value.status, refused.value.problem["code"]) == (422, "reversed_range")


async def test_an_integration_that_is_not_connected_is_refused(case: Case) -> None:
    integration = {
        "name": "Another",
        "provider": "quickbooks_online",
        "mode": "full_synchronization",
    }
    made = await case.merchant.call("POST", "/v1/integrations", integration)
    here = f"/v1/integrations/{made['id']}"
    for method, path in (
        ("POST", "/preflight"),
        ("GET", "/reconciliation?date_from=2026-01-01&date_to=2026-01-31"),
    ):
        with pytest.raises(Refused) as refused:
            await case.merchant.call(method, here + path)
        assert (refused.value.status, refused.value.problem["code"]) == (409, "not_connected")
