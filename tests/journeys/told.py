"""What a merchant told us, kept as the judge reads it, and the judge's word on the books."""

from collections.abc import Iterable, Mapping
from typing import Any

from judge.billed import read
from judge.books import Books, read_books
from judge.compare import Judge
from judge.findings import Judgement
from judge.marks import Marks
from tests.journeys.world import Merchant

PLURALS = {
    "customer": "customers",
    "invoice": "invoices",
    "payment": "payments",
    "credit_memo": "credit-notes",
    "refund": "refunds",
}
NAMED = ("rejected", "blocked", "skipped", "conflict")
# A negative invoice's credit memo has an id that no credit note has.
OF_INVOICE = "invoice → "


class Told:
    """
    A merchant's records as they are pushed, and each export's answers.

    What an export refuses, blocks or skips is noted by name: then it is no difference, but it must
    not stand in the books either, or stand as it was before.
    """

    def __init__(self, merchant: Merchant) -> None:
        self.merchant = merchant
        self.entries: list[dict[str, Any]] = []
        self.named: dict[tuple[str, str], str] = {}
        self._before = Books()
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._pushes = 0

    def look(self) -> None:
        """See the books as they are before anything is exported."""
        self._before = self._books()

    def add(self, kind: str, record: Mapping[str, Any]) -> None:
        self.entries.append({"kind": kind, "record": dict(record)})

    def put(self, resource: str, billing_id: str, **fields: Any) -> None:
        """Note a record; it is pushed with all others before the next export."""
        record = {"billing_id": billing_id, **fields}
        self.add(resource, record)
        self._waiting.setdefault(resource, []).append(record)

    async def push(self) -> None:
        """Push what waits, all records of a kind at once."""
        waiting, self._waiting = self._waiting, {}
        self._pushes += 1
        stamp = {"updated_at": f"2026-04-01T00:00:{self._pushes:02d}Z"}
        for resource, records in waiting.items():
            stamped = [stamp | record for record in records]
            answer = await self.merchant.call("POST", f"/billing/{resource}/batch", stamped)
            refused = [row for row in answer["results"] if row["status"] in {"refused", "stale"}]
            assert not refused, refused

    async def export(self, *resources: str, **days: Any) -> dict[str, Any]:
        """Push what waits and export; note by name what did not go out."""
        await self.push()
        job = await self.merchant.exported(*resources, **days)
        await self.answered(job)
        return job

    async def answered(self, job: dict[str, Any]) -> None:
        """Note the answers of a job as the state of the books that is to be judged."""
        self.named = {}
        for row in await self.merchant.records(job):
            if row["state"] in NAMED:
                billing_id = row["billing_id"].removeprefix(OF_INVOICE)
                self.named[row["kind"], billing_id] = row["code"]
                kind = PLURALS.get(row["kind"])
                if row["billing_id"].startswith(OF_INVOICE):
                    kind = "invoices"
                if kind is not None:
                    self.add(
                        "refused", {"kind": kind, "billing_id": billing_id, "code": row["code"]}
                    )
        self.add("checkpoint", {})

    def judged(self) -> Judgement:
        """Let the judge compare everything with the books as they are now."""
        marks = Marks("simulator", self.merchant.realm_id, "billing")
        return Judge(read(self.entries), self._books(), self._before, marks).judge()

    def _books(self) -> Books:
        return read_books(self.merchant.simulator.base_url, self.merchant.realm_id)


def sentences(judgement: Judgement) -> list[str]:
    """Return what differs, for a failing test to show."""
    rows: Iterable[Any] = (row for row in judgement.rows if not row.agrees)
    return [str(each) for each in (*judgement.findings, *rows)]
