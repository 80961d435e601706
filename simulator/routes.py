"""From method and path to what a call is about."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from simulator.exchange import Call
from simulator.oauth.endpoints import AUTHORIZE_PATH, DISCOVERY_PATHS, REVOKE_PATH, TOKEN_PATH
from simulator.query.fields import entity_named

_COMPANY = re.compile(r"^/v3/company/([^/]+)/(.+)$")
_FROM = re.compile(r"\bfrom\s+([A-Za-z]+)", re.IGNORECASE)
_GETS = {"query": "query", "cdc": "cdc", "exchangerate": "exchangerate"}
_POSTS = {"query": "query", "batch": "batch", "taxservice/taxcode": "taxservice"}


def classify(call: Call) -> None:
    """
    Fill in realm, resource, entity, object id and operation of *call*.

    A call whose path nobody serves gets the operation ``unknown``. For a POST on an entity the
    operation is what it asks for (create, update, void, delete), so fault rules can tell them
    apart; whether it may is decided later.
    """
    company = _COMPANY.match(call.path)
    if company is None:
        call.operation = _outside(call)
        return
    call.realm_id, call.resource = company[1], company[2]
    call.operation = "unknown"
    if call.method == "GET":
        _classify_get(call)
    elif call.method == "POST":
        _classify_post(call)


def _outside(call: Call) -> str:
    path = call.path.rstrip("/")
    if call.method == "GET" and path in DISCOVERY_PATHS:
        return "discovery"
    if call.method == "GET" and path == "/op/v1/jwks":
        return "jwks"
    if call.method in {"GET", "POST"} and path == AUTHORIZE_PATH:
        return "authorize"
    if call.method == "POST" and path == TOKEN_PATH:
        form = parse_qs(call.body.decode(errors="replace"))
        return "refresh" if form.get("grant_type") == ["refresh_token"] else "token"
    if call.method == "POST" and path == REVOKE_PATH:
        return "revoke"
    return "unknown"


def _classify_get(call: Call) -> None:
    name, _, rest = call.resource.partition("/")
    if call.resource in _GETS:
        call.operation = _GETS[call.resource]
        if call.operation == "query":
            call.entity = _asked_entity(call)
        return
    entity = _path_entity(name)
    if entity is None or "/" in rest:
        return
    if rest or entity == "Preferences":
        call.entity, call.object_id, call.operation = entity, rest, "read"


def _classify_post(call: Call) -> None:
    if call.resource in _POSTS:
        call.operation = _POSTS[call.resource]
        if call.operation == "query":
            call.entity = _asked_entity(call)
        return
    entity = _path_entity(call.resource)
    if entity is None:
        return
    call.entity = entity
    call.operation = _asked_verb(call)


def _path_entity(name: str) -> str | None:
    """Paths name entities in lower case only."""
    return entity_named(name) if name == name.lower() else None


def _asked_entity(call: Call) -> str | None:
    found = _FROM.search(statement_of(call))
    return None if found is None else entity_named(found[1]) or found[1]


def statement_of(call: Call) -> str:
    """The statement of a query: the body, or with an empty one the URL's."""
    text = call.body.decode(errors="replace") if call.method == "POST" else ""
    return text if text.strip() else call.query.get("query", "")


def _asked_verb(call: Call) -> str:
    operation = call.query.get("operation", "").lower()
    includes = call.query.get("include", "").lower().split(",")
    if operation == "void" or (operation == "update" and "void" in includes):
        return "void"
    if operation in {"delete", "update", "create"}:
        return operation
    try:
        body = call.json()
    except (ValueError, RecursionError):
        return "create"
    return "update" if isinstance(body, dict) and body.get("Id") else "create"
