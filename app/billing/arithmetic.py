"""
The arithmetic of billed documents: which line is taxed by what, to the last unit of the currency.

Everything that is posted is computed from what `read_document` returns, so it refuses whatever
does not add up and drops nothing.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from app.kit.money import ZERO, round_half_up, unit

HUNDRED = Decimal(100)

# ----------------------------------------------------------------------------- what is read


class Tax(Protocol):
    """A tax on a line or on a document; *rate* is percent."""

    @property
    def price_code(self) -> str: ...
    @property
    def rate(self) -> Decimal: ...
    @property
    def amount(self) -> Decimal | None: ...


class Period(Protocol):
    @property
    def start(self) -> date: ...
    @property
    def end(self) -> date: ...


class Line(Protocol):
    @property
    def line_id(self) -> str: ...
    @property
    def price_code(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def quantity(self) -> Decimal | None: ...
    @property
    def unit_price(self) -> Decimal | None: ...
    @property
    def taxes(self) -> Sequence[Tax]: ...
    @property
    def service_period(self) -> Period | None: ...
    @property
    def applies_to(self) -> Sequence[str] | None: ...


class Document(Protocol):
    """An invoice, a credit note, or a refund with lines of its own."""

    @property
    def currency(self) -> str | None: ...
    @property
    def prices_include_tax(self) -> bool: ...
    @property
    def lines(self) -> Sequence[Line]: ...
    @property
    def taxes(self) -> Sequence[Tax]: ...
    @property
    def tax_total(self) -> Decimal | None: ...
    @property
    def total(self) -> Decimal: ...


# --------------------------------------------------------------------------- what comes out


@dataclass(frozen=True, slots=True)
class TaxPart:
    """A tax's share; *rate* is percent, or None where a line of tax told the amount only."""

    price_code: str
    rate: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SalesLine:
    """A line that sells something; `net` + its taxes = `gross`."""

    line_id: str
    price_code: str | None
    description: str | None
    net: Decimal
    gross: Decimal
    quantity: Decimal | None
    unit_price: Decimal | None
    service_from: date | None
    service_to: date | None
    taxes: tuple[TaxPart, ...]

    @property
    def tax(self) -> Decimal:
        return sum((part.amount for part in self.taxes), ZERO)

    @property
    def tax_codes(self) -> tuple[str, ...]:
        """The price codes of the taxes that stand together on this line, sorted."""
        return tuple(sorted(part.price_code for part in self.taxes))


