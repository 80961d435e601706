"""The state machine of postings, exhaustively, and the times of looks."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.jobs.waits import Waits
from app.ledger.models import OPEN_STATES, POSTING_STATES
from app.ledger.states import (
    OPEN,
    TRANSITIONS,
    IllegalTransition,
    PostingState,
    check_transition,
    given_up,
    may_repeat,
    next_look,
)

S = PostingState
SENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEGAL = {
    (S.PENDING, S.SENDING),
    (S.PENDING, S.CANCELLED),
    (S.PENDING, S.PARKED),
    (S.SENDING, S.POSTED),
    (S.SENDING, S.REJECTED),
    (S.SENDING, S.UNKNOWN),
    (S.SENDING, S.PARKED),
    (S.SENDING, S.PENDING),
    (S.UNKNOWN, S.POSTED),
    (S.UNKNOWN, S.SENDING),
    (S.UNKNOWN, S.CONFLICT),
    (S.PARKED, S.PENDING),
    (S.CONFLICT, S.POSTED),
    (S.CONFLICT, S.CANCELLED),
}


class TestTransitions:
    @pytest.mark.parametrize(("before", "after"), list(product(S, S)))
    def test_only_the_contracts_ways_lead_anywhere(self, before: S, after: S) -> None:
        if (before, after) in LEGAL:
            check_transition(before, after)
            return
        with pytest.raises(IllegalTransition):
            check_transition(before, after)

    def test_every_state_has_its_ways(self) -> None:
        assert set(TRANSITIONS) == set(S)

    def test_the_database_knows_the_same_states(self) -> None:
        assert set(POSTING_STATES) == {state.value for state in S}
        assert set(OPEN_STATES) == {state.value for state in OPEN}

    def test_an_unknown_is_never_rejected(self) -> None:
        """
        Rejecting raises the generation, and a raised generation may post twice.
        """
        assert S.REJECTED not in TRANSITIONS[S.UNKNOWN]


class TestLooks:
    def test_first_look_not_before_quickbooks_has_given_up(self) -> None:
        when = next_look(first_sent_at=SENT, now=SENT, looks=0, waits=Waits())

        assert when == SENT + timedelta(seconds=150)

    def test_second_look_at_300_seconds(self) -> None:
        now = SENT + timedelta(seconds=151)

        when = next_look(first_sent_at=SENT, now=now, looks=1, waits=Waits())

        assert when == SENT + timedelta(seconds=300)

    @pytest.mark.parametrize(("looks", "minutes"), [(2, 5), (3, 15), (4, 60), (5, 60), (9, 60)])
    def test_later_looks_grow_apart(self, looks: int, minutes: int) -> None:
        now = SENT + timedelta(hours=1)

        when = next_look(first_sent_at=SENT, now=now, looks=looks, waits=Waits())

        assert when == now + timedelta(minutes=minutes)

    def test_nothing_goes_out_again_before_two_looks(self) -> None:
        assert [may_repeat(looks) for looks in range(4)] == [False, False, True, True]

    def test_a_day_is_enough(self) -> None:
        day = timedelta(days=1)

        assert not given_up(
            first_sent_at=SENT, now=SENT + day - timedelta(1 / 86400), waits=Waits()
        )
        assert given_up(first_sent_at=SENT, now=SENT + day, waits=Waits())

    def test_scaling_keeps_what_guards_a_call(self) -> None:
        scaled = Waits().scaled(0.01)

        assert (scaled.first_look, scaled.intent_age) == (1.5, 5.0)
        assert scaled.repeats == (3.0, 9.0, 36.0)
