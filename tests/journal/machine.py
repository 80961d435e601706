"""Sequences of what billing and QuickBooks do, and what must hold after each step."""

import hypothesis.strategies as st
from hypothesis import event
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.billing import schemas as billing
from app.journal.periods import Length
from tests.journal.model import FIRST, LAST, MOMENT, D, World

AMOUNTS = st.sampled_from([D("10.00"), D("0.01"), D("33.33"), D("120.50"), D("10.00")])
DAYS = st.integers(0, 5).map(lambda day: FIRST.replace(day=1 + day * 3))
IDS = st.sampled_from(["1", "2", "3", "4"])
CURRENCIES = st.sampled_from([("USD", None), ("EUR", D("1.1")), ("EUR", D("1.25"))])
OUTCOMES = st.sampled_from(["posted", "posted", "posted", "rejected", "unknown", "draft"])


def line(number: int, code: str, amount: D, *, taxed: bool) -> billing.Line:
    tax = (amount * D("0.07")).quantize(D("0.01"))
    taxes = (billing.LineTax(price_code="T", rate=D(7), amount=tax),) if taxed else ()
    return billing.Line(line_id=str(number), price_code=code, amount=amount, taxes=taxes)


class Machine(RuleBasedStateMachine):
    """Steps are counted, so that a search can say how long its sequences were."""

    steps_taken: list[int] = []  # noqa: RUF012 - collected over all sequences

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.steps = 0

    @initialize(length=st.sampled_from(list(Length)))
    def open(self, length: Length) -> None:
        self.world.length = length

    # ------------------------------------------------------------------ billing

    @rule(
        id_=IDS, day=DAYS, amount=AMOUNTS, money=CURRENCIES, taxed=st.booleans(), off=st.booleans()
    )
    def invoice(self, id_, day, amount, money, taxed, off) -> None:  # type: ignore[no-untyped-def]
        lines = [line(1, "a", amount, taxed=taxed), line(2, "b", D("7.00"), taxed=False)]
        if off:
            lines.append(line(3, "off", D("-2.50"), taxed=False))
        self._sale(billing.Invoice, "invoice", id_, day, money, lines)

    @rule(
        id_=IDS,
        day=DAYS,
        amount=AMOUNTS,
        money=CURRENCIES,
        reason=st.sampled_from(["credit_note", "house_credit", "write_off"]),
    )
    def credit(self, id_, day, amount, money, reason) -> None:  # type: ignore[no-untyped-def]
        lines = [line(1, "a", amount, taxed=True)]
        self._sale(billing.CreditNote, "credit_note", id_, day, money, lines, reason=reason)

    def _sale(self, model, kind, id_, day, money, lines, **more) -> None:  # type: ignore[no-untyped-def]
        tax = sum((part.amount for each in lines for part in each.taxes), D(0))
        dated = {"invoice_date": day} if kind == "invoice" else {"date": day}
        self._put(
            kind,
            model(
                billing_id=id_,
                updated_at=MOMENT,
                number=id_,
                customer="c",
                currency=money[0],
                exchange_rate=money[1],
                lines=tuple(lines),
                tax_total=tax,
                total=sum((each.amount for each in lines), tax),
                **dated,
                **more,
            ),
        )

    @rule(
        id_=IDS, day=DAYS, amount=AMOUNTS, money=CURRENCIES, method=st.sampled_from(["card", None])
    )
    def payment(self, id_, day, amount, money, method) -> None:  # type: ignore[no-untyped-def]
        fields = {"payment_date": day, "amount": amount, "method": method}
        self._put(
            "payment",
            billing.Payment(
                billing_id=id_,
                updated_at=MOMENT,
                customer="c",
                currency=money[0],
                exchange_rate=money[1],
                **fields,
            ),
        )

    @rule(kind=st.sampled_from(["invoice", "credit_note", "payment"]), id_=IDS)
    def take_back(self, kind: str, id_: str) -> None:
        row = self.world.rows.get((kind, id_))
        if row is not None:
            status = "cancelled" if kind == "payment" else "void"
            self._put(kind, row.record.model_copy(update={"status": status}))

    @rule(kind=st.sampled_from(["invoice", "credit_note", "payment"]), id_=IDS, day=DAYS)
    def move(self, kind: str, id_: str, day) -> None:  # type: ignore[no-untyped-def]
        """The same document is dated otherwise."""
        row = self.world.rows.get((kind, id_))
        if row is not None:
            name = {"invoice": "invoice_date", "payment": "payment_date"}.get(kind, "date")
            self._put(kind, row.record.model_copy(update={name: day}))

    @rule(kind=st.sampled_from(["invoice", "payment"]), id_=IDS, words=st.text("xy", max_size=2))
    def reword(self, kind: str, id_: str, words: str) -> None:
        """Something changes that no account sees."""
        row = self.world.rows.get((kind, id_))
        if row is not None:
            self._put(kind, row.record.model_copy(update={"customer": f"c{words}"}))

    def _put(self, kind: str, record: object) -> None:
        self.world.put(kind, record)

    # ------------------------------------------------------------------ exports

    @rule(days=st.tuples(DAYS, DAYS), outcomes=st.lists(OUTCOMES, min_size=1, max_size=6))
    def export(self, days, outcomes) -> None:  # type: ignore[no-untyped-def]
        first, last = sorted(days)
        for number, entry in enumerate(self.world.plan(first, last)):
            outcome = outcomes[number % len(outcomes)]
            if outcome != "draft":
                self.world.send(entry, outcome)

    @rule(outcomes=st.lists(OUTCOMES, min_size=1, max_size=6))
    def export_all(self, outcomes) -> None:  # type: ignore[no-untyped-def]
        for number, entry in enumerate(self.world.plan(FIRST, LAST)):
            outcome = outcomes[number % len(outcomes)]
            if outcome != "draft":
                self.world.send(entry, outcome)

    @precondition(lambda self: any(each.state == "unknown" for each in self.world.entries))
    @rule()
    def settle(self) -> None:
        for entry in self.world.entries:
            self.world.settle(entry)

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def holds(self) -> None:
        self.steps += 1
        self.world.check_constraint()
        self.world.check_frozen()
        self.world.check_each_once()

    def teardown(self) -> None:
        Machine.steps_taken.append(self.steps)
        event("long" if self.steps > 20 else "short")
        self.world.finish()
        self.holds()
        assert self.world.booked() == self.world.billed()
        before = [(entry.group, entry.sequence) for entry in self.world.entries if entry.sent]
        assert not [entry for entry in self.world.plan(FIRST, LAST) if self.world.has_lines(entry)]
        assert before == [(e.group, e.sequence) for e in self.world.entries if e.sent]
