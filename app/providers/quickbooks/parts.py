"""The small parts that QuickBooks' bodies are made of; pure."""

from collections.abc import Mapping

from app.accounting.errors import Fault, RecordRejected
from app.providers.quickbooks.text import many_lines, one_line

NOTE_LENGTH = 4000
DESCRIPTION_LENGTH = 4000

Body = Mapping[str, object]


def ref(external_id: str | None) -> Body | None:
    """Return a reference to something of the books; None to nothing."""
    return wrapped("value", external_id)


def wrapped(key: str, value: str | None) -> Body | None:
    """Return the value under its key; None for no value."""
    return None if value is None else {key: value}


def description(text: str | None) -> str | None:
    """Return a line's text, cut at what QuickBooks takes; it identifies and counts nothing."""
    cleaned = many_lines(text)[:DESCRIPTION_LENGTH] if text else None
    return cleaned or None


def limited(text: str | None, length: int, element: str) -> str | None:
    """
    Return the text on one line, None for an empty one.

    Raises:
        RecordRejected: It is longer than QuickBooks takes.
    """
    cleaned = one_line(text).strip() if text else ""
    if len(cleaned) > length:
        raise RecordRejected(
            Fault(element=element),
            f"{element} has {len(cleaned)} characters; QuickBooks takes at most {length}.",
        )
    return cleaned or None


def without_none(body: Body) -> Body:
    """Return the body without its empty fields."""
    return {key: value for key, value in body.items() if value is not None}
