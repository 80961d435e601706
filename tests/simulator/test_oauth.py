"""OAuth as the reference describes it, on a clock that does not wait."""

from __future__ import annotations

import httpx
import pytest

from simulator.oauth.grants import App
from tests.simulator.harness import (
    BASE_URL,
    CLIENT,
    OTHER_REALM,
    REALM,
    REDIRECT_URI,
    Harness,
    authorize_query,
    code_of,
)

DAY = 86_400


async def exchange(harness: Harness, code: str, uri: str = REDIRECT_URI) -> httpx.Response:
    return await harness.token_call(grant_type="authorization_code", code=code, redirect_uri=uri)


async def refresh(harness: Harness, token: str) -> httpx.Response:
    return await harness.token_call(grant_type="refresh_token", refresh_token=token)


async def connected(harness: Harness) -> dict[str, str]:
    found = await harness.connect()
    answer = await exchange(harness, found["code"])
    assert answer.status_code == 200
    tokens = answer.json()
    harness.token = tokens["access_token"]
    return dict(tokens)


async def opens(harness: Harness, token: str) -> int:
    answer = await harness.client.get(
        harness.path(f"companyinfo/{REALM}"), headers={"Authorization": f"Bearer {token}"}
    )
    return answer.status_code


class TestDiscovery:
    @pytest.mark.parametrize("name", ["openid_configuration", "openid_sandbox_configuration"])
    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_endpoints_are_on_the_simulator(
        self, harness: Harness, name: str, slash: str
    ) -> None:
        answer = await harness.client.get(f"/.well-known/{name}{slash}")

        found = answer.json()
        assert found["authorization_endpoint"] == f"{BASE_URL}/connect/oauth2"
        assert found["token_endpoint"] == f"{BASE_URL}/oauth2/v1/tokens/bearer"
        assert found["revocation_endpoint"] == f"{BASE_URL}/v2/oauth2/tokens/revoke"


class TestConsent:
    async def test_the_page_offers_every_company(self, harness: Harness) -> None:
        answer = await harness.client.get("/connect/oauth2", params=authorize_query())

        assert answer.status_code == 200
        assert REALM in answer.text
        assert OTHER_REALM in answer.text

    async def test_connect_sends_code_state_and_realm(self, harness: Harness) -> None:
        form = authorize_query(decision="connect", realm_id=OTHER_REALM, state="a&b=c")

        answer = await harness.client.post("/connect/oauth2", data=form)

        location = httpx.URL(answer.headers["location"])
        assert answer.status_code == 302
        assert str(location).startswith(REDIRECT_URI + "?")
        assert dict(location.params) == {
            "code": location.params["code"],
            "state": "a&b=c",
            "realmId": OTHER_REALM,
        }

    async def test_cancel_sends_access_denied(self, harness: Harness) -> None:
        form = authorize_query(decision="cancel")

        answer = await harness.client.post("/connect/oauth2", data=form)

        assert dict(httpx.URL(answer.headers["location"]).params) == {
            "error": "access_denied",
            "state": "state-1",
        }

    async def test_deny_by_switch(self, harness: Harness) -> None:
        harness.world.switches.authorize = "deny"

        answer = await harness.client.get("/connect/oauth2", params=authorize_query())

        assert "error=access_denied" in answer.headers["location"]

    async def test_an_unknown_scope_goes_back_as_an_error(self, harness: Harness) -> None:
        query = authorize_query(scope="com.intuit.quickbooks.everything")

        answer = await harness.client.get("/connect/oauth2", params=query)

        assert "error=invalid_scope" in answer.headers["location"]

    @pytest.mark.parametrize(
        "query",
        [
            {"client_id": "somebody"},
            {"redirect_uri": "https://evil.example/callback"},
            {"response_type": "token"},
            {"state": ""},
        ],
    )
    async def test_a_request_that_must_not_be_redirected(
        self, harness: Harness, query: dict[str, str]
    ) -> None:
        answer = await harness.client.get("/connect/oauth2", params=authorize_query(**query))

        assert answer.status_code == 400
        assert "location" not in answer.headers

    @pytest.mark.parametrize("uri", [REDIRECT_URI + "/", REDIRECT_URI + "?a=1", "http://localhost"])
    async def test_a_registered_uri_matches_to_the_letter(self, harness: Harness, uri: str) -> None:
        harness.world.grants.apps[CLIENT[0]] = App(*CLIENT, [REDIRECT_URI])

        query = authorize_query(redirect_uri=uri)
        answer = await harness.client.get("/connect/oauth2", params=query)

        assert answer.status_code == 400


