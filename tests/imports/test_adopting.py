"""Billing customers made of imported ones."""

from typing import Any

from app.accounting.records import Address, PersonName
from app.books.kinds import BookKind
from app.imports.work import ImportWork
from tests.imported import Connected, build_customer


async def adopt(maple: Connected, *rows: tuple[str, str]) -> dict[str, Any]:
    answer = await maple.client.post(
        f"{maple.path}/books/customers/adopt",
        json=[{"external_id": external, "billing_id": billing} for external, billing in rows],
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_an_unknown_billing_id_is_created_and_linked(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer(
            company_name="Acme Inc",
            person=PersonName(given="Wile", family="Coyote"),
            email="ap@acme.example",
            address=Address(line1="1 Canyon Rd", city="Tucson", country="USA"),
        ),
    )

    answer = await adopt(maple, ("58", "cus_1"))

    assert answer["results"] == [
        {
            "index": 0,
            "external_id": "58",
            "billing_id": "cus_1",
            "status": "created",
            "problem": None,
        }
    ]
    assert answer["counts"] == {"created": 1, "linked": 0, "unchanged": 0, "refused": 0}
    assert await maple.links("customer") == {"cus_1": "58"}
    record = (await maple.client.get(f"{maple.path}/billing/customers/cus_1")).json()
    assert record["display_name"] == "Acme Rockets"
    assert record["names"]["family"] == "Coyote"
    assert record["addresses"]["billing"]["city"] == "Tucson"


async def test_what_billing_says_later_replaces_the_copy(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer())
    await adopt(maple, ("58", "cus_1"))

    answer = await maple.client.put(
        f"{maple.path}/billing/customers/cus_1",
        json={"display_name": "Acme", "updated_at": "2001-01-01T00:00:00Z"},
    )

    assert answer.status_code == 200
    assert answer.json()["status"] == "updated"


async def test_a_known_billing_customer_is_linked_as_it_is(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer())
    await maple.bill_customer("cus_1", "Somebody else")

    answer = await adopt(maple, ("58", "cus_1"))

    assert answer["results"][0]["status"] == "linked"
    record = (await maple.client.get(f"{maple.path}/billing/customers/cus_1")).json()
    assert record["display_name"] == "Somebody else"


async def test_adopting_again_changes_nothing(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer())
    await adopt(maple, ("58", "cus_1"))

    assert (await adopt(maple, ("58", "cus_1")))["results"][0]["status"] == "unchanged"


async def test_refused_rows_say_why_and_hold_nobody_up(maple: Connected) -> None:
    await maple.store(
        BookKind.CUSTOMER,
        build_customer("1", "One"),
        build_customer("2", "Two", active=False),
        build_customer("3", "Three"),
        build_customer("4", "Four"),
    )
    await adopt(maple, ("1", "cus_1"))

    answer = await adopt(
        maple,
        ("1", "cus_9"),  # linked to another
        ("2", "cus_2"),  # inactive
        ("3", "cus_1"),  # the billing id is taken
        ("99", "cus_4"),  # unknown
        ("4", "cus_5"),  # fine
        ("4", "cus_6"),  # adopted a line above
    )

    assert [row["status"] for row in answer["results"]] == [
        "refused",
        "refused",
        "refused",
        "refused",
        "created",
        "refused",
    ]
    codes = [row["problem"]["code"] for row in answer["results"] if row["problem"]]
    assert codes == [
        "already_linked",
        "inactive",
        "already_linked",
        "unknown_external_id",
        "already_linked",
    ]
    assert all(row["problem"]["fixes"] for row in answer["results"] if row["problem"])
    assert await maple.links("customer") == {"cus_1": "1", "cus_5": "4"}


async def test_what_billing_cannot_hold_is_refused_by_name(maple: Connected) -> None:
    await maple.store(BookKind.CUSTOMER, build_customer(phone="555\x07"))

    [row] = (await adopt(maple, ("58", "cus_1")))["results"]

    assert (row["status"], row["problem"]["code"]) == ("refused", "not_adoptable")
    assert "phone" in row["problem"]["detail"]


async def test_an_import_never_makes_billing_customers(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer()]

    await maple.run(ImportWork(), "customers")

    page = (await maple.client.get(f"{maple.path}/billing/customers")).json()
    assert page["data"] == []
