"""Cents: two decimals, halves away from zero, never a float."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
HUNDRED = Decimal(100)


def cents(value: Decimal) -> Decimal:
    """*value* rounded half up to two decimals."""
    return value.quantize(CENT, ROUND_HALF_UP)


def total(values: Iterable[Decimal]) -> Decimal:
    """The sum, with two decimals even of nothing."""
    return sum(values, ZERO)


def percent_of(base: Decimal, percent: Decimal) -> Decimal:
    """*percent* per cent of *base*, rounded half up once."""
    return cents(base * percent / HUNDRED)


def spread(amount: Decimal, weights: list[Decimal]) -> list[Decimal]:
    """
    Split *amount* in proportion to *weights*; what rounding leaves over goes to the last share.

    Without any weight the last share takes all.
    """
    if not weights:
        return []
    whole = sum(weights, Decimal(0))
    shares = [cents(amount * weight / whole) if whole else ZERO for weight in weights[:-1]]
    return [*shares, amount - total(shares)]
