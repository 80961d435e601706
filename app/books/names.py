"""Names folded for comparison; pure."""

import re
import unicodedata

_DELETED = re.compile(r"\s*\(deleted(?:-\d+)?\)\s*$")


def fold_name(name: str) -> str:
    """
    Return the name as it is compared: case, width, spacing and a " (deleted)" suffix ignored.

    Folding twice is folding once. A name that is nothing but the suffix keeps it.
    """
    folded = _spaced(name.lower()) if name.isascii() else _spaced(_caseless(name))
    bare = _DELETED.sub("", folded)
    while bare and bare != folded:
        folded, bare = bare, _DELETED.sub("", bare)
    return folded


def fold_email(email: str | None) -> str | None:
    """Return the address as it is compared, or None when there is none."""
    return (email or "").strip().casefold() or None


def _spaced(name: str) -> str:
    return " ".join(name.split())


def _caseless(name: str) -> str:
    """Return the caseless form; one round is not always stable (Unicode, D146)."""
    before, after = "", name
    while after != before:
        before = after
        after = unicodedata.normalize("NFKC", before).casefold()
    return after
