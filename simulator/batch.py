"""Batch: up to thirty independent items in one call, always HTTP 200 once it is accepted."""

from __future__ import annotations

import random
from typing import Any

from simulator.books.faults import Fault
from simulator.clock import Clock
from simulator.exchange import Call
from simulator.faultrules import BatchAction
from simulator.operations import VOID_BY_INCLUDE, Verb, Write, bad_json, object_body
from simulator.query.answer import run_query
from simulator.realm import Realm
from simulator.requests import MAX_BATCH_ID, MAX_LENGTH_IN_BATCH, check_length
from simulator.switches import Switches
from simulator.wire import Json, dumps, fault_body

MAX_OBJECTS = 1000
_KEY_SEPARATOR = "\x1f"
_OPERATIONS: dict[str, Verb] = {"create": "create", "update": "update", "delete": "delete"}


class BatchRun:
    """The execution of one batch call."""

    def __init__(
        self, realm: Realm, call: Call, *, clock: Clock, switches: Switches, action: BatchAction
    ) -> None:
        self._realm = realm
        self._call = call
        self._clock = clock
        self._switches = switches
        self._action = action
        self._objects = 0

    def answer(self, body: Any) -> bytes:
        """
        The ``BatchItemResponse`` array as JSON.

        Raises:
            Fault: 1040 too many items, 2130 a key is too long, 2010 it is no batch.
        """
        items = self._items(body)
        order = list(range(len(items)))
        if self._switches.batch_shuffle or self._action.shuffle:
            random.Random(self._call.tid).shuffle(order)
        answers = [(at, self._item(at, items[at])) for at in order]
        given: list[bytes] = []
        for at, answer in answers:
            names = {str(at), str(items[at].get("bId"))}
            if not names & set(self._action.drop):
                given.append(answer)
            if names & set(self._action.double):
                given.append(answer)
        return b"[" + b",".join(given) + b"]"

    def _items(self, body: Any) -> list[Json]:
        found = object_body(body).get("BatchItemRequest")
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise bad_json("BatchItemRequest is not a list of items")
        if len(found) > self._switches.batch_limit:
            detail = f"Maximum number of batch items allowed is {self._switches.batch_limit}"
            raise Fault.of("1040", "The batch size exceeds the limit", detail, None)
        if self._call.request_id is not None:
            check_length(self._call.request_id, MAX_LENGTH_IN_BATCH)
            for item in found:
                check_length(str(item.get("bId", "")), MAX_BATCH_ID)
        return found

    def _item(self, at: int, item: Json) -> bytes:
        batch_id = item.get("bId")
        key, raw = self._key(batch_id), dumps(item)
        ids, mode = self._realm.request_ids, self._call.requestid_mode
        stored = ids.recall(key, raw, mode)
        if stored is not None:
            return stored.body
        spec = self._action.fault_for(at, batch_id)
        if spec is not None and self._action.when == "before":
            return self._refusal(spec.to_fault(), batch_id)
        status, answer = self._perform(item, batch_id)
        ids.keep(key, raw, status, answer)
        return answer if spec is None else self._refusal(spec.to_fault(), batch_id)

    def _perform(self, item: Json, batch_id: Any) -> tuple[int, bytes]:
        counters = self._realm.counters
        try:
            if "Query" in item:
                name, body = "QueryResponse", self._query(item)
                counters.reads += 1
            else:
                name, body = self._write(item)
                counters.writes += 1
        except Fault as fault:
            counters.refused += 1
            return fault.status, self._refusal(fault, batch_id)
        return 200, _with_id(b'"' + name.encode() + b'":' + body, batch_id)

    def _query(self, item: Json) -> bytes:
        found = run_query(
            self._realm,
            str(item["Query"]),
            clock=self._clock,
            switches=self._switches,
            lag=self._call.query_lag,
        )
        self._objects += found.objects
        if self._objects > MAX_OBJECTS:
            detail = f"The result set is too big. Max allowed value is {MAX_OBJECTS}"
            raise Fault.of("10100", "Result set too big", detail, None)
        return found.body

    def _write(self, item: Json) -> tuple[str, bytes]:
        write = write_of_item(item, self._realm, self._switches)
        row = self._realm.write(write)
        self._objects += 1
        return write.entity, dumps(row)

    def _key(self, batch_id: Any) -> str | None:
        request_id = self._call.request_id
        return None if request_id is None else f"{request_id}{_KEY_SEPARATOR}{batch_id}"

    def _refusal(self, fault: Fault, batch_id: Any) -> bytes:
        return _with_id(b'"Fault":' + dumps(fault_body(fault.errors, fault.type)), batch_id)


def write_of_item(item: Json, realm: Realm, switches: Switches) -> Write:
    """
    The write of a batch item; void only by switch, since only create, update and delete are
    documented.

    Raises:
        Fault: 2010 no or two entities, 500 an operation that batch does not have.
    """
    entities = [name for name in item if name not in {"bId", "operation", "optionsData"}]
    if len(entities) != 1 or entities[0] not in realm.company.entities:
        raise bad_json(f'Unrecognized field "{(entities or ["none"])[0]}" (class BatchItemRequest)')
    entity, operation = entities[0], str(item.get("operation", "")).lower()
    body = object_body(item[entity])
    options = str(item.get("optionsData", "")).lower()
    voids = operation == "void" or (operation == "update" and options == "void")
    if voids and switches.batch_void and entity in {"Invoice", *VOID_BY_INCLUDE}:
        return Write("void", entity, body)
    if operation not in _OPERATIONS or voids:
        raise Fault.unsupported(f"Operation {operation or 'null'} is not supported in batch.")
    return Write(_OPERATIONS[operation], entity, body, options == "allowduplicatedocnum")


def _with_id(inner: bytes, batch_id: Any) -> bytes:
    """``bId`` comes last, as recorded; an item sent without one is answered without one."""
    tail = b"" if batch_id is None else b',"bId":' + dumps(batch_id)
    return b"{" + inner + tail + b"}"
