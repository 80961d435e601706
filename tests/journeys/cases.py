"""
One bookkeeper's case within a shared world: its own customer, day and ids, its own wire log.

Setting a merchant up takes seconds, so a module shares one. Each case writes on a day of its own,
exports that day only, and sees only the calls made since it began.
"""

import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from fastapi import FastAPI

from tests.journeys.world import Merchant
from tests.simulator_server import SimulatorServer

WRITES = {"create", "update", "void", "delete", "batch"}
FIRST_DAY = date(2026, 2, 1)
_realms = itertools.count(9_130_000_000_000_001)
SETTLED = ("invoices", "payments", "credits")


class Case:
    """What one test does with the shared merchant; ids are given short and kept apart."""

    def __init__(self, merchant: Merchant, number: int) -> None:
        self.merchant = merchant
        self.number = number
        self.day = (FIRST_DAY + timedelta(days=number)).isoformat()
        self.customer = self.id("c")
        log = merchant.simulator.requests()
        self._began = log[-1]["number"] if log else 0

    def id(self, short: str) -> str:
        """The billing id, unique in the shared world."""
        return f"{self.number:02d}-{short}"

    async def with_customer(self, **fields: Any) -> "Case":
        name = f"Customer of case {self.number}"
        await self.merchant.put("customers", self.customer, **({"display_name": name} | fields))
        return self

    # ------------------------------------------------------------------ what billing says

    async def invoice(self, short: str, amount: str = "100.00", **fields: Any) -> None:
        chosen = {"customer": self.customer, "invoice_date": self.day, "due_date": None} | fields
        await self.merchant.invoice(self.id(short), amount, **chosen)

    async def payment(
        self, short: str, amount: str, allocations: dict[str, str], **fields: Any
    ) -> None:
        chosen = {"customer": self.customer, "payment_date": self.day} | fields
        apart = {self.id(invoice): part for invoice, part in allocations.items()}
        await self.merchant.payment(self.id(short), amount, apart, **chosen)

    async def credit(
        self, short: str, amount: str, applications: dict[str, str], **fields: Any
    ) -> None:
        chosen = {"customer": self.customer, "date": self.day} | fields
        apart = {self.id(invoice): part for invoice, part in applications.items()}
        await self.merchant.credit(self.id(short), amount, apart, **chosen)

    async def billed(self, resource: str, short: str) -> dict[str, Any]:
        """The billing record as the API shows it."""
        return dict(await self.merchant.call("GET", f"/billing/{resource}/{self.id(short)}"))

    # ------------------------------------------------------------------ jobs and records

    async def export(self, *resources: str, **options: Any) -> dict[str, Any]:
        """Export this case's day."""
        days = {"date_from": self.day, "date_to": self.day} | options
        return await self.merchant.exported(*(resources or SETTLED), **days)

    async def record(self, job: dict[str, Any], short: str, kind: str = "") -> dict[str, Any]:
        """The one record of that billing id in the job."""
        wanted = self.id(short) if short else self.customer
        found = [
            row
            for row in await self.merchant.records(job, **({"kind": kind} if kind else {}))
            if row["billing_id"] == wanted
        ]
        assert len(found) == 1, found
        return found[0]

    async def retry(self, record: dict[str, Any], **decision: Any) -> dict[str, Any]:
        """Retry one record and wait for the end."""
        path = f"/sync-jobs/{record['job_id']}/records/{record['id']}/retry"
        begun = await self.merchant.call("POST", path, decision or None)
        return await self.merchant.ended(begun["id"])

    # ------------------------------------------------------------------ the wire and the books

    def calls(self) -> list[dict[str, Any]]:
        """Every call to the company since the case began."""
        return self.merchant.simulator.requests(realm_id=self.merchant.realm_id, after=self._began)

    def writes(self, entity: str = "") -> list[dict[str, Any]]:
        """Every write since the case began, its body read."""
        return [
            {**call, "sent": json.loads(call["body"], parse_float=Decimal)}
            for call in self.calls()
            if call["operation"] in WRITES
            and (not entity or (call["entity"] or "").casefold() == entity.casefold())
        ]

    def mark(self) -> None:
        """Look at the wire from here on."""
        calls = self.calls()
        self._began = calls[-1]["number"] if calls else self._began

    def document(self, entity: str, short: str) -> dict[str, Any]:
        """The document of that number as it stands in the books."""
        prefix = {"Invoice": "INV-", "CreditMemo": "CN-", "Payment": "ch_"}[entity]
        field = "PaymentRefNum" if entity == "Payment" else "DocNumber"
        wanted = prefix + self.id(short)
        found = [
            row
            for row in self.merchant.simulator.documents(entity, self.merchant.realm_id)
            if row.get(field) == wanted
        ]
        assert len(found) == 1, (wanted, found)
        return found[0]

    def edit(self, operation: str, entity: str, body: dict[str, Any]) -> Any:
        """Change the books behind the app's back."""
        return self.merchant.simulator.edit(operation, entity, body, self.merchant.realm_id)


def key_of(document: dict[str, Any]) -> dict[str, Any]:
    """What a person's edit in the books is addressed by."""
    return {"Id": document["Id"], "SyncToken": document["SyncToken"]}


def refs_of(document: dict[str, Any]) -> list[tuple[str, str, Decimal]]:
    """What a payment settles: type, id and amount of each link, sorted."""
    return sorted(
        (link["TxnType"], link["TxnId"], Decimal(line["Amount"]))
        for line in document["Line"]
        for link in line.get("LinkedTxn", ())
    )


class Town(Merchant):
    """The shared merchant, and others beside it in the same installation."""

    def __init__(
        self, app: FastAPI, simulator: SimulatorServer, operator_headers: dict[str, str]
    ) -> None:
        super().__init__(app, simulator, operator_headers)
        self.app = app

    @contextlib.asynccontextmanager
    async def neighbour(self, *, connected: bool = True, **company: Any) -> AsyncIterator[Merchant]:
        """Another organization with a company of its own; *company* is how it is founded."""
        realm_id = str(next(_realms))
        self.simulator.add_company(realm_id, **({"profile": "ca"} | company))
        other = Merchant(self.app, self.simulator, self.operator_headers)
        await other.sign_up(realm_id=realm_id)
        if connected:
            told = await other.connect()
            assert told["status"] == "connected", told
        yield other
        await other.http.aclose()
