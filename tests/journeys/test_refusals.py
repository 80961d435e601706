"""What cannot go out is refused with the reason and the fix; what waits for it is blocked."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.journeys.cases import Case, Town
from tests.journeys.world import Refused


def taxed(amount: str, *taxes: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    """An invoice's lines and totals with the given (price code, rate, amount) taxes."""
    total = sum((Decimal(tax) for _, _, tax in taxes), Decimal(0))
    line = {
        "line_id": "1",
        "price_code": "plan",
        "amount": amount,
        "taxes": [{"price_code": c, "rate": r, "amount": a} for c, r, a in taxes],
    }
    totals = {"tax_total": f"{total:f}", "total": f"{Decimal(amount) + total:f}"}
    return {"lines": [{**line, **fields}], **totals}


async def tax_code(case: Case, name: str) -> str:
    rows = await case.merchant.call("GET", "/books/tax-codes", params={"limit": 200})
    return str(next(row["external_id"] for row in rows["data"] if row["name"] == name))


async def mapping(case: Case, *price_codes: str) -> dict[str, Any]:
    rows = await case.merchant.call("GET", "/tax-mappings")
    found = [row for row in rows["data"] if set(row["price_codes"]) == set(price_codes)]
    assert len(found) == 1, rows
    return dict(found[0])


# ------------------------------------------------------------------ taxes


async def test_an_unmapped_tax_refuses_before_any_call_and_goes_out_once_mapped(
    case: Case,
) -> None:
    hst = taxed("100.00", ("HST ON", "13", "13.00"))
    await case.invoice("i1", **hst)
    await case.invoice("i2", **hst)
    await case.invoice("i3", "100.00")

    job = await case.export("invoices")

    for short in ("i1", "i2"):
        record = await case.record(job, short)
        assert (record["state"], record["code"]) == ("rejected", "unmapped_tax")
        assert record["details"] == {"price_codes": [["HST ON"]], "documents_affected": 2}
        assert "HST ON" in record["explanation"]
        assert record["fixes"]
        assert record["attempts"] == []
    assert len(case.writes("Invoice")) == 1  # i3 alone
    assert (await mapping(case, "HST ON"))["documents"] == 2

    body = {"price_codes": ["HST ON"], "tax_code_id": await tax_code(case, "HST ON")}
    await case.merchant.call("POST", "/tax-mappings", body)
    mended = await case.export("invoices")

    assert (mended["status"], mended["counts"]["created"]) == ("succeeded", 2)
    assert case.document("Invoice", "i1")["TxnTaxDetail"]["TotalTax"] == Decimal("13.00")


async def test_an_ambiguous_group_blocks_until_a_person_chooses(case: Case, town: Town) -> None:
    rates = {row["Name"]: row["Id"] for row in town.simulator.documents("TaxRate", town.realm_id)}
    details = [{"TaxRateId": rates[name]} for name in ("HST ON", "QST 9.975")]
    for name in ("Pair A", "Pair B"):
        make_tax_code(town, {"TaxCode": name, "TaxRateDetails": details})
    await town.imported("taxes")
    both = (("HST ON", "13", "13.00"), ("QST 9.975", "9.975", "9.98"))
    await case.invoice("i1", **taxed("100.00", *both))
    row = await mapping(case, "HST ON", "QST 9.975")
    assert row["status"] == "ambiguous"
    assert {choice["name"] for choice in row["choices"]} == {"Pair A", "Pair B"}
    case.mark()

    job = await case.export("invoices")

    record = await case.record(job, "i1")
    assert (record["state"], record["code"]) == ("rejected", "unmapped_tax")
    assert record["details"]["price_codes"] == [["HST ON", "QST 9.975"]]
    assert case.writes("Invoice") == []

    body = {
        "price_codes": ["HST ON", "QST 9.975"],
        "tax_code_id": await tax_code(case, "Pair B"),
    }
    await town.call("POST", "/tax-mappings", body)
    mended = await case.export("invoices")
    assert (await case.record(mended, "i1"))["action"] == "created"
    assert case.document("Invoice", "i1")["TotalAmt"] == Decimal("122.98")


