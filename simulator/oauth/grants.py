"""The memory of the authorization server: apps, codes, grants and their tokens."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

from simulator.clock import Clock
from simulator.switches import Switches

ACCOUNTING_SCOPE = "com.intuit.quickbooks.accounting"
HARD_LIMIT_SECONDS = 5 * 365 * 86_400
"""Five years after consent a refresh token ends, however often it was used."""

KNOWN_SCOPES = frozenset(
    {
        ACCOUNTING_SCOPE,
        "com.intuit.quickbooks.payment",
        "openid",
        "profile",
        "email",
        "phone",
        "address",
    }
)


class Refused(Exception):
    """An OAuth error answer: status, ``error`` and, where one was recorded, a description."""

    def __init__(self, error: str, description: str | None = None, *, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True)
class App:
    """A registered client; without any redirect URI every loopback one is taken."""

    client_id: str
    client_secret: str
    redirect_uris: list[str] = field(default_factory=list)


@dataclass
class Code:
    """What a consent is worth until it is exchanged."""

    client_id: str
    redirect_uri: str
    realm_id: str
    scope: str
    issued_at: float
    grant: Grant | None = None


@dataclass
class RefreshValue:
    """One value of a grant's refresh token, and when the next one took its place."""

    value: str
    issued_at: float
    superseded_at: float | None = None


@dataclass
class Grant:
    """One consent of one person for one company; all its tokens live and die with it."""

    client_id: str
    realm_id: str
    scope: str
    consented_at: float
    refreshed_at: float
    values: list[RefreshValue] = field(default_factory=list)
    access: dict[str, float] = field(default_factory=dict)
    revoked: bool = False

    @property
    def current(self) -> RefreshValue:
        """The refresh token that answers give now."""
        return self.values[-1]


