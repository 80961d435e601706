"""
The lines of an entry: its members, summed up by account. Pure.

Debits equal credits to the cent, because every record's components do. Lines of zero are left out
of the books but keep their members. Where members have several exchange rates, the entry has one,
and what accounts in home currency would be off by goes to the rounding account, line by line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from app.accounting.journal import JournalLine, Side
from app.journal.deltas import Member
from app.kit.money import ZERO, round_half_up
from app.mappings.roles import Role

# Enough that the books' own rounding decides, and no more than the members' rates are worth.
RATE_STEP = Decimal("0.000000001")
WORDS: dict[Role, str] = {
    Role.RECEIVABLE: "Receivables",
    Role.INCOME: "Income",
    Role.DISCOUNT: "Discounts",
    Role.TAX: "Tax",
    Role.DEPOSIT: "Received",
    Role.REFUND: "Paid back",
    Role.WRITE_OFF: "Written off",
    Role.HOUSE_CREDIT: "House credit",
    Role.ROUNDING: "Rounding",
}
MOST_KEYS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account as an entry uses it; *home* tells that it is kept in the home currency."""

    account_id: str
    name: str
    receivable: bool = False
    home: bool = True
    currency: str | None = None
    class_id: str | None = None
    department_id: str | None = None


@dataclass(frozen=True, slots=True)
class NoPlace:
    """There is no account to be used: why, and what to do."""

    code: str
    reason: str
    fixes: tuple[str, ...]


class Places(Protocol):
    """Which account a role and key mean in a currency."""

    def place(self, role: Role, key: str | None, currency: str) -> Place | NoPlace:
        """Return the account, or why there is none."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A role and key without an account, and how much it would have taken."""

    role: Role
    key: str | None
    amount: Decimal
    why: NoPlace


