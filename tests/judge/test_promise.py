"""The checker of the promise is content with a sound ledger, and misses nothing that is not."""

import copy
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from judge.books import Books
from judge.marks import Marks
from judge.promise import Ledger, Promise, Waits

REALM = "9130"
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
MARK = Marks("simulator", REALM, "billing").of("invoice", "i1")
# Computed once by hand from the contract: sha256 over the identity and its operation, base32.
REQUEST_ID = "x" + MARK[4:-1] + "g00"
BODY = hashlib.sha256(b"{}").hexdigest()


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def event(before: str | None, after: str, seconds: float, fence: int | None = 1) -> dict[str, Any]:
    return {
        "posting_id": "p",
        "from_state": before,
        "to_state": after,
        "at": at(seconds),
        "fence": fence,
        "cause": "export",
    }


def sound() -> tuple[Ledger, Books, list[dict[str, Any]]]:
    """One invoice: sent, unknown, looked for twice, sent again, posted."""
    link = {
        "id": "l",
        "kind": "invoice",
        "billing_id": "i1",
        "source_system": "billing",
        "marker": MARK,
        "state": "live",
        "external_id": "7",
    }
    posting = {
        "id": "p",
        "link_id": "l",
        "operation": "create",
        "generation": 0,
        "request_id": REQUEST_ID,
        "state": "posted",
        "reason": None,
        "looks": 2,
        "body_hash": BODY,
    }
    events = [
        event(None, "pending", 0, None),
        event("pending", "sending", 0),
        event("sending", "unknown", 1, 2),
        event("unknown", "sending", 6, 2),
        event("sending", "posted", 7, 2),
    ]
    job = {
        "id": "j",
        "direction": "export",
        "status": "succeeded",
        "finished_at": at(8),
        "failure": None,
        "paused_reason": None,
        "counts": {"total": 1, "created": 1},
    }
    record = {
        "job_id": "j",
        "kind": "invoice",
        "billing_id": "i1",
        "state": "posted",
        "code": None,
        "posting_id": "p",
    }
    steps = [
        {"job_id": "j", "name": name, "position": place}
        for place, name in enumerate(("plan", "customers", "invoices", "payments"))
    ]
    attempts = [{"started_at": at(0), "fence": 1}, {"started_at": at(6), "fence": 2}]
    ledger = Ledger(
        environment="simulator",
        realm=REALM,
        links=[link],
        postings=[posting],
        events=events,
        attempts=attempts,
        jobs=[job],
        steps=steps,
        records=[record],
        strays=[],
    )
    books = Books(documents={"Invoice": [{"Id": "7", "PrivateNote": f"Thanks {MARK}"}]})
    return ledger, books, [write(), write()]


def write(**changes: Any) -> dict[str, Any]:
    return {
        "method": "POST",
        "path": "/v3/company/9130/invoice",
        "requestid": REQUEST_ID,
        "operation": "create",
        "entity": "Invoice",
        "body_sha256": BODY,
        "at": BEGAN.isoformat(),
        "milliseconds": 5,
        **changes,
    }


def refresh(seconds: float) -> dict[str, Any]:
    return write(
        path="/oauth2/v1/tokens/bearer",
        requestid=None,
        at=at(seconds).isoformat(),
        milliseconds=300,
    )


def rules(ledger: Ledger, books: Books, log: list[dict[str, Any]]) -> set[str]:
    promise = Promise(ledger, books, log, Waits(second_look=6.0, give_up=100.0))
    return {breach.rule for breach in promise.check()}


def test_is_content_with_a_sound_ledger() -> None:
    assert rules(*sound()) == set()


Harm = Callable[[Ledger, Books, list[dict[str, Any]]], None]
HARMS: dict[str, tuple[Harm, str]] = {
    "a way that is none": (
        lambda ledger, books, log: ledger.events[4].update(from_state="pending"),
        "illegal transition",
    ),
    "a state without a move": (
        lambda ledger, books, log: ledger.postings[0].update(state="rejected"),
        "illegal transition",
    ),
    "an id that nobody can derive": (
        lambda ledger, books, log: ledger.postings[0].update(request_id="xabcg00"),
        "request id",
    ),
    "sent again after one look": (
        lambda ledger, books, log: ledger.postings[0].update(looks=1),
        "repeated too early",
    ),
    "sent again before its time": (
        lambda ledger, books, log: ledger.events[3].update(at=at(5)),
        "repeated too early",
    ),
    "a write by one who was overtaken": (
        lambda ledger, books, log: ledger.events[4].update(fence=1),
        "stale fence",
    ),
    "an attempt by one who was overtaken": (
        lambda ledger, books, log: ledger.attempts[0].update(fence=3),
        "stale fence",
    ),
    "other bytes": (
        lambda ledger, books, log: log[1].update(body_sha256="other"),
        "other bytes",
    ),
    "a write of nobody": (
        lambda ledger, books, log: log[1].update(requestid="xother"),
        "unknown write",
    ),
    "a batch twice": (
        lambda ledger, books, log: log.extend([write(operation="batch", requestid="b")] * 2),
        "replayed batch",
    ),
    "two refreshes at once": (
        lambda ledger, books, log: log.extend([refresh(0), refresh(0.1)]),
        "two refreshes",
    ),
    "a job that never ended": (
        lambda ledger, books, log: ledger.jobs[0].update(finished_at=None),
        "job",
    ),
    "counts that do not add up": (
        lambda ledger, books, log: ledger.jobs[0].update(counts={"total": 2, "created": 2}),
        "counts",
    ),
    "payments first": (
        lambda ledger, books, log: ledger.steps[3].update(position=1),
        "order",
    ),
    "a record left behind": (
        lambda ledger, books, log: ledger.records[0].update(state="waiting", posting_id=None),
        "left behind",
    ),
    "a record that says something else": (
        lambda ledger, books, log: ledger.records[0].update(state="rejected"),
        "history",
    ),
    "a document that is not there": (
        lambda ledger, books, log: books.documents.update(Invoice=[]),
        "lost",
    ),
    "a document that nobody knows": (
        lambda ledger, books, log: ledger.links[0].update(state="absent", external_id=None),
        "lost",
    ),
    "two documents, and nobody is told": (
        lambda ledger, books, log: books.documents["Invoice"].append(
            {"Id": "8", "PrivateNote": MARK}
        ),
        "duplicate",
    ),
    "a second generation of what was posted": (
        lambda ledger, books, log: ledger.postings.append(
            {**ledger.postings[0], "id": "q", "generation": 1, "request_id": REQUEST_ID[:-1] + "1"}
        ),
        "generation",
    ),
    "poison without three deaths": (
        lambda ledger, books, log: (
            ledger.postings[0].update(state="conflict", reason="poison"),
            ledger.events[4].update(from_state="sending", to_state="unknown"),
            ledger.events.append(event("unknown", "conflict", 8, 2)),
        ),
        "conflict",
    ),
}


@pytest.mark.parametrize("name", HARMS)
def test_finds(name: str) -> None:
    ledger, books, log = copy.deepcopy(sound())
    harm, rule = HARMS[name]

    harm(ledger, books, log)

    assert rule in rules(ledger, books, log)
