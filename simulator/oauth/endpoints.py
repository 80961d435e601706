"""The HTTP face of `simulator.oauth.grants`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from simulator.exchange import Answer, Call
from simulator.oauth.grants import KNOWN_SCOPES, App, Grants, Refused, Tokens
from simulator.oauth.page import consent_page, refusal_page
from simulator.switches import Switches
from simulator.wire import dumps, loads

AUTHORIZE_PATH = "/connect/oauth2"
TOKEN_PATH = "/oauth2/v1/tokens/bearer"  # noqa: S105  # A path.
REVOKE_PATH = "/v2/oauth2/tokens/revoke"
DISCOVERY_PATHS = (
    "/.well-known/openid_configuration",
    "/.well-known/openid_sandbox_configuration",
)

Companies = Callable[[], list[tuple[str, str]]]
"""Gives realm id and name of each company there is."""


class OAuthEndpoints:
    """Answers discovery, authorize, token and revoke calls."""

    def __init__(self, grants: Grants, switches: Switches, companies: Companies) -> None:
        self._grants = grants
        self._switches = switches
        self._companies = companies

    def answer(self, call: Call) -> Answer:
        """The answer to *call*, whose operation the router has set."""
        match call.operation:
            case "discovery":
                return Answer(200, dumps(discovery(call.base_url)))
            case "jwks":
                return Answer(200, dumps({"keys": []}))
            case "authorize":
                return self.authorize(call)
            case "revoke":
                return self._guarded(call, self._revoke)
            case _:
                return self._guarded(call, self._token)

    def authorize(self, call: Call) -> Answer:
        """The consent page, or by switch the redirect that a person would have caused."""
        asked = dict(call.query)
        if call.method == "POST":
            asked = dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))
        problem = self._problem(asked)
        if problem is not None:
            return Answer(400, refusal_page(problem), "text/html;charset=utf-8")
        scopes = asked["scope"].split()
        if not scopes or not set(scopes) <= KNOWN_SCOPES:
            return _redirect(asked, error="invalid_scope")
        if call.method == "POST":
            return self.decide(asked, asked.get("decision", "cancel"), asked.get("realm_id"))
        if self._switches.authorize == "approve":
            return self.decide(asked, "connect", self._switches.authorize_realm)
        if self._switches.authorize == "deny":
            return self.decide(asked, "cancel", None)
        return Answer(200, consent_page(self._companies(), asked), "text/html;charset=utf-8")

    def decide(self, asked: dict[str, str], decision: str, realm_id: str | None) -> Answer:
        """The redirect after the person's choice; without a realm the first company is taken."""
        if decision != "connect":
            return _redirect(asked, error="access_denied")
        realms = [realm for realm, _ in self._companies()]
        if not realms or (realm_id is not None and realm_id not in realms):
            reason = "There is no such company."
            return Answer(400, refusal_page(reason), "text/html;charset=utf-8")
        chosen = realm_id or realms[0]
        code = self._grants.issue_code(
            client_id=asked["client_id"],
            redirect_uri=asked["redirect_uri"],
            realm_id=chosen,
            scope=asked["scope"],
        )
        return _redirect(asked, code=code, realmId=chosen)

    def _problem(self, asked: dict[str, str]) -> str | None:
        """Why the request must not even be answered by a redirect."""
        app = self._grants.apps.get(asked.get("client_id", ""))
        if app is None:
            return "The client_id is not that of a registered app."
        if not _redirect_allowed(app, asked.get("redirect_uri", "")):
            return (
                "The redirect_uri query parameter value is invalid. Make sure it is listed in the "
                "Redirect URIs section on your app's keys tab and matches exactly."
            )
        if asked.get("response_type") != "code":
            return "The response_type query parameter must be code."
        if not asked.get("state"):
            return "The state query parameter is missing."
        return None if "scope" in asked else "The scope query parameter is missing."

    def _guarded(self, call: Call, handle: Callable[[Call, App], Answer]) -> Answer:
        try:
            return handle(call, self._authenticated(call))
        except Refused as refused:
            return refusal(refused)

    def _token(self, call: Call, app: App) -> Answer:
        form = _form(call)
        match form.get("grant_type"):
            case None | "":
                raise Refused("invalid_request")
            case "authorization_code":
                code, redirect_uri = _need(form, "code"), _need(form, "redirect_uri")
                tokens = self._grants.exchange(
                    client_id=app.client_id, code=code, redirect_uri=redirect_uri
                )
            case "refresh_token":
                tokens = self._grants.refresh(
                    client_id=app.client_id, refresh_token=_need(form, "refresh_token")
                )
            case _:
                raise Refused("unsupported_grant_type")
        wants_hard = call.headers.get("x-include-refresh-token-hard-expires-in", "").lower()
        return token_answer(tokens, with_hard_limit=wants_hard == "true")

    def _revoke(self, call: Call, app: App) -> Answer:
        token = _revoked_token(call)
        grant = self._grants.find(token)
        if grant is None or grant.client_id != app.client_id or grant.revoked:
            raise Refused("invalid_request")
        grant.revoked = True
        return Answer(200, b"", "text/html;charset=utf-8")

    def _authenticated(self, call: Call) -> App:
        """
        The app that calls, by Basic authentication or by id and secret in the form.

        Raises:
            Refused: ``invalid_client``, status 401.
        """
        client_id, secret = _credentials(call)
        app = self._grants.apps.get(client_id)
        if app is None or app.client_secret != secret:
            raise Refused("invalid_client", status=401)
        return app


