"""What a fault is, and the kinds that most of the catalogue is made of."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.nemesis import tenants
from tests.faults.nemesis.ground import port_of
from tests.faults.nemesis.play import Play, scaled

WRITES = "^(create|update|void|delete|batch)$"
TOKENS = "/oauth2/v1/tokens/bearer"
# Longer than a lease lives: whoever sleeps so long is overtaken.
OVERTAKEN = 5.2

Strike = Callable[[Play], Awaitable[int]]
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One fault of the catalogue.

    *strike* arms it, waits, heals it, and returns how often it has hit. *crowd*: only a backlog
    that goes in batches meets it. *alone*: it harms everybody, so one at a time.
    """

    name: str
    strike: Strike
    crowd: bool = False
    alone: bool = False
    # Not before so many seconds after the first export was asked for, at the least and the most.
    between: tuple[float, float] = (0.0, 0.0)


def on_write(action: Body, *, times: int = 1, batch: bool = False, nth: int = 7) -> Strike:
    """The books do *action* to one of the first writes."""

    async def strike(play: Play) -> int:
        match: Body = {"operation": "^batch$" if batch else WRITES, "times": times}
        if times == 1:
            match["nth"] = play.rng.randint(1, 2 if batch else nth)
        number = await play.rule(match, action)
        await play.healed.wait()
        return await play.disarm(number)

    return strike


def on_write_unseen(action: Body, lag: float) -> Strike:
    """As `on_write`, while queries lag behind."""
    written = on_write(action, nth=4)

    async def strike(play: Play) -> int:
        number = await play.rule({"operation": "^query$"}, {"query_lag": lag})
        hits = await written(play)
        # What queries show late is shown late to the end.
        await asyncio.sleep(scaled(300))
        seen = await play.disarm(number)
        return min(hits, seen)

    return strike


def at_commit(moment: str, state: str, action: str, **details: Any) -> Strike:
    """Whoever comes by that commit does *action* to itself."""

    async def strike(play: Play) -> int:
        name = play.point(moment, state)
        while (play.ground.orders / name).exists():
            if await play.wait(0.05):
                return 0
        number = play.ground.order(name, action, **details)
        try:
            while not play.ground.carried_out(number):
                if await play.wait(0.1):
                    return int(play.ground.carried_out(number))
            play.note(f"struck: {action} at {moment} of {state}")
            if action == "SIGSTOP":
                await _sleep_and_wake(play, number)
            return 1
        finally:
            play.ground.withdraw(name)

    return strike


async def _sleep_and_wake(play: Play, number: str) -> None:
    pid = play.ground.process_of(number)
    assert pid is not None
    await asyncio.sleep(OVERTAKEN)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def on_the_wire(point: str, *, stopped: bool = False) -> Strike:
    """The worker dies with its request at that point, or stands still for a scaled minute."""

    async def strike(play: Play) -> int:
        with play.traps(point, signal.SIGSTOP if stopped else signal.SIGKILL) as sprung:
            while not sprung:
                if await play.wait(0.1):
                    break
        if stopped and sprung:
            await asyncio.sleep(OVERTAKEN)
            with contextlib.suppress(ProcessLookupError):
                sprung[0].signal(signal.SIGCONT)
        return len(sprung)

    return strike


async def stop_one_at_random(play: Play) -> int:
    """A machine that stands still for a scaled minute, wherever its worker is."""
    crew = play.rng.choice(play.ground.crews)
    with contextlib.suppress(ProcessLookupError):
        crew.process.signal(signal.SIGSTOP)
        await asyncio.sleep(OVERTAKEN)
        crew.process.signal(signal.SIGCONT)
        return 1
    return 0


async def kill_one_at_random(play: Play) -> int:
    crew = play.rng.choice(play.ground.crews)
    with contextlib.suppress(ProcessLookupError):
        crew.process.signal(signal.SIGKILL)
        return 1
    return 0


