"""Documents in detail: quantities, service dates, own items of credits, accounts by method."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop

D = Decimal


@pytest.fixture(scope="module")
async def office(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "ca", "CAD") as made:
        await made.taxes(GST="5")
        await made.map(["GST"], "GST", {"GST": "GST"})
        await made.map([], "Out of Scope")
        yield made


def line(amount: str, **fields: Any) -> dict[str, Any]:
    return {"line_id": "1", "price_code": "plan", "amount": amount, **fields}


async def posted(
    office: Shop, id_: str, *lines: dict[str, Any], total: str
) -> list[dict[str, Any]]:
    """Export an untaxed invoice and return the details of its lines in the books."""
    numbered = [{**each, "line_id": str(place)} for place, each in enumerate(lines)]
    await office.invoice(id_, [], total, "0.00", lines=numbered)
    record = await office.record(await office.export(), id_)
    assert (record["state"], record["code"]) == ("posted", None), record
    document = office.document(id_)
    assert document["TotalAmt"] == D(total)
    return [each["SalesItemLineDetail"] for each in document["Line"] if "LineNum" in each]


async def test_quantity_and_price_are_sent_where_they_make_the_amount(office: Shop) -> None:
    [detail] = await posted(
        office, "q1", line("147.00", quantity="3", unit_price="49"), total="147.00"
    )

    assert (detail["Qty"], detail["UnitPrice"]) == (3, 49)


async def test_quantity_and_price_that_do_not_make_the_amount_are_left_out(office: Shop) -> None:
    details = await posted(
        office,
        "q2",
        line("100.00", quantity="3", unit_price="33.33"),
        line("100.00", quantity="3", unit_price="33.333333"),
        total="200.00",
    )

    assert "Qty" not in details[0]
    assert (details[1]["Qty"], details[1]["UnitPrice"]) == (3, D("33.333333"))


async def test_line_tells_the_first_day_of_its_service(office: Shop) -> None:
    period = {"start": "2026-03-01", "end": "2026-03-31"}

    [detail] = await posted(office, "q3", line("10.00", service_period=period), total="10.00")

    assert detail["ServiceDate"] == "2026-03-01"


async def test_discount_is_a_negative_line_of_its_own_item(office: Shop) -> None:
    charge = {"price_code": "rebate", "name": "Rebate", "kind": "discount"}
    await office.merchant.put("charges", "rebate", **charge)

    details = await posted(
        office, "q4", line("100.00"), line("-33.33", price_code="rebate"), total="66.67"
    )

    assert [each["ItemRef"]["name"] for each in details] == ["Pro plan", "Rebate"]


async def test_house_credits_and_write_offs_have_their_own_items(office: Shop) -> None:
    account = {"value": await office.book_id("accounts", "Services")}
    made: dict[str, str] = {}
    for name in ("Goodwill", "Bad debt"):
        item = {"Name": name, "Type": "Service", "IncomeAccountRef": account}
        item["ExpenseAccountRef"] = {"value": await office.book_id("accounts", "Bank Charges")}
        answer = office.simulator.edit("create", "Item", item, office.realm_id)
        made[name] = str(answer["Id"] if "Id" in answer else answer["Item"]["Id"])
    settings = (await office.merchant.call("GET", ""))["settings"]
    settings["items"] |= {
        "house_credit_item_id": made["Goodwill"],
        "write_off_item_id": made["Bad debt"],
    }
    await office.merchant.call("PATCH", "", {"settings": settings})
    for id_, reason in (("q5", "house_credit"), ("q6", "write_off")):
        lines = [{"line_id": "1", "amount": "7.00"}]
        await office.credit(id_, [], "7.00", "0.00", lines=lines, reason=reason)

    await office.export()

    items = [
        office.document(id_, "CreditMemo")["Line"][0]["SalesItemLineDetail"]["ItemRef"]["value"]
        for id_ in ("q5", "q6")
    ]
    assert items == [made["Goodwill"], made["Bad debt"]]


async def test_each_method_has_its_deposit_account(office: Shop) -> None:
    savings = await office.book_id("accounts", "Savings")
    visa = await office.book_id("payment-methods", "Visa")
    mapping = {"method": "visa", "payment_method_id": visa, "deposit_account_id": savings}
    await office.merchant.call("POST", "/payment-method-mappings", mapping)
    await office.payment("q7", "10.00", {}, method="visa")
    await office.payment("q8", "10.00", {}, method="cheque")

    await office.export()

    payments = {row["PaymentRefNum"]: row for row in office.merchant.documents("Payment")}
    assert payments["ch_q7"]["DepositToAccountRef"]["value"] == savings
    assert payments["ch_q7"]["PaymentMethodRef"]["value"] == visa
    undeposited = await office.book_id("accounts", "Undeposited Funds")
    assert payments["ch_q8"]["DepositToAccountRef"]["value"] == undeposited


async def test_more_than_750_taxed_lines_are_refused(office: Shop) -> None:
    lines = [("plan", "1.00", {"GST": ("5", None)})] * 751
    await office.invoice("q9", lines, "788.55", "37.55")
    await office.invoice("q10", lines[:750], "787.50", "37.50")

    job = await office.export()

    refused = await office.record(job, "q9")
    assert (refused["state"], refused["code"]) == ("rejected", "too_many_lines")
    assert refused["details"] == {"limit": 750, "lines": 751}
    assert (await office.record(job, "q10"))["state"] == "posted"


async def test_documents_carry_the_class_and_location_that_are_tracked(office: Shop) -> None:
    """Here classes are tracked on lines, not on documents."""
    made = {
        entity: office.simulator.edit("create", entity, {"Name": entity}, office.realm_id)["Id"]
        for entity in ("Class", "Department")
    }
    chosen = {"class_id": made["Class"], "location_id": made["Department"]}
    await office.merchant.call("PATCH", "", {"settings": {"documents": chosen}})

    [detail] = await posted(office, "q11", line("5.00"), total="5.00")

    nothing = {"class_id": None, "location_id": None}
    await office.merchant.call("PATCH", "", {"settings": {"documents": nothing}})
    assert detail["ClassRef"]["value"] == made["Class"]
    document = office.document("q11")
    assert document["DepartmentRef"]["value"] == made["Department"]
    assert "ClassRef" not in document
