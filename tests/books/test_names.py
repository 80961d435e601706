"""Names folded for comparison."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books.names import fold_email, fold_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme  Rockets ", "acme rockets"),
        ("STRASSE", "straße"),
        ("Ａｃｍｅ", "acme"),
        ("Acme (deleted)", "Acme"),
        ("Acme (deleted-2)", "Acme"),
        ("Acme\tRockets", "Acme Rockets"),
        ("Cafe\u0301", "CAFÉ"),
    ],
)
def test_spellings_that_are_one_name(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


def test_a_name_that_is_only_the_suffix_keeps_it() -> None:
    assert fold_name("(Deleted)") == "(deleted)"


def test_accents_make_another_name() -> None:
    assert fold_name("Cafe") != fold_name("Café")


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)


@given(st.text(max_size=40))
def test_the_suffix_never_makes_another_name(name: str) -> None:
    if fold_name(name):
        assert fold_name(name + " (deleted)") == fold_name(name)


def test_no_email_is_none() -> None:
    assert fold_email("  ") is None
    assert fold_email(" AP@Acme.example") == "ap@acme.example"