async def kill_all(play: Play) -> int:
    for crew in play.ground.crews:
        with contextlib.suppress(ProcessLookupError):
            crew.process.signal(signal.SIGKILL)
    await asyncio.sleep(1.5)
    return 1


async def cancel_slices(play: Play) -> int:
    """Every slice is cancelled wherever it waits, a few times."""
    for _ in range(3):
        for crew in play.ground.crews:
            with contextlib.suppress(ProcessLookupError):
                crew.process.signal(signal.SIGUSR1)
        await asyncio.sleep(play.rng.uniform(0.05, 0.4))
    return 1


async def wrong_clocks(play: Play) -> int:
    """Two workers whose clocks are five minutes apart take the places of two right ones."""
    crews = play.ground.crews[:2]
    if any(crew.skew for crew in crews):
        return 0
    for crew, skew in zip(crews, (150.0, -150.0), strict=True):
        with contextlib.suppress(ProcessLookupError):
            crew.process.signal(signal.SIGTERM)
        play.ground.start_worker(crew, skew=skew)
    await play.healed.wait()
    for crew in crews:
        with contextlib.suppress(ProcessLookupError):
            crew.process.signal(signal.SIGTERM)
        play.ground.start_worker(crew)
    return 1


async def api_dies_at_the_bell(play: Play) -> int:
    number = play.ground.order("ring.any", "SIGKILL")
    try:
        await play.export("invoices")
    finally:
        play.ground.withdraw("ring.any")
    return int(play.ground.carried_out(number))


async def eight_overlapping(play: Play) -> int:
    ranges = [("2026-03-01", f"2026-03-{day}") for day in (10, 15, 20, 31)]
    ranges += [(f"2026-03-{day:02d}", "2026-03-31") for day in (1, 3, 5, 8)]
    await asyncio.gather(*(play.export(date_from=first, date_to=last) for first, last in ranges))
    return 1


# ------------------------------------------------------------------------------------------ Redis


@contextlib.asynccontextmanager
async def _redis(play: Play) -> Any:
    # Past the pipe, and so whatever the pipe is going through.
    url = play.ground.settings.redis_url or ""
    direct = url.replace(f":{port_of(url)}/", f":{play.ground.redis_port}/")
    async with Redis.from_url(direct) as redis:
        yield redis


async def redis_flushed(play: Play) -> int:
    async with _redis(play) as redis:
        for _ in range(10):
            with contextlib.suppress(RedisError, OSError):
                await redis.flushall()
            await asyncio.sleep(0.1)
    return 1


async def redis_restarted(play: Play) -> int:
    play.ground.restart_valkey()
    return 1


async def redis_unreachable(play: Play) -> int:
    play.ground.redis_pipe.tell("shut")
    await asyncio.sleep(2)
    play.ground.redis_pipe.tell("open")
    return 1


async def redis_full(play: Play) -> int:
    async with _redis(play) as redis:
        await redis.config_set("maxmemory", "1")
        try:
            await asyncio.sleep(2)
        finally:
            await redis.config_set("maxmemory", "0")
    return 1


# --------------------------------------------------------------------------------------- Postgres


async def postgres_restarted(play: Play) -> int:
    play.ground.restart_postgres()
    return 1


async def connections_cut(play: Play) -> int:
    return min(play.ground.database_pipe.tell("cut"), 1)


async def old_backup(play: Play) -> int:
    """The database is put back to where it was; billing pushes again what may be lost."""
    kept = await tenants.back_up(play.ground, play.client)
    await asyncio.sleep(play.rng.uniform(0.5, 1.5))
    for crew in play.ground.crews:
        with contextlib.suppress(ProcessLookupError):
            crew.process.signal(signal.SIGKILL)
    for crew in play.ground.crews:
        await crew.process.gone()
    await tenants.restore(play.ground, play.client, kept)
    # What went out in the lost interval is on the wire, and no longer in the ledger.
    play.log_from = max((int(entry["number"]) for entry in await play.log()), default=0)
    play.jobs = [str(row["id"]) for row in kept["jobs"]]
    play.note("restored")
    await play.push(everything=True)
    return 1


