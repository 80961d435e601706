"""Whatever is sent, the answer is a documented one, and never our own failure."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.bootstrap import build
from app.main import create_app
from app.settings import Settings
from tests.contract.document import Document
from tests.journeys.world import Merchant, working
from tests.simulator_server import SimulatorServer

# For each operation.
CASES = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BASE = "http://127.0.0.1:8400"
# With the merchant's own integration these would end it for all that follow.
ENDING = {"delete_integration", "disconnect"}


class Town:
    """A merchant with imported books; *send* carries a generated case to the application."""

    def __init__(self, runner: asyncio.Runner, merchant: Merchant, job_id: str) -> None:
        self._runner, self._merchant = runner, merchant
        self.known = {
            "integration_id": merchant.integration_id,
            "organization_id": merchant.organization_id,
            "job_id": job_id,
        }

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._merchant.http.get(path))

    def send(self, case: Case) -> httpx.Response:
        operator = case.path.startswith("/v1/organizations")
        key = (
            self._merchant.operator_headers["Authorization"]
            if operator
            else self._merchant.http.headers["Authorization"]
        )
        raw = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
        request = httpx.Request(
            str(raw.method), str(raw.url), headers=dict(raw.headers), content=raw.body
        )
        request.headers["Authorization"] = key
        return self._runner.run(self._merchant.http.send(request))


@pytest.fixture(scope="module")
def town(module_settings: Settings, redis_url: str, books: SimulatorServer) -> Iterator[Town]:
    """In an event loop of its own: Hypothesis calls from outside of any."""
    url = module_settings.database_url
    assert url is not None
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        made = build(module_settings, database_url=url, redis_url=redis_url)
        operator = {"Authorization": f"Bearer {module_settings.operator_key}"}
        app = create_app(made)
        merchant = Merchant(app, books, operator)
        # A failure is an answer here, as it is for everybody else.
        merchant.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=BASE
        )

        async def settle() -> str:
            await merchant.sign_up()
            await merchant.connect()
            async with working(made):
                job = await merchant.imported("customers", "items", "accounts")
            return str(job["id"])

        yield Town(runner, merchant, runner.run(settle()))
        runner.run(merchant.http.aclose())
        runner.run(made.close())


NUL, LATE = "%00", "9999-12-31T23:59:59-12:00"
# The texts "\0" and half a surrogate pair, as cursors of one and of two values.
CURSORS = ("WyJcdTAwMDAiXQ", "WyJcdTAwMDAiLCJhIl0", "WyJcdWQ4MDAiXQ", "WyJcdWQ4MDAiLCJhIl0", "WzFd")
UNHOLDABLE = {
    "sync-jobs": [f"resource={NUL}", f"queued_from={LATE}", "queued_to=2026-01-01T00:00:00"],
    "sync-jobs/{job_id}/records": [f"state={NUL}", f"kind={NUL}", f"code={NUL}"],
    "sync-jobs/{job_id}/records.csv": [f"state={NUL}"],
    "books/customers": [f"name={NUL}", f"updated_since={LATE}"],
    "billing/invoices": [f"number={NUL}", f"updated_since={LATE}", "date_from=0001-01-01"],
    "customer-mappings": [],
    "tax-mappings": [],
}


@pytest.mark.parametrize("path", UNHOLDABLE)
def test_what_no_database_holds_is_refused(town: Town, path: str) -> None:
    """NUL, half characters, times before and after the calendar: refused or found nowhere."""
    address = f"/v1/integrations/{town.known['integration_id']}/{path.format(**town.known)}"
    queries = UNHOLDABLE[path] + [f"cursor={cursor}" for cursor in CURSORS]

    answers = {query: town.get(f"{address}?{query}").status_code for query in queries}

    assert {query: status for query, status in answers.items() if status not in {200, 422}} == {}


@pytest.mark.parametrize("mode", CASES)
def test_every_answer_is_documented(document: Document, town: Town, mode: GenerationMode) -> None:
    failures: list[str] = []
    for found in schemathesis.openapi.from_dict(document.raw).get_all_operations():
        operation = found.ok()
        names = {each.name for each in operation.path_parameters}
        said = operation.definition.raw
        known = {} if said["operationId"] in ENDING else town.known
        strategy = operation.as_strategy(
            generation_mode=mode,
            path_parameters={name: known[name] for name in names & known.keys()} or None,
        )

        @settings(
            max_examples=CASES[mode],
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def answers(case: Case) -> None:
            response = town.send(case)
            try:
                case.validate_response(response, checks=CHECKS)
            except AssertionError as wrong:
                failures.append(f"{case.method} {case.path}: {wrong}")
            except BaseExceptionGroup as wrong:
                failures.extend(f"{case.method} {case.path}: {each}" for each in wrong.exceptions)

        with suppress(Unsatisfiable):
            answers()
    assert failures == []
