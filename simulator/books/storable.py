"""Characters QuickBooks does not store."""

from __future__ import annotations

import re
from typing import Any

from simulator.books.faults import Fault

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_FOUR_BYTE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\U00010000-\U0010ffff]")


def refuse_unstorable(value: Any, *, four_byte: bool) -> None:
    """
    Walk through the values of a request; names are checked against the schema anyway.

    Raises:
        Fault: 500 for a control character, and for emoji and the like when *four_byte* is set.
    """
    if isinstance(value, str):
        if value.isascii() and value.isprintable():
            return
        if (_FOUR_BYTE if four_byte else _CONTROL).search(value):
            raise Fault.not_utf8()
    elif isinstance(value, dict):
        for member in value.values():
            if isinstance(member, str | dict | list):
                refuse_unstorable(member, four_byte=four_byte)
    elif isinstance(value, list):
        for member in value:
            refuse_unstorable(member, four_byte=four_byte)