class TestExchange:
    async def test_the_answer_has_the_recorded_members(self, harness: Harness) -> None:
        found = await harness.connect()

        answer = await exchange(harness, found["code"])

        tokens = answer.json()
        assert set(tokens) == {
            "access_token",
            "refresh_token",
            "token_type",
            "expires_in",
            "x_refresh_token_expires_in",
        }
        assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 3600)
        assert tokens["x_refresh_token_expires_in"] == 8_726_400
        assert len(tokens["access_token"]) > 800
        assert 45 <= len(tokens["refresh_token"]) <= 55
        assert await opens(harness, tokens["access_token"]) == 200

    async def test_the_secret_may_stand_in_the_form(self, harness: Harness) -> None:
        found = await harness.connect()

        answer = await harness.client.post(
            "/oauth2/v1/tokens/bearer",
            data={
                "grant_type": "authorization_code",
                "code": found["code"],
                "redirect_uri": REDIRECT_URI,
                "client_id": CLIENT[0],
                "client_secret": CLIENT[1],
            },
        )

        assert answer.status_code == 200

    async def test_the_hard_limit_comes_on_request(self, harness: Harness) -> None:
        found = await harness.connect()

        answer = await harness.client.post(
            "/oauth2/v1/tokens/bearer",
            data={
                "grant_type": "authorization_code",
                "code": found["code"],
                "redirect_uri": REDIRECT_URI,
            },
            headers={"x-include-refresh-token-hard-expires-in": "true"},
            auth=CLIENT,
        )

        assert answer.json()["x_refresh_token_hard_expires_in"] == 5 * 365 * DAY

    async def test_the_second_exchange_ends_the_tokens_of_the_first(self, harness: Harness) -> None:
        found = await harness.connect()
        tokens = (await exchange(harness, found["code"])).json()

        again = await exchange(harness, found["code"])

        assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
        assert await opens(harness, tokens["access_token"]) == 401
        assert (await refresh(harness, tokens["refresh_token"])).status_code == 400

    async def test_a_code_lives_five_minutes(self, harness: Harness) -> None:
        found = await harness.connect()
        harness.world.clock.advance(301)

        answer = await exchange(harness, found["code"])

        assert answer.json() == {"error": "invalid_grant"}

    async def test_another_redirect_uri_is_refused(self, harness: Harness) -> None:
        found = await harness.connect()

        answer = await exchange(harness, found["code"], "http://localhost:8000/other")

        assert answer.json() == {"error": "invalid_grant"}

    async def test_another_apps_code_is_refused(self, harness: Harness) -> None:
        harness.world.grants.apps["ABother"] = App("ABother", "x")
        found = await harness.connect(client_id="ABother")

        answer = await exchange(harness, found["code"])

        assert answer.json()["error_description"] == "Incorrect Token type or clientID"


class TestTokenErrors:
    async def test_a_wrong_secret(self, harness: Harness) -> None:
        answer = await harness.client.post(
            "/oauth2/v1/tokens/bearer",
            data={"grant_type": "refresh_token", "refresh_token": "x"},
            auth=(CLIENT[0], "wrong"),
        )

        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
        assert answer.headers["www-authenticate"] == 'Basic realm="Intuit"'

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({}, "invalid_request"),
            ({"grant_type": "authorization_code", "code": "x"}, "invalid_request"),
            ({"grant_type": "refresh_token"}, "invalid_request"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
        ],
    )
    async def test_what_is_missing(
        self, harness: Harness, form: dict[str, str], error: str
    ) -> None:
        answer = await harness.token_call(**form)

        assert (answer.status_code, answer.json()) == (400, {"error": error})

    async def test_an_access_token_does_not_refresh(self, harness: Harness) -> None:
        answer = await refresh(harness, harness.token)

        assert answer.json() == {
            "error": "invalid_grant",
            "error_description": "Incorrect Token type or clientID",
        }

    async def test_an_unknown_refresh_token(self, harness: Harness) -> None:
        answer = await refresh(harness, "RT1-nobody")

        assert answer.json() == {
            "error": "invalid_grant",
            "error_description": "Incorrect or invalid refresh token",
        }


