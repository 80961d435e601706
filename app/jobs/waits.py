"""Every wait of the engine in one place, so that tests can run them in a fraction of the time."""

from dataclasses import dataclass, fields
from typing import Self

# Below these a busy machine loses its leases and gets nothing done.
FLOORS = {"lease": 4.0, "heartbeat": 0.8, "slice": 3.0, "poll": 0.05, "parked": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """
    Waits in seconds, as the ledger's contract sets them.

    QuickBooks gives up on a request after 120 s, so nothing is looked for before 150.
    """

    lease: float = 30.0
    heartbeat: float = 10.0
    intent_age: float = 5.0
    poll: float = 2.0
    slice: float = 20.0
    first_look: float = 150.0
    second_look: float = 300.0
    repeats: tuple[float, ...] = (300.0, 900.0, 3600.0)
    give_up: float = 86_400.0
    parked: float = 60.0
    throttled: float = 60.0
    refresh_lease: float = 30.0
    catch_up_margin: float = 600.0

    def scaled(self, factor: float) -> Self:
        """
        Return the same waits, each times *factor*.

        What guards a call keeps its length, and leases stay long enough for a busy machine.
        """
        kept = {"intent_age", "catch_up_margin"}
        changed = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in kept:
                changed[field.name] = value
            elif isinstance(value, tuple):
                changed[field.name] = tuple(part * factor for part in value)
            else:
                changed[field.name] = max(value * factor, FLOORS.get(field.name, 0.0))
        return type(self)(**changed)
