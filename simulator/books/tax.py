"""
Tax of a sales document, in the three models of the reference (section 11).

GLOBAL: every line has a code; one TaxLine per rate over all lines, rounded half up on the sum;
sent TaxLines are kept as an override. US models: lines are TAX or NON; a manual company takes the
rates of the header's code as sent, automated sales tax computes from the address and keeps only an
explicit TotalTax.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from simulator.books.faults import Fault
from simulator.books.money import CENT, HUNDRED, ZERO, cents, spread, total
from simulator.books.state import Books
from simulator.books.tax_lists import (
    PSEUDO_CODES,
    Component,
    Side,
    combined_percent,
    components,
)
from simulator.books.wire import Wire, ref, ref_id


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """What tax has to know of a line: its net, its gross if one was sent, its code."""

    net: Decimal
    code: str | None
    gross: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tax:
    """The tax of a document: what it shows, what it comes to, and to whom it is owed."""

    total: Decimal
    detail: Wire | None
    by_agency: dict[str, Decimal]


@dataclass(slots=True)
class _Share:
    """What one rate collects over all lines."""

    part: Component
    net: Decimal = ZERO
    amount: Decimal = ZERO


NO_TAX = Tax(ZERO, {"TotalTax": ZERO}, {})


def global_tax(
    books: Books,
    lines: Iterable[TaxedLine],
    on: str,
    calculation: str,
    sent: Wire | None,
    side: Side = "Sales",
) -> Tax:
    """
    Tax where line codes rule.

    Raises:
        Fault: 6000 for a line without code and for an override that does not fit the lines,
            6170 for tax on a document declared to be without.
    """
    if books.preference("TaxPrefs", "UsingSalesTax") is False:
        return Tax(ZERO, None, {})
    if calculation == "NotApplicable":
        if sent:
            raise Fault.tax_not_allowed()
        return NO_TAX
    taxed = list(lines)
    if any(line.code is None for line in taxed):
        raise tax_code_missing(books)
    shares = _shares(books, taxed, on, side)
    if calculation == "TaxInclusive":
        _fit_to_gross(books, shares, taxed, on, side)
    if sent is not None and "TaxLine" in sent:
        _override(shares, sent)
    return _as_tax(books, shares)


def tax_code_missing(books: Books) -> Fault:
    """6000 in the country's words."""
    word = books.profile.tax_word
    return Fault.business(f"Make sure all your transactions have a {word} rate before you save.")


def _shares(books: Books, lines: list[TaxedLine], on: str, side: Side) -> list[_Share]:
    by_code: dict[str, Decimal] = {}
    for line in lines:
        if line.code is not None:
            by_code[line.code] = by_code.get(line.code, ZERO) + line.net
    shares: dict[str, _Share] = {}
    exact: dict[str, Decimal] = {}
    for code_id, net in by_code.items():
        taxes: dict[int, Decimal] = {}
        for part in components(books, books.store.rows["TaxCode"][code_id], on, side):
            base = _base(part, net, taxes)
            tax = base * part.percent / HUNDRED
            taxes[part.order] = taxes.get(part.order, Decimal(0)) + tax
            share = shares.setdefault(part.rate_id, _Share(part))
            share.net += cents(base)
            exact[part.rate_id] = exact.get(part.rate_id, Decimal(0)) + tax
    for rate_id, share in shares.items():
        share.amount = cents(exact[rate_id])
    return list(shares.values())


def _base(part: Component, net: Decimal, taxes: dict[int, Decimal]) -> Decimal:
    if part.kind == "TaxOnAmountPlusTax":
        return net + sum(taxes.values(), Decimal(0))
    if part.kind == "TaxOnTax":
        return taxes.get(part.on_tax_order, Decimal(0))
    return net


def _fit_to_gross(
    books: Books, shares: list[_Share], lines: list[TaxedLine], on: str, side: Side
) -> None:
    """Let the shares come to gross minus net exactly: the gross is what the customer pays."""
    included = ZERO
    for line in lines:
        gross = line.gross
        if gross is None:
            code = books.store.rows["TaxCode"][str(line.code)]
            percent = combined_percent(components(books, code, on, side))
            gross = line.net + cents(line.net * percent / HUNDRED)
        included += gross - line.net
    difference = included - total(share.amount for share in shares)
    if abs(difference) > CENT * (len(lines) + len(shares)):
        raise Fault.business("The tax included in the amounts does not match the tax rates.")
    if shares and difference:
        max(shares, key=lambda share: abs(share.amount)).amount += difference


