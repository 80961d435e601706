"""What the comparison comes to: rows with both sides, findings, and what was refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from judge.billed import Refusal
from judge.taxes import ZERO


@dataclass(frozen=True)
class Finding:
    """One difference: what, of which document, and the two sides."""

    kind: str
    which: str
    problem: str
    billed: str = ""
    books: str = ""


@dataclass
class Row:
    """One line of the comparison: how many and how much, on either side."""

    name: str
    billed_count: int | None = None
    books_count: int | None = None
    billed: Decimal = ZERO
    books: Decimal = ZERO

    @property
    def agrees(self) -> bool:
        return self.billed_count == self.books_count and self.billed == self.books


@dataclass
class Judgement:
    """
    All rows and all findings.

    *named* are the records that did not go out and say why: they are no difference.
    """

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    named: list[Refusal] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.findings and all(row.agrees for row in self.rows)

    def differ(
        self, kind: str, which: str, problem: str, billed: str = "", books: str = ""
    ) -> None:
        self.findings.append(Finding(kind, which, problem, billed, books))

    def same(self, kind: str, which: str, what: str, billed: Decimal, books: Decimal) -> None:
        if billed != books:
            self.differ(kind, which, f"differs in {what}", f"{billed:.2f}", f"{books:.2f}")

    def same_text(self, kind: str, which: str, what: str, billed: str, books: str) -> None:
        if billed != books:
            self.differ(kind, which, f"differs in {what}", billed or "none", books or "none")

    def same_links(
        self, kind: str, which: str, billed: Mapping[str, Decimal], books: Mapping[str, Decimal]
    ) -> None:
        for id_ in sorted({*billed, *books}):
            what = f"what it settles of document {id_}"
            self.same(kind, which, what, billed.get(id_, ZERO), books.get(id_, ZERO))


class Rows:
    """The rows of one kind of document, one for each currency."""

    def __init__(self, name: str, home: str | None, *, counted: bool = True) -> None:
        self._name, self._home, self._counted = name, home, counted
        self._rows: dict[str | None, Row] = {None: self._row(name)}

    def of(self, currency: str | None) -> Row:
        key = None if currency in {None, self._home} or self._home is None else currency
        if key not in self._rows:
            self._rows[key] = self._row(f"{self._name} {key}")
        return self._rows[key]

    def _row(self, name: str) -> Row:
        return Row(name, 0, 0) if self._counted else Row(name)

    def all(self) -> list[Row]:
        """Return the rows; that of the home currency only if it holds something, or is alone."""
        home = self._rows[None]
        used = home.billed_count or home.books_count or home.billed or home.books
        foreign = [row for key, row in sorted(self._rows.items(), key=str) if key is not None]
        return [home, *foreign] if used or not foreign else foreign