def discovery(base_url: str) -> dict[str, Any]:
    """The discovery document, with every endpoint on this simulator."""
    return {
        "issuer": f"{base_url}/op/v1",
        "authorization_endpoint": base_url + AUTHORIZE_PATH,
        "token_endpoint": base_url + TOKEN_PATH,
        "userinfo_endpoint": f"{base_url}/v1/openid_connect/userinfo",
        "revocation_endpoint": base_url + REVOKE_PATH,
        "jwks_uri": f"{base_url}/op/v1/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile", "address", "phone"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": ["aud", "exp", "iat", "iss", "realmid", "sub"],
    }


def token_answer(tokens: Tokens, *, with_hard_limit: bool) -> Answer:
    """The body of a successful exchange or refresh."""
    body: dict[str, Any] = {
        "x_refresh_token_expires_in": tokens.refresh_expires_in,
        "refresh_token": tokens.refresh_token,
        "access_token": tokens.access_token,
        "token_type": "bearer",
        "expires_in": tokens.expires_in,
    }
    if with_hard_limit:
        body["x_refresh_token_hard_expires_in"] = tokens.hard_expires_in
    return _oauth_answer(200, body)


def refusal(refused: Refused) -> Answer:
    """An OAuth error body; 401 also names the realm of the authentication."""
    body = {"error": refused.error}
    if refused.description is not None:
        body["error_description"] = refused.description
    answer = _oauth_answer(refused.status, body)
    if refused.status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="Intuit"'
    return answer


def _oauth_answer(status: int, body: dict[str, Any]) -> Answer:
    headers = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
    return Answer(status, dumps(body), "application/json;charset=utf-8", headers)


def _redirect(asked: dict[str, str], **parameters: str) -> Answer:
    query = urlencode({**parameters, "state": asked["state"]})
    uri = asked["redirect_uri"]
    location = f"{uri}{'&' if urlsplit(uri).query else '?'}{query}"
    return Answer(302, b"", "text/html;charset=utf-8", {"Location": location})


def _redirect_allowed(app: App, uri: str) -> bool:
    if app.redirect_uris:
        return uri in app.redirect_uris
    parts = urlsplit(uri)
    return parts.scheme in {"http", "https"} and parts.hostname in {"localhost", "127.0.0.1", "::1"}


def _credentials(call: Call) -> tuple[str, str]:
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client_id, secret
    form = _form(call)
    return form.get("client_id", ""), form.get("client_secret", "")


def _form(call: Call) -> dict[str, str]:
    parsed = parse_qs(call.body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in parsed.items()}


def _need(form: dict[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise Refused("invalid_request")
    return value


def _revoked_token(call: Call) -> str:
    if "json" in call.headers.get("content-type", ""):
        try:
            body = loads(call.body)
        except ValueError:
            raise Refused("invalid_request") from None
        return str(body.get("token") or "") if isinstance(body, dict) else ""
    return _form(call).get("token", "")
