"""Connections on and off: pauses that resume, companies that are somebody's, walls between them."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.journeys.cases import Case, Town
from tests.journeys.world import RETURN_URL, Merchant, Refused

OPENAPI = Path(__file__).parents[2] / "openapi" / "openapi.json"


async def left_for_intuit(merchant: Merchant) -> str:
    """Go through our page and return the address at Intuit."""
    begun = await merchant.call("POST", "/connect", {"return_url": RETURN_URL})
    page = await merchant.http.get(begun["authorization_url"])
    form = page.text.split('name="form" value="')[1].split('"')[0]
    left = await merchant.http.post(begun["authorization_url"], data={"form": form})
    return str(left.headers["location"])


async def until(merchant: Merchant, job_id: str, status: str) -> dict[str, Any]:
    for _ in range(200):
        job = await merchant.call("GET", f"/sync-jobs/{job_id}")
        if job["status"] == status:
            return dict(job)
        await asyncio.sleep(0.1)
    raise AssertionError(job)


async def test_a_connection_revoked_in_mid_job_pauses_it_until_the_reconnect(
    case: Case, town: Town
) -> None:
    for number in range(5):
        await case.invoice(f"i{number}")
    revoke = {"match": {"operation": "create", "entity": "Invoice", "nth": 3}}
    town.simulator.add_faults({**revoke, "action": {"revoke": True}})
    body = {"direction": "export", "resources": ["invoices"]}
    begun = await town.call(
        "POST", "/sync-jobs", {**body, "date_from": case.day, "date_to": case.day}
    )

    paused = await until(town, begun["id"], "paused")

    town.simulator.clear_faults()
    assert paused["paused"]["reason"] == "connection"
    assert paused["paused"]["explanation"]
    assert "reconnect" in paused["paused"]["fix"].lower()
    connection = await town.call("GET", "/connection")
    assert (connection["status"], connection["reason"]) == ("reauthorization_required", "revoked")
    assert connection["fix"]

    assert (await town.connect())["status"] == "connected"
    job = await town.ended(begun["id"])

    assert job["status"] == "succeeded"
    assert {row["action"] for row in await town.records(job, kind="invoice")} == {"created"}
    numbers = [write["sent"].get("DocNumber") for write in case.writes("Invoice")]
    assert len(set(numbers)) == 5
    assert [case.document("Invoice", f"i{number}")["TotalAmt"] for number in range(5)]
    assert town.simulator.duplicates(town.realm_id)["by_marker"] == {}
    third = [w for w in case.writes("Invoice") if w["sent"]["DocNumber"] == numbers[2]]
    assert len({write["requestid"] for write in third}) == 1
    assert len({write["body_sha256"] for write in third}) == 1


async def test_another_company_is_refused_on_reconnect(town: Town) -> None:
    town.simulator.add_company("9140000000000001", profile="ca")

    told = await town.connect(realm_id="9140000000000001")

    assert (told["status"], told["code"]) == ("failed", "other_company")
    connection = await town.call("GET", "/connection")
    assert connection["status"] == "connected"
    assert connection["company"]["external_id"] == town.realm_id


async def test_a_company_of_another_organization_is_refused(town: Town) -> None:
    async with town.neighbour(connected=False) as other:
        told = await other.connect(realm_id=town.realm_id)

    assert (told["status"], told["code"]) == ("failed", "company_held_by_other")
    assert town.organization_id not in told["message"]


async def test_a_refused_consent_is_told(town: Town) -> None:
    async with town.neighbour(connected=False) as other:
        location = await left_for_intuit(other)
        back = town.simulator.authorize(location, decision="cancel", realm_id=other.realm_id)
        landed = await other.http.get(back)

    assert "status=denied" in landed.headers["location"]


async def test_a_state_is_good_once_and_only_in_its_browser(town: Town) -> None:
    async with town.neighbour(connected=False) as other:
        location = await left_for_intuit(other)
        back = town.simulator.authorize(location, decision="connect", realm_id=other.realm_id)
        first = await other.http.get(back)
        again = await other.http.get(back)

        stolen = town.simulator.authorize(
            await left_for_intuit(other), decision="connect", realm_id=other.realm_id
        )
        cookies = dict(other.http.cookies)
        other.http.cookies.clear()
        elsewhere = await other.http.get(stolen)
        other.http.cookies.update(cookies)
        home = await other.http.get(stolen)
        made_up = await other.http.get(back.replace("state=", "state=x"))

    assert "status=connected" in first.headers["location"]
    for strange in (again, elsewhere, home, made_up):
        assert strange.status_code == 400
        assert "location" not in strange.headers
        assert strange.headers["content-type"].startswith("text/html")


async def test_books_closed_beforehand_refuse_without_a_call(town: Town) -> None:
    async with town.neighbour(items=2, customers=2) as other:
        await prepared(other)
        town.simulator.close_books("2026-03-31", other.realm_id)
        await disconnected_and_back(other)
        await other.invoice("i1", invoice_date="2026-03-31", **untaxed())
        await other.invoice("i2", invoice_date="2026-04-01", due_date=None, **untaxed())

        job = await other.exported("invoices")

        closed = (await other.records(job, code="closed_books"))[0]
        assert (closed["billing_id"], closed["state"]) == ("i1", "rejected")
        assert "2026-03-31" in closed["explanation"]
        assert closed["fixes"]
        created = town.simulator.requests(realm_id=other.realm_id, operation="create")
        assert [json.loads(c["body"]).get("DocNumber") for c in created][-1] == "INV-i2"
        assert len([c for c in created if c["entity"] == "Invoice"]) == 1


async def test_closed_days_move_to_the_first_open_one_where_that_is_the_policy(
    town: Town,
) -> None:
    async with town.neighbour(items=2, customers=2) as other:
        await prepared(other)
        await other.invoice("i0", invoice_date="2026-03-30", **untaxed())
        await other.exported("invoices")
        town.simulator.close_books("2026-03-31", other.realm_id)
        await disconnected_and_back(other)
        await other.call("PATCH", "", {"settings": {"closed_books": "first_open_day"}})
        await other.invoice("i0", invoice_date="2026-03-30", due_date="2026-05-31", **untaxed())
        await other.invoice("i1", invoice_date="2026-03-31", **untaxed())

        job = await other.exported("invoices")

        records = {row["billing_id"]: row for row in await other.records(job, kind="invoice")}
        assert records["i0"]["code"] == "closed_books"  # It stands in the closed period.
        assert records["i1"]["action"] == "created"
        [moved] = [
            row
            for row in other.documents("Invoice")
            if row["Id"] == records["i1"]["document"]["id"]
        ]
        assert moved["TxnDate"] == "2026-04-01"
        assert "dated 2026-03-31" in moved["PrivateNote"]

        await other.invoice("i1", invoice_date="2026-03-31", due_date="2026-06-30", **untaxed())
        edited = await other.exported("invoices")

        records = {row["billing_id"]: row for row in await other.records(edited, kind="invoice")}
        assert records["i1"]["action"] == "updated"
        [moved] = [
            row
            for row in other.documents("Invoice")
            if row["Id"] == records["i1"]["document"]["id"]
        ]
        assert (moved["TxnDate"], moved["DueDate"]) == ("2026-04-01", "2026-06-30")


async def test_books_closed_in_between_park_the_record_until_they_open(town: Town) -> None:
    async with town.neighbour(items=2, customers=2) as other:
        await prepared(other)
        await other.exported("customers", "items")
        await other.looked_just_now()
        town.simulator.close_books("2026-03-31", other.realm_id)
        await other.invoice("i1", **untaxed())

        job = await other.exported("invoices")

        (record,) = await other.records(job, kind="invoice")
        assert (record["state"], record["code"]) == ("parked", "parked_closed_books")
        assert (job["status"], job["counts"]["parked"]) == ("succeeded_with_findings", 1)

        town.simulator.close_books(None, other.realm_id)
        later = await other.exported("invoices")

        assert later["status"] == "succeeded", await other.records(later)
        settled = await other.call("GET", f"/sync-jobs/{job['id']}")
        assert settled["counts"]["parked"] == 0
        (record,) = await other.records(job, kind="invoice")
        assert (record["state"], record["action"]) == ("posted", "created")
        sent = [
            call["requestid"]
            for call in town.simulator.requests(realm_id=other.realm_id, operation="create")
            if call["entity"] == "Invoice"
        ]
        assert [id_[-3:] for id_ in sent] == ["g00", "g01"]


async def test_what_was_edited_while_it_was_parked_arrives_as_it_is_now(town: Town) -> None:
    async with town.neighbour(items=2, customers=2) as other:
        await prepared(other)
        await other.exported("customers", "items")
        await other.looked_just_now()
        town.simulator.close_books("2026-03-31", other.realm_id)
        await other.invoice("i1", **untaxed("10.00"))
        await other.exported("invoices")
        town.simulator.close_books(None, other.realm_id)
        await other.invoice("i1", **untaxed("20.00"))

        job = await other.exported("invoices")

        assert job["status"] == "succeeded", await other.records(job)
        (invoice,) = other.documents("Invoice")
        assert invoice["TotalAmt"] == 20
        assert job["amounts"][0]["difference"] == "0.00"


async def test_items_alone_bring_the_taxes_whole(town: Town) -> None:
    async with town.neighbour(items=3) as other:
        job = await other.job(
            direction="import",
            resources=["items"],
            created_from="2026-01-01",
            created_to="2026-01-02",
        )
        codes = await other.call("GET", "/books/tax-codes", params={"limit": 200})
        rates = await other.call("GET", "/books/tax-rates", params={"limit": 200})

    assert job["operation_type"] == "Import Items"
    assert {"GST", "GST/PST BC", "HST ON", "Out of Scope"} <= {row["name"] for row in codes["data"]}
    assert {"GST", "PST BC", "QST 9.975"} <= {row["name"] for row in rates["data"]}


def untaxed(amount: str = "10.00") -> dict[str, Any]:
    line = {"line_id": "1", "price_code": "plan", "amount": amount}
    return {"lines": [line], "tax_total": "0.00", "total": amount}


async def prepared(merchant: Merchant) -> None:
    await merchant.imported("customers", "items", "accounts")
    await merchant.use_accounts()
    await merchant.put("charges", "plan", price_code="plan", name="Pro plan", kind="recurring")
    await merchant.put("customers", "c1", display_name="Acme Rockets")
    codes = (await merchant.call("GET", "/books/tax-codes", params={"limit": 200}))["data"]
    untaxed_id = next(row["external_id"] for row in codes if row["name"] == "Out of Scope")
    await merchant.call("POST", "/tax-mappings", {"price_codes": [], "tax_code_id": untaxed_id})


async def disconnected_and_back(merchant: Merchant) -> None:
    """Connect anew, which reads the company's preferences again."""
    await merchant.call("POST", "/disconnect")
    with pytest.raises(Refused) as refused:
        await merchant.call("POST", "/sync-jobs", {"direction": "import", "resources": ["items"]})
    assert refused.value.problem["code"] == "not_connected"
    assert (await merchant.connect())["status"] == "connected"


