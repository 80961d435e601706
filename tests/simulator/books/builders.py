"""Short ways to make what a test about the books is not about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from simulator.books.company import Company
from simulator.profiles import PROFILES

START = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


class Ticking:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class Bench:
    """A company with one customer and one item, and hands to use it."""

    def __init__(self, profile: str = "ca", *, auto_apply: bool = False) -> None:
        self.clock = Ticking()
        self.company = Company(
            realm_id="9130", profile=replace(PROFILES[profile]), clock=self.clock
        )
        if not auto_apply:
            self.company.set_preference("SalesFormsPrefs.AutoApplyCredit", False)
            self.company.set_preference("SalesFormsPrefs.AutoApplyPayments", False)
        self.accounts = {row["Name"]: row["Id"] for row in self.company.rows("Account")}
        self.codes = {row["Name"]: row["Id"] for row in self.company.rows("TaxCode")}
        self.rates = {row["Name"]: row["Id"] for row in self.company.rows("TaxRate")}
        self.item = self.company.create("Item", self.item_body("Pro plan"))["Id"]
        self.customer = self.new("Customer", DisplayName="Acme Rockets")["Id"]

    @property
    def plain_code(self) -> str | None:
        """A line code that brings no tax."""
        return self.codes.get("Out of Scope") or self.codes.get("No VAT") or "NON"

    def item_body(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "Name": name,
            "Type": "Service",
            "IncomeAccountRef": {"value": self.accounts["Services"]},
            "ExpenseAccountRef": {"value": self.accounts["Cost of Goods Sold"]},
            **more,
        }

    def new(self, entity: str, **body: Any) -> dict[str, Any]:
        return self.company.create(entity, body)

    def change(self, entity: str, row: dict[str, Any], **body: Any) -> dict[str, Any]:
        """A sparse update of *row* as it stands."""
        return self.company.update(entity, {**self.at(entity, row), "sparse": True, **body})

    def at(self, entity: str, row: dict[str, Any]) -> dict[str, Any]:
        """Id and present SyncToken."""
        present = self.company.get(entity, row["Id"])
        return {"Id": present["Id"], "SyncToken": present["SyncToken"]}

    def see(self, entity: str, row: dict[str, Any]) -> dict[str, Any]:
        return self.company.get(entity, row["Id"])

    def line(self, amount: str = "100.00", code: str | None = "-", **detail: Any) -> dict[str, Any]:
        inner: dict[str, Any] = {"ItemRef": {"value": self.item}, **detail}
        code_id = self.plain_code if code == "-" else self.codes.get(code or "", code)
        if code_id is not None:
            inner["TaxCodeRef"] = {"value": code_id}
        return {
            "Amount": Decimal(amount),
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": inner,
        }

    def sale(self, *lines: dict[str, Any], entity: str = "Invoice", **more: Any) -> dict[str, Any]:
        body = {
            "CustomerRef": {"value": self.customer},
            "TxnDate": "2026-03-01",
            "Line": list(lines) or [self.line()],
            **more,
        }
        return self.company.create(entity, body)

    def pay(self, amount: str, *links: tuple[dict[str, Any], str], **more: Any) -> dict[str, Any]:
        """A payment; each link is a document with the amount applied to it."""
        body = {
            "CustomerRef": {"value": self.customer},
            "TotalAmt": Decimal(amount),
            "TxnDate": "2026-03-02",
            "Line": [self.link(row, part) for row, part in links],
            **more,
        }
        return self.company.create("Payment", body)

    @staticmethod
    def link(row: dict[str, Any], amount: str) -> dict[str, Any]:
        kind = "CreditMemo" if "RemainingCredit" in row else "Invoice"
        linked = [{"TxnId": row["Id"], "TxnType": kind}]
        return {"Amount": Decimal(amount), "LinkedTxn": linked}

    def out_of_balance(self) -> Decimal:
        return sum(self.company.trial_balance().values(), Decimal(0))
