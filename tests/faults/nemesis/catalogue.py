"""Every fault there is, by name."""

from typing import Any

from tests.faults.nemesis import faults
from tests.faults.nemesis.faults import Fault, at_commit, on_the_wire, on_write
from tests.faults.nemesis.play import scaled

ANYWHERE = (0.0, 1.5)
EARLY = (0.0, 0.6)

SYSTEM = {"code": "10000", "message": "System Failure Error", "type": "SystemFault"}
INVALID = {"code": "6000", "detail": "Refused by the nemesis", "status": 400}
THROTTLED_XML = (
    '<IntuitResponse time="2026-03-02T15:09:27.528-08:00"'
    ' xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE"><Error code="3001">'
    "<Message>message=ThrottleExceeded; errorCode=003001; statusCode=403</Message>"
    "<Detail>The request limit was reached.  Try again later</Detail></Error></Fault>"
    "</IntuitResponse>"
)
THROTTLED_JSON = faults.gateway_body(
    "message=ThrottleExceeded; errorCode=003001; statusCode=429", "3001", "SERVICE"
)
FORBIDDEN = faults.gateway_body(
    "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403", "3100", "SERVICE"
)
THROTTLED_ITEM = {"code": "3001", "message": "ThrottleExceeded", "type": "SERVICE", "status": 429}


def _before_and_after(name: str, action: dict[str, Any]) -> list[Fault]:
    return [
        Fault(f"{name}, before the write", on_write(action | {"when": "before"})),
        Fault(f"{name}, after the write", on_write(action | {"when": "after"})),
    ]


def _dies(name: str, moment: str, state: str, **details: Any) -> Fault:
    strike = at_commit(moment, state, "SIGKILL", **details)
    return Fault(name, strike, crowd="moves" in details, between=ANYWHERE)


def _at(name: str, moment: str, state: str, action: str, **details: Any) -> Fault:
    return Fault(name, at_commit(moment, state, action, **details), between=ANYWHERE)


def _in_batch(name: str, action: dict[str, Any], *, times: int = 1) -> Fault:
    return Fault(name, on_write(action, times=times, batch=True), crowd=True)


