"""The memory behind ``requestid``: a repeated write gets its first answer and no second write."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from simulator.books.faults import Fault
from simulator.clock import Clock
from simulator.exchange import RequestIdMode
from simulator.switches import Switches

MAX_LENGTH = 50
MAX_LENGTH_IN_BATCH = 36
MAX_BATCH_ID = 10


@dataclass(frozen=True, slots=True)
class Stored:
    """The first answer to a request id: status and body of a call, or of one batch item."""

    at: float
    body_digest: bytes
    status: int
    body: bytes


class RequestIds:
    """One company's store of answered request ids."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._stored: dict[str, Stored] = {}

    def recall(self, key: str | None, body: bytes, mode: RequestIdMode | None) -> Stored | None:
        """
        The first answer to *key*, if it is still known and request ids are honoured.

        Raises:
            Fault: 600, the body is another one and the switch asks for this refusal.
        """
        if key is None or self.mode(mode) == "ignored":
            return None
        found = self._stored.get(key)
        if found is None or self._forgotten(found):
            return None
        other = found.body_digest != _digest(body)
        if other and self._switches.requestid_other_body == "fault":
            raise Fault.of("600", "Duplicate Request ID", f"Duplicate Request ID : {key}", None)
        return found

    def keep(self, key: str | None, body: bytes, status: int, answer: bytes) -> None:
        """Remember a definitive answer; refusals only when they are replayed, too."""
        if key is None or (status >= 400 and not self._switches.requestid_replays_faults):
            return
        self._stored[key] = Stored(self._clock.seconds(), _digest(body), status, answer)

    def mode(self, override: Literal["honoured", "ignored"] | None) -> RequestIdMode:
        """What holds for a call: its fault rule's word, else the switch."""
        return override or self._switches.requestid

    def __len__(self) -> int:
        return len(self._stored)

    def _forgotten(self, stored: Stored) -> bool:
        keep = self._switches.requestid_forget_seconds
        return keep is not None and self._clock.seconds() - stored.at >= keep


def check_length(request_id: str | None, maximum: int = MAX_LENGTH) -> None:
    """
    Refuse a request id that is empty or longer than *maximum*.

    Raises:
        Fault: 2130.
    """
    if request_id is not None and not 1 <= len(request_id) <= maximum:
        detail = (
            f"Invalid request id. Min:1 Max:{maximum} supported. Supplied length:{len(request_id)}"
        )
        raise Fault.of("2130", "Invalid request id", detail, "requestid")


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
