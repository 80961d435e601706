"""
What still has to be booked: a record's present revision against what entries hold of it. Pure.

An entry that was sent is never changed. A later revision takes back every component of the booked
one, as it was booked, and adds its own; a record that is void only takes back.
"""

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

from app.journal.components import Bookable, Unbookable
from app.journal.periods import EntryKind, GroupKey, Length, Period
from app.mappings.roles import Role

RecordKey = tuple[str, str]  # kind, billing id
EntryId = TypeVar("EntryId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """
    One component of one revision, with its sign, in one entry; *amount* is positive if debited.

    *sign* is 1 for what was billed and -1 for what is taken back; the amount has it already.
    """

    group: GroupKey
    kind: str
    billing_id: str
    revision: int
    sign: int
    component: str
    role: Role
    key: str | None
    amount: Decimal
    rate: Decimal
    day: date
    number: str | None
    customer: str | None
    content_hash: str
    fingerprint: str

    @property
    def record(self) -> RecordKey:
        return (self.kind, self.billing_id)

    def taken_back(self) -> "Member":
        return replace(self, sign=-1, amount=-self.amount)


def members_of(record: Bookable, length: Length, *, revision: int) -> list[Member]:
    """Return the members that book a record for the first time, or anew."""
    group = GroupKey(Period.of(record.day, length), record.entry, record.currency)
    fingerprint = record.fingerprint
    return [
        Member(
            group=group,
            kind=record.kind,
            billing_id=record.billing_id,
            revision=revision,
            sign=1,
            component=part.name,
            role=part.role,
            key=part.key,
            amount=part.amount,
            rate=record.rate,
            day=record.day,
            number=record.number,
            customer=record.customer,
            content_hash=record.content_hash,
            fingerprint=fingerprint,
        )
        for part in record.components
    ]


def standing(known: Iterable[Member]) -> list[Member]:
    """Return what entries hold of a record and nothing took back."""
    rows = list(known)
    taken = {(row.revision, row.component) for row in rows if row.sign < 0}
    return [row for row in rows if row.sign > 0 and (row.revision, row.component) not in taken]


def changes(
    known: Sequence[Member], wanted: Bookable, length: Length, *, here: bool = True
) -> list[Member]:
    """
    Return what has to be booked so that entries hold exactly *wanted*; nothing if they do.

    *known* is everything that entries hold of the record already. A record that is not dated
    *here* is only taken back, as far as it is booked otherwise than it is billed now.
    """
    booked = standing(known)
    kept = kept_revision(booked, wanted)
    rows = [row.taken_back() for row in booked if row.revision != kept]
    if here and kept is None:
        last = max((row.revision for row in known), default=0)
        rows += members_of(wanted, length, revision=max(wanted.revision, last + 1))
    return rows


def kept_revision(booked: Iterable[Member], wanted: Bookable) -> int | None:
    """Return the booked revision that is as billed now, if there is one."""
    fingerprint = wanted.fingerprint
    return max((row.revision for row in booked if row.fingerprint == fingerprint), default=None)


# ------------------------------------------------------------------------------ one period


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A record that cannot be summed up keeps its whole entry from being made."""

    record: RecordKey
    group: GroupKey
    error: Unbookable


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """
    A record that may have to be booked, with all that entries hold of it.

    One that is not dated *here* is only taken back. *unsettled* tells that an entry with a part of
    it was sent and is not known to stand: it waits for that.
    """

    record: RecordKey
    wanted: Bookable | Problem
    here: bool = True
    known: tuple[Member, ...] = ()
    unsettled: bool = False


def releasable(
    drafts: Mapping[EntryId, Collection[RecordKey]], unsettled: Collection[RecordKey]
) -> set[EntryId]:
    """
    Return the entries that were never sent and may be formed anew.

    One that takes back what another, sent entry books otherwise is kept: both belong together.
    """
    waiting = set(unsettled)
    return {id_ for id_, records in drafts.items() if waiting.isdisjoint(records)}


def is_half(sent: Iterable[Member], unsent: Iterable[Member]) -> bool:
    """
    Tell whether an unsent entry has the other half of what was sent of one record.

    A record that was dated otherwise is taken back in one entry and added in another: with only
    one of them in the books, it stands there twice, or not at all.
    """
    booked = list(sent)
    standing_in = {row.revision for row in standing(booked)}
    taken_back = any(row.sign < 0 for row in booked)
    rest = list(unsent)
    twice = len(standing_in) > 1 and any(
        row.sign < 0 and row.revision in standing_in for row in rest
    )
    return twice or (taken_back and not standing_in and any(row.sign > 0 for row in rest))


class Stored(Protocol):
    """A billing record as it is kept."""

    @property
    def content_hash(self) -> str: ...
    @property
    def record_date(self) -> date | None: ...


@dataclass(slots=True)
class Known:
    """Everything that entries hold of some records, and which wait for an entry to settle."""

    members: dict[RecordKey, list[Member]] = field(default_factory=dict)
    unsettled: set[RecordKey] = field(default_factory=set)

    def add(self, member: Member, *, settled: bool) -> None:
        self.members.setdefault(member.record, []).append(member)
        if not settled:
            self.unsettled.add(member.record)

    def of(self, record: RecordKey) -> tuple[Member, ...]:
        return tuple(self.members.get(record, ()))

    def books(self, record: RecordKey, content_hash: str) -> bool:
        """Tell whether entries hold exactly this content of the record, and no other."""
        booked = {(row.revision, row.content_hash) for row in standing(self.of(record))}
        return len(booked) == 1 and booked.pop()[1] == content_hash


def changed(rows: Mapping[RecordKey, Stored], known: Known) -> list[RecordKey]:
    """Return the records whose content is not the booked one, in a steady order."""
    found = [key for key, row in rows.items() if not known.books(key, row.content_hash)]
    return sorted(found, key=lambda key: (rows[key].record_date or date.min, *key))


def candidates_of(
    keys: Iterable[RecordKey],
    known: Known,
    wanted: Callable[[RecordKey], Bookable | Problem],
    here: Container[RecordKey],
) -> list[Candidate]:
    """Return the records as candidates; *wanted* tells what is billed of each."""
    return [
        Candidate(
            record=key,
            wanted=wanted(key),
            here=key in here,
            known=known.of(key),
            unsettled=key in known.unsettled,
        )
        for key in keys
    ]


def refreshed(candidates: Iterable[Candidate]) -> dict[RecordKey, str]:
    """Return the booked records whose content changed in words only, with their new content."""
    found: dict[RecordKey, str] = {}
    for each in candidates:
        if not isinstance(each.wanted, Bookable) or each.unsettled:
            continue
        booked = standing(each.known)
        kept = kept_revision(booked, each.wanted)
        content = each.wanted.content_hash
        if any(row.revision == kept and row.content_hash != content for row in booked):
            found[each.record] = content
    return found


@dataclass(slots=True)
class Group:
    """What the next entry of a period, kind and currency holds."""

    key: GroupKey
    members: list[Member] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan(
    candidates: Iterable[Candidate], length: Length, *, only: frozenset[GroupKey] | None = None
) -> list[Group]:
    """
    Sort what has to be booked into the entries it belongs to, in their order.

    With *only*, records are left alone unless they touch one of those groups.
    """
    groups: dict[GroupKey, Group] = {}
    for candidate in candidates:
        if candidate.unsettled:
            continue
        if isinstance(candidate.wanted, Problem):
            key = candidate.wanted.group
            if candidate.here and (only is None or key in only):
                groups.setdefault(key, Group(key)).problems.append(candidate.wanted)
            continue
        rows = changes(candidate.known, candidate.wanted, length, here=candidate.here)
        if only is not None and not any(row.group in only for row in rows):
            continue
        for row in rows:
            groups.setdefault(row.group, Group(row.group)).members.append(row)
    return [groups[key] for key in sorted(groups)]


def words_of(kind: EntryKind, members: Sequence[Member], *, sequence: int, period: Period) -> str:
    """Return an entry's memo: what it sums up, and of which period."""
    signs: Mapping[RecordKey, set[int]] = _signs(members)
    added = sum(1 for each in signs.values() if each == {1})
    taken = sum(1 for each in signs.values() if each == {-1})
    corrected = len(signs) - added - taken
    if sequence == 1:
        return f"Billing summary {period.key}: {_counted(added, kind)}"
    parts = [
        f"{number} {word}"
        for number, word in ((added, "added"), (corrected, "corrected"), (taken, "taken back"))
        if number
    ]
    return f"Billing summary {period.key}, change {sequence - 1}: {kind.word.lower()} " + ", ".join(
        parts
    )


def _signs(members: Iterable[Member]) -> dict[RecordKey, set[int]]:
    signs: dict[RecordKey, set[int]] = {}
    for member in members:
        signs.setdefault(member.record, set()).add(member.sign)
    return signs


def _counted(number: int, kind: EntryKind) -> str:
    word = kind.word.lower()
    return f"{number} {word.removesuffix('s') if number == 1 else word}"
