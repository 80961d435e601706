"""Which document stands for which billing record, and which customer for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from judge.billed import Billed, Customer, Payment, Payout, Sale
from judge.books import Books, Document, note, reference
from judge.findings import Judgement, Row
from judge.marks import BETWEEN, Marks
from judge.naming import folded

Record = Sale | Payment | Payout
MOST_TURNS = 9


class Found:
    """
    The documents by their marks, and the customers by their names.

    *ours* collects what belongs to some billing record; the rest was there before, or is strange.
    """

    def __init__(
        self, billed: Billed, books: Books, before: Books, marks: Marks, judgement: Judgement
    ) -> None:
        self._billed, self._books, self._before, self._marks = billed, books, before, marks
        self._judgement = judgement
        self.ours: set[tuple[str, str]] = set()
        self._standing: dict[tuple[str, str], list[Document]] = {}
        self._customers: dict[tuple[str, str | None], str] = {}
        self._marked: dict[str, dict[str, list[Document]]] = {}

    # ------------------------------------------------------------------------- documents

    def matched(
        self, entity: str, kind: str, plural: str, billed: Iterable[str]
    ) -> dict[str, Document]:
        """Return the one document of each billing record; none and several are findings."""
        found: dict[str, Document] = {}
        live = {id_ for id_, each in getattr(self._billed, plural).items() if each.live}
        for billing_id in billed:
            rows = self.marked(entity, kind, billing_id)
            self._standing[plural, billing_id] = rows
            expected = (plural, billing_id) in self._billed.once_live
            if plural == "credits" and billing_id not in live:
                expected = False  # QuickBooks has no void for it: one that is taken back is gone.
            if len(rows) == 1:
                found[billing_id] = rows[0]
            elif rows:
                ids = ", ".join(str(row["Id"]) for row in rows)
                problem = "stands in the books more than once"
                self._judgement.differ(entity, billing_id, problem, "1", ids)
            elif expected:
                self._judgement.differ(entity, billing_id, "is missing in the books", "1", "0")
        return found

    def marked(self, entity: str, kind: str, billing_id: str) -> list[Document]:
        """Return all documents that carry a record's mark."""
        if entity not in self._marked:
            self._marked[entity] = self._read_marks(entity)
        rows = self._marked[entity].get(self._marks.of(kind, billing_id), [])
        self.ours |= {(entity, str(row["Id"])) for row in rows}
        return rows

    def applications(self, billing_id: str) -> list[Document]:
        """
        Return the payments of zero for one application, those of its later turns too.

        One that was taken back is void for ever, so billed again it is another one.
        """
        found = self.marked("Payment", "application", billing_id)
        for turn in range(2, MOST_TURNS + 1):
            again = self.marked("Payment", "application", f"{billing_id}{BETWEEN}{turn}")
            found = [*found, *again]
        return found

    def _read_marks(self, entity: str) -> dict[str, list[Document]]:
        found: dict[str, list[Document]] = {}
        for row in self._books.of(entity):
            text = note(row)
            for start in _starts(text, "[lw:"):
                found.setdefault(text[start : text.find("]", start) + 1], []).append(row)
        return found

    def count(self, row: Row, plural: str, billing_id: str, billed: Decimal | None) -> None:
        """Count a record (None: void) and whatever stands in the books for it, doubles too."""
        if billed is not None:
            row.billed_count = (row.billed_count or 0) + 1
            row.billed += billed
        for document in self._standing.get((plural, billing_id), ()):
            total = Decimal(str(document.get("TotalAmt", 0)))
            if billed is not None or total:
                row.books_count = (row.books_count or 0) + 1
                row.books += total

    # ------------------------------------------------------------------------- customers

    def judge_customers(self) -> None:
        """Each customer that is billed in some currency stands in the books exactly once."""
        named: dict[str, list[Document]] = {}
        for row in self._books.of("Customer"):
            named.setdefault(folded(str(row["DisplayName"])), []).append(row)
        counted = Row("customers", 0, 0)
        for billing_id, currency in self._needed():
            customer = self._billed.customers[billing_id]
            counted.billed_count = (counted.billed_count or 0) + 1
            rows = self._candidates(customer, currency, named)
            if len(rows) == 1:
                found = str(rows[0]["Id"])
                self._customers[billing_id, currency] = found
                counted.books_count = (counted.books_count or 0) + 1
                self.ours.add(("Customer", found))
                continue
            ids = ", ".join(str(each["Id"]) for each in rows) or "none"
            self._judgement.differ("Customer", customer.name, "is not exactly one", "1", ids)
        self._judge_strangers(named)
        self._judgement.rows.append(counted)

    def _judge_strangers(self, named: Mapping[str, list[Document]]) -> None:
        known = {str(row["Id"]) for row in self._before.of("Customer")}
        known |= {id_ for entity, id_ in self.ours if entity == "Customer"}
        names = {customer.name for customer in self._billed.customers.values()}
        names |= {
            f"{self._billed.customers[each.customer].name} ({each.currency})"
            for each in self._documents()
            if each.customer in self._billed.customers
        }
        known |= {str(each["Id"]) for name in names for each in named.get(folded(name), ())}
        for each in self._books.of("Customer"):
            if str(each["Id"]) not in known:
                self._judgement.differ("Customer", str(each["DisplayName"]), "was never billed")

    def _needed(self) -> list[tuple[str, str | None]]:
        """Return the customers of documents that were exported, with the currency of those."""
        wanted = {(each.customer, self._foreign(each)) for each in self._documents() if each.live}
        return sorted(wanted, key=lambda pair: (pair[0], pair[1] or ""))

    def _documents(self) -> list[Record]:
        billed = self._billed
        return [
            *billed.invoices.values(),
            *billed.payments.values(),
            *billed.credits.values(),
            *billed.receipts.values(),
            *billed.payouts.values(),
        ]

    def _foreign(self, record: Record) -> str | None:
        """Return the currency of a document; None for that of the books."""
        return None if record.currency in {None, self._books.home} else record.currency

    def _candidates(
        self, customer: Customer, currency: str | None, named: Mapping[str, list[Document]]
    ) -> list[Document]:
        own = None if customer.currency in {None, self._books.home} else customer.currency
        if customer.external_id is not None and currency is None:
            rows = self._books.of("Customer")
            return [row for row in rows if str(row["Id"]) == customer.external_id]
        name = customer.name
        if currency != own:
            name = f"{name} ({currency or self._books.home})"
        wanted = currency or self._books.home or ""
        return [
            row
            for row in named.get(folded(name), ())
            if row.get("Active", True) and (reference(row, "CurrencyRef") or wanted) == wanted
        ]

    def customer(self, record: Record) -> str:
        """Return the id of the customer whom a record bills; empty if there is none."""
        return self._customers.get((record.customer, self._foreign(record)), "")


def _starts(text: str, mark: str) -> Iterable[int]:
    at = text.find(mark)
    while at >= 0:
        yield at
        at = text.find(mark, at + 1)
