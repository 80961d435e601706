"""This machine's clocks. What must agree between machines takes the database's instead."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds that never go backwards; only differences mean anything."""
    return time.monotonic()
