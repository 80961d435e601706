"""Item, account and payment method mappings over HTTP."""

from typing import Any

import httpx

from app.accounting.records import NamedEntry
from app.billing.kinds import BillingKind
from app.books.kinds import BookKind
from app.mappings import service
from app.mappings.repository import MappingKind
from tests.imported import Connected, build_account, build_item


async def charge(maple: Connected, price_code: str, name: str, **more: Any) -> None:
    values = {"kind": "recurring", **more}
    await maple.bill(
        BillingKind.CHARGE, f"c_{price_code}", price_code=price_code, name=name, **values
    )


async def rows(maple: Connected, what: str, key: str) -> dict[str, dict[str, Any]]:
    answer = await maple.client.get(f"{maple.path}/{what}")
    assert answer.status_code == 200, answer.text
    return {row[key]: row for row in answer.json()["data"]}


async def post(maple: Connected, what: str, **body: Any) -> httpx.Response:
    return await maple.client.post(f"{maple.path}/{what}", json=body)


async def test_items_are_suggested_by_name(maple: Connected) -> None:
    await maple.store(
        BookKind.ITEM,
        build_item("1", "Pro plan"),
        build_item("2", "BASIC plan"),
        build_item("3", "Setup"),
        build_item("4", "setup"),
        build_item("5", "Hours", full_name="Services:Hours"),
        build_item("6", "Old", active=False),
        build_item("7", "Things", type="Category"),
    )
    await charge(maple, "pro", "Pro", item_name="Pro plan", plan="Pro")
    await charge(maple, "basic", "Basic plan")
    await charge(maple, "set-up", "SETUP")
    await charge(maple, "hours", "Services:Hours")
    await charge(maple, "old", "Old")
    await charge(maple, "things", "Things")
    await charge(maple, "vat", "VAT", kind="tax")

    found = await rows(maple, "item-mappings", "price_code")

    assert {key: row["status"] for key, row in found.items()} == {
        "pro": "suggested",
        "basic": "suggested",
        "set-up": "ambiguous",
        "hours": "suggested",
        "old": "unmapped",
        "things": "unmapped",
    }
    assert (found["pro"]["item_id"], found["pro"]["name_matches"]) == ("1", True)
    assert (found["basic"]["item_id"], found["basic"]["name_matches"]) == ("2", False)
    assert found["hours"]["item_id"] == "5"
    assert {choice["external_id"] for choice in found["set-up"]["choices"]} == {"3", "4"}


async def test_suggest_exact_saves_exact_item_names_only(maple: Connected) -> None:
    await maple.store(BookKind.ITEM, build_item("1", "Pro plan"), build_item("2", "BASIC"))
    await charge(maple, "pro", "Pro plan")
    await charge(maple, "basic", "Basic")

    answer = await post(maple, "item-mappings/suggest", confirm="exact")

    assert answer.json()["confirmed"] == 1
    found = await rows(maple, "item-mappings", "price_code")
    assert (found["pro"]["status"], found["basic"]["status"]) == ("confirmed", "suggested")


async def test_an_item_mapping_lives_and_breaks(maple: Connected) -> None:
    await maple.store(BookKind.ITEM, build_item("1", "One"), build_item("2", "Two"))
    made = (await post(maple, "item-mappings", price_code="pro", item_id="1")).json()
    path = f"{maple.path}/item-mappings/{made['id']}"

    changed = await maple.client.patch(path, json={"item_id": "2"})
    await maple.store(BookKind.ITEM, build_item("2", "Two", active=False))
    broken = (await rows(maple, "item-mappings", "price_code"))["pro"]

    assert (changed.json()["item_id"], changed.json()["status"]) == ("2", "confirmed")
    assert (broken["status"], broken["item_id"]) == ("broken", "2")
    assert "inactive" in broken["reason"]
    async with maple.db.transaction(maple.organization_id) as session:
        assert await service.item_map(session, maple.company_id) == {}
        [found] = await service.broken_mappings(session, maple.company_id, MappingKind.ITEM)
    assert (found.key, found.target_name) == ("pro", "Two")
    assert (await maple.client.delete(path)).status_code == 204


async def test_items_that_are_refused(maple: Connected) -> None:
    await maple.store(
        BookKind.ITEM,
        build_item("1", "One"),
        build_item("2", "Old", active=False),
        build_item("3", "Cat", type="Category"),
    )
    await post(maple, "item-mappings", price_code="taken", item_id="1")
    expectations = {
        ("a", "99"): (422, "unknown_target"),
        ("a", "2"): (409, "target_not_selectable"),
        ("a", "3"): (409, "target_not_selectable"),
        ("taken", "1"): (409, "already_mapped"),
    }

    for (price_code, item_id), expected in expectations.items():
        answer = await post(maple, "item-mappings", price_code=price_code, item_id=item_id)

        assert (answer.status_code, answer.json()["code"]) == expected
        assert answer.json()["fixes"]


