"""Tokens to statement, by recursive descent."""

from __future__ import annotations

from simulator.books.faults import Fault
from simulator.query.errors import encountered, too_large, too_small
from simulator.query.lexer import Kind, Token, tokenize
from simulator.query.statement import Condition, Literal, LiteralKind, Order, Statement

DEFAULT_PAGE = 100
MAX_PAGE = 1000

_OPERATORS = ("=", "<", ">", "<=", ">=", "in", "like")


def parse(text: str, *, doubled_apostrophe: bool = False, bare_numbers: bool = False) -> Statement:
    """
    Read one SELECT.

    Keywords are case-insensitive; STARTPOSITION and MAXRESULTS may stand in either order.

    Raises:
        Fault: 4000, it is not of the grammar; 4001, a paging value is out of its bounds.
    """
    tokens = tokenize(text, doubled_apostrophe=doubled_apostrophe)
    return _Parser(text, tokens, bare_numbers).statement()


class _Parser:
    def __init__(self, text: str, tokens: list[Token], bare_numbers: bool) -> None:
        self._text = text
        self._tokens = tokens
        self._bare_numbers = bare_numbers
        self._at = 0

    def statement(self) -> Statement:
        self._keyword("select")
        count, star, columns = self._selection()
        self._keyword("from")
        entity = self._word()
        conditions = self._where()
        order = self._order()
        start, limit = self._paging()
        if self._token.kind is not Kind.END:
            raise self._unexpected("<EOF>")
        return Statement(
            entity=entity,
            columns=() if star else columns,
            extra_columns=columns if star else (),
            count=count,
            conditions=conditions,
            order=order,
            start=start,
            limit=limit,
        )

    def _selection(self) -> tuple[bool, bool, tuple[str, ...]]:
        if self._accept("count"):
            self._sign("(")
            self._sign("*")
            self._sign(")")
            return True, True, ()
        star = False
        columns: list[str] = []
        while True:
            if self._accept("*"):
                star = True
            else:
                columns.append(self._word())
            if not self._accept(","):
                return False, star, tuple(columns)

    def _where(self) -> tuple[Condition, ...]:
        if not self._accept("where"):
            return ()
        conditions = [self._condition()]
        while self._accept("and"):
            conditions.append(self._condition())
        return tuple(conditions)

    def _condition(self) -> Condition:
        name = self._word()
        operator = self._token
        if not operator.is_(*_OPERATORS):
            raise self._unexpected('"="')
        self._at += 1
        if operator.value != "in":
            return Condition(name, operator.value, (self._literal(),))
        self._sign("(")
        values = [self._literal()]
        while self._accept(","):
            values.append(self._literal())
        self._sign(")")
        return Condition(name, "in", tuple(values))

    def _literal(self) -> Literal:
        token = self._token
        if token.kind is Kind.STRING:
            literal = Literal(LiteralKind.STRING, token.value)
        elif token.is_("true", "false"):
            literal = Literal(LiteralKind.BOOLEAN, token.value)
        elif token.kind is Kind.WORD and token.value.lower() == "current_date":
            literal = Literal(LiteralKind.CURRENT_DATE, token.value)
        elif token.kind is Kind.NUMBER and self._bare_numbers:
            literal = Literal(LiteralKind.NUMBER, token.value)
        else:
            raise self._unexpected("<STRING>")
        self._at += 1
        return literal

    def _order(self) -> tuple[Order, ...]:
        if self._accept("order"):
            self._keyword("by")
        elif not self._accept("orderby"):
            return ()
        order = [self._order_key()]
        while self._accept(","):
            order.append(self._order_key())
        return tuple(order)

    def _order_key(self) -> Order:
        name = self._word()
        if self._accept("desc"):
            return Order(name, descending=True)
        self._accept("asc")
        return Order(name, descending=False)

    def _paging(self) -> tuple[int, int]:
        values: dict[str, int] = {}
        while self._token.is_("startposition", "maxresults"):
            word = self._token.value
            if word in values:
                raise self._unexpected("<EOF>")
            self._at += 1
            values[word] = self._number()
        start, limit = values.get("startposition", 1), values.get("maxresults", DEFAULT_PAGE)
        if start < 1:
            raise too_small(start, 1)
        if limit < 1:
            raise too_small(limit, 1)
        if limit > MAX_PAGE:
            raise too_large(limit, MAX_PAGE)
        return start, limit

    def _number(self) -> int:
        token = self._token
        if token.kind is not Kind.NUMBER or "." in token.value:
            raise self._unexpected("<NUMBER>")
        self._at += 1
        return int(token.value)

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _accept(self, value: str) -> bool:
        if self._token.is_(value):
            self._at += 1
            return True
        return False

    def _keyword(self, value: str) -> None:
        if not self._accept(value):
            raise self._unexpected(f'"{value}"')

    def _sign(self, value: str) -> None:
        if not self._accept(value):
            raise self._unexpected(f'"{value}"')

    def _word(self) -> str:
        token = self._token
        if token.kind is not Kind.WORD:
            raise self._unexpected("<IDENTIFIER>")
        self._at += 1
        return token.value

    def _unexpected(self, expected: str) -> Fault:
        token = self._token
        fixed = token.kind in {Kind.KEYWORD, Kind.SIGN}
        kind = f'"{token.value}"' if fixed else token.kind.value
        shown = token.text.upper() if fixed else token.text
        return encountered(kind, shown, self._text, token.position, expected)
