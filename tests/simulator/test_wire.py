"""Exact JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.wire import dumps, loads

amounts = st.decimals(min_value=-(10**11), max_value=10**11, allow_nan=False, places=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | amounts,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert loads(dumps(value)) == value


@pytest.mark.parametrize("text", ["100.00", "5", "0.10", "-7.5", "0.000001", "99999999999"])
def test_digits_stay(text: str) -> None:
    assert dumps(loads(text)) == text.encode()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[1,]", "{'a': 1}"])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_large_exponents_stay_short() -> None:
    assert len(dumps(Decimal("1E+999999999"))) < 20