def make_tax_code(town: Town, body: dict[str, Any]) -> None:
    town.simulator.switches(reconnect_kills_old_tokens=False)
    token = town.simulator.issue_tokens(town.realm_id)["access_token"]
    town.simulator.switches(reconnect_kills_old_tokens=True)
    url = f"{town.simulator.api_url}/v3/company/{town.realm_id}/taxservice/taxcode"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    answer = httpx.post(url, json=body, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_a_broken_mapping_refuses_and_says_why(case: Case, town: Town) -> None:
    code_id = await tax_code(case, "HST NS")
    body = {"price_codes": ["HST NS"], "tax_code_id": code_id}
    await town.call("POST", "/tax-mappings", body)
    make_inactive(town, code_id)
    imported = await town.imported("taxes")
    town.simulator.clear_faults()
    assert imported["counts"]["deactivated"] == 1
    assert imported["counts"]["findings"] >= 1
    await case.invoice("i1", **taxed("100.00", ("HST NS", "14", "14.00")))
    assert (await mapping(case, "HST NS"))["status"] == "broken"
    case.mark()

    record = await case.record(await case.export("invoices"), "i1")

    assert (record["state"], record["code"]) == ("rejected", "unmapped_tax")
    assert "HST NS" in record["explanation"]
    assert "inactive" in record["explanation"]
    assert case.writes("Invoice") == []


def make_inactive(town: Town, code_id: str) -> None:
    """Let queries show the tax code as inactive, which only a person in QuickBooks can make it."""
    codes = town.simulator.documents("TaxCode", town.realm_id)
    active = [row for row in codes if row["Id"] != code_id and row.get("Active", True)]
    gone = [{**row, "Active": False} for row in codes if row["Id"] == code_id]
    town.simulator.add_faults(
        *(
            {
                "match": {"operation": "query", "entity": "TaxCode", "nth": place},
                "action": {
                    "status": 200,
                    "content_type": "application/json",
                    "body": json.dumps({"QueryResponse": {"TaxCode": rows}}, default=float),
                },
            }
            for place, rows in ((1, active), (1, gone))
        )
    )


# ------------------------------------------------------------------ items, sums


async def test_an_unknown_price_code_refuses_the_item_and_its_invoice(case: Case) -> None:
    code = case.id("nowhere")
    line = {"line_id": "1", "price_code": code, "amount": "10.00"}
    await case.invoice("i1", lines=[line], tax_total="0.00", total="10.00")

    job = await case.export("invoices")

    item = next(row for row in await case.merchant.records(job, kind="item"))
    record = await case.record(job, "i1")
    for row in (item, record):
        assert (row["state"], row["code"]) == ("rejected", "unknown_item")
        assert row["details"]["price_codes"] == [code]
        assert row["fixes"]
    assert case.writes("Invoice") == case.writes("Item") == []


@pytest.mark.parametrize(
    ("fields", "code", "difference"),
    [
        ({"total": "112.01"}, "total_mismatch", "0.01"),
        ({"tax_total": "12.01", "total": "112.01"}, "tax_total_mismatch", "0.01"),
    ],
)
async def test_a_document_that_does_not_add_up_is_refused_when_pushed(
    case: Case, fields: dict[str, str], code: str, difference: str
) -> None:
    with pytest.raises(Refused) as refused:
        await case.invoice("i1", "100.00", **fields)

    assert refused.value.status == 422
    problem = refused.value.problem
    assert problem["difference"] == difference, problem
    assert difference in problem["detail"], problem
    with pytest.raises(Refused) as unknown:
        await case.billed("invoices", "i1")
    assert unknown.value.status == 404


# ------------------------------------------------------------------ names


async def test_a_name_held_by_a_vendor_is_refused_showing_both(case: Case, town: Town) -> None:
    name = f"O'Hara \\ Söhne {case.number}"
    vendor = case.edit("create", "Vendor", {"DisplayName": name})
    await town.put("customers", case.customer, display_name=name)
    await case.invoice("i1")

    job = await case.export("invoices")

    record = await case.record(job, "", "customer")
    assert (record["state"], record["code"]) == ("rejected", "duplicate_name")
    assert record["billing_number"] == name
    assert record["details"]["holders"] == [
        {"type": "vendor", "external_id": vendor["Id"], "name": name, "active": True}
    ]
    assert len(record["fixes"]) >= 2
    waiting = await case.record(job, "i1")
    assert (waiting["state"], waiting["code"]) == ("blocked", "customer_not_posted")
    assert waiting["details"]["customer"] == case.customer

    await town.put("customers", case.customer, display_name=f"{name} (customer)")
    mended = await case.export("invoices")
    assert (await case.record(mended, "i1"))["action"] == "created"


async def test_apostrophes_and_backslashes_arrive_verbatim(case: Case, town: Town) -> None:
    name = f"D'Arcy \\\\ \"O'Neil\" & Cie <b> № {case.number}"
    await town.put("customers", case.customer, display_name=name, company_name=name)
    charge = case.id("l'été")
    await town.put("charges", charge, price_code=charge, name=f"L'été \\ {name}", kind="one_time")
    number = f"N'\\{case.number}"
    line = {"line_id": "1", "price_code": charge, "description": name, "amount": "10.00"}
    await case.invoice("i1", lines=[line], tax_total="0.00", total="10.00", number=number)

    job = await case.export("invoices")

    assert job["status"] == "succeeded", await town.records(job)
    documents = town.simulator.documents
    assert name in [row["DisplayName"] for row in documents("Customer", town.realm_id)]
    assert f"L'été \\ {name}" in [row["Name"] for row in documents("Item", town.realm_id)]
    invoice = next(
        row for row in documents("Invoice", town.realm_id) if row.get("DocNumber") == number
    )
    assert invoice["Line"][0]["Description"] == name


async def test_an_emoji_in_a_name_is_refused_clearly_and_dropped_from_a_description(
    case: Case, town: Town
) -> None:
    await town.put("customers", case.customer, display_name=f"Rocket 🚀 {case.number}")
    await case.invoice("i1")
    record = await case.record(await case.export("invoices"), "", "customer")
    assert (record["state"], record["code"]) == ("rejected", "unreadable")
    assert "emoji" in record["explanation"]

    await town.put("customers", case.customer, display_name=f"Rocket {case.number}")
    line = {"line_id": "1", "price_code": "plan", "description": "Go 🚀 up", "amount": "10.00"}
    await case.invoice("i1", lines=[line], tax_total="0.00", total="10.00")
    await case.export("invoices")
    assert "up" in case.document("Invoice", "i1")["Line"][0]["Description"]


LONG: tuple[dict[str, Any], ...] = (
    {"display_name": "n" * 501},
    {"company_name": "n" * 101},
    {"names": {"given": "n" * 101}},
    {"names": {"title": "n" * 17}},
    {"email": f"{'n' * 100}@example.com"},
    {"phone": "5" * 31},
    {"addresses": {"billing": {"postal_code": "5" * 31}}},
)


async def test_over_long_fields_refuse_their_customers_alone(case: Case, town: Town) -> None:
    for number, fields in enumerate(LONG):
        short = f"long{number}"
        await town.put("customers", case.id(short), **({"display_name": case.id(short)} | fields))
        await case.invoice(f"i{number}", customer=case.id(short))
    await case.invoice("beside")

    job = await case.export("invoices")

    assert job["status"] == "succeeded_with_findings"
    for number in range(len(LONG)):
        record = await case.record(job, f"long{number}", "customer")
        assert (record["state"], record["code"]) == ("rejected", "too_long")
        assert record["details"]["field"]
        assert record["fixes"]
        assert (await case.record(job, f"i{number}"))["state"] == "blocked"
    assert (await case.record(job, "beside"))["action"] == "created"


async def test_an_over_long_number_is_refused_and_a_long_reference_moves_to_the_note(
    case: Case,
) -> None:
    await case.invoice("i1", number="N" * 22)
    await case.payment("p1", "10.00", {}, reference=f"{'r' * 30}{case.number}")

    job = await case.export()

    record = await case.record(job, "i1")
    assert (record["state"], record["code"]) == ("rejected", "too_long")
    assert record["details"] == {"field": "number", "limit": 21, "length": 22}
    (payment,) = case.writes("Payment")
    assert "PaymentRefNum" not in payment["sent"]
    assert f"{'r' * 30}{case.number}" in payment["sent"]["PrivateNote"]


# ------------------------------------------------------------------ documents that are none


async def test_a_document_of_nothing_is_skipped_with_the_reason(case: Case) -> None:
    await case.invoice("i1", "0.00")

    job = await case.export("invoices")

    record = await case.record(job, "i1")
    assert (record["state"], record["code"]) == ("skipped", "zero_document")
    assert record["explanation"]
    assert job["status"] == "succeeded"
    assert case.writes("Invoice") == []


async def test_a_negative_credit_note_is_refused_when_pushed(case: Case) -> None:
    line = {"line_id": "1", "price_code": "plan", "amount": "-10.00"}

    with pytest.raises(Refused) as refused:
        await case.credit("n1", "-10.00", {}, lines=[line])

    assert (refused.value.status, refused.value.problem["code"]) == (422, "negative_document")


async def test_a_payment_of_a_refused_invoice_is_blocked_until_both_arrive(case: Case) -> None:
    await case.invoice("i1", **taxed("100.00", ("NOPE", "9", "9.00")))
    await case.payment("p1", "109.00", {"i1": "109.00"})
    job = await case.export()
    assert (await case.record(job, "i1"))["code"] == "unmapped_tax"
    blocked = await case.record(job, "p1")
    assert (blocked["state"], blocked["code"]) == ("blocked", "invoice_not_posted")
    assert blocked["details"]["invoices"] == [case.id("i1")]
    assert job["counts"]["blocked"] == 1
    case.mark()

    await case.invoice("i1", **taxed("97.32", ("GST", "5", "4.87"), ("PST BC", "7", "6.81")))
    begun = await case.merchant.call("POST", f"/sync-jobs/{job['id']}/retry")
    mended = await case.merchant.ended(begun["id"])

    assert mended["status"] == "succeeded", await case.merchant.records(mended)
    assert (await case.record(mended, "p1"))["action"] == "created"
    assert case.document("Invoice", "i1")["Balance"] == 0
    assert len(case.writes("Invoice")) == len(case.writes("Payment")) == 1


# ------------------------------------------------------------------ requests that make no sense


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        ({"direction": "export", "resources": ["estimates"]}, 422, None),
        ({"direction": "import", "resources": ["credits"]}, 422, None),
        ({"direction": "sideways", "resources": ["invoices"]}, 422, None),
        ({"direction": "export", "resources": []}, 422, None),
        ({"direction": "export", "resources": ["invoices"]}, 422, "range_required"),
        (
            {
                "direction": "export",
                "resources": ["invoices"],
                "date_from": "2026-03-02",
                "date_to": "2026-03-01",
            },
            422,
            "reversed_range",
        ),
        (
            {
                "direction": "import",
                "resources": ["customers"],
                "created_from": "2026-03-02",
                "created_to": "2026-03-01",
            },
            422,
            "reversed_range",
        ),
        ({"direction": "export", "resources": ["journal_entries"]}, 409, "wrong_mode"),
        ({"direction": "export", "resources": ["invoices"], "surprise": 1}, 422, None),
    ],
)
async def test_a_job_that_makes_no_sense_is_not_begun(
    town: Town, request_body: dict[str, Any], status: int, code: str | None
) -> None:
    before = (await town.call("GET", "/sync-jobs", params={"limit": 1}))["data"]

    with pytest.raises(Refused) as refused:
        await town.call("POST", "/sync-jobs", request_body)

    assert refused.value.status == status
    if code:
        assert refused.value.problem["code"] == code
        assert refused.value.problem["fixes"] or refused.value.problem["errors"]
    assert (await town.call("GET", "/sync-jobs", params={"limit": 1}))["data"] == before


async def test_a_job_without_a_connection_is_refused(town: Town) -> None:
    body = {"name": "Other", "provider": "quickbooks_online", "mode": "full_synchronization"}
    made = await town.call("POST", "/v1/integrations", body)
    path = f"/v1/integrations/{made['id']}/sync-jobs"

    with pytest.raises(Refused) as refused:
        await town.call("POST", path, {"direction": "import", "resources": ["customers"]})

    assert (refused.value.status, refused.value.problem["code"]) == (409, "not_connected")
    assert refused.value.problem["fixes"]
