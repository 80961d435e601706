"""The taxes of a billed document, and what is left of its lines without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

Record = Mapping[str, Any]
CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def cents(amount: Decimal) -> Decimal:
    """Return an amount in whole cents, half a cent up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def taxes_of(record: Record, rates: set[str]) -> dict[str, Decimal]:
    """
    Return the billed tax by price code.

    What is told as an amount counts as told. A tax with a rate only is that rate of all that
    carries it, half a cent up; where prices include tax, of what is left when all rates are out.
    """
    told: dict[str, Decimal] = {}
    bases: dict[tuple[str, Decimal], Decimal] = {}
    everything = list(record.get("taxes", ()))
    for line in record["lines"]:
        if line.get("price_code") in rates:
            _add(told, line["price_code"], Decimal(line["amount"]))
            continue
        taxes = [*line.get("taxes", ()), *everything]
        base = _net(line, taxes) if record.get("prices_include_tax") else Decimal(line["amount"])
        for tax in taxes:
            if tax.get("amount") is None:
                key = (tax["price_code"], Decimal(tax["rate"]))
                bases[key] = bases.get(key, ZERO) + base
        for tax in line.get("taxes", ()):
            if tax.get("amount") is not None:
                _add(told, tax["price_code"], Decimal(tax["amount"]))
    for tax in everything:
        if tax.get("amount") is not None:
            _add(told, tax["price_code"], Decimal(tax["amount"]))
    for (code, rate), base in bases.items():
        _add(told, code, cents(base * rate / 100))
    return {code: amount for code, amount in told.items() if amount}


def nets_of(record: Record, rates: set[str]) -> tuple[tuple[str | None, Decimal], ...]:
    """
    Return price code and net amount of each line that sells something.

    Where prices include tax, what several lines contain together is shared to them in proportion,
    and the cents that rounding leaves go to the largest remainders.
    """
    sales = [line for line in record["lines"] if line.get("price_code") not in rates]
    amounts = [Decimal(line["amount"]) for line in sales]
    if record.get("prices_include_tax"):
        contained = _contained(record, sales, rates)
        amounts = [amount - tax for amount, tax in zip(amounts, contained, strict=True)]
    codes = [line.get("price_code") for line in sales]
    return tuple(zip(codes, amounts, strict=True))


def _contained(record: Record, sales: Sequence[Record], rates: set[str]) -> list[Decimal]:
    """Return the tax that each line's amount contains."""
    found = [ZERO] * len(sales)
    for amount, weights in [*_told(record, sales, rates), *_computed(record, sales)]:
        parts = shared(amount, list(weights.values()))
        for number, part in zip(weights, parts, strict=True):
            found[number] += part
    return found


Share = tuple[Decimal, dict[int, Decimal]]


def _told(record: Record, sales: Sequence[Record], rates: set[str]) -> Iterable[Share]:
    """Yield each tax that is told as an amount, with the weights of the lines that contain it."""
    amounts = {number: Decimal(line["amount"]) for number, line in enumerate(sales)}
    place = {line["line_id"]: number for number, line in enumerate(sales)}
    for tax in record.get("taxes", ()):
        if tax.get("amount") is not None:
            yield Decimal(tax["amount"]), amounts
    for line in record["lines"]:
        if line.get("price_code") in rates:
            members = [place[name] for name in line.get("applies_to") or place]
            yield Decimal(line["amount"]), {number: amounts[number] for number in members}
    for number, line in enumerate(sales):
        for tax in line.get("taxes", ()):
            if tax.get("amount") is not None:
                yield Decimal(tax["amount"]), {number: amounts[number]}


def _computed(record: Record, sales: Sequence[Record]) -> Iterable[Share]:
    """Yield each tax that is told as a rate, rounded over all its lines, with their weights."""
    found: dict[tuple[str, Decimal], dict[int, Decimal]] = {}
    for number, line in enumerate(sales):
        taxes = [*line.get("taxes", ()), *record.get("taxes", ())]
        for tax in taxes:
            if tax.get("amount") is None:
                rate = Decimal(tax["rate"])
                part = _net(line, taxes) * rate / 100
                found.setdefault((tax["price_code"], rate), {})[number] = part
    for weights in found.values():
        yield cents(sum(weights.values(), ZERO)), weights


def shared(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Return *amount* in whole cents by weight; the largest remainders take what is left over."""
    whole = sum(weights, ZERO)
    if not whole:
        return [amount, *([ZERO] * (len(weights) - 1))] if weights else []
    exact = [amount * weight / whole for weight in weights]
    parts = [part.quantize(CENT, rounding=ROUND_DOWN) for part in exact]
    left = amount - sum(parts, ZERO)
    step = CENT if left > 0 else -CENT
    order = sorted(range(len(parts)), key=lambda place: -abs(exact[place] - parts[place]))
    for turn in range(int(abs(left) / CENT)):
        parts[order[turn % len(order)]] += step
    return parts


def _net(line: Record, taxes: Iterable[Record]) -> Decimal:
    whole = 1 + sum((Decimal(tax["rate"]) for tax in taxes), ZERO) / 100
    return Decimal(line["amount"]) / whole


def _add(sums: dict[str, Decimal], code: str, amount: Decimal) -> None:
    sums[code] = sums.get(code, ZERO) + amount
