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
from pathlib import Path

import httpx
from fastapi import FastAPI

from tests.journeys.world import Merchant
from tests.simulator_server import SimulatorServer

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
SECONDS = 1200
START_SECONDS = 120.0
# What the checks are not to look for, as schemathesis' own settings.
# - A schema cannot say that lines add up or that a mapping's target was imported: what it allows
#   may still be refused.
# - Each record of a batch stands alone: a bad one is refused in an answer that is 200.
# - What is no method of …/suggest and …/batch is one of …/{mapping_id} and …/{billing_id}.
PECULIAR = """
[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-path-regex = "/(batch|suggest)$"
checks.negative_data_rejection.enabled = false
checks.unsupported_method.enabled = false
checks.allow_header_conformance.enabled = false
"""
# A merchant's connection must outlive the run.
KEPT = ("disconnect", "delete_integration")


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


def configuration(merchant: Merchant, record_id: str, job_id: str) -> str:
    """Return schemathesis' settings: ids that exist, so that calls come through to something."""
    known = {
        "integration_id": merchant.integration_id,
        "organization_id": merchant.organization_id,
        "job_id": job_id,
        "record_id": record_id,
    }
    ids = "[parameters]\n" + "".join(f'"path.{name}" = "{v}"\n' for name, v in known.items())
    return ids + PECULIAR


def run(url: str, folder: Path, key: str, seconds: int) -> int:
    command = [
        str(SCHEMATHESIS),
        *("--config-file", str(folder / "schemathesis.toml")),
        *("run", f"{url}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}"),
        *("--exclude-tag", "Organizations", "--max-time", str(seconds), "--workers", "2"),
        *("--continue-on-failure", "--request-timeout", "90", "--seed", "1"),
    ]
    for name in KEPT:
        command += ["--exclude-operation-id", name]
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
            job, merchant = asyncio.run(prepared(url, simulator, kept["operator_key"]))
            (folder / "schemathesis.toml").write_text(configuration(merchant, *job))
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


async def prepared(
    url: str, simulator: SimulatorServer, operator_key: str
) -> tuple[tuple[str, str], Merchant]:
    """Return the ids of a record and its job, and the merchant whose they are."""
    merchant = Merchant(FastAPI(), simulator, {"Authorization": f"Bearer {operator_key}"})
    await merchant.http.aclose()
    merchant.http = httpx.AsyncClient(base_url=url, timeout=120)
    await merchant.set_up()
    await merchant.invoice("i1")
    job = await merchant.exported("customers", "items", "invoices")
    records = await merchant.records(job)
    await merchant.http.aclose()
    return (records[0]["id"], job["id"]), merchant


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
