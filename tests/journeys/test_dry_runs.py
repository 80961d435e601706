"""Dry runs: what an export would do, without a write; and posting exactly that."""

import json
from decimal import Decimal
from typing import Any

import pytest

from app.bootstrap import Collaborators
from app.jobs.runner import Runner
from tests.journeys.world import Merchant, Refused, working

WRITES = ("create", "update", "void", "delete", "batch")


async def dry_run(merchant: Merchant, *resources: str, **options: Any) -> dict[str, Any]:
    return await merchant.exported(*resources, dry_run=True, **options)


async def plan_of(merchant: Merchant, job: dict[str, Any], **filters: Any) -> dict[str, Any]:
    params = {"limit": 200, **filters}
    return dict(await merchant.call("GET", f"/sync-jobs/{job['id']}/plan", params=params))


async def applied(merchant: Merchant, job: dict[str, Any]) -> dict[str, Any]:
    begun = await merchant.call("POST", f"/sync-jobs/{job['id']}/apply")
    return await merchant.ended(begun["id"])


def writes(merchant: Merchant) -> list[dict[str, Any]]:
    return [row for row in merchant.simulator.requests() if row["operation"] in WRITES]


def sent(merchant: Merchant, entity: str) -> list[dict[str, Any]]:
    return [
        json.loads(row["body"], parse_float=Decimal)
        for row in writes(merchant)
        if (row["entity"] or "").casefold() == entity.casefold()
    ]


async def a_month(merchant: Merchant) -> None:
    await merchant.set_up()
    await merchant.invoice("i1", "149.99")
    await merchant.invoice("i2", "20.00")
    await merchant.payment("p1", "150.00", {"i1": "120.00"})
    await merchant.credit("n1", "22.40", {"i2": "22.40"})


async def test_a_dry_run_shows_everything_and_writes_nothing(
    merchant: Merchant, worker: Runner
) -> None:
    await a_month(merchant)

    job = await dry_run(merchant)

    assert job["status"] == "succeeded", await merchant.records(job)
    assert job["dry_run"] is True
    assert job["operation_type"].startswith("Dry run: Export")
    assert job["counts"]["planned"] == job["counts"]["total"] == 7
    assert job["counts"]["created"] == 0
    assert job["amounts"] == []
    assert writes(merchant) == []
    assert merchant.documents("Invoice") == []
    plan = await plan_of(merchant, job)
    assert plan["summary"]["actions"]["create"] == 7
    assert [row["kind"] for row in plan["data"]] == [
        "customer",
        "item",
        "invoice",
        "invoice",
        "credit_memo",
        "payment",
        "application",
    ]
    invoice = plan["data"][2]
    assert invoice["payload"]["CustomerRef"] == {"value": "{{customer:c1}}"}
    assert (invoice["total"], invoice["tax"]) == ("167.99", "18.00")
    assert [(tax["price_code"], tax["amount"]) for tax in invoice["taxes"]] == [
        ("GST", "7.50"),
        ("PST BC", "10.50"),
    ]
    assert plan["summary"]["calls"]["single"] == 7
    billed = await merchant.call("GET", "/billing/invoices/i1")
    assert billed["quickbooks"] is None or billed["quickbooks"]["state"] == "absent"


async def test_applying_posts_exactly_the_plan(merchant: Merchant, worker: Runner) -> None:
    await a_month(merchant)
    planned = await dry_run(merchant)
    plan = await plan_of(merchant, planned)

    job = await applied(merchant, planned)

    assert job["status"] == "succeeded", await merchant.records(job)
    assert job["applies"] == planned["id"]
    assert job["counts"]["created"] == 7
    assert all(amount["difference"] == "0.00" for amount in job["amounts"])
    [customer] = merchant.documents("Customer")
    bodies = sent(merchant, "Invoice")
    for row, body in zip(plan["data"][2:4], bodies, strict=True):
        expected = json.loads(json.dumps(row["payload"]), parse_float=Decimal)
        assert expected["CustomerRef"]["value"] == "{{customer:c1}}"
        expected["CustomerRef"] = {"value": customer["Id"]}
        item = expected["Line"][0]["SalesItemLineDetail"]["ItemRef"]
        assert item["value"] == "{{item:plan}}"
        item["value"] = body["Line"][0]["SalesItemLineDetail"]["ItemRef"]["value"]
        assert body == expected


async def test_a_plan_is_applied_once(merchant: Merchant, worker: Runner) -> None:
    await a_month(merchant)
    planned = await dry_run(merchant)
    job = await applied(merchant, planned)

    with pytest.raises(Refused) as refused:
        await applied(merchant, planned)

    assert refused.value.status == 409
    assert refused.value.problem["code"] == "already_applied"
    assert refused.value.problem["job_id"] == job["id"]
    shown = await merchant.call("GET", f"/sync-jobs/{planned['id']}")
    assert shown["applied_by"] == job["id"]


async def test_a_changed_mapping_is_refused_without_a_call(
    merchant: Merchant, worker: Runner
) -> None:
    await a_month(merchant)
    planned = await dry_run(merchant)
    before = len(merchant.simulator.requests())
    mappings = (await merchant.call("GET", "/tax-mappings"))["data"]
    [group] = [row for row in mappings if sorted(row["price_codes"]) == ["GST", "PST BC"]]
    await merchant.call("DELETE", f"/tax-mappings/{group['id']}")

    with pytest.raises(Refused) as refused:
        await applied(merchant, planned)

    problem = refused.value.problem
    assert (refused.value.status, problem["code"]) == (409, "plan_changed")
    assert {(row["kind"], row["billing_id"]) for row in problem["changes"]} >= {
        ("invoice", "i1"),
        ("invoice", "i2"),
    }
    assert {"kind", "billing_id", "field", "before", "after"} == set(problem["changes"][0])
    assert len(merchant.simulator.requests()) == before
    jobs = (await merchant.call("GET", "/sync-jobs", params={"limit": 200}))["data"]
    assert [row for row in jobs if row["applies"]] == []


