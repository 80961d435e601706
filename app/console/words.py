"""How states, counts and times are said to a bookkeeper."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

GOOD, WARN, BAD, PLAIN = "good", "warn", "bad", ""

JOB_STATUS = {
    "queued": ("Waiting", PLAIN),
    "running": ("Running", PLAIN),
    "paused": ("Paused", WARN),
    "succeeded": ("Done", GOOD),
    "succeeded_with_findings": ("Done, with findings", WARN),
    "failed": ("Failed", BAD),
    "cancelled": ("Cancelled", PLAIN),
}
RECORD_STATE = {
    "waiting": ("Waiting", PLAIN),
    "pending": ("Waiting", PLAIN),
    "sending": ("Being sent", PLAIN),
    "unknown": ("Being checked in QuickBooks", WARN),
    "parked": ("Waits for a cause outside", WARN),
    "posted": ("Posted", GOOD),
    "rejected": ("Refused", BAD),
    "conflict": ("Needs a decision", BAD),
    "blocked": ("Blocked by another record", WARN),
    "unchanged": ("Unchanged", PLAIN),
    "skipped": ("Skipped", PLAIN),
    "cancelled": ("Cancelled", PLAIN),
}
ACTIONS = {
    "created": "Created",
    "updated": "Updated",
    "voided": "Voided",
    "linked": "Linked to what was there",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A state in words, and how it is coloured; colour never says more than the words."""

    text: str
    tone: str


def said_status(status: str) -> Said:
    return Said(*JOB_STATUS.get(status, (_spaced(status), PLAIN)))


def said_state(state: str, action: str | None) -> Said:
    if state == "posted" and action in ACTIONS:
        return Said(ACTIONS[action], GOOD)
    return Said(*RECORD_STATE.get(state, (_spaced(state), PLAIN)))


def said_counts(counts: Mapping[str, object]) -> str:
    """Return the counts that are not zero, such as "12 created, 1 rejected"; or "nothing"."""
    parts = [f"{n} {_spaced(name).lower()}" for name, n in counts.items() if n and name != "total"]
    return ", ".join(parts) or "nothing to do"


def said_kind(kind: str) -> str:
    return _spaced(kind)


def zone_of(name: str | None) -> ZoneInfo:
    """Return the books' own time zone, or UTC where it is not known here."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def said_moment(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else ""


def said_amount(amount: Decimal | None, currency: str | None = None) -> str:
    """Return an amount with two decimals, or with all it has if there are more."""
    if amount is None:
        return ""
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{places}f} {currency or ''}".rstrip()


def _spaced(word: str) -> str:
    return word.replace("_", " ").capitalize()
