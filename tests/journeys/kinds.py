"""Companies of every kind beside the shared town: opened, mapped and billed in few words."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.journeys.cases import Town
from tests.journeys.conftest import PREFERENCES
from tests.journeys.world import Merchant

# A line: what is sold, for how much, and its taxes as (rate, amount) by price code.
Line = tuple[str, str, Mapping[str, tuple[str, str | None]]]
DAY = "2026-03-01"
RESOURCES = ("invoices", "payments", "credits")


class Shop:
    """A merchant whose company is of one kind; customer `c1`, charges `plan` and `book`."""

    def __init__(self, merchant: Merchant, currency: str) -> None:
        self.merchant, self.currency = merchant, currency
        self.simulator, self.realm_id = merchant.simulator, merchant.realm_id

    async def open(self, **customer: Any) -> None:
        await self.merchant.imported("customers", "items", "accounts")
        await self.merchant.use_accounts()
        for code, name in (("plan", "Pro plan"), ("book", "E-book")):
            charge = {"price_code": code, "name": name, "kind": "recurring"}
            await self.merchant.put("charges", code, **charge)
        await self.merchant.put("customers", "c1", display_name="Wile E. Coyote", **customer)

    async def taxes(self, **rates: str) -> None:
        """Declare taxes, percent by price code (an underscore stands for a space)."""
        for name, rate in rates.items():
            code = name.replace("_", " ")
            await self.merchant.put("taxes", code, price_code=code, name=code, rate=rate)

    async def map(
        self, price_codes: Sequence[str], tax_code: str, pairs: Mapping[str, str] | None = None
    ) -> None:
        """Map a set of price codes to a tax code by name; *pairs* name the rates."""
        body: dict[str, Any] = {
            "price_codes": list(price_codes),
            "tax_code_id": await self.book_id("tax-codes", tax_code),
        }
        if pairs is not None:
            body["pairs"] = [
                {"price_code": code, "rate_id": await self.book_id("tax-rates", name)}
                for code, name in pairs.items()
            ]
        await self.merchant.call("POST", "/tax-mappings", body)

    async def book_id(self, resource: str, name: str) -> str:
        rows = await self.merchant.call("GET", f"/books/{resource}", params={"limit": 200})
        return next(str(row["external_id"]) for row in rows["data"] if row["name"] == name)

    async def invoice(
        self, id_: str, lines: Sequence[Line], total: str, tax: str, /, **fields: Any
    ) -> None:
        body = {
            "number": f"INV-{id_}",
            "customer": "c1",
            "invoice_date": DAY,
            "currency": self.currency,
            "lines": lines_of(lines),
            "tax_total": tax,
            "total": total,
        }
        await self.merchant.put("invoices", id_, **(body | fields))

    async def credit(
        self, id_: str, lines: Sequence[Line], total: str, tax: str, /, **fields: Any
    ) -> None:
        body = {
            "number": f"CN-{id_}",
            "customer": "c1",
            "date": DAY,
            "reason": "credit_note",
            "currency": self.currency,
            "lines": lines_of(lines),
            "tax_total": tax,
            "total": total,
        }
        await self.merchant.put("credit-notes", id_, **(body | fields))

    async def payment(
        self, id_: str, amount: str, allocations: Mapping[str, str], **fields: Any
    ) -> None:
        chosen = {"currency": self.currency, "payment_date": DAY} | fields
        await self.merchant.payment(id_, amount, dict(allocations), **chosen)

    async def export(self, *resources: str) -> dict[str, Any]:
        return await self.merchant.exported(*(resources or RESOURCES))

    async def record(self, job: dict[str, Any], id_: str, kind: str = "invoice") -> dict[str, Any]:
        rows = await self.merchant.records(job, kind=kind)
        [found] = [row for row in rows if row["billing_id"] == id_]
        return found

    def document(self, id_: str, entity: str = "Invoice") -> dict[str, Any]:
        prefix = {"Invoice": "INV-", "CreditMemo": "CN-"}[entity]
        rows = self.simulator.documents(entity, self.realm_id)
        [found] = [row for row in rows if row.get("DocNumber") == f"{prefix}{id_}"]
        return found

    def sent(self, id_: str, entity: str = "invoice") -> dict[str, Any]:
        """The last body that went out for a document."""
        bodies = [
            json.loads(call["body"], parse_float=Decimal)
            for call in self.simulator.requests(realm_id=self.realm_id)
            if call["operation"] in {"create", "update"}
            and (call["entity"] or "").lower() == entity
        ]
        return [body for body in bodies if str(body.get("DocNumber", "")).endswith(f"-{id_}")][-1]

    def balanced(self) -> bool:
        return bool(self.simulator.trial_balance(self.realm_id)["sum"] == 0)


def lines_of(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [
        {
            "line_id": str(place),
            "price_code": code,
            "amount": amount,
            "taxes": [
                {"price_code": tax, "rate": rate} | ({"amount": part} if part is not None else {})
                for tax, (rate, part) in taxes.items()
            ],
        }
        for place, (code, amount, taxes) in enumerate(lines, start=1)
    ]


def codes_of(document: Mapping[str, Any]) -> list[str]:
    """The tax codes on a document's sales lines."""
    return [
        line["SalesItemLineDetail"]["TaxCodeRef"]["value"]
        for line in document["Line"]
        if "SalesItemLineDetail" in line
    ]


@contextlib.asynccontextmanager
async def shop(
    town: Town,
    profile: str,
    currency: str,
    *,
    preferences: Mapping[str, Any] | None = None,
    **customer: Any,
) -> AsyncIterator[Shop]:
    """A merchant with a connected company of that profile, its lists imported."""
    async with town.neighbour(connected=False, profile=profile) as merchant:
        merchant.simulator.preferences(PREFERENCES | dict(preferences or {}), merchant.realm_id)
        told = await merchant.connect()
        assert told["status"] == "connected", told
        made = Shop(merchant, currency)
        await made.open(**customer)
        yield made
