"""Which tax code fits which billing taxes."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.accounting.records import TaxCode, TaxRate
from app.mappings.suggest import (
    UNTAXED,
    Pair,
    Status,
    TaxWord,
    pair_up,
    plans_without_rate,
    rates_without_plan,
    suggest,
)
from app.mappings.targets import TaxBooks, seen_of_code, why_tax_broken
from tests.imported import build_code, build_rate

GST, PST, QST = (
    build_rate("3", "GST", "5"),
    build_rate("4", "PST BC", "7"),
    build_rate("5", "QST", "9.975"),
)
ZERO = build_rate("6", "GST OS", "0")


def books(*codes: TaxCode, rates: tuple[TaxRate, ...] = (GST, PST, QST, ZERO)) -> TaxBooks:
    return TaxBooks(codes=codes, rates={rate.external_id: rate for rate in rates})


def test_one_price_code_is_the_code_with_that_single_rate() -> None:
    found = suggest(
        frozenset({"GST"}), books(build_code("9", "GST/PST", "3", "4"), build_code("8", "G", "3"))
    )

    assert (found.status, found.name_matches) == (Status.SUGGESTED, True)
    assert found.code is not None
    assert found.code.external_id == "8"
    assert found.pairs == (Pair("GST", "3"),)


def test_a_set_is_the_code_whose_rates_are_that_set() -> None:
    found = suggest(
        frozenset({"PST BC", "GST"}),
        books(build_code("9", "GST/PST", "3", "4"), build_code("8", "GST", "3")),
    )

    assert found.code is not None
    assert found.code.external_id == "9"
    assert set(found.pairs) == {Pair("GST", "3"), Pair("PST BC", "4")}


def test_case_and_spacing_are_suggested_but_do_not_match() -> None:
    found = suggest(frozenset({" gst"}), books(build_code("8", "GST", "3")))

    assert (found.status, found.name_matches) == (Status.SUGGESTED, False)
    assert found.pairs == (Pair(" gst", "3"),)


def test_an_exact_name_wins_over_a_close_one() -> None:
    close = build_rate("30", "gst", "5")
    found = suggest(
        frozenset({"GST"}),
        books(build_code("7", "low", "30"), build_code("8", "GST", "3"), rates=(GST, close)),
    )

    assert found.code is not None
    assert found.code.external_id == "8"


def test_two_codes_that_fit_are_ambiguous() -> None:
    found = suggest(
        frozenset({"GST"}), books(build_code("8", "GST", "3"), build_code("9", "Canada", "3"))
    )

    assert (found.status, found.code) == (Status.AMBIGUOUS, None)
    assert [code.external_id for code in found.choices] == ["8", "9"]


def test_a_percentage_is_never_a_reason() -> None:
    found = suggest(frozenset({"TPS"}), books(build_code("8", "GST", "3")))

    assert (found.status, found.code) == (Status.UNMAPPED, None)
    assert found.reason is not None
    assert "'TPS'" in found.reason
    assert found.fixes


def test_a_code_of_that_name_with_another_rate_name_is_only_mentioned() -> None:
    found = suggest(frozenset({"G"}), books(build_code("8", "G", "3")))

    assert found.status is Status.UNMAPPED
    assert [code.external_id for code in found.choices] == ["8"]


def test_inactive_hidden_and_purchase_codes_are_no_targets() -> None:
    unusable = books(
        build_code("1", "a", "3", active=False),
        build_code("2", "b", "3", hidden=True),
        build_code("3", "c"),
        build_code("4", "d", "99"),
    )

    assert suggest(frozenset({"GST"}), unusable).status is Status.UNMAPPED


def test_an_inactive_or_adjustment_rate_is_no_target() -> None:
    for change in ({"active": False}, {"mappable": False}):
        rate = build_rate("3", "GST", "5", **change)
        found = suggest(frozenset({"GST"}), books(build_code("8", "GST", "3"), rates=(rate,)))

        assert found.status is Status.UNMAPPED


def test_untaxed_is_the_only_zero_code_or_a_choice() -> None:
    taxed, zero = build_code("8", "GST", "3"), build_code("9", "Out of Scope", "6")

    one = suggest(UNTAXED, books(taxed, zero))
    several = suggest(UNTAXED, books(taxed, zero, build_code("10", "Exempt", "6")))
    none = suggest(UNTAXED, books(taxed))

    assert (one.status, one.code, one.name_matches) == (Status.SUGGESTED, zero, False)
    assert (several.status, several.code, len(several.choices)) == (Status.AMBIGUOUS, None, 2)
    assert none.status is Status.UNMAPPED


def test_pairs_take_what_is_left_over() -> None:
    assert pair_up(["GST", "TVQ"], [GST, QST]) == (Pair("GST", "3"), Pair("TVQ", "5"))


def test_pairs_are_not_guessed() -> None:
    assert pair_up(["TPS", "TVQ"], [GST, QST]) is None
    assert pair_up(["GST"], [GST, QST]) is None


def test_a_changed_percentage_breaks_a_mapping() -> None:
    code = build_code("8", "GST", "3")
    seen = seen_of_code(code, books(code))
    raised = build_rate("3", "GST", "6")

    assert why_tax_broken("8", seen, books(code)) is None
    reason = why_tax_broken("8", seen, books(code, rates=(raised,)))
    assert reason == "The tax rate 'GST' is 6 % now; 5 % was confirmed."


def test_trailing_zeros_are_no_change() -> None:
    code = build_code("8", "GST", "3")
    seen = seen_of_code(code, books(code))

    assert why_tax_broken("8", seen, books(code, rates=(build_rate("3", "GST", "5.00"),))) is None


def test_a_code_that_is_gone_inactive_or_other_breaks_a_mapping() -> None:
    code = build_code("8", "GST", "3")
    seen = seen_of_code(code, books(code))

    assert why_tax_broken("8", seen, books()) is not None
    assert why_tax_broken("8", seen, books(build_code("8", "GST", "3", active=False))) is not None
    assert why_tax_broken("8", seen, books(build_code("8", "GST", "4"))) is not None


def test_plans_and_rates_without_each_other() -> None:
    imported = books(build_code("9", "GST/PST", "3", "4"))
    words = [
        TaxWord(price_code="GST", plan="Canada"),
        TaxWord(price_code="HST", plan="Ontario"),
        TaxWord(price_code="TVQ"),
    ]

    lone = plans_without_rate(words, imported, frozenset({"TVQ"}))

    assert [word.plan for word in lone] == ["Ontario"]
    assert [rate.name for rate in rates_without_plan(words, imported, frozenset())] == ["PST BC"]
    assert rates_without_plan(words, imported, frozenset({"4"})) == []


NAMES = st.sampled_from(["GST", "gst", "PST", "QST", " QST"])
RATES = st.dictionaries(st.sampled_from("12345"), NAMES, min_size=1, max_size=5)


@given(
    RATES,
    st.lists(st.lists(st.sampled_from("12345"), max_size=3, unique=True), max_size=6),
    st.frozensets(NAMES, min_size=1, max_size=3),
)
def test_what_is_suggested_fits_and_is_the_only_one(
    names: dict[str, str], made: list[list[str]], price_codes: frozenset[str]
) -> None:
    rates = tuple(build_rate(rate_id, name, "5") for rate_id, name in names.items())
    codes = [build_code(str(n), f"C{n}", *ids) for n, ids in enumerate(made, start=50)]
    imported = books(*codes, rates=rates)

    found = suggest(price_codes, imported)

    fitting = [
        code
        for code in codes
        if code.rates
        and all(part.rate_id in names for part in code.rates)
        and sorted(names[part.rate_id] for part in code.rates) == sorted(price_codes)
    ]
    if len(fitting) == 1:
        assert found.code == fitting[0]
        assert found.name_matches
    elif fitting:
        assert found.status is Status.AMBIGUOUS
    else:
        assert not found.name_matches
    if found.code is not None:
        assert {pair.price_code for pair in found.pairs} == price_codes
        assert {pair.rate_id for pair in found.pairs} == {p.rate_id for p in found.code.rates}


@given(st.permutations(["GST", "PST BC", "QST"]), st.permutations([GST, PST, QST]))
def test_pairing_does_not_depend_on_order(codes: list[str], rates: list[TaxRate]) -> None:
    assert pair_up(codes, rates) == (Pair("GST", "3"), Pair("PST BC", "4"), Pair("QST", "5"))


def test_percent_text_is_exact() -> None:
    code = build_code("8", "QST", "5")

    assert seen_of_code(code, books(code))["rates"][0]["percent"] == "9.975"
    assert QST.percent == Decimal("9.975")
