"""A process that calls as often as it may: prints when each call was admitted, at the earliest."""

import asyncio
import json
import sys
import time

from app.kit.queue import arq_redis
from app.kit.windows import Gate, Limits


async def call(url: str, limits: Limits, *, count: int, batch: bool) -> list[tuple[float, float]]:
    """Return for each call the last moment before it was admitted, and the first after."""
    redis = arq_redis(url)
    asked = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal asked
        await asyncio.sleep(seconds)
        asked = time.monotonic()

    gate = Gate(redis, "shared", limits, pause=60.0, sleep=sleep)
    admitted = []
    for _ in range(count):
        asked = time.monotonic()
        await gate.admit(batch=batch)
        admitted.append((asked, time.monotonic()))
    await redis.aclose(close_connection_pool=True)
    return admitted


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    made = call(order["url"], Limits(**order["limits"]), count=order["count"], batch=order["batch"])
    json.dump(asyncio.run(made), sys.stdout)
