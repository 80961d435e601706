"""Documents read to the cent: shares that sum, lines that stay, differences that are named."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.arithmetic import (
    DocumentSums,
    SalesLine,
    UnreadableDocument,
    read_document,
    settle,
)
from app.billing.schemas import Line, LineTax
from app.kit.money import ZERO, round_half_up, unit

D = Decimal


@dataclass(frozen=True)
class Doc:
    """A document with keyword defaults."""

    lines: Sequence[Line]
    taxes: Sequence[LineTax] = ()
    tax_total: Decimal | None = None
    total: Decimal = ZERO
    currency: str | None = "CAD"
    prices_include_tax: bool = False


def line(line_id: str, amount: str, **more: object) -> Line:
    fields: dict[str, object] = {"price_code": "PRO"} | more
    return Line.model_validate({"line_id": line_id, "amount": amount, **fields})


def tax(code: str, rate: str, amount: str | None = None) -> LineTax:
    return LineTax.model_validate({"price_code": code, "rate": rate, "amount": amount})


GST, QST = tax("GST", "5"), tax("QST", "9.975")


def read(
    *lines: Line,
    taxes: Sequence[LineTax] = (),
    tax_total: str,
    total: str,
    codes: frozenset[str] = frozenset(),
    gross: bool = False,
    currency: str = "CAD",
) -> DocumentSums:
    document = Doc(
        lines=lines,
        taxes=taxes,
        tax_total=D(tax_total),
        total=D(total),
        prices_include_tax=gross,
        currency=currency,
    )
    return read_document(document, codes)


def shares(sums: DocumentSums, code: str) -> list[Decimal | None]:
    """Return each line's part of this tax, None where it carries none."""
    return [
        next((part.amount for part in entry.taxes if part.price_code == code), None)
        for entry in sums.lines
    ]


class TestNetPrices:
    def test_a_tax_is_rounded_over_the_document_and_shared(self) -> None:
        """
        Three times 0.33 at 5 % is 0.0495: 0.05 on the document, 0.06 line by line.
        """
        lines = [line(str(n), "0.33", taxes=[GST]) for n in range(3)]

        sums = read(*lines, tax_total="0.05", total="1.04")

        assert shares(sums, "GST") == [D("0.02"), D("0.02"), D("0.01")]
        assert sums.net == D("0.99")

    def test_taxes_of_the_document_are_on_every_line(self) -> None:
        sums = read(
            line("1", "100.00"),
            line("2", "0.00"),
            taxes=[GST, QST],
            tax_total="14.98",
            total="114.98",
        )

        assert [entry.tax_codes for entry in sums.lines] == [("GST", "QST")] * 2
        assert shares(sums, "QST") == [D("9.98"), D("0.00")]
        assert [(part.price_code, part.rate, part.amount) for part in sums.taxes] == [
            ("GST", D(5), D("5.00")),
            ("QST", D("9.975"), D("9.98")),
        ]

    def test_billed_amounts_stay_as_they_are(self) -> None:
        sums = read(
            line("1", "10.00", taxes=[tax("GST", "5", "0.51")]),
            line("2", "10.00", taxes=[tax("GST", "5", "0.49")]),
            tax_total="1.00",
            total="21.00",
        )

        assert shares(sums, "GST") == [D("0.51"), D("0.49")]

    def test_discounts_take_their_tax_along(self) -> None:
        sums = read(
            line("1", "100.00", taxes=[GST]),
            line("2", "-20.00", taxes=[GST]),
            tax_total="4.00",
            total="84.00",
        )

        assert shares(sums, "GST") == [D("5.00"), D("-1.00")]

    def test_lines_that_cancel_out_share_sensibly(self) -> None:
        sums = read(
            line("1", "100.00"),
            line("2", "-99.99"),
            taxes=[tax("GST", "5", "0.02")],
            tax_total="0.02",
            total="0.03",
        )

        first, second = shares(sums, "GST")
        assert first is not None
        assert abs(first) <= D("5.02")
        assert first + (second or 0) == D("0.02")

    def test_untaxed_lines_carry_nothing(self) -> None:
        sums = read(
            line("1", "10.00", taxes=[GST]), line("2", "5.00"), tax_total="0.50", total="15.50"
        )

        assert sums.lines[1].taxes == ()
        assert sums.lines[1].gross == D("5.00")

    def test_yen_have_no_decimals(self) -> None:
        sums = read(
            line("1", "105", taxes=[tax("JCT", "10")]),
            line("2", "100", taxes=[tax("JCT", "10")]),
            tax_total="21",
            total="226",
            currency="JPY",
        )

        assert shares(sums, "JCT") == [D(11), D(10)]

    def test_a_credit_is_the_mirror_of_its_invoice(self) -> None:
        sums = read(line("1", "-100.00"), taxes=[QST], tax_total="-9.98", total="-109.98")

        assert shares(sums, "QST") == [D("-9.98")]


