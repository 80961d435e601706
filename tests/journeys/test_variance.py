"""The books compute another tax than was billed: each policy shows both figures, none hides it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, codes_of, shop

TUCSON = {"addresses": {"billing": {"line1": "1 Canyon Rd", "city": "Tucson", "region": "AZ"}}}
# QuickBooks computes 13.38 on these (9.1 %), whatever is billed.
BILLED = {"two cents less": ("160.36", "13.36"), "ten cents more": ("160.48", "13.48")}


@pytest.fixture(scope="module")
async def stubborn(town: Town) -> AsyncIterator[Shop]:
    """A company that keeps its own tax, whatever it is sent."""
    async with shop(town, "us_ast", "USD", **TUCSON) as made:
        made.simulator.rules(made.realm_id, ast_override=False)
        yield made


async def use(made: Shop, policy: str, *, with_item: bool = True) -> None:
    """Set the policy, and the item of rounding lines."""
    item = rounding_item(made) if with_item else None
    settings = {"tax": {"variance": policy}, "items": {"rounding_item_id": item}}
    await made.merchant.call("PATCH", "", {"settings": settings})


def rounding_item(made: Shop) -> str:
    """The item that the bookkeeper made for rounding lines."""
    rows = made.simulator.documents("Item", made.realm_id)
    for row in rows:
        if row["Name"] == "Rounding":
            return str(row["Id"])
    accounts = made.simulator.documents("Account", made.realm_id)
    income = next(row["Id"] for row in accounts if row["AccountType"] == "Income")
    body = {"Name": "Rounding", "Type": "Service", "IncomeAccountRef": {"value": income}}
    made.simulator.edit("create", "Item", body, made.realm_id)
    return rounding_item(made)


async def bill(made: Shop, id_: str, case: str = "two cents less") -> dict[str, Any]:
    total, tax = BILLED[case]
    await made.invoice(id_, [("plan", "147.00", {"S": ("9", tax)})], total, tax)
    job = await made.export()
    record = await made.record(job, id_)
    assert (record["state"], record["code"]) == ("posted", "variance"), record
    assert job["status"] == "succeeded_with_findings"
    return record


@pytest.mark.parametrize("policy", ["billed", "flag", "quickbooks"])
async def test_a_difference_is_shown_with_both_figures_and_what_was_done(
    stubborn: Shop, policy: str
) -> None:
    await use(stubborn, policy)

    record = await bill(stubborn, f"v-{policy}")

    assert record["details"] == {
        "variance": {
            "total": {"billed": "160.36", "in_books": "160.38", "difference": "0.02"},
            "tax": {"billed": "13.36", "in_books": "13.38", "difference": "0.02"},
        },
        "policy": "quickbooks" if policy == "quickbooks" else "flag",
    }
    done = "is accepted" if policy == "quickbooks" else "Nothing was changed"
    assert done in record["explanation"]
    assert record["fixes"]
    assert stubborn.document(f"v-{policy}")["TotalAmt"] == Decimal("160.38")


async def test_a_rounding_line_makes_the_totals_agree_once(stubborn: Shop) -> None:
    await use(stubborn, "rounding_line")

    record = await bill(stubborn, "r1")
    again = await stubborn.record(await stubborn.export(), "r1")

    assert (record["action"], record["posted_amount"]) == ("created", "160.36")
    assert record["details"]["variance"] == {
        "tax": {"billed": "13.36", "in_books": "13.38", "difference": "0.02"}
    }
    assert "A rounding line of -0.02 makes the totals agree" in record["explanation"]
    assert again["state"] == "unchanged"
    stored = stubborn.document("r1")
    assert stored["TotalAmt"] == Decimal("160.36")
    assert codes_of(stored) == ["TAX", "NON"]
    sent = [line["Amount"] for line in stubborn.sent("r1")["Line"]]
    assert sent == [Decimal("147.00"), Decimal("-0.02")]


async def test_an_edit_is_rounded_anew(stubborn: Shop) -> None:
    await use(stubborn, "rounding_line")
    await bill(stubborn, "r2")
    lines = [("plan", "147.00", {"S": ("9", "13.39")})]
    await stubborn.invoice("r2", lines, "160.39", "13.39")

    record = await stubborn.record(await stubborn.export(), "r2")

    assert (record["action"], record["code"]) == ("updated", "variance")
    assert stubborn.document("r2")["TotalAmt"] == Decimal("160.39")
    assert [line["Amount"] for line in stubborn.sent("r2")["Line"]][1:] == [Decimal("0.01")]


async def test_more_than_a_few_cents_are_flagged(stubborn: Shop) -> None:
    await use(stubborn, "rounding_line")

    record = await bill(stubborn, "r3", "ten cents more")

    assert "too much for a rounding line" in record["explanation"]
    assert stubborn.document("r3")["TotalAmt"] == Decimal("160.38")


async def test_without_an_item_no_line_is_added_and_the_fix_is_told(stubborn: Shop) -> None:
    await use(stubborn, "rounding_line", with_item=False)

    record = await bill(stubborn, "r4")

    assert "items.rounding_item_id" in record["fixes"][0]
    assert stubborn.document("r4")["TotalAmt"] == Decimal("160.38")


async def test_reconciliation_shows_what_was_rounded(stubborn: Shop) -> None:
    day = "2026-06-01"
    await use(stubborn, "rounding_line")
    total, tax = BILLED["two cents less"]
    lines = [("plan", "147.00", {"S": ("9", tax)})]
    await stubborn.invoice("r5", lines, total, tax, invoice_date=day)
    await stubborn.export()

    days = {"date_from": day, "date_to": day}
    found = await stubborn.merchant.call("GET", "/reconciliation", params=days)

    [difference] = found["differences"]
    assert (difference["code"], difference["difference"]) == ("tax_differs", "0.00")


async def test_a_backlog_in_batches_is_rounded_too(stubborn: Shop) -> None:
    day = "2026-06-02"
    await use(stubborn, "rounding_line")
    for number in range(31):
        await stubborn.merchant.put(
            "customers", f"b{number}", display_name=f"Batch {number}", **TUCSON
        )
        total, tax = BILLED["two cents less"] if number % 2 else ("160.38", "13.38")
        lines = [("plan", "147.00", {"S": ("9", tax)})]
        fields = {"invoice_date": day, "customer": f"b{number}"}
        await stubborn.invoice(f"b{number}", lines, total, tax, **fields)

    job = await stubborn.merchant.exported("invoices", date_from=day, date_to=day)

    assert job["counts"]["updated"] == 0
    rows = stubborn.simulator.documents("Invoice", stubborn.realm_id)
    totals = sorted(str(row["TotalAmt"]) for row in rows if row["TxnDate"] == day)
    assert totals == ["160.36"] * 15 + ["160.38"] * 16
