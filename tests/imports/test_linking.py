"""Customers and opening documents that link by themselves."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.accounting.records import BooksDocument, Kind
from app.billing.kinds import BillingKind
from app.imports import linking
from app.imports.work import ImportWork
from app.ledger.models import Link
from tests.imported import CREATED, Connected, build_customer


async def test_a_customer_with_the_same_folded_name_is_linked(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "ACME  rockets", sync_token="3")]
    await maple.bill_customer("cus_1", "Acme Rockets")

    ran = await maple.run(ImportWork(), "customers")

    assert ran.counts["link customers"]["linked"] == 1
    assert await maple.links("customer") == {"cus_1": "58"}
    [link] = await rows(maple)
    assert (link.state, link.sync_token, link.number) == ("live", "3", "ACME  rockets")
    assert link.marker.startswith("[lw:")


async def rows(maple: Connected) -> list[Link]:
    async with maple.db.transaction(maple.organization_id) as session:
        return list(await session.scalars(select(Link).order_by(Link.billing_id)))


async def test_currency_of_a_silent_customer_is_the_home_currency(maple: Connected) -> None:
    maple.provider.lists.customers = [
        build_customer("1", "Acme", currency=None),
        build_customer("2", "Beta", currency="USD"),
    ]
    await maple.bill_customer("cus_a", "Acme", currency="CAD")
    await maple.bill_customer("cus_b", "Beta")

    ran = await maple.run(ImportWork(), "customers")

    assert await maple.links("customer") == {"cus_a": "1"}
    assert ran.codes() == ["match_other_currency"]


async def test_two_billing_customers_of_one_name_are_not_linked(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme")]
    await maple.bill_customer("cus_1", "Acme")
    await maple.bill_customer("cus_2", "ACME")

    ran = await maple.run(ImportWork(), "customers")

    assert await maple.links("customer") == {}
    assert ran.codes() == ["several_billing_customers", "several_billing_customers"]
    assert ran.counts["link customers"]["findings"] == 2


async def test_rivals_count_over_all_slices(
    maple: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "CHUNK", 1)
    maple.provider.lists.customers = [build_customer("58", "Acme"), build_customer("59", "Beta")]
    await maple.bill_customer("cus_1", "Acme")
    await maple.bill_customer("cus_2", "Beta")
    await maple.bill_customer("cus_3", "acme")

    ran = await maple.run(ImportWork(), "customers", slices=lambda: True)

    assert await maple.links("customer") == {"cus_2": "59"}
    assert ran.codes() == ["several_billing_customers", "several_billing_customers"]


async def test_a_linked_customer_stays_where_it_is(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme")]
    await maple.bill_customer("cus_1", "Acme")
    await maple.run(ImportWork(), "customers")
    await maple.bill_customer("cus_2", "Acme")

    ran = await maple.run(ImportWork(), "customers")

    assert await maple.links("customer") == {"cus_1": "58"}
    assert ran.codes() == ["match_linked_elsewhere"]


async def test_findings_name_the_billing_customer_and_the_candidate(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme", email="a@x.example")]
    await maple.bill_customer("cus_1", "Acme", email="b@x.example")

    ran = await maple.run(ImportWork(), "customers")

    [finding] = ran.findings
    assert (finding.code, finding.billing_id) == ("email_conflict", "cus_1")
    assert (finding.document_type, finding.document_id) == ("customer", "58")
    assert finding.customer == "Acme"


# ---------------------------------------------------------------- opening documents


def invoice(external_id: str = "130", number: str | None = "INV-1", **more: Any) -> BooksDocument:
    values: dict[str, Any] = {
        "total": Decimal("113.00"),
        "tax": Decimal("13.00"),
        "balance": Decimal("113.00"),
        "currency": "CAD",
        "customer_id": "58",
        "txn_date": date(2026, 3, 1),
        "created_at": CREATED,
        "fingerprint": "f",
    }
    return BooksDocument(
        kind=Kind.INVOICE,
        external_id=external_id,
        sync_token="2",
        number=number,
        **(values | more),
    )


async def bill_invoice(maple: Connected, billing_id: str = "in_1", **more: Any) -> None:
    values: dict[str, Any] = {
        "number": "INV-1",
        "customer": "cus_1",
        "invoice_date": date(2026, 3, 1),
        "currency": "CAD",
        "lines": [{"line_id": "1", "price_code": "pro", "amount": "100.00"}],
        "tax_total": "13.00",
        "total": "113.00",
    }
    await maple.bill(BillingKind.INVOICE, billing_id, **(values | more))


async def test_an_invoice_is_matched_by_number_amount_and_customer(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme")]
    maple.provider.stand(invoice(), invoice("131", "QB-7", total=Decimal(5)))
    await maple.bill_customer("cus_1", "Acme")
    await bill_invoice(maple)

    ran = await maple.run(ImportWork(), "customers", "invoices")

    assert await maple.links("invoice") == {"in_1": "130"}
    assert ran.counts["invoices"]["linked"] == 1
    assert ran.counts["invoices"]["created"] == 2
    assert ran.findings == []
    link = next(each for each in await rows(maple) if each.kind == "invoice")
    assert (link.total, link.tax, link.unapplied) == (113, 13, 113)
    assert link.content_hash is not None


async def test_an_external_invoice_is_listed_without_a_billing_id(maple: Connected) -> None:
    maple.provider.stand(invoice())

    await maple.run(ImportWork(), "invoices")

    [row] = (await maple.client.get(f"{maple.path}/books/invoices")).json()["data"]
    assert (row["number"], row["billing_id"]) == ("INV-1", None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"total": Decimal("112.99")}, "document_differs"),
        ({"currency": "USD"}, "document_differs"),
        ({"customer_id": "99"}, "document_other_customer"),
    ],
)
async def test_what_comes_close_is_a_finding(
    maple: Connected, changes: dict[str, Any], code: str
) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme")]
    maple.provider.stand(invoice(**changes))
    await maple.bill_customer("cus_1", "Acme")
    await bill_invoice(maple)

    ran = await maple.run(ImportWork(), "customers", "invoices")

    assert await maple.links("invoice") == {}
    assert ran.codes() == [code]


async def test_voided_void_and_own_documents_are_left_alone(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme")]
    maple.provider.stand(
        invoice("1", "V", voided=True), invoice("2", "B"), invoice("3", "M", marker="[lw:x]")
    )
    await maple.bill_customer("cus_1", "Acme")
    await bill_invoice(maple, "in_v", number="V")
    await bill_invoice(maple, "in_b", number="B", status="void")
    await bill_invoice(maple, "in_m", number="M")

    ran = await maple.run(ImportWork(), "customers", "invoices")

    assert await maple.links("invoice") == {}
    assert ran.findings == []


async def test_a_second_document_of_the_same_number_is_a_finding(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme")]
    maple.provider.stand(invoice("130"), invoice("131"))
    await maple.bill_customer("cus_1", "Acme")
    await bill_invoice(maple)

    ran = await maple.run(ImportWork(), "customers", "invoices")

    assert await maple.links("invoice") == {"in_1": "130"}
    assert ran.codes() == ["second_document"]


async def test_a_payment_is_matched_by_its_reference(maple: Connected) -> None:
    maple.provider.lists.customers = [build_customer("58", "Acme")]
    maple.provider.stand(
        BooksDocument(
            kind=Kind.PAYMENT,
            external_id="190",
            sync_token="0",
            number="ch_77",
            total=Decimal("50.00"),
            unapplied=Decimal("20.00"),
            customer_id="58",
            created_at=CREATED,
        )
    )
    await maple.bill_customer("cus_1", "Acme")
    await maple.bill(
        BillingKind.PAYMENT,
        "pay_1",
        customer="cus_1",
        payment_date=date(2026, 3, 2),
        amount="50.00",
        currency="CAD",
        reference="ch_77",
    )

    await maple.run(ImportWork(), "customers", "payments")

    assert await maple.links("payment") == {"pay_1": "190"}
    link = next(each for each in await rows(maple) if each.kind == "payment")
    assert link.unapplied == 20