class TestTaxLines:
    CODES = frozenset({"HST"})

    def test_tax_every_other_line(self) -> None:
        sums = read(
            line("1", "10.00"),
            line("2", "30.00"),
            line("3", "5.21", price_code="HST"),
            tax_total="5.21",
            total="45.21",
            codes=self.CODES,
        )

        assert [entry.line_id for entry in sums.lines] == ["1", "2"]
        assert shares(sums, "HST") == [D("1.30"), D("3.91")]
        assert sums.taxes[0].rate is None
        assert sums.net == D("40.00")

    def test_or_those_they_apply_to(self) -> None:
        sums = read(
            line("1", "10.00"),
            line("2", "30.00"),
            line("3", "1.30", price_code="HST", applies_to=["1"]),
            line("4", "3.90", price_code="HST", applies_to=["2"]),
            tax_total="5.20",
            total="45.20",
            codes=self.CODES,
        )

        assert shares(sums, "HST") == [D("1.30"), D("3.90")]

    def test_several_lines_of_one_tax_are_one_tax(self) -> None:
        sums = read(
            line("1", "10.00"),
            line("2", "1.00", price_code="HST"),
            line("3", "0.30", price_code="HST"),
            tax_total="1.30",
            total="11.30",
            codes=self.CODES,
        )

        assert shares(sums, "HST") == [D("1.30")]
        assert len(sums.lines[0].taxes) == 1

    def test_with_gross_prices_they_tell_what_is_contained(self) -> None:
        sums = read(
            line("1", "113.00"),
            line("2", "13.00", price_code="HST"),
            tax_total="13.00",
            total="113.00",
            codes=self.CODES,
            gross=True,
        )

        assert sums.lines[0].net == D("100.00")


class TestGrossPrices:
    def test_the_tax_is_taken_out(self) -> None:
        sums = read(
            line("1", "114.98", taxes=[GST, QST]), tax_total="14.98", total="114.98", gross=True
        )

        assert sums.lines[0].net == D("100.00")
        assert sums.net == D("100.00")

    def test_each_line_by_its_own_taxes(self) -> None:
        sums = read(
            line("1", "105.00", taxes=[GST]),
            line("2", "120.00", taxes=[tax("VAT", "20")]),
            tax_total="25.00",
            total="225.00",
            gross=True,
        )

        assert [entry.net for entry in sums.lines] == [D("100.00"), D("100.00")]

    def test_billed_amounts_are_taken_out_as_billed(self) -> None:
        sums = read(
            line("1", "100.00", taxes=[tax("A", "10", "9.00"), tax("B", "10")]),
            tax_total="17.27",
            total="100.00",
            gross=True,
        )

        assert shares(sums, "B") == [D("8.27")]
        assert sums.lines[0].net == D("82.73")


class TestContradictions:
    @pytest.mark.parametrize(
        ("lines", "taxes", "code", "pointer"),
        [
            ([line("1", "1"), line("1", "1")], [], "line_id_repeated", "/lines/1/line_id"),
            ([line("1", "1", taxes=[GST])], [QST], "taxes_twice", "/taxes"),
            ([line("1", "1", taxes=[GST, GST])], [], "tax_repeated", "/lines/0/taxes/1"),
            ([line("1", "1")], [GST, GST], "tax_repeated", "/taxes/1"),
            ([line("1", "1", price_code="HST")], [], "tax_without_lines", "/lines"),
            ([], [tax("GST", "5", "1")], "tax_without_lines", "/lines"),
            (
                [line("1", "1"), line("2", "1", price_code="HST", taxes=[GST])],
                [],
                "tax_on_tax",
                "/lines/1/taxes",
            ),
            (
                [line("1", "1"), line("2", "1", price_code="HST", applies_to=["2"])],
                [],
                "unknown_line",
                "/lines/1/applies_to/0",
            ),
            ([line("1", "1", applies_to=["1"])], [], "not_a_tax_line", "/lines/0/applies_to"),
        ],
    )
    def test_are_refused(
        self, lines: list[Line], taxes: list[LineTax], code: str, pointer: str
    ) -> None:
        with pytest.raises(UnreadableDocument) as refusal:
            read(*lines, taxes=taxes, tax_total="0", total="0", codes=frozenset({"HST"}))

        assert (refusal.value.code, refusal.value.pointer) == (code, pointer)

    def test_a_difference_is_named(self) -> None:
        with pytest.raises(UnreadableDocument, match=r"difference of -0.01") as refusal:
            read(line("1", "10.00", taxes=[GST]), tax_total="0.50", total="10.49")

        assert refusal.value.expected == D("10.50")
        assert refusal.value.given == D("10.49")

    def test_a_currency_is_needed(self) -> None:
        with pytest.raises(UnreadableDocument, match="currency"):
            read_document(Doc(lines=[], currency=None), frozenset())


# --------------------------------------------------------------------------- for any figures


CURRENCIES = st.sampled_from(["CAD", "JPY", "KWD"])
RATES = st.decimals(0, 30, places=3, allow_nan=False)
CODES = ["GST", "QST", "HST"]


