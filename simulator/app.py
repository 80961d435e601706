"""The ASGI application: reads a call whole, has it delivered, writes the answer, keeps the log."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from simulator.control import control_app
from simulator.delivery import Delivery, deliver
from simulator.exchange import Answer, Call, new_tid
from simulator.world import World

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CUT = "simulator.cut"
"""Scope extension of `simulator.server`; its ``close`` closes the connection."""


def create_app(world: World, base_url: str) -> AsgiApp:
    """The simulator over *world*; *base_url* is what its own documents call it."""

    @cache
    def control() -> AsgiApp:
        return control_app(world, base_url)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["path"].startswith("/_control"):
            world.settle()
            await control()(scope, receive, send)
        elif scope["type"] == "http":
            call = await _read(scope, receive, base_url)
            if call is not None:
                await _handle(world, call, scope, receive, send)

    return app


async def _handle(world: World, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
    at, started = world.clock.now(), time.perf_counter()
    delivery = await deliver(world, call)
    cut = delivery.cut
    world.log.add(
        call,
        None if cut == "before_answer" else delivery.answer,
        at=at,
        milliseconds=(time.perf_counter() - started) * 1000,
        cut=cut is not None,
        rule=delivery.rule,
    )
    if cut is None:
        await _write(call, delivery.answer, send)
    else:
        await _cut(call, delivery, scope, receive, send)


async def _read(scope: Scope, receive: Receive, base_url: str) -> Call | None:
    """Read the whole call; one whose client hung up halfway never was one, and is None."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    return Call(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        },
        body=body,
        base_url=base_url,
        tid=new_tid(),
    )


async def _write(call: Call, answer: Answer, send: Send, *, upto: int | None = None) -> None:
    """Send the answer; with *upto* only so many bytes of it, promising all."""
    headers = {
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        "intuit_tid": call.tid,
        **answer.headers,
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = answer.body if upto is None else answer.body[:upto]
    await send({"type": "http.response.body", "body": body, "more_body": upto is not None})


async def _cut(call: Call, delivery: Delivery, scope: Scope, receive: Receive, send: Send) -> None:
    """Close the connection, before the answer or after half of it."""
    extension = scope.get("extensions", {}).get(CUT)
    if extension is None:
        raise ConnectionAbortedError("cut by the fault plan")
    if delivery.cut == "mid_answer":
        await _write(call, delivery.answer, send, upto=len(delivery.answer.body) // 2)
    extension["close"]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
