"""One seed from its billing to its verdict, and many of them side by side."""

import asyncio
import contextlib
import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from judge import billed
from judge.books import Books, read_books
from judge.compare import Judge
from judge.marks import BETWEEN, Marks
from judge.promise import Ledger, Promise, Waits
from tests.faults.nemesis.billing import Book
from tests.faults.nemesis.catalogue import CATALOGUE
from tests.faults.nemesis.faults import Fault
from tests.faults.nemesis.ground import Ground
from tests.faults.nemesis.play import Play, scaled
from tests.faults.nemesis.tenants import Template, clone

LONGEST_STRIKE = 40.0
SETTLE_SECONDS = 240.0
CALM_ROUNDS = 4
PLURALS = {"invoice": "invoices", "payment": "payments", "credit_memo": "credits"}


@dataclass(slots=True)
class Verdict:
    """What became of one seed."""

    seed: int
    faults: list[str]
    hits: dict[str, int] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)
    documents: int = 0
    conflicts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    trace: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed does, all of it drawn from the seed."""

    seed: int
    faults: tuple[Fault, ...]
    moments: tuple[float, ...]
    exports: int
    turn: float
    crowd: bool


def plan_of(seed: int, only: Sequence[str] = ()) -> Plan:
    """Draw a schedule; the first fault goes round the catalogue, so that none is left out."""
    rng = random.Random(f"plan {seed}")
    names = list(CATALOGUE)
    chosen = [CATALOGUE[name] for name in only]
    if not chosen:
        turn = seed % len(names)
        rest = [name for name in names if name != names[turn]]
        if not CATALOGUE[names[turn]].crowd:
            rest = [name for name in rest if not CATALOGUE[name].crowd or rng.random() < 0.1]
        chosen = [CATALOGUE[names[turn]]]
        chosen += [CATALOGUE[name] for name in rng.sample(rest, rng.randint(2, 4))]
    return Plan(
        seed=seed,
        faults=tuple(chosen),
        moments=tuple(rng.uniform(*fault.between) for fault in chosen),
        exports=rng.randint(1, 2),
        turn=rng.uniform(0.3, 2.0),
        crowd=any(fault.crowd for fault in chosen),
    )


async def play_seed(ground: Ground, template: Template, plan: Plan, *, mode: str) -> Verdict:
    """Let one seed run to its end; whatever goes wrong on our side is a breach, too."""
    verdict = Verdict(plan.seed, [fault.name for fault in plan.faults])
    began = time.monotonic()
    play: Play | None = None
    try:
        client = await clone(ground, template)
        book = Book(random.Random(f"billing {plan.seed}"), plan.seed)
        rng = random.Random(f"faults {plan.seed}")
        account = template.income_account
        play = Play(ground, client, book, rng, mode, account, crowd=plan.crowd)
        await _storm(play, plan, verdict)
        await _calm(play)
        verdict.breaches += await _judge(play, verdict)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this seed's verdict
        frames = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in frames[::-1][:4])
        verdict.breaches.append(
            f"the run itself: {type(error).__name__}: {str(error)[:600]} {where}"
        )
    finally:
        verdict.seconds = time.monotonic() - began
        if play is not None:
            verdict.trace = play.trace
            await play.client.http.aclose()
    return verdict


# ------------------------------------------------------------------------------------- the storm


async def _storm(play: Play, plan: Plan, verdict: Verdict) -> None:
    """Push, export, strike, change what was billed, and export again."""
    play.book.first_round(crowd=plan.crowd)
    await play.push()
    strikes = [
        asyncio.create_task(_strike(play, fault, moment, verdict))
        for fault, moment in zip(plan.faults, plan.moments, strict=True)
    ]
    try:
        await asyncio.sleep(0.02)
        for number in range(plan.exports):
            await play.export(*(() if number == 0 else ("invoices", "payments", "credits")))
        await asyncio.sleep(plan.turn)
        play.book.second_round()
        play.turned.set()
        await asyncio.sleep(0.02)
        await play.push()
        await play.export()
        await _until_struck(play, strikes)
    finally:
        play.healed.set()
        play.turned.set()
    play.note("healed")
    for outcome in await asyncio.gather(*strikes, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _until_struck(play: Play, strikes: Sequence[asyncio.Task[None]]) -> None:
    deadline = time.monotonic() + LONGEST_STRIKE
    while time.monotonic() < deadline:
        if all(strike.done() for strike in strikes) or not await play.open_jobs():
            return
        await asyncio.sleep(0.1)


async def _strike(play: Play, fault: Fault, moment: float, verdict: Verdict) -> None:
    await asyncio.sleep(moment)
    guard = play.ground.harm if fault.alone else contextlib.nullcontext()
    async with guard:
        play.note(f"fault: {fault.name}")
        hits = await fault.strike(play)
    verdict.hits[fault.name] = hits
    play.note(f"fault over: {fault.name}, {hits} hits")


# -------------------------------------------------------------------------------------- the calm


async def _calm(play: Play) -> None:
    """Nothing is broken any more: exports and retries until there is nothing to be done."""
    await play.ground.api_answers()
    if not await play.settled(SETTLE_SECONDS):
        raise AssertionError(f"not settled: {await play.open_postings()} {await _open(play)}")
    play.note("settled")
    for _ in range(CALM_ROUNDS):
        job_id = await play.export()
        await _ended(play)
        job = await play.client.call("GET", f"/sync-jobs/{job_id}")
        left = {name: job["counts"].get(name) for name in ("rejected", "blocked", "parked")}
        play.note(f"calm export: {job['status']} {job['counts']}")
        if not any(left.values()):
            break
        if left["rejected"]:
            again = await play.client.call("POST", f"/sync-jobs/{job_id}/retry", {})
            play.jobs.append(again["id"])
            await _ended(play)
    if play.late:
        await _look_for_the_late(play)


async def _ended(play: Play) -> None:
    if not await play.settled(SETTLE_SECONDS):
        raise AssertionError(f"not settled: {await play.open_postings()} {await _open(play)}")


async def _open(play: Play) -> list[dict[str, object]]:
    return await play.ground.rows(
        "SELECT status, paused_reason, deaths, resume_at - clock_timestamp() AS resumes,"
        " (SELECT due_at - clock_timestamp() FROM lanes l WHERE l.company_id = j.company_id) AS due"
        " FROM jobs j WHERE company_id = $1 AND finished_at IS NULL",
        play.client.company_id,
    )


async def _look_for_the_late(play: Play) -> None:
    """Workers start anew after what came late has come: the catch-up read has to find it."""
    await asyncio.sleep(scaled(420))
    async with play.ground.harm:
        for crew in play.ground.crews:
            with contextlib.suppress(ProcessLookupError):
                crew.process.signal(15)
            play.ground.start_worker(crew)
        await play.export()
        await _ended(play)
    play.note("caught up")


# ----------------------------------------------------------------------------------- the verdict


async def _judge(play: Play, verdict: Verdict) -> list[str]:
    ledger = await read_ledger(play)
    books = await asyncio.to_thread(read_books, play.ground.simulator.base_url, ledger.realm)
    log = [entry for entry in await play.log() if entry["number"] > play.log_from]
    waits = Waits(second_look=scaled(300), give_up=scaled(86_400))
    promise = Promise(ledger, books, log, waits)
    breaches = [str(breach) for breach in promise.check()]
    exempt = _exempt(promise, verdict)
    breaches += _compared(play, books, exempt)
    breaches += await _left_over(play, exempt)
    verdict.documents = sum(row["external_id"] is not None for row in ledger.links)
    return breaches


def _exempt(promise: Promise, verdict: Verdict) -> set[str]:
    """Return the billing ids of what waits for a person, and count why."""
    ledger, found = promise.ledger, set()
    links = {row["id"]: row for row in ledger.links}
    for posting in ledger.postings:
        if posting["state"] == "conflict":
            found.add(links[posting["link_id"]]["billing_id"])
            verdict.conflicts[str(posting["reason"])] += 1
    for link in ledger.links:
        if promise.told_of_double(link) and link["billing_id"] not in found:
            found.add(link["billing_id"])
            verdict.conflicts["told of a second document"] += 1
    return {part for billing_id in found for part in billing_id.split(BETWEEN)}


def _compared(play: Play, books: Books, exempt: set[str]) -> list[str]:
    """Compare in cents; where a person has to decide, all that hangs on it is left out."""
    marks = Marks("simulator", play.client.realm_id, "billing")
    judgement = Judge(
        billed.read(play.book.entries(play.income_account)), books, Books(), marks
    ).judge()
    hanging = _hanging(play, exempt)
    lines = [
        f"cents: {finding.kind} {finding.which} {finding.problem}"
        f" (billed {finding.billed or '-'}, books {finding.books or '-'})"
        for finding in judgement.findings
        if not hanging & set(finding.which.replace("N-", "").replace(" on ", " ").split())
    ]
    if not exempt:
        lines += [
            f"cents: {row.name}: billed {row.billed_count} {row.billed},"
            f" books {row.books_count} {row.books}"
            for row in judgement.rows
            if not row.agrees
        ]
    return lines


def _hanging(play: Play, exempt: set[str]) -> set[str]:
    """Return what is exempt and what settles it or is settled by it."""
    found = set(exempt)
    for (_, billing_id), body in play.book.records.items():
        parts = {
            part["invoice"]
            for part in (*body.get("allocations", ()), *body.get("applications", ()))
        }
        if found & (parts | {billing_id, body.get("customer", "")}):
            found |= parts | {billing_id}
    return found


async def _left_over(play: Play, exempt: set[str]) -> list[str]:
    """After a quiet export nothing is left that is not as billing has it."""
    rows = await play.ground.rows(
        "SELECT kind, billing_id, state, code, cause FROM job_records WHERE job_id = $1"
        " AND state NOT IN ('posted', 'unchanged', 'skipped')",
        UUID(play.jobs[-1]),
    )
    hanging = _hanging(play, exempt)
    return [
        f"left over: {row['kind']} {row['billing_id'].replace(BETWEEN, '+')}: {row['state']}"
        f" {row['code']} {row['cause']}"
        for row in rows
        if not hanging & set(row["billing_id"].split(BETWEEN))
    ]


async def read_ledger(play: Play) -> Ledger:
    """Read everything that the database has of one company, by SQL."""
    ground, company = play.ground, UUID(play.client.company_id)

    async def of(table: str, joined: str = "") -> list[dict[str, object]]:
        statement = f"SELECT t.* FROM {table} t {joined}"  # noqa: S608 - names of our own
        return await ground.rows(statement, company)

    own = "WHERE t.company_id = $1"
    posting = "JOIN postings p ON p.id = t.posting_id WHERE p.company_id = $1"
    job = "JOIN jobs j ON j.id = t.job_id WHERE j.company_id = $1"
    jobs = await of("jobs", own)
    for row in jobs:
        row["counts"] = _json(row["counts"])
    return Ledger(
        environment="simulator",
        realm=play.client.realm_id,
        links=await of("links", own),
        postings=await of("postings", own),
        events=await of("posting_events", posting),
        attempts=await of("attempts", posting),
        jobs=jobs,
        steps=await of("job_steps", job),
        records=await of("job_records", job),
        strays=await of("strays", own),
    )


def _json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value
