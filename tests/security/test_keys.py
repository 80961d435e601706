"""API keys: followed by another one, ended at once, and held to a number of requests."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from app.bootstrap import Collaborators
from app.kit.clock import now
from app.kit.db import Database
from app.kit.queue import arq_redis
from app.kit.rates import Allowance, RequestRates
from app.organizations.access import RequestLimits
from app.organizations.models import ApiKey

Headers = dict[str, str]


def bearer(key: str) -> Headers:
    return {"Authorization": f"Bearer {key}"}


async def status_with(client: httpx.AsyncClient, key: str) -> int:
    return (await client.get("/v1/providers", headers=bearer(key))).status_code


async def only_key(db: Database, organization_id: UUID) -> ApiKey:
    async with db.transaction(organization_id) as session:
        return (await session.scalars(select(ApiKey))).one()


async def rotate(
    client: httpx.AsyncClient, headers: Headers, key: ApiKey, **body: Any
) -> httpx.Response:
    path = f"/v1/organizations/{key.organization_id}/api-keys/{key.id}/rotate"
    return await client.post(path, json=body, headers=headers)


class TestRotation:
    async def test_both_keys_work_for_a_while(
        self,
        anonymous: httpx.AsyncClient,
        tenant: tuple[UUID, str],
        db: Database,
        operator_headers: Headers,
    ) -> None:
        old = await only_key(db, tenant[0])

        answer = await rotate(anonymous, operator_headers, old, overlap_hours=2)

        assert answer.status_code == 201, answer.text
        assert await status_with(anonymous, tenant[1]) == 200
        assert await status_with(anonymous, answer.json()["key"]) == 200
        assert answer.json()["name"] == old.name
        assert answer.json()["scopes"] == old.scopes

    async def test_the_old_key_ends_with_the_overlap(
        self,
        anonymous: httpx.AsyncClient,
        tenant: tuple[UUID, str],
        db: Database,
        operator_headers: Headers,
    ) -> None:
        old = await only_key(db, tenant[0])
        fresh = (await rotate(anonymous, operator_headers, old, overlap_hours=2)).json()

        async with db.transaction(tenant[0]) as session:
            ends = await session.scalar(select(ApiKey.expires_at).where(ApiKey.id == old.id))
            assert ends is not None
            assert abs(ends - now() - timedelta(hours=2)) < timedelta(minutes=5)
            await session.execute(
                update(ApiKey).where(ApiKey.id == old.id).values(expires_at=now())
            )

        assert await status_with(anonymous, tenant[1]) == 401
        assert await status_with(anonymous, fresh["key"]) == 200

    async def test_without_overlap_it_ends_at_once(
        self,
        anonymous: httpx.AsyncClient,
        tenant: tuple[UUID, str],
        db: Database,
        operator_headers: Headers,
    ) -> None:
        old = await only_key(db, tenant[0])

        await rotate(anonymous, operator_headers, old, overlap_hours=0)

        assert await status_with(anonymous, tenant[1]) == 401

    async def test_an_early_end_is_not_put_off(
        self,
        anonymous: httpx.AsyncClient,
        tenant: tuple[UUID, str],
        db: Database,
        operator_headers: Headers,
    ) -> None:
        """And the follower lives as long as the old key was made to."""
        old = await only_key(db, tenant[0])
        soon = now() + timedelta(minutes=30)
        async with db.transaction(tenant[0]) as session:
            await session.execute(
                update(ApiKey)
                .where(ApiKey.id == old.id)
                .values(expires_at=soon, created_at=soon - timedelta(days=90))
            )

        fresh = (await rotate(anonymous, operator_headers, old)).json()

        async with db.transaction(tenant[0]) as session:
            rows = {key.id: key for key in await session.scalars(select(ApiKey))}
        assert rows[old.id].expires_at == soon
        life = rows[UUID(fresh["id"])].expires_at - now()
        assert timedelta(days=89) < life <= timedelta(days=90)

    async def test_a_dead_key_is_not_followed(
        self,
        anonymous: httpx.AsyncClient,
        tenant: tuple[UUID, str],
        db: Database,
        operator_headers: Headers,
    ) -> None:
        old = await only_key(db, tenant[0])
        await rotate(anonymous, operator_headers, old, overlap_hours=0)

        answer = await rotate(anonymous, operator_headers, old)

        assert answer.status_code == 409
        assert answer.json()["code"] == "api_key_not_live"

    async def test_is_the_operators_alone(
        self, client: httpx.AsyncClient, tenant: tuple[UUID, str], db: Database
    ) -> None:
        old = await only_key(db, tenant[0])

        answer = await rotate(client, dict(client.headers), old)

        assert answer.status_code == 401


class TestKeyItself:
    async def test_has_enough_chance_in_it_and_leaves_a_hash_only(
        self, tenant: tuple[UUID, str], db: Database
    ) -> None:
        plain = tenant[1]
        kept = await only_key(db, tenant[0])

        secret = plain.removeprefix(f"{kept.prefix}_")

        assert len(secret) * 6 >= 160
        assert secret not in str(vars(kept))

    async def test_does_not_open_what_is_the_operators(
        self, client: httpx.AsyncClient, operator_headers: Headers, anonymous: httpx.AsyncClient
    ) -> None:
        """Nor does the operator's key open a merchant's data."""
        assert (await client.get("/v1/organizations")).status_code == 401
        answer = await anonymous.get("/v1/integrations", headers=operator_headers)
        assert answer.status_code == 401


class TestLimits:
    @pytest.fixture
    def few(self, app: FastAPI, collaborators: Collaborators) -> None:
        collaborators.request_limits = RequestLimits(per_key=5, per_organization=8)
        collaborators.attach(app.state)

    @pytest.mark.usefixtures("few")
    async def test_too_many_are_told_when_to_come_again(self, client: httpx.AsyncClient) -> None:
        answers = [await client.get("/v1/providers") for _ in range(7)]

        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        refused = answers[-1]
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["retryable"] is True

    @pytest.mark.usefixtures("few")
    async def test_keys_of_one_organization_share(
        self,
        anonymous: httpx.AsyncClient,
        tenant: tuple[UUID, str],
        db: Database,
        operator_headers: Headers,
    ) -> None:
        old = await only_key(db, tenant[0])
        other = (await rotate(anonymous, operator_headers, old)).json()["key"]

        first = [await status_with(anonymous, tenant[1]) for _ in range(5)]
        second = [await status_with(anonymous, other) for _ in range(5)]

        assert (first, second) == ([200] * 5, [200] * 3 + [429] * 2)

    async def test_without_redis_a_process_counts_by_itself(self) -> None:
        redis = arq_redis("redis://127.0.0.1:1", retries=0)
        time = 1_000_000.0
        rates = RequestRates(redis, clock=lambda: time)

        waits = [await rates.count([Allowance("key:1", 3)]) for _ in range(5)]
        time += 61
        later = [await rates.count([Allowance("key:1", 3)]) for _ in range(2)]
        await redis.aclose()

        assert waits[:3] == [0, 0, 0]
        assert all(0 < wait <= 61 for wait in waits[3:])
        assert later[0] == 0

    async def test_the_last_minute_counts_as_far_as_it_is_near(self) -> None:
        """Both ways of counting let no more than the limit through any sixty seconds."""
        redis = arq_redis("redis://127.0.0.1:1", retries=0)
        moment = 6_000_000.0
        rates = RequestRates(redis, clock=lambda: moment)
        passed: list[float] = []
        for step in range(240):
            moment = 6_000_000.0 + step
            if await rates.count([Allowance("key:1", 30)]) == 0:
                passed.append(moment)
        await redis.aclose()

        most = max(sum(1 for at in passed if start <= at < start + 60) for start in passed)
        assert most <= 33
        assert len(passed) >= 100
