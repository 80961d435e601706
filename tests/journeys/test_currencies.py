"""A company with several currencies: rates are told, each currency has a customer of its own."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import DAY, Shop, shop

D = Decimal
EURO = {"currency": "EUR", "exchange_rate": "1.5"}


@pytest.fixture(scope="module")
async def global_shop(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "multicurrency", "CAD") as made:
        await made.map([], "Out of Scope")
        chosen = await made.book_id("accounts", "Checking")
        settings = (await made.merchant.call("GET", ""))["settings"]
        settings["accounts"] = {"deposit_account_id": chosen}
        await made.merchant.call("PATCH", "", {"settings": settings})
        yield made


def line(amount: str) -> list[Any]:
    return [("plan", amount, {})]


def customers(made: Shop) -> dict[str, str]:
    return {
        row["DisplayName"]: row["CurrencyRef"]["value"]
        for row in made.merchant.documents("Customer")
    }


async def test_foreign_document_without_rate_is_refused(global_shop: Shop) -> None:
    await global_shop.invoice("e1", line("100.00"), "100.00", "0.00", currency="EUR")
    await global_shop.payment("e1", "10.00", {}, currency="EUR")

    job = await global_shop.export()

    for kind in ("invoice", "payment"):
        record = await global_shop.record(job, "e1", kind)
        assert (record["state"], record["code"]) == ("rejected", "exchange_rate_required")
        assert "so many CAD for one EUR" in record["fixes"][0]


async def test_second_currency_is_a_customer_of_its_own(global_shop: Shop) -> None:
    await global_shop.invoice("e2", line("20.00"), "20.00", "0.00")
    await global_shop.invoice("e3", line("100.00"), "100.00", "0.00", **EURO)
    await global_shop.payment("e3", "60.00", {"e3": "60.00"}, **EURO)
    await global_shop.credit(
        "e3",
        line("30.00"),
        "30.00",
        "0.00",
        applications=[{"invoice": "e3", "amount": "30.00"}],
        **EURO,
    )

    job = await global_shop.export()

    assert (await global_shop.record(job, "e3"))["state"] == "posted"
    assert customers(global_shop) == {"Wile E. Coyote": "CAD", "Wile E. Coyote (EUR)": "EUR"}
    document = global_shop.document("e3")
    assert (document["CurrencyRef"]["value"], document["ExchangeRate"]) == ("EUR", D("1.5"))
    assert (document["HomeTotalAmt"], document["Balance"]) == (D("150.00"), D("10.00"))
    assert "ExchangeRate" not in global_shop.sent("e2")
    assert global_shop.balanced()


async def test_a_second_export_writes_nothing(global_shop: Shop) -> None:
    await global_shop.export()
    before = len(global_shop.simulator.requests(realm_id=global_shop.realm_id, operation="create"))

    job = await global_shop.export("customers", "invoices", "payments", "credits")

    assert not any(job["counts"][name] for name in ("created", "updated", "voided"))
    after = global_shop.simulator.requests(realm_id=global_shop.realm_id, operation="create")
    assert len(after) == before


async def test_customer_of_a_foreign_currency_keeps_the_name(global_shop: Shop) -> None:
    await global_shop.merchant.put("customers", "c2", display_name="Jean Dupont", currency="EUR")
    await global_shop.invoice("e4", line("10.00"), "10.00", "0.00", customer="c2", **EURO)

    job = await global_shop.export()

    assert (await global_shop.record(job, "e4"))["state"] == "posted"
    assert customers(global_shop)["Jean Dupont"] == "EUR"
    assert "Jean Dupont (EUR)" not in customers(global_shop)


async def test_renamed_customer_is_renamed_in_each_currency_that_is_billed(
    global_shop: Shop,
) -> None:
    await global_shop.merchant.put("customers", "c3", display_name="Old name")
    await global_shop.invoice("e5", line("10.00"), "10.00", "0.00", customer="c3", **EURO)
    await global_shop.export()
    assert customers(global_shop)["Old name (EUR)"] == "EUR"

    await global_shop.merchant.put("customers", "c3", display_name="New name")
    await global_shop.export()

    assert customers(global_shop)["New name (EUR)"] == "EUR"
    assert "New name" not in customers(global_shop)


async def test_foreign_refund_goes_to_the_receivables_of_its_currency(global_shop: Shop) -> None:
    await global_shop.credit("e6", line("40.00"), "40.00", "0.00", **EURO)
    body = {"customer": "c1", "date": DAY, "amount": "40.00", "credit_note": "e6"}
    await global_shop.merchant.put("refunds", "re6", **body)

    job = await global_shop.export("credits", "refunds")

    record = await global_shop.record(job, "re6", "refund")
    assert (record["state"], record["code"]) == ("posted", None), record
    assert global_shop.document("e6", "CreditMemo")["RemainingCredit"] == 0
    assert global_shop.balanced()


async def test_company_of_one_currency_takes_no_other(town: Town) -> None:
    async with shop(town, "au", "AUD") as made:
        await made.map([], "BAS Excluded")
        await made.invoice("o1", line("10.00"), "10.00", "0.00", **EURO)

        job = await made.export()

        record = await made.record(job, "o1")
        assert (record["state"], record["code"]) == ("rejected", "currency_not_enabled")
