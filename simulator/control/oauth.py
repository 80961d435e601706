"""Control of apps, consents and tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter
from fastapi.responses import Response

from simulator.control.answers import json_answer
from simulator.control.bodies import Consent, NewApp, RedirectUris, TokenOrder, TokenPick
from simulator.exchange import Call, new_tid
from simulator.oauth.endpoints import AUTHORIZE_PATH
from simulator.oauth.grants import App, Grant
from simulator.wire import Json
from simulator.world import World


def router(world: World, base_url: str) -> APIRouter:
    """Routes over the authorization server."""
    routes = APIRouter()
    _add_apps(routes, world, base_url)
    _add_tokens(routes, world)
    return routes


def _add_apps(routes: APIRouter, world: World, base_url: str) -> None:
    @routes.post("/apps", status_code=201)
    async def add_app(body: NewApp) -> Response:
        world.grants.apps[body.client_id] = App(
            body.client_id, body.client_secret, list(body.redirect_uris)
        )
        return json_answer(body.model_dump(), 201)

    @routes.put("/redirect-uris")
    async def redirect_uris(body: RedirectUris) -> Response:
        client_id = body.client_id or _default_client(world)
        app = world.grants.apps.get(client_id)
        if app is None:
            raise LookupError(f"no app {client_id}")
        world.grants.apps[client_id] = replace(app, redirect_uris=list(body.redirect_uris))
        return json_answer({"client_id": client_id, "redirect_uris": body.redirect_uris})

    @routes.post("/authorize")
    async def authorize(body: Consent) -> Response:
        return json_answer(consent(world, base_url, body))


def _add_tokens(routes: APIRouter, world: World) -> None:
    @routes.post("/tokens", status_code=201)
    async def issue(body: TokenOrder) -> Response:
        if body.realm_id not in world.realms:
            raise LookupError(f"no company {body.realm_id}")
        client_id = body.client_id or _default_client(world)
        tokens = world.grants.issue(client_id, body.realm_id, body.scope)
        return json_answer(
            {
                "access_token": tokens.access_token,
                "refresh_token": tokens.refresh_token,
                "expires_in": tokens.expires_in,
                "realm_id": body.realm_id,
            },
            201,
        )

    @routes.get("/tokens")
    async def grants() -> Response:
        return json_answer({"grants": [_grant(grant) for grant in world.grants.grants]})

    @routes.post("/tokens/expire")
    async def expire(body: TokenPick) -> Response:
        picked = list(_picked(world, body))
        for grant in picked:
            world.grants.expire_access(grant)
        return json_answer({"grants": len(picked)})

    @routes.post("/tokens/revoke")
    async def revoke(body: TokenPick) -> Response:
        picked = list(_picked(world, body))
        for grant in picked:
            grant.revoked = True
        return json_answer({"grants": len(picked)})


def consent(world: World, base_url: str, body: Consent) -> Json:
    """Where the browser is sent when a person decides on an authorization URL."""
    parts = urlsplit(body.url)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    call = Call(
        method="GET",
        path=AUTHORIZE_PATH,
        query=asked,
        headers={},
        body=b"",
        base_url=base_url,
        tid=new_tid(),
        operation="authorize",
    )
    answer = world.oauth.authorize(call)
    if answer.status == 200:
        answer = world.oauth.decide(asked, body.decision, body.realm_id)
    return {"status": answer.status, "location": answer.headers.get("Location")}


def _default_client(world: World) -> str:
    return next(iter(world.grants.apps))


def _picked(world: World, pick: TokenPick) -> Iterator[Grant]:
    for grant in world.grants.grants:
        if pick.realm_id is not None and grant.realm_id != pick.realm_id:
            continue
        if pick.client_id is not None and grant.client_id != pick.client_id:
            continue
        values = {value.value for value in grant.values} | set(grant.access)
        if pick.token is None or pick.token in values:
            yield grant


def _grant(grant: Grant) -> Json:
    return {
        "client_id": grant.client_id,
        "realm_id": grant.realm_id,
        "scope": grant.scope,
        "revoked": grant.revoked,
        "consented_at": grant.consented_at,
        "refreshed_at": grant.refreshed_at,
        "access_tokens": [
            {"value": token, "expires_at": expires} for token, expires in grant.access.items()
        ],
        "refresh_tokens": [
            {
                "value": value.value,
                "issued_at": value.issued_at,
                "superseded_at": value.superseded_at,
            }
            for value in grant.values
        ],
    }
