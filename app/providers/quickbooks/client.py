"""
One HTTP call to one company: address, token, minorversion, requestid, limits, judgement.

Reads are repeated here, within reason; a write goes out exactly once, and whatever keeps its
answer from arriving whole is reported as unknown.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote as quote_path

from app.accounting.errors import (
    AccessExpired,
    NotSent,
    OutcomeUnknown,
    ReconnectRequired,
    RetryLater,
)
from app.accounting.ports import CallGate, TokenSource
from app.kit.http import (
    AsyncClient,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    InvalidURL,
    PoolTimeout,
    TooBig,
    UnsupportedProtocol,
)
from app.providers.quickbooks import faults
from app.providers.quickbooks.query import Statement

MINOR_VERSION = "75"
# QuickBooks gives up at 120 s; the rest is for an answer that trickles in.
LONGEST_CALL_SECONDS = 180.0
READ_ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 0.5

Payload = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reply:
    """A trustworthy answer."""

    payload: Payload
    http_status: int
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    lane: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = "application/json"


def _always() -> None:
    """Permit every call."""


class QuickBooksClient:
    """
    The wire to one company.

    *base_url* is scheme and host, without `/v3`. *on_call* hears `read`, `write` or `batch` for
    each call that left this machine. *pause* sleeps between the attempts of a read.
    """

    def __init__(
        self,
        *,
        http: AsyncClient,
        base_url: str,
        realm_id: str,
        tokens: TokenSource,
        gate: CallGate,
        on_call: Callable[[str], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._root = f"{base_url.rstrip('/')}/v3/company/{quote_path(realm_id, safe='')}"
        self._tokens = tokens
        self._gate = gate
        self._on_call = on_call
        self._pause = pause
        self._token: str | None = None
        self._refused: str | None = None

    # -- what writes need beforehand

    async def ready(self, *, batch: bool = False) -> None:
        """
        Return when a write may go out at once.

        Raises:
            ReconnectRequired: There is no token to be had.
        """
        await self._gate.admit(batch=batch)
        self._token = await self._tokens.access_token()

    async def renew_access(self) -> None:
        """
        Replace the access token that was last refused.

        Raises:
            ReconnectRequired: The connection is dead.
        """
        stale = self._refused or self._token or await self._tokens.access_token()
        self._token = await self._tokens.renew(stale)

    # -- the three kinds of call

    async def get(self, path: str) -> Reply:
        """Read one resource, by the segments after the company, such as `invoice/145`."""
        return await self._read(_Call("GET", path, "read"))

    async def query(self, statement: Statement) -> Reply:
        """Run a statement; a long one, or one with a list, travels as a body."""
        if not statement.by_post:
            return await self._read(
                _Call("GET", "query", "read", params=(("query", statement.text),))
            )
        body = statement.text.encode()
        return await self._read(
            _Call("POST", "query", "read", body=body, content_type="application/text")
        )

    async def write(
        self,
        path: str,
        body: bytes,
        *,
        request_id: str,
        permit: Callable[[], None],
        params: Mapping[str, str] | None = None,
        lane: str = "write",
    ) -> Reply:
        """
        Send a write once, after `ready`.

        *permit* is asked before the call, and again when the connection stands and the first byte
        is about to go; NotSent from it, or a connection that was never made, is the only proof
        that nothing went out.

        Raises:
            ProviderError: Of every kind; a RetryLater has been told to the gate.
        """
        extra = tuple((params or {}).items())
        call = _Call("POST", path, lane, params=(*extra, ("requestid", request_id)), body=body)
        token = self._token or await self._tokens.access_token()
        try:
            return await self._exchange(call, token, permit)
        except RetryLater as refusal:
            await self._gate.throttled(refusal.after)
            raise

    async def slow_down(self, after: float | None) -> None:
        """Tell the gate that the quota is used up, as an item inside a batch said."""
        await self._gate.throttled(after)

    # -- inside

    async def _read(self, call: _Call) -> Reply:
        """Repeat a read on what may pass: lost answers, a full quota, once a stale token."""
        renewed = False
        for attempt in range(1, READ_ATTEMPTS + 1):
            await self._gate.admit()
            self._token = await self._tokens.access_token()
            try:
                return await self._exchange(call, self._token, _always)
            except AccessExpired as refusal:
                if renewed:
                    raise ReconnectRequired(
                        refusal.fault, "QuickBooks refuses even a fresh access token."
                    ) from refusal
                renewed = True
                await self.renew_access()
            except RetryLater as refusal:
                await self._gate.throttled(refusal.after)
                if attempt == READ_ATTEMPTS:
                    raise
            except (NotSent, OutcomeUnknown):
                if attempt == READ_ATTEMPTS:
                    raise
                await self._pause(_backoff(attempt))
        raise OutcomeUnknown(explanation="No attempt of the read was answered.")

    async def _exchange(self, call: _Call, token: str, permit: Callable[[], None]) -> Reply:
        """Make the call once and judge its answer."""
        sent = False
        try:
            permit()
            sent = True
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                status, headers, body = await self._transfer(call, token, permit)
        except NotSent:
            sent = False
            raise
        except (ConnectError, ConnectTimeout, PoolTimeout, InvalidURL, UnsupportedProtocol) as lost:
            sent = False
            raise NotSent(explanation=f"No connection to QuickBooks: {_name(lost)}.") from lost
        except TooBig as lost:
            raise OutcomeUnknown(explanation="The answer was too big to be believed.") from lost
        except (HTTPError, OSError) as lost:
            raise OutcomeUnknown(explanation=f"The call broke off: {_name(lost)}.") from lost
        finally:
            self._gate.answered()
            if sent:
                self._on_call(call.lane)
        return self._judge(status, headers, body, token)

    async def _transfer(
        self, call: _Call, token: str, permit: Callable[[], None]
    ) -> tuple[int, Mapping[str, str], bytes]:
        async def trace(event: str, _: Mapping[str, Any]) -> None:
            if event.endswith(".send_request_headers.started"):
                permit()

        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        async with self._http.stream(
            call.method,
            f"{self._root}/{call.path}",
            params=(*call.params, ("minorversion", MINOR_VERSION)),
            headers=headers,
            content=call.body,
            extensions={"trace": trace},
        ) as response:
            return response.status_code, response.headers, await response.aread()

    def _judge(self, status: int, headers: Mapping[str, str], body: bytes, token: str) -> Reply:
        trace_id = headers.get("intuit_tid") or headers.get("intuit-tid")
        verdict = faults.judge(
            status,
            body,
            headers.get("content-type", ""),
            trace_id=trace_id,
            retry_after=headers.get("retry-after"),
        )
        if isinstance(verdict.error, AccessExpired):
            self._refused = token
        if verdict.error is not None:
            raise verdict.error
        return Reply(verdict.payload, status, trace_id)


def _backoff(attempt: int) -> float:
    """Return the seconds to wait after an attempt: doubling, with jitter against marching."""
    ceiling = FIRST_BACKOFF_SECONDS * 2.0**attempt
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - not a secret


def _name(error: BaseException) -> str:
    """Name the error without its text, which may quote an address."""
    return type(error).__name__
