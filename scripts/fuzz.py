"""
A long schemathesis run over the running service: ``python scripts/fuzz.py [SECONDS]``.

A simulator and `ledgerwire serve` are started on free ports with a fresh data folder, a merchant
signs up, connects and imports, and then every operation is called with what the API's description
allows and with what it forbids. Ends with exit code 1 if schemathesis found anything.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI

from tests.journeys.world import Merchant
from tests.simulator_server import SimulatorServer

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
SECONDS = 1200
START_SECONDS = 120.0
# Where a check expects something else here than anywhere, as schemathesis' own settings.
# - A schema cannot say that lines add up, that a mapping's target was imported, which texts are
#   cursors and which characters turn the reading direction: what it allows may still be 422.
# - Each record of a batch stands alone: a bad one is refused in an answer that is 200.
# - A record may be called "batch": its GET and PUT share the address with the batch's POST.
PECULIAR = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422"]

[[operations]]
include-path-regex = "/batch$"
checks.negative_data_rejection.expected-statuses = ["200", "4xx"]
checks.unsupported_method.enabled = false
checks.allow_header_conformance.enabled = false

"""
# What ends an integration or a key has others than those that the rest of the run needs.
ENDING = ("disconnect", "delete_integration")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2)  # noqa: S310 - our own address
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"{url} does not answer.")


@dataclass(frozen=True, slots=True)
class Ids:
    """What exists, so that calls come through to something; *spare* ones may come to an end."""

    integration: str
    organization: str
    job: str
    record: str
    spare_integration: str
    spare_organization: str


def configuration(ids: Ids, operator_key: str) -> str:
    """Return schemathesis' settings."""
    known = {
        "integration_id": ids.integration,
        "organization_id": ids.organization,
        "job_id": ids.job,
        "record_id": ids.record,
    }
    parts = ["[parameters]", *(f'"path.{name}" = "{value}"' for name, value in known.items())]
    parts.append(PECULIAR)
    for name in ENDING:
        parts += ["[[operations]]", f'include-operation-id = "{name}"', "[operations.parameters]"]
        parts += [f'"path.integration_id" = "{ids.spare_integration}"', ""]
    parts += ["[[operations]]", 'include-tag = "Organizations"']
    parts += [f'headers = {{ Authorization = "Bearer {operator_key}" }}', "[operations.parameters]"]
    parts += [f'"path.organization_id" = "{ids.spare_organization}"']
    return "\n".join(parts) + "\n"


def run(url: str, folder: Path, key: str, seconds: int) -> int:
    command = [
        str(SCHEMATHESIS),
        *("--config-file", str(folder / "schemathesis.toml")),
        *("run", f"{url}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}"),
        *("--max-time", str(seconds), "--workers", "2"),
        *("--continue-on-failure", "--request-timeout", "90", "--seed", "1"),
    ]
    return subprocess.run(command, cwd=folder, check=False).returncode


def main(seconds: int) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="ledgerwire-fuzz-") as name,
        SimulatorServer(
            profile="ca", customers=30, items=8, switch={"throttle": False}
        ) as simulator,
    ):
        folder, port = Path(name), free_port()
        url = f"http://127.0.0.1:{port}"
        settings = {
            "DATA_DIR": str(folder / "data"),
            "PUBLIC_URL": url,
            "QUICKBOOKS_CLIENT_ID": simulator.client_id,
            "QUICKBOOKS_CLIENT_SECRET": simulator.client_secret,
            "QUICKBOOKS_DISCOVERY_URL": simulator.discovery_url,
            "QUICKBOOKS_API_URL": simulator.api_url,
            "LIMIT_API_PER_KEY": "1000000",
            "LIMIT_API_PER_ORGANIZATION": "1000000",
            "PYTHONPATH": os.getcwd(),
        }
        simulator.control.put(
            "/redirect-uris", json={"redirect_uris": [f"{url}/v1/oauth/quickbooks/callback"]}
        ).raise_for_status()
        with (folder / "serve.log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve", "--port", str(port)],
                env={**os.environ, **settings},
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        try:
            await_answer(f"{url}/readyz", server)
            kept = json.loads((folder / "data" / "secrets.json").read_text())
            operator_key = kept["operator_key"]
            ids, merchant = asyncio.run(prepared(url, simulator, operator_key))
            (folder / "schemathesis.toml").write_text(configuration(ids, operator_key))
            key = merchant.http.headers["Authorization"].removeprefix("Bearer ")
            code = run(url, folder, key, seconds)
        finally:
            server.terminate()
            server.wait(160)
        failures = re.findall(r"request_failed.*", (folder / "serve.log").read_text())
        print(f"The service logged {len(failures)} failed requests.")
        for line in failures[:20]:
            print(line)
        return code or bool(failures)


async def prepared(url: str, simulator: SimulatorServer, operator_key: str) -> tuple[Ids, Merchant]:
    """Return a merchant with a job behind them, and what there is of theirs."""
    operator = {"Authorization": f"Bearer {operator_key}"}
    merchant = Merchant(FastAPI(), simulator, operator)
    await merchant.http.aclose()
    merchant.http = httpx.AsyncClient(base_url=url, timeout=120)
    await merchant.set_up()
    await merchant.invoice("i1")
    job = await merchant.exported("customers", "items", "invoices")
    records = await merchant.records(job)
    spare = await merchant.http.post(
        "/v1/integrations",
        json={"name": "b", "provider": "quickbooks_online", "mode": "full_synchronization"},
    )
    other = await merchant.http.post("/v1/organizations", json={"name": "b"}, headers=operator)
    await merchant.http.aclose()
    ids = Ids(
        integration=merchant.integration_id,
        organization=merchant.organization_id,
        job=job["id"],
        record=records[0]["id"],
        spare_integration=spare.json()["id"],
        spare_organization=other.json()["id"],
    )
    return ids, merchant


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
