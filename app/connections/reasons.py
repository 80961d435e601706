"""A connection's states and their reasons, in words that tell a merchant what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What a connection can be; `not_connected` is never stored."""

    NOT_CONNECTED = "not_connected"
    CONNECTED = "connected"
    REAUTHORIZATION_REQUIRED = "reauthorization_required"
    DISCONNECTED = "disconnected"


class Reason(StrEnum):
    """Why a connection is no longer connected."""

    REVOKED = "revoked"  # The authorization server says invalid_grant.
    REFUSED = "refused"  # The books refuse even a fresh token.
    REQUESTED = "requested"  # Somebody pressed Disconnect on our side.
    INTEGRATION_REMOVED = "integration_removed"


@dataclass(frozen=True, slots=True)
class Explanation:
    explanation: str
    fix: str | None


CONNECT = "Click Connect and let a QuickBooks administrator of the company give access."
RECONNECT = (
    "Click Connect again and choose the same company. Mappings, links and history are kept, and "
    "waiting jobs go on by themselves."
)
EXPLANATIONS = {
    (Status.NOT_CONNECTED, None): Explanation("No company has been connected yet.", CONNECT),
    (Status.CONNECTED, None): Explanation("", None),
    (Status.REAUTHORIZATION_REQUIRED, Reason.REVOKED): Explanation(
        "QuickBooks has ended this connection: it was disconnected inside QuickBooks, or it was "
        "not used for too long.",
        RECONNECT,
    ),
    (Status.REAUTHORIZATION_REQUIRED, Reason.REFUSED): Explanation(
        "QuickBooks refuses access to this company: the person who connected it may have lost "
        "their rights, or the app was disconnected inside QuickBooks.",
        RECONNECT,
    ),
    (Status.DISCONNECTED, Reason.REQUESTED): Explanation(
        "The connection was ended here. What was synchronized stays as it is.", RECONNECT
    ),
    (Status.DISCONNECTED, Reason.INTEGRATION_REMOVED): Explanation(
        "The integration was removed, and its connection with it.", None
    ),
}
FALLBACKS = {
    Status.REAUTHORIZATION_REQUIRED: Explanation(
        "QuickBooks no longer lets us into this company.", RECONNECT
    ),
    Status.DISCONNECTED: Explanation("The connection was ended.", RECONNECT),
}


def explain(status: str, reason: str | None) -> Explanation:
    """Return what a state means and what to do about it."""
    state = Status(status)
    known = EXPLANATIONS.get((state, Reason(reason) if reason in set(Reason) else None))
    return known or FALLBACKS.get(state, Explanation("", None))
