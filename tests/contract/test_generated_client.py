"""A client generated from the committed document imports the books and exports a month."""

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any, Self

import httpx
import pytest

from tests.contract.document import PLACE, Document
from tests.contract.served import SECOND_REALM, Served

PACKAGE = "ledgerwire_client"
RETURN_URL = "https://billing.example.com/settings/erp"
AT = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, str]]:
    """The generated package, and what the generator said."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.yml").write_text("post_hooks: []\n")
    done = subprocess.run(  # noqa: S603 - the generator of the development extra
        [
            *(sys.executable, "-m", "openapi_python_client", "generate"),
            *("--path", str(PLACE), "--output-path", str(folder / PACKAGE)),
            *("--meta", "none", "--config", str(folder / "config.yml")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(PACKAGE), done.stdout + done.stderr
    finally:
        sys.path.remove(str(folder))


def modules(package: ModuleType, below: str) -> list[ModuleType]:
    """Import every module below a part of the package."""
    root = importlib.import_module(f"{package.__name__}.{below}")
    found = pkgutil.walk_packages(root.__path__, f"{root.__name__}.")
    return [importlib.import_module(each.name) for each in found]


class Client:
    """Calls generated operations by their names, and wants an answer that is no problem."""

    def __init__(self, package: ModuleType, url: str, key: str) -> None:
        self.models = importlib.import_module(f"{package.__name__}.models")
        self.operations = {
            module.__name__.rpartition(".")[2]: module for module in modules(package, "api")
        }
        authenticated = importlib.import_module(f"{package.__name__}.client").AuthenticatedClient
        options = {"trust_env": False}
        self.http = authenticated(base_url=url, token=key, httpx_args=options, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.get_httpx_client().close()

    def call(self, operation: str, *path: Any, **arguments: Any) -> Any:
        answer = self.operations[operation].sync(*path, client=self.http, **arguments)
        assert not isinstance(answer, self.models.Problem), answer.detail
        assert answer is not None, operation
        return answer

    def new(self, model: str, **fields: Any) -> Any:
        return getattr(self.models, model).from_dict(fields)

    def job(self, integration: Any, model: str, **fields: Any) -> Any:
        """Start a job and wait for its end."""
        started = self.call("create_sync_job", integration, body=self.new(model, **fields))
        ended = self.call("get_sync_job", integration, started.id, wait=60)
        assert ended.finished_at, ended
        return ended


@pytest.fixture(scope="module")
def client(generated: tuple[ModuleType, str], served: Served) -> Iterator[Client]:
    """A client with the key of an organization of its own."""
    package = generated[0]
    with Client(package, served.url, served.operator_key) as operator:
        wanted = operator.new("OrganizationIn", name="Generated Ltd.")
        organization = operator.call("create_organization", body=wanted)
        wanted = operator.new("ApiKeyIn", name="generated", scopes=["admin"])
        key = operator.call("create_api_key", organization.id, body=wanted)
    with Client(package, served.url, key.key) as made:
        yield made


@pytest.fixture(scope="module")
def integration(client: Client, served: Served) -> Any:
    """The id of an integration that is connected to the second company."""
    wanted = client.new(
        "IntegrationIn",
        name="Second company",
        provider="quickbooks_online",
        mode="full_synchronization",
        allowed_return_urls=[RETURN_URL],
        settings={"items": {"income_account_id": "11", "expense_account_id": "14"}},
    )
    made = client.call("create_integration", body=wanted)
    begun = client.call("connect", made.id, body=client.new("ConnectIn", return_url=RETURN_URL))
    consent(served, begun.authorization_url)
    assert client.call("get_connection", made.id).company.external_id == SECOND_REALM
    return made.id


def consent(served: Served, page_url: str) -> None:
    """Be the merchant's browser: agree, for the second company."""
    switches = f"{served.simulator_url}/_control/switches"
    with httpx.Client(trust_env=False) as browser:
        browser.patch(switches, json={"authorize_realm": SECOND_REALM}).raise_for_status()
        form = re.findall(r'name="form" value="([^"]*)"', browser.get(page_url).text)[0]
        left = browser.post(page_url, data={"form": form})
        back = browser.get(left.headers["location"])
        browser.get(back.headers["location"])
        browser.patch(switches, json={"authorize_realm": None}).raise_for_status()


def test_nothing_is_left_out_but_the_ndjson_form(
    generated: tuple[ModuleType, str], document: Document
) -> None:
    """The generator does not know NDJSON; batches are generated in their JSON form."""
    package, said = generated
    warnings = [line for line in said.splitlines() if line.startswith("Unsupported")]
    names = {module.__name__.rpartition(".")[2] for module in modules(package, "api")}

    assert set(warnings) == {"Unsupported content type application/x-ndjson"}
    assert said.count("WARNING") == len(warnings)
    assert set(document.operations) <= names


def test_every_model_can_be_imported(generated: tuple[ModuleType, str]) -> None:
    assert len(modules(generated[0], "models")) > 100


def test_importing_items_alone_brings_the_taxes(client: Client, integration: Any) -> None:
    job = client.job(integration, "ImportRequest", direction="import", resources=["items"])

    codes = client.call("list_books_tax_codes", integration, limit=200).data
    names = {row.name: [rate.name for rate in row.rates] for row in codes}
    assert job.status == "succeeded"
    assert names["GST/PST BC"] == ["GST", "PST BC"]
    assert client.call("list_books_tax_rates", integration).data
    assert client.call("list_books_tax_agencies", integration).data


def test_a_month_is_exported(client: Client, integration: Any) -> None:
    client.job(integration, "ImportRequest", direction="import", resources=["accounts", "items"])
    push_month(client, integration)
    confirmed = client.call(
        "suggest_tax_mappings", integration, body=client.new("SuggestIn", confirm="exact")
    )

    job = client.job(
        integration,
        "ExportRequest",
        direction="export",
        resources=["customers", "items", "invoices"],
        date_from="2026-03-01",
        date_to="2026-03-31",
    )

    rows = client.call("list_sync_job_records", integration, job.id, kind="invoice").data
    assert confirmed.confirmed == 1
    assert (job.status, job.amounts[0].difference) == ("succeeded", "0.00"), rows
    assert (rows[0].date, rows[0].posted_amount) == (date(2026, 3, 2), "105.00")
    assert rows[0].document.type_ == "Invoice"


def push_month(client: Client, integration: Any) -> None:
    """One customer, one charge, one taxed invoice: in batches, as generated."""
    at = AT.isoformat()
    customer = {"billing_id": "c1", "updated_at": at, "display_name": "Generated Customer"}
    charge = {"billing_id": "p", "price_code": "PRO", "name": "Pro plan", "kind": "recurring"}
    line = {
        "line_id": "1",
        "price_code": "PRO",
        "amount": "100.00",
        "taxes": [{"price_code": "GST", "rate": "5"}],
    }
    invoice = {
        "billing_id": "i1",
        "updated_at": at,
        "number": "G-1",
        "customer": "c1",
        "invoice_date": "2026-03-02",
        "currency": "CAD",
        "lines": [line],
        "tax_total": "5.00",
        "total": "105.00",
    }
    for operation, model, record in (
        ("put_customers_batch", "Customer", customer),
        ("put_charges_batch", "Charge", {"updated_at": at, **charge}),
        ("put_invoices_batch", "Invoice", invoice),
    ):
        answer = client.call(operation, integration, body=[client.new(model, **record)])
        assert answer.counts.created == 1, answer
