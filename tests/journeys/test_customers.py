"""Customers: linked to the one that is surely the same, else created or refused with choices."""

from typing import Any

from tests.journeys.cases import Case, Town


async def made(case: Case, name: str, **fields: Any) -> str:
    """Let a person enter a customer in the books, and import it; return its id."""
    body = {"DisplayName": name, **fields}
    customer = case.edit("create", "Customer", body)
    await case.merchant.imported("customers")
    return str(customer["Id"])


async def export(case: Case) -> dict[str, Any]:
    """Export this case's customer through a document of theirs; return its record."""
    await case.invoice("i1")
    job = await case.export("invoices")
    return await case.record(job, "", "customer")


def in_books(case: Case, external_id: str) -> dict[str, Any]:
    rows = case.merchant.simulator.documents("Customer", case.merchant.realm_id)
    return next(row for row in rows if row["Id"] == external_id)


async def test_one_of_the_same_name_is_linked_and_left_alone(case: Case, town: Town) -> None:
    theirs = await made(case, f"Nordlys   {case.number}", Notes="VIP, call first")
    await town.put("customers", case.customer, display_name=f"NORDLYS {case.number}")
    case.mark()

    record = await export(case)

    assert (record["state"], record["action"]) == ("posted", "linked")
    assert record["document"]["id"] == theirs
    assert case.writes("Customer") == []
    assert in_books(case, theirs)["Notes"] == "VIP, call first"
    assert case.document("Invoice", "i1")["CustomerRef"]["value"] == theirs


async def test_an_edit_of_a_linked_customer_arrives_once(case: Case, town: Town) -> None:
    theirs = await made(case, f"Fjord {case.number}", CompanyName="Fjord AS", Notes="VIP")
    await town.put("customers", case.customer, display_name=f"Fjord {case.number}")
    await export(case)
    await town.put(
        "customers", case.customer, display_name=f"Fjord {case.number}", phone="+47 22 33 44 55"
    )
    case.mark()

    job = await case.export("invoices")
    await case.export("invoices")

    (update,) = case.writes("Customer")
    assert (update["operation"], update["sent"]["Id"]) == ("update", theirs)
    assert update["sent"]["sparse"] is True
    assert (await case.record(job, "", "customer"))["action"] == "updated"
    customer = in_books(case, theirs)
    assert customer["PrimaryPhone"]["FreeFormNumber"] == "+47 22 33 44 55"
    assert customer["CompanyName"] == "Fjord AS"
    assert "VIP" in customer["Notes"]


async def test_a_namesake_with_another_mail_is_refused_and_may_be_chosen(
    case: Case, town: Town
) -> None:
    name = f"Twin {case.number}"
    theirs = await made(case, name, PrimaryEmailAddr={"Address": "a@example.com"})
    await town.put("customers", case.customer, display_name=name, email="b@example.com")
    case.mark()

    record = await export(case)

    assert (record["state"], record["code"]) == ("rejected", "duplicate_name")
    assert record["details"]["holders"] == [
        {"type": "customer", "external_id": theirs, "name": name, "active": True}
    ]
    assert len(record["fixes"]) >= 2
    await town.call(
        "POST", "/customer-mappings", {"billing_id": case.customer, "external_id": theirs}
    )
    job = await case.export("invoices")
    assert (await case.record(job, "i1"))["action"] == "created"
    assert case.document("Invoice", "i1")["CustomerRef"]["value"] == theirs
    assert in_books(case, theirs)["PrimaryEmailAddr"]["Address"] == "a@example.com"


async def test_a_namesake_may_be_adopted_by_the_record(case: Case, town: Town) -> None:
    name = f"Double {case.number}"
    theirs = await made(case, name, PrimaryEmailAddr={"Address": "a@example.com"})
    await town.put("customers", case.customer, display_name=name, email="b@example.com")
    refused = await export(case)
    case.mark()

    job = await case.retry(refused, decision="adopt", external_id=theirs)

    record = await case.record(job, "", "customer")
    assert (record["state"], record["action"]) == ("posted", "linked")
    assert case.writes("Customer") == []


