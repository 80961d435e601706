"""Customer mappings over HTTP."""

from typing import Any

import httpx
from sqlalchemy import select

from app.billing.kinds import BillingKind
from app.books.kinds import BookKind
from app.imports.linking import NewLink, keeper_of, link_many
from app.ledger.models import Link
from tests.imported import Connected, build_customer


async def rows(maple: Connected, **params: Any) -> list[dict[str, Any]]:
    answer = await maple.client.get(f"{maple.path}/customer-mappings", params=params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def pair(maple: Connected, billing_id: str, external_id: str) -> httpx.Response:
    body = {"billing_id": billing_id, "external_id": external_id}
    return await maple.client.post(f"{maple.path}/customer-mappings", json=body)


async def test_rows_show_links_suggestions_and_what_is_open(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer("1", "Linked"),
        build_customer("2", "Same Name"),
        build_customer("3", "Gone", active=False),
        build_customer("4", "Left (deleted)", active=False),
    )
    for billing_id, name in [("a", "Linked"), ("b", "same name"), ("c", "Gone"), ("d", "New")]:
        await maple.bill_customer(billing_id, name)
    await maple.bill_customer("e", "Left")
    async with maple.db.transaction(maple.organization_id) as session:
        keeper = await keeper_of(session, maple.integration_id, maple.company_id)
        links = [
            NewLink(billing_id=billing_id, external_id=external_id, sync_token="0", number="n")
            for billing_id, external_id in [("a", "1"), ("e", "4")]
        ]
        await link_many(session, keeper, "customer", links)

    found = await rows(maple)

    assert [(row["billing_id"], row["status"]) for row in found] == [
        ("a", "confirmed"),
        ("b", "suggested"),
        ("c", "ambiguous"),
        ("d", "unmapped"),
        ("e", "broken"),
    ]
    assert (found[1]["external_id"], found[1]["name_matches"]) == ("2", False)
    assert found[2]["candidates"][0]["external_id"] == "3"
    assert [row["billing_id"] for row in await rows(maple, linked=True)] == ["a", "e"]
    assert [row["billing_id"] for row in await rows(maple, linked=False)] == ["b", "c", "d"]


async def test_rows_come_in_pages(maple: Connected) -> None:
    for billing_id in "abc":
        await maple.bill_customer(billing_id, billing_id)
    path = f"{maple.path}/customer-mappings"

    first = (await maple.client.get(path, params={"limit": 2})).json()
    second = (
        await maple.client.get(path, params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()

    assert [row["billing_id"] for row in first["data"] + second["data"]] == ["a", "b", "c"]
    assert second["next_cursor"] is None


async def test_a_person_links_two_of_different_names(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer("1", "Acme"))
    await maple.bill_customer("a", "Something else")

    answer = await pair(maple, "a", "1")

    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["name_matches"]) == ("confirmed", False)
    assert await maple.links("customer") == {"a": "1"}


async def test_pairs_that_are_refused(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer("1", "One"),
        build_customer("2", "Two", active=False),
        build_customer("3", "Three", currency="USD"),
        build_customer("4", "Four"),
    )
    await maple.bill_customer("a", "A")
    await maple.bill_customer("b", "B")
    assert (await pair(maple, "a", "1")).status_code == 201
    expectations = {
        ("x", "4"): (422, "unknown_customer"),
        ("b", "99"): (422, "unknown_customer"),
        ("b", "2"): (409, "inactive"),
        ("b", "3"): (409, "currency_differs"),
        ("b", "1"): (409, "already_linked"),
        ("a", "4"): (409, "already_linked"),
    }

    for (billing_id, external_id), expected in expectations.items():
        answer = await pair(maple, billing_id, external_id)

        assert (answer.status_code, answer.json()["code"]) == expected


async def test_a_link_nothing_was_posted_through_is_changed_and_taken_away(
    maple: Connected,
) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer("1", "One"), build_customer("2", "Two"))
    await maple.bill_customer("a", "A")
    path = f"{maple.path}/customer-mappings/{(await pair(maple, 'a', '1')).json()['id']}"

    changed = await maple.client.patch(path, json={"external_id": "2"})
    gone = await maple.client.delete(path)
    again = await maple.client.delete(path)

    assert (changed.status_code, changed.json()["external_id"]) == (200, "2")
    assert (gone.status_code, again.status_code) == (204, 404)
    async with maple.db.transaction(maple.organization_id) as session:
        [link] = await session.scalars(select(Link))
    assert (link.state, link.external_id) == ("absent", None)
    assert (await pair(maple, "a", "1")).status_code == 201


async def test_a_customer_with_documents_stays_unless_the_books_gave_it_up(
    maple: Connected,
) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer("1", "One"), build_customer("2", "Two"))
    await maple.bill_customer("a", "A")
    path = f"{maple.path}/customer-mappings/{(await pair(maple, 'a', '1')).json()['id']}"
    await maple.bill(
        BillingKind.INVOICE,
        "in_1",
        number="1",
        customer="a",
        invoice_date="2026-03-01",
        currency="CAD",
        lines=[{"line_id": "1", "price_code": "p", "amount": "1.00"}],
        tax_total="0",
        total="1.00",
    )
    async with maple.db.transaction(maple.organization_id) as session:
        keeper = await keeper_of(session, maple.integration_id, maple.company_id)
        invoice = NewLink(billing_id="in_1", external_id="130", sync_token="0", number="1")
        await link_many(session, keeper, "invoice", [invoice])

    kept = [await maple.client.patch(path, json={"external_id": "2"})]
    kept.append(await maple.client.delete(path))
    await maple.store(BookKind.CUSTOMER, build_customer("1", "One (deleted)", active=False))
    moved = await maple.client.patch(path, json={"external_id": "2"})

    assert [(each.status_code, each.json()["code"]) for each in kept] == [
        (409, "link_in_use"),
        (409, "link_in_use"),
    ]
    assert (moved.status_code, moved.json()["external_id"]) == (200, "2")


async def test_suggest_links_the_sure_ones_only_if_asked(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer("1", "One"), build_customer("2", "Two"))
    await maple.bill_customer("a", "ONE")
    await maple.bill_customer("b", "Two")
    await maple.bill_customer("c", "two")
    path = f"{maple.path}/customer-mappings/suggest"

    asked = (await maple.client.post(path, json={})).json()
    done = (await maple.client.post(path, json={"confirm": "exact"})).json()

    assert (asked["confirmed"], len(asked["data"])) == (0, 3)
    assert (done["confirmed"], [row["billing_id"] for row in done["data"]]) == (1, ["b", "c"])
    assert await maple.links("customer") == {"a": "1"}
