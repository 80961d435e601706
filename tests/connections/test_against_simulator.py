"""The same way, over real HTTP, with the real OAuth client and provider."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from app.accounting.errors import ReconnectRequired
from app.bootstrap import Collaborators
from app.connections.tokens import OpenConnection, tokens_for
from app.settings import Settings
from tests.connections.conftest import Merchant, app_over, news, stored_connection
from tests.simulator_server import SimulatorServer

OTHER = "4620816399"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    realms = ["4620816365", OTHER]
    with SimulatorServer(profile="ca", customers=0, realm=realms, auto_approve=False) as server:
        yield server


@pytest.fixture
def settings(settings: Settings, simulator: SimulatorServer) -> Settings:
    settings.quickbooks_client_id = simulator.client_id
    settings.quickbooks_client_secret = simulator.client_secret
    settings.quickbooks_discovery_url = simulator.discovery_url
    settings.quickbooks_api_url = simulator.api_url
    return settings


@pytest.fixture
def app(collaborators: Collaborators, kept_apps: list[FastAPI]) -> FastAPI:
    return app_over(collaborators, kept_apps)


async def consent(
    merchant: Merchant,
    simulator: SimulatorServer,
    *,
    decision: str = "connect",
    realm_id: str | None = None,
    **changed: str,
) -> httpx.Response:
    """Walk the browser over the simulator's consent page; *changed* tampers with the callback."""
    path = await merchant.page_path()
    page = await merchant.browser.get(path)
    form = page.text.split('name="form" value="')[1].split('"')[0]
    left = await merchant.browser.post(path, data={"form": form})
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(left.headers["location"]))
    assert origin in page.headers["content-security-policy"]
    back = simulator.authorize(left.headers["location"], decision=decision, realm_id=realm_id)
    return await merchant.callback(**{**dict(parse_qsl(urlsplit(back).query)), **changed})


async def opened(merchant: Merchant, collaborators: Collaborators) -> OpenConnection:
    row = await stored_connection(collaborators.db, merchant)
    assert row is not None
    return await tokens_for(
        collaborators.db,
        merchant.organization_id,
        row.company_id,
        authorizations=collaborators.authorizations,
        keyring=collaborators.keyring,
        waits=collaborators.waits,
    )


async def test_connects_renews_and_ends(
    merchant: Merchant, simulator: SimulatorServer, collaborators: Collaborators
) -> None:
    told = news(await consent(merchant, simulator))
    assert told["status"] == "connected", told

    shown = await merchant.connection()
    assert shown["company"]["external_id"] == "4620816365"
    assert shown["company"]["home_currency"] == "CAD"
    connection = await opened(merchant, collaborators)
    books = collaborators.provider_factories[connection.provider](
        connection.company,
        tokens=connection.tokens,
        gate=collaborators.gates(connection.company_id),
        on_call=lambda _: None,
    )
    stale = await connection.tokens.access_token()
    simulator.expire_tokens()
    assert (await books.company()).name == shown["company"]["name"]
    assert await connection.tokens.access_token() != stale

    ended = await merchant.api.post(f"/v1/integrations/{merchant.integration_id}/disconnect")
    assert ended.json()["status"] == "disconnected"
    assert any(call["operation"] == "revoke" for call in simulator.requests())


async def test_denied(merchant: Merchant, simulator: SimulatorServer) -> None:
    told = news(await consent(merchant, simulator, decision="cancel"))

    assert (told["status"], told["code"]) == ("denied", "access_denied")


async def test_tampered_realm_is_found_out(merchant: Merchant, simulator: SimulatorServer) -> None:
    told = news(await consent(merchant, simulator, realmId=OTHER))

    assert (told["status"], told["code"]) == ("failed", "company_mismatch")


async def test_access_ended_inside_quickbooks(
    merchant: Merchant, simulator: SimulatorServer, collaborators: Collaborators
) -> None:
    await consent(merchant, simulator, realm_id=OTHER)
    connection = await opened(merchant, collaborators)
    simulator.revoke_tokens(OTHER)

    with pytest.raises(ReconnectRequired):
        await connection.tokens.renew(await connection.tokens.access_token())

    assert (await merchant.connection())["status"] == "reauthorization_required"
    assert news(await consent(merchant, simulator, realm_id=OTHER))["status"] == "connected"
