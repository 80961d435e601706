"""The states of a posting and the only ways between them. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from app.jobs.waits import Waits


class PostingState(StrEnum):
    """What is known about one intended write."""

    PENDING = "pending"
    SENDING = "sending"
    UNKNOWN = "unknown"
    PARKED = "parked"
    POSTED = "posted"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    CANCELLED = "cancelled"


class LinkState(StrEnum):
    """What is known about a link's document."""

    ABSENT = "absent"
    LIVE = "live"
    VOIDED = "voided"
    MISSING = "missing"
    DRIFTED = "drifted"


# The document stands in the books, as we wrote it or as somebody changed it.
STANDING = frozenset({LinkState.LIVE.value, LinkState.DRIFTED.value})


class Parked(StrEnum):
    """Causes outside the record for which a posting waits."""

    CONNECTION = "connection"
    QUOTA = "quota"
    CLOSED_BOOKS = "closed_books"
    SUBSCRIPTION = "subscription"


# QuickBooks said no for certain, and may repeat it under the same request id whatever has changed.
REFUSED_FOR_NOW = frozenset({Parked.CLOSED_BOOKS.value, Parked.SUBSCRIPTION.value})


class IllegalTransition(Exception):
    """A posting was about to go where no way leads."""


S = PostingState
TRANSITIONS: dict[PostingState, frozenset[PostingState]] = {
    S.PENDING: frozenset({S.SENDING, S.CANCELLED, S.PARKED}),
    S.SENDING: frozenset({S.POSTED, S.REJECTED, S.UNKNOWN, S.PARKED, S.PENDING}),
    S.UNKNOWN: frozenset({S.POSTED, S.SENDING, S.CONFLICT}),
    S.PARKED: frozenset({S.PENDING}),
    S.CONFLICT: frozenset({S.POSTED, S.CANCELLED}),  # only by a person's decision
    S.POSTED: frozenset(),
    S.REJECTED: frozenset(),
    S.CANCELLED: frozenset(),
}
OPEN = frozenset({S.PENDING, S.SENDING, S.UNKNOWN, S.PARKED, S.CONFLICT})


def check_transition(before: PostingState, after: PostingState) -> None:
    """
    Let a legal transition pass.

    Raises:
        IllegalTransition: There is no such way.
    """
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} → {after}")


LOOKS_BEFORE_REPEAT = 2


def may_repeat(looks: int) -> bool:
    """Tell whether enough looks found nothing, so that the same bytes may go out again."""
    return looks >= LOOKS_BEFORE_REPEAT


def next_look(*, first_sent_at: datetime, now: datetime, looks: int, waits: Waits) -> datetime:
    """
    Return when an unknown posting is looked for next, *looks* looks having found nothing.

    The first two looks count from the sending; later ones follow their repeats at growing
    distances.
    """
    if looks == 0:
        return first_sent_at + timedelta(seconds=waits.first_look)
    if looks == 1:
        return max(first_sent_at + timedelta(seconds=waits.second_look), now)
    index = min(looks - LOOKS_BEFORE_REPEAT, len(waits.repeats) - 1)
    return now + timedelta(seconds=waits.repeats[index])


def given_up(*, first_sent_at: datetime, now: datetime, waits: Waits) -> bool:
    """Tell whether an unknown posting has been unknown for too long to go on by machine."""
    return now - first_sent_at >= timedelta(seconds=waits.give_up)