class Unplaced(Exception):
    """Some components have no account: nothing may be posted then, half a day is worse."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        super().__init__("unplaced components")
        self.missing = tuple(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One line of an entry; *number* counts from 1, *amount* is positive if debited.

    *posted* is false for what sums to zero. A *correction* has no members: it is what one exchange
    rate for all makes of several.
    """

    number: int
    place: Place
    amount: Decimal
    description: str
    members: int
    posted: bool
    correction: bool = False

    def draft(self, customer_id: str | None) -> JournalLine:
        """Return the line as it is written; receivables name the master customer."""
        return JournalLine(
            account_id=self.place.account_id,
            side=Side.DEBIT if self.amount > 0 else Side.CREDIT,
            amount=abs(self.amount),
            description=self.description,
            customer_id=customer_id if self.place.receivable else None,
            class_id=self.place.class_id,
            department_id=self.place.department_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """An entry's lines, each member's line (in their order), and its exchange rate."""

    lines: tuple[Line, ...]
    line_of: tuple[int, ...]
    rate: Decimal
    # Home currency: what the members' own rates come to less what the one rate does, per account.
    differences: tuple[tuple[int, Decimal], ...] = ()

    @property
    def posted(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.posted)

    @property
    def imbalance(self) -> Decimal:
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def debits(self) -> Decimal:
        return sum((line.amount for line in self.lines if line.amount > 0), ZERO)


@dataclass(slots=True)
class _Heap:
    place: Place
    members: list[Member]

    @property
    def amount(self) -> Decimal:
        return sum((member.amount for member in self.members), ZERO)

    @property
    def home(self) -> Decimal:
        return sum((member.amount * member.rate for member in self.members), ZERO)


def summarize(members: Sequence[Member], places: Places, *, currency: str) -> Summary:
    """
    Fold members into lines, each account (with its class and location) once.

    Raises:
        Unplaced: A component has no account.
    """
    placed = _placed(members, places, currency)
    heaps: dict[Place, _Heap] = {}
    for member, place in zip(members, placed, strict=True):
        heaps.setdefault(place, _Heap(place, [])).members.append(member)
    ordered = sorted(heaps.values(), key=_order)
    rate = one_rate(members)
    lines = [_line(number, heap) for number, heap in enumerate(ordered, start=1)]
    number_of = {line.place: line.number for line in lines}
    line_of = tuple(number_of[place] for place in placed)
    off = _differences(ordered, rate) if _mixed(members) else []
    corrections = _corrections(off, rate, places, currency, first=len(lines) + 1)
    return Summary(
        lines=(*lines, *corrections),
        line_of=line_of,
        rate=rate,
        differences=tuple((number_of[heap.place], home) for heap, home in off),
    )


def _placed(members: Sequence[Member], places: Places, currency: str) -> list[Place]:
    known: dict[tuple[Role, str | None], Place | NoPlace] = {}
    missing: dict[tuple[Role, str | None], Missing] = {}
    found: list[Place] = []
    for member in members:
        wanted = (member.role, member.key)
        if wanted not in known:
            known[wanted] = places.place(member.role, member.key, currency)
        place = known[wanted]
        if isinstance(place, Place):
            found.append(place)
        else:
            before = missing.get(wanted)
            amount = member.amount + (before.amount if before else ZERO)
            missing[wanted] = Missing(member.role, member.key, amount, place)
    if missing:
        raise Unplaced(list(missing.values()))
    return found


def _order(heap: _Heap) -> tuple[bool, bool, str, str, str]:
    """Receivables first, then debits, then credits; by account within."""
    place = heap.place
    names = (place.account_id, place.class_id or "", place.department_id or "")
    return (not place.receivable, heap.amount < 0, *names)


def _line(number: int, heap: _Heap) -> Line:
    amount = heap.amount
    return Line(
        number=number,
        place=heap.place,
        amount=amount,
        description=_description(heap.members),
        members=len(heap.members),
        posted=amount != 0,
    )


def _description(members: Iterable[Member]) -> str:
    keys: dict[Role, set[str]] = {}
    for member in members:
        keys.setdefault(member.role, set()).update({member.key} if member.key else ())
    return "; ".join(_named(role, sorted(names)) for role, names in sorted(keys.items()))


def _named(role: Role, names: Sequence[str]) -> str:
    if not names:
        return WORDS[role]
    more = f" and {len(names) - MOST_KEYS} more" if len(names) > MOST_KEYS else ""
    return f"{WORDS[role]}: {', '.join(names[:MOST_KEYS])}{more}"


# ------------------------------------------------------------------------- one exchange rate


def one_rate(members: Sequence[Member]) -> Decimal:
    """Return the members' common rate, or the mean of their rates weighted by what they move."""
    if not _mixed(members):
        return members[0].rate if members else Decimal(1)
    weight = sum((abs(member.amount) for member in members), ZERO)
    home = sum((abs(member.amount) * member.rate for member in members), ZERO)
    return (home / weight).quantize(RATE_STEP)


def _mixed(members: Iterable[Member]) -> bool:
    return len({member.rate for member in members}) > 1


def _differences(heaps: Iterable[_Heap], rate: Decimal) -> list[tuple[_Heap, Decimal]]:
    """
    Return what accounts kept in home currency would be off by, in home currency.

    Accounts kept in the entry's own currency hold its exact amounts, whatever they are worth.
    """
    found = [
        (heap, heap.home - heap.amount * rate)
        for heap in heaps
        if heap.place.home and not heap.place.receivable
    ]
    return [(heap, home) for heap, home in found if home]


def _corrections(
    off: Sequence[tuple[_Heap, Decimal]],
    rate: Decimal,
    places: Places,
    currency: str,
    *,
    first: int,
) -> list[Line]:
    amounts = [(heap.place, round_half_up(home / rate, currency)) for heap, home in off]
    moved = [(place, amount) for place, amount in amounts if amount]
    if not moved:
        return []
    rest = -sum((amount for _, amount in moved), ZERO)
    rounding = places.place(Role.ROUNDING, None, currency)
    if isinstance(rounding, NoPlace) and rest:
        raise Unplaced([Missing(Role.ROUNDING, None, rest, rounding)])
    words = "Difference to the documents' own exchange rates"
    made = [_correction(place, amount, words) for place, amount in moved]
    if isinstance(rounding, Place) and rest:
        made.append(_correction(rounding, rest, words))
    return [replace(line, number=first + offset) for offset, line in enumerate(made)]


def _correction(place: Place, amount: Decimal, words: str) -> Line:
    return Line(
        number=0,
        place=place,
        amount=amount,
        description=words,
        members=0,
        posted=True,
        correction=True,
    )


def receivables(summary: Summary) -> list[Line]:
    """Return the lines on accounts receivable that are posted; the books take one at most."""
    return [line for line in summary.posted if line.place.receivable]
