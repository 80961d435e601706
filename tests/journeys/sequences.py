"""What may happen between a billing system and QuickBooks, step by step, and what must hold."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.faults.landscape import marker
from tests.journeys.cases import Case, key_of
from tests.journeys.world import tax_of

ALL = ("invoices", "payments", "credits", "refunds")
ZERO = Decimal(0)
EXPLAINED = {"rejected", "blocked", "skipped", "conflict", "unknown", "parked"}
ENTITIES = {"invoice": "Invoice", "payment": "Payment", "credit_memo": "CreditMemo"}
# A step: its name, which of the records so far it is about, and an amount in cents.
Step = tuple[str, int, int]
STEPS = (
    "invoice",
    "edit",
    "void",
    "pay",
    "cancel",
    "credit",
    "refund_credit",
    "refund_payment",
    "books_edit",
    "books_delete",
    "export",
    "export",
    "retry",
)


def sequences(least: int, most: int) -> st.SearchStrategy[list[Step]]:
    """Lists of steps; each begins with an invoice, so that there is something to change."""
    step = st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.integers(1, 9_999))
    return st.lists(step, min_size=least, max_size=most).map(lambda found: [FIRST, *found])


FIRST: Step = ("invoice", 0, 10_000)


class Broken(AssertionError):
    """Something that must always hold does not."""


@dataclass
class Model:
    """What billing says, and what people did to the books behind its back."""

    case: Case
    invoices: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    credits: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    edited: dict[str, Decimal] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    last: dict[str, Any] | None = None
    number: int = 0

    async def take(self, step: Step) -> None:
        name, place, cents = step
        await getattr(self, f"_{name}")(place, Decimal(cents) / 100)

    def _new(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    @staticmethod
    def _pick(found: dict[str, Any], place: int) -> str | None:
        names = sorted(found, key=lambda name: int(name[1:]))
        return names[place % len(names)] if names else None

    # ----------------------------------------------------------------- billing's side

    async def _invoice(self, _: int, amount: Decimal) -> None:
        await self._bill(self._new("i"), amount, "open")

    async def _edit(self, place: int, amount: Decimal) -> None:
        if short := self._pick(self.invoices, place):
            await self._bill(short, amount, self.invoices[short]["status"])

    async def _void(self, place: int, _: Decimal) -> None:
        if short := self._pick(self.invoices, place):
            await self._bill(short, self.invoices[short]["net"], "void")

    async def _bill(self, short: str, net: Decimal, status: str) -> None:
        await self.case.invoice(short, f"{net:.2f}", status=status)
        total = net + tax_of(net, "5") + tax_of(net, "7")
        self.invoices[short] = {"net": net, "total": total, "status": status}

    async def _pay(self, place: int, amount: Decimal) -> None:
        target = self._pick(self.invoices, place)
        short = self._new("p")
        part = min(amount, self.invoices[target]["total"]) if target else ZERO
        payment = {"amount": amount, "status": "succeeded", "part": part, "invoice": target}
        self.payments[short] = payment
        await self._push_payment(short)

    async def _push_payment(self, short: str) -> None:
        payment = self.payments[short]
        parts = {payment["invoice"]: f"{payment['part']:.2f}"} if payment["part"] else {}
        amount = f"{payment['amount']:.2f}"
        await self.case.payment(short, amount, parts, status=payment["status"])

    async def _cancel(self, place: int, _: Decimal) -> None:
        if short := self._pick(self.payments, place):
            self.payments[short]["status"] = "cancelled"
            await self._push_payment(short)

    async def _credit(self, place: int, amount: Decimal) -> None:
        target, short = self._pick(self.invoices, place), self._new("n")
        part = min(amount, Decimal(10))
        parts = {target: f"{part:.2f}"} if target and place % 2 else {}
        await self.case.credit(short, f"{amount:.2f}", parts)
        self.credits[short] = {"amount": amount}

    async def _refund_credit(self, place: int, amount: Decimal) -> None:
        await self._refund("credit_note", self.credits, place, amount)

    async def _refund_payment(self, place: int, amount: Decimal) -> None:
        await self._refund("payment", self.payments, place, amount)

    async def _refund(
        self, source: str, found: dict[str, Any], place: int, amount: Decimal
    ) -> None:
        if not (target := self._pick(found, place)):
            return
        case, short = self.case, self._new("r")
        body = {"customer": case.customer, "date": case.day, "amount": f"{amount:.2f}"}
        await case.merchant.put("refunds", case.id(short), **body, **{source: case.id(target)})
        self.refunds[short] = {"amount": amount, source: target}

    # ------------------------------------------------------------------ the books' side

    async def _books_edit(self, place: int, amount: Decimal) -> None:
        short = self._pick(self.invoices, place)
        document = self.document("invoice", short) if short else None
        if short is None or document is None or not document["TotalAmt"]:
            return
        [line] = [row for row in document["Line"] if row["DetailType"] == "SalesItemLineDetail"]
        detail = {name: line["SalesItemLineDetail"][name] for name in ("ItemRef", "TaxCodeRef")}
        sold = {"DetailType": line["DetailType"], "SalesItemLineDetail": detail}
        body = key_of(document) | {"sparse": True, "Line": [sold | {"Amount": float(amount)}]}
        try:
            self.case.edit("update", "Invoice", body)
        except AssertionError:
            return  # The books do not let a person do that.
        changed = self.document("invoice", short)
        assert changed is not None
        if changed["TotalAmt"] != document["TotalAmt"]:
            self.edited[short] = changed["TotalAmt"]

    async def _books_delete(self, place: int, _: Decimal) -> None:
        short = self._pick(self.invoices, place)
        document = self.document("invoice", short) if short else None
        if short is None or document is None:
            return
        try:
            self.case.edit("delete", "Invoice", key_of(document))
        except AssertionError:
            return
        self.deleted.add(short)

    async def _export(self, *_: Any) -> None:
        self.last = await self.case.export(*ALL)

    async def _retry(self, *_: Any) -> None:
        if self.last is None or not self.last["counts"]["rejected"]:
            return
        path = f"/sync-jobs/{self.last['id']}/retry"
        begun = await self.case.merchant.call("POST", path)
        self.last = await self.case.merchant.ended(begun["id"])

    # -------------------------------------------------------------------- what must hold

    def document(self, kind: str, short: str) -> dict[str, Any] | None:
        """The one document of a record; None when there is none, `Broken` when there are two."""
        merchant, mark = self.case.merchant, self._mark(kind, short)
        entities = [ENTITIES[kind]] if kind in ENTITIES else ["Purchase", "RefundReceipt"]
        found = [
            row
            for entity in entities
            for row in merchant.simulator.documents(entity, merchant.realm_id)
            if mark in str(row.get("PrivateNote", ""))
        ]
        if len(found) > 1:
            raise Broken(f"{short} stands in the books {len(found)} times")
        return found[0] if found else None

    def _mark(self, kind: str, short: str) -> str:
        return marker(self.case.merchant.realm_id, kind, self.case.id(short))

    async def check(self) -> None:
        """
        Export twice, and check: nothing twice, nothing out of balance, nothing unexplained.

        Raises:
            Broken: One of these does not hold.
        """
        await self._export()
        await self._export()
        assert self.last is not None
        merchant = self.case.merchant
        if merchant.simulator.trial_balance(merchant.realm_id)["sum"]:
            raise Broken("the trial balance is not zero")
        records = await merchant.records(self.last)
        days = {"date_from": self.case.day, "date_to": self.case.day}
        report = await merchant.call("GET", "/reconciliation", params=days)
        named = {row["billing_id"] for row in report["differences"]}
        for kind, found, amount in (
            ("invoice", self.invoices, "total"),
            ("payment", self.payments, "amount"),
            ("credit_memo", self.credits, "amount"),
            ("refund", self.refunds, "amount"),
        ):
            for short, told in found.items():
                self._explained(kind, short, told, told[amount], records, named)
        self._refunded()

    def _explained(
        self,
        kind: str,
        short: str,
        told: dict[str, Any],
        amount: Decimal,
        records: list[dict[str, Any]],
        named: set[str],
    ) -> None:
        billing_id = self.case.id(short)
        rows = [row for row in records if (row["kind"], row["billing_id"]) == (kind, billing_id)]
        if not rows:
            raise Broken(f"{short} is in no record of the export")
        document = self.document(kind, short)
        if short in self.deleted and document is not None:
            raise Broken(f"{short} was deleted in QuickBooks and stands there again")
        allowed = {self.edited.get(short), ZERO}
        if short in self.edited and document and document["TotalAmt"] not in allowed:
            raise Broken(f"{short} was edited in QuickBooks and is overwritten")
        if any(row["state"] in EXPLAINED and row["code"] for row in rows):
            return
        gone = told.get("status") in {"void", "cancelled"}
        stands = document["TotalAmt"] if document is not None else ZERO
        # What a person did to the books is told by the reconciliation; nothing else excuses.
        told_of = kind == "invoice" and short in self.edited.keys() | self.deleted
        told_of = told_of and billing_id in named
        if stands != (ZERO if gone else amount) and not told_of:
            raise Broken(f"{short}: billed {amount}, {stands} in the books, and nobody says so")
        if kind == "payment" and not gone and document is not None:
            self._allocated(short, told, document)

    def _allocated(self, short: str, told: dict[str, Any], document: dict[str, Any]) -> None:
        settled = sum(
            (
                Decimal(line["Amount"])
                for line in document["Line"]
                if line["LinkedTxn"][0]["TxnType"] == "Invoice"
            ),
            ZERO,
        )
        touched = self.edited.keys() | self.deleted
        if settled != told["part"] and told["invoice"] not in touched:
            raise Broken(f"{short}: {told['part']} allocated, {settled} in the books")

    def _refunded(self) -> None:
        """No more money goes back than came in, or was credited."""
        for source, found in (("payment", self.payments), ("credit_note", self.credits)):
            for short, told in found.items():
                back = [
                    document["TotalAmt"]
                    for name, refund in self.refunds.items()
                    if refund.get(source) == short
                    and (document := self.document("refund", name)) is not None
                ]
                if sum(back, ZERO) > told["amount"]:
                    raise Broken(f"{sum(back, ZERO)} went back of {short}, {told['amount']}")
