"""Ground truth of one company, read behind the back of whoever uses the API."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from typing import Any

from simulator.realm import SINGLETONS, Realm
from simulator.wire import Json

MARKER = r"\[lw:[^\]]*\]"
"""What a client that marks its documents is expected to leave in a note; adjustable per call."""

_NOTE_FIELDS = ("PrivateNote", "Notes")


def object_counts(realm: Realm) -> dict[str, int]:
    """How many objects of each entity there are, inactive ones included."""
    return {entity: len(realm.company.rows(entity)) for entity in _listed(realm)}


def duplicates(realm: Realm, marker: str = MARKER) -> Json:
    """
    Objects that share a marker, and documents of one kind that share a number.

    Each group lists entity, id, number, customer, date and total of its members.
    """
    pattern = re.compile(marker)
    by_marker: dict[str, list[Json]] = defaultdict(list)
    by_number: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for entity in _listed(realm):
        for row in realm.company.rows(entity):
            found = {
                mark for name in _NOTE_FIELDS for mark in pattern.findall(str(row.get(name, "")))
            }
            for mark in found:
                by_marker[mark].append(summary(entity, row))
            if row.get("DocNumber"):
                by_number[entity, str(row["DocNumber"])].append(summary(entity, row))
    return {
        "by_marker": {mark: rows for mark, rows in by_marker.items() if len(rows) > 1},
        "by_number": [
            {"entity": entity, "number": number, "documents": rows}
            for (entity, number), rows in by_number.items()
            if len(rows) > 1
        ],
    }


def marked(realm: Realm, marker: str = MARKER) -> Json:
    """Every marker in the books and the objects that carry it."""
    pattern = re.compile(marker)
    found: dict[str, list[Json]] = defaultdict(list)
    for entity in _listed(realm):
        for row in realm.company.rows(entity):
            for name in _NOTE_FIELDS:
                for mark in pattern.findall(str(row.get(name, ""))):
                    found[mark].append(summary(entity, row))
    return dict(found)


def summary(entity: str, row: Json) -> Json:
    """What identifies an object to a person."""
    brief: Json = {"entity": entity, "Id": row.get("Id"), "SyncToken": row.get("SyncToken")}
    for name in ("DocNumber", "DisplayName", "Name", "TxnDate", "TotalAmt"):
        if name in row:
            brief[name] = row[name]
    if isinstance(row.get("CustomerRef"), dict):
        brief["CustomerRef"] = row["CustomerRef"].get("value")
    return brief


def trial_balance(realm: Realm) -> Json:
    """Balance by account and their sum, which is zero in sound books."""
    balances = realm.company.trial_balance()
    return {"accounts": dict(balances), "sum": sum(balances.values())}


def ledger_entries(realm: Realm) -> list[Any]:
    """The postings behind the documents, as plain JSON."""
    return [plain(entry) for entry in realm.company.ledger_entries()]


def plain(value: Any) -> Any:
    """Dataclasses, tuples and dates as JSON values; decimals stay."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def _listed(realm: Realm) -> list[str]:
    return [entity for entity in realm.company.entities if entity not in SINGLETONS]
