"""
The ledger held against its own contract, and against the books: by SQL rows and the wire's log.

Nothing of the program is used: states, ways between them, ids and waits are written down here a
second time, from `docs/guarantees.md`.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from judge.books import Books, note
from judge.marks import BETWEEN

Row = Mapping[str, Any]

WAYS: Mapping[str | None, frozenset[str]] = {
    None: frozenset({"pending"}),
    "pending": frozenset({"sending", "cancelled", "parked"}),
    "sending": frozenset({"posted", "rejected", "unknown", "parked", "pending"}),
    "unknown": frozenset({"posted", "sending", "conflict"}),
    "parked": frozenset({"pending"}),
    "conflict": frozenset({"posted", "cancelled"}),
    "posted": frozenset(),
    "rejected": frozenset(),
    "cancelled": frozenset(),
}
ENTITIES = {
    "customer": "Customer",
    "invoice": "Invoice",
    "payment": "Payment",
    "credit_memo": "CreditMemo",
    "application": "Payment",
}
# The contract's order inside an export.
STEPS = (
    "customers",
    "items",
    "payment_voids",
    "invoice_voids",
    "invoices",
    "credit_memos",
    "payments",
    "applications",
    "refunds",
)
ENDED_IN = frozenset(
    {
        "posted",
        "unchanged",
        "skipped",
        "blocked",
        "rejected",
        "unknown",
        "parked",
        "conflict",
        "cancelled",
    }
)
POISON = 3
TOKEN_PATH = "/oauth2/v1/tokens/bearer"  # noqa: S105 - a path, not a token


@dataclass(frozen=True)
class Waits:
    """What the contract lets pass between sending, looking and sending again, in seconds."""

    second_look: float
    give_up: float


@dataclass(frozen=True)
class Breach:
    """One broken promise: which rule, of what, and what was seen."""

    rule: str
    which: str
    seen: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.which}: {self.seen}"


@dataclass
class Ledger:
    """Everything the database has of one company."""

    environment: str
    realm: str
    links: Sequence[Row]
    postings: Sequence[Row]
    events: Sequence[Row]
    attempts: Sequence[Row]
    jobs: Sequence[Row]
    steps: Sequence[Row]
    records: Sequence[Row]
    strays: Sequence[Row]


@dataclass
class Promise:
    """Checks one company once; `breaches` says what is broken, `conflicts` what people see."""

    ledger: Ledger
    books: Books
    log: Sequence[Row]
    waits: Waits
    breaches: list[Breach] = field(default_factory=list)

    def check(self) -> list[Breach]:
        links = {row["id"]: row for row in self.ledger.links}
        events = _by(self.ledger.events, "posting_id")
        for posting in self.ledger.postings:
            link = links[posting["link_id"]]
            name = f"{link['kind']} {link['billing_id'].replace(BETWEEN, '+')}"
            listed = sorted(events.get(posting["id"], ()), key=_moment)
            self._ways(name, posting, listed)
            self._identity(name, posting, link)
            self._repeats(name, posting, listed)
            self._conflict(name, posting, listed)
        self._generations(links)
        self._fences()
        self._wire()
        self._refreshes()
        self._jobs()
        self._documents()
        return self.breaches

    def _breach(self, rule: str, which: str, seen: str) -> None:
        self.breaches.append(Breach(rule, which, seen))

    # ------------------------------------------------------------------------------- one posting

    def _ways(self, name: str, posting: Row, events: Sequence[Row]) -> None:
        """Each move starts where the last one ended, on a way that there is."""
        state: str | None = None
        for event in events:
            before, after = event["from_state"], event["to_state"]
            if before != state or after not in WAYS[before]:
                self._breach("illegal transition", name, f"{state}: {before} → {after}")
            state = after
        if state != posting["state"]:
            self._breach("illegal transition", name, f"moved to {state}, is {posting['state']}")

    def _identity(self, name: str, posting: Row, link: Row) -> None:
        """The request id is the one that everybody can derive, the same in each attempt."""
        derived = self._request_id(posting, link)
        if posting["request_id"] != derived:
            self._breach("request id", name, f"{posting['request_id']}, not {derived}")

    def _request_id(self, posting: Row, link: Row) -> str:
        parts = (
            self.ledger.environment,
            self.ledger.realm,
            link["kind"],
            link["source_system"],
            link["billing_id"],
            posting["operation"],
        )
        text = unicodedata.normalize("NFC", BETWEEN.join(parts))
        digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
        return f"x{digest[:26]}g{posting['generation']:02d}"

    def _repeats(self, name: str, posting: Row, events: Sequence[Row]) -> None:
        """Nothing unknown goes out again before two looks, the second not before its time."""
        again = [row for row in events if (row["from_state"], row["to_state"]) == REPEAT]
        if len(again) > max(posting["looks"] - 1, 0):
            seen = f"{len(again)} repeats after {posting['looks']} looks"
            self._breach("repeated too early", name, seen)
        first = next((row for row in events if row["to_state"] == "sending"), None)
        if again and first is not None:
            waited = again[0]["at"] - first["at"]
            if waited < timedelta(seconds=self.waits.second_look):
                self._breach("repeated too early", name, f"after {waited.total_seconds():.2f} s")

    def _conflict(self, name: str, posting: Row, events: Sequence[Row]) -> None:
        """A person is asked only for a reason that holds."""
        if posting["state"] != "conflict":
            return
        reason = posting["reason"]
        died = sum(row["cause"] == "worker_died" for row in events)
        if reason == "poison" and died < POISON:
            self._breach("conflict", name, f"poison after {died} deaths")
        elif reason == "unknown_too_long":
            lasted = events[-1]["at"] - events[0]["at"]
            if lasted < timedelta(seconds=self.waits.give_up):
                self._breach("conflict", name, f"given up after {lasted}")
        elif reason == "two_documents":
            self._two(name, posting)
        elif reason not in {"poison", "changed_meanwhile"}:
            self._breach("conflict", name, f"for {reason}")

    def _two(self, name: str, posting: Row) -> None:
        link = next(row for row in self.ledger.links if row["id"] == posting["link_id"])
        rows = [row for row in self.books.of(ENTITIES[link["kind"]]) if link["marker"] in note(row)]
        if len(rows) < 2:  # noqa: PLR2004 - two of them are what it says
            self._breach("conflict", name, f"two documents, but there are {len(rows)}")

    # --------------------------------------------------------------------------- between postings

    def _generations(self, links: Mapping[Any, Row]) -> None:
        """A generation follows a definitive rejection, or what was given up for certain."""
        chains: dict[tuple[Any, str], list[Row]] = defaultdict(list)
        for posting in self.ledger.postings:
            chains[posting["link_id"], posting["operation"]].append(posting)
        for (link_id, _), chain in chains.items():
            chain.sort(key=lambda row: row["generation"])
            name = f"{links[link_id]['kind']} {links[link_id]['billing_id']}"
            for place, posting in enumerate(chain):
                if posting["generation"] != place:
                    self._breach("generation", name, f"{posting['generation']} at place {place}")
            for former in chain[:-1]:
                if former["state"] not in {"rejected", "cancelled"}:
                    self._breach("generation", name, f"raised on one that is {former['state']}")
        opened = Counter(
            row["link_id"]
            for row in self.ledger.postings
            if row["state"] in {"pending", "sending", "unknown", "parked", "conflict"}
        )
        for link_id, count in opened.items():
            if count > 1:
                self._breach("generation", str(links[link_id]["billing_id"]), f"{count} open")

    def _fences(self) -> None:
        """Whoever wrote, held the lane then: in the order of writing the fence never falls."""
        moves = [row for row in self.ledger.events if row["fence"] is not None]
        for name, rows, moment in (
            ("event", moves, "at"),
            ("attempt", self.ledger.attempts, "started_at"),
        ):
            highest = 0
            for row in sorted(rows, key=lambda each: each[moment]):
                if row["fence"] < highest:
                    seen = f"fence {row['fence']} after {highest}"
                    self._breach("stale fence", f"{name} at {row[moment]}", seen)
                highest = max(highest, row["fence"])

    # ---------------------------------------------------------------------------------- the wire

    def _wire(self) -> None:
        """Every write on the wire is a posting's, byte for byte; no batch goes out twice."""
        bodies = {row["request_id"]: row["body_hash"] for row in self.ledger.postings}
        batches: Counter[str] = Counter()
        for entry in self.log:
            key = entry["requestid"]
            if entry["method"] != "POST" or not key:
                continue
            if entry["operation"] == "batch":
                batches[key] += 1
            elif key not in bodies:
                self._breach("unknown write", str(key), f"{entry['operation']} {entry['entity']}")
            elif bodies[key] != entry["body_sha256"]:
                self._breach("other bytes", str(key), f"{entry['operation']} {entry['entity']}")
        for key, count in batches.items():
            if count > 1:
                self._breach("replayed batch", key, f"{count} times")

    def _refreshes(self) -> None:
        """One token is refreshed by one caller at a time."""
        ends: dict[str, Any] = {}
        for entry in sorted(self.log, key=lambda row: str(row["at"])):
            if entry["path"] != TOKEN_PATH:
                continue
            token, began = entry["body_sha256"], datetime.fromisoformat(str(entry["at"]))
            if token in ends and began < ends[token]:
                self._breach("two refreshes", "tokens", f"at {entry['at']}")
            ends[token] = began + timedelta(milliseconds=float(entry["milliseconds"]))

    # ---------------------------------------------------------------------------------- the jobs

    def _jobs(self) -> None:
        """Every job ended, its counts are those of its records, which show their postings."""
        records = _by(self.ledger.records, "job_id")
        postings = {row["id"]: row for row in self.ledger.postings}
        steps = _by(self.ledger.steps, "job_id")
        for job in self.ledger.jobs:
            name = f"job {job['status']}"
            if job["finished_at"] is None or job["status"] == "failed":
                self._breach("job", name, str(job["failure"] or job["paused_reason"]))
            if job["direction"] != "export":
                continue
            listed = records.get(job["id"], ())
            self._counts(name, job, listed)
            self._order(name, steps.get(job["id"], ()))
            for record in listed:
                self._record(name, record, postings)

    def _counts(self, name: str, job: Row, records: Sequence[Row]) -> None:
        counts = dict(job["counts"])
        total = counts.pop("total", 0)
        if total != len(records) or sum(counts.values()) != total:
            self._breach("counts", name, f"{job['counts']} of {len(records)} records")

    def _order(self, name: str, steps: Sequence[Row]) -> None:
        ordered = [row["name"] for row in sorted(steps, key=lambda row: row["position"])]
        places = [STEPS.index(step) for step in ordered if step in STEPS]
        if places != sorted(places):
            self._breach("order", name, ", ".join(ordered))

    def _record(self, name: str, record: Row, postings: Mapping[Any, Row]) -> None:
        which = f"{name}, {record['kind']} {record['billing_id']}"
        if record["state"] not in ENDED_IN:
            self._breach("left behind", which, record["state"])
        posting = postings.get(record["posting_id"])
        if posting is not None and record["state"] != posting["state"]:
            cancelled = record["state"] == "cancelled" and record["code"] == "job_cancelled"
            double = record["state"] == "conflict" and record["code"] == "two_documents"
            if cancelled or double:
                return
            self._breach("history", which, f"{record['state']}, posting {posting['state']}")

    # --------------------------------------------------------------------------------- the books

    def _documents(self) -> None:
        """What the ledger says of a document is so; a double stands where a person sees it."""
        marked: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for entity in set(ENTITIES.values()):
            for row in self.books.of(entity):
                text = note(row)
                at = text.find("[lw:")
                if at >= 0:
                    marked[entity, text[at : text.find("]", at) + 1]].append(row)
        for link in self.ledger.links:
            if link["kind"] in ENTITIES:
                self._document(link, marked.get((ENTITIES[link["kind"]], link["marker"]), []))

    def _document(self, link: Row, rows: Sequence[Row]) -> None:
        name = f"{link['kind']} {link['billing_id'].replace(BETWEEN, '+')}"
        ids = [str(row["Id"]) for row in rows]
        deleted = link["state"] == "voided" and link["kind"] == "credit_memo"
        if link["state"] in {"live", "voided"} and link["external_id"] not in ids and not deleted:
            self._breach("lost", name, f"{link['state']} as {link['external_id']}, not in {ids}")
        if len(rows) > 1 and not self.told_of_double(link):
            self._breach("duplicate", name, f"documents {', '.join(ids)}, nobody is told")
        if link["state"] == "absent" and rows and not self.in_doubt(link):
            self._breach("lost", name, f"stands as {', '.join(ids)}, and the ledger has no word")

    def told_of_double(self, link: Row) -> bool:
        """Tell whether a person sees that the record has two documents."""
        return any(
            record["state"] == "conflict"
            and record["kind"] == link["kind"]
            and record["billing_id"] == link["billing_id"]
            for record in self.ledger.records
        )

    def in_doubt(self, link: Row) -> bool:
        return any(
            row["link_id"] == link["id"] and row["state"] in {"unknown", "conflict"}
            for row in self.ledger.postings
        )


REPEAT = ("unknown", "sending")


def _by(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def _moment(event: Row) -> tuple[Any, bool]:
    """Order by time; of two moves in the same microsecond the first of all comes first."""
    return event["at"], event["from_state"] is not None
