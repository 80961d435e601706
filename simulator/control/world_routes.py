"""Control of what all companies share: switches, time, faults, the log, the reset."""

from __future__ import annotations

from itertools import islice
from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import Response

from simulator.control.answers import json_answer
from simulator.control.bodies import ClockChange, NewRules
from simulator.wire import Json
from simulator.world import World


def router(world: World, base_url: str) -> APIRouter:
    """Routes over the whole simulator."""
    routes = APIRouter()
    _add_state(routes, world, base_url)
    _add_faults(routes, world)
    _add_log(routes, world)
    return routes


def _add_state(routes: APIRouter, world: World, base_url: str) -> None:
    @routes.get("/info")
    async def info() -> Response:
        return json_answer(describe(world, base_url))

    @routes.get("/switches")
    async def switches() -> Response:
        return json_answer(world.switches.to_json())

    @routes.patch("/switches")
    async def change_switches(values: dict[str, Any] = Body()) -> Response:
        world.switches.change(values)
        return json_answer(world.switches.to_json())

    @routes.get("/clock")
    async def clock() -> Response:
        return json_answer(_clock(world))

    @routes.post("/clock")
    async def change_clock(change: ClockChange) -> Response:
        if change.now is not None:
            world.clock.set(change.now)
        if change.scale is not None:
            world.clock.set_scale(change.scale)
        if change.advance is not None:
            world.clock.advance(change.advance)
        world.settle()
        return json_answer(_clock(world))

    @routes.post("/reset")
    async def reset() -> Response:
        world.reset()
        return json_answer(describe(world, base_url))


def _add_faults(routes: APIRouter, world: World) -> None:
    @routes.get("/faults")
    async def faults() -> Response:
        return json_answer({"rules": world.plan.to_json()})

    @routes.post("/faults", status_code=201)
    async def add_faults(body: NewRules) -> Response:
        return json_answer({"ids": world.plan.add(body.rules)}, 201)

    @routes.delete("/faults")
    async def clear_faults() -> Response:
        world.plan.clear()
        return Response(status_code=204)

    @routes.delete("/faults/{rule_id}")
    async def remove_fault(rule_id: str) -> Response:
        if not world.plan.remove(rule_id):
            raise LookupError(f"no rule {rule_id}")
        return Response(status_code=204)


def _add_log(routes: APIRouter, world: World) -> None:
    @routes.get("/requests")
    async def requests(
        realm_id: str | None = None,
        operation: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Response:
        found = world.log.find(realm_id=realm_id, operation=operation, after=after)
        return json_answer({"requests": [entry.to_json() for entry in islice(found, limit)]})

    @routes.delete("/requests")
    async def clear_requests() -> Response:
        world.log.clear()
        return Response(status_code=204)


def describe(world: World, base_url: str) -> Json:
    """What a client needs to know to use the simulator."""
    app = next(iter(world.grants.apps.values()))
    return {
        "base_url": base_url,
        "api_url": base_url,
        "discovery_url": f"{base_url}/.well-known/openid_sandbox_configuration",
        "control_url": f"{base_url}/_control",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "realm_id": next(iter(world.realms), None),
        "companies": [
            {"realm_id": realm_id, "name": name, "profile": world.profile_of(realm_id)}
            for realm_id, name in world.company_names()
        ],
    }


def _clock(world: World) -> Json:
    return {
        "now": world.clock.now().isoformat(),
        "scale": world.clock.scale,
        "postponed": world.postponed,
    }
