"""The doorbell: tells workers at once that a job is there. Losing a ring loses nothing."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

QUEUE = "ledgerwire:doorbell"
RING = "ring"

log = structlog.get_logger(__name__)


def dumps(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()


def loads(value: bytes) -> dict[str, Any]:
    parsed = json.loads(value)
    return parsed if isinstance(parsed, dict) else {}


def redis_pool(url: str, *, retries: int = 1) -> ConnectionPool:
    """
    Return a pool that fails fast and survives a restart of the server.

    The URL's password is percent-decoded and a `rediss` host name is checked, which arq's own
    settings do not do.
    """
    options: dict[str, Any] = {"ssl_check_hostname": True} if url.startswith("rediss") else {}
    return ConnectionPool.from_url(
        url,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), retries),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        **options,
    )


def arq_redis(url: str, *, retries: int = 1) -> ArqRedis:
    """Return arq's client, speaking JSON (its default, pickle, runs what it reads)."""
    return ArqRedis(
        redis_pool(url, retries=retries),
        job_serializer=dumps,
        job_deserializer=loads,
        default_queue_name=QUEUE,
    )


class Doorbell:
    """Rings the workers for a job."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._ringing: set[asyncio.Task[None]] = set()

    async def ring(self, job_id: UUID) -> None:
        """Ring once, without waiting: an answer does not hang on Redis being there."""
        task = asyncio.create_task(self._ring(job_id))
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    async def _ring(self, job_id: UUID) -> None:
        """Without Redis nothing happens: the workers look for themselves."""
        try:
            async with asyncio.timeout(2):
                await self._redis.enqueue_job(RING, str(job_id), _expires=60)
        except (RedisError, OSError, TimeoutError):
            log.warning("doorbell_silent", job_id=str(job_id))

    async def answers(self) -> bool:
        """Tell whether Redis is there."""
        try:
            async with asyncio.timeout(2):
                return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def close(self) -> None:
        if self._ringing:
            await asyncio.wait(self._ringing)
        await self._redis.aclose(close_connection_pool=True)


@dataclass(frozen=True, slots=True)
class RedisInfo:
    """What a server says of itself; *policy* is None where it does not tell."""

    product: str
    major: int
    policy: str | None


async def redis_info(url: str) -> RedisInfo | None:
    """Return what the server is, or None if it does not answer."""
    redis = arq_redis(url, retries=0)
    try:
        async with asyncio.timeout(5):
            told = await redis.info()
    except (RedisError, OSError, TimeoutError, ValueError):
        return None
    finally:
        await redis.aclose(close_connection_pool=True)
    version = str(told.get("valkey_version") or told.get("redis_version") or "0")
    return RedisInfo(
        product="Valkey" if "valkey_version" in told else "Redis",
        major=int(version.partition(".")[0]),
        policy=told.get("maxmemory_policy"),
    )


__all__ = [
    "QUEUE",
    "RING",
    "ArqRedis",
    "Doorbell",
    "RedisInfo",
    "arq_redis",
    "dumps",
    "loads",
    "redis_info",
]
