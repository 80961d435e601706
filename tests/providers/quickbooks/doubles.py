"""Doubles for what a client is given, and the client itself, for tests at the wire."""

from collections.abc import Callable

import httpx

from app.kit.http import build_client
from app.providers.quickbooks.client import QuickBooksClient

API = "https://books.test"
REALM = "1234567890"
ROOT = f"{API}/v3/company/{REALM}"


class StubTokens:
    """Hands out `token-1`, and after each renewal the next one."""

    def __init__(self) -> None:
        self.serial = 1
        self.renewed: list[str] = []

    async def access_token(self) -> str:
        return f"token-{self.serial}"

    async def renew(self, stale: str) -> str:
        self.renewed.append(stale)
        if stale == f"token-{self.serial}":
            self.serial += 1
        return f"token-{self.serial}"


class StubGate:
    """Admits everything and remembers it."""

    def __init__(self) -> None:
        self.admitted: list[bool] = []
        self.throttles: list[float | None] = []

    async def admit(self, *, batch: bool = False) -> None:
        self.admitted.append(batch)

    def answered(self) -> None:
        pass

    async def throttled(self, after: float | None) -> None:
        self.throttles.append(after)


class Wire:
    """A client, and everything around it that a test looks at."""

    def __init__(self, *, base_url: str = API, http: httpx.AsyncClient | None = None) -> None:
        self.tokens = StubTokens()
        self.gate = StubGate()
        self.calls: list[str] = []
        self.pauses: list[float] = []
        self.client = QuickBooksClient(
            http=http or build_client(),
            base_url=base_url,
            realm_id=REALM,
            tokens=self.tokens,
            gate=self.gate,
            on_call=self.calls.append,
            pause=self._pause,
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def write(
        self, body: bytes = b'{"a":1}', *, permit: Callable[[], None] = lambda: None
    ) -> object:
        reply = await self.client.write("invoice", body, request_id="x1g00", permit=permit)
        return reply.payload
