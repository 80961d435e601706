"""
Rows in memory, with an undo log: a mutation that is refused half-way leaves no trace.

Every change of any dictionary of the books goes through `Store.set` and `Store.drop`; within
`Store.atomic` the former value is remembered and put back when an exception passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from simulator.books.wire import Wire

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Final = object()


class Store:
    """
    The rows of all entities by id, in ascending order of id.

    Ids rise within a sequence, so the order of insertion is the order of ids.
    """

    def __init__(self, entities: Iterable[str]) -> None:
        self.rows: dict[str, dict[str, Wire]] = {entity: {} for entity in entities}
        self._sequences: dict[str, int] = {}
        self._undo: list[tuple[dict[Any, Any], Any, Any]] | None = None

    def set(self, place: dict[K, V], key: K, value: V) -> None:
        """``place[key] = value``, undone when the mutation fails."""
        if self._undo is not None:
            self._undo.append((place, key, place.get(key, _ABSENT)))
        place[key] = value

    def drop(self, place: dict[K, V], key: K) -> None:
        """Forget *key* of *place* if it is there, undone when the mutation fails."""
        if key in place:
            if self._undo is not None:
                self._undo.append((place, key, place[key]))
            del place[key]

    def next_id(self, sequence: str) -> str:
        """The next id of *sequence*; a refused mutation leaves a gap, as in QuickBooks."""
        taken = self._sequences.get(sequence, 0) + 1
        self._sequences[sequence] = taken
        return str(taken)

    def start_ids(self, sequence: str, first: int) -> None:
        """Let *sequence* go on with *first*, if it has not come so far yet."""
        self._sequences[sequence] = max(self._sequences.get(sequence, 0), first - 1)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All changes within, or none. A nested one belongs to the outer one."""
        if self._undo is not None:
            yield
            return
        self._undo = []
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._undo = None

    def _roll_back(self) -> None:
        log, self._undo = self._undo or [], None
        disordered = False
        for place, key, former in reversed(log):
            if former is _ABSENT:
                place.pop(key, None)
            else:
                disordered |= key not in place
                place[key] = former
        if disordered:
            self._reorder()

    def _reorder(self) -> None:
        """A row that was dropped and came back stands at the end: sort it in again."""
        for table in self.rows.values():
            if all(key.isdigit() for key in table):
                ordered = sorted(table.items(), key=lambda pair: int(pair[0]))
                table.clear()
                table.update(ordered)