@st.composite
def documents(draw: st.DrawFn) -> tuple[Doc, frozenset[str]]:
    """Documents with taxes per line or per document, with and without amounts, of any sign."""
    currency = draw(CURRENCIES)
    step = unit(currency)
    amounts = draw(st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=8))
    rates = {code: draw(RATES) for code in CODES}

    def some_taxes() -> list[dict[str, object]]:
        codes = draw(st.lists(st.sampled_from(CODES), unique=True, max_size=3))
        return [
            {
                "price_code": code,
                "rate": str(rates[code]),
                "amount": str(draw(st.integers(-(10**5), 10**5)) * step)
                if draw(st.booleans())
                else None,
            }
            for code in codes
        ]

    on_lines = draw(st.booleans())
    lines = [
        line(str(n), str(amount * step), taxes=some_taxes() if on_lines else [])
        for n, amount in enumerate(amounts)
    ]
    taxes = [] if on_lines else [LineTax.model_validate(entry) for entry in some_taxes()]
    sales = [entry.line_id for entry in lines]
    for n in range(draw(st.integers(0, 2))):
        members = draw(st.none() | st.lists(st.sampled_from(sales), min_size=1))
        amount = str(draw(st.integers(-(10**5), 10**5)) * step)
        lines.append(line(f"t{n}", amount, price_code="TAX", applies_to=members))
    return (
        Doc(
            lines=lines,
            taxes=taxes,
            currency=currency,
            prices_include_tax=draw(st.booleans()),
        ),
        frozenset({"TAX"}),
    )


def complete(document: Doc, codes: frozenset[str]) -> Doc:
    """Return the document with the totals that its parts come to."""
    with pytest.raises(UnreadableDocument) as difference:
        read_document(replace(document, tax_total=D("1e13")), codes)
    assert difference.value.code == "does_not_add_up"
    assert difference.value.expected is not None
    document = replace(document, tax_total=difference.value.expected)
    sales = [entry.amount for entry in document.lines if entry.price_code not in codes]
    tax = D(0) if document.prices_include_tax else document.tax_total or D(0)
    return replace(document, total=sum(sales, D(0)) + tax)


@given(documents())
def test_nothing_is_lost_and_everything_sums(case: tuple[Doc, frozenset[str]]) -> None:
    document, codes = complete(*case), case[1]

    sums = read_document(document, codes)

    sales = [entry for entry in document.lines if entry.price_code not in codes]
    assert [entry.line_id for entry in sums.lines] == [entry.line_id for entry in sales]
    assert sums.net + sums.tax == sums.gross == document.total
    assert sums.tax == document.tax_total
    assert sum((part.amount for part in sums.taxes), D(0)) == sums.tax
    for entry, billed in zip(sums.lines, sales, strict=True):
        assert entry.net + entry.tax == entry.gross
        assert billed.amount == (entry.gross if document.prices_include_tax else entry.net)
    step = unit(document.currency or "")
    assert all(whole(part.amount, step) for entry in sums.lines for part in entry.taxes)


def whole(amount: Decimal, step: Decimal) -> bool:
    return amount == amount.quantize(step)


@given(documents())
def test_every_billed_tax_amount_arrives(case: tuple[Doc, frozenset[str]]) -> None:
    """
    What was billed under a price code, and what its rate comes to, is what the shares come to.
    """
    document, codes = complete(*case), case[1]

    sums = read_document(document, codes)

    billed = sum((entry.amount for entry in document.lines if entry.price_code in codes), D(0))
    arrived = sum((part.amount for part in sums.taxes if part.price_code == "TAX"), D(0))
    assert arrived == billed
    for entry in document.taxes:
        if entry.amount is not None:
            parts = [p.amount for p in sums.taxes if p.price_code == entry.price_code]
            assert sum(parts, D(0)) == entry.amount


@given(
    st.lists(st.integers(1, 10**7), min_size=1, max_size=20),
    RATES,
    CURRENCIES,
)
def test_a_share_is_within_one_unit_of_exact(
    amounts: list[int], rate: Decimal, currency: str
) -> None:
    """
    Same-signed lines: the document's tax is half-up of the sum, and no line is off by a unit.
    """
    step = unit(currency)
    taxed = tax("GST", str(rate))
    lines = [line(str(n), str(a * step), taxes=[taxed]) for n, a in enumerate(amounts)]
    document = complete(Doc(lines=lines, currency=currency), frozenset())

    sums = read_document(document, frozenset())

    assert sums.tax == round_half_up(sums.net * rate / 100, currency)
    assert all(abs(entry.tax - entry.net * rate / 100) < step * 2 for entry in sums.lines)


@given(st.lists(st.decimals(-1000, 1000, places=6), min_size=1, max_size=30))
def test_settling_keeps_the_total(exact: list[Decimal]) -> None:
    step = D("0.01")
    total = sum(exact, D(0)).quantize(step)

    parts = settle(exact, total, step)

    assert sum(parts, D(0)) == total
    assert all(abs(part - wanted) <= step for part, wanted in zip(parts, exact, strict=True))


def test_a_line_knows_its_taxes() -> None:
    sums = read(line("1", "100.00"), taxes=[QST, GST], tax_total="14.98", total="114.98")

    entry: SalesLine = sums.lines[0]
    assert entry.tax == D("14.98")
    assert entry.tax_codes == ("GST", "QST")
