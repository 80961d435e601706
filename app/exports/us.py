"""
Sales tax of US companies: taxable or not on each line, the amount once on the document. Pure.

Automated companies (US-AST) take the billed total as an override, under any code of theirs; manual
ones (US-MANUAL) have one code for the whole document: that of all taxes on its lines together, each
rate over the lines that bear it; companies without sales tax take untaxed documents only.
"""

from collections.abc import Mapping

from app.accounting.records import TaxModel, TaxTreatment
from app.billing.arithmetic import DocumentSums, SalesLine
from app.exports.decisions import Refusal, refused
from app.exports.tax import (
    PriceCodes,
    TaxLayout,
    TaxTarget,
    UnmappedTaxes,
    parts_of,
    price_codes_of,
    said,
)

TAXED, UNTAXED = "TAX", "NON"


def us_layout(
    model: TaxModel,
    sums: DocumentSums,
    targets: Mapping[PriceCodes, TaxTarget],
    *,
    any_code: str | None,
) -> TaxLayout:
    """
    Return how the document's taxes are sent; *any_code* is some sales tax code of the company.

    Raises:
        UnmappedTaxes: US-MANUAL, and its set of taxes has no code.
        Refusal: The company takes no tax, or not these taxes on one document.
    """
    match model:
        case TaxModel.US_AST:
            return _automated(sums, any_code)
        case TaxModel.US_MANUAL:
            return _manual(sums, targets)
    if sums.tax:
        raise _no_sales_tax(model)
    return _plain(sums, None if model is TaxModel.US_NONE else UNTAXED)


def _automated(sums: DocumentSums, any_code: str | None) -> TaxLayout:
    if not sums.tax:
        return _plain(sums, UNTAXED)
    return TaxLayout(
        line_codes=tuple(TAXED if _is_taxed(line) else UNTAXED for line in sums.lines),
        parts=(),
        treatment=TaxTreatment.UNSTATED,
        header_code=any_code,
    )


def _is_taxed(line: SalesLine) -> bool:
    """Tell whether a line bears tax; one whose only taxes are of zero percent does not."""
    return any(part.rate is None or part.rate or part.amount for part in line.taxes)


def _manual(sums: DocumentSums, targets: Mapping[PriceCodes, TaxTarget]) -> TaxLayout:
    sets = {price_codes_of(line) for line in sums.lines} - {frozenset()}
    if not sets:
        return _plain(sums, UNTAXED)
    taxes = frozenset().union(*sets)
    if taxes not in targets:
        raise _two_sets(sets) if len(sets) > 1 else UnmappedTaxes([taxes])
    target = targets[taxes]
    taxed = [line for line in sums.lines if line.taxes]
    return TaxLayout(
        line_codes=tuple(TAXED if line.taxes else UNTAXED for line in sums.lines),
        parts=parts_of((line, target) for line in taxed),
        treatment=TaxTreatment.UNSTATED,
        header_code=target.tax_code_id,
    )


def _plain(sums: DocumentSums, code: str | None) -> TaxLayout:
    """Return the layout of a document without any tax, each line with the same code, if any."""
    return TaxLayout(
        line_codes=(code,) * len(sums.lines), parts=(), treatment=TaxTreatment.UNSTATED
    )


def _two_sets(sets: set[PriceCodes]) -> Refusal:
    listed = sorted(sets, key=sorted)
    return Refusal(
        refused(
            "two_tax_sets",
            "The document's lines have different taxes.",
            "This company takes one tax code per document, for all its taxed lines; here stand "
            f"{', and '.join(said(each) for each in listed)}.",
            "Bill the lines of each set of taxes on a document of their own.",
            "Or put the same taxes on all taxed lines, and map that set to a combined tax code.",
            "Or move the company to automated sales tax in QuickBooks, which takes any mix.",
            details={"price_codes": [sorted(each) for each in listed]},
        )
    )


def _no_sales_tax(model: TaxModel) -> Refusal:
    unset = model is TaxModel.US_AST_UNSET
    return Refusal(
        refused(
            "sales_tax_not_set_up",
            "The company in QuickBooks does not take sales tax.",
            "Automated sales tax was begun there, but its set-up is not finished."
            if unset
            else "Sales tax is turned off in QuickBooks.",
            "Finish the sales tax set-up in QuickBooks (Taxes, Sales tax)."
            if unset
            else "Turn on sales tax in QuickBooks (Taxes, Sales tax).",
            "Then connect again or wait for the next export, and export these documents again.",
            details={"tax_model": model.value},
        )
    )
