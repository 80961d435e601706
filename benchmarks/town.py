"""What is measured in: stores, a simulated QuickBooks with its limits on, an API, one worker."""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.bootstrap import build
from app.kit.embedded import EmbeddedPostgres, EmbeddedValkey
from app.kit.logging import configure
from app.main import create_app
from app.schema import upgrade
from app.settings import Settings, load_settings
from tests.journeys.world import Merchant, tax_of
from tests.simulator_server import SimulatorServer

ROOT = Path(__file__).resolve().parent.parent
PREFERENCES = {
    "SalesFormsPrefs.CustomTxnNumbers": True,
    "SalesFormsPrefs.AutoApplyCredit": False,
    "SalesFormsPrefs.AutoApplyPayments": False,
}


@dataclass(slots=True)
class WorkerProcess:
    """The measured worker, asked over its standard input."""

    process: asyncio.subprocess.Process

    async def mark(self) -> dict[str, float]:
        """Return what it has used so far."""
        assert self.process.stdin is not None  # noqa: S101
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write(b"mark\n")
        await self.process.stdin.drain()
        return dict(json.loads(await self.process.stdout.readline()))

    async def stop(self) -> None:
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.close()
        await self.process.wait()


@dataclass(slots=True)
class Town:
    """One merchant whose company is set up, and the pace of its clock."""

    merchant: Merchant
    simulator: SimulatorServer
    settings: Settings
    urls: dict[str, str]
    scale: float

    def pace(self, scale: float) -> None:
        """Let simulated time, our windows and our waits run so fast from the next worker on."""
        self.simulator.scale_clock(scale)
        shorter = {"limit_scale": 1 / scale, "wait_scale": 1 / scale}
        self.settings, self.scale = self.settings.model_copy(update=shorter), scale

    @contextlib.asynccontextmanager
    async def worker(self, **order: Any) -> AsyncIterator[WorkerProcess]:
        """Run the measured worker for a while."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.worker",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        kept = self.settings.model_dump(mode="json", exclude={"database_url", "redis_url"})
        line = json.dumps({"settings": kept, **self.urls, **order})
        assert process.stdin is not None  # noqa: S101
        process.stdin.write(line.encode() + b"\n")
        worker = WorkerProcess(process)
        try:
            await worker.mark()
            yield worker
        finally:
            await worker.stop()

    async def push_customers(self, count: int) -> None:
        await self._push(
            "customers",
            [
                {"billing_id": f"b{number}", "display_name": f"Bench {number}", "updated_at": MARCH}
                for number in range(count)
            ],
        )

    async def push_invoices(self, prefix: str, count: int, *, customers: int, day: str) -> None:
        """Push invoices of three lines, taxed by one or two taxes, over the customers in turn."""
        rows = [_invoice(prefix, number, customers, day) for number in range(count)]
        await self._push("invoices", rows)

    async def _push(self, resource: str, rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), 1000):
            lines = "".join(json.dumps(row) + "\n" for row in rows[start : start + 1000])
            answer = await self.merchant.http.post(
                f"/v1/integrations/{self.merchant.integration_id}/billing/{resource}/batch",
                content=lines.encode(),
                headers={"Content-Type": "application/x-ndjson"},
            )
            counts = json.loads(answer.text.splitlines()[-1])["counts"]
            if counts["refused"]:
                raise RuntimeError(answer.text[:500])


MARCH = "2026-03-01T00:00:00Z"


def _invoice(prefix: str, number: int, customers: int, day: str) -> dict[str, Any]:
    nets = [f"{10 + number % 90}.10", f"{5 + number % 7}.25", "20.00"]
    lines: list[dict[str, Any]] = []
    tax_total = Decimal("0.00")
    for place, net in enumerate(nets):
        taxes = []
        for code, rate in (("GST", "5"), ("PST BC", "7"))[: 2 - place % 2]:
            amount = tax_of(Decimal(net), rate)
            tax_total += amount
            taxes.append({"price_code": code, "rate": rate, "amount": str(amount)})
        lines.append(
            {
                "line_id": str(place + 1),
                "price_code": "plan",
                "description": f"Pro plan, part {place + 1}",
                "amount": net,
                "taxes": taxes,
            }
        )
    total = sum((Decimal(net) for net in nets), tax_total)
    return {
        "billing_id": f"{prefix}{number}",
        "updated_at": MARCH,
        "number": f"{prefix.upper()}-{number}",
        "customer": f"b{number % customers}",
        "invoice_date": day,
        "due_date": "2026-03-31",
        "currency": "CAD",
        "lines": lines,
        "tax_total": str(tax_total),
        "total": str(total),
        "status": "open",
    }


@contextlib.asynccontextmanager
async def town(scale: float, **switches: Any) -> AsyncIterator[Town]:
    """
    Build everything on fresh stores; QuickBooks' limits are on, *scale* times as fast.

    Our own windows and waits shrink by the same factor, so that the proportions are those of real
    time.
    """
    configure(level="WARNING")
    switch = {"access_token_seconds": 1_000_000, "log_bodies": False, **switches}
    with (
        tempfile.TemporaryDirectory(prefix="ledgerwire-bench-") as folder,
        SimulatorServer(profile="ca", clock_scale=scale, switch=switch) as simulator,
        contextlib.ExitStack() as stack,
    ):
        urls = {}
        for name, server in (
            ("database_url", EmbeddedPostgres(Path(folder) / "postgres")),
            ("redis_url", EmbeddedValkey(Path(folder) / "valkey")),
        ):
            urls[name] = server.start()
            stack.callback(server.stop)
        await asyncio.to_thread(upgrade, urls["database_url"])
        settings = _settings(Path(folder), simulator, scale)
        simulator.preferences(PREFERENCES)
        simulator.control.put(
            "/redirect-uris", json={"redirect_uris": [settings.callback_url]}
        ).raise_for_status()
        collaborators = build(settings, **urls)
        headers = {"Authorization": f"Bearer {settings.operator_key}"}
        merchant = Merchant(create_app(collaborators), simulator, headers)
        try:
            yield Town(merchant, simulator, settings, urls, scale)
        finally:
            await merchant.http.aclose()
            await collaborators.close()


def _settings(folder: Path, simulator: SimulatorServer, scale: float) -> Settings:
    return load_settings(
        _env_file=None,
        data_dir=folder / "data",
        public_url="http://127.0.0.1:8400",
        quickbooks_client_id=simulator.client_id,
        quickbooks_client_secret=simulator.client_secret,
        quickbooks_discovery_url=simulator.discovery_url,
        quickbooks_api_url=simulator.api_url,
        limit_scale=1 / scale,
        wait_scale=1 / scale,
    )
