"""What a merchant bills: made up from a seed, in two rounds, and always possible in QuickBooks."""

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.journeys.world import tax_of

Body = dict[str, Any]
FIRST_NAMES = ("Acme", "Birch", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Harbour")
TAXES = (("GST", "5"), ("PST BC", "7"))


@dataclass(slots=True)
class Book:
    """
    The billing system's own records, newest version of each.

    *fresh* are those that were not pushed since they changed.
    """

    rng: random.Random
    seed: int
    records: dict[tuple[str, str], Body] = field(default_factory=dict)
    fresh: list[tuple[str, str]] = field(default_factory=list)
    updated: int = 0
    # Invoices that something settles, or once settled: nothing else touches them.
    settled: set[str] = field(default_factory=set)

    # ------------------------------------------------------------------------------- rounds

    def first_round(self, *, crowd: bool) -> None:
        """Bill some customers; in a *crowd* so many that documents go in batches."""
        customers = [f"k{number}" for number in range(8 if crowd else self.rng.randint(2, 3))]
        for number, customer in enumerate(customers):
            name = f"{FIRST_NAMES[number % len(FIRST_NAMES)]} {self.seed}-{number}"
            body = {"display_name": name, "currency": "CAD", "created_date": "2026-01-15"}
            self._set("customers", customer, body)
        for number in range(31 if crowd else self.rng.randint(3, 4)):
            self.invoice(f"i{number}", customers[number % len(customers)])
        for number in range(self.rng.randint(1, 3)):
            self.payment(f"p{number}")
        for number in range(self.rng.randint(1, 2)):
            self.credit(f"n{number}", applied=self.rng.random() < 0.7)

    def second_round(self) -> None:
        """Change what was billed: edits, voids, payments that settle something else."""
        free = self._untouched()
        self.rng.shuffle(free)
        for billing_id in free[: self.rng.randint(1, 2)]:
            if self.rng.random() < 0.6:
                self.invoice(billing_id, self.records["invoices", billing_id]["customer"])
            else:
                self._change("invoices", billing_id, status="void")
        payments = [id_ for kind, id_ in self.records if kind == "payments"]
        if payments and self.rng.random() < 0.4:
            self._change("payments", self.rng.choice(payments), status="cancelled", allocations=[])
        self.invoice(f"late{len(self.records)}", self.rng.choice(self.customers()))
        self.payment(f"plate{len(self.records)}")
        if self.rng.random() < 0.5:
            self.credit(f"nlate{len(self.records)}", applied=True)

    # ---------------------------------------------------------------------------- documents

    def customers(self) -> list[str]:
        return [id_ for kind, id_ in self.records if kind == "customers"]

    def invoice(self, billing_id: str, customer: str) -> None:
        lines, taxes = [], Decimal(0)
        taxed = TAXES[: self.rng.choice((0, 1, 2, 2))]
        net = Decimal(self.rng.randint(100, 90_000)) / 100
        parts = [(code, rate, tax_of(net, rate)) for code, rate in taxed]
        lines.append(
            {
                "line_id": "1",
                "price_code": "plan",
                "description": "Pro plan",
                "amount": str(net),
                "taxes": [
                    {"price_code": code, "rate": rate, "amount": str(amount)}
                    for code, rate, amount in parts
                ],
            }
        )
        taxes = sum((amount for _, _, amount in parts), Decimal("0.00"))
        body = {
            "number": f"N-{billing_id}",
            "customer": customer,
            "invoice_date": f"2026-03-{self.rng.randint(1, 9):02d}",
            "due_date": "2026-04-30",
            "currency": "CAD",
            "lines": lines,
            "tax_total": str(taxes),
            "total": str(net + taxes),
            "status": "open",
        }
        former = self.records.get(("invoices", billing_id))
        if former is not None:
            body |= {name: former[name] for name in ("number", "invoice_date")}
        self._set("invoices", billing_id, body)

    def payment(self, billing_id: str) -> None:
        """Pay an invoice that nothing settles yet, whole or in part, perhaps with a rest."""
        chosen = self._pick_open()
        if chosen is None:
            return
        invoice = self.records["invoices", chosen]
        part = (Decimal(invoice["total"]) * self.rng.choice((50, 100)) / 100).quantize(
            Decimal("0.01")
        )
        rest = Decimal(self.rng.choice(("0.00", "0.00", "5.01")))
        self._set(
            "payments",
            billing_id,
            {
                "customer": invoice["customer"],
                "payment_date": f"2026-03-{self.rng.randint(10, 19)}",
                "amount": str(part + rest),
                "currency": "CAD",
                "method": "card",
                "reference": f"ch_{billing_id}",
                "allocations": [{"invoice": chosen, "amount": str(part)}],
                "status": "succeeded",
            },
        )

    def credit(self, billing_id: str, *, applied: bool) -> None:
        chosen = self._pick_open() if applied else None
        amount, parts = Decimal(self.rng.randint(100, 3000)) / 100, []
        customer = self.rng.choice(self.customers())
        if chosen is not None:
            invoice = self.records["invoices", chosen]
            customer = invoice["customer"]
            part = min(amount, Decimal(invoice["total"]))
            parts = [{"invoice": chosen, "amount": str(part)}]
        self._set(
            "credit-notes",
            billing_id,
            {
                "number": f"N-{billing_id}",
                "customer": customer,
                "date": f"2026-03-{self.rng.randint(20, 28)}",
                "reason": "credit_note",
                "currency": "CAD",
                "lines": [{"line_id": "1", "price_code": "plan", "amount": str(amount)}],
                "tax_total": "0.00",
                "total": str(amount),
                "applications": parts,
                "status": "open",
            },
        )

    def _untouched(self) -> list[str]:
        return [
            id_
            for (kind, id_), body in self.records.items()
            if kind == "invoices" and id_ not in self.settled and body["status"] == "open"
        ]

    def _pick_open(self) -> str | None:
        free = self._untouched()
        if not free:
            return None
        chosen = self.rng.choice(free)
        self.settled.add(chosen)
        return chosen

    # ---------------------------------------------------------------------------- bookkeeping

    def _set(self, kind: str, billing_id: str, body: Body) -> None:
        self.records[kind, billing_id] = body
        if (kind, billing_id) not in self.fresh:
            self.fresh.append((kind, billing_id))

    def _change(self, kind: str, billing_id: str, **changes: Any) -> None:
        self._set(kind, billing_id, self.records[kind, billing_id] | changes)

    def to_push(self, *, everything: bool = False) -> dict[str, list[Body]]:
        """Return what has to be pushed, by resource, and take it as pushed."""
        wanted = list(self.records) if everything else self.fresh
        found: dict[str, list[Body]] = {}
        for kind, billing_id in wanted:
            self.updated += 1
            stamp = f"2026-03-01T{self.updated // 3600:02d}:{self.updated // 60 % 60:02d}:"
            body = {"billing_id": billing_id, "updated_at": f"{stamp}{self.updated % 60:02d}Z"}
            body |= self.records[kind, billing_id]
            found.setdefault(kind, []).append(body)
        self.fresh = []
        return found

    def entries(self, income_account: str) -> list[dict[str, Any]]:
        """Return everything as the judge reads it."""
        charge = {
            "billing_id": "plan",
            "price_code": "plan",
            "name": "Pro plan",
            "kind": "recurring",
        }
        listed: list[dict[str, Any]] = [
            {"kind": "settings", "record": {"income_account": income_account}},
            {"kind": "charges", "record": charge},
        ]
        listed += [
            {"kind": kind, "record": {**body, "billing_id": billing_id}}
            for (kind, billing_id), body in self.records.items()
        ]
        return [*listed, {"kind": "checkpoint", "record": {}}]
