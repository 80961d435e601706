"""The callback, tampered with in every part; and a company that hundreds want at once."""

import asyncio
import itertools
import os
import secrets
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text

from app.accounting.ports import CompanyRef, TokenSet
from app.bootstrap import Collaborators
from app.connections.binding import Newcomer, bind
from app.connections.errors import ConnectRefused
from app.connections.models import Company
from app.connections.sealing import REFRESH, unseal
from app.integrations.models import Integration
from app.kit.db import Database
from app.kit.ids import new_id
from app.kit.secrets import UnreadableSecret
from tests.connections.conftest import (
    PROVIDER,
    RETURN_URL,
    Merchant,
    Merchants,
    app,
    authorization,
    client_of,
    database_url,
    factory,
    kept_database,
    merchant,
    merchants,
)
from tests.fakes import FakeAuthorization, build_profile

__all__ = [
    "app",
    "authorization",
    "database_url",
    "factory",
    "kept_database",
    "merchant",
    "merchants",
]
REALM = "4620816365"
# RACES=1000 takes half a minute; a few hundred show the same.
RIVALS = 40
ROUNDS = int(os.environ.get("RACES", "200")) // RIVALS


def tampered(good: str) -> list[str]:
    """Return what somebody could make of a secret that they have seen a part of."""
    return [
        "",
        good[:-1],
        good + "A",
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.swapcase(),
        good + "\x00",
        good + " ",
        f" {good}",
        good.replace(good[5], "%", 1),
        secrets.token_urlsafe(32),
        "' OR 1=1 --",
        "*",
        "null",
        "{}",
    ]


async def test_no_tampered_state_is_accepted(
    merchant: Merchant, authorization: FakeAuthorization
) -> None:
    state = await merchant.state()
    for other in tampered(state):
        code = authorization.consent(REALM)
        answer = await merchant.callback(state=other, code=code, realmId=REALM)
        assert answer.status_code == 400, other
        assert "location" not in answer.headers

    assert authorization.exchanges == 0
    assert (await merchant.connection())["status"] == "not_connected"


@pytest.mark.parametrize(
    "realm", ["", "777", f"{REALM}0", f"{REALM} ", "../../v3", "4620816365/../777", "x" * 65, "'"]
)
async def test_no_tampered_realm_is_accepted(
    merchant: Merchant, authorization: FakeAuthorization, realm: str
) -> None:
    """The token opens another company than the address says, or the realm is none at all."""
    state = await merchant.state()

    answer = await merchant.callback(state=state, code=authorization.consent(REALM), realmId=realm)

    assert "status=connected" not in answer.headers.get("location", "")
    assert (await merchant.connection())["status"] == "not_connected"


@pytest.mark.parametrize("code", ["", "code-999", "x" * 5000, "code-1\x00", "%63ode-1"])
async def test_no_tampered_code_is_accepted(
    merchant: Merchant, authorization: FakeAuthorization, code: str
) -> None:
    state = await merchant.state()
    authorization.consent(REALM)

    answer = await merchant.callback(state=state, code=code, realmId=REALM)

    assert "status=connected" not in answer.headers.get("location", "")
    assert (await merchant.connection())["status"] == "not_connected"


async def test_no_tampered_cookie_is_accepted(
    app: FastAPI, merchant: Merchant, authorization: FakeAuthorization
) -> None:
    await merchant.page_path()
    for number in range(len(tampered("x" * 43))):
        state = await merchant.state()
        own = merchant.browser.cookies["lw_connect"]
        other = tampered(own)[number].encode("ascii", "ignore").decode().strip("\x00 ")
        if other == own:
            continue
        async with client_of(app, Cookie=f"lw_connect={other}") as browser:
            code = authorization.consent(REALM)
            answer = await merchant.callback(browser, state=state, code=code, realmId=REALM)
        assert answer.status_code == 400, other

    assert authorization.exchanges == 0


async def test_of_all_who_want_a_company_one_has_it(
    merchants: Merchants, collaborators: Collaborators, db: Database
) -> None:
    """Checked where it is decided: in the transaction that saves, past all earlier looks."""
    rivals = [await rival_of(merchants, db) for _ in range(RIVALS)]
    tokens = TokenSet(
        access_token="a", refresh_token="r", access_expires_in=3600, refresh_expires_in=86400
    )
    won = 0
    for number in range(ROUNDS):
        company = CompanyRef(environment="simulator", realm_id=str(9_000 + number))

        async def attempt(rival: tuple[UUID, UUID], company: CompanyRef = company) -> bool:
            newcomer = Newcomer(
                organization_id=rival[0],
                integration_id=rival[1],
                provider=PROVIDER,
                company=company,
                allow_other_company=True,
            )
            try:
                await bind(
                    db,
                    newcomer,
                    company_id=new_id(),
                    tokens=tokens,
                    profile=build_profile(),
                    keyring=collaborators.keyring,
                    ensure_lane=collaborators.ensure_lane,
                )
            except ConnectRefused:
                return False
            return True

        results = await asyncio.gather(*(attempt(rival) for rival in rivals))
        won += sum(results)
        async with db.door() as session:
            held = await session.scalar(
                select(func.count(Company.id)).where(
                    Company.held, Company.realm_id == company.realm_id
                )
            )
        assert (sum(results), held) == (1, 1)

    assert won == ROUNDS


async def rival_of(merchants: Merchants, db: Database) -> tuple[UUID, UUID]:
    organization_id, _ = await merchants.organization()
    integration = Integration(
        organization_id=organization_id,
        name="Rival",
        provider=PROVIDER,
        mode="full_synchronization",
        source_system="billing",
        master_customers=[],
        allowed_return_urls=[RETURN_URL],
        settings={},
    )
    async with db.transaction(organization_id) as session:
        session.add(integration)
    return organization_id, integration.id


async def test_tokens_moved_to_another_row_open_nothing(
    merchants: Merchants, collaborators: Collaborators, db: Database
) -> None:
    """Whoever may write into the database still cannot read one merchant's token as another."""
    pair = [await merchants.merchant(), await merchants.merchant()]
    for rival, realm in zip(pair, ("1", "2"), strict=True):
        await rival.connect(realm)
    async with db.engine.begin() as owner:
        rows = (await owner.execute(text("SELECT id, refresh_token FROM connections"))).all()

    for (mine, _), (_, theirs) in itertools.permutations(rows, 2):
        with pytest.raises(UnreadableSecret):
            unseal(collaborators.keyring, mine, REFRESH, theirs)
