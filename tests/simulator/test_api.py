"""The accounting API: paths, verbs, envelopes, faults."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from simulator.world import Seeding
from tests.simulator.harness import REALM, Harness, code_of, exact

INCOME_ACCOUNT = "select * from Account where AccountType = 'Income' maxresults 1"
EXPENSE_ACCOUNT = "select * from Account where AccountType = 'Cost of Goods Sold' maxresults 1"


async def build_customer(harness: Harness, name: str = "Acme Rockets") -> dict[str, object]:
    return dict(await harness.create("Customer", {"DisplayName": name}))


class TestWrites:
    async def test_create_gives_the_stored_object_in_its_envelope(self, harness: Harness) -> None:
        answer = await harness.post("customer", {"DisplayName": "Acme Rockets"})

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json;charset=utf-8"
        assert answer.headers["qbo-version"]
        assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", answer.headers["intuit_tid"])
        body = answer.json()
        assert set(body) == {"Customer", "time"}
        assert body["time"] == "2026-03-02T12:00:00.000-08:00"
        assert body["Customer"]["SyncToken"] == "0"

    async def test_numbers_are_exact_decimals(self, harness: Harness) -> None:
        answer = await harness.post("customer", {"DisplayName": "Acme"})

        assert '"Balance":0.00' in answer.text
        assert exact(answer)["Customer"]["Balance"] == Decimal("0.00")

    async def test_an_id_makes_it_an_update(self, harness: Harness) -> None:
        made = await build_customer(harness)

        changed = await harness.create(
            "Customer",
            {"Id": made["Id"], "SyncToken": "0", "sparse": True, "CompanyName": "Acme Inc"},
        )

        assert (changed["SyncToken"], changed["CompanyName"]) == ("1", "Acme Inc")
        assert changed["DisplayName"] == "Acme Rockets"

    async def test_a_stale_token_gets_5010(self, harness: Harness) -> None:
        made = await build_customer(harness)
        body = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "CompanyName": "A"}
        await harness.post("customer", body)

        answer = await harness.post("customer", body)

        assert (answer.status_code, code_of(answer)) == (400, "5010")
        assert "qbo-version" not in answer.headers

    async def test_payment_void_and_delete(self, harness: Harness) -> None:
        made = await build_customer(harness)
        payment = {"CustomerRef": {"value": made["Id"]}, "TotalAmt": 50}
        first = await harness.create("Payment", payment)
        second = await harness.create("Payment", payment)

        voided = await harness.post(
            "payment",
            {"Id": first["Id"], "SyncToken": "0", "sparse": True},
            operation="update",
            include="void",
        )
        deleted = await harness.post(
            "payment", {"Id": second["Id"], "SyncToken": "0"}, operation="delete"
        )

        assert exact(voided)["Payment"]["TotalAmt"] == 0
        assert deleted.json()["Payment"] == {
            "status": "Deleted",
            "domain": "QBO",
            "Id": second["Id"],
        }

    async def test_operation_void_is_for_invoices_only(self, harness: Harness) -> None:
        body = {"Id": "1", "SyncToken": "0"}

        by_default = await harness.post("payment", body, operation="void")
        harness.world.switches.operation_void_for_payment = True
        by_switch = await harness.post("payment", body, operation="void")

        assert code_of(by_default) == "500"
        assert code_of(by_switch) == "610"

    @pytest.mark.parametrize("operation", ["merge", "revert", "everything"])
    async def test_unknown_operations(self, harness: Harness, operation: str) -> None:
        answer = await harness.post("customer", {"Id": "1"}, operation=operation)

        assert (answer.status_code, code_of(answer)) == (400, "500")

    async def test_lists_cannot_be_deleted(self, harness: Harness) -> None:
        made = await build_customer(harness)
        body = {"Id": made["Id"], "SyncToken": "0"}

        answer = await harness.post("customer", body, operation="delete")

        assert code_of(answer) == "500"

    async def test_any_minorversion_is_accepted(self, harness: Harness) -> None:
        answer = await harness.post("customer", {"DisplayName": "A"}, minorversion="4")

        assert answer.status_code == 200

    async def test_duplicate_numbers_by_include(self, harness: Harness) -> None:
        harness.world.realms[REALM].company.set_preference("SalesFormsPrefs.CustomTxnNumbers", True)
        account = (await harness.query(INCOME_ACCOUNT))["Account"][0]["Id"]
        expense = (await harness.query(EXPENSE_ACCOUNT))["Account"][0]["Id"]
        made = await build_customer(harness)
        item = await harness.create(
            "Item",
            {
                "Name": "Plan",
                "Type": "Service",
                "IncomeAccountRef": {"value": account},
                "ExpenseAccountRef": {"value": expense},
            },
        )
        code = (await harness.query("select * from TaxCode where Name = 'Exempt'"))["TaxCode"][0]
        invoice = {
            "DocNumber": "INV-1",
            "CustomerRef": {"value": made["Id"]},
            "Line": [
                {
                    "Amount": 10,
                    "DetailType": "SalesItemLineDetail",
                    "SalesItemLineDetail": {
                        "ItemRef": {"value": item["Id"]},
                        "TaxCodeRef": {"value": code["Id"]},
                    },
                }
            ],
        }
        first = await harness.post("invoice", invoice)
        assert first.status_code == 200, first.text

        refused = await harness.post("invoice", invoice)
        allowed = await harness.post("invoice", invoice, include="allowduplicatedocnum")

        assert code_of(refused) == "6140"
        assert allowed.status_code == 200
        found = await harness.query("select * from Invoice where DocNumber = 'inv-1'")
        assert (found["maxResults"], found["totalCount"]) == (2, 2)


class TestBadBodies:
    @pytest.mark.parametrize(
        "body", [b"{bad", b"", b"[]", b'"text"', b'{"a":1}trailing', b"[" * 100_000]
    )
    async def test_no_json_object(self, harness: Harness, body: bytes) -> None:
        answer = await harness.post("customer", body)

        assert (answer.status_code, code_of(answer)) == (400, "2010")

    @pytest.mark.parametrize(
        "body",
        [
            b'{"DisplayName": "\xff"}',
            '{"DisplayName": "\U0001f600"}'.encode(),
            b'{"DisplayName": "\\ud83d"}',
        ],
    )
    async def test_no_utf8_and_no_emoji(self, harness: Harness, body: bytes) -> None:
        answer = await harness.post("customer", body)

        assert (answer.status_code, code_of(answer)) == (400, "500")

    async def test_an_unknown_property(self, harness: Harness) -> None:
        answer = await harness.post("invoice", {"BadJson": True})

        assert code_of(answer) == "2010"
        assert "BadJson" in answer.json()["Fault"]["Error"][0]["Detail"]

    async def test_a_wrong_content_type(self, harness: Harness) -> None:
        answer = await harness.client.post(
            harness.path("customer"),
            content=b"DisplayName=A",
            headers={**harness.bearer(), "Content-Type": "application/x-www-form-urlencoded"},
        )

        assert code_of(answer) == "1050"


class TestReads:
    async def test_an_object(self, harness: Harness) -> None:
        made = await build_customer(harness)

        answer = await harness.get(f"customer/{made['Id']}")

        assert exact(answer)["Customer"] == made

    async def test_what_is_not_there(self, harness: Harness) -> None:
        answer = await harness.get("customer/99999")

        assert (answer.status_code, code_of(answer)) == (400, "610")

    async def test_a_bad_id(self, harness: Harness) -> None:
        answer = await harness.get("customer/1.5")

        error = answer.json()["Fault"]["Error"][0]
        assert (error["code"], error["element"]) == ("2030", "Id")

    async def test_company_info_and_preferences(self, harness: Harness) -> None:
        info = await harness.get(f"companyinfo/{REALM}")
        preferences = await harness.get("preferences")

        assert info.json()["CompanyInfo"]["Country"] == "CA"
        assert info.json()["CompanyInfo"]["Id"] == "1"
        assert "SalesFormsPrefs" in preferences.json()["Preferences"]

    @pytest.mark.parametrize(
        "resource", ["customer/1/5", "foo", "Customer/1", "customer", "batch", "invoice/1/pdf"]
    )
    async def test_a_wrong_path(self, harness: Harness, resource: str) -> None:
        answer = await harness.get(resource)

        error = answer.json()["Fault"]["Error"][0]
        assert (answer.status_code, error["code"]) == (400, "500")
        assert error["Detail"].startswith(
            f"Operation Could not find resource for relative : /v3/company/{REALM}/{resource}"
        )

    async def test_outside_the_api_there_is_html(self, harness: Harness) -> None:
        answer = await harness.client.get("/nothing")

        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")

    async def test_no_exchange_rates_without_multicurrency(self, harness: Harness) -> None:
        answer = await harness.get("exchangerate", sourcecurrencycode="EUR")

        assert answer.status_code == 400


class TestQueries:
    async def test_get_and_every_form_of_post(self, harness: Harness) -> None:
        await build_customer(harness)
        statement = "select * from Customer where DisplayName = 'Acme Rockets'"
        path, headers = harness.path("query"), harness.bearer()

        answers = [
            await harness.client.get(path, params={"query": statement}, headers=headers),
            await harness.client.post(
                path, content=statement, headers={**headers, "Content-Type": "application/text"}
            ),
            await harness.client.post(
                path, content=statement, headers={**headers, "Content-Type": "text/plain"}
            ),
            await harness.client.post(path, params={"query": statement}, headers=headers),
        ]

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1

    async def test_a_page(self, harness: Harness) -> None:
        for number in range(3):
            await build_customer(harness, f"Customer {number}")

        found = await harness.query("select * from Customer STARTPOSITION 2 MAXRESULTS 1")

        assert list(found) == ["Customer", "startPosition", "maxResults"]
        assert (found["startPosition"], found["maxResults"]) == (2, 1)

    async def test_nothing_found(self, harness: Harness) -> None:
        answer = await harness.get("query", query="select * from Customer where Id = '5'")

        assert answer.json() == {"QueryResponse": {}, "time": "2026-03-02T12:00:00.000-08:00"}

    async def test_a_count(self, harness: Harness) -> None:
        await build_customer(harness)

        found = await harness.query("select count(*) from Customer")

        assert found == {"totalCount": 1}

    async def test_a_write_is_seen_at_once(self, harness: Harness) -> None:
        made = await build_customer(harness)
        await harness.query("select * from Customer")
        await harness.create(
            "Customer", {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Active": False}
        )

        active = await harness.query("select * from Customer")
        every = await harness.query("select * from Customer where Active in (true, false)")

        assert active == {}
        assert every["Customer"][0]["DisplayName"] == "Acme Rockets (deleted)"

    async def test_lagging_queries_see_former_states(self, harness: Harness) -> None:
        first = await build_customer(harness, "Early")
        harness.world.clock.advance(100)
        harness.world.switches.query_lag_seconds = 60
        await build_customer(harness, "Late")
        await harness.create(
            "Customer",
            {"Id": first["Id"], "SyncToken": "0", "sparse": True, "DisplayName": "Renamed"},
        )

        before = await harness.query("select * from Customer orderby Id")
        harness.world.clock.advance(61)
        after = await harness.query("select * from Customer orderby Id")

        assert [row["DisplayName"] for row in before["Customer"]] == ["Early"]
        assert [row["DisplayName"] for row in after["Customer"]] == ["Renamed", "Late"]

    @pytest.mark.parametrize(
        ("statement", "code"),
        [
            ("", "4000"),
            ("select * from Customer where DisplayName = 'Adam's'", "4000"),
            ("select * from Custmoer", "4001"),
            ("select * from Estimate", "4001"),
            ("select * from Customer startposition 0", "4001"),
            ("select * from Customer where Id = 'x'", "2030"),
        ],
    )
    async def test_refusals(self, harness: Harness, statement: str, code: str) -> None:
        answer = await harness.get("query", query=statement)

        assert (answer.status_code, code_of(answer)) == (400, code)
        assert "element" not in answer.json()["Fault"]["Error"][0] or code == "2030"

    async def test_awkward_names_are_found_by_their_escaped_form(self, harness: Harness) -> None:
        harness.world.fill(harness.world.realms[REALM], Seeding(customers=40))
        rows = harness.world.realms[REALM].company.rows("Customer")

        for row in rows:
            name = row["DisplayName"].replace("\\", "\\\\").replace("'", "\\'")
            found = await harness.query(
                f"select * from Customer where DisplayName = '{name}' "  # noqa: S608
                "and Active in (true, false)"
            )
            assert row["Id"] in [match["Id"] for match in found["Customer"]]

    async def test_company_info_can_be_queried(self, harness: Harness) -> None:
        found = await harness.query("select * from CompanyInfo")

        assert found["CompanyInfo"][0]["Country"] == "CA"


class TestTaxService:
    async def test_a_code_has_no_wrapper(self, harness: Harness) -> None:
        agency = (await harness.query("select * from TaxAgency"))["TaxAgency"][0]

        answer = await harness.post(
            "taxservice/taxcode",
            {
                "TaxCode": "Mapped",
                "TaxRateDetails": [
                    {
                        "TaxRateName": "mapped-5",
                        "RateValue": "5",
                        "TaxAgencyId": agency["Id"],
                        "TaxApplicableOn": "Sales",
                    }
                ],
            },
        )

        assert answer.status_code == 200, answer.text
        assert "TaxCodeId" in answer.json()
        found = await harness.query("select * from TaxCode where Name = 'Mapped'")
        assert found["TaxCode"][0]["Id"] == answer.json()["TaxCodeId"]