# ------------------------------------------------------------------ walls


async def test_foreign_ids_are_not_found_on_any_path(case: Case, town: Town) -> None:
    await case.invoice("i1")
    job = await case.export("invoices")
    record = await case.record(job, "i1")
    rows = (await town.call("GET", "/tax-mappings"))["data"]
    known = {
        "integration_id": town.integration_id,
        "job_id": job["id"],
        "record_id": record["id"],
        "mapping_id": next(row["id"] for row in rows if row["id"]),
        "billing_id": case.id("i1"),
        "external_id": "1",
        "kind": "invoices",
        "line": "1",
    }
    asked = 0
    async with town.neighbour() as other:
        own = {**known, "integration_id": other.integration_id}
        for path, method, body in operations():
            places = [known]
            if {"{job_id}", "{record_id}", "{mapping_id}"} & set(path.split("/")):
                places.append(own)  # a foreign job under an integration of one's own
            for place in places:
                url = path.format_map({name: place.get(name, str(uuid4())) for name in names(path)})
                answer = await other.http.request(method, url, **body)
                # One's own integration may first miss the entry of the books that is named.
                own_books = place is own and answer.status_code == 422 and "imported" in answer.text
                assert answer.status_code == 404 or own_books, (method, url, answer.text)
                asked += 1
    assert asked > 60


