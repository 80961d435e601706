"""Tax mappings over HTTP."""

from typing import Any

import httpx
import pytest

from app.accounting.records import TaxModel
from app.billing.kinds import BillingKind
from app.books.kinds import BookKind
from app.kit.db import Database
from app.mappings import billing_side
from app.mappings.service import tax_map
from tests.fake_provider import build_profile
from tests.imported import Connected, build_code, build_rate, connect


async def import_taxes(maple: Connected) -> None:
    await maple.store(
        BookKind.TAX_RATE,
        build_rate("3", "GST", "5"),
        build_rate("4", "PST BC", "7"),
        build_rate("5", "HST ON", "13"),
        build_rate("6", "GST OS", "0"),
        build_rate("7", "GST ES", "0"),
    )
    await maple.store(
        BookKind.TAX_CODE,
        build_code("10", "GST", "3"),
        build_code("11", "GST/PST BC", "3", "4"),
        build_code("12", "HST ON", "5"),
        build_code("13", "Out of Scope", "6"),
        build_code("14", "Exempt", "7"),
        build_code("15", "Old", "3", active=False),
        build_code("16", "Purchases only"),
    )


def line(line_id: str, price_code: str = "pro", *taxes: str, **more: Any) -> dict[str, Any]:
    return {
        "line_id": line_id,
        "price_code": price_code,
        "amount": "10.00",
        "taxes": [{"price_code": code, "rate": "5"} for code in taxes],
        **more,
    }


async def bill(maple: Connected, billing_id: str, *lines: dict[str, Any], **more: Any) -> None:
    values: dict[str, Any] = {
        "number": billing_id,
        "customer": "cus_1",
        "invoice_date": "2026-03-01",
        "currency": "CAD",
        "tax_total": "0",
        "total": "0",
    }
    await maple.bill(BillingKind.INVOICE, billing_id, lines=list(lines), **(values | more))


