"""A quarter of a billing system: what it bills, receives and credits, and what changes later."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from app.demo.invoicing import CENT, InvoiceMaker, cents
from app.demo.kinds import Kind
from app.demo.people import DISCOUNT, Buyer, Record, Stamps
from app.demo.refunding import RefundMaker

FIRST_DAY, LAST_DAY = date(2026, 1, 1), date(2026, 3, 31)
DAYS = (LAST_DAY - FIRST_DAY).days
REASONS = ("credit_note", "house_credit", "write_off")


@dataclass(frozen=True, slots=True)
class Size:
    """How much the quarter holds."""

    invoices: int = 520
    payments: int = 360
    credit_notes: int = 24
    edits: int = 16
    voids: int = 9
    cancellations: int = 7
    reallocations: int = 4
    refunds: int = 6


SMALL = Size(
    invoices=60,
    payments=36,
    credit_notes=4,
    edits=3,
    voids=2,
    cancellations=2,
    reallocations=1,
    refunds=2,
)


@dataclass(slots=True)
class Quarter:
    """The billing system's documents as they are now, by kind and billing id."""

    invoices: dict[str, Record] = field(default_factory=dict)
    payments: dict[str, Record] = field(default_factory=dict)
    credit_notes: dict[str, Record] = field(default_factory=dict)
    refunds: dict[str, Record] = field(default_factory=dict)

    def open_amounts(self) -> dict[str, Decimal]:
        """Return what is still owed on each invoice."""
        owed = {
            id_: Decimal(invoice["total"])
            for id_, invoice in self.invoices.items()
            if invoice["status"] == "open"
        }
        for payment in self.payments.values():
            if payment["status"] == "succeeded":
                _settle(owed, payment["allocations"])
        for note in self.credit_notes.values():
            _settle(owed, note["applications"])
        return owed


def _settle(owed: dict[str, Decimal], parts: Sequence[Mapping[str, str]]) -> None:
    for part in parts:
        owed[part["invoice"]] -= Decimal(part["amount"])


