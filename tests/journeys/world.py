"""A merchant's whole world: our API, a worker, and the simulator, walked through HTTP only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from app.bootstrap import Collaborators
from app.jobs.runner import Runner
from app.kit.db import Database
from app.working import build_runner
from tests.simulator_server import SimulatorServer

RETURN_URL = "http://localhost:9999/done"


class Refused(AssertionError):
    """The API answered with a problem; *problem* is its document."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.request.method} {response.url}: {response.text}")
        self.status = response.status_code
        self.problem = response.json()


class Merchant:
    """One organization's client: what a billing system does, in few words."""

    def __init__(
        self, app: FastAPI, simulator: SimulatorServer, operator_headers: dict[str, str]
    ) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8400"
        )
        self.db: Database = app.state.db
        self.simulator = simulator
        self.operator_headers = operator_headers
        self.realm_id = simulator.realm_id
        self.integration_id = ""
        self.organization_id = ""
        self.updated = 0

    async def looked_just_now(self) -> None:
        """Let the company count as read before the next export, whatever changes meanwhile."""
        async with self.db.transaction(UUID(self.organization_id)) as session:
            await session.execute(
                text("UPDATE companies SET profile_read_at = clock_timestamp() + interval '1 hour'")
            )

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Call below the integration; a problem raises `Refused`."""
        url = path if path.startswith("/v1") else f"/v1/integrations/{self.integration_id}{path}"
        response = await self.http.request(method, url, json=body, **options)
        if response.is_error:
            raise Refused(response)
        return response.json() if response.content else None

    async def sign_up(self, *, realm_id: str | None = None, **integration: Any) -> None:
        """Become an organization with a key and an integration."""
        self.realm_id = realm_id or self.realm_id
        made = await self.http.post(
            "/v1/organizations", json={"name": "Maple Books"}, headers=self.operator_headers
        )
        self.organization_id = made.json()["id"]
        key = await self.http.post(
            f"/v1/organizations/{self.organization_id}/api-keys",
            json={"name": "tests", "scopes": ["admin"]},
            headers=self.operator_headers,
        )
        self.http.headers["Authorization"] = f"Bearer {key.json()['key']}"
        answer = await self.call(
            "POST",
            "/v1/integrations",
            {
                "name": "QuickBooks",
                "provider": "quickbooks_online",
                "mode": "full_synchronization",
                "allowed_return_urls": [RETURN_URL],
                **integration,
            },
        )
        self.integration_id = answer["id"]

    async def connect(self, *, realm_id: str | None = None) -> dict[str, str]:
        """Walk the redirect chain; return what the billing system is told."""
        begun = await self.call("POST", "/connect", {"return_url": RETURN_URL})
        page = await self.http.get(begun["authorization_url"])
        form = page.text.split('name="form" value="')[1].split('"')[0]
        left = await self.http.post(begun["authorization_url"], data={"form": form})
        assert left.status_code == 303, left.text
        back = self.simulator.authorize(
            left.headers["location"], decision="connect", realm_id=realm_id or self.realm_id
        )
        landed = await self.http.get(back)
        assert landed.status_code == 302, landed.text
        return dict(parse_qsl(urlsplit(landed.headers["location"]).query))

    async def job(self, **request: Any) -> dict[str, Any]:
        """Start a job and wait for its end."""
        started = await self.call("POST", "/sync-jobs", request)
        return await self.ended(started["id"])

    async def ended(self, job_id: str, *, seconds: int = 60) -> dict[str, Any]:
        for _ in range(max(seconds // 10, 1)):
            job = await self.call("GET", f"/sync-jobs/{job_id}", params={"wait": 10})
            if job["finished_at"]:
                return dict(job)
        raise AssertionError(f"job did not end: {job}")

    async def settled(self, job: dict[str, Any], *, seconds: int = 60) -> dict[str, Any]:
        """Wait until nothing of an ended job is unknown or parked any more."""
        for _ in range(seconds * 4):
            shown = await self.call("GET", f"/sync-jobs/{job['id']}")
            if not (shown["counts"].get("unknown") or shown["counts"].get("parked")):
                return dict(shown)
            await asyncio.sleep(0.25)
        raise AssertionError(f"job did not settle: {shown['counts']}")

    async def imported(self, *resources: str) -> dict[str, Any]:
        return await self.job(direction="import", resources=list(resources))

    async def exported(self, *resources: str, **options: Any) -> dict[str, Any]:
        options = {"date_from": "2026-01-01", "date_to": "2026-12-31"} | options
        wanted = list(resources) or ["customers", "items", "invoices", "payments", "credits"]
        return await self.job(direction="export", resources=wanted, **options)

    async def records(self, job: dict[str, Any], **filters: Any) -> list[dict[str, Any]]:
        found = await self.call(
            "GET", f"/sync-jobs/{job['id']}/records", params={"limit": 200, **filters}
        )
        return list(found["data"])

    async def put(self, resource: str, billing_id: str, /, **fields: Any) -> dict[str, Any]:
        """Upsert a billing record, newer than every one before."""
        self.updated += 1
        stamp = f"2026-03-01T00:{self.updated // 60:02d}:{self.updated % 60:02d}Z"
        body = {"updated_at": stamp, **fields}
        return dict(await self.call("PUT", f"/billing/{resource}/{billing_id}", body))

    async def set_up(self) -> None:
        """Sign up, connect, import, map the Canadian taxes; charges `plan` and customer `c1`."""
        await self.sign_up()
        told = await self.connect()
        assert told["status"] == "connected", told
        await self.imported("customers", "items", "accounts")
        await self.use_accounts()
        for code, rate in (("GST", "5"), ("PST BC", "7")):
            await self.put("taxes", code, price_code=code, name=code, rate=rate)
        await self.put("charges", "plan", price_code="plan", name="Pro plan", kind="recurring")
        await self.put("customers", "c1", display_name="Acme Rockets", created_date="2026-01-15")
        await self.map_taxes()

    async def use_accounts(self) -> None:
        """Let new items use the books' first income and expense accounts."""
        accounts = (await self.call("GET", "/books/accounts", params={"limit": 200}))["data"]
        income = next(row for row in accounts if row["type"] == "Income")
        expense = next(row for row in accounts if row["type"] == "Expense")
        settings = {
            "items": {
                "income_account_id": income["external_id"],
                "expense_account_id": expense["external_id"],
            }
        }
        await self.call("PATCH", "", {"settings": settings})

    async def map_taxes(self) -> None:
        """Confirm GST, PST BC, their group, and the code for untaxed lines."""
        codes = (await self.call("GET", "/books/tax-codes", params={"limit": 200}))["data"]
        by_name = {row["name"]: row["external_id"] for row in codes}
        for price_codes, name in (
            (["GST"], "GST"),
            (["PST BC"], "PST BC"),
            (["GST", "PST BC"], "GST/PST BC"),
            ([], "Out of Scope"),
        ):
            await self.call(
                "POST",
                "/tax-mappings",
                {"price_codes": price_codes, "tax_code_id": by_name[name]},
            )

    async def invoice(self, billing_id: str, amount: str = "100.00", **fields: Any) -> None:
        """Push an invoice with one line, taxed with GST and PST BC unless said otherwise."""
        net = Decimal(amount)
        gst, pst = tax_of(net, "5"), tax_of(net, "7")
        line = {
            "line_id": "1",
            "price_code": "plan",
            "description": "Pro plan",
            "amount": amount,
            "taxes": [
                {"price_code": "GST", "rate": "5", "amount": str(gst)},
                {"price_code": "PST BC", "rate": "7", "amount": str(pst)},
            ],
        }
        body = {
            "number": f"INV-{billing_id}",
            "customer": "c1",
            "invoice_date": "2026-03-01",
            "due_date": "2026-03-31",
            "currency": "CAD",
            "lines": [line],
            "tax_total": str(gst + pst),
            "total": str(net + gst + pst),
            "status": "open",
        }
        await self.put("invoices", billing_id, **(body | fields))

    async def payment(
        self, billing_id: str, amount: str, allocations: dict[str, str], **fields: Any
    ) -> None:
        body = {
            "customer": "c1",
            "payment_date": "2026-03-10",
            "amount": amount,
            "currency": "CAD",
            "method": "card",
            "reference": f"ch_{billing_id}",
            "allocations": [{"invoice": i, "amount": a} for i, a in allocations.items()],
            "status": "succeeded",
        }
        await self.put("payments", billing_id, **(body | fields))

    async def credit(
        self, billing_id: str, amount: str, applications: dict[str, str], **fields: Any
    ) -> None:
        """Push an untaxed credit note."""
        body = {
            "number": f"CN-{billing_id}",
            "customer": "c1",
            "date": "2026-03-05",
            "reason": "credit_note",
            "currency": "CAD",
            "lines": [{"line_id": "1", "price_code": "plan", "amount": amount}],
            "tax_total": "0.00",
            "total": amount,
            "applications": [{"invoice": i, "amount": a} for i, a in applications.items()],
        }
        await self.put("credit-notes", billing_id, **(body | fields))

    def documents(self, entity: str) -> list[dict[str, Any]]:
        """The books' documents of ours: those with a marker."""
        return [
            row
            for row in self.simulator.documents(entity, self.realm_id)
            if "[lw:" in str(row.get("PrivateNote", "")) + str(row.get("Notes", ""))
        ]


def tax_of(net: Decimal, percent: str) -> Decimal:
    return (net * Decimal(percent) / 100).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


@contextlib.asynccontextmanager
async def working(collaborators: Collaborators, name: str = "w1") -> AsyncIterator[Runner]:
    """Run a worker's loop in this process for a while."""
    runner = build_runner(collaborators, name)
    # Nobody takes over here, so a busy machine may be late with a heartbeat.
    runner.waits = replace(runner.waits, lease=30.0, heartbeat=1.0)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        runner.stop()
        await task
