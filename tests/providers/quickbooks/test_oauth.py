import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from app.accounting.errors import (
    CompanyUnavailable,
    OutcomeUnknown,
    ProviderError,
    ReconnectRequired,
)
from app.accounting.ports import Authorization, TokenSet
from app.kit.http import build_client
from app.providers.quickbooks.oauth import QuickBooksAuthorization

DISCOVERY = "https://developer.intuit.com/.well-known/openid_configuration"
API = "https://quickbooks.api.intuit.com"
TOKEN = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
REVOKE = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"
DOCUMENT = {
    "issuer": "https://oauth.platform.intuit.com/op/v1",
    "authorization_endpoint": "https://appcenter.intuit.com/connect/oauth2",
    "token_endpoint": TOKEN,
    "userinfo_endpoint": "https://accounts.platform.intuit.com/v1/openid_connect/userinfo",
    "revocation_endpoint": REVOKE,
    "jwks_uri": "https://oauth.platform.intuit.com/op/v1/jwks",
}
ANSWER = {
    "token_type": "bearer",
    "expires_in": 3600,
    "access_token": "eyJ.access",
    "refresh_token": "RT1-new",
    "x_refresh_token_expires_in": 8726400,
}
REDIRECT = "https://app.test/callback?a=b"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def authorization(clock: Clock | None = None, **overrides: Any) -> QuickBooksAuthorization:
    fields: dict[str, Any] = {
        "http": build_client(),
        "client_id": "id",
        "client_secret": "se:cret",
        "environment": "production",
        "discovery_url": DISCOVERY,
        "api_url": API,
        "monotonic": clock or Clock(),
    }
    return QuickBooksAuthorization(**{**fields, **overrides})


@pytest.fixture
def intuit() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(DISCOVERY, name="discovery").respond(json=DOCUMENT)
        yield router


class TestAuthorizationUrl:
    async def test_asks_for_accounting_and_nothing_else(self, intuit: respx.MockRouter) -> None:
        port: Authorization = authorization()

        url = await port.authorization_url(state="s t", redirect_uri=REDIRECT)

        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == DOCUMENT["authorization_endpoint"]
        assert parse_qs(parts.query) == {
            "client_id": ["id"],
            "response_type": ["code"],
            "scope": ["com.intuit.quickbooks.accounting"],
            "redirect_uri": [REDIRECT],
            "state": ["s t"],
        }


