"""Billed against the books: every document once, every cent, every account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from judge.billed import Billed, Payment, Payout, Sale
from judge.books import DATED, Books, Document, customer_of, linked, money, reference, taxes_of
from judge.findings import Judgement, Row, Rows
from judge.found import Found
from judge.ledger import TAX, Expected, Ledger, Untold, moved, receivables
from judge.marks import BETWEEN, Marks
from judge.taxes import ZERO

Documents = Mapping[str, Document]
CREDIT_SIDE = {"Revenue", "Liability", "Equity"}


class Judge:
    """Compares once; `judge` returns what it found."""

    def __init__(self, billed: Billed, books: Books, before: Books, marks: Marks) -> None:
        self._billed, self._books, self._before = billed, books, before
        self._judgement = Judgement(named=billed.refused)
        self._found = Found(billed, books, before, marks, self._judgement)
        self._rates = books.rate_names()
        self._invoices: dict[str, str] = {}

    def judge(self) -> Judgement:
        billed, found = self._billed, self._found
        found.judge_customers()
        invoices = found.matched("Invoice", "invoice", "invoices", billed.invoices)
        self._invoices = {billing_id: str(row["Id"]) for billing_id, row in invoices.items()}
        credits = found.matched("CreditMemo", "credit_memo", "credits", billed.credits)
        payments = found.matched("Payment", "payment", "payments", billed.payments)
        receipts = found.matched("RefundReceipt", "refund", "receipts", billed.receipts)
        payouts = found.matched("Purchase", "refund", "payouts", billed.payouts)
        self._judge_sales("invoice", billed.invoices, invoices, open_amount=billed.owed)
        self._judge_sales("credit memo", billed.credits, credits, open_amount=billed.credit_left)
        self._judge_payments(payments, payouts)
        self._judge_applications(credits)
        self._judge_sales("refund receipt", billed.receipts, receipts, open_amount=None)
        self._judge_payouts(payouts, credits)
        self._judge_taxes(((invoices, 1), (credits, -1), (receipts, -1)))
        self._judge_strangers()
        self._judge_accounts()
        return self._judgement

    # -------------------------------------------------------------------------- each document

    def _judge_sales(
        self,
        name: str,
        billed: Mapping[str, Sale],
        found: Documents,
        *,
        open_amount: Callable[[str], Decimal] | None,
    ) -> None:
        rows = Rows(f"{name}s", self._books.home)
        plural = {"invoice": "invoices", "credit memo": "credits"}.get(name, "receipts")
        for billing_id, sale in billed.items():
            document = found.get(billing_id)
            amount = sale.total if sale.live else None
            self._found.count(rows.of(sale.currency), plural, billing_id, amount)
            if document is None:
                continue
            if not sale.live:
                self._judge_void(name, sale.number, document)
                continue
            self._judge_sale(name, sale, document)
            if open_amount is not None:
                left = "Balance" if name == "invoice" else "RemainingCredit"
                amount = money(document, left)
                self._judgement.same(name, sale.number, "open", open_amount(billing_id), amount)
        if billed or open_amount is not None:
            self._judgement.rows += rows.all()

    def _judge_sale(self, name: str, sale: Sale, document: Document) -> None:
        which, same = sale.number, self._judgement.same
        same(name, which, "total", sale.total, money(document, "TotalAmt"))
        tax = money(document.get("TxnTaxDetail", {}), "TotalTax")
        same(name, which, "tax", sale.tax, tax)
        if not self._books.automated_tax:
            billed, posted = self._billed_taxes(sale), taxes_of(document, self._rates)
            for code in sorted({*billed, *posted}):
                ours, theirs = billed.get(code, ZERO), posted.get(code, ZERO)
                same(name, which, f"tax {code}", ours, theirs)
        lines = sum(
            (
                money(line, "Amount")
                for line in document.get("Line", ())
                if line.get("DetailType") == "SalesItemLineDetail"
            ),
            ZERO,
        )
        same(name, which, "sum of lines", sale.total - sale.tax, lines)
        if name != "refund receipt":
            number = str(document.get("DocNumber", ""))
            self._judgement.same_text(name, which, "number", sale.number, number)
        self._judge_head(name, which, sale, document)

    def _billed_taxes(self, sale: Sale) -> dict[str, Decimal]:
        """Return the billed taxes by the names of their rates."""
        names, found = self._billed.settings.rates, dict[str, Decimal]()
        for code, amount in sale.taxes.items():
            name = names.get(code, code)
            found[name] = found.get(name, ZERO) + amount
        return {name: amount for name, amount in found.items() if amount}

    def _judge_head(
        self, name: str, which: str, record: Sale | Payment | Payout, document: Document
    ) -> None:
        """Judge what all documents have: day, customer, currency and rate."""
        text = self._judgement.same_text
        text(name, which, "day", record.day, str(document.get("TxnDate", "")))
        text(name, which, "customer", self._found.customer(record), customer_of(document))
        home = self._books.home
        currency = reference(document, "CurrencyRef")
        if record.currency and currency:
            text(name, which, "currency", record.currency, currency)
        if home and record.currency not in {None, home}:
            rate = Decimal(str(document.get("ExchangeRate", 0)))
            self._judgement.same(name, which, "exchange rate", record.rate, rate)

    def _judge_void(self, name: str, which: str, document: Document) -> None:
        for field_name in ("TotalAmt", "Balance"):
            what = f"{field_name} of a void"
            self._judgement.same(name, which, what, ZERO, money(document, field_name))

    def _judge_payments(self, found: Documents, payouts: Documents) -> None:
        rows = Rows("payments", self._books.home)
        unapplied = Rows("unapplied payments", self._books.home, counted=False)
        for billing_id, payment in self._billed.payments.items():
            document = found.get(billing_id)
            amount = payment.amount if payment.live else None
            self._found.count(rows.of(payment.currency), "payments", billing_id, amount)
            rest = unapplied.of(payment.currency)
            if payment.live:
                rest.billed += self._billed.unapplied(billing_id)
            if document is None:
                continue
            rest.books += money(document, "UnappliedAmt")
            if not payment.live:
                self._judge_void("payment", billing_id, document)
                links = linked(document, "Invoice")
                self._judgement.same_links("payment", billing_id, {}, links)
                continue
            self._judge_payment(payment, document, payouts)
        self._judgement.rows += [*rows.all(), *unapplied.all()]

    def _judge_payment(self, payment: Payment, document: Document, payouts: Documents) -> None:
        which, judgement = payment.billing_id, self._judgement
        judgement.same("payment", which, "amount", payment.amount, money(document, "TotalAmt"))
        left = self._billed.unapplied(which)
        judgement.same("payment", which, "unapplied", left, money(document, "UnappliedAmt"))
        self._judge_head("payment", which, payment, document)
        wanted = {self._invoices.get(id_, id_): amount for id_, amount in payment.applied.items()}
        judgement.same_links("payment", which, wanted, linked(document, "Invoice"))
        back = {
            str(payouts[payout.billing_id]["Id"]): payout.amount
            for payout in self._billed.payouts.values()
            if payout.source == ("payments", which) and payout.billing_id in payouts
        }
        judgement.same_links("payment", which, back, linked(document, "Expense"))

    def _judge_applications(self, credits: Documents) -> None:
        """Judge the payments of zero by which a credit settles an invoice."""
        rows = Rows("applications", self._books.home)
        for credit in self._billed.credits.values():
            row = rows.of(credit.currency)
            for invoice_id, amount in credit.applied.items() if credit.live else ():
                row.billed_count = (row.billed_count or 0) + 1
                row.billed += amount
                which = f"{credit.number} on {invoice_id}"
                id_ = f"{credit.billing_id}{BETWEEN}{invoice_id}"
                settled = {self._invoices.get(invoice_id, invoice_id): amount}
                document = self._judge_link(which, id_, "Invoice", settled, credits, credit, amount)
                if document is not None:
                    row.books_count = (row.books_count or 0) + 1
                    row.books += sum(linked(document, "Invoice").values(), ZERO)
        for credit_id, invoice_id in sorted(self._billed.once_applied):
            billed = self._billed.credits.get(credit_id)
            if billed is not None and billed.live and invoice_id in billed.applied:
                continue
            for document in self._found.applications(f"{credit_id}{BETWEEN}{invoice_id}"):
                which = f"{credit_id} on {invoice_id}"
                links = linked(document, "Invoice")
                self._judgement.same_links("application", which, {}, links)
        self._judgement.rows += rows.all()

    def _judge_link(
        self,
        which: str,
        billing_id: str,
        kind: str,
        settled: Mapping[str, Decimal],
        credits: Documents,
        credit: Sale,
        amount: Decimal,
    ) -> Document | None:
        """Judge one payment of zero, which uses up a credit; return it if it is the only one."""
        marked, judgement = self._found.applications(billing_id), self._judgement
        rows = [row for row in marked if row.get("Line")]
        if len(rows) != 1:
            judgement.differ("application", which, "is not exactly one", "1", str(len(rows)))
            return None
        [document] = rows
        memo = credits.get(credit.billing_id, {}).get("Id", credit.billing_id)
        judgement.same_links("application", which, settled, linked(document, kind))
        used = linked(document, "CreditMemo")
        judgement.same_links("application", which, {str(memo): amount}, used)
        judgement.same("application", which, "amount", ZERO, money(document, "TotalAmt"))
        return document

    def _judge_payouts(self, found: Documents, credits: Documents) -> None:
        """Judge the expenses by which money went back for a credit note or a payment."""
        rows = Rows("refunds", self._books.home)
        accounts = set(receivables(self._books).values())
        for billing_id, payout in self._billed.payouts.items():
            row = rows.of(payout.currency)
            self._found.count(row, "payouts", billing_id, payout.amount)
            document = found.get(billing_id)
            if document is None:
                continue
            amount = money(document, "TotalAmt")
            self._judgement.same("refund", billing_id, "amount", payout.amount, amount)
            self._judge_head("refund", billing_id, payout, document)
            owed = sum(
                (
                    money(line, "Amount")
                    for line in document.get("Line", ())
                    if reference(line.get("AccountBasedExpenseLineDetail", {}), "AccountRef")
                    in accounts
                ),
                ZERO,
            )
            what = "what goes to receivables"
            self._judgement.same("refund", billing_id, what, payout.amount, owed)
            if payout.source[0] == "credits":
                credit = self._billed.credits[payout.source[1]]
                id_ = f"{BETWEEN}{billing_id}{BETWEEN}{credit.billing_id}"
                settled = {str(document["Id"]): payout.amount}
                self._judge_link(
                    billing_id, id_, "Expense", settled, credits, credit, payout.amount
                )
        if self._billed.payouts:
            self._judgement.rows += rows.all()

    # ------------------------------------------------------------------------------ the whole

    def _judge_taxes(self, sides: tuple[tuple[Documents, int], ...]) -> None:
        billed: dict[str, Decimal] = {}
        posted: dict[str, Decimal] = {}
        both = (self._billed.invoices, self._billed.credits, self._billed.receipts)
        for sales, (found, sign) in zip(both, sides, strict=True):
            for sale in sales.values():
                for code, amount in self._billed_taxes(sale).items() if sale.live else ():
                    billed[code] = billed.get(code, ZERO) + sign * amount
            for document in found.values():
                for code, amount in taxes_of(document, self._rates).items():
                    posted[code] = posted.get(code, ZERO) + sign * amount
        if self._books.automated_tax:
            sums = [sum(each.values(), ZERO) for each in (billed, posted)]
            self._judgement.rows.append(Row("tax", None, None, *sums))
            return
        for code in sorted({*billed, *posted}):
            row = Row(f"tax {code}", None, None, billed.get(code, ZERO), posted.get(code, ZERO))
            self._judgement.rows.append(row)

    def _judge_strangers(self) -> None:
        """Documents that nobody billed, and documents of before that are not as they were."""
        for entity in DATED:
            before = {str(row["Id"]): row for row in self._before.of(entity)}
            now = {str(row["Id"]): row for row in self._books.of(entity)}
            for id_, row in now.items():
                if id_ not in before and (entity, id_) not in self._found.ours:
                    amount = str(money(row, "TotalAmt"))
                    self._judgement.differ(entity, f"id {id_}", "was never billed", "", amount)
            for id_, row in before.items():
                if id_ not in now:
                    self._judgement.differ(entity, f"id {id_}", "was there before and is gone")
                    continue
                for name in ("TotalAmt", "Balance"):
                    then, today = money(row, name), money(now[id_], name)
                    self._judgement.same(entity, f"id {id_} of before", name, then, today)

    def _judge_accounts(self) -> None:
        """Judge by how much each account moved: receivables, income, taxes, money."""
        try:
            wanted = Ledger(self._billed, self._books, self._before).expected()
        except Untold as missing:
            self._judgement.differ("account", str(missing), "cannot be told from what was billed")
            wanted = Expected()
        did = moved(self._books, self._before)
        rows = [
            *self._account_rows(wanted.by_account, did.by_account),
            *self._account_rows(wanted.sums, did.sums),
        ]
        self._judgement.rows += sorted(rows, key=lambda row: row.name)
        trial = Row("trial balance")
        trial.books = sum(self._books.balances.values(), ZERO)
        self._judgement.rows.append(trial)

    def _account_rows(self, wanted: Mapping[str, Decimal], did: Mapping[str, Decimal]) -> list[Row]:
        """Return a row for each account that moved: what it grew by on its own side."""
        accounts = {str(row["Id"]): row for row in self._books.of("Account")}
        rows = []
        for key in {**wanted, **did}:
            row = accounts.get(key, {})
            sign = -1 if key == TAX or row.get("Classification") in CREDIT_SIDE else 1
            ours, theirs = (sign * side.get(key, ZERO) for side in (wanted, did))
            if ours or theirs:
                name = row.get("Name", key)
                rows.append(Row(f"account {name}", None, None, ours, theirs))
        return rows
