"""Liveness, readiness and figures."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.bootstrap import Collaborators
from app.schema import heads


async def test_alive_without_a_key(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_with_the_schema_at_its_head(
    anonymous: httpx.AsyncClient, app: FastAPI
) -> None:
    answer = await anonymous.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "schema_revision": app.state.schema_heads[0],
        "redis": "ok",
    }


async def test_not_ready_on_another_schema(
    anonymous: httpx.AsyncClient, collaborators: Collaborators
) -> None:
    async with collaborators.db.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    (head,) = heads()

    answer = await anonymous.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["code"] == "not_ready"
    assert "ledgerwire migrate" in answer.json()["fixes"][0]
    async with collaborators.db.engine.begin() as connection:
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :head"), {"head": head}
        )


@pytest.mark.parametrize(
    "figure",
    [
        "ledgerwire_lanes_due 0.0",
        "ledgerwire_lanes_held 0.0",
        "ledgerwire_jobs_oldest_queued_seconds 0.0",
        "ledgerwire_postings_oldest_unknown_seconds 0.0",
    ],
)
async def test_figures_of_the_database(anonymous: httpx.AsyncClient, figure: str) -> None:
    answer = await anonymous.get("/metrics")

    assert answer.status_code == 200
    assert figure in answer.text


async def test_requests_are_counted_by_their_pattern(client: httpx.AsyncClient) -> None:
    secret = "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c010"
    await client.get(f"/v1/integrations/{secret}")
    await client.get(f"/nothing/{secret}")

    figures = (await client.get("/metrics")).text

    assert 'route="/v1/integrations/{integration_id}",status="404"' in figures
    assert 'route="other",status="404"' in figures
    assert secret not in figures
