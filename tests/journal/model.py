"""
A billing system, the rows of entries and a set of books in memory, moved by the pure part alone.

The rows keep the rules of the repository: entries that were never sent are let go, sent ones keep
their members, no component is held twice with one sign.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from app.billing import schemas as billing
from app.journal import components, deltas, lines
from app.journal.components import Bookable, Ground
from app.journal.deltas import Known, Member, RecordKey
from app.journal.lines import Place
from app.journal.periods import GroupKey, Length, Period, periods_of, windows
from app.mappings.roles import Role

State = Literal["draft", "rejected", "unknown", "posted"]
FIRST, LAST = date(2026, 3, 1), date(2026, 4, 10)
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
D = Decimal


class TwiceHeld(AssertionError):
    """The unique constraint would refuse this."""


def charge(code: str, kind: str = "recurring") -> billing.Charge:
    return billing.Charge(
        billing_id=code,
        updated_at=MOMENT,
        price_code=code,
        name=code,
        kind=kind,
        accounting_code=f"4-{code}",
    )


CHARGES = {"a": charge("a"), "b": charge("b"), "off": charge("off", "discount")}


@dataclass
class Row:
    """A stored billing record."""

    record: Any
    revision: int
    content_hash: str

    @property
    def record_date(self) -> date:
        return components.day_of(self.record)


@dataclass
class Entry:
    group: GroupKey
    sequence: int
    members: list[Member]
    state: State = "draft"

    @property
    def sent(self) -> bool:
        return self.state != "draft"


class EveryPlace:
    """Each role and key has an account of its own; receivables are one."""

    def place(self, role: Role, key: str | None, currency: str) -> Place:
        name = f"{role}:{key or ''}"
        return Place(account_id=name, name=name, receivable=role is Role.RECEIVABLE)


@dataclass
class World:
    length: Length = Length.DAY
    rows: dict[RecordKey, Row] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    frozen: dict[int, list[Member]] = field(default_factory=dict)

    # ------------------------------------------------------------------ billing

    def put(self, kind: str, record: Any) -> None:
        key = (kind, record.billing_id)
        before = self.rows.get(key)
        content = record.model_dump_json()
        if before is not None and before.content_hash == content:
            return
        self.rows[key] = Row(record, before.revision + 1 if before else 1, content)

    def ground(self) -> Ground:
        def of(kind: str) -> dict[str, Any]:
            return {id_: row.record for (name, id_), row in self.rows.items() if name == kind}

        return Ground(
            charges=CHARGES,
            tax_codes=frozenset({"T"}),
            home_currency="USD",
            multicurrency=True,
            payments=of("payment"),
            credits=of("credit_note"),
        )

    def bookable(self, key: RecordKey) -> Bookable:
        row = self.rows[key]
        return components.bookable(
            row.record,
            self.ground(),
            kind=key[0],
            revision=row.revision,
            content_hash=row.content_hash,
        )

    # ------------------------------------------------------------------ planning

    def plan(self, first: date, last: date) -> list[Entry]:
        """As `planning.plan_period` for each period of the range; return what is to be sent."""
        days = {row.record_date for row in self.rows.values()}
        days |= {member.day for entry in self.entries for member in entry.members}
        inside = [day for day in days if first <= day <= last]
        due: list[Entry] = []
        for _, begin, end in windows(first, last, periods_of(inside, self.length)):
            due += self._plan_period(begin, end)
        return [entry for entry in self.entries if any(entry is each for each in due)]

    def _plan_period(self, first: date, last: date) -> list[Entry]:
        self.let_go(first, last)
        rows = {key: row for key, row in self.rows.items() if first <= row.record_date <= last}
        moved = {key: self.rows[key] for key in self.left(first, last) - set(rows)}
        known = Known()
        for entry in self.entries:
            for member in entry.members:
                if member.record in rows or member.record in moved:
                    known.add(member, settled=entry.state in {"draft", "posted"})
        keys = deltas.changed({**rows, **moved}, known)
        candidates = deltas.candidates_of(keys, known, self.bookable, here=rows)
        for record, content in deltas.refreshed(candidates).items():
            self._refresh(record, content)
        touched = [
            entry
            for entry in self.entries
            if not entry.sent and any(m.record in rows or m.record in moved for m in entry.members)
        ]
        for group in deltas.plan(candidates, self.length):
            assert not group.problems
            touched.append(self._entry_for(group.key, group.members))
        inside = [
            entry
            for entry in self.entries
            if entry.group.period.first <= last and entry.group.period.last >= first
        ]
        return touched + [entry for entry in inside if entry.state != "posted"]

    def let_go(self, first: date, last: date) -> None:
        drafts = {
            id(entry): {member.record for member in entry.members}
            for entry in self.entries
            if not entry.sent
            and entry.group.period.first <= last
            and entry.group.period.last >= first
        }
        unsettled = {
            member.record
            for entry in self.entries
            for member in entry.members
            if entry.state in {"unknown", "rejected"}
        }
        gone = deltas.releasable(drafts, unsettled)
        self.entries = [entry for entry in self.entries if id(entry) not in gone]

    def left(self, first: date, last: date) -> set[RecordKey]:
        """The records that entries hold as dated between the days."""
        return {
            member.record
            for entry in self.entries
            for member in entry.members
            if first <= member.day <= last
        }

    def _refresh(self, record: RecordKey, content: str) -> None:
        for entry in self.entries:
            entry.members = [
                deltas.replace(each, content_hash=content) if each.record == record else each
                for each in entry.members
            ]

    def _entry_for(self, key: GroupKey, members: list[Member]) -> Entry:
        same = [entry for entry in self.entries if entry.group == key]
        if same and not same[-1].sent:
            entry = same[-1]
            entry.members = entry.members + members
        else:
            last = max((each.sequence for each in same), default=0)
            entry = Entry(key, last + 1, members)
            self.entries.append(entry)
        self.check_constraint()
        return entry

    # ------------------------------------------------------------------ the books

    def send(self, entry: Entry, state: State) -> None:
        """Send an entry; whatever becomes of it, its members are its own from now on."""
        if entry.state in {"unknown", "posted"}:
            return
        if not self.has_lines(entry):
            return
        summary = lines.summarize(entry.members, EveryPlace(), currency=entry.group.currency)
        assert summary.imbalance == 0
        assert len(lines.receivables(summary)) <= 1
        assert len(entry.group.number(entry.sequence)) <= 21
        entry.state = state

    @staticmethod
    def has_lines(entry: Entry) -> bool:
        summary = lines.summarize(entry.members, EveryPlace(), currency=entry.group.currency)
        return bool(summary.posted)

    def settle(self, entry: Entry) -> None:
        if entry.state == "unknown":
            entry.state = "posted"

    def finish(self) -> None:
        """Settle all that is open, and export everything until nothing is left to be sent."""
        for _ in range(3):
            for entry in self.entries:
                self.settle(entry)
            for entry in self.plan(FIRST, LAST):
                self.send(entry, "posted")

    # ------------------------------------------------------------------ what must hold

    def check_constraint(self) -> None:
        held = Counter(
            (m.kind, m.billing_id, m.revision, m.component, m.sign)
            for entry in self.entries
            for m in entry.members
        )
        twice = {key: number for key, number in held.items() if number > 1}
        if twice:
            raise TwiceHeld(twice)

    def check_frozen(self) -> None:
        """What was sent never changes again (but for the words that it was last seen under)."""
        for entry in self.entries:
            if not entry.sent:
                continue
            members = [deltas.replace(each, content_hash="") for each in entry.members]
            assert self.frozen.setdefault(id(entry), members) == members

    def check_each_once(self) -> None:
        """At most one revision of a record stands, and its parts come to zero in every entry."""
        by_record: dict[RecordKey, list[Member]] = {}
        for entry in self.entries:
            sums: Counter[tuple[RecordKey, int, int]] = Counter()
            for member in entry.members:
                by_record.setdefault(member.record, []).append(member)
                sums[member.record, member.revision, member.sign] += member.amount
            assert not any(sums.values()), sums
        for rows in by_record.values():
            assert len({row.revision for row in deltas.standing(rows)}) <= 1

    def billed(self) -> dict[tuple[Any, ...], Decimal]:
        """What each account must have moved by on each day, straight from the records."""
        sums: dict[tuple[Any, ...], Decimal] = {}
        for kind, id_ in self.rows:
            record = self.rows[kind, id_].record
            for place, amount in expected(record).items():
                key = (components.day_of(record), self.currency_of(record), *place)
                sums[key] = sums.get(key, D(0)) + amount
        return {key: amount for key, amount in sums.items() if amount}

    def currency_of(self, record: Any) -> str:
        return str(record.currency)

    def booked(self) -> dict[tuple[Any, ...], Decimal]:
        """
        What the posted entries' lines have moved each account by, on each day of billing.

        An entry that comes to zero everywhere (a record that moved within its month) is never sent.
        """
        sums: dict[tuple[Any, ...], Decimal] = {}
        for entry in self.entries:
            if entry.state != "posted" and self.has_lines(entry):
                continue
            for day in {member.day for member in entry.members}:
                members = [member for member in entry.members if member.day == day]
                summary = lines.summarize(members, EveryPlace(), currency=entry.group.currency)
                for line in summary.lines:
                    if not line.correction:
                        key = (day, entry.group.currency, line.place.account_id)
                        sums[key] = sums.get(key, D(0)) + line.amount
        return {key: amount for key, amount in sums.items() if amount}


def expected(record: Any) -> dict[tuple[str], Decimal]:
    """Return what a record moves each account by: written out by hand, apart from the code."""
    if getattr(record, "status", "") in {"void", "cancelled"}:
        return {}
    sums: Counter[tuple[str]] = Counter()
    if isinstance(record, billing.Payment):
        sums[(f"deposit:{record.method or ''}",)] += record.amount
        sums[("receivable:",)] -= record.amount
        return dict(sums)
    if isinstance(record, billing.Refund):
        sums[(f"refund:{record.method or ''}",)] -= record.amount
        sums[("receivable:",)] += record.amount
        return dict(sums)
    sign = -1 if isinstance(record, billing.Invoice) else 1
    reason = getattr(record, "reason", "credit_note")
    for line in record.lines:
        role = {"house_credit": "house_credit", "write_off": "write_off"}.get(
            reason, "discount" if line.price_code == "off" else "income"
        )
        sums[(f"{role}:4-{line.price_code}",)] += sign * line.amount
        for tax in line.taxes:
            sums[("tax:T",)] += sign * tax.amount
    sums[("receivable:",)] -= sign * record.total
    return dict(sums)


__all__ = ["FIRST", "LAST", "Period", "World"]