class TestTokens:
    async def test_exchange(self, intuit: respx.MockRouter) -> None:
        route = intuit.post(TOKEN).respond(json=ANSWER)

        tokens = await authorization().exchange(code="c0de", redirect_uri=REDIRECT)

        assert tokens == TokenSet(
            access_token="eyJ.access",
            refresh_token="RT1-new",
            access_expires_in=3600,
            refresh_expires_in=8726400,
        )
        request = route.calls.last.request
        assert parse_qs(request.content.decode()) == {
            "grant_type": ["authorization_code"],
            "code": ["c0de"],
            "redirect_uri": [REDIRECT],
        }
        basic = base64.b64encode(b"id:se:cret").decode()
        assert request.headers["Authorization"] == f"Basic {basic}"
        assert request.headers["Accept"] == "application/json"

    async def test_refresh(self, intuit: respx.MockRouter) -> None:
        route = intuit.post(TOKEN).respond(json=ANSWER)

        tokens = await authorization().refresh("RT1-old+/=")

        assert tokens.refresh_token == "RT1-new"
        assert parse_qs(route.calls.last.request.content.decode()) == {
            "grant_type": ["refresh_token"],
            "refresh_token": ["RT1-old+/="],
        }

    async def test_life_of_the_refresh_token_may_be_untold(self, intuit: respx.MockRouter) -> None:
        answer = {key: value for key, value in ANSWER.items() if not key.startswith("x_")}
        intuit.post(TOKEN).respond(json=answer)

        assert (await authorization().refresh("old")).refresh_expires_in == 8_726_400

    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (400, {"error": "invalid_grant"}, ReconnectRequired),
            (
                400,
                {"error": "invalid_grant", "error_description": "Token invalid"},
                ReconnectRequired,
            ),
            (
                400,
                {"error": "invalid_grant", "error_description": "Incorrect Token type or clientID"},
                CompanyUnavailable,
            ),
            (401, {"error": "invalid_client"}, CompanyUnavailable),
            (400, {"error": "invalid_request"}, CompanyUnavailable),
            (400, {"error": "unsupported_grant_type"}, CompanyUnavailable),
            (400, {"error": "server_says_no"}, OutcomeUnknown),
            (400, {"message": "?"}, OutcomeUnknown),
            (400, "<html>", OutcomeUnknown),
            (401, "", OutcomeUnknown),
            (403, "<html>", OutcomeUnknown),
            (302, "", OutcomeUnknown),
            (429, {"error": "invalid_grant"}, OutcomeUnknown),
            (500, {"error": "invalid_grant"}, OutcomeUnknown),
            (503, "", OutcomeUnknown),
            (200, {"error": "invalid_grant"}, ReconnectRequired),
            (200, {}, OutcomeUnknown),
            (200, "<html>", OutcomeUnknown),
            (200, [], OutcomeUnknown),
            (200, {**ANSWER, "access_token": ""}, OutcomeUnknown),
            (200, {**ANSWER, "access_token": 5}, OutcomeUnknown),
            (200, {**ANSWER, "expires_in": 0}, OutcomeUnknown),
            (200, {**ANSWER, "expires_in": "soon"}, OutcomeUnknown),
        ],
    )
    @pytest.mark.parametrize(
        "grant",
        [
            lambda port: port.exchange(code="c", redirect_uri=REDIRECT),
            lambda port: port.refresh("old"),
        ],
        ids=["exchange", "refresh"],
    )
    async def test_refusals(
        self,
        intuit: respx.MockRouter,
        grant: Callable[[QuickBooksAuthorization], Awaitable[TokenSet]],
        status: int,
        body: object,
        expected: type[ProviderError],
    ) -> None:
        content = body if isinstance(body, str) else json.dumps(body)
        intuit.post(TOKEN).respond(status, content=content.encode())
        port = authorization()

        with pytest.raises(ProviderError) as caught:
            await grant(port)

        assert type(caught.value) is expected

    @pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
    async def test_no_answer(self, intuit: respx.MockRouter, failure: type[Exception]) -> None:
        intuit.post(TOKEN).mock(side_effect=failure)

        with pytest.raises(OutcomeUnknown):
            await authorization().refresh("old")

    async def test_refusal_names_the_trace_and_no_secret(self, intuit: respx.MockRouter) -> None:
        intuit.post(TOKEN).respond(
            401, json={"error": "invalid_client"}, headers={"Intuit-Tid": "tid-1"}
        )

        with pytest.raises(CompanyUnavailable, match="client id") as caught:
            await authorization().refresh("old-token")

        assert caught.value.fault.trace_id == "tid-1"
        assert "se:cret" not in repr(caught.value.fault)
        assert "old-token" not in f"{caught.value} {caught.value.fault}"


class TestRevoke:
    async def test_request(self, intuit: respx.MockRouter) -> None:
        route = intuit.post(REVOKE).respond(200)

        await authorization().revoke("RT1")

        request = route.calls.last.request
        assert json.loads(request.content) == {"token": "RT1"}
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["Authorization"].startswith("Basic ")

    async def test_dead_token_is_no_error(self, intuit: respx.MockRouter) -> None:
        intuit.post(REVOKE).respond(400)

        await authorization().revoke("RT1")

    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (401, b'{"error": "invalid_client"}', CompanyUnavailable),
            (429, b"", OutcomeUnknown),
            (500, b"", OutcomeUnknown),
        ],
    )
    async def test_refusals(
        self, intuit: respx.MockRouter, status: int, body: bytes, expected: type[ProviderError]
    ) -> None:
        intuit.post(REVOKE).respond(status, content=body)

        with pytest.raises(expected):
            await authorization().revoke("RT1")

    async def test_no_answer(self, intuit: respx.MockRouter) -> None:
        intuit.post(REVOKE).mock(side_effect=httpx.ReadTimeout)

        with pytest.raises(OutcomeUnknown):
            await authorization().revoke("RT1")


async def ask(port: QuickBooksAuthorization) -> str:
    return await port.authorization_url(state="s", redirect_uri=REDIRECT)


