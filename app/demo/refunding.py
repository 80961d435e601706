"""Money that goes back: what credits and payments have left over, and sales that are undone."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from random import Random

from app.demo.invoicing import InvoiceMaker, cents
from app.demo.people import Buyer, Record, Stamps

REFUND_DAY = "2026-03-30"
HALF = Decimal("0.5")


class RefundMaker:
    """Makes refunds of all kinds; the same seed makes the same ones."""

    def __init__(self, random: Random, maker: InvoiceMaker, stamps: Stamps) -> None:
        self._random, self._maker, self._stamps = random, maker, stamps
        self._number = 0

    def receipts(self, buyers: Sequence[Buyer], count: int) -> Iterator[Record]:
        """Yield refunds with lines and taxes of their own."""
        for buyer in self._random.sample(list(buyers), count):
            body = self._maker.lines(buyer)
            amount = body.pop("total")
            if Decimal(amount) <= 0:
                continue
            money = self._maker.money(buyer.currency, REFUND_DAY)
            yield self._refund(buyer.billing_id, amount) | money | body

    def payouts(
        self,
        credits: Mapping[str, Record],
        payments: Mapping[str, Record],
        count: int,
    ) -> Iterator[Record]:
        """Yield refunds of what is left of *count* credits and of *count* payments, half or all."""
        sides = (
            ("credit_note", credits, "total", "applications"),
            ("payment", payments, "amount", "allocations"),
        )
        for source, records, whole, parts in sides:
            left = {
                id_: Decimal(record[whole])
                - sum((Decimal(part["amount"]) for part in record[parts]), Decimal(0))
                for id_, record in records.items()
                if record["status"] in {"open", "succeeded"}
            }
            fitting = [id_ for id_, amount in left.items() if amount > Decimal("0.02")]
            for place, id_ in enumerate(fitting[:count]):
                amount = cents(left[id_] * HALF) if place % 2 else left[id_]
                yield self._refund(records[id_]["customer"], str(amount)) | {source: id_}

    def _refund(self, customer: str, amount: str) -> Record:
        self._number += 1
        return {
            "billing_id": f"ref_{90_000 + self._number}",
            "updated_at": self._stamps.next(),
            "customer": customer,
            "date": REFUND_DAY,
            "amount": amount,
        }
