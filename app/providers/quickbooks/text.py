"""Text as QuickBooks takes it, and the marker by which a document of ours is known."""

import re

# C0 and C1 controls, half surrogates, and the two code points that are never characters.
_UNSENDABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Emoji and their like: refused as "not UTF-8" by some companies.
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_UNSENDABLE_BUT_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARKER = re.compile(r"\[lw:[a-z2-7]{26}\]")

DELETED_SUFFIX = " (deleted)"


def one_line(text: str) -> str:
    """Return the text with every control character replaced by a space."""
    return _UNSENDABLE.sub(" ", text)


def many_lines(text: str) -> str:
    """
    Return a longer text, for people: with its line ends as line feeds, without emoji.

    A document must not fail for a picture in a description; in a name it would be another name.
    """
    lines = _ASTRAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _UNSENDABLE_BUT_LINES.sub(" ", lines)


def with_marker(text: str | None, marker: str, *, limit: int) -> str:
    """
    Return the text ended by the marker, at most *limit* characters in all.

    The text gives way, never the marker: identity hangs on it. What looks like a marker in the
    text (a copied note) is taken out, lest one document pass for another.
    """
    kept = (
        _MARKER.sub("", many_lines(text or "")).strip()[: max(0, limit - len(marker) - 1)].rstrip()
    )
    return f"{kept} {marker}" if kept else marker


def find_marker(text: str | None) -> str | None:
    """Return the last marker of ours in the text, brackets included; a void prepends words."""
    found = _MARKER.findall(text or "")
    return str(found[-1]) if found else None
