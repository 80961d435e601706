"""
From billed taxes to the books' tax codes and tax lines. Pure.

Outside the US each line carries a tax code, and the document one tax line per rate over the summed
net of the lines whose code has that rate. The amounts are the billed ones, to the cent: what the
books would compute is compared afterwards, never guessed beforehand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.accounting.records import TaxPart, TaxTreatment
from app.billing.arithmetic import DocumentSums, SalesLine
from app.kit.money import ZERO

PriceCodes = frozenset[str]
UNTAXED: PriceCodes = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTarget:
    """A rate of a mapped tax code, and the price code it stands for (none on untaxed codes)."""

    rate_id: str
    percent: Decimal
    price_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTarget:
    """What a set of price codes is mapped to."""

    tax_code_id: str
    rates: tuple[RateTarget, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxLayout:
    """How a document's taxes are sent: one code per sales line, one part per rate."""

    line_codes: tuple[str | None, ...]
    parts: tuple[TaxPart, ...]
    treatment: TaxTreatment
    # US companies: the code of the whole document, beside TAX or NON on its lines.
    header_code: str | None = None


class UnmappedTaxes(Exception):
    """Some sets of price codes have no confirmed tax code; nothing may be sent then."""

    def __init__(self, sets: Iterable[PriceCodes]) -> None:
        self.sets = tuple(sorted(set(sets), key=sorted))
        super().__init__(f"{len(self.sets)} unmapped")


def price_codes_of(line: SalesLine) -> PriceCodes:
    """Return the set of taxes that stand together on a line; empty is *untaxed*."""
    return frozenset(line.tax_codes)


def said(price_codes: PriceCodes) -> str:
    """Return a set of price codes for a sentence."""
    return " + ".join(sorted(price_codes)) if price_codes else "untaxed"


def lay_out(
    sums: DocumentSums,
    targets: Mapping[PriceCodes, TaxTarget],
    *,
    inclusive: bool,
) -> TaxLayout:
    """
    Give each line its code and each rate its amount; the parts sum to the document's tax.

    Raises:
        UnmappedTaxes: Naming every set of price codes that has no code.
    """
    sets = [price_codes_of(line) for line in sums.lines]
    if missing := [price_codes for price_codes in sets if price_codes not in targets]:
        raise UnmappedTaxes(missing)
    found = [targets[price_codes] for price_codes in sets]
    return TaxLayout(
        line_codes=tuple(target.tax_code_id for target in found),
        parts=parts_of(zip(sums.lines, found, strict=True)),
        treatment=TaxTreatment.INCLUSIVE if inclusive else TaxTreatment.EXCLUDED,
    )


def parts_of(lines: Iterable[tuple[SalesLine, TaxTarget]]) -> tuple[TaxPart, ...]:
    """
    Return one part per rate over all lines whose code has that rate, as billed.

    A line that does not bear a rate of its code adds nothing to it (one code for a whole document);
    the rates of untaxed codes have no price code, and all their lines count.
    """
    nets: dict[str, Decimal] = {}
    amounts: dict[str, Decimal] = {}
    percents: dict[str, Decimal] = {}
    for line, target in lines:
        billed = {part.price_code: part.amount for part in line.taxes}
        for rate in target.rates:
            borne = rate.price_code is None or rate.price_code in billed
            nets[rate.rate_id] = nets.get(rate.rate_id, ZERO) + (line.net if borne else ZERO)
            amount = billed.get(rate.price_code, ZERO) if rate.price_code is not None else ZERO
            amounts[rate.rate_id] = amounts.get(rate.rate_id, ZERO) + amount
            percents.setdefault(rate.rate_id, rate.percent)
    return tuple(
        TaxPart(rate_id=rate_id, percent=percents[rate_id], net=nets[rate_id], amount=amount)
        for rate_id, amount in amounts.items()
    )
