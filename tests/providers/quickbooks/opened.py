"""A company of the stand-in, opened the whole way: page, code, tokens, provider."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.accounting.ports import AccountingProvider, CompanyRef, TokenSet
from app.accounting.records import Answer, BooksDocument, Draft, Write
from app.kit.http import build_client
from app.providers.quickbooks.oauth import QuickBooksAuthorization
from app.providers.quickbooks.provider import quickbooks_factory
from tests.providers.quickbooks.doubles import StubGate
from tests.simulator_server import SimulatorServer

REDIRECT = "http://localhost:8400/callback"


class RealTokens:
    """Tokens as connecting gave them, renewed at the stand-in."""

    def __init__(self, authorization: QuickBooksAuthorization, tokens: TokenSet) -> None:
        self.authorization = authorization
        self.tokens = tokens

    async def access_token(self) -> str:
        return self.tokens.access_token

    async def renew(self, stale: str) -> str:
        if stale == self.tokens.access_token:
            self.tokens = await self.authorization.refresh(self.tokens.refresh_token)
        return self.tokens.access_token


@dataclass
class Connected:
    """A company connected the whole way: page, code, tokens."""

    provider: AccountingProvider
    tokens: RealTokens
    gate: StubGate
    serial: int = 0

    def marker(self) -> str:
        """Return a marker that no document has yet."""
        self.serial += 1
        digits = str(self.serial).translate(str.maketrans("0189", "abcd"))
        return f"[lw:{digits.rjust(26, 'z')}]"

    async def send(self, write: Write, request_id: str | None = None) -> Answer:
        self.serial += 1
        await self.provider.ready()
        return await self.provider.send(
            write, request_id=request_id or f"x{self.serial}g00", permit=lambda: None
        )

    async def create(self, draft: Draft, marker: str | None = None) -> BooksDocument:
        write = self.provider.prepare_create(draft, marker=marker or self.marker())
        document = (await self.send(write)).document
        assert document is not None
        return document


def connected_fixture() -> Any:
    """Return a fixture: the company of the module's `simulator`, connected."""
    return pytest.fixture(scope="module")(_connected)


async def _connected(simulator: SimulatorServer) -> AsyncIterator[Connected]:
    async with build_client() as http:
        authorization = QuickBooksAuthorization(
            http=http,
            client_id=simulator.client_id,
            client_secret=simulator.client_secret,
            environment="simulator",
            discovery_url=simulator.discovery_url,
            api_url=simulator.api_url,
        )
        page = await authorization.authorization_url(state="s1", redirect_uri=REDIRECT)
        callback = parse_qs(urlsplit(simulator.authorize(page)).query)
        tokens = RealTokens(
            authorization,
            await authorization.exchange(code=callback["code"][0], redirect_uri=REDIRECT),
        )
        gate = StubGate()
        factory = quickbooks_factory(http=http, environment="simulator", api_url=simulator.api_url)
        provider = factory(
            CompanyRef(environment="simulator", realm_id=callback["realmId"][0]),
            tokens=tokens,
            gate=gate,
            on_call=lambda _: None,
        )
        simulator.preferences(
            {
                "SalesFormsPrefs.CustomTxnNumbers": True,
                "SalesFormsPrefs.AutoApplyCredit": False,
                "SalesFormsPrefs.AutoApplyPayments": False,
            }
        )
        yield Connected(provider, tokens, gate)
