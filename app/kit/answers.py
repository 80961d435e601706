"""What endpoints that list or show things have in common: pages by id, and worked examples."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

from app.kit.web import Page, decode_cursor, encode_cursor


class HasId(Protocol):
    """A row with an id that sorts by creation."""

    @property
    def id(self) -> UUID: ...


R = TypeVar("R", bound=HasId)
T = TypeVar("T")


def before_id(cursor: str | None) -> UUID | None:
    """
    Return the id below which a page of a newest-first list begins.

    Raises:
        Invalid: It is not a cursor of such a list.
    """
    values = decode_cursor(cursor, UUID)
    return values[0] if values else None


def page_by_id(rows: Sequence[R], limit: int, show: Callable[[R], T]) -> Page[T]:
    """Return a page of the first *limit* rows; one row more tells that there is another page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        data=[show(row) for row in shown],
        next_cursor=encode_cursor(str(shown[-1].id)) if more else None,
    )


def example(value: Any, *, status: int = 200, media: str = "application/json") -> dict[Any, Any]:
    """
    Return the OpenAPI entry of an answer, with a worked example of its body.

    It travels as text: FastAPI drops what is null from examples. `app.openapi` reads it again.
    """
    return {status: {"content": {media: {"example": json.dumps(value)}}}}
