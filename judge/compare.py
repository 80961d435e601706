"""Billed against the books: every document once, every cent, every balance."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from judge.billed import Billed, Customer, Payment, Sale
from judge.books import DATED, Books, Document, customer_of, linked, money, note, taxes_of
from judge.marks import BETWEEN, Marks

ZERO = Decimal("0.00")


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
    """All rows and all findings."""

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.findings and all(row.agrees for row in self.rows)


class Judge:
    """Compares once; `judge` returns what it found."""

    def __init__(self, billed: Billed, books: Books, before: Books, marks: Marks) -> None:
        self._billed, self._books, self._before, self._marks = billed, books, before, marks
        self._rates = books.rate_names()
        self._found = Judgement()
        self._customers: dict[str, str] = {}
        self._invoices: dict[str, str] = {}
        self._ours: set[tuple[str, str]] = set()
        self._standing: dict[tuple[str, str], list[Document]] = {}

    def judge(self) -> Judgement:
        self._judge_customers()
        invoices = self._matched("Invoice", "invoice", "invoices", self._billed.invoices)
        self._invoices = {billing_id: str(row["Id"]) for billing_id, row in invoices.items()}
        credits = self._matched("CreditMemo", "credit_memo", "credits", self._billed.credits)
        payments = self._matched("Payment", "payment", "payments", self._billed.payments)
        self._judge_sales("invoice", self._billed.invoices, invoices, balance=self._billed.owed)
        self._judge_sales("credit memo", self._billed.credits, credits, balance=self._credit_left)
        self._judge_payments(payments)
        self._judge_applications({id_: str(row["Id"]) for id_, row in credits.items()})
        self._judge_taxes(invoices, credits)
        self._judge_strangers()
        self._judge_balances()
        return self._found

    # ------------------------------------------------------------------------------- matching

    def _matched(
        self, entity: str, kind: str, plural: str, billed: Mapping[str, Sale | Payment]
    ) -> dict[str, Document]:
        """Return the one document of each billing record; none and several are findings."""
        marked = self._marked(entity)
        found: dict[str, Document] = {}
        for billing_id in billed:
            rows = marked.get(self._marks.of(kind, billing_id), [])
            self._ours |= {(entity, str(row["Id"])) for row in rows}
            self._standing[plural, billing_id] = rows
            if len(rows) == 1:
                found[billing_id] = rows[0]
            elif rows:
                ids = ", ".join(str(row["Id"]) for row in rows)
                self._differ(entity, billing_id, "stands in the books more than once", "1", ids)
            elif (plural, billing_id) in self._billed.once_live:
                self._differ(entity, billing_id, "is missing in the books", "1", "0")
        return found

    def _marked(self, entity: str) -> dict[str, list[Document]]:
        found: dict[str, list[Document]] = {}
        for row in self._books.of(entity):
            text = note(row)
            for start in _starts(text, "[lw:"):
                found.setdefault(text[start : text.find("]", start) + 1], []).append(row)
        return found

    def _judge_customers(self) -> None:
        named: dict[str, list[Document]] = {}
        for row in self._books.of("Customer"):
            named.setdefault(_folded(str(row["DisplayName"])), []).append(row)
        before = {str(row["Id"]) for row in self._before.of("Customer")}
        counted = Row("customers", 0, 0)
        for customer in self._needed():
            counted.billed_count = (counted.billed_count or 0) + 1
            rows = self._candidates(customer, named)
            if len(rows) == 1:
                self._customers[customer.billing_id] = str(rows[0]["Id"])
                counted.books_count = (counted.books_count or 0) + 1
                self._ours.add(("Customer", str(rows[0]["Id"])))
                continue
            ids = ", ".join(str(each["Id"]) for each in rows) or "none"
            self._differ("Customer", customer.name, "is not exactly one", "1", ids)
        known = before | {id_ for entity, id_ in self._ours if entity == "Customer"}
        known |= {
            str(each["Id"])
            for customer in self._billed.customers.values()
            for each in named.get(_folded(customer.name), ())
        }
        for each in self._books.of("Customer"):
            if str(each["Id"]) not in known:
                self._differ("Customer", str(each["DisplayName"]), "was never billed")
        self._found.rows.append(counted)

    def _needed(self) -> list[Customer]:
        """Return the customers of documents that were exported."""
        documents: list[Sale | Payment] = [
            *self._billed.invoices.values(),
            *self._billed.payments.values(),
            *self._billed.credits.values(),
        ]
        wanted = {each.customer for each in documents if each.live}
        return [self._billed.customers[billing_id] for billing_id in sorted(wanted)]

    def _candidates(
        self, customer: Customer, named: Mapping[str, list[Document]]
    ) -> list[Document]:
        if customer.external_id is not None:
            rows = self._books.of("Customer")
            return [row for row in rows if str(row["Id"]) == customer.external_id]
        return [row for row in named.get(_folded(customer.name), ()) if row.get("Active", True)]

    # -------------------------------------------------------------------------- each document

    def _judge_sales(
        self,
        name: str,
        billed: Mapping[str, Sale],
        found: Mapping[str, Document],
        *,
        balance: Callable[[str], Decimal],
    ) -> None:
        row = Row(f"{name}s", 0, 0)
        plural = "invoices" if name == "invoice" else "credits"
        for billing_id, sale in billed.items():
            document = found.get(billing_id)
            self._count(row, plural, billing_id, sale.total if sale.live else None)
            if document is None:
                continue
            if not sale.live:
                self._judge_void(name, sale.number, document)
                continue
            self._judge_sale(name, sale, document)
            left = "Balance" if name == "invoice" else "RemainingCredit"
            self._same(name, sale.number, "open", balance(billing_id), money(document, left))
        self._found.rows.append(row)

    def _count(self, row: Row, plural: str, billing_id: str, billed: Decimal | None) -> None:
        """Count a record (None: void) and whatever stands in the books for it, doubles too."""
        if billed is not None:
            row.billed_count = (row.billed_count or 0) + 1
            row.billed += billed
        for document in self._standing.get((plural, billing_id), ()):
            total = money(document, "TotalAmt")
            if billed is not None or total:
                row.books_count = (row.books_count or 0) + 1
                row.books += total

    def _judge_sale(self, name: str, sale: Sale, document: Document) -> None:
        which, taxes = sale.number, taxes_of(document, self._rates)
        self._same(name, which, "total", sale.total, money(document, "TotalAmt"))
        tax = money(document.get("TxnTaxDetail", {}), "TotalTax")
        self._same(name, which, "tax", sale.tax, tax)
        for code in sorted({*sale.taxes, *taxes}):
            billed, posted = sale.taxes.get(code, ZERO), taxes.get(code, ZERO)
            self._same(name, which, f"tax {code}", billed, posted)
        lines = sum(
            (
                money(line, "Amount")
                for line in document.get("Line", ())
                if line.get("DetailType") == "SalesItemLineDetail"
            ),
            ZERO,
        )
        self._same(name, which, "sum of lines", sale.total - sale.tax, lines)
        self._same_text(name, which, "number", sale.number, str(document.get("DocNumber", "")))
        self._same_text(name, which, "day", sale.day, str(document.get("TxnDate", "")))
        self._judge_customer(name, which, sale.customer, document)

    def _judge_customer(self, name: str, which: str, billing_id: str, document: Document) -> None:
        wanted = self._customers.get(billing_id, "")
        self._same_text(name, which, "customer", wanted, customer_of(document))

    def _judge_void(self, name: str, which: str, document: Document) -> None:
        for field_name in ("TotalAmt", "Balance"):
            self._same(name, which, f"{field_name} of a void", ZERO, money(document, field_name))

    def _credit_left(self, billing_id: str) -> Decimal:
        credit = self._billed.credits[billing_id]
        return credit.total - sum(credit.applied.values(), ZERO)

    def _judge_payments(self, found: Mapping[str, Document]) -> None:
        row = Row("payments", 0, 0)
        unapplied = Row("unapplied payments")
        for billing_id, payment in self._billed.payments.items():
            document = found.get(billing_id)
            self._count(row, "payments", billing_id, payment.amount if payment.live else None)
            if payment.live:
                unapplied.billed += payment.unapplied
            if document is None:
                continue
            unapplied.books += money(document, "UnappliedAmt")
            if not payment.live:
                self._judge_void("payment", billing_id, document)
                self._same_links("payment", billing_id, {}, linked(document, "Invoice"))
                continue
            self._judge_payment(payment, document)
        self._found.rows += [row, unapplied]

    def _judge_payment(self, payment: Payment, document: Document) -> None:
        which = payment.billing_id
        self._same("payment", which, "amount", payment.amount, money(document, "TotalAmt"))
        rest = money(document, "UnappliedAmt")
        self._same("payment", which, "unapplied", payment.unapplied, rest)
        self._same_text("payment", which, "day", payment.day, str(document.get("TxnDate", "")))
        self._judge_customer("payment", which, payment.customer, document)
        wanted = {self._invoices.get(id_, id_): amount for id_, amount in payment.applied.items()}
        self._same_links("payment", which, wanted, linked(document, "Invoice"))

    def _judge_applications(self, credit_ids: Mapping[str, str]) -> None:
        """Judge the payments of zero by which a credit settles an invoice."""
        row, marked = Row("applications", 0, 0), self._marked("Payment")
        for credit in self._billed.credits.values():
            for invoice_id, amount in credit.applied.items() if credit.live else ():
                row.billed_count = (row.billed_count or 0) + 1
                row.billed += amount
                which = f"{credit.number} on {invoice_id}"
                mark = self._marks.of("application", f"{credit.billing_id}{BETWEEN}{invoice_id}")
                rows = marked.get(mark, [])
                self._ours |= {("Payment", str(each["Id"])) for each in rows}
                if len(rows) != 1:
                    self._differ("application", which, "is not exactly one", "1", str(len(rows)))
                    continue
                row.books_count = (row.books_count or 0) + 1
                settled = linked(rows[0], "Invoice")
                row.books += sum(settled.values(), ZERO)
                invoice = {self._invoices.get(invoice_id, invoice_id): amount}
                used = {credit_ids.get(credit.billing_id, credit.billing_id): amount}
                self._same_links("application", which, invoice, settled)
                self._same_links("application", which, used, linked(rows[0], "CreditMemo"))
                self._same("application", which, "amount", ZERO, money(rows[0], "TotalAmt"))
        self._found.rows.append(row)

    # ------------------------------------------------------------------------------ the whole

    def _judge_taxes(
        self, invoices: Mapping[str, Document], credits: Mapping[str, Document]
    ) -> None:
        billed: dict[str, Decimal] = {}
        posted: dict[str, Decimal] = {}
        sides = ((self._billed.invoices, invoices, 1), (self._billed.credits, credits, -1))
        for sales, found, sign in sides:
            for sale in sales.values():
                for code, amount in sale.taxes.items() if sale.live else ():
                    billed[code] = billed.get(code, ZERO) + sign * amount
            for document in found.values():
                for code, amount in taxes_of(document, self._rates).items():
                    posted[code] = posted.get(code, ZERO) + sign * amount
        for code in sorted({*billed, *posted}):
            row = Row(f"tax {code}", None, None, billed.get(code, ZERO), posted.get(code, ZERO))
            self._found.rows.append(row)

    def _judge_strangers(self) -> None:
        """Documents that nobody billed, and documents of before that are not as they were."""
        for entity in DATED:
            before = {str(row["Id"]): row for row in self._before.of(entity)}
            now = {str(row["Id"]): row for row in self._books.of(entity)}
            for id_, row in now.items():
                if id_ not in before and (entity, id_) not in self._ours:
                    amount = str(money(row, "TotalAmt"))
                    self._differ(entity, f"id {id_}", "was never billed", "", amount)
            for id_, row in before.items():
                if id_ not in now:
                    self._differ(entity, f"id {id_}", "was there before and is gone")
                    continue
                for name in ("TotalAmt", "Balance"):
                    then, today = money(row, name), money(now[id_], name)
                    self._same(entity, f"id {id_} of before", name, then, today)

    def _judge_balances(self) -> None:
        owed = Row("accounts receivable")
        owed.billed = self._billed.receivable()
        owed.books = self._books.receivable() - self._before.receivable()
        trial = Row("trial balance")
        trial.books = sum(self._books.balances.values(), ZERO)
        self._found.rows += [owed, trial]

    # -------------------------------------------------------------------------------- helpers

    def _differ(
        self, kind: str, which: str, problem: str, billed: str = "", books: str = ""
    ) -> None:
        self._found.findings.append(Finding(kind, which, problem, billed, books))

    def _same(self, kind: str, which: str, what: str, billed: Decimal, books: Decimal) -> None:
        if billed != books:
            self._differ(kind, which, f"differs in {what}", f"{billed:.2f}", f"{books:.2f}")

    def _same_text(self, kind: str, which: str, what: str, billed: str, books: str) -> None:
        if billed != books:
            self._differ(kind, which, f"differs in {what}", billed or "none", books or "none")

    def _same_links(
        self,
        kind: str,
        which: str,
        billed: Mapping[str, Decimal],
        books: Mapping[str, Decimal],
    ) -> None:
        for id_ in sorted({*billed, *books}):
            what = f"what it settles of document {id_}"
            self._same(kind, which, what, billed.get(id_, ZERO), books.get(id_, ZERO))


def _starts(text: str, mark: str) -> Iterable[int]:
    at = text.find(mark)
    while at >= 0:
        yield at
        at = text.find(mark, at + 1)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()