class TestDiscovery:
    async def test_is_asked_for_once_a_day(self, intuit: respx.MockRouter) -> None:
        clock = Clock()
        port = authorization(clock)

        for hours in (0, 23, 2):
            clock.seconds += hours * 3600
            await ask(port)

        assert intuit["discovery"].call_count == 2

    @pytest.mark.parametrize(
        "trouble",
        [
            httpx.Response(500),
            httpx.Response(200, content=b"<html>"),
            httpx.Response(200, json=[]),
            httpx.Response(200, json={**DOCUMENT, "token_endpoint": "https://evil.test/"}),
            httpx.ConnectError("no"),
        ],
    )
    async def test_last_good_one_outlives_trouble(
        self, intuit: respx.MockRouter, trouble: Any
    ) -> None:
        clock = Clock()
        port = authorization(clock)
        good = await ask(port)
        intuit["discovery"].mock(side_effect=[trouble, httpx.Response(200, json=DOCUMENT)])

        for seconds in (25 * 3600, 10):
            clock.seconds += seconds
            assert await ask(port) == good

        assert intuit["discovery"].call_count == 2

    @pytest.mark.parametrize("trouble", [httpx.Response(404), httpx.ReadTimeout("slow")])
    async def test_without_any_nothing_can_be_asked(
        self, intuit: respx.MockRouter, trouble: Any
    ) -> None:
        intuit["discovery"].mock(side_effect=[trouble])

        with pytest.raises(OutcomeUnknown):
            await ask(authorization())

    @pytest.mark.parametrize(
        "changes",
        [
            {"token_endpoint": "https://evil.test/token"},
            {"token_endpoint": "https://intuit.com.evil.test/token"},
            {"token_endpoint": "https://evilintuit.com/token"},
            {"token_endpoint": "http://oauth.platform.intuit.com/token"},
            {"token_endpoint": "https://x@oauth.platform.intuit.com/token"},
            {"token_endpoint": "https://[oauth.intuit.com/token"},
            {"token_endpoint": "https://oauth.intuit.com:8443/token"},
            {"authorization_endpoint": "https://evil.test\\.intuit.com/connect"},
            {"authorization_endpoint": "https://evil.test%2f.intuit.com/connect"},
            {"authorization_endpoint": "//appcenter.intuit.com/connect"},
            {"revocation_endpoint": "https://.intuit.com.evil.test/revoke"},
            {"revocation_endpoint": "javascript://x.intuit.com/%0aalert(1)"},
            {"token_endpoint": 5},
            {"userinfo_endpoint": "https://evil.test/"},
            {"revocation_endpoint": None},
        ],
    )
    async def test_hosts_that_are_not_intuits(
        self, intuit: respx.MockRouter, changes: dict[str, Any]
    ) -> None:
        intuit["discovery"].respond(json={**DOCUMENT, **changes})

        with pytest.raises(CompanyUnavailable, match="discovery URL"):
            await ask(authorization())

    async def test_missing_endpoint(self, intuit: respx.MockRouter) -> None:
        document = {key: value for key, value in DOCUMENT.items() if key != "token_endpoint"}
        intuit["discovery"].respond(json=document)

        with pytest.raises(CompanyUnavailable, match="missing"):
            await ask(authorization())

    @pytest.mark.parametrize("environment", ["simulator", "sandbox"])
    async def test_stand_in_may_name_its_own_host(
        self, intuit: respx.MockRouter, environment: str
    ) -> None:
        here = "http://127.0.0.1:8700"
        document = {
            "authorization_endpoint": f"{here}/authorize",
            "token_endpoint": "http://127.0.0.1:8701/token",
            "revocation_endpoint": f"{here}/revoke",
        }
        intuit.get(f"{here}/discovery").respond(json=document)
        port = authorization(
            environment=environment,
            discovery_url=f"{here}/discovery",
            api_url="http://127.0.0.1:8701",
        )

        assert (await ask(port)).startswith(f"{here}/authorize?")

    @pytest.mark.parametrize("stranger", ["http://127.0.0.1:9999/", "https://oauth.intuit.com/"])
    async def test_stand_in_may_not_name_others(
        self, intuit: respx.MockRouter, stranger: str
    ) -> None:
        here = "http://127.0.0.1:8700"
        document = {
            "authorization_endpoint": f"{here}/authorize",
            "token_endpoint": stranger,
            "revocation_endpoint": f"{here}/revoke",
        }
        intuit.get(f"{here}/discovery").respond(json=document)
        port = authorization(
            environment="simulator", discovery_url=f"{here}/discovery", api_url=here
        )

        with pytest.raises(CompanyUnavailable):
            await ask(port)
