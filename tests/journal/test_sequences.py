"""Whatever billing does after posting, all entries together are what is billed: day by day."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import HypothesisException
from hypothesis.stateful import run_state_machine_as_test

from app.journal import components, deltas, lines
from app.journal.components import Bookable
from app.journal.deltas import Member
from tests.journal import model
from tests.journal.machine import Machine

SMALL = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
# The smallest sequence that shows a planted mistake is of no interest.
NO_SHRINKING = (Phase.generate,)
SEARCH = settings(SMALL, max_examples=600, stateful_step_count=45, derandomize=False)


def test_entries_are_what_is_billed() -> None:
    run_state_machine_as_test(Machine, settings=SMALL)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_search_finds_no_sequence_that_breaks_it() -> None:
    Machine.steps_taken.clear()

    run_state_machine_as_test(Machine, settings=SEARCH)

    taken = Machine.steps_taken
    assert len(taken) >= 500
    assert sum(taken) / len(taken) >= 20


# ------------------------------------------------------------------------------ planted mistakes


def _never_takes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit adds the new revision and leaves the old one."""
    sound = deltas.changes
    monkeypatch.setattr(
        deltas,
        "changes",
        lambda *args, **options: [row for row in sound(*args, **options) if row.sign > 0],
    )


def _takes_back_the_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit takes back what is billed now, instead of what was booked."""
    sound = deltas.changes

    def changes(known: Any, wanted: Bookable, length: Any, *, here: bool) -> list[Member]:
        rows = sound(known, wanted, length, here=here)
        new = {row.component: row.amount for row in rows if row.sign > 0}
        return [
            replace(row, amount=-new[row.component])
            if row.sign < 0 and row.component in new
            else row
            for row in rows
        ]

    monkeypatch.setattr(deltas, "changes", changes)


def _forgets_what_was_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every revision that was ever booked seems to stand."""
    monkeypatch.setattr(deltas, "standing", lambda known: [row for row in known if row.sign > 0])


def _does_not_see_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is only dated otherwise seems unchanged."""
    sound = Bookable.fingerprint.fget
    assert sound is not None
    day = model.FIRST
    monkeypatch.setattr(
        Bookable, "fingerprint", property(lambda self: sound(replace(self, day=day)))
    )


def _books_what_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_stands", lambda record: True)


def _uses_revisions_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that comes back is booked under the revision that was taken back."""
    sound = deltas.members_of
    monkeypatch.setattr(
        deltas, "members_of", lambda record, length, revision: sound(record, length, revision=1)
    )


def _forgets_who_moved_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is dated elsewhere now is not taken back where it was."""
    monkeypatch.setattr(model.World, "left", lambda self, first, last: set())


def _builds_on_what_is_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused entry's members are booked again, as if they were free."""
    sound = deltas.Known.add

    def add(self: Any, member: Member, *, settled: bool) -> None:
        if settled:
            sound(self, member, settled=settled)

    monkeypatch.setattr(deltas.Known, "add", add)


def _merges_all_income(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounting codes are not told apart."""
    sound = model.EveryPlace.place
    monkeypatch.setattr(
        model.EveryPlace, "place", lambda self, role, key, currency: sound(self, role, "", currency)
    )


def _loses_a_tax(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credits give the tax back on the wrong side."""
    sound = components._sold

    def sold(*args: Any, sign: int, **options: Any) -> list[components.Component]:
        return [
            replace(part, amount=-abs(part.amount)) if part.name.startswith("tax:") else part
            for part in sound(*args, sign=sign, **options)
        ]

    monkeypatch.setattr(components, "_sold", sold)


def _one_line_per_account_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of an entry is lost."""
    sound = lines.summarize

    def summarize(*args: Any, **options: Any) -> lines.Summary:
        summary = sound(*args, **options)
        return replace(summary, lines=summary.lines[:-1])

    monkeypatch.setattr(lines, "summarize", summarize)


MISTAKES: list[Callable[[pytest.MonkeyPatch], None]] = [
    _never_takes_back,
    _takes_back_the_new,
    _forgets_what_was_taken_back,
    _does_not_see_the_day,
    _books_what_is_void,
    _uses_revisions_again,
    _forgets_who_moved_away,
    _builds_on_what_is_not_settled,
    _merges_all_income,
    _loses_a_tax,
    _one_line_per_account_too_few,
]


@pytest.mark.parametrize("plant", MISTAKES, ids=lambda plant: plant.__name__.strip("_"))
def test_a_planted_mistake_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    quick = settings(SMALL, max_examples=300, report_multiple_bugs=False, phases=NO_SHRINKING)

    with pytest.raises((AssertionError, KeyError, HypothesisException)):
        run_state_machine_as_test(Machine, settings=quick)
