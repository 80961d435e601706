"""How far a step of an import has come; kept in its cursor, with the counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from app.accounting.records import CreationWindow
from app.books.repository import Stored

COUNTS = ("total", "created", "updated", "deactivated", "unchanged", "linked", "findings")


@dataclass(slots=True, kw_only=True)
class Progress:
    """
    What the slices so far have done.

    *window* is frozen by the first slice, so that pages do not shift under a long import; *read*
    rows of the list are stored; *after* is the last key of a step that goes through our own rows.
    """

    window: CreationWindow | None = None
    read: int = 0
    after: str = ""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))

    @classmethod
    def load(cls, cursor: Mapping[str, Any]) -> Self:
        """Return the progress that a cursor holds; an empty one is a beginning."""
        made = cls(read=cursor.get("read", 0), after=cursor.get("after", ""))
        made.counts.update(cursor.get("counts", {}))
        if "starts_at" in cursor:
            made.window = CreationWindow(
                starts_at=datetime.fromisoformat(cursor["starts_at"]),
                ends_at=datetime.fromisoformat(cursor["ends_at"]),
            )
        return made

    def dump(self) -> dict[str, Any]:
        cursor: dict[str, Any] = {"read": self.read, "after": self.after, "counts": self.counts}
        if self.window is not None:
            cursor["starts_at"] = self.window.starts_at.isoformat()
            cursor["ends_at"] = self.window.ends_at.isoformat()
        return cursor

    def add(self, stored: Stored) -> None:
        """Count one page."""
        self.counts["total"] += stored.total
        for name in ("created", "updated", "deactivated", "unchanged"):
            self.counts[name] += len(getattr(stored, name))