DEATHS = [
    Fault(
        "killed before the intent",
        at_commit("before_commit", "sending", "SIGKILL"),
        between=ANYWHERE,
    ),
    Fault(
        "killed after the intent", at_commit("after_commit", "sending", "SIGKILL"), between=ANYWHERE
    ),
    Fault("killed with half the body sent", on_the_wire("half_sent"), between=ANYWHERE),
    Fault("killed when sent, before the answer", on_the_wire("answered"), between=ANYWHERE),
    Fault(
        "killed when answered, before the commit",
        at_commit("before_commit", "posted", "SIGKILL"),
        between=ANYWHERE,
    ),
    Fault(
        "killed when committed", at_commit("after_commit", "posted", "SIGKILL"), between=ANYWHERE
    ),
    Fault("API killed before it rings", faults.api_dies_at_the_bell, alone=True, between=ANYWHERE),
    Fault("killed somewhere", faults.kill_one_at_random, between=(0.2, 2.0)),
    Fault("all workers gone", faults.kill_all, alone=True, between=(0.2, 1.5)),
    Fault(
        "stopped before the call", at_commit("after_commit", "sending", "SIGSTOP"), between=ANYWHERE
    ),
    Fault(
        "stopped before the outcome is kept",
        at_commit("before_commit", "posted", "SIGSTOP"),
        between=ANYWHERE,
    ),
    Fault("stopped in the call", on_the_wire("answered", stopped=True), between=ANYWHERE),
    Fault("stopped somewhere", faults.stop_one_at_random, between=(0.2, 1.5)),
    Fault(
        "event loop blocked before the call",
        at_commit("after_commit", "sending", "block", seconds=5.2),
        between=ANYWHERE,
    ),
    Fault(
        "event loop blocked after the answer",
        at_commit("before_commit", "posted", "block", seconds=5.2),
        between=ANYWHERE,
    ),
    Fault("slices cancelled", faults.cancel_slices, between=(0.2, 1.5)),
    Fault("worker clocks five minutes apart", faults.wrong_clocks, alone=True, between=EARLY),
    Fault("eight overlapping ranges", faults.eight_overlapping, between=EARLY),
]
BATCHES = [
    _dies("killed with some of a batch's outcomes kept", "after_commit", "posted", moves=2),
    Fault(
        "batch items refused",
        on_write({"batch": {"faults": {"0": INVALID, "2": INVALID}}}, times=2, batch=True),
        crowd=True,
    ),
    _dies("killed before a batch's outcomes", "before_commit", "posted", moves=2),
    _dies("killed after a batch's intents", "after_commit", "sending", moves=2),
    Fault(
        "batch answers shuffled",
        on_write({"batch": {"shuffle": True}}, times=3, batch=True),
        crowd=True,
    ),
    Fault(
        "batch answers missing", on_write({"batch": {"drop": ["0", "3"]}}, batch=True), crowd=True
    ),
    Fault(
        "batch answers doubled",
        on_write({"batch": {"double": ["1", "2"]}}, times=2, batch=True),
        crowd=True,
    ),
    Fault(
        "429 inside a batch",
        on_write({"batch": {"faults": {"1": THROTTLED_ITEM, "2": THROTTLED_ITEM}}}, batch=True),
        crowd=True,
    ),
    _in_batch("batch torn", {"torn": True, "when": "after"}),
    Fault(
        "batch answer lost",
        on_write({"cut": "before_answer", "when": "after"}, batch=True),
        crowd=True,
    ),
]
STORES = [
    Fault("Redis flushed", faults.redis_flushed, alone=True, between=ANYWHERE),
    Fault("Redis restarted", faults.redis_restarted, alone=True, between=ANYWHERE),
    Fault("Redis unreachable", faults.redis_unreachable, alone=True, between=ANYWHERE),
    Fault("Redis full", faults.redis_full, alone=True, between=ANYWHERE),
    Fault("Postgres restarted at once", faults.postgres_restarted, alone=True, between=ANYWHERE),
    Fault("Postgres connections cut", faults.connections_cut, alone=True, between=ANYWHERE),
    Fault(
        "session ended in the intent's COMMIT",
        at_commit("before_commit", "sending", "end"),
        between=ANYWHERE,
    ),
    Fault(
        "session ended in the outcome's COMMIT",
        at_commit("before_commit", "posted", "end"),
        between=ANYWHERE,
    ),
    Fault(
        "intent's COMMIT never arrives",
        at_commit("before_commit", "sending", "before"),
        between=ANYWHERE,
    ),
    Fault(
        "outcome's COMMIT never arrives",
        at_commit("before_commit", "posted", "before"),
        between=ANYWHERE,
    ),
    Fault(
        "answer to the intent's COMMIT lost",
        at_commit("before_commit", "sending", "after"),
        between=ANYWHERE,
    ),
    Fault(
        "answer to the outcome's COMMIT lost",
        at_commit("before_commit", "posted", "after"),
        between=ANYWHERE,
    ),
    Fault(
        "pool exhausted",
        at_commit("after_commit", "sending", "exhaust", seconds=4.5),
        between=ANYWHERE,
    ),
    Fault("older backup restored", faults.old_backup, alone=True, between=(0.2, 1.0)),
]
ANSWERS = [
    Fault("401 once", on_write({"unauthorized": True})),
    Fault("401 for ever", faults.until_reconnected({"unauthorized": True}), between=EARLY),
    Fault(
        "403 with 3100",
        faults.until_reconnected({"status": 403, "body": FORBIDDEN}),
        between=EARLY,
    ),
    Fault("429 in XML", on_write({"throttled": True}, times=2)),
    Fault("429 in JSON", on_write({"status": 429, "body": THROTTLED_JSON})),
    Fault("429 with Retry-After", on_write({"throttled": True, "headers": {"Retry-After": "1"}})),
    Fault(
        "403 with 3001",
        on_write({"status": 403, "body": THROTTLED_XML, "content_type": "text/xml"}),
    ),
    *_before_and_after("500", {"fault": SYSTEM | {"status": 500}}),
    *_before_and_after("502", {"html": True, "status": 502}),
    *_before_and_after("503", {"html": True, "status": 503}),
    *_before_and_after("504", {"status": 504}),
    Fault("time-out, before the write", on_write({"delay": 5.0, "status": 504})),
    Fault("time-out, after the write", on_write({"delay": 5.0, "when": "after"})),
    Fault("reset, before the write", on_write({"cut": "before_answer", "when": "before"})),
    Fault("reset, after the write", on_write({"cut": "before_answer", "when": "after"})),
    Fault("reset in the answer", on_write({"cut": "mid_answer", "when": "after"})),
    Fault("truncated JSON", on_write({"torn": True, "when": "after"})),
    *_before_and_after("HTML with 200", {"html": True, "status": 200}),
    *_before_and_after("Fault with 200", {"fault": SYSTEM | {"status": 200}}),
    Fault("refused, and the refusal replayed", on_write({"fault": INVALID, "kept": True})),
    Fault("stale SyncToken", faults.stale_tokens),
    Fault("books closed, then opened", faults.closed_and_opened, between=EARLY),
    Fault("applied minutes later", on_write({"apply_later": scaled(110)}, nth=4)),
    Fault(
        "applied later than the promise bears",
        faults.applied_too_late({"apply_later": scaled(420)}),
    ),
    Fault(
        "queries lag behind",
        faults.on_write_unseen({"cut": "before_answer", "when": "after"}, scaled(150)),
    ),
    Fault("request ids forgotten", faults.request_ids_forgotten, between=ANYWHERE),
    Fault("token revoked, connected again", faults.revoked, between=EARLY),
    Fault("refresh race", faults.refresh_race, between=EARLY),
    Fault("refresh answer lost", faults.refresh_lost, between=EARLY),
]
CATALOGUE = {fault.name: fault for fault in (*DEATHS, *BATCHES, *STORES, *ANSWERS)}