class TestRotation:
    async def test_within_a_day_the_value_stays(self, harness: Harness) -> None:
        tokens = await connected(harness)
        harness.world.clock.advance(DAY - 10)

        answer = (await refresh(harness, tokens["refresh_token"])).json()

        assert answer["refresh_token"] == tokens["refresh_token"]
        assert answer["access_token"] != tokens["access_token"]

    async def test_after_a_day_it_changes_and_the_old_one_lives_a_day_more(
        self, harness: Harness
    ) -> None:
        tokens = await connected(harness)
        harness.world.clock.advance(DAY)
        fresh = (await refresh(harness, tokens["refresh_token"])).json()

        harness.world.clock.advance(DAY - 10)
        late = await refresh(harness, tokens["refresh_token"])
        harness.world.clock.advance(10)
        too_late = await refresh(harness, tokens["refresh_token"])

        assert fresh["refresh_token"] != tokens["refresh_token"]
        assert late.json()["refresh_token"] == fresh["refresh_token"]
        assert too_late.json()["error"] == "invalid_grant"

    async def test_rotation_on_each_refresh_without_grace(self, harness: Harness) -> None:
        harness.world.switches.rotate_every_refresh = True
        harness.world.switches.refresh_grace_seconds = 0
        tokens = await connected(harness)
        first = (await refresh(harness, tokens["refresh_token"])).json()

        again = await refresh(harness, tokens["refresh_token"])
        second = await refresh(harness, first["refresh_token"])

        assert again.json()["error"] == "invalid_grant"
        assert second.json()["refresh_token"] != first["refresh_token"]

    async def test_unused_for_a_hundred_and_one_days_it_dies(self, harness: Harness) -> None:
        tokens = await connected(harness)
        harness.world.clock.advance(8_726_401)

        answer = await refresh(harness, tokens["refresh_token"])

        assert answer.json() == {"error": "invalid_grant"}

    async def test_five_years_are_the_end(self, harness: Harness) -> None:
        tokens = await connected(harness)
        value = tokens["refresh_token"]
        for _ in range(5 * 365 // 100):
            harness.world.clock.advance(100 * DAY)
            value = (await refresh(harness, value)).json()["refresh_token"]
        harness.world.clock.advance(100 * DAY)

        answer = await refresh(harness, value)

        assert answer.json() == {"error": "invalid_grant"}

    async def test_an_access_token_lives_an_hour(self, harness: Harness) -> None:
        tokens = await connected(harness)
        harness.world.clock.advance(3599)
        before = await opens(harness, tokens["access_token"])
        harness.world.clock.advance(1)

        assert (before, await opens(harness, tokens["access_token"])) == (200, 401)

    async def test_connecting_anew_ends_the_former_tokens(self, harness: Harness) -> None:
        first = await connected(harness)
        second = await connected(harness)

        assert await opens(harness, first["access_token"]) == 401
        assert await opens(harness, second["access_token"]) == 200


class TestRevocation:
    @pytest.mark.parametrize("name", ["access_token", "refresh_token"])
    async def test_either_token_ends_both(self, harness: Harness, name: str) -> None:
        tokens = await connected(harness)

        answer = await harness.client.post(
            "/v2/oauth2/tokens/revoke", json={"token": tokens[name]}, auth=CLIENT
        )

        assert (answer.status_code, answer.content) == (200, b"")
        assert await opens(harness, tokens["access_token"]) == 401
        again = await refresh(harness, tokens["refresh_token"])
        assert again.json() == {"error": "invalid_grant", "error_description": "Token invalid"}

    async def test_the_second_time_there_is_nothing_left(self, harness: Harness) -> None:
        tokens = await connected(harness)
        body = {"token": tokens["refresh_token"]}
        await harness.client.post("/v2/oauth2/tokens/revoke", json=body, auth=CLIENT)

        answer = await harness.client.post("/v2/oauth2/tokens/revoke", json=body, auth=CLIENT)

        assert answer.status_code == 400


class TestBearer:
    async def test_without_a_token(self, harness: Harness) -> None:
        answer = await harness.client.get(harness.path("customer/1"))

        assert answer.status_code == 401
        challenge = 'Bearer realm="Intuit", error="invalid_token"'
        assert answer.headers["www-authenticate"] == challenge
        assert code_of(answer) == "3200"
        assert answer.json()["fault"]["type"] == "AUTHENTICATION"

    async def test_a_malformed_one(self, harness: Harness) -> None:
        harness.token = "short"

        answer = await harness.get("customer/1")

        detail = answer.json()["fault"]["error"][0]["detail"]
        assert detail == "Malformed bearer token: too short or too long"

    async def test_another_company(self, harness: Harness) -> None:
        answer = await harness.client.get(
            harness.path("customer/1", OTHER_REALM), headers=harness.bearer()
        )

        assert (answer.status_code, code_of(answer)) == (403, "3100")
        assert answer.json()["fault"]["type"] == "SERVICE"

    async def test_consent_for_something_else(self, harness: Harness) -> None:
        tokens = harness.world.grants.issue(CLIENT[0], REALM, "openid")
        harness.token = tokens.access_token

        answer = await harness.get("customer/1")

        assert answer.status_code == 403
        assert '<Error code="3100">' in answer.text
