"""HTTP at the edge: one transaction per request, problems (RFC 9457), paging, kept answers."""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Generic, Protocol, TypeVar, runtime_checkable
from uuid import UUID

import structlog
from fastapi import FastAPI, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.kit.db import Database
from app.kit.errors import AppError, FieldProblem, Invalid, TooLarge

log = structlog.get_logger(__name__)

PROBLEM = "application/problem+json"
# An invoice of 2000 lines with three taxes each has half as many.
MOST_VALUES = 100_000
T = TypeVar("T")


# ------------------------------------------------------------------- one request, one transaction


class RequestWork:
    """
    The transaction of one request: opened once the caller is known, committed at the edge.

    *secret*: the answer holds something that must not be kept in clear.
    """

    def __init__(self, db: Database) -> None:
        self.db = db
        self.secret = False
        self._context: AbstractAsyncContextManager[AsyncSession] | None = None
        self.session: AsyncSession | None = None
        self.before_commit: list[Callable[[AsyncSession, Response], Awaitable[None]]] = []

    async def open(self, organization_id: UUID) -> AsyncSession:
        self._context = self.db.transaction(organization_id)
        self.session = await self._context.__aenter__()
        return self.session

    async def finish(self, response: Response) -> None:
        """Commit; whatever was registered to go along goes along."""
        if self._context is None or self.session is None:
            return
        for action in self.before_commit:
            await action(self.session, response)
        context, self._context = self._context, None
        await context.__aexit__(None, None, None)

    async def abandon(self, error: BaseException) -> None:
        if self._context is not None:
            context, self._context = self._context, None
            await context.__aexit__(type(error), error, error.__traceback__)


class Replayed(Exception):
    """Not an error: this request was answered before, and this is that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@runtime_checkable
class Doorkeeper(Protocol):
    """A dependency that also has a say before anything of the body is read."""

    async def before_body(self, request: Request) -> None:
        """Raise the refusal of a caller who may not come in."""


class Route(APIRoute):
    """
    Commits the request's transaction after the answer is built and before it leaves.

    Who may not come in is refused before the body is read: the framework reads it first, and then
    asks the dependencies.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        doorkeepers = {call for call in _asked(self.dependant) if isinstance(call, Doorkeeper)}

        async def handler(request: Request) -> Response:
            work = RequestWork(request.app.state.db)
            request.state.work = work
            try:
                for doorkeeper in doorkeepers:
                    await doorkeeper.before_body(request)
                if self.body_field is not None:
                    refuse_crowded(await request.body())
                response = await handle(request)
                await work.finish(response)
            except Replayed as replay:
                await _quietly_abandon(work, replay)
                return replay.response
            except BaseException as error:
                await _quietly_abandon(work, error)
                raise
            return response

        return handler


def refuse_crowded(body: bytes) -> None:
    """
    Refuse JSON of very many values: a mistake in each would be described before it is refused.

    Raises:
        TooLarge: There are more than any record of ours has.
    """
    if body.count(b",") > MOST_VALUES:
        raise TooLarge(
            f"The JSON holds more than {MOST_VALUES} values.",
            code="too_many_values",
            fixes=["Send fewer elements at a time."],
        )


def _asked(dependant: Dependant) -> Iterator[object]:
    for part in dependant.dependencies:
        yield part.call
        yield from _asked(part)


async def _quietly_abandon(work: RequestWork, error: BaseException) -> None:
    try:
        await work.abandon(error)
    except BaseException as raised:
        if raised is not error:
            raise


