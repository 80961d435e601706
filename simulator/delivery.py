"""A call from arrival to what goes back over the wire, through the fault plan."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from simulator.exchange import Answer, Call
from simulator.faultrules import Action
from simulator.routes import classify
from simulator.wire import dumps
from simulator.world import NO_BATCH_FAULTS, World, page

Cut = Literal["before_answer", "mid_answer"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """The answer, where the connection is cut (if it is) and the rule that met the call."""

    answer: Answer
    cut: Cut | None = None
    rule: str | None = None


async def deliver(world: World, call: Call) -> Delivery:
    """
    Carry *call* out, as far as the fault plan lets it.

    The books change in one step without waiting, so simultaneous calls cannot mix.
    """
    world.settle()
    classify(call)
    world.count(call)
    met = world.plan.meet(call)
    if met is None:
        return Delivery(world.answer(call))
    rule, action = met
    call.requestid_mode, call.query_lag = action.requestid, action.query_lag
    if action.delay and action.when == "before":
        await asyncio.sleep(action.delay)
        world.settle()
    answer = _disturbed(world, call, action)
    if action.delay and action.when == "after":
        await asyncio.sleep(action.delay)
    if action.torn:
        answer.body = answer.body[: len(answer.body) // 2]
    return Delivery(answer, action.cut, rule)


def _disturbed(world: World, call: Call, action: Action) -> Answer:
    if action.apply_later is not None:
        return _postponed(world, call, action, action.apply_later)
    spoiled = action.replaces or action.cut == "before_answer"
    if not spoiled or action.when == "after":
        answer = world.answer(call, action.batch or NO_BATCH_FAULTS)
        if not action.replaces:
            return answer
    return _replacement(world, call, action)


def _postponed(world: World, call: Call, action: Action, seconds: float) -> Answer:
    """The call is accepted, nothing is said about it, and it is carried out later."""
    if call.realm_id is None:
        return page(404)
    entered = world.enter(call)
    if isinstance(entered, Answer):
        return entered
    world.postpone(call, entered, seconds)
    return _replacement(world, call, action)


def _replacement(world: World, call: Call, action: Action) -> Answer:
    """What is said instead of the truth; a gateway time-out when the rule does not say."""
    if action.fault is not None:
        answer = world.api.refusal(action.fault.to_fault())
        if action.kept:
            world.keep(call, answer)
    elif action.throttled:
        answer = world.gateway.throttled()
    elif action.revoke or action.unauthorized:
        answer = _unauthorized(world, call, revoke=action.revoke)
    else:
        answer = _plain(action)
    answer.headers.update(action.headers)
    return answer


def _unauthorized(world: World, call: Call, *, revoke: bool) -> Answer:
    grant = world.grant_of(call)
    if revoke:
        if grant is not None:
            grant.revoked = True
        return world.gateway.unauthorized(None)
    _, _, token = call.headers.get("authorization", "").partition(" ")
    return world.gateway.unauthorized(f"Token expired: {token}")


def _plain(action: Action) -> Answer:
    if action.html or action.body is None:
        return page(action.status or (502 if action.html else 504))
    is_text = isinstance(action.body, str)
    body = action.body.encode() if is_text else dumps(action.body)
    kind = action.content_type or ("text/plain" if is_text else "application/json")
    return Answer(action.status or 200, body, kind)
