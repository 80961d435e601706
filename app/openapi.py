"""The OpenAPI document: what FastAPI derives, and what it cannot know."""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.kit.web import PROBLEM, Problem

Document = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")
API_KEY, OPERATOR_KEY = "ApiKey", "OperatorKey"
DESCRIPTION = (
    "Keeps a subscription billing system and its merchants' QuickBooks Online books in step.\n\n"
    "Amounts are decimal strings, days `YYYY-MM-DD`, instants RFC 3339 in UTC. Every refusal is a"
    " problem document (RFC 9457) with a stable `code`, a sentence in `detail`, and `fixes`."
    " Lists come in pages: pass `next_cursor` as `cursor`. A POST with an `Idempotency-Key` may be"
    " repeated for 30 days."
)
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
IDEMPOTENCY_KEY: Document = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes repeating this POST harmless for 30 days",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
SCHEMES = {
    API_KEY: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "lw_…",
        "description": "An organization's API key; it decides whose data is seen",
    },
    OPERATOR_KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "The operator's key: makes organizations and their API keys",
    },
}


def operation_id(route: APIRoute) -> str:
    """Name an operation like its function, so that generated clients have names fit to be read."""
    return route.name


def openapi_document(app: FastAPI) -> Document:
    """Return the API's document; the same code always gives the same document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/", "description": "Where this document came from"}],
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["Problem"].pop("$defs", {})
    for path, method, operation in _operations(document):
        _name_schemes(operation)
        _tell_problems(operation, default=path.startswith("/v1/"))
        _read_examples(operation)
        if method == "post" and _takes_api_key(operation):
            _offer_idempotency(operation)
    document["components"]["securitySchemes"] = SCHEMES
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def install_openapi(app: FastAPI) -> None:
    """Let the app answer with this document, made once."""

    def document() -> Document:
        app.openapi_schema = app.openapi_schema or openapi_document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _name_schemes(operation: Document) -> None:
    """Call the schemes by what they are, not by the class that reads them."""
    if "security" in operation:
        operation["security"] = [
            {(API_KEY if name == "HTTPBearer" else name): scopes for name, scopes in each.items()}
            for each in operation["security"]
        ]


def _takes_api_key(operation: Document) -> bool:
    return any(API_KEY in each for each in operation.get("security", ()))


def _tell_problems(operation: Document, *, default: bool) -> None:
    """Show refusals under the media type that they really have."""
    for status, response in operation["responses"].items():
        if status[0] in "45":
            kept = response.get("content", {}).get(PROBLEM, {})
            response["content"] = {PROBLEM: {**kept, "schema": PROBLEM_REF}}
            if response.get("description") in {"", "Validation Error"}:
                response["description"] = "Refused"
    if default:
        operation["responses"]["default"] = {
            "description": "Refused, or not available right now",
            "content": {PROBLEM: {"schema": PROBLEM_REF}},
        }


def _read_examples(operation: Document) -> None:
    """Turn the examples of `kit.answers.example` from text into what they are."""
    for response in operation["responses"].values():
        for said in response.get("content", {}).values():
            if isinstance(said.get("example"), str):
                said["example"] = json.loads(said["example"])


def _offer_idempotency(operation: Document) -> None:
    parameters = operation.setdefault("parameters", [])
    names = {(each.get("in"), str(each.get("name")).lower()) for each in parameters}
    if ("header", "idempotency-key") not in names:
        parameters.append(IDEMPOTENCY_KEY)
