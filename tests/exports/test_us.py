"""Sales tax of US companies, decided without any books."""

from decimal import Decimal

import pytest

from app.accounting.records import TaxModel, TaxTreatment
from app.billing.arithmetic import DocumentSums, SalesLine, TaxPart
from app.exports.decisions import Refusal
from app.exports.tax import RateTarget, TaxTarget, UnmappedTaxes
from app.exports.us import us_layout

STATE = RateTarget(rate_id="1", percent=Decimal("7.1"), price_code="State")
CITY = RateTarget(rate_id="2", percent=Decimal(2), price_code="City")
TUCSON = TaxTarget(tax_code_id="3", rates=(STATE, CITY))
TARGETS = {frozenset({"State", "City"}): TUCSON}


def line(net: str, **taxes: str) -> SalesLine:
    """A line; each tax by its amount, its rate ten percent unless the amount is nothing."""
    parts = tuple(
        TaxPart(code, Decimal(10 if Decimal(amount) else 0), Decimal(amount))
        for code, amount in taxes.items()
    )
    tax = sum((part.amount for part in parts), Decimal(0))
    return SalesLine(
        line_id="1",
        price_code="plan",
        description=None,
        net=Decimal(net),
        gross=Decimal(net) + tax,
        quantity=None,
        unit_price=None,
        service_from=None,
        service_to=None,
        taxes=parts,
    )


def sums(*lines: SalesLine) -> DocumentSums:
    net = sum((each.net for each in lines), Decimal(0))
    tax = sum((each.tax for each in lines), Decimal(0))
    return DocumentSums("USD", lines, net, tax, net + tax, ())


def test_automated_company_is_told_what_is_taxed_under_any_code() -> None:
    document = sums(line("147.00", State="10.44", City="2.94"), line("100.00"))

    layout = us_layout(TaxModel.US_AST, document, {}, any_code="3")

    assert (layout.line_codes, layout.header_code) == (("TAX", "NON"), "3")
    assert (layout.parts, layout.treatment) == ((), TaxTreatment.UNSTATED)


def test_automated_company_without_imported_code_gets_none() -> None:
    layout = us_layout(TaxModel.US_AST, sums(line("10.00", State="1.00")), {}, any_code=None)

    assert (layout.line_codes, layout.header_code) == (("TAX",), None)


def test_automated_company_takes_different_taxes_on_one_document() -> None:
    document = sums(line("10.00", State="1.00"), line("10.00", City="1.00"))

    assert us_layout(TaxModel.US_AST, document, {}, any_code="3").line_codes == ("TAX", "TAX")


def test_line_whose_taxes_are_zero_is_untaxed_for_automated_companies() -> None:
    document = sums(line("10.00", State="1.00"), line("10.00", Zero="0.00"))

    assert us_layout(TaxModel.US_AST, document, {}, any_code="3").line_codes == ("TAX", "NON")


@pytest.mark.parametrize("model", [TaxModel.US_AST, TaxModel.US_MANUAL, TaxModel.US_AST_UNSET])
def test_untaxed_document_needs_neither_code_nor_mapping(model: TaxModel) -> None:
    layout = us_layout(model, sums(line("10.00")), {}, any_code="3")

    assert (layout.line_codes, layout.header_code, layout.parts) == (("NON",), None, ())


def test_company_without_sales_tax_has_no_codes_at_all() -> None:
    layout = us_layout(TaxModel.US_NONE, sums(line("10.00")), {}, any_code=None)

    assert layout.line_codes == (None,)


def test_manual_company_has_one_code_and_one_part_per_rate() -> None:
    document = sums(line("147.00", State="10.44", City="2.94"), line("100.00"))

    layout = us_layout(TaxModel.US_MANUAL, document, TARGETS, any_code=None)

    assert (layout.line_codes, layout.header_code) == (("TAX", "NON"), "3")
    assert [(part.rate_id, part.net, part.amount) for part in layout.parts] == [
        ("1", Decimal("147.00"), Decimal("10.44")),
        ("2", Decimal("147.00"), Decimal("2.94")),
    ]


def test_manual_company_takes_two_sets_of_taxes_under_the_code_of_both() -> None:
    document = sums(line("10.00", State="1.00"), line("20.00", State="2.00", City="0.40"))

    layout = us_layout(TaxModel.US_MANUAL, document, TARGETS, any_code=None)

    assert (layout.line_codes, layout.header_code) == (("TAX", "TAX"), "3")
    assert [(part.rate_id, part.net, part.amount) for part in layout.parts] == [
        ("1", Decimal("30.00"), Decimal("3.00")),
        ("2", Decimal("20.00"), Decimal("0.40")),
    ]


def test_manual_company_refuses_two_sets_of_taxes_without_a_code_for_both() -> None:
    document = sums(line("10.00", County="1.00"), line("10.00", State="1.00", City="1.00"))

    with pytest.raises(Refusal) as refusal:
        us_layout(TaxModel.US_MANUAL, document, TARGETS, any_code=None)

    outcome = refusal.value.decision.outcome
    assert outcome.code == "two_tax_sets"
    assert "City + State, and County" in (outcome.explanation or "")


def test_manual_company_needs_the_set_mapped() -> None:
    with pytest.raises(UnmappedTaxes) as unmapped:
        us_layout(TaxModel.US_MANUAL, sums(line("10.00", State="1.00")), TARGETS, any_code=None)

    assert unmapped.value.sets == (frozenset({"State"}),)


@pytest.mark.parametrize("model", [TaxModel.US_NONE, TaxModel.US_AST_UNSET])
def test_taxed_document_is_refused_where_no_tax_is_taken(model: TaxModel) -> None:
    with pytest.raises(Refusal) as refusal:
        us_layout(model, sums(line("10.00", State="1.00")), TARGETS, any_code=None)

    outcome = refusal.value.decision.outcome
    assert (outcome.code, outcome.details) == (
        "sales_tax_not_set_up",
        {"tax_model": model.value},
    )
    assert outcome.fixes