def names(path: str) -> list[str]:
    return [part.split("}")[0] for part in path.split("{")[1:]]


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation below an integration, with a body that is sound."""
    found = []
    for path, item in json.loads(OPENAPI.read_text())["paths"].items():
        if not path.startswith("/v1/integrations/{integration_id}"):
            continue
        for method, operation in item.items():
            if method in {"get", "put", "post", "patch", "delete"}:
                found.append((path, method.upper(), sound(path, operation)))
    return found


BODIES: dict[str, Any] = {
    "/v1/integrations/{integration_id}": {"name": "Mine now"},
    "…/connect": {"return_url": RETURN_URL},
    "…/books/customers/adopt": [{"external_id": "1", "billing_id": "c"}],
    "…/tax-mappings": {"price_codes": ["GST"], "tax_code_id": "1"},
    "…/tax-mappings/suggest": {"confirm": "none"},
    "…/tax-mappings/{mapping_id}": {"tax_code_id": "1"},
    "…/item-mappings": {"price_code": "plan", "item_id": "1"},
    "…/item-mappings/{mapping_id}": {"item_id": "1"},
    "…/account-mappings": {"role": "income", "account_id": "1"},
    "…/account-mappings/{mapping_id}": {"account_id": "1"},
    "…/payment-method-mappings": {"method": "card", "payment_method_id": "1"},
    "…/payment-method-mappings/{mapping_id}": {"payment_method_id": "1"},
    "…/customer-mappings": {"billing_id": "c", "external_id": "1"},
    "…/customer-mappings/{mapping_id}": {"external_id": "1"},
    "…/sync-jobs": {"direction": "import", "resources": ["items"]},
    "…/skip": {"reason": "Not mine"},
}


def sound(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Parameters and a body that the operation would take, examples where it has some."""
    days = [
        each["name"]
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each.get("required")
    ]
    if days:
        return {"params": dict.fromkeys(days, "2026-03-01")}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return {}
    for example in content.get("examples", {}).values():
        return {"json": example["value"]}
    short = path.replace("/v1/integrations/{integration_id}/", "…/")
    for end, body in BODIES.items():
        if short == end or (end.startswith("…/") and short.endswith(end[1:])):
            return {"json": body}
    return {"json": {}}


async def test_another_organizations_lists_are_empty(town: Town) -> None:
    async with town.neighbour() as other:
        for path in ("/sync-jobs", "/billing/invoices", "/billing/customers", "/books/customers"):
            assert (await other.call("GET", path))["data"] == []
        listed = (await other.call("GET", "/v1/integrations"))["data"]
    assert [row["id"] for row in listed] == [other.integration_id]