async def test_each_role_is_listed_with_its_possible_accounts(maple: Connected) -> None:
    await maple.store(
        BookKind.ACCOUNT,
        build_account("1", "Sales"),
        build_account("2", "Other sales"),
        build_account("3", "Checking", "Bank"),
        build_account("4", "Undeposited", "Other Current Asset", sub_type="UndepositedFunds"),
        build_account("5", "A/R", "Accounts Receivable"),
    )

    found = await rows(maple, "account-mappings", "role")

    assert {role: row["status"] for role, row in found.items()} == {
        "income": "ambiguous",
        "expense": "unmapped",
        "deposit": "suggested",
        "receivable": "suggested",
        "tax_payable": "unmapped",
    }
    assert found["deposit"]["account_id"] == "4"
    assert found["receivable"]["account_id"] == "5"
    assert len(found["income"]["choices"]) == 2
    assert found["expense"]["allowed_types"] == [
        "Expense",
        "Other Expense",
        "Cost of Goods Sold",
    ]


async def test_a_role_takes_accounts_of_its_types_only(maple: Connected) -> None:
    await maple.store(
        BookKind.ACCOUNT,
        build_account("1", "Sales"),
        build_account("3", "Checking", "Bank"),
        build_account("4", "Old bank", "Bank", active=False),
    )

    wrong = await post(maple, "account-mappings", role="income", account_id="3")
    old = await post(maple, "account-mappings", role="deposit", account_id="4")
    right = await post(maple, "account-mappings", role="income", account_id="1")
    unknown = await post(maple, "account-mappings", role="captain", account_id="1")

    assert (wrong.status_code, wrong.json()["code"]) == (409, "target_not_selectable")
    assert wrong.json()["allowed_types"] == ["Income", "Other Income"]
    assert old.status_code == 409
    assert (right.status_code, right.json()["status"]) == (201, "confirmed")
    assert unknown.status_code == 422
    async with maple.db.transaction(maple.organization_id) as session:
        assert await service.account_roles(session, maple.company_id) == {"income": "1"}


async def test_an_account_mapping_is_changed_within_its_types(maple: Connected) -> None:
    await maple.store(
        BookKind.ACCOUNT,
        build_account("1", "Sales"),
        build_account("2", "More sales"),
        build_account("3", "Checking", "Bank"),
    )
    made = (await post(maple, "account-mappings", role="income", account_id="1")).json()
    path = f"{maple.path}/account-mappings/{made['id']}"

    assert (await maple.client.patch(path, json={"account_id": "3"})).status_code == 409
    changed = await maple.client.patch(path, json={"account_id": "2"})

    assert changed.json()["account_name"] == "More sales"
    assert (await post(maple, "account-mappings/suggest", confirm="exact")).json()["confirmed"] == 0
    assert (await maple.client.delete(path)).status_code == 204


async def pay(maple: Connected, billing_id: str, method: str | None) -> None:
    await maple.bill(
        BillingKind.PAYMENT,
        billing_id,
        customer="cus_1",
        payment_date="2026-03-01",
        amount="1.00",
        currency="CAD",
        method=method,
    )


async def test_methods_in_use_are_listed_and_saved(maple: Connected) -> None:
    await maple.store(BookKind.PAYMENT_METHOD, NamedEntry(external_id="4", name="Visa"))
    await maple.store(BookKind.ACCOUNT, build_account("35", "Checking", "Bank"))
    await pay(maple, "p1", "Visa")
    await pay(maple, "p2", "wire")
    await pay(maple, "p3", None)

    before = await rows(maple, "payment-method-mappings", "method")
    exact = await post(maple, "payment-method-mappings/suggest", confirm="exact")
    deposit = await post(maple, "payment-method-mappings", method="wire", deposit_account_id="35")

    assert {key: row["status"] for key, row in before.items()} == {
        "Visa": "suggested",
        "wire": "unmapped",
    }
    assert exact.json()["confirmed"] == 1
    assert deposit.status_code == 201
    assert deposit.json()["deposit_account_name"] == "Checking"
    async with maple.db.transaction(maple.organization_id) as session:
        found = await service.payment_methods(session, maple.company_id)
    assert found["Visa"].payment_method_id == "4"
    assert (found["wire"].payment_method_id, found["wire"].deposit_account_id) == (None, "35")


async def test_a_method_needs_somewhere_to_go(maple: Connected) -> None:
    await maple.store(BookKind.PAYMENT_METHOD, NamedEntry(external_id="4", name="Visa"))
    await maple.store(BookKind.ACCOUNT, build_account("1", "Sales"))

    nowhere = await post(maple, "payment-method-mappings", method="x")
    unknown = await post(maple, "payment-method-mappings", method="x", payment_method_id="9")
    income = await post(
        maple, "payment-method-mappings", method="x", payment_method_id="4", deposit_account_id="1"
    )

    assert nowhere.status_code == 422
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_target")
    assert (income.status_code, income.json()["code"]) == (409, "target_not_selectable")


async def test_a_method_whose_account_left_is_broken(maple: Connected) -> None:
    await maple.store(BookKind.ACCOUNT, build_account("35", "Checking", "Bank"))
    made = await post(maple, "payment-method-mappings", method="wire", deposit_account_id="35")
    await maple.store(BookKind.ACCOUNT, build_account("35", "Checking", "Bank", active=False))

    found = (await rows(maple, "payment-method-mappings", "method"))["wire"]

    assert (found["status"], found["deposit_account_id"]) == ("broken", "35")
    path = f"{maple.path}/payment-method-mappings/{made.json()['id']}"
    assert (await maple.client.delete(path)).status_code == 204
