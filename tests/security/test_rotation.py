"""The encryption key changes while tokens are renewed and documents are written."""

import asyncio
import base64
import secrets
from dataclasses import replace

from fastapi import FastAPI
from sqlalchemy import text

from app.bootstrap import Collaborators
from app.connections.sealing import rotate_encryption
from app.kit.db import Database
from app.kit.secrets import Keyring
from tests.journeys.conftest import merchant, settings, shared_simulator, simulator
from tests.journeys.world import RETURN_URL, Merchant, working

__all__ = ["merchant", "settings", "shared_simulator", "simulator"]

INVOICES = 30


async def sealed_under(db: Database, name: str) -> int:
    """Count what is sealed with a key, whoever owns it."""
    async with db.engine.connect() as connection:
        found = await connection.scalar(
            text(
                "SELECT (SELECT count(*) FROM connections WHERE access_token LIKE :begins"
                " OR refresh_token LIKE :begins) + (SELECT count(*) FROM kept_answers"
                " WHERE position(convert_to(:kept, 'UTF8') IN body) = 1)"
            ),
            {"begins": f"{name}:%", "kept": f"sealed:{name}:"},
        )
    return int(found or 0)


async def test_rotating_renewing_and_exporting_at_once(
    app: FastAPI, merchant: Merchant, collaborators: Collaborators
) -> None:
    async with working(collaborators):
        await merchant.set_up()
        await merchant.call(
            "POST", "/connect", {"return_url": RETURN_URL}, headers={"Idempotency-Key": "kept"}
        )
    for number in range(INVOICES):
        await merchant.invoice(f"i{number}", f"{number + 1}.00")
    old = collaborators.keyring
    assert await sealed_under(collaborators.db, old.current) >= 2
    fresh = base64.b64encode(secrets.token_bytes(32)).decode()
    ring = Keyring({"k2": base64.b64decode(fresh), **old.keys})
    both = replace(collaborators, keyring=ring)
    both.attach(app.state)
    refreshes = asyncio.Event()

    async def trouble() -> int:
        rounds = 0
        while not refreshes.is_set():
            await rotate_encryption(collaborators.db, ring)
            if rounds % 20 == 0:  # Not while a fresh token is on its way: that is another story.
                await asyncio.to_thread(merchant.simulator.expire_tokens, merchant.realm_id)
            rounds += 1
            await asyncio.sleep(0.05)
        return rounds

    async with working(both, "w2"):
        task = asyncio.create_task(trouble())
        job = await merchant.exported("invoices")
        again = await merchant.imported("accounts")
        refreshes.set()
        rounds = await task
    done = await rotate_encryption(collaborators.db, ring)

    assert job["status"] == "succeeded", job["counts"]
    assert again["status"] in {"succeeded", "succeeded_with_findings"}, again
    assert len(merchant.documents("Invoice")) == INVOICES
    assert rounds >= 3
    assert done.unreadable == 0
    assert await sealed_under(collaborators.db, old.current) == 0
    assert await sealed_under(collaborators.db, "k2") >= 2
    # The former key may go now.
    alone = Keyring({"k2": ring.keys["k2"]})
    repeated = replace(collaborators, keyring=alone)
    repeated.attach(app.state)
    answer = await merchant.http.post(
        f"/v1/integrations/{merchant.integration_id}/connect",
        json={"return_url": RETURN_URL},
        headers={"Idempotency-Key": "kept"},
    )
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert "/v1/connect/" in answer.json()["authorization_url"]
