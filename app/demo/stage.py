"""The stage: real stores, the simulated QuickBooks, API and worker, all processes of their own."""

import importlib.util
import json
import secrets
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.commands.children import Child, Children, ledgerwire
from app.commands.processes import answers
from app.commands.remote import Remote
from app.commands.terminal import Stop
from app.kit.embedded import EmbeddedStores, StoreUrls
from app.kit.processes import interrupt_with_parent
from app.schema import upgrade

START_SECONDS = 60.0
STOP_SECONDS = 20.0
# QuickBooks' limits and our own, both ten times as wide: nobody wants to watch a quarter of an
# hour pass.
WIDENED = 10
SIMULATOR_LIMITS = {
    "requests_per_minute": 500,
    "requests_per_second": 10,
    "batches_per_minute": 40,
    "batches_per_minute_realm": 120,
    "all_per_minute": 800,
}
OUR_LIMITS = {
    "LIMIT_REQUESTS_PER_MINUTE": 480,
    "LIMIT_REQUESTS_PER_SECOND": 9,
    "LIMIT_BATCHES_PER_MINUTE": 38,
    "LIMIT_ALL_PER_MINUTE": 760,
}
SEEDED = {"customers": 320, "items": 44, "invoices": 40, "credit-memos": 6, "seed": 11}


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The simulated QuickBooks, and the control plane that tells the truth about it."""

    base_url: str
    discovery_url: str
    realm_id: str
    client_id: str
    client_secret: str

    def control(self) -> Remote:
        return Remote(f"{self.base_url}/_control", "none")

    def company(self, path: str = "") -> str:
        return f"/companies/{self.realm_id}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where everything is."""

    url: str
    operator_key: str
    books: Books
    folder: Path
    children: Children


@contextmanager
def stage(folder: Path, *, profile: str) -> Iterator[Stage]:
    """Set everything up below *folder*, and take it down at the end, whatever happened."""
    url = f"http://127.0.0.1:{_free_port()}"
    operator_key = "lwop_" + secrets.token_urlsafe(32)
    stores = EmbeddedStores(database_url=None, redis_url=None, data_dir=folder)
    with simulated(folder, profile, f"{url}/v1/oauth/quickbooks/callback") as books:
        widen(books)
        with stores as urls:
            upgrade(urls.database_url)
            environment = _environment(folder, url, operator_key, urls, books)
            with Children(patience=STOP_SECONDS) as children:
                port = url.rpartition(":")[2]
                api = Child(
                    "api", ledgerwire("api", "--port", port), environment, folder / "api.log"
                )
                worker = Child("worker", ledgerwire("worker"), environment, folder / "worker.log")
                for child in (children.start(api), children.start(worker)):
                    _await(child, url)
                yield Stage(
                    url=url,
                    operator_key=operator_key,
                    books=books,
                    folder=folder,
                    children=children,
                )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _environment(
    folder: Path, url: str, operator_key: str, urls: StoreUrls, books: Books
) -> dict[str, str]:
    limits = {name: str(number * WIDENED) for name, number in OUR_LIMITS.items()}
    return {
        **limits,
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "DATA_DIR": str(folder.absolute()),
        "PUBLIC_URL": url,
        "OPERATOR_KEY": operator_key,
        "ENCRYPTION_KEYS": "",
        "HASH_KEY": "",
        "QUICKBOOKS_ENVIRONMENT": "simulator",
        "QUICKBOOKS_CLIENT_ID": books.client_id,
        "QUICKBOOKS_CLIENT_SECRET": books.client_secret,
        "QUICKBOOKS_DISCOVERY_URL": books.discovery_url,
        "QUICKBOOKS_API_URL": books.base_url,
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "INFO",
        "WAIT_SCALE": "1.0",
    }


def _await(child: Child, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(f"{url}/readyz"):
        if (code := child.ended()) is not None:
            raise Stop(f"The {child.name} ended with the exit code {code}:\n{child.tail()}")
        if time.monotonic() > deadline:
            raise Stop(f"The API does not answer on {url}:\n{child.tail()}")
        time.sleep(0.05)


# ------------------------------------------------------------------------- the simulated books


@contextmanager
def simulated(folder: Path, profile: str, redirect_uri: str) -> Iterator[Books]:
    """Run the simulator as the separate program that it is."""
    if importlib.util.find_spec("simulator") is None:
        raise Stop(
            "The simulator is not installed here; the image for production leaves it out.",
            ["Run the demo from a checkout: make demo"],
        )
    command = [sys.executable, "-m", "simulator", "--profile", profile]
    command += ["--redirect-uri", redirect_uri]
    for name, value in SEEDED.items():
        command += [f"--{name}", str(value)]
    errors = folder / "simulator.log"
    with errors.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  Our own program.
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=interrupt_with_parent(),  # noqa: PLW1509  See kit.embedded.
        )
    try:
        yield _told(_first_line(process, errors))
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _told(line: str) -> Books:
    found: Mapping[str, Any] = json.loads(line)
    return Books(
        base_url=found["base_url"],
        discovery_url=found["discovery_url"],
        realm_id=found["realm_id"],
        client_id=found["client_id"],
        client_secret=found["client_secret"],
    )


def _first_line(process: subprocess.Popen[str], errors: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    stream = process.stdout
    while stream is not None and time.monotonic() < deadline and process.poll() is None:
        if select.select([stream], [], [], 0.2)[0] and (line := stream.readline()):
            return line
    raise Stop(f"The simulator did not start:\n{errors.read_text()[-1500:]}")


def widen(books: Books) -> None:
    """Do what a merchant is advised to, and raise the limits."""
    with books.control() as control:
        control.call(
            "PATCH",
            "/switches",
            {name: number * WIDENED for name, number in SIMULATOR_LIMITS.items()},
        )
        control.call(
            "PATCH",
            books.company("/preferences"),
            {
                "SalesFormsPrefs.AutoApplyCredit": False,
                "SalesFormsPrefs.AutoApplyPayments": False,
                "SalesFormsPrefs.CustomTxnNumbers": True,
            },
        )
