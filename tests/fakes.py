"""Doubles at the ports: an authorization server with rotating tokens, and books that know them."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from app.accounting.errors import OutcomeUnknown, ProviderError, ReconnectRequired
from app.accounting.ports import CallGate, CompanyRef, TokenSet, TokenSource
from app.accounting.records import CompanyProfile, TaxModel

CONSENT_PAGE = "https://appcenter.intuit.example/connect/oauth2"


@dataclass
class Grant:
    """One merchant's consent: the realm, and which tokens are good for it now."""

    realm_id: str
    access: set[str] = field(default_factory=set)
    current: str = ""
    former: str = ""
    revoked: bool = False


class FakeAuthorization:
    """
    An `Authorization` that rotates the refresh token at each refresh.

    The former refresh token stays good (*grace*), older ones are `invalid_grant`. *troubles* are
    raised by the next refreshes, one each; *delay* is how long a refresh takes, in seconds; *lost*
    answers are worked through on the server and never arrive.
    """

    def __init__(self, *, grace: bool = True, expires_in: int = 3600) -> None:
        self.grace = grace
        self.expires_in = expires_in
        self.delay = 0.0
        self.troubles: list[Exception] = []
        self.exchange_troubles: list[Exception] = []
        self.lost = 0
        self.refreshes = 0
        self.exchanges = 0
        self.revoked: list[str] = []
        self.grants: list[Grant] = []
        self._codes: dict[str, Grant] = {}
        self._numbers = itertools.count(1)

    def consent(self, realm_id: str) -> str:
        """Let a merchant say yes for a company; return the code."""
        grant = Grant(realm_id)
        self.grants.append(grant)
        code = f"code-{next(self._numbers)}"
        self._codes[code] = grant
        return code

    def realm_of(self, access_token: str) -> str | None:
        """Return the realm that a token opens now."""
        for grant in self.grants:
            if access_token in grant.access and not grant.revoked:
                return grant.realm_id
        return None

    async def authorization_url(self, *, state: str, redirect_uri: str) -> str:
        return f"{CONSENT_PAGE}?{urlencode({'state': state, 'redirect_uri': redirect_uri})}"

    async def exchange(self, *, code: str, redirect_uri: str) -> TokenSet:
        self.exchanges += 1
        await asyncio.sleep(0)
        if self.exchange_troubles:
            raise self.exchange_troubles.pop(0)
        grant = self._codes.pop(code, None)
        if grant is None:
            raise ReconnectRequired(explanation="invalid_grant")
        return self._issue(grant)

    async def refresh(self, refresh_token: str) -> TokenSet:
        self.refreshes += 1
        await asyncio.sleep(self.delay)
        if self.troubles:
            raise self.troubles.pop(0)
        for grant in self.grants:
            good = {grant.current, grant.former} if self.grace else {grant.current}
            if refresh_token in good and refresh_token and not grant.revoked:
                tokens = self._issue(grant)
                if self.lost:
                    self.lost -= 1
                    raise OutcomeUnknown(explanation="The answer was lost.")
                return tokens
        raise ReconnectRequired(explanation="invalid_grant")

    async def revoke(self, token: str) -> None:
        self.revoked.append(token)
        for grant in self.grants:
            if token in {grant.current, grant.former}:
                grant.revoked = True

    def _issue(self, grant: Grant) -> TokenSet:
        number = next(self._numbers)
        access = f"access-{number}"
        grant.access.add(access)
        grant.former, grant.current = grant.current, f"refresh-{number}"
        return TokenSet(
            access_token=access,
            refresh_token=grant.current,
            access_expires_in=self.expires_in,
            refresh_expires_in=8_726_400,
        )


def build_profile(name: str = "Maple Books Inc.") -> CompanyProfile:
    return CompanyProfile(
        name=name,
        country="CA",
        home_currency="CAD",
        time_zone="America/Toronto",
        tax_model=TaxModel.GLOBAL,
    )


class FakeBooks:
    """The part of an `AccountingProvider` that connecting needs."""

    def __init__(self, company: CompanyRef, tokens: TokenSource, factory: "FakeFactory") -> None:
        self._company = company
        self._tokens = tokens
        self._factory = factory

    async def company(self) -> CompanyProfile:
        if self._factory.troubles:
            raise self._factory.troubles.pop(0)
        token = await self._tokens.access_token()
        if self._factory.authorization.realm_of(token) != self._company.realm_id:
            raise ReconnectRequired(explanation="This token opens another company.")
        return build_profile(f"Company {self._company.realm_id}")


class FakeFactory:
    """A `ProviderFactory` over the grants of a `FakeAuthorization`."""

    def __init__(self, authorization: FakeAuthorization) -> None:
        self.authorization = authorization
        self.troubles: list[ProviderError] = []
        self.opened: list[CompanyRef] = []
        self.gates: list[CallGate] = []

    def __call__(
        self,
        company: CompanyRef,
        *,
        tokens: TokenSource,
        gate: CallGate,
        on_call: Callable[[str], None],
    ) -> FakeBooks:
        self.opened.append(company)
        self.gates.append(gate)
        return FakeBooks(company, tokens, self)
