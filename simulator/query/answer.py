"""From the text of a query to the bytes of its ``QueryResponse``."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.clock import Clock
from simulator.query.execute import Circumstances, Selection, entity_of, project, select
from simulator.query.fields import COUNTED
from simulator.query.parser import parse
from simulator.realm import Realm
from simulator.switches import Switches
from simulator.wire import dumps


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The ``QueryResponse`` object as JSON, and how many objects it holds."""

    entity: str
    body: bytes
    objects: int


def run_query(
    realm: Realm, text: str, *, clock: Clock, switches: Switches, lag: float | None = None
) -> QueryAnswer:
    """
    Answer one statement.

    Raises:
        Fault: 4000, 4001 or 2030, as the statement deserves.
    """
    statement = parse(
        text,
        doubled_apostrophe=switches.query_doubled_apostrophe,
        bare_numbers=switches.query_bare_numbers,
    )
    entity = entity_of(statement, realm.entities)
    zone = realm.zone
    given = Circumstances(
        zone=zone,
        today=clock.now().astimezone(zone).date(),
        default_order=switches.default_order,
        sku_filterable=switches.query_sku_filterable,
    )
    table = realm.table(entity, lag=switches.query_lag_seconds if lag is None else lag)
    selection = select(table, statement, given)
    if statement.count:
        return QueryAnswer(entity, dumps({"totalCount": selection.total}), 0)
    body = _render(realm, entity, selection, switches)
    return QueryAnswer(entity, body, len(selection.rows))


def _render(realm: Realm, entity: str, selection: Selection, switches: Switches) -> bytes:
    if not selection.rows:
        return b"{}"
    if selection.columns:
        rows = [dumps(project(row, selection.columns)) for row in selection.rows]
    else:
        rows = [realm.row_bytes(entity, row) for row in selection.rows]
    tail = f'],"startPosition":{selection.start},"maxResults":{len(rows)}'
    wanted = switches.total_count
    if wanted == "always" or (wanted == "recorded" and entity in COUNTED):
        tail += f',"totalCount":{len(rows)}'
    return b'{"' + entity.encode() + b'":[' + b",".join(rows) + tail.encode() + b"}"
