"""
The simulator's answers beside real ones: same envelopes, same members, same JSON types.

Recorded answers are not part of this project. Where they lie is said by RECORDED_DIR; without
them these tests are skipped.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.world import Seeding
from tests.simulator.harness import REALM, Harness, exact, running

ROOT = Path(__file__).resolve().parent.parent.parent
RECORDED = Path(os.environ.get("RECORDED_DIR", ROOT.parent / "shared" / "recorded"))

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="no recordings here")

ENTITIES = [
    "Customer",
    "Item",
    "Account",
    "Invoice",
    "Payment",
    "CreditMemo",
    "JournalEntry",
    "TaxCode",
    "TaxRate",
    "TaxAgency",
    "Term",
    "PaymentMethod",
    "Vendor",
    "Employee",
]

NOT_RECORDED = {"AdjustmentTaxRateList", "Sku", "TaxAgencyConfig"}
"""Members the reference describes and no recording happens to hold under any entity."""


def load(path: Path) -> Any:
    return json.loads(path.read_text(), parse_float=Decimal)


def kind(value: Any) -> str:
    names = {bool: "boolean", str: "string", dict: "object", list: "array", type(None): "null"}
    return names.get(type(value), "number")


def shapes(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every member's path (lists collapsed) and its JSON type."""
    yield path, kind(value)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from shapes(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from shapes(inner, path + "[]")


def recorded_objects(entity: str) -> Iterator[dict[str, Any]]:
    """Whole objects of an entity, wherever they stand in a recording."""
    for path in sorted(RECORDED.rglob("*.json")):
        yield from _objects(load(path), entity)
    for path in sorted((RECORDED / entity.lower()).glob("*.json")):
        body = load(path)
        for row in body if isinstance(body, list) else [body]:
            if isinstance(row, dict) and "Id" in row:
                yield row


def _objects(value: Any, entity: str) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for inner in value:
            yield from _objects(inner, entity)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == entity:
                rows = inner if isinstance(inner, list) else [inner]
                yield from (row for row in rows if isinstance(row, dict) and "Id" in row)
            if name != "request":
                yield from _objects(inner, entity)


@pytest.fixture(scope="module")
def recorded_shapes() -> dict[str, dict[str, set[str]]]:
    found: dict[str, dict[str, set[str]]] = {}
    for entity in ENTITIES:
        kinds: dict[str, set[str]] = defaultdict(set)
        for row in recorded_objects(entity):
            for path, name in shapes(row, entity):
                kinds[path].add(name)
        found[entity] = dict(kinds)
    return found


@pytest.fixture(scope="module")
def recorded_names() -> set[str]:
    """Every member name of every recorded object."""
    names = set()
    for path in RECORDED.rglob("*.json"):
        names |= {shape.rpartition(".")[2].rstrip("[]") for shape, _ in shapes(load(path), "")}
    return names


@pytest.fixture
async def filled() -> AsyncIterator[Harness]:
    async with running() as harness:
        harness.world.fill(
            harness.world.realms[REALM],
            Seeding(customers=40, items=12, invoices=30, credit_memos=5),
        )
        yield harness


async def _journal(harness: Harness) -> None:
    accounts = (await harness.query("select * from Account where AccountType = 'Expense'"))[
        "Account"
    ]
    line = {"Amount": 5, "DetailType": "JournalEntryLineDetail"}
    sides = [("Debit", accounts[0]["Id"]), ("Credit", accounts[1]["Id"])]
    await harness.create(
        "JournalEntry",
        {
            "Line": [
                {
                    **line,
                    "JournalEntryLineDetail": {
                        "PostingType": side,
                        "AccountRef": {"value": account},
                    },
                }
                for side, account in sides
            ]
        },
    )


@pytest.mark.parametrize("entity", ENTITIES)
async def test_members_and_their_types(
    filled: Harness,
    recorded_shapes: dict[str, dict[str, set[str]]],
    recorded_names: set[str],
    entity: str,
) -> None:
    if entity == "JournalEntry":
        await _journal(filled)
    answer = await filled.query(f"select * from {entity} maxresults 1000")  # noqa: S608
    known = recorded_shapes[entity]
    found = {shape for row in answer[entity] for shape in shapes(row, entity)}

    wrong = {(path, name) for path, name in found if name not in known.get(path, {name})}
    names = {path.rpartition(".")[2].rstrip("[]") for path, _ in found} - {entity}

    assert wrong == set()
    assert names - recorded_names - NOT_RECORDED == set()


def exchange(name: str) -> tuple[int, dict[str, str], Any]:
    found = load(RECORDED / name)["response"]
    headers = {key.lower().replace("-", "_"): value for key, value in found["headers"].items()}
    return found["status"], headers, found["body"]


def members(value: Any) -> set[str]:
    return {path for path, _ in shapes(value, "")}


async def test_a_query_envelope(filled: Harness) -> None:
    _, headers, body = exchange("customer/qbo_api-all_alt_select-3-get.http.json")

    answer = await filled.get("query", query="select * from Customer startposition 3 maxresults 2")

    found = exact(answer)
    assert list(found["QueryResponse"]) == list(body["QueryResponse"])
    assert set(found) == set(body)
    assert answer.headers["content-type"] == headers["content_type"].lower()
    given = {name.replace("-", "_") for name in answer.headers}
    assert {"intuit_tid", "qbo_version", "expires", "cache_control"} <= given & set(headers)


@pytest.mark.parametrize(
    ("recording", "statement"),
    [
        (
            "query/qbo_api-all_alt_select-1-get.http.json",
            "SELECT count(*) FROM Customer WHERE Id IN ('5', '6', '7', '8', '9', '10')",
        ),
        (
            "query/qbo_api-all_alt_select-5-get.http.json",
            "SELECT * FROM Customer WHERE Id IN ('5', '6', '7', '8', '9', '10') AND Active IN "
            "( true, false ) MAXRESULTS 2 STARTPOSITION 7",
        ),
    ],
)
async def test_answers_without_rows(filled: Harness, recording: str, statement: str) -> None:
    _, _, body = exchange(recording)

    answer = await filled.get("query", query=statement)

    assert members(exact(answer)) == members(body)


@pytest.mark.parametrize("entity", ["Invoice", "JournalEntry"])
async def test_entities_recorded_with_a_total(filled: Harness, entity: str) -> None:
    if entity == "JournalEntry":
        await _journal(filled)

    answer = await filled.query(f"select * from {entity}")  # noqa: S608

    assert list(answer) == [entity, "startPosition", "maxResults", "totalCount"]


@pytest.mark.parametrize(
    ("recording", "resource", "query"),
    [
        ("fault/qbo_api-error_400-2-get.http.json", "query", "SELECT * FROM Custmoer"),
        (
            "fault/qbo_api-old_oauth1_error_401-2-get.http.json",
            "query",
            "SELECT & FROM Customer",
        ),
        ("fault/qbo_api-error_500-1-get.http.json", "customer/1/5", None),
        ("fault/qbo_api-error_500-2-get.http.json", "customer/1.5", None),
    ],
)
async def test_faults_on_reading(
    filled: Harness, recording: str, resource: str, query: str | None
) -> None:
    status, headers, body = exchange(recording)
    body.setdefault("time", "")

    answer = await filled.get(resource, **({"query": query} if query else {}))

    found = answer.json()
    assert answer.status_code == status
    assert members(found) == members(body)
    error, recorded = found["Fault"]["Error"][0], body["Fault"]["Error"][0]
    assert (error["code"], error["Message"]) == (recorded["code"], recorded["Message"])
    assert error["Detail"].split(":")[0] == recorded["Detail"].split(":")[0]
    assert answer.headers["content-type"] == headers["content_type"]
    assert "qbo-version" not in answer.headers


async def test_a_duplicate_name(filled: Harness) -> None:
    status, _, body = exchange("fault/qbo_api-old_o1_error_validation-1-post.http.json")
    await filled.create("Customer", {"DisplayName": "Weiskopf Consulting"})

    answer = await filled.post("customer", {"DisplayName": "Weiskopf Consulting"})

    assert answer.status_code == status
    assert members(answer.json()) == members(body)
    assert answer.json()["Fault"]["Error"][0]["Message"] == body["Fault"]["Error"][0]["Message"]


async def test_an_unknown_property(filled: Harness) -> None:
    status, _, body = exchange("fault/qbo_api-error_400_json-1-post.http.json")

    answer = await filled.post("invoice", {"BadJson": True})

    assert answer.status_code == status
    assert members(answer.json()) == members(body)


async def test_an_old_token(filled: Harness) -> None:
    status, headers, body = exchange("fault/qbo_api-error_401-1-get.http.json")
    filled.world.grants.expire_access(filled.world.grants.grants[0])

    answer = await filled.get("customer/1")

    assert answer.status_code == status
    assert list(answer.json()) == list(body)
    assert members(answer.json()) == members(body)
    assert answer.json()["fault"]["error"][0]["message"] == body["fault"]["error"][0]["message"]
    assert answer.headers["www-authenticate"] == headers["www_authenticate"]


async def test_another_realm(filled: Harness) -> None:
    body = load(RECORDED / "fault/issue-403-3100-ApplicationAuthorizationFailed.json")

    answer = await filled.client.get("/v3/company/1/customer/1", headers=filled.bearer())

    assert list(answer.json()) == list(body)
    assert answer.json()["fault"] == body["fault"]


async def test_a_batch(filled: Harness) -> None:
    _, headers, body = exchange("batch/qbo_api-batch_basic-1-post.http.json")

    answer = await filled.post(
        "batch",
        {
            "BatchItemRequest": [
                {"bId": "bid1", "operation": "create", "Vendor": {"DisplayName": "Boraski"}},
                {"bId": "bid2", "operation": "delete", "Invoice": {"Id": "9", "SyncToken": "0"}},
                {
                    "bId": "bid3",
                    "operation": "update",
                    "SalesReceipt": {"sparse": True, "Id": "11", "SyncToken": "0"},
                },
                {"bId": "bid4", "Query": "select * from Invoice where TotalAmt > '300.00'"},
            ]
        },
    )

    found = answer.json()["BatchItemResponse"]
    recorded = body["BatchItemResponse"]
    assert [list(item) for item in found] == [list(item) for item in recorded]
    assert found[1]["Fault"] == recorded[1]["Fault"]
    assert set(answer.json()) == set(body)
    assert answer.headers["content-type"] == headers["content_type"]


async def test_change_data_capture(filled: Harness) -> None:
    _, _, body = exchange("cdc/qbo_api-cdc_basic-1-get.http.json")
    await filled.create("Customer", {"DisplayName": "Just now"})

    answer = await filled.get("cdc", entities="customer", changedSince="2026-03-01T00:00:00-08:00")

    found = answer.json()
    assert set(found) == set(body)
    member = body["CDCResponse"][0]["QueryResponse"][0]
    assert list(found["CDCResponse"][0]["QueryResponse"][0])[1:] == list(member)[1:]


async def test_token_answers(filled: Harness) -> None:
    _, _, body = exchange("oauth/ledgersync-token-exchange-2.http.json")
    status, headers, refusal = exchange("oauth/ledgersync-token-exchange.http.json")
    code = (await filled.connect())["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "http://localhost:8000/callback",
    }

    good = await filled.token_call(**form)
    bad = await filled.client.post("/oauth2/v1/tokens/bearer", data=form, auth=("x", "y"))

    assert list(good.json()) == list(body)
    assert (bad.status_code, bad.json()) == (status, refusal)
    assert bad.headers["www-authenticate"] == headers["www_authenticate"]
    assert bad.headers["content-type"] == headers["content_type"]


async def test_the_discovery_document(filled: Harness) -> None:
    body = load(RECORDED / "oauth/dotnet-discovery.json")

    answer = await filled.client.get("/.well-known/openid_configuration")

    assert list(answer.json()) == list(body)


async def test_a_throttled_answer(filled: Harness) -> None:
    recorded = (RECORDED / "fault/issue-429-3001-throttle.xml").read_text()
    filled.fault(operation="query", action={"throttled": True})

    answer = await filled.get("query", query="select * from Item")

    def timeless(text: str) -> list[str]:
        return [part for part in text.replace("><", "> <").split() if "time=" not in part]

    assert timeless(answer.text) == timeless(recorded)
