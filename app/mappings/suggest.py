"""
Which tax code fits which billing taxes; pure.

The rule: the books' tax *rate* is named like the billing price code. One price code fits a code
with that single rate; a set of price codes fits a code whose rates are that set. Percentages are
never compared: two taxes of 5 % are still two taxes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.accounting.records import TaxCode, TaxRate
from app.mappings.targets import TaxBooks, is_zero, why_no_code

PriceCodes = frozenset[str]
UNTAXED: PriceCodes = frozenset()


class Status(StrEnum):
    """How far a mapping has come."""

    CONFIRMED = "confirmed"
    SUGGESTED = "suggested"
    AMBIGUOUS = "ambiguous"
    BROKEN = "broken"
    UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True)
class Pair:
    """A billing price code and the rate of the books that it is."""

    price_code: str
    rate_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What is proposed for a set of price codes; *choices* when a person has to choose."""

    status: Status
    code: TaxCode | None = None
    pairs: tuple[Pair, ...] = ()
    name_matches: bool = False
    reason: str | None = None
    choices: tuple[TaxCode, ...] = ()
    fixes: tuple[str, ...] = ()


def suggest(price_codes: PriceCodes, books: TaxBooks) -> Suggestion:
    """Return the one tax code that fits by the names of its rates, or why there is none."""
    usable = [code for code in books.codes if why_no_code(code, books) is None]
    if price_codes == UNTAXED:
        return _suggest_untaxed(usable, books)
    for fold, exact in ((str, True), (loose, False)):
        fitting = [code for code in usable if _fits(price_codes, code, books, fold)]
        if len(fitting) == 1:
            return _suggested(price_codes, fitting[0], books, exact=exact)
        if fitting:
            return _ambiguous(price_codes, fitting)
    return _unmapped(price_codes, usable, books)


def loose(name: str) -> str:
    """Return a name without its case and outer spaces: close, yet to be confirmed by a person."""
    return name.strip().casefold()


def _fits(
    price_codes: PriceCodes, code: TaxCode, books: TaxBooks, fold: Callable[[str], str]
) -> bool:
    names = sorted(fold(rate.name) for rate in books.rates_of(code) or ())
    return names == sorted(map(fold, price_codes))


def _suggested(
    price_codes: PriceCodes, code: TaxCode, books: TaxBooks, *, exact: bool
) -> Suggestion:
    pairs = pair_up(price_codes, books.rates_of(code) or ())
    if pairs is None:
        # Price codes that differ in case only: which is which rate, names do not tell.
        return Suggestion(
            status=Status.AMBIGUOUS,
            choices=(code,),
            reason=f"The rates of {code.name!r} fit {said(price_codes)}, but their names do not "
            "tell which price code is which rate.",
            fixes=("Confirm the code and name the pairs.",),
        )
    if exact:
        return Suggestion(status=Status.SUGGESTED, code=code, pairs=pairs, name_matches=True)
    return Suggestion(
        status=Status.SUGGESTED,
        code=code,
        pairs=pairs,
        reason="The names differ in case or spacing only.",
        fixes=("Confirm this pairing, or rename the tax rate in the books.",),
    )


def _ambiguous(price_codes: PriceCodes, fitting: Sequence[TaxCode]) -> Suggestion:
    names = ", ".join(repr(code.name) for code in fitting)
    return Suggestion(
        status=Status.AMBIGUOUS,
        choices=tuple(fitting),
        reason=f"Several tax codes have exactly the rates {said(price_codes)}: {names}.",
        fixes=("Choose one of the codes.",),
    )


