"""Is it alive, is it ready, what does it do: `/healthz`, `/readyz` and `/metrics`."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client import Counter as Counted
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import Histogram
from prometheus_client.registry import Collector
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.answers import example
from app.kit.db import Database
from app.kit.errors import Unavailable
from app.kit.web import refusals

log = structlog.get_logger(__name__)

router = APIRouter(tags=["Operations"])
OTHER = "other"


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Requests can be served; without Redis they are, too, only a little slower."""

    status: Literal["ready"] = "ready"
    schema_revision: str
    redis: Literal["ok", "away"]


class NotReady(Unavailable):
    code = "not_ready"
    title = "Not ready to serve"


@router.get("/healthz", summary="Is the process alive?", responses=example({"status": "ok"}))
async def healthz() -> Alive:
    """Touches nothing: restart the process when this does not answer."""
    return Alive()


@router.get(
    "/readyz",
    summary="Can it serve?",
    responses=refusals(503)
    | example({"status": "ready", "schema_revision": "0001", "redis": "ok"}),
)
async def readyz(request: Request) -> Ready:
    """Ask Postgres and compare its schema with this version's. Redis is reported, never needed."""
    state = request.app.state
    revision = await _revision(state.db)
    if revision not in state.schema_heads:
        raise NotReady(
            f"The schema is at revision {revision or 'none'}, and this version needs"
            f" {', '.join(state.schema_heads)}.",
            fixes=["Run `ledgerwire migrate`."],
        )
    reached = await state.doorbell.answers()
    return Ready(schema_revision=revision, redis="ok" if reached else "away")


@router.get(
    "/metrics",
    summary="Prometheus figures",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Figures of this process, and of the work that waits in the database."""
    gauges = await _waiting(request.app.state.db)
    registry: CollectorRegistry = request.app.state.metrics
    body = generate_latest(registry) + generate_latest(_once(gauges))
    return Response(body, media_type=CONTENT_TYPE_LATEST)


async def _revision(db: Database) -> str | None:
    try:
        async with db.engine.connect() as connection:
            known = text("SELECT to_regclass('alembic_version') IS NOT NULL")
            if not await connection.scalar(known):
                return None
            found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return str(found) if found else None
    except (SQLAlchemyError, OSError) as lost:
        log.warning("database_away", error=type(lost).__name__)
        raise NotReady("The database does not answer.") from lost


# -------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Figure:
    """A gauge that one statement fills: its label's values and their numbers."""

    name: str
    help: str
    label: str | None
    statement: str


# Through the door, which sees these few columns across organizations and nothing else.
FIGURES = (
    Figure(
        "ledgerwire_lanes_due",
        "Companies with something to do now that nobody works on",
        None,
        "SELECT '', count(company_id) FROM lanes WHERE due_at <= clock_timestamp()"
        " AND (lease_until IS NULL OR lease_until <= clock_timestamp())",
    ),
    Figure(
        "ledgerwire_lanes_held",
        "Companies that a worker is working on",
        None,
        "SELECT '', count(company_id) FROM lanes WHERE lease_until > clock_timestamp()",
    ),
    Figure(
        "ledgerwire_jobs",
        "Sync jobs by status",
        "status",
        "SELECT status, count(status) FROM jobs GROUP BY status",
    ),
    Figure(
        "ledgerwire_jobs_oldest_queued_seconds",
        "How long the oldest queued job has been waiting",
        None,
        "SELECT '', COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(queued_at)), 0)"
        " FROM jobs WHERE status = 'queued'",
    ),
    Figure(
        "ledgerwire_postings_unsettled",
        "Writes whose outcome is not settled, by state",
        "state",
        "SELECT state, count(state) FROM postings"
        " WHERE state IN ('pending', 'sending', 'unknown', 'parked', 'conflict') GROUP BY state",
    ),
    Figure(
        "ledgerwire_postings_oldest_unknown_seconds",
        "How long the oldest write without a trustworthy answer has been unknown",
        None,
        "SELECT '', COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(first_sent_at)), 0)"
        " FROM postings WHERE state = 'unknown'",
    ),
    Figure(
        "ledgerwire_connections",
        "Connections to companies, by status",
        "status",
        "SELECT status, count(status) FROM connections GROUP BY status",
    ),
)


async def _waiting(db: Database) -> list[GaugeMetricFamily]:
    """Return the database's figures; one that cannot be had is left out, not guessed."""
    found = []
    for figure in FIGURES:
        try:
            async with db.door() as session:
                rows = (await session.execute(text(figure.statement))).all()
        except (DBAPIError, OSError) as refused:
            log.warning("figure_missing", kind=figure.name, error=type(refused).__name__)
            continue
        found.append(_gauge(figure, rows))
    return found


def _gauge(figure: Figure, rows: Sequence[tuple[str, float]]) -> GaugeMetricFamily:
    labels = [figure.label] if figure.label else []
    gauge = GaugeMetricFamily(figure.name, figure.help, labels=labels)
    for value, number in rows:
        gauge.add_metric([value] if figure.label else [], float(number))
    return gauge


class _Given(Collector):
    def __init__(self, gauges: Iterable[GaugeMetricFamily]) -> None:
        self._gauges = list(gauges)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._gauges


def _once(gauges: Iterable[GaugeMetricFamily]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Given(gauges))
    return registry


# ------------------------------------------------------------------------------------- requests


class RequestMetrics:
    """Counts each request under its route's pattern: an address could hold anything."""

    def __init__(self, app: ASGIApp, *, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counted(
            "ledgerwire_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "ledgerwire_http_request_seconds",
            "Time from a request to the beginning of its answer",
            ["method", "route"],
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, int(message["status"]), time.monotonic() - started)
            await send(message)

        await self._app(scope, receive, counted)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in KNOWN_METHODS else OTHER
        route = getattr(scope.get("route"), "path", None) or OTHER
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def install_health(app: FastAPI, *, schema_heads: Sequence[str]) -> None:
    """Add the three routes and count every request; *schema_heads* is what the schema must be."""
    registry = CollectorRegistry()
    app.state.metrics = registry
    app.state.schema_heads = tuple(schema_heads)
    app.add_middleware(RequestMetrics, registry=registry)
    app.include_router(router)
