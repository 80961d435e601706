"""The grammar of the query language."""

# ruff: noqa: S608  # No database: the statements are what is tested.

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.books.faults import Fault
from simulator.query.parser import parse
from simulator.query.statement import Condition, Literal, LiteralKind, Order, Statement


def escape(text: str) -> str:
    """As the reference asks clients to write a value."""
    return text.replace("\\", "\\\\").replace("'", "\\'")


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(Fault) as caught:
        parse(text)
    return caught.value.errors[0].code, caught.value.errors[0].detail


def attempt(text: str) -> Statement | str:
    """The statement, or the code of the refusal."""
    try:
        return parse(text)
    except Fault as fault:
        return fault.code


class TestEscapes:
    @given(st.text())
    def test_every_escaped_text_comes_back(self, text: str) -> None:
        statement = parse(f"select * from Customer where DisplayName = '{escape(text)}'")

        assert statement.conditions[0].values == (Literal(LiteralKind.STRING, text),)

    @given(st.lists(st.text(), min_size=1, max_size=5))
    def test_lists_keep_their_values(self, texts: list[str]) -> None:
        values = ", ".join(f"'{escape(text)}'" for text in texts)

        statement = parse(f"select * from Customer where DisplayName in ({values})")

        assert [value.text for value in statement.conditions[0].values] == texts

    @given(st.text(alphabet="ab'\\", min_size=1))
    def test_what_an_unescaped_text_says_is_never_what_was_meant(self, text: str) -> None:
        plain = "'" not in text and "\\" not in text

        found = attempt(f"select * from Customer where DisplayName = '{text}'")

        if isinstance(found, Statement):
            assert (found.conditions[0].values[0].text == text) == plain
        else:
            assert (found, plain) == ("4000", False)

    def test_an_apostrophe_alone_ends_the_value(self) -> None:
        code, _ = refused("select * from Customer where DisplayName = 'Adam's'")

        assert code == "4000"

    def test_a_doubled_apostrophe_is_refused_by_default(self) -> None:
        code, _ = refused("select * from Customer where DisplayName = 'Adam''s'")

        assert code == "4000"

    def test_a_doubled_apostrophe_passes_by_switch(self) -> None:
        statement = parse(
            "select * from Customer where DisplayName = 'Adam''s'", doubled_apostrophe=True
        )

        assert statement.conditions[0].values[0].text == "Adam's"

    def test_an_unknown_escape_is_refused(self) -> None:
        code, _ = refused(r"select * from Customer where DisplayName = 'a\nb'")

        assert code == "4000"

    @given(st.text(max_size=60))
    def test_no_text_breaks_the_parser(self, text: str) -> None:
        found = attempt(f"select * from Customer {text}")

        assert isinstance(found, Statement) or found in {"4000", "4001"}


class TestStatements:
    def test_a_whole_statement(self) -> None:
        statement = parse(
            "SELECT * FROM Invoice WHERE TxnDate >= '2026-01-01' AND CustomerRef IN ('1','2') "
            "ORDERBY TxnDate DESC, Id STARTPOSITION 101 MAXRESULTS 50"
        )

        assert statement.entity == "Invoice"
        assert [item.name for item in statement.conditions] == ["TxnDate", "CustomerRef"]
        assert statement.order == (Order("TxnDate", True), Order("Id", False))
        assert (statement.start, statement.limit) == (101, 50)

    def test_keywords_in_any_case(self) -> None:
        statement = parse("sElEcT COUNT ( * ) from customer wHeRe active iN ( true, FALSE )")

        assert statement.count
        assert [value.text for value in statement.conditions[0].values] == ["true", "false"]

    @pytest.mark.parametrize("order", ["order by", "ORDERBY", "Order By"])
    def test_both_spellings_of_order(self, order: str) -> None:
        assert parse(f"select * from Item {order} Name asc").order == (Order("Name", False),)

    def test_paging_in_reverse_order(self) -> None:
        statement = parse("select * from Vendor MAXRESULTS 5 STARTPOSITION 26")

        assert (statement.start, statement.limit) == (26, 5)

    def test_paging_defaults(self) -> None:
        statement = parse("select * from Vendor")

        assert (statement.start, statement.limit) == (1, 100)

    def test_named_fields(self) -> None:
        statement = parse("select Id, MetaData.CreateTime from Customer")

        assert statement.columns == ("Id", "MetaData.CreateTime")

    def test_a_field_beside_the_star(self) -> None:
        statement = parse("SELECT *, Sku FROM Item")

        assert statement.columns == ()
        assert statement.extra_columns == ("Sku",)

    def test_current_date(self) -> None:
        statement = parse("select * from Invoice where TxnDate = CURRENT_DATE")

        expected = Literal(LiteralKind.CURRENT_DATE, "CURRENT_DATE")
        assert statement.conditions == (Condition("TxnDate", "=", (expected,)),)

    def test_bare_numbers_only_by_switch(self) -> None:
        text = "select * from Invoice where TotalAmt > 100.5"

        assert refused(text)[0] == "4000"
        assert parse(text, bare_numbers=True).conditions[0].values[0].text == "100.5"


class TestRefusals:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "select",
            "select * Customer",
            "select * from Customer where",
            "select * from Customer where DisplayName",
            "select * from Customer where DisplayName != 'a'",
            "select * from Customer where DisplayName = 'a' or DisplayName = 'b'",
            "select * from Customer where not Active = true",
            "select * from Customer where (Active = true)",
            "select * from Customer where DisplayName is null",
            "select * from Customer where Id in ()",
            "select * from Customer order Name",
            "select * from Customer maxresults",
            "select * from Customer maxresults 10 maxresults 20",
            "select * from Customer maxresults 1.5",
            "select * from Customer; drop",
            "delete from Customer",
        ],
    )
    def test_what_is_not_of_the_grammar_gets_4000(self, text: str) -> None:
        assert refused(text)[0] == "4000"

    def test_the_recorded_lexical_error(self) -> None:
        _, detail = refused('SELECT * FROM Customer WHERE DisplayName = "Amy\'s Bird Sanctuary"')

        assert detail == (
            "QueryParserError: Invalid content. Lexical error at line 1, column 44.  "
            'Encountered: "\\"" (34), after : ""'
        )

    def test_the_recorded_parser_errors(self) -> None:
        _, identifier = refused(
            "select * from Customer where PrimayEmailAddr in Address = 'x' STARTPOSITION 1"
        )
        _, keyword = refused("select * from null")

        assert identifier == (
            'QueryParserError: Encountered " <IDENTIFIER> "Address "" at line 1, column 49.\n'
            'Was expecting:\n    "(" ...\n    '
        )
        assert keyword == (
            'QueryParserError: Encountered " "null" "NULL "" at line 1, column 15.\n'
            "Was expecting:\n    <IDENTIFIER> ...\n    "
        )

    @pytest.mark.parametrize(
        ("paging", "detail"),
        [
            ("STARTPOSITION 0", "value 0 is too small. Min allowed value is 1"),
            ("MAXRESULTS 0", "value 0 is too small. Min allowed value is 1"),
            ("MAXRESULTS 1001", "value 1001 is too large. Max allowed value is 1000"),
        ],
    )
    def test_paging_bounds(self, paging: str, detail: str) -> None:
        assert refused(f"select * from Item {paging}") == (
            "4001",
            f"QueryValidationError: {detail}",
        )
