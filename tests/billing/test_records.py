"""Single billing records: taken, replaced, refused, found again."""

import copy
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import examples, repository
from app.billing.kinds import SPECS, BillingKind
from app.billing.schemas import Invoice
from app.integrations.models import Integration
from app.kit.db import Database
from tests.conftest import make_tenant

UNSOUND: list[tuple[dict[str, Any], str]] = [
    ({"display_name": "a\x00b"}, "/display_name"),
    ({"display_name": "a\u0085b"}, "/display_name"),
    ({"display_name": "\ud83c"}, "/display_name"),
    ({"display_name": " "}, "/display_name"),
    ({"display_name": "x" * 1001}, "/display_name"),
    ({"tax_exempt": "yes"}, "/tax_exempt"),
    ({"currency": "ZZZ"}, "/currency"),
    ({"currency": "cad"}, "/currency"),
    ({"created_date": "2026-02-30"}, "/created_date"),
    ({"created_date": "2026-2-3"}, "/created_date"),
    ({"created_date": 1}, "/created_date"),
    ({"updated_at": "2026-03-01T00:00:00"}, "/updated_at"),
    ({"updated_at": 1700000000}, "/updated_at"),
    ({"addresses": {"billing": {"country": "Canada"}}}, "/addresses/billing/country"),
    ({"dispaly_name": "x"}, "/dispaly_name"),
]
PATHS = {spec.kind: spec.path for spec in SPECS}


def record(kind_: BillingKind, /, **changes: Any) -> dict[str, Any]:
    return copy.deepcopy(examples.RECORDS[kind_]) | changes


async def put(
    client: httpx.AsyncClient, billing: str, kind: BillingKind, body: dict[str, Any]
) -> httpx.Response:
    address = f"{billing}/{PATHS[kind]}/{body['billing_id']}"
    return await client.put(
        address, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )


