"""Text to tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from simulator.query.errors import lexical_error, unterminated

_CLAUSES = {"select", "count", "from", "where", "order", "orderby", "by", "asc", "desc"}
_PAGING = {"startposition", "maxresults"}
_LOGIC = {"and", "or", "not", "in", "like", "true", "false", "null"}
KEYWORDS = frozenset(_CLAUSES | _PAGING | _LOGIC)
"""Words that cannot name an entity or a property."""


class Kind(StrEnum):
    """What a token is; the values are the names the parser error prints."""

    WORD = "<IDENTIFIER>"
    KEYWORD = "keyword"
    STRING = "<STRING>"
    NUMBER = "<NUMBER>"
    SIGN = "sign"
    END = "<EOF>"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the statement; *value* is unescaped, keywords are lower case."""

    kind: Kind
    value: str
    text: str
    position: int

    def is_(self, *values: str) -> bool:
        """Whether this is one of the given keywords or signs."""
        return self.kind in {Kind.KEYWORD, Kind.SIGN} and self.value in values


_PATTERN = re.compile(
    r"""(?P<space>\s+)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<sign><=|>=|=|<|>|\(|\)|,|\*)
      | (?P<quote>')""",
    re.VERBOSE,
)
_PLAIN = re.compile(r"[^'\\]*")


def tokenize(text: str, *, doubled_apostrophe: bool = False) -> list[Token]:
    r"""
    Cut a statement into tokens, the last one of kind END.

    Inside quotes a backslash protects an apostrophe or a backslash and nothing else. With
    *doubled_apostrophe* ``''`` stands for one apostrophe, too.

    Raises:
        Fault: 4000, a character cannot begin a token, or a quotation does not end.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _PATTERN.match(text, position)
        if found is None:
            raise lexical_error(text, position)
        if found.lastgroup == "quote":
            value, end = _string(text, position, doubled_apostrophe)
            tokens.append(Token(Kind.STRING, value, text[position:end], position))
            position = end
            continue
        if found.lastgroup != "space":
            tokens.append(_token(str(found.lastgroup), found.group(), position))
        position = found.end()
    tokens.append(Token(Kind.END, "", "", len(text)))
    return tokens


def _token(group: str, text: str, position: int) -> Token:
    if group == "word" and text.lower() in KEYWORDS:
        return Token(Kind.KEYWORD, text.lower(), text, position)
    kind = {"word": Kind.WORD, "number": Kind.NUMBER}.get(group, Kind.SIGN)
    return Token(kind, text, text, position)


def _string(text: str, start: int, doubled: bool) -> tuple[str, int]:
    """The value of the quotation that begins at *start*, and where it ends."""
    parts: list[str] = []
    position = start + 1
    while True:
        plain = _PLAIN.match(text, position)
        assert plain is not None  # noqa: S101  # The pattern matches the empty text.
        parts.append(plain.group())
        position = plain.end()
        if position >= len(text):
            raise unterminated(text)
        following = text[position + 1 : position + 2]
        if text[position] == "\\":
            if following not in {"'", "\\"}:
                raise lexical_error(text, min(position + 1, len(text) - 1))
            parts.append(following)
            position += 2
        elif doubled and following == "'":
            parts.append("'")
            position += 2
        else:
            return "".join(parts), position + 1
