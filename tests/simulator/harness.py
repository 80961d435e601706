"""The simulator in this process, on a clock that stands still until a test moves it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from simulator.app import create_app
from simulator.clock import Clock
from simulator.oauth.grants import App
from simulator.switches import Switches
from simulator.world import CompanySpec, World

BASE_URL = "http://simulator.test"
REALM = "4620816365000000001"
OTHER_REALM = "4620816365000000002"
CLIENT = ("ABclient", "secret")
REDIRECT_URI = "http://localhost:8000/callback"
START = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


class Harness:
    """One world, an HTTP client without a socket, and an access token for the first company."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self.world = world
        self.client = client
        self.token = world.grants.issue(CLIENT[0], REALM).access_token

    def path(self, resource: str, realm: str = REALM) -> str:
        return f"/v3/company/{realm}/{resource}"

    async def get(self, resource: str, **params: str) -> httpx.Response:
        return await self.client.get(self.path(resource), params=params, headers=self.bearer())

    async def post(self, resource: str, body: Any, **params: str) -> httpx.Response:
        content = body if isinstance(body, (str, bytes)) else json.dumps(body)
        headers = {**self.bearer(), "Content-Type": "application/json"}
        return await self.client.post(
            self.path(resource), content=content, params=params, headers=headers
        )

    async def query(self, statement: str) -> Any:
        answer = await self.get("query", query=statement)
        assert answer.status_code == 200, answer.text
        return exact(answer)["QueryResponse"]

    async def create(self, entity: str, body: Any, **params: str) -> Any:
        answer = await self.post(entity.lower(), body, **params)
        assert answer.status_code == 200, answer.text
        return exact(answer)[entity]

    async def token_call(self, **form: str) -> httpx.Response:
        return await self.client.post("/oauth2/v1/tokens/bearer", data=form, auth=CLIENT)

    async def connect(self, **query: str) -> dict[str, str]:
        """The query of the redirect after an automatic consent."""
        self.world.switches.authorize = "approve"
        answer = await self.client.get("/connect/oauth2", params=authorize_query(**query))
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def fault(self, *, action: dict[str, Any], **match: Any) -> None:
        from simulator.faultrules import Rule

        self.world.plan.add([Rule.model_validate({"match": match, "action": action})])


def authorize_query(**query: str) -> dict[str, str]:
    return {
        "client_id": CLIENT[0],
        "response_type": "code",
        "scope": "com.intuit.quickbooks.accounting",
        "redirect_uri": REDIRECT_URI,
        "state": "state-1",
        **query,
    }


def exact(answer: httpx.Response) -> Any:
    return json.loads(answer.text, parse_float=Decimal)


def code_of(answer: httpx.Response) -> str:
    """The code of the first error in either JSON envelope."""
    body = answer.json()
    if "fault" in body:
        return str(body["fault"]["error"][0]["code"])
    return str(body["Fault"]["Error"][0]["code"])


def build_world(**switches: Any) -> World:
    chosen = Switches()
    chosen.change({"throttle": False, **switches})
    return World(
        app=App(*CLIENT),
        companies=[CompanySpec(REALM), CompanySpec(OTHER_REALM)],
        clock=Clock(START, monotonic=lambda: 0.0),
        switches=chosen,
    )


@asynccontextmanager
async def running(**switches: Any) -> AsyncIterator[Harness]:
    world = build_world(**switches)
    transport = httpx.ASGITransport(app=create_app(world, BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield Harness(world, client)
