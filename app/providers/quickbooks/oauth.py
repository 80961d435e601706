"""How a merchant lets us into their QuickBooks: Intuit's OAuth 2.0, by Authlib."""

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.accounting.errors import (
    CompanyUnavailable,
    Fault,
    OutcomeUnknown,
    ProviderError,
    ReconnectRequired,
)
from app.accounting.ports import TokenSet
from app.kit.http import (
    AsyncClient,
    AsyncOAuth2Client,
    HTTPError,
    InvalidURL,
    OAuthError,
    Response,
    client_options,
    tls_context,
)

SCOPE = "com.intuit.quickbooks.accounting"
INTUIT_ENVIRONMENTS = ("sandbox", "production")
INTUIT_DOMAIN = ".intuit.com"
INTUIT_HOST = re.compile(r"[a-z0-9.-]+\.intuit\.com(:443)?")
DISCOVERY_SECONDS = 24 * 3600.0
DISCOVERY_RETRY_SECONDS = 300.0
# An answer with tokens has a few kilobytes.
BIGGEST_ANSWER_BYTES = 1024 * 1024
# What Intuit has answered for years, should an answer leave it out (101 days).
REFRESH_TOKEN_SECONDS = 8_726_400

_CONFIGURATION_ERRORS = frozenset(
    (
        "invalid_client",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    )
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where to authorize, to get tokens and to revoke them."""

    authorization: str
    token: str
    revocation: str


@dataclass(slots=True)
class _Discovered:
    endpoints: Endpoints | None = None
    fresh_until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class QuickBooksAuthorization:
    """
    The `Authorization` of the port.

    Args:
        http: The shared client; only the discovery document is fetched by it.
        environment: `simulator`, `sandbox` or `production`.
        discovery_url: Where the discovery document is; Intuit's, or a stand-in's.
        api_url: Scheme and host of the API, which a stand-in may share with its endpoints.
        monotonic: A clock in seconds that never steps back.
    """

    def __init__(
        self,
        *,
        http: AsyncClient,
        client_id: str,
        client_secret: str,
        environment: str,
        discovery_url: str,
        api_url: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._client_id = client_id
        self._client_secret = client_secret
        self._environment = environment
        self._discovery_url = discovery_url
        self._api_url = api_url
        self._monotonic = monotonic
        self._discovered = _Discovered()
        self._tls: ssl.SSLContext | None = None

    async def authorization_url(self, *, state: str, redirect_uri: str) -> str:
        """
        Return where to send the merchant's browser.

        Raises:
            OutcomeUnknown: Intuit's discovery document cannot be had now.
            CompanyUnavailable: The discovery document names hosts that are not Intuit's.
        """
        endpoints = await self._endpoints()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                endpoints.authorization, state=state, redirect_uri=redirect_uri, scope=SCOPE
            )
        return str(url)

    async def exchange(self, *, code: str, redirect_uri: str) -> TokenSet:
        """Trade the code for tokens; see `Authorization.exchange` for the errors."""
        endpoints = await self._endpoints()

        async def grant(client: AsyncOAuth2Client) -> Mapping[str, object]:
            fetched: Mapping[str, object] = await client.fetch_token(
                endpoints.token,
                grant_type="authorization_code",
                code=code,
                redirect_uri=redirect_uri,
            )
            return fetched

        return await self._grant(grant)

    async def refresh(self, refresh_token: str) -> TokenSet:
        """Trade the refresh token for fresh tokens; see `Authorization.refresh` for the errors."""
        endpoints = await self._endpoints()

        async def grant(client: AsyncOAuth2Client) -> Mapping[str, object]:
            fetched: Mapping[str, object] = await client.refresh_token(
                endpoints.token, refresh_token=refresh_token
            )
            return fetched

        return await self._grant(grant)

    async def revoke(self, token: str) -> None:
        """
        End the whole connection; 400 means that it had ended before.

        Raises:
            CompanyUnavailable: Our own client id or secret is refused.
            OutcomeUnknown: No trustworthy answer came back.
        """
        endpoints = await self._endpoints()
        try:
            async with self._client() as client:
                response = await client.post(
                    endpoints.revocation,
                    json={"token": token},
                    headers={"Accept": "application/json"},
                    auth=client.client_auth("client_secret_basic"),
                )
        except HTTPError as lost:
            raise OutcomeUnknown(explanation=f"Revoking broke off: {_name(lost)}.") from lost
        if response.status_code in (200, 204, 400):
            return
        raise _refusal(response)

    # -- inside

    async def _grant(
        self, ask: Callable[[AsyncOAuth2Client], Awaitable[Mapping[str, object]]]
    ) -> TokenSet:
        try:
            async with self._client() as client:
                return _token_set(await ask(client))
        except HTTPError as lost:
            raise OutcomeUnknown(explanation=f"Intuit did not answer: {_name(lost)}.") from lost
        except OAuthError as refusal:
            raise _mapped(refusal.error, refusal.description, Fault()) from refusal
        except (ValueError, TypeError, KeyError) as torn:
            raise OutcomeUnknown(explanation="Intuit's answer was no token answer.") from torn

    def _client(self) -> AsyncOAuth2Client:
        """Return a client for one exchange: Authlib keeps the last token on it."""
        if self._tls is None:
            self._tls = tls_context()
        client = AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=self._client_secret,
            **client_options(verify=self._tls, biggest=BIGGEST_ANSWER_BYTES),
        )
        client.register_compliance_hook("access_token_response", _screen)
        client.register_compliance_hook("refresh_token_response", _screen)
        return client

    async def _endpoints(self) -> Endpoints:
        """Return the endpoints, fetched at most daily; the last good ones outlive a failure."""
        known = self._discovered
        if known.endpoints and self._monotonic() < known.fresh_until:
            return known.endpoints
        async with known.lock:
            if known.endpoints and self._monotonic() < known.fresh_until:
                return known.endpoints
            try:
                known.endpoints = await self._discover()
                known.fresh_until = self._monotonic() + DISCOVERY_SECONDS
            except ProviderError:
                if known.endpoints is None:
                    raise
                known.fresh_until = self._monotonic() + DISCOVERY_RETRY_SECONDS
            return known.endpoints

    async def _discover(self) -> Endpoints:
        try:
            response = await self._http.get(
                self._discovery_url, headers={"Accept": "application/json"}
            )
            document = response.json() if response.status_code == 200 else None  # noqa: PLR2004
        except (HTTPError, InvalidURL, ValueError) as lost:
            raise OutcomeUnknown(explanation=f"No discovery document: {_name(lost)}.") from lost
        if not isinstance(document, dict):
            raise OutcomeUnknown(explanation="Intuit's discovery document cannot be had now.")
        return self._trusted(document)

    def _trusted(self, document: Mapping[str, Any]) -> Endpoints:
        """
        Return the endpoints, all of which are on hosts that may see our secret.

        Raises:
            CompanyUnavailable: One is missing, or is anywhere else.
        """
        wanted = ("authorization_endpoint", "token_endpoint", "revocation_endpoint")
        named = {key: value for key, value in document.items() if key.endswith("_endpoint")}
        if self._is_stand_in():
            # A stand-in may leave the endpoints that we never call as Intuit has them.
            named = {key: named[key] for key in wanted if key in named}
        strangers = [key for key, value in named.items() if not self._may_call(value)]
        if strangers or any(key not in named for key in wanted):
            raise CompanyUnavailable(
                explanation="The discovery document is not to be trusted "
                f"({', '.join(sorted(strangers)) or 'an endpoint is missing'}): "
                "check the discovery URL in the settings."
            )
        return Endpoints(*(str(named[key]) for key in wanted))

    def _may_call(self, url: object) -> bool:
        if not isinstance(url, str):
            return False
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if self._is_stand_in():
            allowed = {urlsplit(known).netloc for known in (self._discovery_url, self._api_url)}
            return parts.scheme in ("http", "https") and parts.netloc in allowed
        # Nothing that a browser might read as another host than we do: `evil.example\.intuit.com`.
        return parts.scheme == "https" and INTUIT_HOST.fullmatch(parts.netloc) is not None

    def _is_stand_in(self) -> bool:
        """Tell whether somebody other than Intuit is meant to answer."""
        discovery_host = urlsplit(self._discovery_url).hostname or ""
        genuine = discovery_host.endswith(INTUIT_DOMAIN)
        return self._environment not in INTUIT_ENVIRONMENTS or not genuine


def _screen(response: Response) -> Response:
    """Let only a good answer through to Authlib, which would take others for tokens."""
    if response.status_code != 200:  # noqa: PLR2004
        raise _refusal(response)
    return response


def _refusal(response: Response) -> ProviderError:
    """Return what a bad answer of the authorization server amounts to."""
    fault = Fault(
        http_status=response.status_code,
        trace_id=response.headers.get("intuit_tid") or response.headers.get("intuit-tid"),
    )
    if response.status_code not in (400, 401, 403):
        return OutcomeUnknown(fault, f"Intuit answered HTTP {response.status_code}.")
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("error"), str):
        return OutcomeUnknown(fault, f"Intuit answered HTTP {response.status_code}, unexplained.")
    return _mapped(body["error"], body.get("error_description"), fault)


def _mapped(error: str, description: object, fault: Fault) -> ProviderError:
    said = str(description or "")
    named = Fault(
        code=error,
        message=error,
        detail=said,
        http_status=fault.http_status,
        trace_id=fault.trace_id,
    )
    if error in _CONFIGURATION_ERRORS or "incorrect token type" in said.lower():
        return CompanyUnavailable(
            named,
            f"Intuit does not accept this installation ({error}): "
            "check the client id, the client secret and the environment in the settings.",
        )
    if error == "invalid_grant":
        return ReconnectRequired(named, "Intuit has ended this connection: connect again.")
    return OutcomeUnknown(named, f"Intuit answered {error}.")


def _token_set(answer: Mapping[str, Any]) -> TokenSet:
    """
    Return the tokens of an answer.

    Raises:
        ValueError, KeyError: It holds none.
    """
    tokens = TokenSet(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        access_expires_in=int(answer["expires_in"]),
        refresh_expires_in=int(answer.get("x_refresh_token_expires_in") or REFRESH_TOKEN_SECONDS),
    )
    for token in (tokens.access_token, tokens.refresh_token):
        if not isinstance(token, str) or not token.strip():
            raise ValueError("an empty token")
    if tokens.access_expires_in <= 0:
        raise ValueError("a token without a life")
    return tokens


def _name(error: BaseException) -> str:
    """Name the error without its text, which may quote a token."""
    return type(error).__name__