class Bookkeeping:
    """Fills a quarter, then changes it; deterministic in its seed."""

    def __init__(
        self,
        buyers: Sequence[Buyer],
        price_codes: Sequence[str],
        stamps: Stamps,
        kind: Kind,
        *,
        seed: int,
    ) -> None:
        self._random = Random(seed)
        self._buyers, self._stamps, self._kind = list(buyers), stamps, kind
        self._buyer = {buyer.billing_id: buyer for buyer in buyers}
        plans = [code for code in price_codes if code != DISCOUNT]
        self._maker = InvoiceMaker(self._random, plans, stamps, kind)
        self._refunds = RefundMaker(self._random, self._maker, stamps)
        self.quarter = Quarter()

    def fill(self, size: Size) -> None:
        """Make the quarter's invoices, the payments of most of them, some credits and refunds."""
        for place in range(size.invoices):
            buyer = self._buyers[place * 11 % len(self._buyers)]
            day = FIRST_DAY + timedelta(days=place * DAYS // size.invoices)
            due = day + timedelta(days=30)
            made = self._maker.invoice(place, buyer, day.isoformat(), due.isoformat())
            self.quarter.invoices[made["billing_id"]] = made
        for made in self._payments(size.payments):
            self.quarter.payments[made["billing_id"]] = made
        for made in self._credit_notes(size.credit_notes):
            self.quarter.credit_notes[made["billing_id"]] = made
        for made in self._refunds.receipts(self._buyers, size.refunds):
            self.quarter.refunds[made["billing_id"]] = made

    # ------------------------------------------------------------------------- payments

    def _payments(self, count: int) -> Iterator[Record]:
        waiting = self._by_customer()
        order = sorted(waiting)
        place = turn = 0
        while place < count:
            customer = order[turn % len(order)]
            turn += 1
            if not waiting[customer]:
                continue
            many = 1 if self._random.random() < 0.85 else 2
            paid = [waiting[customer].pop(0) for _ in range(min(many, len(waiting[customer])))]
            yield self._payment(place, customer, paid)
            place += 1

    def _by_customer(self) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for invoice in self.quarter.invoices.values():
            if Decimal(invoice["total"]) > CENT:
                found.setdefault(invoice["customer"], []).append(invoice)
        return found

    def _payment(self, place: int, customer: str, paid: Sequence[Record]) -> Record:
        parts = {invoice["billing_id"]: Decimal(invoice["total"]) for invoice in paid}
        over = Decimal(0)
        kind = self._random.random()
        if kind < 0.1:
            last = paid[-1]["billing_id"]
            parts[last] = max(cents(parts[last] / 3), CENT)
        elif kind < 0.2:
            over = Decimal(self._random.randint(1, 5_000)) / 100
        due = date.fromisoformat(paid[-1]["invoice_date"]) + timedelta(days=12)
        day = min(due, LAST_DAY).isoformat()
        return {
            "billing_id": f"pay_{50_000 + place}",
            "updated_at": self._stamps.next(),
            "customer": customer,
            "payment_date": day,
            "amount": str(sum(parts.values(), Decimal(0)) + over),
            **self._maker.money(self._buyer[customer].currency, day),
            "method": "card" if place % 3 else "bank",
            "reference": f"ch_{self._random.randrange(16**12):012x}",
            "allocations": [
                {"invoice": id_, "amount": str(amount)} for id_, amount in parts.items()
            ],
            "status": "succeeded",
        }

    # -------------------------------------------------------------------------- credits

    def _credit_notes(self, count: int) -> Iterator[Record]:
        owed = self.quarter.open_amounts()
        untouched = [
            invoice
            for id_, invoice in self.quarter.invoices.items()
            if owed[id_] == Decimal(invoice["total"]) > Decimal("5.00")
        ]
        for place, invoice in enumerate(self._random.sample(untouched, count)):
            yield self._credit_note(place, invoice, owed[invoice["billing_id"]])

    def _credit_note(self, place: int, invoice: Record, owed: Decimal) -> Record:
        """Return a credit over part of an invoice, applied to it in full, in part or not at all."""
        buyer = self._buyer[invoice["customer"]]
        region = self._kind.credit_region or buyer.region
        if not place % 2:
            region = self._kind.untaxed_region
        buyer = Buyer(buyer.billing_id, region, buyer.currency)
        day = max(invoice["invoice_date"], "2026-02-15")
        made = self._maker.invoice(place * 5 + 1, buyer, invoice["invoice_date"], "")
        body = {name: made[name] for name in ("lines", "tax_total", "total")}
        applied = min(Decimal(body["total"]), owed)
        if place % 4 == 1:
            applied = max(cents(applied / 2), CENT)
        parts = [{"invoice": invoice["billing_id"], "amount": str(applied)}]
        return {
            "billing_id": f"crn_{70_000 + place}",
            "updated_at": self._stamps.next(),
            "number": f"CN-26-{place + 1:04d}",
            "customer": invoice["customer"],
            "date": day,
            "reason": REASONS[place % len(REASONS)],
            **self._maker.money(buyer.currency, day),
            **body,
            "applications": [] if place % 8 == 5 else parts,
            "status": "open",
        }

    # -------------------------------------------------------------------------- changes

    def change(self, size: Size) -> dict[str, list[Record]]:
        """Edit, void, cancel, allocate rests, and pay some money back; return what changed."""
        self._random.seed(4711)
        untouched = self._untouched()
        edited = [self._edit(invoice) for invoice in untouched[: size.edits]]
        rest = untouched[size.edits :]
        voided = [
            {**invoice, "status": "void", "updated_at": self._stamps.next()}
            for invoice in rest[: size.voids]
        ]
        for record in (*edited, *voided):
            self.quarter.invoices[record["billing_id"]] = record
        cancelled = self._cancel(size.cancellations)
        moved = self._reallocate(size.reallocations)
        return {
            "invoices": edited + voided,
            "payments": cancelled + moved,
            "refunds": self._pay_back(size.refunds),
        }

    def _untouched(self) -> list[Record]:
        """Return open invoices on which nothing was paid or credited."""
        owed = self.quarter.open_amounts()
        return [
            invoice
            for id_, invoice in self.quarter.invoices.items()
            if id_ in owed and owed[id_] == Decimal(invoice["total"]) > 0
        ]

    def _edit(self, invoice: Record) -> Record:
        changed = self._maker.edited(invoice, self._buyer[invoice["customer"]])
        if not changed.get("prices_include_tax"):
            return changed
        return {**changed, "prices_include_tax": False}

    def _cancel(self, count: int) -> list[Record]:
        chosen = self._random.sample(sorted(self.quarter.payments), count)
        cancelled = [
            {
                **self.quarter.payments[id_],
                "status": "cancelled",
                "updated_at": self._stamps.next(),
            }
            for id_ in chosen
        ]
        for record in cancelled:
            self.quarter.payments[record["billing_id"]] = record
        return cancelled

    def _reallocate(self, count: int) -> list[Record]:
        """Give what payments left unapplied to invoices of the same customer that are open."""
        moved: list[Record] = []
        owed = self.quarter.open_amounts()
        for payment in self.quarter.payments.values():
            used = {part["invoice"] for part in payment["allocations"]}
            rest = Decimal(payment["amount"]) - sum(
                (Decimal(part["amount"]) for part in payment["allocations"]), Decimal(0)
            )
            target = next(
                (
                    id_
                    for id_, amount in owed.items()
                    if amount >= rest > 0
                    and id_ not in used
                    and self.quarter.invoices[id_]["customer"] == payment["customer"]
                ),
                None,
            )
            if target is None or payment["status"] != "succeeded":
                continue
            owed[target] -= rest
            part = {"invoice": target, "amount": str(rest)}
            parts = [*payment["allocations"], part]
            moved.append({**payment, "allocations": parts, "updated_at": self._stamps.next()})
            if len(moved) == count:
                break
        for record in moved:
            self.quarter.payments[record["billing_id"]] = record
        return moved

    def _pay_back(self, count: int) -> list[Record]:
        """Refund what credits and payments have left over."""
        quarter = self.quarter
        made = list(self._refunds.payouts(quarter.credit_notes, quarter.payments, count))
        for record in made:
            quarter.refunds[record["billing_id"]] = record
        return made