async def test_two_of_nearly_the_same_name_are_not_chosen_between(case: Case, town: Town) -> None:
    first = await made(case, f"Zwilling  {case.number}")
    second = await made(case, f"Zwilling {case.number} ")
    await town.put("customers", case.customer, display_name=f"zwilling {case.number}")
    case.mark()

    record = await export(case)

    assert record["action"] != "linked"
    assert record["state"] in {"rejected", "posted"}
    if record["state"] == "rejected":
        assert record["details"]["holders"]
    assert first != second


async def test_an_adopted_customer_is_not_made_twice(case: Case, town: Town) -> None:
    theirs = await made(case, f"Adopted {case.number}")
    adopted = await town.call(
        "POST",
        "/books/customers/adopt",
        [{"external_id": theirs, "billing_id": case.id("new")}],
    )
    assert adopted["counts"]["created"] == 1
    case.mark()

    await case.invoice("i1", customer=case.id("new"))
    job = await case.export("invoices")

    record = await case.record(job, "new", "customer")
    assert (record["state"], record["document"]["id"]) == ("unchanged", theirs)
    assert case.writes("Customer") == []
    assert case.document("Invoice", "i1")["CustomerRef"]["value"] == theirs
    again = await town.call(
        "POST",
        "/books/customers/adopt",
        [{"external_id": theirs, "billing_id": case.id("other")}],
    )
    assert again["results"][0]["status"] == "refused"


async def test_an_inactive_namesake_is_not_linked(case: Case, town: Town) -> None:
    name = f"Gone {case.number}"
    customer = case.edit("create", "Customer", {"DisplayName": name})
    key = {"Id": customer["Id"], "SyncToken": customer["SyncToken"]}
    case.edit("update", "Customer", {**key, "sparse": True, "Active": False})
    await town.imported("customers")
    await town.put("customers", case.customer, display_name=name)
    case.mark()

    record = await export(case)

    assert (record["state"], record["code"]) == ("rejected", "duplicate_name")
    assert record["details"]["holders"][0]["active"] is False


async def test_a_customer_edited_in_the_books_blocks_none_of_its_documents(
    case: Case, town: Town
) -> None:
    await export(case)
    customer = in_books(case, case.document("Invoice", "i1")["CustomerRef"]["value"])
    key = {"Id": customer["Id"], "SyncToken": customer["SyncToken"]}
    case.edit("update", "Customer", {**key, "sparse": True, "CompanyName": "By hand"})
    await town.put("customers", case.customer, display_name=customer["DisplayName"], phone="1")
    await case.invoice("i2")

    job = await case.export("invoices")

    assert (await case.record(job, "", "customer"))["code"] == "drifted"
    assert (await case.record(job, "i2"))["action"] == "created"
    assert in_books(case, customer["Id"])["CompanyName"] == "By hand"


async def test_a_customer_made_inactive_in_the_books_holds_its_documents_back(
    case: Case, town: Town
) -> None:
    theirs = await made(case, f"Gone {case.number}")
    await town.put("customers", case.customer, display_name=f"Gone {case.number}")
    await export(case)
    await case.invoice("i1", status="void")  # Nobody with a balance is made inactive.
    await case.export("invoices")
    await inactive(case, theirs, True)
    await case.invoice("i2")
    case.mark()

    job = await case.export("invoices")

    record = await case.record(job, "", "customer")
    assert (record["state"], record["code"]) == ("rejected", "customer_inactive")
    assert len(record["fixes"]) == 2
    blocked = await case.record(job, "i2")
    assert (blocked["state"], blocked["code"]) == ("blocked", "customer_inactive")
    assert case.writes() == []

    await inactive(case, theirs, False)
    again = await case.export("invoices")
    assert (await case.record(again, "i2"))["action"] == "created"


async def inactive(case: Case, external_id: str, yes: bool) -> None:
    """Make a customer inactive in the books, or active again, and import."""
    body = {"Id": external_id, "SyncToken": in_books(case, external_id)["SyncToken"]}
    name = f"Gone {case.number}"
    case.edit("update", "Customer", body | {"sparse": True, "Active": not yes, "DisplayName": name})
    await case.merchant.imported("customers")
