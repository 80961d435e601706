"""Money: rounding by currency, and sharing without losing a cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.money import exponent, round_half_up, share, unit

CENTS = st.decimals("-99999.99", "99999.99", places=2)
WEIGHTS = st.lists(st.decimals("0", "9999.99", places=2), min_size=1, max_size=12)


@pytest.mark.parametrize(("currency", "decimals"), [("CAD", 2), ("JPY", 0), ("KWD", 3)])
def test_exponents_are_those_of_iso_4217(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals
    assert unit(currency) == Decimal(1).scaleb(-decimals)


def test_unknown_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="ZZZ"):
        exponent("ZZZ")


@pytest.mark.parametrize(("amount", "rounded"), [("0.005", "0.01"), ("-0.005", "-0.01")])
def test_halves_go_away_from_zero(amount: str, rounded: str) -> None:
    assert round_half_up(Decimal(amount), "CAD") == Decimal(rounded)


@given(CENTS, WEIGHTS)
def test_parts_sum_to_the_total(total: Decimal, weights: list[Decimal]) -> None:
    parts = share(total, weights, "CAD")

    assert len(parts) == len(weights)
    assert sum(parts, Decimal(0)) == total


def test_largest_remainder_gets_the_cent() -> None:
    assert share(Decimal("1.00"), [Decimal(1)] * 3, "CAD") == [
        Decimal("0.34"),
        Decimal("0.33"),
        Decimal("0.33"),
    ]


def test_nothing_to_share_by() -> None:
    assert share(Decimal("1.00"), [], "CAD") == []
    assert share(Decimal("1.00"), [Decimal(0), Decimal(0)], "CAD") == [Decimal("1.00"), Decimal(0)]
