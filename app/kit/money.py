"""Exact money: decimal parsing, rounding by currency, and sharing without losing a cent."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache

from iso4217 import Currency

ZERO = Decimal(0)


@cache
def exponent(currency: str) -> int:
    """
    Return how many decimals the currency has (ISO 4217): 2 for CAD, 0 for JPY.

    Raises:
        ValueError: There is no such currency.
    """
    digits = Currency(currency.upper()).exponent
    return 2 if digits is None else int(digits)


def unit(currency: str) -> Decimal:
    """Return the currency's smallest amount: 0.01 for CAD."""
    return Decimal(1).scaleb(-exponent(currency))


def round_half_up(amount: Decimal, currency: str = "USD") -> Decimal:
    """Round to the currency's decimals, halves away from zero."""
    return amount.quantize(unit(currency), rounding=ROUND_HALF_UP)


def as_text(amount: Decimal) -> str:
    """Return an amount with two decimals at least, and more only when they matter."""
    cents = amount.quantize(Decimal("0.01"))
    return str(cents) if cents == amount else f"{amount.normalize():f}"


def share(total: Decimal, weights: Sequence[Decimal], currency: str = "USD") -> list[Decimal]:
    """
    Share *total* by *weights* so that the parts sum to it exactly (largest remainder).

    Equal remainders go to the earlier part. All-zero weights share nothing but a zero total;
    a non-zero total then goes to the first part.
    """
    if not weights:
        return []
    step, whole = unit(currency), sum(weights, ZERO)
    if whole == 0:
        return [total, *([ZERO] * (len(weights) - 1))]
    exact = [total * weight / whole for weight in weights]
    parts = [part.quantize(step, rounding=ROUND_DOWN) for part in exact]
    missing = total - sum(parts, ZERO)
    direction = step if missing > 0 else -step
    order = sorted(range(len(parts)), key=lambda i: (-abs(exact[i] - parts[i]), i))
    for index in order[: int(abs(missing) / step)]:
        parts[index] += direction
    parts[order[0]] += total - sum(parts, ZERO)
    return parts
