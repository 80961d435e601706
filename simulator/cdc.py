"""Change data capture: what changed since a moment, entity by entity."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.books.faults import Fault
from simulator.clock import Clock
from simulator.query.errors import invalid
from simulator.query.fields import COUNTED, Field, FieldKind, entity_named
from simulator.query.table import Table
from simulator.realm import SINGLETONS, Realm
from simulator.switches import Switches
from simulator.wire import Json, dumps

LOOK_BACK = timedelta(days=30)
MAX_OBJECTS = 1000
NOT_CAPTURED = frozenset({"TaxAgency", "TaxCode", "TaxRate", *SINGLETONS})

_CHANGED = Field("LastUpdatedTime", ("MetaData", "LastUpdatedTime"), FieldKind.TIME)
_CREATED = Field("CreateTime", ("MetaData", "CreateTime"), FieldKind.TIME)


def capture(
    realm: Realm, *, entities: str, changed_since: str, clock: Clock, switches: Switches
) -> bytes:
    """
    The ``CDCResponse`` member as JSON: at most 1000 objects, one member an entity as asked.

    Raises:
        Fault: 2020 without a parameter, 2090 for a bad time, 4002 for an entity not captured.
    """
    names = [_captured(realm, name) for name in entities.split(",") if name.strip()]
    if not names:
        raise Fault.missing("entities")
    since = _since(changed_since, clock.now(), switches)
    gone = realm.deleted(since)
    room = MAX_OBJECTS
    members = []
    for name in names:
        live = [realm.row_bytes(name, row) for row in _changed(realm.table(name), since)][:room]
        room -= len(live)
        stubs = [dumps(stub) for entity, stub in gone if entity == name][:room]
        room -= len(stubs)
        members.append(_member(name, live, stubs))
    return b'[{"QueryResponse":[' + b",".join(members) + b"]}]"


def _captured(realm: Realm, name: str) -> str:
    entity = entity_named(name.strip())
    if entity is None or entity not in realm.entities:
        raise invalid(f"invalid context declaration: {name.strip()}")
    if entity in NOT_CAPTURED:
        detail = f"QueryValidationError: change data capture is not supported on entity {entity}"
        raise Fault.of("4002", "Query not supported", detail, None)
    return entity


def _since(text: str, now: datetime, switches: Switches) -> datetime:
    if not text:
        raise Fault.missing("changedSince")
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        raise Fault.bad_date("changedSince", text) from None
    if since.tzinfo is None:
        since = since.replace(tzinfo=now.tzinfo)
    if since >= now - LOOK_BACK or switches.cdc_old_since == "answer":
        return since
    if switches.cdc_old_since == "refuse":
        raise Fault.bad_value("changedSince", "changedSince must be within the last 30 days")
    return now - LOOK_BACK


def _changed(table: Table, since: datetime) -> list[Json]:
    """Rows changed at or after *since*, the oldest change first."""
    bound = since.timestamp()
    created = table.column(_CREATED)
    found = [
        (created[at] if moment is None else moment, at)
        for at, moment in enumerate(table.column(_CHANGED))
    ]
    return [table.rows[at] for _, at in sorted(pair for pair in found if (pair[0] or 0) >= bound)]


def _member(name: str, live: list[bytes], stubs: list[bytes]) -> bytes:
    """As recorded: a member of stubs only has no startPosition, but a totalCount."""
    if not live and not stubs:
        return b"{}"
    count = len(live) + len(stubs)
    tail = f',"startPosition":1,"maxResults":{count}' if live else f',"maxResults":{count}'
    if name in COUNTED or not live:
        tail += f',"totalCount":{count}'
    return b'{"' + name.encode() + b'":[' + b",".join([*live, *stubs]) + b"]" + tail.encode() + b"}"
