"""Every billing event of the table of documents, told in any kind of company."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.journeys.kinds import Shop
from tests.journeys.told import Told

DAY, LATER, LAST, CLOSED = "2026-03-01", "2026-03-12", "2026-03-13", "2026-01-30"
CENT = Decimal("0.01")
ALL = ("customers", "items", "invoices", "payments", "credits", "refunds")
Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """How a kind of company is billed: its taxes as percents, and what a person maps them to."""

    profile: str
    currency: str
    taxes: Mapping[str, str]
    mappings: Sequence[tuple[Sequence[str], str]] = ()
    pairs: Mapping[str, str] = field(default_factory=dict)
    customer: Mapping[str, Any] = field(default_factory=dict)
    # The currency and rates of another story told beside the one at home.
    foreign: tuple[str, str, str] | None = None


ARIZONA = {"addresses": {"billing": {"line1": "1 Canyon Rd", "city": "Tucson", "region": "AZ"}}}
CANADIAN: Mapping[str, Any] = {
    "taxes": {"GST": "5", "PST BC": "7"},
    "mappings": ((("GST", "PST BC"), "GST/PST BC"), ((), "Out of Scope")),
}
LANDS = {
    land.profile: land
    for land in (
        Land(profile="us_ast", currency="USD", taxes={"AZ": "9.1"}, customer=ARIZONA),
        Land(
            profile="us_manual",
            currency="USD",
            taxes={"State": "7.1", "City": "2"},
            mappings=((("State", "City"), "Tucson"),),
            pairs={"State": "AZ State tax", "City": "Tucson City"},
            customer=ARIZONA,
        ),
        Land(
            profile="uk",
            currency="GBP",
            taxes={"VAT": "20"},
            mappings=((("VAT",), "20.0% S"), ((), "No VAT")),
            pairs={"VAT": "20.0% S"},
        ),
        Land(profile="ca", currency="CAD", **CANADIAN),
        Land(
            profile="au",
            currency="AUD",
            taxes={"GST": "10"},
            mappings=((("GST",), "GST"), ((), "BAS Excluded")),
            pairs={"GST": "GST (sales)"},
        ),
        Land(
            profile="multicurrency",
            currency="CAD",
            foreign=("EUR", "1.4817", "1.5093"),
            **CANADIAN,
        ),
    )
}


class Story:
    """Tells one of each event; ids begin with *prefix*, documents are in *currency*."""

    def __init__(
        self, told: Told, land: Land, *, prefix: str = "", money: Body, later: Body
    ) -> None:
        self._told, self._land, self._prefix = told, land, prefix
        self._money, self._later = money, later

    def id(self, short: str) -> str:
        return f"{self._prefix}{short}"

    def sums(self, *lines: tuple[str | None, str, bool], gross: bool = False) -> Body:
        """Return lines (price code, net, taxed or not) with their taxes and totals."""
        made, tax_total, total = [], Decimal(0), Decimal(0)
        for place, (code, amount, taxed) in enumerate(lines, start=1):
            net, taxes, contained = Decimal(amount), [], Decimal(0)
            for name, rate in self._land.taxes.items() if taxed else ():
                tax = (net * Decimal(rate) / 100).quantize(CENT, "ROUND_HALF_UP")
                taxes.append({"price_code": name, "rate": rate, "amount": str(tax)})
                contained += tax
            tax_total += contained
            total += net + contained
            shown = str(net + contained) if gross else amount
            line = {"line_id": str(place), "amount": shown, "taxes": taxes}
            made.append(line | ({"price_code": code} if code else {}))
        body: Body = {"lines": made, "tax_total": str(tax_total), "total": str(total)}
        return body | ({"prices_include_tax": True} if gross else {})

    def invoice(self, short: str, sums: Body, **fields: Any) -> None:
        body = {
            "number": f"INV-{self.id(short)}",
            "customer": "c1",
            "invoice_date": DAY,
            "due_date": "2026-03-31",
            "status": "open",
            **self._money,
            **sums,
        }
        self._told.put("invoices", self.id(short), **(body | fields))

    def payment(self, short: str, amount: str, *parts: tuple[str, str], **more: Any) -> None:
        body = {
            "customer": "c1",
            "payment_date": LATER,
            "amount": amount,
            "method": "card",
            "reference": f"ch_{self.id(short)}",
            "allocations": [{"invoice": self.id(i), "amount": part} for i, part in parts],
            "status": "succeeded",
            **self._later,
        }
        self._told.put("payments", self.id(short), **(body | more))

    def credit(
        self, short: str, sums: Body, *parts: tuple[str, str], reason: str = "credit_note"
    ) -> None:
        body = {
            "number": f"CN-{self.id(short)}",
            "customer": "c1",
            "date": LATER,
            "reason": reason,
            "status": "open",
            "applications": [{"invoice": self.id(i), "amount": part} for i, part in parts],
            **self._later,
            **sums,
        }
        self._told.put("credit-notes", self.id(short), **body)

    def refund(self, short: str, amount: str, **fields: Any) -> None:
        body = {"customer": "c1", "date": LATER, "amount": amount}
        self._told.put("refunds", self.id(short), **(body | fields))

    # ------------------------------------------------------------------------- the chapters

    def bill(self) -> None:
        """Everything that is billed, paid and credited before the first export."""
        plan = ("plan", "100.00", True)
        self.invoice("plain", self.sums(plan, ("book", "33.33", False)))
        self.invoice("gross", self.sums(("plan", "57.77", True), gross=True))
        self.invoice("discounted", self.sums(plan, ("off", "-15.01", True)))
        for short in ("edited", "voided", "paid", "held", "part", "second", "credited"):
            self.invoice(short, self.sums(plan))
        self.payment("partial", "40.00", ("part", "40.00"))
        self.payment("several", "150.00", ("paid", "90.00"), ("second", "60.00"))
        self.payment("unapplied", "80.00")
        self.payment("cancelled", "25.00", ("held", "25.00"))
        self.payment("deposited", "10.00", ("held", "10.00"))
        self.credit("applied", self.sums(("plan", "30.00", True)), ("credited", "20.00"))
        house = self.sums((None, "12.00", False))
        self.credit("house", house, ("credited", "12.00"), reason="house_credit")
        written_off = self.sums(("plan", "5.00", True))
        self.credit("off", written_off, ("plain", "5.00"), reason="write_off")
        self.credit("undone", self.sums(("plan", "7.00", True)))
        body = self.sums(("plan", "20.00", True))
        amount = body.pop("total")
        self.refund("own", amount, **self._later, **body)
        self.invoice("negative", self.sums(("plan", "-9.99", True)))
        self.invoice("zero", self.sums(("plan", "0.00", False)))
        self.invoice("closed", self.sums(plan), invoice_date=CLOSED)

    def change(self) -> None:
        """What changes after it: edits, voids, cancellations, money that goes back."""
        dearer = self.sums(("plan", "110.00", True), ("book", "1.00", False))
        self.invoice("edited", dearer)
        self.invoice("paid", self.sums(("plan", "70.00", True)))
        plan = self.sums(("plan", "100.00", True))
        self.invoice("voided", plan, status="void")
        self.invoice("second", plan, status="void")
        self.payment("cancelled", "25.00", ("held", "25.00"), status="cancelled")
        self.payment("deposited", "10.00", ("held", "10.00"), status="cancelled")
        self.payment("several", "150.00", ("paid", "70.00"), ("second", "60.00"))
        self.credit("undone", self.sums(("plan", "8.00", True)))
        self.refund("of_credit", "6.00", credit_note=self.id("applied"))
        self.refund("of_payment", "30.00", payment=self.id("unapplied"))
        self.refund("too_much", "60.00", payment=self.id("unapplied"), date=LAST)
        self.refund("too_much_credit", "11.00", credit_note=self.id("applied"), date=LAST)

    def named_first(self) -> dict[tuple[str, str], str]:
        """What the first export does not post, and says why."""
        return {
            ("invoice", self.id("zero")): "zero_document",
            ("invoice", self.id("closed")): "closed_books",
        }

    def named_second(self) -> dict[tuple[str, str], str]:
        return self.named_first() | {
            ("invoice", self.id("second")): "settled_by_others",
            ("invoice", self.id("paid")): "invoice_settled",
            ("payment", self.id("deposited")): "deposited",
            ("refund", self.id("too_much")): "nothing_left_to_refund",
            ("refund", self.id("too_much_credit")): "nothing_left_to_refund",
            ("application", f"{self.id('too_much_credit')} → {self.id('applied')}"): (
                "refund_not_posted"
            ),
        }


async def opened(shop: Shop, land: Land) -> Told:
    """Set the merchant up as a person would: accounts, items, mappings, customers."""
    merchant, told = shop.merchant, Told(shop.merchant)
    accounts = {
        name: await shop.book_id("accounts", name)
        for name in ("Services", "Bank Charges", "Checking", "Undeposited Funds")
    }
    items = {
        "income_account_id": accounts["Services"],
        "expense_account_id": accounts["Bank Charges"],
        "house_credit_item_id": await shop.book_id("items", "Goodwill"),
    }
    deposit = {"deposit_account_id": accounts["Checking"]}
    await merchant.call("PATCH", "", {"settings": {"items": items, "accounts": deposit}})
    await merchant.call(
        "POST",
        "/payment-method-mappings",
        {"method": "card", "deposit_account_id": accounts["Undeposited Funds"]},
    )
    reasons = {"house_credit": "Goodwill"}
    chosen = {"income_account": "Services", "reason_items": reasons, "rates": dict(land.pairs)}
    told.add("settings", chosen)
    for name, rate in land.taxes.items():
        told.put("taxes", name, price_code=name, name=name, rate=rate)
    await told.push()
    for codes, name in land.mappings:
        pairs = {code: land.pairs.get(code, code) for code in codes}
        await shop.map(codes, name, pairs or None)
    for code, name in (("plan", "Pro plan"), ("book", "E-book"), ("off", "Discount")):
        told.put("charges", code, price_code=code, name=name, kind="recurring")
    customer = dict(land.customer)
    told.put("customers", "c1", display_name="Wile E. Coyote", **customer)
    told.put("customers", "linked", display_name="Acme Rockets", **customer)
    told.put("customers", "held", display_name="Vendor & Sons", **customer)
    told.look()
    return told