def _override(shares: list[_Share], sent: Wire) -> None:
    """Put sent amounts in place of computed ones; each used rate stands there exactly once."""
    by_rate = {share.part.rate_id: share for share in shares}
    given: dict[str, Decimal] = {}
    for line in sent["TaxLine"]:
        rate_id = ref_id(line.get("TaxLineDetail", {}), "TaxRateRef")
        if rate_id is None:
            raise Fault.missing("TaxRateRef")
        if rate_id not in by_rate or rate_id in given:
            raise Fault.business(f"The tax rate {rate_id} is not used on this transaction.")
        given[rate_id] = line.get("Amount", ZERO)
    for rate_id, share in by_rate.items():
        if rate_id not in given and share.amount:
            raise Fault.business(f"The tax rate {rate_id} is missing in the tax details.")
        share.amount = given.get(rate_id, ZERO)
    if sent.get("TotalTax", total(given.values())) != total(given.values()):
        raise Fault.business("The total tax is not the sum of the tax lines.")


def _as_tax(books: Books, shares: list[_Share], code: str | None = None) -> Tax:
    lines = [_tax_line(share) for share in shares]
    amount = total(share.amount for share in shares)
    owed: dict[str, Decimal] = {}
    for share in shares:
        agency = share.part.agency_id
        owed[agency] = owed.get(agency, ZERO) + share.amount
    detail: Wire = {"TotalTax": amount}
    if code is not None:
        detail = {"TxnTaxCodeRef": ref(code), **detail}
    if lines:
        detail["TaxLine"] = lines
    return Tax(amount, detail, owed)


def _tax_line(share: _Share) -> Wire:
    return {
        "Amount": share.amount,
        "DetailType": "TaxLineDetail",
        "TaxLineDetail": {
            "TaxRateRef": ref(share.part.rate_id),
            "PercentBased": True,
            "TaxPercent": share.part.percent,
            "NetAmountTaxable": share.net,
        },
    }


def drop_global_calculation(books: Books, draft: Wire) -> None:
    """
    Take GlobalTaxCalculation out of the draft of a US company.

    Raises:
        Fault: 6000 when it was sent and the company's rules refuse it.
    """
    if not books.profile.is_us or draft.pop("GlobalTaxCalculation", None) is None:
        return
    if books.rules.us_refuses_global_calculation:
        raise Fault.business("GlobalTaxCalculation is not supported in this company.")


def us_line_code(books: Books, code: str | None) -> str:
    """
    The pseudo code of a US line.

    Raises:
        Fault: 6100 for anything but TAX and NON.
    """
    if code is None:
        return books.rules.ast_missing_code if books.profile.tax_model == "US_AST" else "NON"
    if code not in PSEUDO_CODES:
        raise Fault.bad_line_tax_code(code)
    return code


def us_tax(
    books: Books,
    lines: Iterable[TaxedLine],
    on: str,
    sent: Wire | None,
    *,
    exempt: bool,
    state: str | None,
) -> Tax:
    """Tax of a US document; an *exempt* customer pays none whatever the lines say."""
    model = books.profile.tax_model
    if model == "US_NONE" or books.preference("TaxPrefs", "UsingSalesTax") is False:
        return Tax(ZERO, None, {})
    net = ZERO if exempt else total(line.net for line in lines if line.code == "TAX")
    if model == "US_AST":
        return _automated(books, net, on, sent or {}, state)
    return _manual(books, net, on, sent or {}, exempt=exempt)


def _manual(books: Books, net: Decimal, on: str, sent: Wire, *, exempt: bool) -> Tax:
    """The header's code with the amounts that were sent; without a code there is no tax."""
    code_id = ref_id(sent, "TxnTaxCodeRef")
    if code_id is None or exempt:
        return NO_TAX
    code = books.referred("TaxCode", ref(code_id))
    shares = [_Share(part, net) for part in components(books, code, on)]
    if "TaxLine" in sent:
        _override(shares, sent)
    elif "TotalTax" in sent:
        _spread_over(shares, sent["TotalTax"])
    elif books.rules.manual_code_alone == "compute":
        for share in shares:
            share.amount = cents(net * share.part.percent / HUNDRED)
    else:
        return NO_TAX
    return _as_tax(books, shares, code["Id"])


def _automated(books: Books, net: Decimal, on: str, sent: Wire, state: str | None) -> Tax:
    """Automated sales tax: by address; of what was sent only an explicit TotalTax counts."""
    name = books.profile.ast_codes.get(state or "")
    code_id = books.roles.get(f"ast/{name}")
    override = sent.get("TotalTax") if books.rules.ast_override else None
    if code_id is None:
        return NO_TAX
    code = books.store.rows["TaxCode"][code_id]
    shares = [_Share(part, net) for part in components(books, code, on)]
    if override is not None:
        _spread_over(shares, override)
    elif net:
        for share in shares:
            share.amount = cents(net * share.part.percent / HUNDRED)
        shares[-1].amount += books.rules.ast_difference
    return _as_tax(books, shares, code_id)


def _spread_over(shares: list[_Share], amount: Decimal) -> None:
    weights = [share.part.percent for share in shares]
    for share, part in zip(shares, spread(amount, weights), strict=True):
        share.amount = part