async def test_what_moves_after_the_start_is_refused_record_by_record(
    merchant: Merchant, collaborators: Collaborators
) -> None:
    """The job looks again when a record's turn comes: a changed invoice stays out."""
    async with working(collaborators):
        await a_month(merchant)
        planned = await dry_run(merchant, "customers", "items", "invoices")
    begun = await merchant.call("POST", f"/sync-jobs/{planned['id']}/apply")
    await merchant.invoice("i2", "30.00")

    async with working(collaborators):
        job = await merchant.ended(begun["id"])

    [moved] = await merchant.records(job, state="rejected")
    assert (moved["billing_id"], moved["code"]) == ("i2", "plan_changed")
    assert {change["field"] for change in moved["details"]["changes"]} >= {
        "payload.Line[0].Amount",
        "payload.TxnTaxDetail.TotalTax",
    }
    assert [row["DocNumber"] for row in merchant.documents("Invoice")] == ["INV-i1"]


async def test_a_new_record_of_the_range_is_a_change(merchant: Merchant, worker: Runner) -> None:
    await a_month(merchant)
    planned = await dry_run(merchant)
    await merchant.invoice("i3")

    with pytest.raises(Refused) as refused:
        await applied(merchant, planned)

    [change] = refused.value.problem["changes"]
    assert change == {
        "kind": "invoice",
        "billing_id": "i3",
        "field": "record",
        "before": "not in the plan",
        "after": "in the range",
    }


async def test_an_edit_is_shown_field_by_field(merchant: Merchant, worker: Runner) -> None:
    await a_month(merchant)
    await merchant.exported()
    before = len(writes(merchant))
    await merchant.invoice("i1", "149.99", due_date="2026-04-30")

    job = await dry_run(merchant)

    plan = await plan_of(merchant, job, action="update")
    [row] = plan["data"]
    assert row["external_id"] == row["payload"]["Id"]
    assert row["differences"] == [
        {"field": "DueDate", "before": "2026-03-31", "after": "2026-04-30"}
    ]
    assert plan["summary"]["actions"]["unchanged"] == 6
    assert len(writes(merchant)) == before


async def test_refusals_are_explained_as_in_an_export(merchant: Merchant, worker: Runner) -> None:
    await merchant.set_up()
    await merchant.invoice("good")
    await merchant.payment("early", "5.00", {"elsewhere": "5.00"})
    lost = {"price_code": "HST", "rate": "13", "amount": "13.00"}
    line = {"line_id": "1", "price_code": "plan", "amount": "100.00", "taxes": [lost]}
    await merchant.invoice("lost", lines=[line], tax_total="13.00", total="113.00")

    job = await dry_run(merchant)

    assert job["status"] == "succeeded_with_findings"
    records = {row["billing_id"]: row for row in await merchant.records(job)}
    assert (records["lost"]["state"], records["lost"]["code"]) == ("rejected", "unmapped_tax")
    assert (records["early"]["state"], records["early"]["code"]) == (
        "blocked",
        "invoice_not_posted",
    )
    assert records["good"]["state"] == "planned"
    plan = {row["billing_id"]: row for row in (await plan_of(merchant, job))["data"]}
    assert plan["lost"]["action"] == "refuse"
    assert plan["lost"]["fixes"] == records["lost"]["fixes"]
    assert plan["early"]["action"] == "block"
    assert [finding["code"] for finding in job["findings"]] == ["unmapped_tax"]
    done = await applied(merchant, job)
    assert done["counts"]["created"] == 3
    assert done["counts"]["rejected"] == done["counts"]["blocked"] == 1


async def test_voids_and_taken_back_payments(merchant: Merchant, worker: Runner) -> None:
    """A void that waits for another void of the same plan is foreseen as it will go."""
    await a_month(merchant)
    await merchant.exported()
    await merchant.payment("p1", "150.00", {"i1": "120.00"}, status="cancelled")
    await merchant.invoice("i1", "149.99", status="void")

    job = await dry_run(merchant)

    plan = {row["billing_id"]: row for row in (await plan_of(merchant, job))["data"]}
    assert (plan["p1"]["action"], plan["i1"]["action"]) == ("void", "void")
    done = await applied(merchant, job)
    assert done["counts"]["voided"] == 2, await merchant.records(done)


async def test_the_plan_as_csv(merchant: Merchant, worker: Runner) -> None:
    await a_month(merchant)
    job = await dry_run(merchant)

    path = f"/v1/integrations/{merchant.integration_id}/sync-jobs/{job['id']}/plan.csv"
    sheet = (await merchant.http.get(path, params={"kind": "invoice"})).text

    lines = sheet.strip().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("action,kind,billing_id")
    assert "{{customer:c1}}" in lines[1]


async def test_a_dry_run_is_not_retried(merchant: Merchant, worker: Runner) -> None:
    await a_month(merchant)
    job = await dry_run(merchant)

    with pytest.raises(Refused) as refused:
        await merchant.call("POST", f"/sync-jobs/{job['id']}/retry")

    assert refused.value.problem["code"] == "is_dry_run"


async def test_only_dry_runs_have_a_plan(merchant: Merchant, worker: Runner) -> None:
    await merchant.set_up()
    job = await merchant.exported()

    with pytest.raises(Refused) as refused:
        await plan_of(merchant, job)

    assert (refused.value.status, refused.value.problem["code"]) == (409, "not_a_dry_run")