async def table(maple: Connected, **params: Any) -> dict[str, Any]:
    answer = await maple.client.get(f"{maple.path}/tax-mappings", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def row_of(answer: dict[str, Any], *price_codes: str) -> dict[str, Any]:
    [row] = [row for row in answer["data"] if row["price_codes"] == sorted(price_codes)]
    return dict(row)


async def add(maple: Connected, *price_codes: str, code: str, **more: Any) -> httpx.Response:
    body = {"price_codes": list(price_codes), "tax_code_id": code, **more}
    return await maple.client.post(f"{maple.path}/tax-mappings", json=body)


async def test_sets_in_use_come_from_lines_documents_and_tax_lines(maple: Connected) -> None:
    await maple.bill(
        BillingKind.CHARGE, "c1", price_code="tax-line", name="Eco fee tax", kind="tax"
    )
    await bill(maple, "a", line("1", "pro", "GST", "PST BC"), line("2", "pro"))
    await bill(maple, "b", line("1"), taxes=[{"price_code": "HST ON", "rate": "13"}])
    await bill(
        maple,
        "c",
        line("1", "pro", "GST"),
        line("2", "pro"),
        line("3", "tax-line", applies_to=["1"]),
    )
    await bill(maple, "d", line("1", "pro", "VOID"), status="void")
    await maple.bill(
        BillingKind.CREDIT_NOTE,
        "n",
        number="n",
        customer="cus_1",
        date="2026-03-02",
        reason="credit_note",
        currency="CAD",
        lines=[line("1", "pro", "QST")],
        tax_total="0",
        total="0",
    )

    async with maple.db.transaction(maple.organization_id) as session:
        used = await billing_side.sets_in_use(session, maple.integration_id, ["tax-line"])

    assert {tuple(sorted(each.price_codes)): each.documents for each in used} == {
        ("GST", "PST BC"): 1,
        (): 2,
        ("HST ON",): 1,
        ("GST", "tax-line"): 1,
        ("QST",): 1,
    }


async def test_the_table_shows_sets_with_suggestions(maple: Connected) -> None:
    await import_taxes(maple)
    await bill(maple, "a", line("1", "pro", "GST", "PST BC"), line("2", "pro", "TPS"))
    await maple.bill(BillingKind.TAX, "t1", price_code="HST ON", name="HST", rate="13")

    answer = await table(maple)

    assert (answer["model"], answer["required"]) == ("GLOBAL", True)
    group = row_of(answer, "GST", "PST BC")
    assert (group["status"], group["tax_code_id"], group["id"]) == ("suggested", "11", None)
    assert (group["name_matches"], group["documents"]) == (True, 1)
    assert group["rates"] == [
        {"external_id": "3", "name": "GST", "percent": "5", "price_code": "GST"},
        {"external_id": "4", "name": "PST BC", "percent": "7", "price_code": "PST BC"},
    ]
    assert row_of(answer, "TPS")["status"] == "unmapped"
    assert row_of(answer, "HST ON")["tax_code_id"] == "12"
    untaxed = row_of(answer)
    assert untaxed["status"] == "ambiguous"
    assert {choice["name"] for choice in untaxed["choices"]} == {"Out of Scope", "Exempt"}


async def test_plans_and_rates_without_each_other_are_listed(maple: Connected) -> None:
    await import_taxes(maple)
    await maple.bill(
        BillingKind.CHARGE, "c1", price_code="QST", name="QST", plan="Quebec", kind="tax"
    )

    answer = await table(maple)

    assert answer["plans_without_rate"] == [{"plan": "Quebec", "price_code": "QST", "name": "QST"}]
    names = [rate["name"] for rate in answer["rates_without_plan"]]
    assert sorted(names) == ["GST", "GST ES", "GST OS", "HST ON", "PST BC"]


@pytest.mark.parametrize(
    ("model", "required"),
    [(TaxModel.US_AST, False), (TaxModel.US_NONE, False), (TaxModel.US_MANUAL, True)],
)
async def test_what_the_tax_model_requires(
    db: Database, client: httpx.AsyncClient, tenant: Any, model: TaxModel, required: bool
) -> None:
    us = await connect(db, client, tenant[0], profile=build_profile(tax_model=model))

    answer = await table(us)

    assert (answer["model"], answer["required"]) == (model.value, required)
    assert answer["data"] == []


async def test_a_person_maps_a_set(maple: Connected) -> None:
    await import_taxes(maple)

    answer = await add(maple, "PST BC", "GST", code="11")

    assert answer.status_code == 201
    row = answer.json()
    assert (row["price_codes"], row["status"]) == (["GST", "PST BC"], "confirmed")
    assert row["id"] == row_of(await table(maple), "GST", "PST BC")["id"]


async def test_another_name_may_be_confirmed_explicitly(maple: Connected) -> None:
    await import_taxes(maple)

    row = (await add(maple, "TPS", code="10")).json()

    assert (row["status"], row["name_matches"]) == ("confirmed", False)
    assert row["rates"][0]["price_code"] == "TPS"


async def test_several_sets_may_map_to_one_code(maple: Connected) -> None:
    await import_taxes(maple)

    assert (await add(maple, "TPS", code="10")).status_code == 201
    assert (await add(maple, "GST", code="10")).status_code == 201


async def test_where_names_do_not_tell_the_pairs_must_be_said(maple: Connected) -> None:
    await import_taxes(maple)

    refused = await add(maple, "TPS", "TVP", code="11")
    pairs = [{"price_code": "TPS", "rate_id": "3"}, {"price_code": "TVP", "rate_id": "4"}]
    said = await add(maple, "TPS", "TVP", code="11", pairs=pairs)
    wrong = await add(maple, "A", "B", code="11", pairs=pairs)

    assert (refused.status_code, refused.json()["code"]) == (409, "pairs_needed")
    assert said.status_code == 201
    assert {rate["name"]: rate["price_code"] for rate in said.json()["rates"]} == {
        "GST": "TPS",
        "PST BC": "TVP",
    }
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/pairs")


async def test_targets_that_are_refused(maple: Connected) -> None:
    await import_taxes(maple)
    expectations = {
        ("99", ("GST",)): (422, "unknown_tax_code"),
        ("15", ("GST",)): (409, "tax_code_not_selectable"),
        ("16", ("GST",)): (409, "tax_code_not_selectable"),
        ("11", ("GST",)): (409, "tax_code_does_not_fit"),
        ("10", ()): (409, "tax_code_does_not_fit"),
    }

    for (code, price_codes), expected in expectations.items():
        answer = await add(maple, *price_codes, code=code)

        assert (answer.status_code, answer.json()["code"]) == expected
        assert answer.json()["fixes"]


async def test_a_set_is_mapped_once(maple: Connected) -> None:
    await import_taxes(maple)
    first = await add(maple, "GST", "PST BC", code="11")

    second = await add(maple, "PST BC", "GST", code="11")

    assert (second.status_code, second.json()["code"]) == (409, "already_mapped")
    assert second.json()["mapping_id"] == first.json()["id"]


async def test_suggest_saves_nothing_by_default(maple: Connected) -> None:
    await import_taxes(maple)
    await bill(maple, "a", line("1", "pro", "GST"))

    answer = await maple.client.post(f"{maple.path}/tax-mappings/suggest", json={})

    assert answer.json()["confirmed"] == 0
    assert row_of(answer.json(), "GST")["status"] == "suggested"
    assert row_of(await table(maple), "GST")["id"] is None


async def test_suggest_exact_saves_exact_names_and_never_untaxed(maple: Connected) -> None:
    await import_taxes(maple)
    await maple.store(BookKind.TAX_CODE, build_code("14", "Exempt", "7", active=False))
    await bill(maple, "a", line("1", "pro", "GST"), line("2", "pro", "gst "), line("3"))

    answer = await maple.client.post(
        f"{maple.path}/tax-mappings/suggest", json={"confirm": "exact"}
    )

    assert answer.json()["confirmed"] == 1
    assert row_of(answer.json(), "GST")["status"] == "confirmed"
    assert row_of(answer.json(), "gst ")["status"] == "suggested"
    assert row_of(answer.json())["status"] == "suggested"


async def test_a_changed_rate_breaks_until_it_is_confirmed_again(maple: Connected) -> None:
    await import_taxes(maple)
    made = (await add(maple, "GST", code="10")).json()
    await maple.store(BookKind.TAX_RATE, build_rate("3", "GST", "6"))

    broken = row_of(await table(maple, status="broken"), "GST")
    patched = await maple.client.patch(f"{maple.path}/tax-mappings/{made['id']}", json={})

    assert "6 % now; 5 %" in broken["reason"]
    assert (patched.status_code, patched.json()["status"]) == (200, "confirmed")
    assert patched.json()["rates"][0]["percent"] == "6"


async def test_a_mapping_is_changed_and_forgotten(maple: Connected) -> None:
    await import_taxes(maple)
    path = f"{maple.path}/tax-mappings/{(await add(maple, 'X', code='10')).json()['id']}"

    changed = await maple.client.patch(path, json={"tax_code_id": "12"})
    gone = await maple.client.delete(path)
    again = await maple.client.delete(path)

    assert changed.json()["tax_code_name"] == "HST ON"
    assert gone.status_code == 204
    assert again.status_code == 404


async def test_the_table_is_filtered_and_paged(maple: Connected) -> None:
    await import_taxes(maple)
    await bill(maple, "a", line("1", "p", "GST"), line("2", "p", "X"), line("3", "p", "HST ON"))

    first = await table(maple, status="suggested", limit=1)
    second = await table(maple, status="suggested", limit=1, cursor=first["next_cursor"])

    assert [row["price_codes"] for row in first["data"]] == [["GST"]]
    assert [row["price_codes"] for row in second["data"]] == [["HST ON"]]
    assert second["next_cursor"] is None


async def test_exports_read_what_holds_and_why_the_rest_does_not(maple: Connected) -> None:
    await import_taxes(maple)
    await add(maple, "GST", "PST BC", code="11")
    await add(maple, "HST ON", code="12")
    await add(maple, code="13")
    await maple.store(BookKind.TAX_RATE, build_rate("5", "HST ON", "14"))

    async with maple.db.transaction(maple.organization_id) as session:
        taxes = await tax_map(session, maple.company_id)

    group = taxes.get(["PST BC", "GST"])
    assert group is not None
    assert group.tax_code_id == "11"
    rate = group.rate_of("PST BC")
    assert rate is not None
    assert (rate.rate_id, rate.percent) == ("4", 7)
    untaxed = taxes.get([])
    assert untaxed is not None
    assert [each.price_code for each in untaxed.rates] == [None]
    assert "14 % now" in (taxes.why_not(["HST ON"]) or "")
    assert taxes.unmapped([frozenset({"Z"}), frozenset(), frozenset({"HST ON"})]) == [
        frozenset({"HST ON"}),
        frozenset({"Z"}),
    ]


async def test_not_connected_and_bodies_with_unknown_fields(
    maple: Connected, client: httpx.AsyncClient
) -> None:
    answer = await client.post(
        f"{maple.path}/tax-mappings", json={"price_codes": [], "tax_code_id": "1", "x": 1}
    )

    assert answer.status_code == 422
