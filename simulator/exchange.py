"""One HTTP call as the simulator sees it, and the answer it will give."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.wire import loads

RequestIdMode = Literal["honoured", "ignored"]


@dataclass(slots=True)
class Call:
    """A request that was read whole. The last fields are filled in by `simulator.routes`."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base_url: str
    tid: str
    realm_id: str | None = None
    resource: str = ""
    entity: str | None = None
    operation: str = ""
    object_id: str | None = None
    access_token: str | None = None
    requestid_mode: RequestIdMode | None = None
    query_lag: float | None = None
    _parsed: Any = field(default=None, repr=False)

    @property
    def request_id(self) -> str | None:
        """The idempotency key of a write, from the query string."""
        return self.query.get("requestid")

    def json(self) -> Any:
        """
        The body as JSON, parsed once.

        Raises:
            ValueError: It is no JSON, or no UTF-8.
        """
        if self._parsed is None:
            self._parsed = loads(self.body.decode())
        return self._parsed

    def forget_content(self) -> None:
        """Drop body, headers and token: what the request log need not hold on to."""
        self.body, self.headers, self._parsed, self.access_token = b"", {}, None, None


@dataclass(slots=True)
class Answer:
    """Status, body and headers; the transport adds the length."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def new_tid() -> str:
    """A correlation id in the form QuickBooks gives its answers since 2020."""
    token = secrets.token_hex(16)
    return f"1-{token[:8]}-{token[8:32]}"