# -------------------------------------------------------------------------------------- the books


def until_reconnected(action: Body) -> Strike:
    """QuickBooks refuses the connection until the merchant connects again."""

    async def strike(play: Play) -> int:
        number = await play.rule({"operation": WRITES, "body": "."}, action)
        return await _reconnect_when_lost(play, number)

    return strike


async def revoked(play: Play) -> int:
    play.ground.simulator.revoke_tokens(play.client.realm_id)
    return await _reconnect_when_lost(play, None)


async def _reconnect_when_lost(play: Play, number: str | None) -> int:
    deadline = time.monotonic() + 40
    lost = False
    while not lost and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        rows = await play.ground.rows(
            "SELECT status FROM connections WHERE company_id = $1", play.client.company_id
        )
        lost = rows[0]["status"] == "reauthorization_required"
        if play.healed.is_set() and number is not None and not await play.fired(number):
            break
    if number is not None:
        await play.disarm(number)
    if lost or number is None:
        await reconnect(play)
    return int(lost)


async def reconnect(play: Play) -> None:
    """Walk the consent again, until it is through whatever else goes wrong."""
    for _ in range(10):
        with contextlib.suppress(Exception):
            if (await play.client.connect())["status"] == "connected":
                play.note("connected again")
                return
        await asyncio.sleep(0.5)
    raise AssertionError("could not connect again")


async def refresh_race(play: Play) -> int:
    """The token is old for workers and API alike, and its renewal takes its time."""
    number = await play.rule({"path": TOKENS, "times": 3}, {"delay": 0.25}, anywhere=True)
    play.ground.simulator.expire_tokens(play.client.realm_id)
    checks = (play.client.call("POST", "/preflight", {}) for _ in range(3))
    await asyncio.gather(*checks, return_exceptions=True)
    return min(await play.disarm(number), 1)


async def refresh_lost(play: Play) -> int:
    """The answer with the new token never arrives."""
    number = await play.rule(
        {"path": TOKENS, "times": 1}, {"cut": "before_answer", "when": "after"}, anywhere=True
    )
    play.ground.simulator.expire_tokens(play.client.realm_id)
    await play.wait(2)
    return await play.disarm(number)


async def stale_tokens(play: Play) -> int:
    """Somebody touches our documents in QuickBooks, without changing what they say."""
    await play.turned.wait()
    simulator, realm = play.ground.simulator, play.client.realm_id
    for row in simulator.documents("Invoice", realm):
        if row["Balance"] == row["TotalAmt"] and row["TotalAmt"]:
            body = {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True}
            simulator.edit("update", "Invoice", body | {"DueDate": row["DueDate"]}, realm)
    await play.healed.wait()
    return (await play.codes()).count("5010")


async def closed_and_opened(play: Play) -> int:
    simulator, realm = play.ground.simulator, play.client.realm_id
    simulator.close_books("2026-03-31", realm)
    await play.wait(play.rng.uniform(0.5, 2))
    simulator.close_books(None, realm)
    await play.healed.wait()
    return len([code for code in await play.codes() if code in {"6200", "6210"}])


async def request_ids_forgotten(play: Play) -> int:
    """From some moment on, ids of before are not known any more; here: none is."""
    number = await play.rule({"operation": WRITES}, {"requestid": "ignored"})
    await play.healed.wait()
    await play.settled()
    return min(await play.disarm(number), 1)


def applied_too_late(action: Body) -> Strike:
    """Beyond what the promise bears: a double may come of it, and has to be told."""
    written = on_write(action, nth=4)

    async def strike(play: Play) -> int:
        hits = await written(play)
        play.late = play.late or hits > 0
        return hits

    return strike


def gateway_body(message: str, code: str, kind: str) -> Body:
    error = {"message": message, "detail": None, "code": code, "element": None}
    return {"fault": {"error": [error], "type": kind}, "requestId": None, "time": 1730024394085}