async def body_hash(request: Request) -> str:
    """Return a hash of method, path, query and body: what makes a request the same request."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------- problems


class ProblemField(BaseModel):
    """One field that is wrong."""

    pointer: str = Field(description="RFC 6901 JSON pointer, or the parameter's name")
    detail: str
    code: str


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable, `detail` is for people."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemField] = []
    retryable: bool = False
    fixes: list[str] = []


def problem_of(error: AppError) -> dict[str, Any]:
    """Return the problem document of a refusal."""
    return {
        "type": f"urn:ledgerwire:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "errors": [
            {"pointer": field.pointer, "detail": field.detail, "code": field.code}
            for field in error.errors
        ],
        "retryable": error.retryable,
        "fixes": error.fixes,
        **error.extra,
    }


def render(error: AppError) -> Response:
    return JSONResponse(
        problem_of(error), status_code=error.status, headers=error.headers, media_type=PROBLEM
    )


def invalid_request(error: RequestValidationError) -> Invalid:
    """Translate the framework's validation errors into field problems."""
    fields = [
        FieldProblem(_pointer(item["loc"]), _sentence(item), str(item["type"]))
        for item in error.errors()
    ]
    detail = "; ".join(f"{field.pointer}: {field.detail}" for field in fields[:3])
    return Invalid(detail or "The request is not valid", errors=fields[:50])


def unreadable(cause: BaseException) -> Invalid:
    """Return the refusal of a body that is not even read: the framework would say 400 only."""
    if isinstance(cause, RecursionError):
        return Invalid("The JSON is nested too deeply.", code="too_deep")
    return Invalid("This is not JSON in UTF-8.", code="malformed_json")


def _pointer(location: tuple[int | str, ...] | list[int | str]) -> str:
    where, *path = [str(part) for part in location] or [""]
    if where == "body":
        return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path) or "/"
    return f"{where}:{'.'.join(path)}" if path else where


def _sentence(item: dict[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "This field is not known here."
    return str(item["msg"]).removeprefix("Value error, ")


HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def install_problem_handlers(app: FastAPI) -> None:
    """Render every failure as one problem document; an unforeseen one says nothing of its cause."""

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, AppError)  # noqa: S101 - registered for it
        return render(error)

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        return render(invalid_request(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        if isinstance(error.__cause__, RecursionError | ValueError):
            return render(unreadable(error.__cause__))
        refusal = AppError(str(error.detail), code=HTTP_CODES.get(error.status_code, "refused"))
        refusal.status = error.status_code
        refusal.headers = dict(error.headers or {})
        if error.status_code == 405:  # noqa: PLR2004 - the framework names one route's methods only
            refusal.headers["Allow"] = ", ".join(sorted(_methods_at(app, request)))
        return render(refusal)

    async def unforeseen(_: Request, error: Exception) -> Response:
        log.error("request_failed", exc_info=error)
        refusal = AppError(
            "Something broke on our side. The request was not carried out.",
            code="internal_error",
            fixes=["Send the same request again, with the same Idempotency-Key if it had one."],
        )
        refusal.status, refusal.title, refusal.retryable = 500, "Internal error", True
        return render(refusal)

    app.add_exception_handler(AppError, refuse)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)


def _methods_at(app: FastAPI, request: Request) -> set[str]:
    """Return the methods that an address knows, from all routes that lead to it."""
    found: set[str] = set()
    for part in app.routes:
        inner = getattr(part, "original_router", None)
        for route in inner.routes if inner is not None else [part]:
            match, _ = route.matches(request.scope)
            if match is not Match.NONE:
                found |= getattr(route, "methods", None) or set()
    return found


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI entries for the problem answers a route may give."""
    return {
        status: {"model": Problem, "content": {PROBLEM: {}}, "description": "Refused"}
        for status in statuses
    }


# --------------------------------------------------------------------------------------- paging


class Strict(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    data: list[T]
    next_cursor: str | None = None


Limit = Annotated[int, Query(ge=1, le=200, description="Rows per page")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next_cursor` of the page before")
]


def encode_cursor(*values: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """
    Return a cursor's values, or None for the first page.

    Raises:
        Invalid: It is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = json.loads(raw)
        if len(values) != len(kinds):
            raise ValueError
        if "\x00" in "".join(str(value) for value in values).encode().decode():
            raise ValueError  # No text of the database holds it; half a surrogate fails by itself.
        return tuple(kind(value) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid(
            "This cursor does not belong to this list.",
            code="invalid_cursor",
            errors=[FieldProblem("query:cursor", "Use next_cursor of the page before.")],
        ) from error
