"""Previous History and its records: what is shown, filtered, downloaded, cancelled and retried."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Case, Town
from tests.journeys.world import Refused

JOB = {
    "id", "integration_id", "direction", "operation_type", "resources", "range", "requested_by",
    "trigger", "status", "paused", "queued_at", "started_at", "finished_at", "counts", "amounts",
    "quickbooks_calls", "steps", "retry_of", "failure",
}  # fmt: skip
RECORD = {
    "id", "job_id", "kind", "operation", "billing_id", "billing_number", "customer", "date",
    "amount", "tax", "currency", "state", "action", "document", "posted_amount", "posted_tax",
    "code", "cause", "explanation", "fixes", "details", "attempts", "updated_at",
}  # fmt: skip
FORMULA = '=HYPERLINK("http://evil.example","x")'


def summed(counts: dict[str, int]) -> int:
    return sum(number for name, number in counts.items() if name != "total")


async def mixed(case: Case) -> dict[str, Any]:
    """A job with a record of nearly every fate."""
    await case.invoice("i0", "10.00")
    await case.export("invoices")
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "0.00")
    await case.invoice("i3", "50.00", number=f"INV-{case.id('i0')}")
    await case.payment("p1", "20.00", {"i1": "20.00"})
    await case.payment("p2", "20.00", {"i3": "20.00"})
    await case.invoice("i4", status="void")
    case.mark()
    return await case.export()


@dataclass(frozen=True)
class Told:
    """A mixed job that tests only look at."""

    case: Case
    job: dict[str, Any]
    calls: int
    writes: list[dict[str, Any]]


@pytest.fixture(scope="module")
async def told(town: Town) -> Told:
    case = await Case(town, 80).with_customer()
    job = await mixed(case)
    return Told(case, job, len(case.calls()), case.writes())


async def test_a_row_of_the_history_is_whole(told: Told) -> None:
    case, job = told.case, told.job

    assert set(job) >= JOB
    assert (job["direction"], job["trigger"], job["requested_by"]) == ("export", "api", "tests")
    assert job["operation_type"] == "Export Invoices, Payments, Credits"
    assert job["range"] == {
        "date_from": case.day,
        "date_to": case.day,
        "basis": "document_date",
    }
    assert job["status"] == "succeeded_with_findings"
    moments = [job["queued_at"], job["started_at"], job["finished_at"]]
    assert moments == sorted(moments, key=datetime.fromisoformat)
    assert all(moment.endswith("Z") for moment in moments)
    counts = job["counts"]
    assert counts["total"] == summed(counts)
    found = {name: counts[name] for name in ("created", "skipped", "blocked", "rejected")}
    assert found == {"created": 2, "skipped": 2, "blocked": 1, "rejected": 1}
    assert job["quickbooks_calls"]["write"] == len(told.writes) == 3
    assert sum(job["quickbooks_calls"].values()) == told.calls
    assert [step["name"] for step in job["steps"]][:2] == ["plan", "customers"]
    assert {step["state"] for step in job["steps"]} == {"done"}


async def test_amounts_are_billed_posted_and_their_difference(told: Told) -> None:
    amounts = {row["kind"]: row for row in told.job["amounts"]}
    # i0 11.20 and i1 112.00 stand; i3 56.00 was refused, i2 is nothing, i4 is void.
    assert amounts["invoice"] == {
        "kind": "invoice",
        "currency": "CAD",
        "billed": "179.20",
        "posted": "123.20",
        "difference": "56.00",
    }
    assert amounts["payment"]["difference"] == "20.00"


async def test_a_record_is_whole(told: Told) -> None:
    case, job = told.case, told.job

    record = await case.record(job, "i1")
    assert set(record) >= RECORD
    assert (record["kind"], record["billing_number"]) == ("invoice", f"INV-{case.id('i1')}")
    assert (record["customer"], record["date"]) == (case.customer, case.day)
    assert (record["amount"], record["tax"], record["currency"]) == ("112.00", "12.00", "CAD")
    assert (record["state"], record["action"]) == ("posted", "created")
    assert (record["posted_amount"], record["posted_tax"]) == ("112.00", "12.00")
    document = case.document("Invoice", "i1")
    assert record["document"]["type"] == "Invoice"
    assert record["document"]["id"] == document["Id"]
    assert record["document"]["number"] == document["DocNumber"]
    assert record["document"]["url"] is None  # the simulator has no pages to show
    (attempt,) = record["attempts"]
    (call,) = [w for w in told.writes if w["sent"].get("DocNumber") == document["DocNumber"]]
    assert attempt["request_id"] == call["requestid"]
    assert attempt["intuit_tid"] == call["intuit_tid"]
    assert (attempt["http_status"], attempt["fault_code"]) == (200, None)
    assert attempt["duration_ms"] > 0


async def test_a_refused_record_says_what_quickbooks_said(told: Told) -> None:
    record = await told.case.record(told.job, "i3")

    (attempt,) = record["attempts"]
    assert (attempt["http_status"], attempt["fault_code"]) == (400, "6140")
    assert attempt["intuit_tid"]
    assert record["cause"]
    assert "QuickBooks says" in record["explanation"]
    assert record["details"]["fault"]["code"] == "6140"


async def test_records_are_filtered_and_paged(told: Told) -> None:
    case, job = told.case, told.job
    path = f"/sync-jobs/{job['id']}/records"
    everything = await case.merchant.records(job)

    assert [row["billing_id"] for row in await case.merchant.records(job, state="blocked")] == [
        case.id("p2")
    ]
    assert {row["kind"] for row in await case.merchant.records(job, kind="payment")} == {"payment"}
    coded = await case.merchant.records(job, code="duplicate_number")
    assert [row["billing_id"] for row in coded] == [case.id("i3")]
    assert await case.merchant.records(job, state="blocked", kind="invoice") == []

    paged: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await case.merchant.call("GET", path, params=params)
        assert len(page["data"]) <= 3
        paged += page["data"]
        cursor = page["next_cursor"]
    assert [row["id"] for row in paged] == [row["id"] for row in everything]
    assert len(paged) == job["counts"]["total"]
    with pytest.raises(Refused) as refused:
        await case.merchant.call("GET", path, params={"cursor": "nonsense"})
    assert refused.value.status == 422


async def test_the_download_disarms_formulas(case: Case, town: Town) -> None:
    await town.put("customers", case.customer, display_name=f"+1 {FORMULA} {case.number}")
    await case.invoice("i1", number=f"=1+{case.number}")
    await case.invoice("i2", number="@SUM(A1)" + "x" * 22)
    job = await case.export("invoices")

    response = await town.http.get(
        f"/v1/integrations/{town.integration_id}/sync-jobs/{job['id']}/records.csv"
    )

    assert response.headers["content-type"].startswith("text/csv")
    assert "attachment" in response.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert len(rows) == job["counts"]["total"]
    assert not [cell for row in rows for cell in row.values() if cell and cell[0] in "=+@\t\r"]
    invoices = {row["billing_id"]: row for row in rows if row["kind"] == "invoice"}
    assert invoices[case.id("i1")]["billing_number"] == f"'=1+{case.number}"
    assert invoices[case.id("i1")]["posted_amount"] == "112.00"
    assert case.merchant.simulator.documents("Invoice", town.realm_id)[-1]["DocNumber"] == (
        f"=1+{case.number}"
    )


async def test_the_history_is_filtered_and_paged_newest_first(case: Case, town: Town) -> None:
    await case.invoice("i1")
    first = await case.export("invoices")
    second = await case.export("payments")

    async def listed(**params: Any) -> list[str]:
        rows = (await town.call("GET", "/sync-jobs", params=params))["data"]
        return [row["id"] for row in rows]

    assert (await listed(limit=2)) == [second["id"], first["id"]]
    page = await town.call("GET", "/sync-jobs", params={"limit": 1})
    following = await listed(limit=1, cursor=page["next_cursor"])
    assert following == [first["id"]]
    assert (await listed(resource="payments", limit=1)) == [second["id"]]
    assert first["id"] not in await listed(direction="import", limit=200)
    assert (await listed(status="succeeded", limit=1)) == [second["id"]]
    assert await listed(queued_from="2099-01-01T00:00:00Z") == []
    row = (await town.call("GET", "/sync-jobs", params={"limit": 1, "resource": "payments"}))[
        "data"
    ]
    assert row == [await town.call("GET", f"/sync-jobs/{second['id']}")]


async def test_waiting_answers_at_the_end_or_when_the_time_is_over(
    case: Case, town: Town, slow: None
) -> None:
    for number in range(4):
        await case.invoice(f"i{number}")
    body = {"direction": "export", "resources": ["invoices"]}
    begun = await town.call(
        "POST", "/sync-jobs", {**body, "date_from": case.day, "date_to": case.day}
    )
    assert begun["status"] == "queued"

    early = await town.call("GET", f"/sync-jobs/{begun['id']}", params={"wait": 1})
    assert early["finished_at"] is None
    assert early["counts"]["total"] == summed(early["counts"])
    late = await town.call("GET", f"/sync-jobs/{begun['id']}", params={"wait": 60})
    assert late["finished_at"] is not None
    with pytest.raises(Refused) as refused:
        await town.call("GET", f"/sync-jobs/{begun['id']}", params={"wait": 61})
    assert refused.value.status == 422


@pytest.fixture
async def slow(town: Town) -> AsyncIterator[None]:
    """Let each new invoice take a second and a half."""
    rule = {"match": {"operation": "create", "entity": "Invoice"}, "action": {"delay": 1.5}}
    town.simulator.add_faults(rule)
    yield
    town.simulator.clear_faults()


async def test_a_job_cancelled_in_the_middle_leaves_nothing_half(
    case: Case, town: Town, slow: None
) -> None:
    for number in range(6):
        await case.invoice(f"i{number}")
    body = {"direction": "export", "resources": ["invoices"]}
    begun = await town.call(
        "POST", "/sync-jobs", {**body, "date_from": case.day, "date_to": case.day}
    )
    await first_write(case)

    await town.call("POST", f"/sync-jobs/{begun['id']}/cancel")
    job = await town.ended(begun["id"])

    town.simulator.clear_faults()
    records = await town.records(job, kind="invoice")
    assert job["status"] == "cancelled"
    assert job["counts"]["total"] == summed(job["counts"])
    assert 0 < job["counts"]["cancelled"] < 6
    posted = {row["billing_number"] for row in records if row["state"] == "posted"}
    assert {row["state"] for row in records} == {"posted", "cancelled"}
    in_books = {
        row["DocNumber"]
        for row in town.simulator.documents("Invoice", town.realm_id)
        if row["DocNumber"].startswith(f"INV-{case.number:02d}-")
    }
    assert posted == in_books
    again = await town.call("POST", f"/sync-jobs/{job['id']}/cancel")
    assert again == await town.call("GET", f"/sync-jobs/{job['id']}")

    rest = await case.export("invoices")
    assert rest["status"] == "succeeded"
    assert len(case.writes("Invoice")) == 6
    assert town.simulator.duplicates(town.realm_id)["by_marker"] == {}


async def first_write(case: Case) -> None:
    for _ in range(200):
        if case.writes("Invoice"):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("nothing was written")


async def test_a_retry_takes_what_was_refused_and_knows_its_origin(case: Case) -> None:
    job = await mixed(case)
    await case.invoice("i3", "50.00")

    begun = await case.merchant.call("POST", f"/sync-jobs/{job['id']}/retry")
    again = await case.merchant.ended(begun["id"])

    assert (again["retry_of"], again["trigger"]) == (job["id"], "retry")
    documents = [
        row["billing_id"]
        for row in await case.merchant.records(again)
        if row["kind"] in {"invoice", "payment"}
    ]
    assert sorted(documents) == [case.id("i3"), case.id("p2")]
    assert again["status"] == "succeeded"
    with pytest.raises(Refused) as refused:
        await case.merchant.call("POST", f"/sync-jobs/{again['id']}/retry")
    assert (refused.value.status, refused.value.problem["code"]) == (409, "nothing_to_retry")


async def test_a_record_is_skipped_with_a_reason(case: Case) -> None:
    job = await mixed(case)
    record = await case.record(job, "i3")
    path = f"/sync-jobs/{job['id']}/records/{record['id']}/skip"

    skipped = await case.merchant.call("POST", path, {"reason": "Entered by hand"})

    assert (skipped["state"], skipped["code"]) == ("skipped", "skipped_by_person")
    assert skipped["explanation"] == "Entered by hand"
    now = await case.merchant.call("GET", f"/sync-jobs/{job['id']}")
    assert (now["counts"]["rejected"], now["counts"]["skipped"]) == (0, 3)
    assert now["counts"]["total"] == summed(now["counts"])
    posted = await case.record(job, "i1")
    with pytest.raises(Refused) as refused:
        await case.merchant.call(
            "POST", f"/sync-jobs/{job['id']}/records/{posted['id']}/skip", {"reason": "x"}
        )
    assert refused.value.problem["code"] == "record_not_skippable"


async def test_a_post_repeated_under_its_key_begins_one_job(case: Case, town: Town) -> None:
    body = {
        "direction": "export",
        "resources": ["invoices"],
        "date_from": case.day,
        "date_to": case.day,
    }
    url = f"/v1/integrations/{town.integration_id}/sync-jobs"
    headers = {"Idempotency-Key": f"key-{case.number}"}

    first = await town.http.post(url, json=body, headers=headers)
    again = await town.http.post(url, json=body, headers=headers)
    other = await town.http.post(url, json={**body, "resources": ["payments"]}, headers=headers)

    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert other.json()["first_resource"] == first.headers["Location"]
    await town.ended(first.json()["id"])
    newest = (await town.call("GET", "/sync-jobs", params={"limit": 2}))["data"]
    assert [row["id"] for row in newest].count(first.json()["id"]) == 1


async def test_overlapping_jobs_take_turns_and_write_once(case: Case, town: Town) -> None:
    for number in range(3):
        await case.invoice(f"i{number}")
    body = {"direction": "export", "resources": ["invoices"]}
    order = {**body, "date_from": case.day, "date_to": case.day}
    begun = [await town.call("POST", "/sync-jobs", order) for _ in range(3)]

    jobs = [await town.ended(job["id"]) for job in begun]

    assert {job["status"] for job in jobs} == {"succeeded"}
    assert len(case.writes("Invoice")) == 3
    assert [job["counts"]["unchanged"] >= 3 for job in jobs] == [False, True, True]


# ------------------------------------------------------------------ am I in QuickBooks?


async def test_a_billing_record_never_tried_has_no_place_yet(case: Case) -> None:
    await case.invoice("i0")

    shown = await case.billed("invoices", "i0")

    assert (shown["quickbooks"], shown["link"], shown["postings"]) == (None, None, None)


async def test_a_billing_record_knows_its_place_in_the_books(told: Told) -> None:
    case = told.case
    shown = await case.billed("invoices", "i1")
    document = case.document("Invoice", "i1")
    assert shown["quickbooks"] == {
        "state": "live",
        "id": document["Id"],
        "number": document["DocNumber"],
    }
    link = shown["link"]
    assert (link["type"], link["total"], link["tax"]) == ("Invoice", "112.00", "12.00")
    assert Decimal(link["open"]) == Decimal("112.00")
    (posting,) = shown["postings"]
    assert (posting["operation"], posting["state"], posting["generation"]) == (
        "create",
        "posted",
        0,
    )
    assert (posting["expected_total"], posting["posted_total"]) == ("112.00", "112.00")
    (attempt,) = posting["attempts"]
    (call,) = [w for w in told.writes if w["sent"].get("DocNumber") == document["DocNumber"]]
    assert (attempt["request_id"], attempt["intuit_tid"]) == (
        call["requestid"],
        call["intuit_tid"],
    )


async def test_a_billing_record_says_why_it_is_not_in_the_books(told: Told) -> None:
    case, job = told.case, told.job

    refused = await case.billed("invoices", "i3")
    assert refused["quickbooks"]["state"] == "absent"
    (posting,) = refused["postings"]
    assert (posting["state"], posting["code"]) == ("rejected", "duplicate_number")
    assert posting["fixes"]
    assert posting["fault"]["code"] == "6140"
    last = refused["link"]["last_job"]
    assert (last["job_id"], last["state"], last["code"]) == (
        job["id"],
        "rejected",
        "duplicate_number",
    )

    blocked = await case.billed("payments", "p2")
    assert blocked["quickbooks"]["state"] == "absent"
    assert blocked["link"]["last_job"]["code"] == "invoice_not_posted"
    assert blocked["link"]["last_job"]["fixes"]

    skipped = await case.billed("invoices", "i2")
    assert skipped["link"]["last_job"]["code"] == "zero_document"