@dataclass(frozen=True)
class Tokens:
    """A token answer."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    hard_expires_in: int


class Grants:
    """Issues, rotates, checks and ends tokens, on the simulator's clock."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self.apps: dict[str, App] = {}
        self.grants: list[Grant] = []
        self._codes: dict[str, Code] = {}
        self._by_refresh: dict[str, Grant] = {}
        self._by_access: dict[str, Grant] = {}

    def issue_code(self, *, client_id: str, redirect_uri: str, realm_id: str, scope: str) -> str:
        """Remember a consent; the code opens it once, for five minutes."""
        code = "AB1" + secrets.token_hex(24)
        self._codes[code] = Code(client_id, redirect_uri, realm_id, scope, self._clock.seconds())
        return code

    def exchange(self, *, client_id: str, code: str, redirect_uri: str) -> Tokens:
        """
        Turn a code into tokens.

        Raises:
            Refused: The code is unknown, of another app, too old or used. A second exchange also
                ends the tokens of the first.
        """
        known = self._codes.get(code)
        if known is None or known.redirect_uri != redirect_uri:
            raise Refused("invalid_grant")
        if known.client_id != client_id:
            raise Refused("invalid_grant", "Incorrect Token type or clientID")
        if known.grant is not None:
            if self._switches.code_reuse_kills_tokens:
                known.grant.revoked = True
            raise Refused("invalid_grant")
        if self._clock.seconds() - known.issued_at > self._switches.code_seconds:
            raise Refused("invalid_grant")
        known.grant = self.grant(client_id, known.realm_id, known.scope)
        return self._tokens(known.grant)

    def grant(self, client_id: str, realm_id: str, scope: str) -> Grant:
        """A fresh grant, as consent gives it; former ones of the same app and company may end."""
        if self._switches.reconnect_kills_old_tokens:
            for former in self.grants:
                if (former.client_id, former.realm_id) == (client_id, realm_id):
                    former.revoked = True
        now = self._clock.seconds()
        grant = Grant(client_id, realm_id, scope, now, now)
        self.grants.append(grant)
        self._add_refresh(grant)
        return grant

    def issue(self, client_id: str, realm_id: str, scope: str = ACCOUNTING_SCOPE) -> Tokens:
        """Tokens without a browser, for tests that are not about connecting."""
        return self._tokens(self.grant(client_id, realm_id, scope))

    def refresh(self, *, client_id: str, refresh_token: str) -> Tokens:
        """
        New access for a refresh token, whose value changes when it is a day old.

        Raises:
            Refused: ``invalid_grant`` in one of its recorded variants.
        """
        grant = self._by_refresh.get(refresh_token)
        if refresh_token in self._by_access:
            raise Refused("invalid_grant", "Incorrect Token type or clientID")
        if grant is None:
            raise Refused("invalid_grant", "Incorrect or invalid refresh token")
        if grant.client_id != client_id:
            raise Refused("invalid_grant", "Incorrect Token type or clientID")
        self._check_alive(grant, refresh_token)
        self._rotate(grant, refresh_token)
        grant.refreshed_at = self._clock.seconds()
        if self._switches.refresh_kills_old_access:
            self.expire_access(grant)
        return self._tokens(grant)

    def find(self, token: str) -> Grant | None:
        """The grant that a refresh or access token belongs to."""
        return self._by_refresh.get(token) or self._by_access.get(token)

    def access(self, token: str) -> tuple[Grant | None, bool]:
        """The grant behind an access token, and whether the token still opens it."""
        grant = self._by_access.get(token)
        if grant is None:
            return None, False
        return grant, not grant.revoked and self._clock.seconds() < grant.access[token]

    def expire_access(self, grant: Grant) -> None:
        """Every access token of the grant is old now; refreshing helps."""
        for token in grant.access:
            grant.access[token] = 0.0

    def _check_alive(self, grant: Grant, refresh_token: str) -> None:
        now, switches = self._clock.seconds(), self._switches
        if grant.revoked:
            raise Refused("invalid_grant", "Token invalid")
        unused = now - grant.refreshed_at > switches.refresh_token_seconds
        if unused or now - grant.consented_at > HARD_LIMIT_SECONDS:
            raise Refused("invalid_grant")
        value = next(item for item in grant.values if item.value == refresh_token)
        superseded = value.superseded_at
        if superseded is not None and now - superseded >= switches.refresh_grace_seconds:
            raise Refused("invalid_grant", "Incorrect or invalid refresh token")

    def _rotate(self, grant: Grant, refresh_token: str) -> None:
        """The old value of a race gets the new one back, unless every refresh rotates."""
        now, switches = self._clock.seconds(), self._switches
        due = now - grant.current.issued_at >= switches.refresh_rotation_seconds
        stale = refresh_token != grant.current.value
        if switches.rotate_every_refresh or (due and not stale):
            grant.current.superseded_at = now
            self._add_refresh(grant)

    def _add_refresh(self, grant: Grant) -> None:
        value = "RT1-" + secrets.token_hex(23)
        grant.values.append(RefreshValue(value, self._clock.seconds()))
        self._by_refresh[value] = grant

    def _tokens(self, grant: Grant) -> Tokens:
        now, life = self._clock.seconds(), self._switches.access_token_seconds
        access = _access_token()
        grant.access[access] = now + life
        self._by_access[access] = grant
        hard = int(grant.consented_at + HARD_LIMIT_SECONDS - now)
        return Tokens(
            access_token=access,
            expires_in=life,
            refresh_token=grant.current.value,
            refresh_expires_in=min(self._switches.refresh_token_seconds, hard),
            hard_expires_in=hard,
        )


def _access_token() -> str:
    """An encrypted-looking token in five parts, longer than 800 characters as Intuit's are."""
    header = base64.urlsafe_b64encode(b'{"enc":"A128CBC-HS256","alg":"dir"}').decode().rstrip("=")
    vector, text, tag = (secrets.token_urlsafe(size) for size in (16, 600, 16))
    return f"{header}..{vector}.{text}.{tag}"