@dataclass(frozen=True, slots=True)
class DocumentSums:
    """A document, read: each sales line once, and totals that equal the billed ones exactly."""

    currency: str
    lines: tuple[SalesLine, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal
    # One part per price code and rate, in the order in which they first stand on a line.
    taxes: tuple[TaxPart, ...]


class UnreadableDocument(Exception):
    """
    The document contradicts itself.

    *pointer* tells where (RFC 6901). For sums that differ, *expected* is what the parts come to
    and *given* what the document says.
    """

    def __init__(
        self,
        code: str,
        pointer: str,
        detail: str,
        *,
        expected: Decimal | None = None,
        given: Decimal | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.pointer = pointer
        self.detail = detail
        self.expected = expected
        self.given = given


# ------------------------------------------------------------------------------ the reading


@dataclass(slots=True)
class _Claim:
    """One tax over some of the sales lines (by position); without *amount* it is computed."""

    price_code: str
    rate: Decimal | None
    amount: Decimal | None
    members: list[int]
    shares: list[Decimal] = field(default_factory=list)


def read_document(document: Document, tax_codes: AbstractSet[str]) -> DocumentSums:
    """
    Split a document into sales lines with their taxes.

    *tax_codes* are the price codes known to be taxes (declared ones, and charges of kind `tax`): a
    line that carries one of them is tax. It taxes all sales lines, or those in its `applies_to`.
    A tax without amount is rounded half up over the summed net of its lines; what was computed or
    billed over several lines is shared by largest remainder. With `prices_include_tax` the amounts
    of sales lines are gross and lines of tax tell what is contained in them.

    Raises:
        UnreadableDocument: It does not add up exactly, or names its taxes inconsistently.
    """
    if document.currency is None:
        raise UnreadableDocument(
            "currency_required", "/currency", "A document with lines needs a currency."
        )
    sales = [line for line in document.lines if line.price_code not in tax_codes]
    claims = _claims(document, sales, tax_codes)
    amounts = [line.amount for line in sales]
    _allot(claims, amounts, gross=document.prices_include_tax, currency=document.currency)
    lines = tuple(
        _sales_line(line, taxes, gross=document.prices_include_tax)
        for line, taxes in zip(sales, _parts_of(claims, len(sales)), strict=True)
    )
    sums = _summed(document.currency, lines)
    _must_add_up(document, sums)
    return sums


def _claims(document: Document, sales: Sequence[Line], tax_codes: AbstractSet[str]) -> list[_Claim]:
    _consistent(document)
    position = {line.line_id: index for index, line in enumerate(sales)}
    every = list(range(len(sales)))
    claims: list[_Claim] = []
    computed: dict[tuple[str, Decimal], _Claim] = {}
    for index, line in enumerate(sales):
        for tax in line.taxes:
            if tax.amount is not None:
                claims.append(_Claim(tax.price_code, tax.rate, tax.amount, [index]))
                continue
            key = (tax.price_code, tax.rate)
            if key not in computed:
                computed[key] = _Claim(tax.price_code, tax.rate, None, [])
                claims.append(computed[key])
            computed[key].members.append(index)
    claims += [_Claim(tax.price_code, tax.rate, tax.amount, every) for tax in document.taxes]
    for index, line in enumerate(document.lines):
        if line.price_code is not None and line.price_code in tax_codes:
            members = _taxed_by(line, f"/lines/{index}", position, every)
            claims.append(_Claim(line.price_code, None, line.amount, members))
        elif line.applies_to is not None:
            raise UnreadableDocument(
                "not_a_tax_line",
                f"/lines/{index}/applies_to",
                f"Line {line.line_id!r} names the lines it applies to, but its price code"
                f" {line.price_code!r} is not known as a tax.",
            )
    return [claim for claim in claims if claim.members or _needs_lines(claim)]


def _needs_lines(claim: _Claim) -> bool:
    if claim.amount:
        raise UnreadableDocument(
            "tax_without_lines",
            "/lines",
            f"The tax {claim.price_code!r} of {claim.amount} taxes no line of this document.",
            given=claim.amount,
        )
    return False


def _consistent(document: Document) -> None:
    seen: set[str] = set()
    for index, line in enumerate(document.lines):
        if line.line_id in seen:
            raise UnreadableDocument(
                "line_id_repeated",
                f"/lines/{index}/line_id",
                f"The line id {line.line_id!r} stands twice in this document.",
            )
        seen.add(line.line_id)
        _each_once(line.taxes, f"/lines/{index}/taxes")
        if line.taxes and document.taxes:
            raise UnreadableDocument(
                "taxes_twice",
                "/taxes",
                "Taxes stand either on the lines or on the document, not on both.",
            )
    _each_once(document.taxes, "/taxes")


def _each_once(taxes: Iterable[Tax], pointer: str) -> None:
    codes: set[str] = set()
    for index, tax in enumerate(taxes):
        if tax.price_code in codes:
            raise UnreadableDocument(
                "tax_repeated",
                f"{pointer}/{index}",
                f"The tax {tax.price_code!r} stands here twice.",
            )
        codes.add(tax.price_code)


def _taxed_by(line: Line, pointer: str, position: dict[str, int], every: list[int]) -> list[int]:
    if line.taxes:
        raise UnreadableDocument(
            "tax_on_tax",
            f"{pointer}/taxes",
            f"Line {line.line_id!r} is a tax itself; it cannot carry taxes.",
        )
    if line.applies_to is None:
        return every
    for index, line_id in enumerate(line.applies_to):
        if line_id not in position:
            raise UnreadableDocument(
                "unknown_line",
                f"{pointer}/applies_to/{index}",
                f"There is no taxable line {line_id!r} in this document.",
            )
    return sorted({position[line_id] for line_id in line.applies_to})


# ------------------------------------------------------------------------- rates and shares


def _allot(
    claims: Sequence[_Claim], amounts: Sequence[Decimal], *, gross: bool, currency: str
) -> None:
    """Give each claim its shares: billed amounts first, then what must be computed."""
    billed = [claim for claim in claims if claim.amount is not None]
    computed = [claim for claim in claims if claim.amount is None]
    bases = _net_bases(claims, amounts) if gross else list(amounts)
    taken = [ZERO] * len(amounts)
    for claim in billed:
        claim.shares = _shared(claim, amounts, bases, claim.amount or ZERO, currency)
        for index, part in zip(claim.members, claim.shares, strict=True):
            taken[index] += part
    if gross:
        rest = [amount - part for amount, part in zip(amounts, taken, strict=True)]
        bases = _net_bases(computed, rest)
    for claim in computed:
        rate = (claim.rate or ZERO) / HUNDRED
        exact = sum((bases[index] for index in claim.members), ZERO) * rate
        total = round_half_up(exact, currency)
        claim.shares = _shared(claim, amounts, bases, total, currency)


def _net_bases(claims: Iterable[_Claim], grosses: Sequence[Decimal]) -> list[Decimal]:
    """Take the claims' rates out of gross amounts; the result is not rounded."""
    factors = [Decimal(1)] * len(grosses)
    for claim in claims:
        for index in claim.members:
            factors[index] += (claim.rate or ZERO) / HUNDRED
    return [gross / factor for gross, factor in zip(grosses, factors, strict=True)]


def _shared(
    claim: _Claim,
    amounts: Sequence[Decimal],
    bases: Sequence[Decimal],
    total: Decimal,
    currency: str,
) -> list[Decimal]:
    if len(claim.members) == 1:
        return [total]
    weights = [amounts[index] for index in claim.members]
    if claim.rate is None:
        exact = _by_weight(total, weights)
    else:
        rate = claim.rate / HUNDRED
        exact = [bases[index] * rate for index in claim.members]
        gap = total - sum(exact, ZERO)
        exact = [part + more for part, more in zip(exact, _by_size(gap, weights), strict=True)]
    return settle(exact, total, unit(currency))


def _by_weight(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Share by signed weights, unless those nearly cancel out and shares would be absurd."""
    whole = sum(weights, ZERO)
    if whole and abs(total) <= abs(whole):
        return [total * weight / whole for weight in weights]
    return _by_size(total, weights)


def _by_size(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    whole = sum((abs(weight) for weight in weights), ZERO)
    if not whole:
        return [total, *([ZERO] * (len(weights) - 1))]
    return [total * abs(weight) / whole for weight in weights]


def settle(exact: Sequence[Decimal], total: Decimal, step: Decimal) -> list[Decimal]:
    """
    Round *exact* parts, whose sum is about *total*, to multiples of *step* that sum to it exactly.

    Largest remainder: what rounding leaves over goes to the parts it was cut from most; of equals
    to the earlier one.
    """
    parts = [part.quantize(step, rounding=ROUND_DOWN) for part in exact]
    missing = total - sum(parts, ZERO)
    sign = 1 if missing >= 0 else -1
    order = sorted(range(len(parts)), key=lambda i: (-sign * (exact[i] - parts[i]), i))
    for turn in range(int(abs(missing) / step)):
        parts[order[turn % len(parts)]] += sign * step
    parts[order[0]] += total - sum(parts, ZERO)
    return parts


# ------------------------------------------------------------------------------------- sums


def _parts_of(claims: Iterable[_Claim], count: int) -> list[tuple[TaxPart, ...]]:
    """Return what each of *count* lines carries, each price code once a line."""
    parts: list[dict[str, TaxPart]] = [{} for _ in range(count)]
    for claim in claims:
        for index, amount in zip(claim.members, claim.shares, strict=True):
            before = parts[index].get(claim.price_code)
            parts[index][claim.price_code] = _joined(before, claim, amount)
    return [tuple(by_code.values()) for by_code in parts]


def _joined(before: TaxPart | None, claim: _Claim, amount: Decimal) -> TaxPart:
    if before is None:
        return TaxPart(claim.price_code, claim.rate, amount)
    rate = claim.rate if before.rate is None else before.rate
    return TaxPart(claim.price_code, rate, before.amount + amount)


def _sales_line(line: Line, taxes: tuple[TaxPart, ...], *, gross: bool) -> SalesLine:
    tax = sum((part.amount for part in taxes), ZERO)
    period = line.service_period
    return SalesLine(
        line_id=line.line_id,
        price_code=line.price_code,
        description=line.description,
        net=line.amount - tax if gross else line.amount,
        gross=line.amount if gross else line.amount + tax,
        quantity=line.quantity,
        unit_price=line.unit_price,
        service_from=period.start if period else None,
        service_to=period.end if period else None,
        taxes=taxes,
    )


def _summed(currency: str, lines: tuple[SalesLine, ...]) -> DocumentSums:
    totals: dict[tuple[str, Decimal | None], Decimal] = {}
    for line in lines:
        for part in line.taxes:
            key = (part.price_code, part.rate)
            totals[key] = totals.get(key, ZERO) + part.amount
    return DocumentSums(
        currency=currency,
        lines=lines,
        net=sum((line.net for line in lines), ZERO),
        tax=sum(totals.values(), ZERO),
        gross=sum((line.gross for line in lines), ZERO),
        taxes=tuple(TaxPart(code, rate, amount) for (code, rate), amount in totals.items()),
    )


def _must_add_up(document: Document, sums: DocumentSums) -> None:
    tax_total = document.tax_total if document.tax_total is not None else ZERO
    if sums.tax != tax_total:
        raise _difference("tax_total", "taxes", sums.tax, tax_total)
    if sums.gross != document.total:
        what = "lines" if document.prices_include_tax else "lines and taxes"
        raise _difference("total", what, sums.gross, document.total)


def _difference(name: str, what: str, expected: Decimal, given: Decimal) -> UnreadableDocument:
    return UnreadableDocument(
        "does_not_add_up",
        f"/{name}",
        f"The {what} add up to {expected}, but {name} says {given}:"
        f" a difference of {given - expected}.",
        expected=expected,
        given=given,
    )
