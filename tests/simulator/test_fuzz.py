"""Whatever is sent, there is an answer: a refusal, never a crash."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.app import create_app
from simulator.world import World
from tests.simulator.harness import BASE_URL, CLIENT, REALM, build_world

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Id", "SyncToken", "bId", "operation", "Query", "Customer", "Invoice", "Line",
                 "sparse", "DisplayName", "value", "BatchItemRequest", "optionsData", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)  # fmt: skip
resources = st.sampled_from(
    ["batch", "customer", "invoice", "query", "cdc", "taxservice/taxcode", "exchangerate",
     "companyinfo", "preferences", "item/1", "customer/TAX", "taxcode/TAX", "/", "x"]
)  # fmt: skip
words = st.sampled_from(
    ["select", "*", "from", "Customer", "TaxCode", "where", "Id", "=", "'1'", "'x'", "in", "(",
     ")", ",", "and", "Active", "true", "orderby", "Balance", "like", "MetaData.CreateTime",
     "maxresults", "5", "CURRENT_DATE", "'2026-01-01'", "Nothing", "count(*)"]
)  # fmt: skip
statements = st.lists(words, max_size=14).map(" ".join)
parameters = st.dictionaries(
    st.sampled_from(["operation", "include", "requestid", "entities", "changedSince", "query"]),
    st.text(max_size=12) | st.sampled_from(["void", "delete", "update", "Customer"]) | statements,
    max_size=3,
)


def build_client() -> tuple[World, dict[str, str]]:
    world = build_world()
    token = world.grants.issue(CLIENT[0], REALM).access_token
    return world, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


WORLD, HEADERS = build_client()


async def call(method: str, resource: str, query: dict[str, str], body: bytes) -> httpx.Response:
    transport = httpx.ASGITransport(app=create_app(WORLD, BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        return await client.request(
            method,
            f"/v3/company/{REALM}/{resource}",
            params=query,
            content=body,
            headers=HEADERS,
        )


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["GET", "POST", "PUT"]), resources, parameters, values | st.binary())
async def test_any_call_is_answered(
    method: str, resource: str, query: dict[str, str], body: Any
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    answer = await call(method, resource, query, raw)

    assert answer.status_code in {200, 400}
    assert "time" in answer.json() or "TaxCodeId" in answer.json()


@settings(deadline=None, max_examples=100)
@given(statements)
async def test_any_statement_is_answered(statement: str) -> None:
    answer = await call("GET", "query", {"query": statement}, b"")

    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert answer.json()["Fault"]["Error"][0]["code"] in {"2030", "4000", "4001"}
