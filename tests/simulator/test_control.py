"""The control plane: ground truth, people's edits, switches, time, tokens."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.app import create_app
from simulator.clock import Clock
from simulator.switches import Switches
from tests.simulator.harness import (
    BASE_URL,
    CLIENT,
    OTHER_REALM,
    REALM,
    REDIRECT_URI,
    Harness,
    authorize_query,
    build_world,
    exact,
)

README = Path(__file__).resolve().parent.parent.parent / "simulator" / "README.md"


async def control(harness: Harness, method: str, path: str, body: Any = None) -> httpx.Response:
    return await harness.client.request(
        method, f"/_control{path}", json={} if body is None and method != "GET" else body
    )


async def truth(harness: Harness, what: str, realm: str = REALM) -> Any:
    answer = await control(harness, "GET", f"/companies/{realm}/{what}")
    assert answer.status_code == 200, answer.text
    return exact(answer)


class TestDoor:
    @pytest.mark.parametrize(
        ("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.9", 403), ("x", 403)]
    )
    async def test_only_loopback_clients_are_let_in(self, host: str, status: int) -> None:
        app = create_app(build_world(), BASE_URL)
        transport = httpx.ASGITransport(app=app, client=(host, 1234))

        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            answer = await client.get("/_control/info")

        assert answer.status_code == status

    async def test_info_says_how_to_use_it(self, harness: Harness) -> None:
        answer = await control(harness, "GET", "/info")

        found = answer.json()
        assert found["realm_id"] == REALM
        assert (found["client_id"], found["client_secret"]) == CLIENT
        assert found["discovery_url"].startswith(BASE_URL)
        assert [company["realm_id"] for company in found["companies"]] == [REALM, OTHER_REALM]


class TestTruth:
    async def test_documents_counts_and_a_single_one(self, harness: Harness) -> None:
        made = await harness.create("Customer", {"DisplayName": "Acme"})

        documents = await truth(harness, "documents/Customer")
        one = await truth(harness, f"documents/Customer/{made['Id']}")
        counts = await truth(harness, "counts")

        assert documents == [made]
        assert one == made
        assert counts["Customer"] == 1

    async def test_duplicates_by_marker_and_by_number(self, harness: Harness) -> None:
        for name, note in (("A", "x [lw:abc]"), ("B", "[lw:abc] y"), ("C", "[lw:other]")):
            await harness.create("Customer", {"DisplayName": name, "Notes": note})

        found = await truth(harness, "duplicates")
        marked = await truth(harness, "marked")

        assert list(found["by_marker"]) == ["[lw:abc]"]
        assert [row["DisplayName"] for row in found["by_marker"]["[lw:abc]"]] == ["A", "B"]
        assert found["by_number"] == []
        assert set(marked) == {"[lw:abc]", "[lw:other]"}

    async def test_trial_balance_and_ledger(self, harness: Harness) -> None:
        made = await harness.create("Customer", {"DisplayName": "Acme"})
        await harness.create("Payment", {"CustomerRef": {"value": made["Id"]}, "TotalAmt": 12.5})

        balance = await truth(harness, "trial-balance")
        entries = await truth(harness, "ledger-entries")

        assert balance["sum"] == 0
        assert Decimal("12.50") in balance["accounts"].values()
        assert entries

    async def test_deleted_documents(self, harness: Harness) -> None:
        made = await harness.create("Customer", {"DisplayName": "Acme"})
        paid = await harness.create(
            "Payment", {"CustomerRef": {"value": made["Id"]}, "TotalAmt": 12.5}
        )
        await harness.post("payment", {"Id": paid["Id"], "SyncToken": "0"}, operation="delete")

        found = await truth(harness, "deleted")

        assert [(stub["entity"], stub["Id"]) for stub in found] == [("Payment", paid["Id"])]

    async def test_usage(self, harness: Harness) -> None:
        await harness.create("Customer", {"DisplayName": "Acme"}, requestid="a")
        await harness.query("select * from Customer")
        await harness.get("customer/99")

        usage = await truth(harness, "usage")

        assert usage["metering"] == {"reads": 1, "writes": 1, "refused": 1, "throttled": 0}
        assert usage["peaks"]["per_second"] == 3
        assert usage["request_ids"] == 1

    async def test_what_is_not_there(self, harness: Harness) -> None:
        nobody = await control(harness, "GET", "/companies/1/counts")
        nothing = await control(harness, "GET", f"/companies/{REALM}/documents/Custmoer")

        assert (nobody.status_code, nothing.status_code) == (404, 404)


class TestRequestLog:
    async def test_every_call_is_written_down(self, harness: Harness) -> None:
        body = {"DisplayName": "Acme"}
        answer = await harness.post("customer", body, requestid="a")
        await harness.get("query", query="select * from Custmoer")

        found = (await control(harness, "GET", "/requests")).json()["requests"]

        first, second = found
        assert first["method"] == "POST"
        assert (first["operation"], first["entity"]) == ("create", "Customer")
        assert (first["requestid"], first["status"]) == ("a", 200)
        assert first["intuit_tid"] == answer.headers["intuit_tid"]
        assert json.loads(first["body"]) == body
        assert len(first["body_sha256"]) == 64
        assert (second["status"], second["code"]) == (400, "4001")

    async def test_it_holds_no_token(self, harness: Harness) -> None:
        harness.world.grants.expire_access(harness.world.grants.grants[0])
        await harness.get("customer/1")
        await harness.token_call(grant_type="refresh_token", refresh_token="RT1-secret")

        text = (await control(harness, "GET", "/requests")).text

        assert harness.token not in text
        assert "RT1-secret" not in text

    async def test_narrowed_and_cleared(self, harness: Harness) -> None:
        for number in range(3):
            await harness.create("Customer", {"DisplayName": f"C{number}"})
        await harness.query("select * from Customer")

        created = await control(harness, "GET", "/requests?operation=create&after=1&limit=1")
        await control(harness, "DELETE", "/requests")
        left = await control(harness, "GET", "/requests")

        assert [entry["number"] for entry in created.json()["requests"]] == [2]
        assert left.json()["requests"] == []


class TestPeople:
    async def test_an_edit_behind_the_apps_back(self, harness: Harness) -> None:
        made = await harness.create("Customer", {"DisplayName": "Acme"})
        await harness.query("select * from Customer")
        body = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "DisplayName": "Renamed"}

        edited = await control(
            harness,
            "POST",
            f"/companies/{REALM}/edit",
            {"operation": "update", "entity": "Customer", "body": body},
        )

        assert edited.status_code == 200
        found = await harness.query("select * from Customer")
        assert found["Customer"][0]["DisplayName"] == "Renamed"

    async def test_money_of_an_edit_is_exact(self, harness: Harness) -> None:
        made = await harness.create("Customer", {"DisplayName": "Acme"})
        body = {"CustomerRef": {"value": made["Id"]}, "TotalAmt": 0.1}

        answer = await control(
            harness,
            "POST",
            f"/companies/{REALM}/edit",
            {"operation": "create", "entity": "Payment", "body": body},
        )

        assert exact(answer)["TotalAmt"] == Decimal("0.10")

    async def test_what_the_books_refuse(self, harness: Harness) -> None:
        answer = await control(
            harness,
            "POST",
            f"/companies/{REALM}/edit",
            {"operation": "void", "entity": "Invoice", "body": {"Id": "9", "SyncToken": "0"}},
        )

        assert answer.status_code == 409
        assert answer.json()["Fault"]["Error"][0]["code"] == "610"

    async def test_preferences_closed_books_and_rules(self, harness: Harness) -> None:
        path = f"/companies/{REALM}"
        await control(
            harness, "PATCH", f"{path}/preferences", {"SalesFormsPrefs.CustomTxnNumbers": True}
        )
        await control(harness, "PUT", f"{path}/closed-until", {"date": "2026-01-31"})
        rules = await control(harness, "PATCH", f"{path}/rules", {"inactive_blocks_name": False})

        found = (await harness.get("preferences")).json()["Preferences"]
        assert found["SalesFormsPrefs"]["CustomTxnNumbers"] is True
        assert found["AccountingInfoPrefs"]["BookCloseDate"] == "2026-01-31"
        assert rules.json()["inactive_blocks_name"] is False


class TestSwitchesAndTime:
    async def test_switches(self, harness: Harness) -> None:
        answer = await control(harness, "PATCH", "/switches", {"requestid": "ignored"})

        assert answer.json()["requestid"] == "ignored"
        assert harness.world.switches.requestid == "ignored"

    @pytest.mark.parametrize("values", [{"nothing": 1}, {"requestid": "perhaps"}])
    async def test_bad_switches_change_nothing(
        self, harness: Harness, values: dict[str, Any]
    ) -> None:
        before = harness.world.switches.to_json()

        answer = await control(harness, "PATCH", "/switches", {"batch_void": True, **values})

        assert answer.status_code == 422
        assert harness.world.switches.to_json() == before

    async def test_the_clock(self, harness: Harness) -> None:
        await control(harness, "POST", "/clock", {"now": "2026-05-01T00:00:00Z", "advance": 60})

        answer = await harness.get("preferences")

        assert answer.status_code == 401
        assert harness.world.clock.now().isoformat() == "2026-05-01T00:01:00+00:00"

    def test_a_scaled_clock(self) -> None:
        real = [0.0]
        clock = Clock(monotonic=lambda: real[0])
        start = clock.seconds()
        clock.set_scale(60)

        real[0] = 2.0

        assert clock.seconds() - start == pytest.approx(120)

    async def test_reset(self, harness: Harness) -> None:
        await harness.create("Customer", {"DisplayName": "Acme"})
        harness.world.switches.batch_void = True
        harness.fault(operation="create", action={"status": 500})

        await control(harness, "POST", "/reset")

        assert (await truth(harness, "counts"))["Customer"] == 0
        assert harness.world.switches.batch_void is False
        assert harness.world.plan.to_json() == []
        assert (await harness.get("preferences")).status_code == 401


class TestCompanies:
    async def test_one_more_at_run_time(self, harness: Harness) -> None:
        answer = await control(
            harness,
            "POST",
            "/companies",
            {"realm_id": "77", "profile": "ca", "customers": 20, "items": 5},
        )

        assert answer.status_code == 201, answer.text
        counts = await truth(harness, "counts", "77")
        assert counts["Customer"] >= 20
        assert counts["Item"] >= 5

    @pytest.mark.parametrize("body", [{"realm_id": REALM}, {"realm_id": "9", "profile": "mars"}])
    async def test_what_cannot_be_founded(self, harness: Harness, body: dict[str, str]) -> None:
        answer = await control(harness, "POST", "/companies", body)

        assert answer.status_code == 422

    async def test_the_same_seed_gives_the_same_company(self, harness: Harness) -> None:
        for realm in ("1", "2"):
            await control(
                harness, "POST", "/companies", {"realm_id": realm, "customers": 30, "seed": 5}
            )

        first = await truth(harness, "documents/Customer", "1")
        second = await truth(harness, "documents/Customer", "2")

        assert first == second


class TestTokens:
    async def test_issue_list_expire_revoke(self, harness: Harness) -> None:
        issued = (await control(harness, "POST", "/tokens", {"realm_id": REALM})).json()
        harness.token = issued["access_token"]
        fresh = (await harness.get("preferences")).status_code

        await control(harness, "POST", "/tokens/expire", {"realm_id": REALM})
        expired = (await harness.get("preferences")).status_code
        refreshed = await harness.token_call(
            grant_type="refresh_token", refresh_token=issued["refresh_token"]
        )
        await control(harness, "POST", "/tokens/revoke", {"token": issued["refresh_token"]})
        revoked = await harness.token_call(
            grant_type="refresh_token", refresh_token=issued["refresh_token"]
        )

        assert (fresh, expired) == (200, 401)
        assert (refreshed.status_code, revoked.status_code) == (200, 400)
        grants = (await control(harness, "GET", "/tokens")).json()["grants"]
        assert grants[-1]["revoked"] is True

    async def test_consent_without_a_browser(self, harness: Harness) -> None:
        url = str(httpx.URL(f"{BASE_URL}/connect/oauth2", params=authorize_query()))

        yes = await control(harness, "POST", "/authorize", {"url": url, "realm_id": OTHER_REALM})
        no = await control(harness, "POST", "/authorize", {"url": url, "decision": "cancel"})

        assert httpx.URL(yes.json()["location"]).params["realmId"] == OTHER_REALM
        assert "error=access_denied" in no.json()["location"]

    async def test_apps_and_redirect_uris(self, harness: Harness) -> None:
        await control(harness, "POST", "/apps", {"client_id": "ABnew", "client_secret": "x"})
        await control(harness, "PUT", "/redirect-uris", {"redirect_uris": [REDIRECT_URI]})

        new = await harness.client.get("/connect/oauth2", params=authorize_query(client_id="ABnew"))
        old = await harness.client.get(
            "/connect/oauth2", params=authorize_query(redirect_uri="http://localhost/other")
        )

        assert (new.status_code, old.status_code) == (200, 400)


class TestFaultRules:
    async def test_add_list_remove(self, harness: Harness) -> None:
        rule = {"match": {"operation": "create"}, "action": {"status": 503}}
        added = await control(harness, "POST", "/faults", {"rules": [rule, {**rule, "id": "b"}]})
        await harness.post("customer", {"DisplayName": "A"})

        listed = (await control(harness, "GET", "/faults")).json()["rules"]
        removed = await control(harness, "DELETE", "/faults/b")
        again = await control(harness, "DELETE", "/faults/b")

        assert added.json()["ids"] == ["rule-1", "b"]
        assert [(item["id"], item["fired"]) for item in listed] == [("rule-1", 1), ("b", 0)]
        assert (removed.status_code, again.status_code) == (204, 404)

    async def test_a_misspelt_rule_is_refused(self, harness: Harness) -> None:
        rule = {"match": {"operaton": "create"}, "action": {"status": 503}}

        answer = await control(harness, "POST", "/faults", {"rules": [rule]})

        assert answer.status_code == 422


class TestReadme:
    def test_every_control_route_is_described(self) -> None:
        from fastapi import APIRouter

        from simulator.control import companies, oauth, world_routes

        world = build_world()
        routers: list[APIRouter] = [
            world_routes.router(world, BASE_URL),
            companies.router(world),
            oauth.router(world, BASE_URL),
        ]
        described = README.read_text()

        missing = [
            f"{method} {route.path}"
            for router in routers
            for route in router.routes
            for method in route.methods
            if f"`{method} {route.path}`" not in described
        ]

        assert missing == []

    def test_every_switch_is_described(self) -> None:
        described = README.read_text()

        missing = [name for name in Switches().to_json() if f"`{name}`" not in described]

        assert missing == []
