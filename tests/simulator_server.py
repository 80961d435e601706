"""The simulator as a process of its own, for tests that go through real HTTP."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Self

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent


class SimulatorServer:
    """
    ``python -m simulator`` on a free loopback port, and a client of its control plane.

    Options are the program's own, with underscores: ``SimulatorServer(profile="ca", customers=10,
    realm=["123", "456"], switch={"throttle": False}, auto_approve=True)``.
    """

    def __init__(self, *, start_timeout: float = 60.0, **options: Any) -> None:
        self._options = {"auto_approve": True, **options}
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[str] | None = None
        self.control = httpx.Client()
        self.base_url = ""
        self.api_url = ""
        self.discovery_url = ""
        self.client_id = ""
        self.client_secret = ""
        self.realm_id = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the process and wait for the line that says it listens."""
        command = [sys.executable, "-m", "simulator", *_arguments(self._options)]
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115  # Closed by stop().
        self._process = subprocess.Popen(  # noqa: S603  # Our own program.
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._stderr, text=True
        )
        try:
            found = json.loads(self._first_line())
        except BaseException:
            self.stop()
            raise
        self.base_url = found["base_url"]
        self.api_url = found["api_url"]
        self.discovery_url = found["discovery_url"]
        self.client_id = found["client_id"]
        self.client_secret = found["client_secret"]
        self.realm_id = found["realm_id"]
        self.control.close()
        self.control = httpx.Client(base_url=f"{self.base_url}/_control", timeout=60)
        return self

    def stop(self) -> None:
        """End the process and close what was opened for it."""
        self.control.close()
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        stderr, self._stderr = self._stderr, None
        if stderr is not None:
            stderr.close()

    def kill(self) -> None:
        """End the process at once, as a crash would; `stop` still has to follow."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def errors(self) -> str:
        """What the process wrote to its standard error: its own bugs, if any."""
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        return self._stderr.read()

    def _first_line(self) -> str:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        deadline = time.monotonic() + self._start_timeout
        while time.monotonic() < deadline and process.poll() is None:
            if select.select([process.stdout], [], [], 0.2)[0]:
                line = process.stdout.readline()
                if line:
                    return line
        raise RuntimeError(f"the simulator did not start: {self.errors()}")

    # The control plane. Numbers come back as Decimal.

    def get(self, path: str, **params: Any) -> Any:
        """GET below ``/_control``."""
        return _body(self.control.get(path, params=params))

    def post(self, path: str, body: Any = None) -> Any:
        """POST below ``/_control``."""
        return _body(self.control.post(path, json={} if body is None else body))

    def switches(self, **values: Any) -> Any:
        """Turn switches; without any, read them."""
        return _body(self.control.patch("/switches", json=values))

    def advance(self, seconds: float) -> Any:
        """Push the simulator's clock."""
        return self.post("/clock", {"advance": seconds})

    def scale_clock(self, scale: float) -> Any:
        """Make the simulator's clock run *scale* times as fast."""
        return self.post("/clock", {"scale": scale})

    def add_faults(self, *rules: dict[str, Any]) -> list[str]:
        """Arm fault rules ``{"match": …, "action": …}``; returns their ids."""
        return list(self.post("/faults", {"rules": list(rules)})["ids"])

    def faults(self) -> Any:
        """The armed rules, with how often each has ``fired``."""
        return self.get("/faults")["rules"]

    def clear_faults(self) -> None:
        """Disarm all rules."""
        self.control.delete("/faults").raise_for_status()

    def reset(self) -> Any:
        """Everything as after the start; tokens handed out before are unknown then."""
        return self.post("/reset")

    def add_company(self, realm_id: str, **options: Any) -> Any:
        """Found another company: profile, seed, customers, items, created_from, created_to."""
        return self.post("/companies", {"realm_id": realm_id, **options})

    def documents(self, entity: str, realm_id: str | None = None) -> list[dict[str, Any]]:
        """All objects of an entity, as they stand in the books."""
        return list(self.get(f"/companies/{realm_id or self.realm_id}/documents/{entity}"))

    def counts(self, realm_id: str | None = None) -> Any:
        """Number of objects by entity."""
        return self.get(f"/companies/{realm_id or self.realm_id}/counts")

    def duplicates(self, realm_id: str | None = None, **params: Any) -> Any:
        """``{"by_marker": {…}, "by_number": […]}``."""
        return self.get(f"/companies/{realm_id or self.realm_id}/duplicates", **params)

    def marked(self, realm_id: str | None = None, **params: Any) -> Any:
        """Marker → the objects that carry it."""
        return self.get(f"/companies/{realm_id or self.realm_id}/marked", **params)

    def trial_balance(self, realm_id: str | None = None) -> Any:
        """``{"accounts": {name: balance}, "sum": 0}``."""
        return self.get(f"/companies/{realm_id or self.realm_id}/trial-balance")

    def usage(self, realm_id: str | None = None) -> Any:
        """Metering counters and peak rates."""
        return self.get(f"/companies/{realm_id or self.realm_id}/usage")

    def requests(self, **params: Any) -> list[dict[str, Any]]:
        """The request log; narrow by realm_id, operation, after, limit."""
        return list(self.get("/requests", **params)["requests"])

    def edit(
        self, operation: str, entity: str, body: dict[str, Any], realm_id: str | None = None
    ) -> Any:
        """Change the books as a person would, behind the app's back."""
        order = {"operation": operation, "entity": entity, "body": body}
        return self.post(f"/companies/{realm_id or self.realm_id}/edit", order)

    def preferences(self, values: dict[str, Any], realm_id: str | None = None) -> Any:
        """Set preferences by path, e.g. ``{"SalesFormsPrefs.CustomTxnNumbers": True}``."""
        path = f"/companies/{realm_id or self.realm_id}/preferences"
        return _body(self.control.patch(path, json=values))

    def rules(self, realm_id: str | None = None, **values: Any) -> Any:
        """Set how a company behaves where the reference leaves it open."""
        path = f"/companies/{realm_id or self.realm_id}/rules"
        return _body(self.control.patch(path, json=values))

    def close_books(self, day: str | None, realm_id: str | None = None) -> Any:
        """Close the books up to *day*, or open them."""
        path = f"/companies/{realm_id or self.realm_id}/closed-until"
        return _body(self.control.put(path, json={"date": day}))

    def condition(self, condition: str, realm_id: str | None = None) -> None:
        """Let a company be ``open``, ``subscription_ended`` or ``no_access``."""
        path = f"/companies/{realm_id or self.realm_id}/condition"
        self.control.put(path, json={"condition": condition}).raise_for_status()

    def reconciled(self, entity: str, *ids: str, realm_id: str | None = None) -> None:
        """Match transactions with the bank: they are frozen then."""
        path = f"/companies/{realm_id or self.realm_id}/reconciled"
        self.control.put(path, json={"entity": entity, "ids": list(ids)}).raise_for_status()

    def issue_tokens(self, realm_id: str | None = None) -> Any:
        """``{access_token, refresh_token, …}`` without a browser."""
        return self.post("/tokens", {"realm_id": realm_id or self.realm_id})

    def expire_tokens(self, realm_id: str | None = None) -> None:
        """Make the access tokens old; refreshing helps."""
        self.post("/tokens/expire", {"realm_id": realm_id or self.realm_id})

    def revoke_tokens(self, realm_id: str | None = None) -> None:
        """End the connection, as a person does inside QuickBooks."""
        self.post("/tokens/revoke", {"realm_id": realm_id or self.realm_id})

    def authorize(self, url: str, *, decision: str = "connect", realm_id: str | None = None) -> str:
        """Where the browser goes when a person decides on an authorization URL."""
        order = {"url": url, "decision": decision, "realm_id": realm_id}
        return str(self.post("/authorize", order)["location"])


def simulator_fixture(
    *, scope: str = "session", **options: Any
) -> Callable[[], Iterator[SimulatorServer]]:
    """
    A pytest fixture that runs one simulator: ``simulator = simulator_fixture(customers=10)``.
    """

    @pytest.fixture(scope=scope)  # type: ignore[call-overload]
    def simulator() -> Iterator[SimulatorServer]:
        with SimulatorServer(**options) as server:
            yield server

    return simulator


def _arguments(options: dict[str, Any]) -> list[str]:
    arguments: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            arguments += [flag] if value else []
        elif isinstance(value, dict):
            for key, inner in value.items():
                arguments += [flag, f"{key}={json.dumps(inner)}"]
        elif isinstance(value, (list, tuple)):
            for item in value:
                arguments += [flag, str(item)]
        else:
            arguments += [flag, str(value)]
    return arguments


def _body(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise AssertionError(f"control plane: {answer.status_code} {answer.text}")
    return json.loads(answer.text, parse_float=Decimal) if answer.content else None
