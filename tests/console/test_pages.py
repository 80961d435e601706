"""Every page alike: nothing from elsewhere, no script, headers that keep it so."""

import re

import httpx
import pytest
from fastapi import FastAPI


async def test_front_page_says_what_this_is(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/")

    assert page.status_code == 200
    assert 'href="/docs"' in page.text
    assert 'href="/healthz"' in page.text


@pytest.mark.parametrize("path", ["/", "/v1/quickbooks/disconnected", "/v1/connect/x"])
async def test_pages_load_nothing_from_elsewhere(anonymous: httpx.AsyncClient, path: str) -> None:
    page = await anonymous.get(path)

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page.text) == []
    assert "<script" not in page.text
    assert " style=" not in page.text
    assert '<html lang="en">' in page.text
    assert "<main" in page.text


async def test_style_sheet_is_served(anonymous: httpx.AsyncClient) -> None:
    style = await anonymous.get("/assets/ledgerwire.css")

    assert style.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in style.text


@pytest.mark.parametrize("path", ["/", "/v1/integrations", "/nowhere", "/assets/ledgerwire.css"])
async def test_every_answer_is_uncached_unsniffed_and_numbered(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    answer = await anonymous.get(path)

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]
    assert "access-control-allow-origin" not in answer.headers


async def test_request_id_of_the_caller_is_kept(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/", headers={"X-Request-Id": "billing-42"})

    assert answer.headers["x-request-id"] == "billing-42"


async def test_odd_request_id_is_replaced(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/", headers={"X-Request-Id": "a b\tc"})

    assert answer.headers["x-request-id"] != "a b\tc"


async def test_preflight_of_another_origin_gets_no_leave(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.options(
        "/v1/integrations",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )

    assert "access-control-allow-origin" not in answer.headers


async def test_even_a_failure_is_uncached_and_numbered(app: FastAPI) -> None:
    @app.get("/breaks")
    async def breaks() -> None:
        raise RuntimeError("a name and an amount")

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/breaks")

    assert answer.status_code == 500
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    assert "amount" not in answer.text
