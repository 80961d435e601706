"""The accounting API of one call: routing, idempotency, envelopes."""

from __future__ import annotations

from collections.abc import Callable

from simulator.batch import BatchRun
from simulator.books.faults import Fault
from simulator.cdc import capture
from simulator.clock import Clock
from simulator.exchange import Answer, Call
from simulator.faultrules import BatchAction
from simulator.operations import Write, object_body, parse_body, write_of_call
from simulator.query.answer import run_query
from simulator.query.errors import parser_error
from simulator.realm import SINGLETONS, Realm
from simulator.requests import check_length
from simulator.routes import statement_of
from simulator.switches import Switches
from simulator.wire import Json, dumps, entity_envelope, fault_envelope

QBO_VERSION = "2611.142"
_WRITES = frozenset({"create", "update", "void", "delete", "taxservice"})
_JSON = "application/json;charset=utf-8"
_FRESH = {
    "QBO-Version": QBO_VERSION,
    "Expires": "0",
    "Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private",
}


class Api:
    """Answers calls under ``/v3/company/{realmId}`` that the gateway has let through."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches

    def answer(self, call: Call, realm: Realm, action: BatchAction) -> Answer:
        """Carry *call* out; a refusal becomes a Fault envelope."""
        try:
            if call.operation == "batch":
                return self._batch(call, realm, action)
            if call.operation in _WRITES:
                return self._once(call, realm)
            return self._read(call, realm)
        except Fault as fault:
            realm.counters.refused += 1
            return self.refusal(fault)

    def refusal(self, fault: Fault) -> Answer:
        """The answer to a call that was definitely not carried out."""
        return Answer(fault.status, fault_envelope(fault, self._clock.now()))

    def _once(self, call: Call, realm: Realm) -> Answer:
        """A write under its request id: the second time the first answer comes back."""
        check_length(call.request_id)
        ids = realm.request_ids
        stored = ids.recall(call.request_id, call.body, call.requestid_mode)
        if stored is not None:
            return _answer(stored.status, stored.body)
        try:
            answer = _answer(200, self._written(call, realm))
        except Fault as fault:
            realm.counters.refused += 1
            answer = self.refusal(fault)
        else:
            realm.counters.writes += 1
        ids.keep(call.request_id, call.body, answer.status, answer.body)
        return answer

    def _written(self, call: Call, realm: Realm) -> bytes:
        _check_content_type(call)
        body = object_body(parse_body(call.body))
        if call.operation == "taxservice":
            try:
                return dumps(realm.company.tax_service(body))
            finally:
                realm.touched()
        write = write_of_call(call, body, self._switches)
        _check_supported(call, write, realm)
        row = realm.write(write)
        return entity_envelope(write.entity, dumps(row), self._clock.now())

    def _batch(self, call: Call, realm: Realm, action: BatchAction) -> Answer:
        _check_content_type(call)
        body = parse_body(call.body)
        run = BatchRun(realm, call, clock=self._clock, switches=self._switches, action=action)
        return self._enveloped("BatchItemResponse", run.answer(body))

    def _read(self, call: Call, realm: Realm) -> Answer:
        readers: dict[str, Callable[[Call, Realm], Answer]] = {
            "query": self._query,
            "cdc": self._cdc,
            "read": self._object,
            "exchangerate": self._exchange_rate,
        }
        reader = readers.get(call.operation)
        if reader is None:
            raise wrong_path(call)
        answer = reader(call, realm)
        realm.counters.reads += 1
        return answer

    def _query(self, call: Call, realm: Realm) -> Answer:
        text = statement_of(call)
        if not text.strip():
            raise parser_error(
                'Encountered "<EOF>" at line 0, column 0.\nWas expecting:\n    "select" ...\n    '
            )
        found = run_query(
            realm, text, clock=self._clock, switches=self._switches, lag=call.query_lag
        )
        return self._enveloped("QueryResponse", found.body)

    def _cdc(self, call: Call, realm: Realm) -> Answer:
        body = capture(
            realm,
            entities=call.query.get("entities", ""),
            changed_since=call.query.get("changedSince", ""),
            clock=self._clock,
            switches=self._switches,
        )
        return self._enveloped("CDCResponse", body)

    def _object(self, call: Call, realm: Realm) -> Answer:
        entity, object_id = str(call.entity), str(call.object_id)
        if entity in SINGLETONS:
            row = realm.singleton(entity)
        elif entity not in realm.company.entities:
            raise wrong_path(call)
        elif not object_id.isdigit() and entity != "TaxCode":
            raise Fault.bad_id(object_id)
        else:
            row = realm.company.get(entity, object_id)
        return _answer(
            200, entity_envelope(entity, realm.row_bytes(entity, row), self._clock.now())
        )

    def _exchange_rate(self, call: Call, realm: Realm) -> Answer:
        if "ExchangeRate" not in realm.company.entities:
            raise Fault.not_supported("Multicurrency is not enabled.")
        currency = call.query.get("sourcecurrencycode", "").upper()
        if not currency:
            raise Fault.missing("sourcecurrencycode")
        today = self._clock.now().astimezone(realm.zone).date().isoformat()
        row = _latest_rate(realm, currency, call.query.get("asofdate", today))
        return _answer(200, entity_envelope("ExchangeRate", dumps(row), self._clock.now()))

    def _enveloped(self, name: str, body: bytes) -> Answer:
        return _answer(200, entity_envelope(name, body, self._clock.now()))


def wrong_path(call: Call) -> Fault:
    """400 with code 500: there is nothing under this path."""
    detail = (
        f"Operation Could not find resource for relative : {call.path} of full path: "
        f"{call.base_url}{call.path} is not supported."
    )
    return Fault.of("500", "Unsupported Operation", detail, None)


def _answer(status: int, body: bytes) -> Answer:
    return Answer(status, body, _JSON, dict(_FRESH)) if status == 200 else Answer(status, body)


def _check_content_type(call: Call) -> None:
    kind = call.headers.get("content-type", "application/json")
    if "json" not in kind.lower():
        raise Fault.of("1050", "Invalid content type", f"Invalid content type : {kind}", None)


def _check_supported(call: Call, write: Write, realm: Realm) -> None:
    if write.entity not in realm.company.entities:
        raise wrong_path(call)


def _latest_rate(realm: Realm, currency: str, day: str) -> Json:
    rates = [
        row
        for row in realm.company.rows("ExchangeRate")
        if row["SourceCurrencyCode"] == currency and str(row["AsOfDate"]) <= day
    ]
    if not rates:
        raise Fault.bad_currency(currency)
    return max(rates, key=lambda row: str(row["AsOfDate"]))
