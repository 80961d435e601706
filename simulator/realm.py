"""One company as the protocol sees it: its books and everything that is counted beside them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from simulator.books.company import Company
from simulator.books.faults import Fault
from simulator.clock import Clock
from simulator.operations import Write
from simulator.query.table import Table
from simulator.requests import RequestIds
from simulator.switches import Switches
from simulator.throttle import Rates, Throttle
from simulator.wire import Json, dumps

Condition = Literal["open", "subscription_ended", "no_access"]
"""What became of a company: no more writes (6190), or nobody of us may call it (403, 3100)."""

SINGLETONS = ("CompanyInfo", "Preferences")

_LAG_KEPT_SECONDS = 3600.0
"""The longest query lag that can be played."""


@dataclass(frozen=True, slots=True)
class Change:
    """A write that lagging queries do not see yet; *former* is None for a new row."""

    at: float
    entity: str
    object_id: str
    former: Json | None


@dataclass
class Counters:
    """Metering: successful calls and batch items that put data in or took data out."""

    reads: int = 0
    writes: int = 0
    refused: int = 0
    throttled: int = 0

    def to_json(self) -> Json:
        """The counters by name."""
        return {
            "reads": self.reads,
            "writes": self.writes,
            "refused": self.refused,
            "throttled": self.throttled,
        }


class Realm:
    """
    Books, idempotency store, limits, counters and query tables of one company.

    Every write has to go through `write`, else queries would answer from former rows.
    """

    def __init__(self, company: Company, realm_id: str, clock: Clock, switches: Switches) -> None:
        self.company = company
        self.realm_id = realm_id
        self.request_ids = RequestIds(clock, switches)
        self.throttle = Throttle(clock, switches)
        self.rates = Rates(clock)
        self.counters = Counters()
        self.condition: Condition = "open"
        self.reconciled: set[tuple[str, str]] = set()
        self._clock = clock
        self._revision = 0
        self._tables: dict[str, tuple[int, Table]] = {}
        self._bytes: dict[tuple[str, str], tuple[Json, bytes]] = {}
        self._changes: deque[Change] = deque()

    @property
    def entities(self) -> frozenset[str]:
        """What can be asked for by query."""
        return frozenset(self.company.entities) | frozenset(SINGLETONS)

    @property
    def name(self) -> str:
        """The company's name, for the consent page."""
        return str(self.singleton("CompanyInfo").get("CompanyName", self.realm_id))

    @property
    def zone(self) -> tzinfo:
        """The zone that timestamps without offset are read in."""
        zone = self.singleton("CompanyInfo").get("DefaultTimeZone")
        return ZoneInfo(zone if isinstance(zone, str) else "America/Los_Angeles")

    def write(self, write: Write) -> Json:
        """
        Apply a write and remember it for lagging queries.

        Raises:
            Fault: The books refuse.
        """
        if self.condition == "subscription_ended":
            raise Fault.company_status()
        if (write.entity, str(write.body.get("Id"))) in self.reconciled:
            raise Fault.reconciled()
        former = self._former(write)
        try:
            row = write.apply(self.company)
        finally:
            self.touched()
        object_id = str(row.get("Id", ""))
        now = self._clock.seconds()
        self._changes.append(Change(now, write.entity, object_id, former))
        while self._changes[0].at < now - _LAG_KEPT_SECONDS:
            self._changes.popleft()
        return row

    def touched(self) -> None:
        """The books may have changed: tables are read anew at the next query."""
        self._revision += 1

    def singleton(self, entity: str) -> Json:
        """CompanyInfo or Preferences."""
        return self.company.get(entity, self.realm_id if entity == "CompanyInfo" else "1")

    def table(self, entity: str, *, lag: float = 0.0) -> Table:
        """The rows a query sees now, or saw *lag* seconds ago."""
        table = self._current_table(entity)
        hidden = self._hidden(entity, lag) if lag > 0 else {}
        if not hidden:
            return table
        rows = {str(row.get("Id", at)): row for at, row in enumerate(table.rows)}
        for object_id, former in hidden.items():
            if former is None:
                rows.pop(object_id, None)
            else:
                rows[object_id] = former
        return Table(entity, sorted(rows.values(), key=_id_order))

    def row_bytes(self, entity: str, row: Json) -> bytes:
        """The row as JSON; written once for as long as it is not replaced."""
        key = (entity, str(row.get("Id", "")))
        found = self._bytes.get(key)
        if found is None or found[0] is not row:
            found = self._bytes[key] = (row, dumps(row))
        return found[1]

    def warm(self) -> None:
        """Write every row once now, so that the first queries are as fast as later ones."""
        for entity in self.company.entities:
            for row in self._current_table(entity).rows:
                self.row_bytes(entity, row)

    def deleted(self, since: datetime) -> list[tuple[str, Json]]:
        """Entity and stub of what was deleted after *since*."""
        return self.company.deleted(since)

    def _current_table(self, entity: str) -> Table:
        known = self._tables.get(entity)
        if known is not None and known[0] == self._revision:
            return known[1]
        rows = [self.singleton(entity)] if entity in SINGLETONS else self.company.rows(entity)
        table = Table(entity, rows, None if known is None else known[1])
        self._tables[entity] = (self._revision, table)
        return table

    def _former(self, write: Write) -> Json | None:
        object_id = write.body.get("Id")
        if write.verb == "create" or not isinstance(object_id, str):
            return None
        try:
            return self.company.get(write.entity, object_id)
        except Fault:
            return None

    def _hidden(self, entity: str, lag: float) -> dict[str, Json | None]:
        """Rows that changed within the lag, as they were before the first such change."""
        now = self._clock.seconds()
        hidden: dict[str, Json | None] = {}
        for change in self._changes:
            if change.entity == entity and change.at > now - lag:
                hidden.setdefault(change.object_id, change.former)
        return hidden


def _id_order(row: Json) -> tuple[bool, int, str]:
    text = str(row.get("Id", ""))
    return (not text.isdigit(), int(text) if text.isdigit() else 0, text)
