"""The worker process: the own claim loop, and beside it the arq worker that only rings it."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from typing import Any, cast

import structlog
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.worker import Worker, func

from app.bootstrap import Collaborators, build
from app.jobs.runner import Runner
from app.kit.queue import QUEUE, RING, arq_redis, dumps, loads
from app.settings import Settings
from app.working import build_runner

log = structlog.get_logger(__name__)


def worker_name() -> str:
    """Return a name no other worker has, not even the next one with this process id."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


async def run_worker(settings: Settings, *, database_url: str, redis_url: str) -> None:
    """Work until SIGTERM or SIGINT; calls in flight are finished, everything else is kept."""
    collaborators = build(settings, database_url=database_url, redis_url=redis_url)
    runner = build_runner(collaborators, worker_name(), lanes=settings.worker_lanes)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stop)
    log.info("worker_started", worker=runner.worker, pid=os.getpid())
    bell = asyncio.create_task(listen(runner, redis_url))
    try:
        await runner.run()
    finally:
        bell.cancel()
        await asyncio.gather(bell, return_exceptions=True)
        await collaborators.close()
        log.info("worker_stopped", worker=runner.worker)


class Bell(Worker):
    """arq's worker, which a message that makes no sense cannot stop."""

    async def run_job(self, job_id: str, score: int) -> None:
        """Run one message; one that breaks arq itself is taken out of the queue."""
        try:
            await super().run_job(job_id, score)
        except Exception as error:  # noqa: BLE001 - whatever a stranger has put there
            log.warning("message_refused", error=type(error).__name__)
            await self.pool.zrem(self.queue_name, job_id)
            await self.pool.delete(job_key_prefix + job_id, in_progress_key_prefix + job_id)


async def listen(runner: Runner, redis_url: str) -> None:
    """Pass the doorbell's rings on. Without Redis nothing is missed, only a little later found."""
    while True:
        with contextlib.suppress(Exception):
            await _listen_once(runner, redis_url)
        await asyncio.sleep(2)


async def _listen_once(runner: Runner, redis_url: str) -> None:
    async def ring(_: dict[Any, Any], *arguments: Any, **options: Any) -> None:
        runner.ring()

    pool = arq_redis(redis_url, retries=8)
    worker = Bell(
        functions=[func(cast(Any, ring), name=RING, keep_result=0, max_tries=1)],
        queue_name=QUEUE,
        redis_pool=pool,
        handle_signals=False,
        poll_delay=0.1,
        max_jobs=50,
        keep_result=0,
        job_serializer=dumps,
        job_deserializer=loads,
        health_check_interval=3600,
        log_results=False,
    )
    try:
        await worker.async_run()
    finally:
        # A ring that is cut short makes closing end like a cancellation; the pool closes anyway.
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await worker.close()
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        with contextlib.suppress(Exception):
            await pool.aclose(close_connection_pool=True)


__all__ = ["Collaborators", "listen", "run_worker", "worker_name"]
