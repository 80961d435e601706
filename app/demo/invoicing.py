"""Invoices as billing systems make them: taxes told in every way that the API takes, odd cents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from app.demo.kinds import Kind
from app.demo.people import DISCOUNT, Buyer, Record, Stamps

CENT = Decimal("0.01")
HUNDRED = Decimal(100)
# Amounts whose taxes end on half a cent, or nearly.
EDGES = ("0.10", "0.30", "0.70", "1.50", "9.99", "10.10", "19.90", "33.33", "99.95", "1234.57")


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(slots=True)
class Goods:
    """A line that sells something, and the taxes that stand on it."""

    line_id: str
    price_code: str
    description: str
    amount: Decimal
    codes: tuple[str, ...]
    quantity: str | None = None
    unit_price: str | None = None

    def record(self) -> Record:
        line: Record = {
            "line_id": self.line_id,
            "price_code": self.price_code,
            "description": self.description,
            "amount": str(self.amount),
        }
        if self.quantity is not None:
            line |= {"quantity": self.quantity, "unit_price": self.unit_price}
        return line


class InvoiceMaker:
    """Makes invoices and credit notes; the same seed makes the same ones."""

    def __init__(self, random: Random, plans: Sequence[str], stamps: Stamps, kind: Kind) -> None:
        self._random, self._plans, self._stamps = random, list(plans), stamps
        self._kind, self._telling = kind, Telling(kind.rates)

    def invoice(self, place: int, buyer: Buyer, day: str, due: str) -> Record:
        """Return one invoice; *place* numbers it and picks how its taxes are told."""
        goods = self._goods(buyer, uniform=place % 5 == 3)
        body = self._telling.told(goods, place % 5)
        return {
            "billing_id": f"inv_{10_000 + place}",
            "updated_at": self._stamps.next(),
            "number": f"INV-26-{place + 1:05d}",
            "customer": buyer.billing_id,
            "invoice_date": day,
            "due_date": due,
            **self.money(buyer.currency, day),
            **body,
            "status": "open",
        }

    def money(self, currency: str, day: str) -> Record:
        """Return the currency of a document, and what one of it is worth at home."""
        rate = self._kind.exchange_rate(currency, day)
        return {"currency": currency, **({"exchange_rate": rate} if rate else {})}

    def edited(self, invoice: Record, buyer: Buyer) -> Record:
        """Return the invoice with other lines under the same number."""
        goods = self._goods(buyer, uniform=False)
        kept = {name: invoice[name] for name in invoice if name not in {"taxes", "lines"}}
        return {**kept, **self._telling.told(goods, 1), "updated_at": self._stamps.next()}

    def lines(self, buyer: Buyer) -> Record:
        """Return lines with their taxes and totals."""
        return self._telling.told(self._goods(buyer, uniform=False), 1)

    def _goods(self, buyer: Buyer, *, uniform: bool) -> list[Goods]:
        usual, *others = self._kind.regions[buyer.region]
        goods = []
        for number in range(self._random.randint(1, 4)):
            rare = others and not uniform and self._random.random() < 0.35
            codes = self._random.choice(others) if rare else usual
            goods.append(self._line(number + 1, codes))
        if self._random.random() < 0.2:
            first = goods[0]
            less = cents(first.amount * Decimal("-0.15"))
            if less:
                name = str(len(goods) + 1)
                goods.append(Goods(name, DISCOUNT, "Loyalty discount", less, first.codes))
        return goods

    def _line(self, number: int, codes: tuple[str, ...]) -> Goods:
        code = self._random.choice(self._plans)
        line = Goods(str(number), code, f"{code}, first quarter", Decimal(0), codes)
        kind = self._random.random()
        if kind < 0.35:
            line.amount = Decimal(self._random.choice(EDGES))
        elif kind < 0.6:
            quantity, price = self._random.randint(2, 40), self._random.randint(1, 9_999)
            line.quantity, line.unit_price = str(quantity), str(Decimal(price) / HUNDRED)
            line.amount = cents(quantity * Decimal(price) / HUNDRED)
        elif kind < 0.7:
            quantity = self._random.randint(3, 999)
            line.quantity, line.unit_price = str(quantity), "0.0333"
            line.amount = cents(quantity * Decimal("0.0333"))
        else:
            line.amount = cents(Decimal(self._random.randint(100, 250_000)) / HUNDRED)
        return line


# --------------------------------------------------------------------- how taxes are told


class Telling:
    """Tells the taxes of lines in one of five ways; *rates* are percents by price code."""

    def __init__(self, rates: Mapping[str, str]) -> None:
        self._rates = rates

    def tax_on(self, net: Decimal, code: str) -> Decimal:
        """Return the tax on a net amount, half a cent rounded up."""
        return cents(net * Decimal(self._rates[code]) / HUNDRED)

    def told(self, goods: Sequence[Goods], way: int) -> Record:
        """Return lines, taxes and totals, with the taxes told in one of five ways."""
        ways = (
            self._amount_per_line,
            self._rate_per_line,
            self._tax_lines,
            self._on_document,
            self._included,
        )
        return ways[way](goods)

    def _amount_per_line(self, goods: Sequence[Goods]) -> Record:
        """Each line has its own rounded taxes; their sum is law, whatever the books compute."""
        total = Decimal(0)
        lines = []
        for line in goods:
            taxes = []
            for code in line.codes:
                amount = self.tax_on(line.amount, code)
                total += amount
                taxes.append({"price_code": code, "rate": self._rates[code], "amount": str(amount)})
            lines.append(line.record() | {"taxes": taxes})
        return _summed(goods, lines, total)

    def _rate_per_line(self, goods: Sequence[Goods]) -> Record:
        """Each line names its rates; the amount follows from the sum over the document."""
        lines = [
            line.record()
            | {"taxes": [{"price_code": code, "rate": self._rates[code]} for code in line.codes]}
            for line in goods
        ]
        total = sum((self.tax_on(net, code) for code, net in _nets(goods).items()), Decimal(0))
        return _summed(goods, lines, total)

    def _tax_lines(self, goods: Sequence[Goods]) -> Record:
        """Taxes are lines of their own, naming the lines that they tax."""
        lines, total = [line.record() for line in goods], Decimal(0)
        for code, net in _nets(goods).items():
            amount = self.tax_on(net, code)
            total += amount
            taxed = [line.line_id for line in goods if code in line.codes]
            lines.append(
                {
                    "line_id": f"t-{code}",
                    "price_code": code,
                    "amount": str(amount),
                    "applies_to": taxed,
                }
            )
        return _summed(goods, lines, total)

    def _on_document(self, goods: Sequence[Goods]) -> Record:
        """All lines carry the same taxes, told once for the document."""
        nets = _nets(goods)
        if any(line.codes != goods[0].codes for line in goods):
            return self._rate_per_line(goods)
        taxes = [
            {"price_code": code, "rate": self._rates[code], "amount": str(self.tax_on(net, code))}
            for code, net in nets.items()
        ]
        total = sum((self.tax_on(net, code) for code, net in nets.items()), Decimal(0))
        body = _summed(goods, [line.record() for line in goods], total)
        return body | {"taxes": taxes} if taxes else body

    def _included(self, goods: Sequence[Goods]) -> Record:
        """Line amounts contain their taxes, which are told per line."""
        lines, total, gross = [], Decimal(0), Decimal(0)
        for line in goods:
            taxes = []
            amount = line.amount
            for code in line.codes:
                tax = self.tax_on(line.amount, code)
                total += tax
                amount += tax
                taxes.append({"price_code": code, "rate": self._rates[code], "amount": str(tax)})
            gross += amount
            told_line = line.record() | {"amount": str(amount), "taxes": taxes}
            told_line.pop("quantity", None)
            told_line.pop("unit_price", None)
            lines.append(told_line)
        return {
            "prices_include_tax": True,
            "lines": lines,
            "tax_total": str(total),
            "total": str(gross),
        }


def _nets(goods: Sequence[Goods]) -> dict[str, Decimal]:
    nets: dict[str, Decimal] = {}
    for line in goods:
        for code in line.codes:
            nets[code] = nets.get(code, Decimal(0)) + line.amount
    return nets


def _summed(goods: Sequence[Goods], lines: list[Record], tax: Decimal) -> Record:
    net = sum((line.amount for line in goods), Decimal(0))
    return {"lines": lines, "tax_total": str(tax), "total": str(net + tax)}
