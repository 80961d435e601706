import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.quickbooks.query import FILTERABLE, Select, Statement, pages, quote

PACIFIC = timezone(timedelta(hours=-8))
BARE = re.compile(r"[A-Za-z0-9.*<>=(), ]*")


def read_literals(statement: str) -> tuple[list[str], str]:
    """Split a statement as a reader of the language would: its literals, and what is around."""
    literals, around, position = [], [], 0
    while position < len(statement):
        if statement[position] != "'":
            around.append(statement[position])
            position += 1
            continue
        position += 1
        literal = []
        while statement[position] != "'":
            if statement[position] == "\\":
                position += 1
            literal.append(statement[position])
            position += 1
        position += 1
        literals.append("".join(literal))
    return literals, "".join(around)


class TestQuote:
    def test_apostrophe_is_escaped_by_a_backslash(self) -> None:
        assert quote("Adam's Shop") == r"'Adam\'s Shop'"

    def test_backslash_cannot_eat_the_closing_apostrophe(self) -> None:
        assert quote("a\\") == r"'a\\'"

    def test_control_characters_become_spaces(self) -> None:
        assert quote("a\r\nb\x00c\udc80") == "'a  b c '"

    @given(
        st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
    )
    def test_every_text_reads_back_as_itself(self, text: str) -> None:
        literals, around = read_literals(f"{quote(text)} AND {quote(text)}")

        assert (literals, around) == ([text, text], " AND ")


class TestSelect:
    def test_whole_list(self) -> None:
        assert Select("Term").page().text == (
            "SELECT * FROM Term ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000"
        )

    def test_conditions_are_joined(self) -> None:
        select = (
            Select("Invoice")
            .where("CustomerRef", "=", "58")
            .where("TxnDate", "=", date(2026, 3, 1))
            .where("TotalAmt", ">", Decimal("1E+2"))
        )

        assert select.page(1001, 500).text == (
            "SELECT * FROM Invoice WHERE CustomerRef = '58' AND TxnDate = '2026-03-01' "
            "AND TotalAmt > '100' ORDERBY Id STARTPOSITION 1001 MAXRESULTS 500"
        )

    def test_instants_carry_their_offset(self) -> None:
        select = Select("Invoice").where(
            "MetaData.CreateTime", ">=", datetime(2026, 1, 1, tzinfo=PACIFIC)
        )

        assert "MetaData.CreateTime >= '2026-01-01T00:00:00-08:00'" in select.page().text

    def test_fractions_of_seconds_are_kept_to_the_millisecond(self) -> None:
        moment = datetime(2026, 1, 1, 2, 3, 4, 56_789, tzinfo=UTC)

        statement = Select("Invoice").where("MetaData.CreateTime", "<", moment).page()

        assert "'2026-01-01T02:03:04.056+00:00'" in statement.text

    def test_unordered(self) -> None:
        assert "ORDERBY" not in Select("TaxAgency", order_by=None).page().text

    def test_inactive_ones_are_asked_for_by_list(self) -> None:
        assert "WHERE Active IN (true, false) ORDERBY" in (
            Select("Item").with_inactive().page().text
        )

    def test_list_travels_as_a_body(self) -> None:
        assert Select("Customer").where("Id", "IN", ("1", "2")).page().by_post

    def test_long_statement_travels_as_a_body(self) -> None:
        assert Select("Customer").where("DisplayName", "=", "x" * 1500).page().by_post

    def test_short_statement_travels_in_the_url(self) -> None:
        assert not Select("Customer").where("DisplayName", "=", "x").page().by_post

    def test_narrowing_leaves_the_first_selection_alone(self) -> None:
        select = Select("Customer")

        select.where("DisplayName", "=", "x")

        assert select == Select("Customer")

    @pytest.mark.parametrize(
        "build",
        [
            lambda: Select("Customer; DROP"),
            lambda: Select("Bill"),
            lambda: Select("Invoice", order_by="TotalAmt, Id"),
            lambda: Select("Invoice").where("PrivateNote", "LIKE", "%lw%"),
            lambda: Select("Invoice").where("Id = '1' AND Id", "=", "1"),
            lambda: Select("Invoice").where("Id", "!=", "1"),
            lambda: Select("Invoice").where("Id", "IN", "1"),
            lambda: Select("Invoice").where("Id", "IN", ()),
            lambda: Select("Invoice").where("Id", "=", ("1",)),
            lambda: Select("Invoice").where("Id", "=", None),
            lambda: Select("Invoice").where("TotalAmt", "=", Decimal("NaN")),
            lambda: Select("Invoice").where("MetaData.CreateTime", "<", datetime(2026, 1, 1)),  # noqa: DTZ001
            lambda: Select("Invoice").page(0),
            lambda: Select("Invoice").page(1, 0),
            lambda: Select("Invoice").page(1, 1001),
        ],
    )
    def test_anything_else_is_refused(self, build: Callable[[], Any]) -> None:
        with pytest.raises(ValueError, match=r"\w"):
            build()

    @given(
        st.sampled_from(sorted(entity for entity in FILTERABLE if "Active" in FILTERABLE[entity])),
        st.lists(st.text(), min_size=1, max_size=5),
    )
    def test_no_text_becomes_syntax(self, entity: str, texts: list[str]) -> None:
        statement = Select(entity).where("Id", "IN", tuple(texts)).with_inactive().page().text

        literals, around = read_literals(statement)

        assert len(literals) == len(texts)
        assert around == (
            f"SELECT * FROM {entity} "  # noqa: S608 - what is expected, not what is sent.
            f"WHERE Id IN ({', ' * (len(texts) - 1)}) "
            "AND Active IN (true, false) ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000"
        )
        assert BARE.fullmatch(around)


class Books:
    """Serves rows by position, as QuickBooks does."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self.asked: list[str] = []

    async def __call__(self, statement: Statement) -> list[dict[str, object]]:
        self.asked.append(statement.text)
        start, size = map(
            int, re.findall(r"STARTPOSITION (\d+) MAXRESULTS (\d+)", statement.text)[0]
        )
        return [{"Id": each} for each in self.ids[start - 1 : start - 1 + size]]


async def collect(books: Books, size: int) -> list[list[object]]:
    return [[row["Id"] for row in page] async for page in pages(Select("Term"), books, size=size)]


class TestPages:
    async def test_short_page_is_the_last(self) -> None:
        books = Books(["1", "2", "3"])

        assert await collect(books, 2) == [["1", "2"], ["3"]]
        assert len(books.asked) == 2

    async def test_full_last_page_costs_one_more_read(self) -> None:
        books = Books(["1", "2"])

        assert await collect(books, 2) == [["1", "2"]]
        assert len(books.asked) == 2

    async def test_empty_set_has_no_page(self) -> None:
        assert await collect(Books([]), 2) == []

    async def test_row_that_moved_to_the_next_page_comes_once(self) -> None:
        assert await collect(Books(["1", "2", "2", "3", "3"]), 2) == [["1", "2"], ["3"]]

    async def test_page_of_repeats_only_is_not_shown(self) -> None:
        assert await collect(Books(["1", "2", "1", "2", "3"]), 2) == [["1", "2"], ["3"]]
