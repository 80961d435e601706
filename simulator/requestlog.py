"""What was asked and answered, for the control plane."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from simulator.exchange import Answer, Call
from simulator.switches import Switches
from simulator.wire import Json

_CODE = re.compile(rb'"code":"([^"]*)"|code="([^"]*)"|"error":"([^"]*)"')


@dataclass(slots=True)
class Entry:
    """One call; *status* is None when the connection was cut before any answer."""

    number: int
    at: datetime
    call: Call
    status: int | None
    code: str | None
    cut: bool
    rule: str | None
    milliseconds: float
    body_sha256: str
    body: str | None

    def to_json(self) -> Json:
        """The entry as the control plane shows it."""
        call = self.call
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "method": call.method,
            "path": call.path,
            "query": call.query,
            "realm_id": call.realm_id,
            "operation": call.operation,
            "entity": call.entity,
            "requestid": call.request_id,
            "status": self.status,
            "code": self.code,
            "cut": self.cut,
            "rule": self.rule,
            "intuit_tid": call.tid,
            "milliseconds": round(self.milliseconds, 3),
            "body_sha256": self.body_sha256,
            "body": self.body,
        }


class RequestLog:
    """The latest calls, oldest first, up to the switch ``log_limit``."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._entries: deque[Entry] = deque()
        self._count = 0

    def add(
        self,
        call: Call,
        answer: Answer | None,
        *,
        at: datetime,
        milliseconds: float,
        cut: bool,
        rule: str | None,
    ) -> None:
        """Write one call down. Tokens are not kept: neither headers nor the forms of OAuth."""
        self._count += 1
        keep_body = self._switches.log_bodies and call.realm_id is not None
        entry = Entry(
            number=self._count,
            at=at,
            call=call,
            status=None if answer is None else answer.status,
            code=_code(answer),
            cut=cut,
            rule=rule,
            milliseconds=milliseconds,
            body_sha256=hashlib.sha256(call.body).hexdigest(),
            body=call.body.decode(errors="replace") if keep_body else None,
        )
        call.forget_content()
        self._entries.append(entry)
        while len(self._entries) > self._switches.log_limit:
            self._entries.popleft()

    def find(
        self, *, realm_id: str | None = None, operation: str | None = None, after: int = 0
    ) -> Iterator[Entry]:
        """Entries of a company and an operation with a number above *after*."""
        for entry in self._entries:
            if entry.number <= after:
                continue
            if realm_id is not None and entry.call.realm_id != realm_id:
                continue
            if operation is None or entry.call.operation == operation:
                yield entry

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()


def _code(answer: Answer | None) -> str | None:
    """The fault code or OAuth error of a refusal."""
    if answer is None or answer.status < 400:
        return None
    found = _CODE.search(answer.body)
    if found is None:
        return None
    return next(group for group in found.groups() if group is not None).decode()
