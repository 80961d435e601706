"""Every row of the table of documents in every kind of company, judged to the cent."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop
from tests.journeys.rows import ALL, LANDS, Land, Story, opened
from tests.journeys.told import Told, sentences

CLOSING = {"AccountingInfoPrefs.BookCloseDate": "2026-01-31"}


@contextlib.asynccontextmanager
async def shop_of(town: Town, land: Land) -> AsyncIterator[Shop]:
    """A merchant in that kind of company, in whose books some names are taken already."""
    async with shop(town, land.profile, land.currency, preferences=CLOSING) as made:
        money = {"CurrencyRef": {"value": land.currency}}
        enter = made.simulator.edit
        enter("create", "Customer", {"DisplayName": "Acme Rockets", **money}, made.realm_id)
        enter("create", "Vendor", {"DisplayName": "Vendor & Sons"}, made.realm_id)
        [income] = [
            row["Id"]
            for row in made.simulator.documents("Account", made.realm_id)
            if row["Name"] == "Sales of Product Income"
        ]
        costs = await made.book_id("accounts", "Bank Charges")
        goodwill = {
            "Name": "Goodwill",
            "Type": "Service",
            "IncomeAccountRef": {"value": income},
            "ExpenseAccountRef": {"value": costs},
        }
        enter("create", "Item", goodwill, made.realm_id)
        await made.merchant.imported("customers", "items")
        yield made


def deposit(made: Shop, reference: str) -> None:
    """Bring a payment to the bank, as a bookkeeper does in QuickBooks."""
    rows = made.simulator.documents("Payment", made.realm_id)
    [payment] = [row for row in rows if row.get("PaymentRefNum") == reference]
    [bank] = [
        row["Id"]
        for row in made.simulator.documents("Account", made.realm_id)
        if row["Name"] == "Checking"
    ]
    linked = [{"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0"}]
    line = {"Amount": float(payment["TotalAmt"]), "LinkedTxn": linked}
    body: dict[str, Any] = {"DepositToAccountRef": {"value": bank}, "Line": [line]}
    if made.simulator.documents("CompanyCurrency", made.realm_id):
        body |= {"CurrencyRef": payment["CurrencyRef"]}
        if "ExchangeRate" in payment:
            body |= {"ExchangeRate": float(payment["ExchangeRate"])}
    made.simulator.edit("create", "Deposit", body, made.realm_id)


def stories(told: Told, land: Land) -> list[Story]:
    home = {"currency": land.currency}
    told_at_home = Story(told, land, money=home, later=home)
    if land.foreign is None:
        return [told_at_home]
    currency, rate, later = land.foreign
    money = {"currency": currency, "exchange_rate": rate}
    abroad = Story(told, land, prefix="x-", money=money, later=money | {"exchange_rate": later})
    return [told_at_home, abroad]


@pytest.mark.parametrize("land", LANDS.values(), ids=LANDS)
async def test_every_row_arrives_to_the_cent_or_says_why_not(town: Town, land: Land) -> None:
    async with shop_of(town, land) as made:
        told = await opened(made, land)
        tales = stories(told, land)
        for story in tales:
            story.bill()
        for customer in ("linked", "held"):
            body = tales[0].sums(("plan", "10.00", False))
            tales[0].invoice(f"of-{customer}", body, customer=customer)

        first = await told.export(*ALL)

        held = {("customer", "held"): "duplicate_name", ("invoice", "of-held"): CUSTOMER_MISSING}
        expected = held | {key: code for tale in tales for key, code in tale.named_first().items()}
        assert told.named == expected, await told.merchant.records(first)
        assert first["counts"]["linked"] == 1
        judgement = told.judged()
        assert judgement.agrees, sentences(judgement)
        assert made.balanced()

        deposit(made, "ch_deposited")
        if land.foreign is not None:
            deposit(made, "ch_x-deposited")
        for story in tales:
            story.change()

        second = await told.export(*ALL)

        expected = held | {key: code for tale in tales for key, code in tale.named_second().items()}
        assert told.named == expected, await told.merchant.records(second)
        judgement = told.judged()
        assert judgement.agrees, sentences(judgement)
        assert made.balanced()
        refused = await told.merchant.records(second, state="rejected")
        assert all(row["explanation"] and row["fixes"] for row in refused), refused


CUSTOMER_MISSING = "customer_not_posted"