async def get(
    client: httpx.AsyncClient, billing: str, kind: BillingKind, billing_id: str
) -> dict[str, Any]:
    answer = await client.get(f"{billing}/{PATHS[kind]}/{billing_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_every_kind_is_kept_as_it_came(client: httpx.AsyncClient, billing: str) -> None:
    for spec in SPECS:
        body = record(spec.kind)

        answer = await put(client, billing, spec.kind, body)

        expected = {"billing_id": body["billing_id"], "status": "created", "revision": 1}
        assert answer.status_code == 201, answer.text
        assert answer.json() == expected
        found = await get(client, billing, spec.kind, body["billing_id"])
        assert without_nulls(body) == {
            name: value for name, value in without_nulls(found).items() if name in body
        }
        assert found["link"] is None
        assert found["quickbooks"] is None


def without_nulls(value: Any) -> Any:
    """Return the value without what is null or empty, at any depth."""
    if isinstance(value, dict):
        below = {name: without_nulls(entry) for name, entry in value.items()}
        return {name: entry for name, entry in below.items() if entry not in (None, [], {})}
    if isinstance(value, list):
        return [without_nulls(entry) for entry in value]
    return value


class TestUpsert:
    async def test_the_same_again_changes_nothing(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await put(client, billing, BillingKind.INVOICE, record(BillingKind.INVOICE))

        again = await put(client, billing, BillingKind.INVOICE, record(BillingKind.INVOICE))

        assert again.status_code == 200
        assert again.json()["status"] == "unchanged"
        assert again.json()["revision"] == 1

    async def test_another_spelling_of_the_same_content_changes_nothing(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await put(client, billing, BillingKind.INVOICE, record(BillingKind.INVOICE))
        body = record(BillingKind.INVOICE, prices_include_tax=False, exchange_rate=None)
        body["lines"][0] |= {"amount": 100, "quantity": "2.00"}

        again = await put(client, billing, BillingKind.INVOICE, body)

        assert again.json()["status"] == "unchanged"

    async def test_a_change_raises_the_revision(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await put(client, billing, BillingKind.CUSTOMER, record(BillingKind.CUSTOMER))
        newer = record(
            BillingKind.CUSTOMER, display_name="Other", updated_at="2026-03-03T00:00:00Z"
        )

        changed = await put(client, billing, BillingKind.CUSTOMER, newer)

        assert changed.json() == {"billing_id": "cus_1001", "status": "updated", "revision": 2}
        found = await get(client, billing, BillingKind.CUSTOMER, "cus_1001")
        assert found["display_name"] == "Other"

    async def test_an_older_word_is_acknowledged_and_not_applied(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await put(client, billing, BillingKind.CUSTOMER, record(BillingKind.CUSTOMER))
        older = record(
            BillingKind.CUSTOMER, display_name="Old", updated_at="2026-03-02T10:29:59+01:00"
        )

        answer = await put(client, billing, BillingKind.CUSTOMER, older)

        assert answer.status_code == 200
        assert answer.json()["status"] == "stale"
        found = await get(client, billing, BillingKind.CUSTOMER, "cus_1001")
        assert found["display_name"] == "Érable & Fils inc."

    async def test_unchanged_content_still_moves_the_time(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await put(client, billing, BillingKind.CUSTOMER, record(BillingKind.CUSTOMER))
        later = record(BillingKind.CUSTOMER, updated_at="2026-03-05T00:00:00Z")
        between = record(BillingKind.CUSTOMER, display_name="x", updated_at="2026-03-04T00:00:00Z")

        first = await put(client, billing, BillingKind.CUSTOMER, later)
        second = await put(client, billing, BillingKind.CUSTOMER, between)

        assert first.json()["status"] == "unchanged"
        assert second.json()["status"] == "stale"

    async def test_metadata_is_no_content(self, client: httpx.AsyncClient, billing: str) -> None:
        await put(client, billing, BillingKind.CUSTOMER, record(BillingKind.CUSTOMER))

        answer = await put(
            client, billing, BillingKind.CUSTOMER, record(BillingKind.CUSTOMER, metadata={"a": 1})
        )

        assert answer.json() == {"billing_id": "cus_1001", "status": "updated", "revision": 1}
        found = await get(client, billing, BillingKind.CUSTOMER, "cus_1001")
        assert found["metadata"] == {"a": 1}

    async def test_the_id_is_that_of_the_address(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        body = record(BillingKind.TAX)
        del body["billing_id"]

        without = await client.put(f"{billing}/taxes/a%2Fb%20c", json=body)
        other = await client.put(f"{billing}/taxes/x", json=record(BillingKind.TAX))

        assert without.json()["billing_id"] == "a/b c"
        assert other.status_code == 422
        assert other.json()["errors"][0]["pointer"] == "/billing_id"


class TestAddingUp:
    async def test_the_difference_is_named(self, client: httpx.AsyncClient, billing: str) -> None:
        for changes, difference, pointer in (
            ({"total": "114.99"}, "0.01", "/total"),
            ({"tax_total": "14.97"}, "-0.01", "/tax_total"),
            ({"tax_total": "0", "total": "100"}, "-14.98", "/tax_total"),
        ):
            answer = await put(
                client, billing, BillingKind.INVOICE, record(BillingKind.INVOICE, **changes)
            )

            problem = answer.json()
            assert answer.status_code == 422
            assert problem["code"] == "does_not_add_up"
            assert problem["difference"] == difference
            assert difference in problem["detail"]
            assert problem["errors"][0]["pointer"] == pointer
        assert (await client.get(f"{billing}/invoices")).json()["data"] == []

    async def test_a_line_of_a_known_tax_charge_is_tax(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        charge = record(BillingKind.CHARGE, billing_id="chg_hst", price_code="HST", kind="tax")
        await put(client, billing, BillingKind.CHARGE, charge)
        lines = [
            {"line_id": "1", "price_code": "PRO", "amount": "100.00"},
            {"line_id": "2", "price_code": "HST", "amount": "13.00"},
        ]

        right = record(BillingKind.INVOICE, lines=lines, tax_total="13.00", total="113.00")
        wrong = record(BillingKind.INVOICE, lines=lines, tax_total="0.00", total="113.00")

        refused = await put(client, billing, BillingKind.INVOICE, wrong)
        taken = await put(client, billing, BillingKind.INVOICE, right)
        assert refused.status_code == 422
        assert taken.status_code == 201

    async def test_an_unknown_charge_may_turn_out_to_be_tax(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        lines = [
            {"line_id": "1", "price_code": "PRO", "amount": "100.00"},
            {"line_id": "2", "price_code": "HST", "amount": "13.00"},
        ]
        body = record(BillingKind.INVOICE, lines=lines, tax_total="13.00", total="113.00")
        impossible = body | {"tax_total": "12.00"}

        assert (await put(client, billing, BillingKind.INVOICE, impossible)).status_code == 422
        assert (await put(client, billing, BillingKind.INVOICE, body)).status_code == 201

    async def test_decimals_are_those_of_the_currency(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        lines = [{"line_id": "1", "price_code": "PRO", "amount": "100.5"}]
        yen = record(BillingKind.INVOICE, currency="JPY", lines=lines, tax_total="0", total="100.5")

        answer = await put(client, billing, BillingKind.INVOICE, yen)

        assert answer.json()["code"] == "too_many_decimals"

    async def test_allocations_stay_within_the_payment(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        parts = [{"invoice": "a", "amount": "100.00"}, {"invoice": "b", "amount": "14.99"}]

        answer = await put(
            client, billing, BillingKind.PAYMENT, record(BillingKind.PAYMENT, allocations=parts)
        )

        assert answer.status_code == 422
        assert "0.01" in answer.json()["detail"]

    async def test_an_invoice_is_allocated_once(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        parts = [{"invoice": "a", "amount": "1.00"}, {"invoice": "a", "amount": "1.00"}]

        answer = await put(
            client,
            billing,
            BillingKind.CREDIT_NOTE,
            record(BillingKind.CREDIT_NOTE, applications=parts),
        )

        assert answer.json()["code"] == "invoice_repeated"

    async def test_a_refund_is_of_one_thing(self, client: httpx.AsyncClient, billing: str) -> None:
        own = {"credit_note": None, "lines": [{"line_id": "1", "amount": "57.48"}]}
        for changes, code in (
            ({"payment": "pay_1"}, "refund_of_what"),
            ({"credit_note": None}, "refund_of_what"),
            ({"tax_total": "1.00"}, "taxes_without_lines"),
            (own | {"currency": None}, "currency_required"),
            (own, "does_not_add_up"),
        ):
            answer = await put(
                client, billing, BillingKind.REFUND, record(BillingKind.REFUND, **changes)
            )

            assert answer.status_code == 422
            assert answer.json()["code"] == code

    async def test_a_refund_with_lines_of_its_own(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        body = record(
            BillingKind.REFUND,
            credit_note=None,
            lines=[{"line_id": "1", "amount": "50.00", "price_code": "PRO"}],
            taxes=[{"price_code": "GST", "rate": "14.98"}],
            tax_total="7.49",
        )

        assert (await put(client, billing, BillingKind.REFUND, body)).status_code == 201


class TestPriceCodes:
    async def test_belong_to_one_charge(self, client: httpx.AsyncClient, billing: str) -> None:
        await put(client, billing, BillingKind.CHARGE, record(BillingKind.CHARGE))

        other = record(BillingKind.CHARGE, billing_id="other")
        lower = record(BillingKind.CHARGE, billing_id="other", price_code="pro-monthly")

        refused = await put(client, billing, BillingKind.CHARGE, other)
        taken = await put(client, billing, BillingKind.CHARGE, lower)
        assert refused.status_code == 409
        assert refused.json()["held_by"] == {"kind": "charge", "billing_id": "chg_pro"}
        assert taken.status_code == 201

    @pytest.mark.parametrize(("kind", "status"), [("tax", 201), ("recurring", 409)])
    async def test_a_tax_shares_its_code_only_with_a_charge_of_kind_tax(
        self, client: httpx.AsyncClient, billing: str, kind: str, status: int
    ) -> None:
        await put(client, billing, BillingKind.TAX, record(BillingKind.TAX))

        charge = record(BillingKind.CHARGE, price_code="GST", kind=kind)

        assert (await put(client, billing, BillingKind.CHARGE, charge)).status_code == status

    async def test_a_renamed_charge_frees_its_code(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await put(client, billing, BillingKind.CHARGE, record(BillingKind.CHARGE))
        await put(client, billing, BillingKind.CHARGE, record(BillingKind.CHARGE, price_code="B"))

        other = record(BillingKind.CHARGE, billing_id="other")

        assert (await put(client, billing, BillingKind.CHARGE, other)).status_code == 201


class TestInput:
    async def test_text_is_kept_verbatim(self, client: httpx.AsyncClient, billing: str) -> None:
        for name in ("O'Neil", "back\\slash", "🍁 é \u200f", "  padded  ", "%_", "x" * 1000):
            body = record(BillingKind.CUSTOMER, display_name=name)

            answer = await put(client, billing, BillingKind.CUSTOMER, body)

            assert answer.status_code < 300
            found = await get(client, billing, BillingKind.CUSTOMER, "cus_1001")
            assert found["display_name"] == name

    async def test_unsound_fields_are_named(self, client: httpx.AsyncClient, billing: str) -> None:
        for changes, pointer in UNSOUND:
            answer = await put(
                client, billing, BillingKind.CUSTOMER, record(BillingKind.CUSTOMER, **changes)
            )

            assert answer.status_code == 422, changes
            assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]

    async def test_metadata_is_flat_and_plain(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        for metadata in ({"a": "\x00"}, {"\x00": "a"}, {"a": 1.5}, {"a": {}}, {"a": 2**60}):
            answer = await put(
                client,
                billing,
                BillingKind.CUSTOMER,
                record(BillingKind.CUSTOMER, metadata=metadata),
            )

            assert answer.status_code == 422, metadata

    async def test_amounts_are_decimals(self, client: httpx.AsyncClient, billing: str) -> None:
        for amount in (
            114.98,
            True,
            "1e2",
            "NaN",
            "Infinity",
            "1,5",
            "",
            " 1",
            "١",
            "9" * 14,
            None,
            10**20,
        ):
            answer = await put(
                client, billing, BillingKind.INVOICE, record(BillingKind.INVOICE, total=amount)
            )

            assert answer.status_code == 422, amount
            assert answer.json()["errors"][0]["pointer"] == "/total"

    async def test_a_binary_fraction_is_refused_with_the_reason(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        answer = await put(
            client, billing, BillingKind.PAYMENT, record(BillingKind.PAYMENT, amount=114.98)
        )

        assert "decimals as strings" in answer.json()["detail"]

    async def test_payments_are_positive(self, client: httpx.AsyncClient, billing: str) -> None:
        for amount in ("0", "-1.00"):
            answer = await put(
                client, billing, BillingKind.PAYMENT, record(BillingKind.PAYMENT, amount=amount)
            )

            assert answer.status_code == 422

    async def test_unsound_ids_in_the_address_are_refused(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        for address in ("/invoices/a%00b", "/invoices/", "/invoices/" + "x" * 300):
            assert (await client.get(billing + address)).status_code == 422


class TestWalls:
    async def test_somebody_elses_integration_is_not_found(
        self,
        anonymous: httpx.AsyncClient,
        client: httpx.AsyncClient,
        billing: str,
        operator_headers: dict[str, str],
    ) -> None:
        await put(client, billing, BillingKind.TAX, record(BillingKind.TAX))
        _, key = await make_tenant(anonymous, operator_headers, "Other")
        headers = {"Authorization": f"Bearer {key}"}
        address = f"{billing}/taxes/tax_gst"

        answers = [
            await anonymous.get(address, headers=headers),
            await anonymous.get(f"{billing}/taxes", headers=headers),
            await anonymous.put(address, json=record(BillingKind.TAX), headers=headers),
            await anonymous.post(f"{billing}/taxes/batch", json=[], headers=headers),
        ]

        assert [answer.status_code for answer in answers] == [404] * 4

    async def test_integrations_of_one_organization_share_nothing(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        await put(client, billing, BillingKind.TAX, record(BillingKind.TAX))
        other = await client.post(
            "/v1/integrations",
            json={
                "name": "b",
                "provider": "quickbooks_online",
                "mode": "summarized_journal_entry",
            },
        )
        address = f"/v1/integrations/{other.json()['id']}/billing"

        assert (await client.get(f"{address}/taxes/tax_gst")).status_code == 404
        same = record(BillingKind.TAX, billing_id="again")
        assert (await put(client, address, BillingKind.TAX, same)).status_code == 201


class TestLists:
    async def fill(self, client: httpx.AsyncClient, billing: str) -> None:
        for number, (day, status, customer) in enumerate(
            [
                ("2026-03-01", "open", "a"),
                ("2026-03-02", "void", "a"),
                ("2026-03-03", "open", "b"),
            ]
        ):
            body = record(
                BillingKind.INVOICE,
                billing_id=f"inv_{number}",
                number=f"N{number}",
                invoice_date=day,
                status=status,
                customer=customer,
                updated_at=f"{day}T12:00:00Z",
            )
            assert (await put(client, billing, BillingKind.INVOICE, body)).status_code == 201

    async def test_are_narrowed(self, client: httpx.AsyncClient, billing: str) -> None:
        await self.fill(client, billing)

        for query, expected in {
            "": ["inv_2", "inv_1", "inv_0"],
            "status=void": ["inv_1"],
            "customer=a": ["inv_1", "inv_0"],
            "number=N2": ["inv_2"],
            "date_from=2026-03-02": ["inv_2", "inv_1"],
            "date_from=2026-03-01&date_to=2026-03-02": ["inv_1", "inv_0"],
            "updated_since=2026-03-02T12:00:00Z": ["inv_2", "inv_1"],
            "updated_since=2026-03-02T12:00:01Z": ["inv_2"],
        }.items():
            listed = await client.get(f"{billing}/invoices?{query}")
            assert [row["billing_id"] for row in listed.json()["data"]] == expected, query

    async def test_unsound_filters_are_refused(
        self, client: httpx.AsyncClient, billing: str
    ) -> None:
        for query in (
            "date_from=yesterday",
            "date_from=2026-03-02&date_to=2026-03-01",
            "number=%00",
            "cursor=x",
            "limit=0",
            "limit=201",
            "updated_since=2026-03-01",
        ):
            assert (await client.get(f"{billing}/invoices?{query}")).status_code == 422, query

    async def test_come_in_pages(self, client: httpx.AsyncClient, billing: str) -> None:
        await self.fill(client, billing)

        one = (await client.get(f"{billing}/invoices?limit=2")).json()
        two = (await client.get(f"{billing}/invoices?limit=2&cursor={one['next_cursor']}")).json()

        assert [row["billing_id"] for row in one["data"] + two["data"]] == [
            "inv_2",
            "inv_1",
            "inv_0",
        ]
        assert two["next_cursor"] is None

    async def test_tell_what_became_of_each(
        self, app: FastAPI, client: httpx.AsyncClient, billing: str
    ) -> None:
        await self.fill(client, billing)

        async def posting_status(
            _: AsyncSession, __: Integration, kind: str, ids: list[str]
        ) -> dict[str, dict[str, Any]]:
            assert kind == "invoice"
            return {
                "inv_1": {
                    "quickbooks": {"state": "rejected", "id": None, "number": None},
                    "link": {"state": "absent", "kind": "invoice"},
                    "postings": [{"id": "p", "operation": "create", "state": "rejected"}],
                }
            }

        app.state.posting_status = posting_status
        listed = (await client.get(f"{billing}/invoices")).json()["data"]
        found = await get(client, billing, BillingKind.INVOICE, "inv_1")

        assert [row["quickbooks"] for row in listed] == [
            None,
            {"state": "rejected", "id": None, "number": None},
            None,
        ]
        assert found["link"]["state"] == "absent"
        assert found["postings"][0]["state"] == "rejected"


class TestRepository:
    async def test_walks_a_range_in_order(
        self, client: httpx.AsyncClient, billing: str, db: Database, tenant: tuple[UUID, str]
    ) -> None:
        await TestLists().fill(client, billing)
        integration_id = UUID(billing.split("/")[3])

        async with db.transaction(tenant[0]) as session:
            pages = [
                [row.billing_id for row in page]
                async for page in repository.in_range(
                    session, integration_id, "invoice", None, None, size=2
                )
            ]

        assert pages == [["inv_0", "inv_1"], ["inv_2"]]

    async def test_gives_frozen_records_back(
        self, client: httpx.AsyncClient, billing: str, db: Database, tenant: tuple[UUID, str]
    ) -> None:
        await put(client, billing, BillingKind.INVOICE, record(BillingKind.INVOICE))
        integration_id = UUID(billing.split("/")[3])

        async with db.transaction(tenant[0]) as session:
            rows = await repository.load(session, integration_id, "invoice", ["inv_5001", "x"])
        parsed = repository.parse(rows["inv_5001"])

        assert isinstance(parsed, Invoice)
        assert str(parsed.lines[0].amount) == "100.00"
        assert repository.prepare(parsed).content_hash == rows["inv_5001"].content_hash

    async def test_knows_charges_and_taxes_by_price_code(
        self, client: httpx.AsyncClient, billing: str, db: Database, tenant: tuple[UUID, str]
    ) -> None:
        await put(client, billing, BillingKind.TAX, record(BillingKind.TAX))
        await put(client, billing, BillingKind.CHARGE, record(BillingKind.CHARGE))
        charge = record(BillingKind.CHARGE, billing_id="t", price_code="HST", kind="tax")
        await put(client, billing, BillingKind.CHARGE, charge)
        integration_id = UUID(billing.split("/")[3])

        async with db.transaction(tenant[0]) as session:
            codes = await repository.price_codes(session, integration_id)

        assert set(codes.charges) == {"PRO-MONTHLY", "HST"}
        assert codes.tax_codes == {"GST", "HST"}