def _unmapped(price_codes: PriceCodes, usable: Sequence[TaxCode], books: TaxBooks) -> Suggestion:
    names = {loose(rate.name) for rate in books.rates.values() if rate.active and rate.mappable}
    missing = sorted(code for code in price_codes if loose(code) not in names)
    if missing:
        reason = f"No tax rate in the books is named {' or '.join(map(repr, missing))}."
    else:
        reason = f"No tax code in the books has exactly the rates {said(price_codes)}."
    named = [code for code in usable if {loose(code.name)} == set(map(loose, price_codes))]
    if named:
        reason += f" A tax code {named[0].name!r} exists, but its rate has another name."
    return Suggestion(
        status=Status.UNMAPPED,
        reason=reason,
        choices=tuple(named),
        fixes=(
            "Name the tax rate in the books like the price code and import taxes again.",
            "Or choose a tax code for these price codes yourself.",
        ),
    )


def _suggest_untaxed(usable: Sequence[TaxCode], books: TaxBooks) -> Suggestion:
    """Their names differ by country and language, so a person always has the last word."""
    zero = [code for code in usable if is_zero(code, books)]
    if len(zero) == 1:
        return Suggestion(
            status=Status.SUGGESTED,
            code=zero[0],
            reason="It is the only tax code whose rates are all zero.",
            fixes=("Confirm that lines without tax carry this code.",),
        )
    if zero:
        return Suggestion(
            status=Status.AMBIGUOUS,
            choices=tuple(zero),
            reason="Lines without tax need a code, and several codes owe nothing.",
            fixes=("Choose what lines without tax are: out of scope, exempt or zero-rated.",),
        )
    return Suggestion(
        status=Status.UNMAPPED,
        reason="Lines without tax need a code, and every tax code in the books owes something.",
        fixes=("Create an out-of-scope or zero-rated code in the books, then import taxes.",),
    )


def pair_up(price_codes: Iterable[str], rates: Sequence[TaxRate]) -> tuple[Pair, ...] | None:
    """
    Return which price code is which rate, or None where names do not tell.

    Exact names pair first, then names that differ in case and spacing; one price code and one
    rate that are left over are each other's.
    """
    codes, left = sorted(price_codes), list(rates)
    if len(codes) != len(left):
        return None
    pairs: list[Pair] = []
    for fold in (str, loose):
        for code in list(codes):
            found = [rate for rate in left if fold(rate.name) == fold(code)]
            if len(found) == 1:
                pairs.append(Pair(code, found[0].external_id))
                codes.remove(code)
                left.remove(found[0])
    if len(codes) == 1:
        pairs.append(Pair(codes.pop(), left.pop().external_id))
    return None if codes else tuple(sorted(pairs, key=lambda pair: pair.price_code))


def names_match(pairs: Iterable[Pair], rates: Mapping[str, TaxRate]) -> bool:
    """Tell whether each rate is named exactly like its price code."""
    return all(
        pair.rate_id in rates and rates[pair.rate_id].name == pair.price_code for pair in pairs
    )


def said(price_codes: PriceCodes) -> str:
    """Return the set as a sentence shows it."""
    return " + ".join(map(repr, sorted(price_codes))) or "no tax"


# ---------------------------------------------------------------- plans and rates


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxWord:
    """A price code that is a tax in billing: declared, or a charge of kind tax with its plan."""

    price_code: str
    plan: str | None = None
    name: str | None = None


def plans_without_rate(
    words: Iterable[TaxWord], books: TaxBooks, mapped: frozenset[str]
) -> list[TaxWord]:
    """Return the taxes of billing whose price code names no rate and is not mapped either."""
    names = {rate.name for rate in books.rates.values() if rate.active and rate.mappable}
    return [
        word for word in words if word.price_code not in names and word.price_code not in mapped
    ]


def rates_without_plan(
    words: Iterable[TaxWord], books: TaxBooks, mapped: frozenset[str]
) -> list[TaxRate]:
    """Return the sales rates in use by a code that no tax of billing is named like or mapped to."""
    names = {word.price_code for word in words}
    sold = {
        part.rate_id
        for code in books.codes
        if why_no_code(code, books) is None
        for part in code.rates
    }
    return [
        rate
        for rate in books.rates.values()
        if rate.external_id in sold and rate.name not in names and rate.external_id not in mapped
    ]
