"""The ASGI application under ``/_control``."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from simulator.books.faults import Fault
from simulator.control import companies, oauth, world_routes
from simulator.control.answers import json_answer
from simulator.wire import fault_body
from simulator.world import World

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


def control_app(world: World, base_url: str) -> AsgiApp:
    """The control plane over *world*; only loopback clients are let in."""
    app = FastAPI(
        title="QuickBooks simulator: control plane",
        docs_url="/_control/docs",
        openapi_url="/_control/openapi.json",
        redoc_url=None,
    )
    app.include_router(world_routes.router(world, base_url), prefix="/_control")
    app.include_router(companies.router(world), prefix="/_control")
    app.include_router(oauth.router(world, base_url), prefix="/_control")
    app.add_exception_handler(Fault, _books_refused)
    app.add_exception_handler(ValueError, _not_understood)
    app.add_exception_handler(LookupError, _not_there)

    async def guarded(
        scope: Scope,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if _is_loopback(scope.get("client")):
            await app(scope, receive, send)
        else:
            answer = json_answer({"error": "the control plane is for loopback clients"}, 403)
            await answer(scope, receive, send)

    return guarded


def _is_loopback(client: Any) -> bool:
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


async def _books_refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Fault)  # noqa: S101  # Registered for nothing else.
    return json_answer({"Fault": fault_body(problem.errors, problem.type)}, 409)


async def _not_understood(_: Request, problem: Exception) -> Response:
    return json_answer({"error": str(problem)}, 422)


async def _not_there(_: Request, problem: Exception) -> Response:
    return json_answer({"error": str(problem.args[0] if problem.args else problem)}, 404)
