"""How many requests may wait for a job's end at once; whoever finds no seat is answered now."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

# Of one process. Each waiting request looks at its job every second at most.
SEATS = 400
SEATS_PER_ORGANIZATION = 100


class WaitingRoom:
    """Counts those who wait; no organization fills it alone."""

    def __init__(self, seats: int = SEATS, per_organization: int = SEATS_PER_ORGANIZATION) -> None:
        self._seats = seats
        self._per_organization = per_organization
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def seat(self, organization_id: UUID) -> Iterator[bool]:
        """Say whether there is a seat, and keep it until the end of the block."""
        free = (
            self._taken.total() < self._seats
            and self._taken[organization_id] < self._per_organization
        )
        if free:
            self._taken[organization_id] += 1
        try:
            yield free
        finally:
            if free:
                self._taken[organization_id] -= 1
                self._taken += Counter()  # Drops those who have none.
