"""The error catalogue and a job's findings, through HTTP."""

from tests.journeys.cases import Case


async def test_the_catalogue_needs_no_key(case: Case) -> None:
    answer = await case.merchant.http.get("/v1/error-catalogue", headers={"Authorization": ""})

    rows = {row["code"]: row for row in answer.json()["data"]}
    assert rows["closed_books"]["quickbooks_codes"] == ["6200", "6210"]
    assert rows["unmapped_tax"]["where"] == ["record", "preflight", "reconciliation"]


async def test_findings_tell_what_one_mapping_would_release(case: Case) -> None:
    taxes = [{"price_code": "HST", "rate": "13", "amount": "13.00"}]
    lines = [{"line_id": "1", "price_code": "plan", "amount": "100.00", "taxes": taxes}]
    for short in ("i1", "i2"):
        await case.invoice(short, lines=lines, tax_total="13.00", total="113.00")
    await case.payment("p1", "113.00", {"i1": "113.00"})
    job = await case.export()

    found = await case.merchant.call("GET", f"/sync-jobs/{job['id']}/findings")

    first, second = found["data"]
    assert (first["code"], first["records"], first["releases"]) == ("unmapped_tax", 2, 3)
    assert first["amounts"] == [{"currency": "CAD", "amount": "226.00"}]
    assert {row["billing_id"] for row in first["examples"]} == {case.id("i1"), case.id("i2")}
    assert (second["code"], second["releases"]) == ("invoice_not_posted", 0)
    assert second["waits_for"] == ["unmapped_tax"]
    assert found["records"] == 3


async def test_a_job_without_findings_has_none(case: Case) -> None:
    await case.invoice("i1")
    job = await case.export()

    found = await case.merchant.call("GET", f"/sync-jobs/{job['id']}/findings")

    assert (found["records"], found["data"]) == (0, [])
