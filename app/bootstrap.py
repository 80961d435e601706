"""The one place where concrete things meet: settings, database, queue, HTTP, providers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import CompanyUnavailable
from app.accounting.ports import Authorization, CallGate, ProviderFactory
from app.connections.models import Company
from app.connections.profiles import profile_of
from app.connections.reasons import Reason
from app.connections.service import connection_summaries, end_connection
from app.exports.again import Composing, PlanAgain
from app.exports.service import ExportWork
from app.imports.work import ImportWork
from app.integrations.models import Integration
from app.jobs.repository import ensure_lane
from app.jobs.service import CompanyState, cancel_jobs_of
from app.jobs.waiting import WaitingRoom
from app.jobs.waits import Waits
from app.journal.switching import check_mode_change
from app.journal.work import AnyExport, JournalWork
from app.kit.db import Base, Database, build_engine
from app.kit.http import AsyncClient, build_client, check_library
from app.kit.queue import ArqRedis, Doorbell, arq_redis
from app.kit.rates import RequestRates
from app.kit.secrets import Keyring
from app.kit.windows import Gate, Limits
from app.ledger.status import attempts_of, has_postings, posting_status
from app.organizations.access import RequestLimits
from app.providers.quickbooks.links import document_url
from app.providers.quickbooks.oauth import QuickBooksAuthorization
from app.providers.quickbooks.probe import NothingToProbe, ProberFactory, quickbooks_prober
from app.providers.quickbooks.provider import quickbooks_factory
from app.reconciliation.last_preflight import last_preflights
from app.reconciliation.masters import check_masters
from app.reconciliation.opening import BooksOpener
from app.settings import Settings

QUICKBOOKS = "quickbooks_online"


@dataclass(slots=True, kw_only=True)
class Collaborators:
    """What the API and the worker are made of; each is found under its name in `app.state`."""

    db: Database
    doorbell: Doorbell
    keyring: Keyring
    hash_key: str
    operator_key: str
    public_url: str
    callback_url: str
    http: AsyncClient
    environment: str
    authorizations: Mapping[str, Authorization]
    provider_factories: Mapping[str, ProviderFactory]
    probers: Mapping[str, ProberFactory]
    gates: Callable[[UUID], CallGate]
    limits: Limits
    waits: Waits
    request_rates: RequestRates
    request_limits: RequestLimits
    ensure_lane: Callable[[AsyncSession, UUID, UUID], Awaitable[None]] = ensure_lane

    def attach(self, state: Any) -> None:
        """Put each collaborator where request dependencies find it."""
        for field in fields(self):
            setattr(state, field.name, getattr(self, field.name))
        state.connection_summaries = connection_summaries
        state.attempts_of = attempts_of
        state.posting_status = posting_status
        state.last_preflights = last_preflights
        state.company_state = company_state
        state.document_url = partial(document_url, self.environment)
        state.works = {"import": ImportWork(), "export": AnyExport(ExportWork(), JournalWork())}
        state.waiting_room = WaitingRoom()
        state.call_limits = self.limits
        state.plan_check = PlanAgain(
            db=self.db, composing=composing(self.provider_factories[QUICKBOOKS])
        )
        state.on_integration_removed = self.integration_removed
        state.integration_has_postings = has_postings
        state.books_opener = BooksOpener(
            db=self.db,
            keyring=self.keyring,
            authorizations=self.authorizations,
            provider_factories=self.provider_factories,
            gates=self.gates,
            waits=self.waits,
        )
        state.check_mode_change = check_mode_change
        state.check_master_customers = partial(check_masters, state.books_opener)

    async def integration_removed(self, session: AsyncSession, integration: Integration) -> None:
        """End what hangs on an integration, in the transaction that removes it."""
        await cancel_jobs_of(session, integration.id)
        await end_connection(
            session,
            integration,
            reason=Reason.INTEGRATION_REMOVED,
            keyring=self.keyring,
            authorizations=self.authorizations,
        )

    async def close(self) -> None:
        await self.doorbell.close()
        await self.http.aclose()
        await self.db.dispose()


def build(settings: Settings, *, database_url: str, redis_url: str) -> Collaborators:
    """Wire everything for one process."""
    check_library()
    http = build_client()
    environment = settings.quickbooks_environment
    redis = arq_redis(redis_url)
    waits = Waits().scaled(settings.wait_scale)
    return Collaborators(
        db=Database(build_engine(database_url)),
        doorbell=Doorbell(redis),
        keyring=Keyring.parse(settings.encryption_keys),
        hash_key=settings.hash_key,
        operator_key=settings.operator_key,
        public_url=settings.public_url,
        callback_url=settings.callback_url,
        http=http,
        environment=environment,
        authorizations={
            QUICKBOOKS: QuickBooksAuthorization(
                http=http,
                client_id=settings.quickbooks_client_id,
                client_secret=settings.quickbooks_client_secret,
                environment=environment,
                discovery_url=settings.quickbooks_discovery_url,
                api_url=settings.quickbooks_api_url,
            )
        },
        provider_factories={
            QUICKBOOKS: quickbooks_factory(
                http=http, environment=environment, api_url=settings.quickbooks_api_url
            )
        },
        probers={
            QUICKBOOKS: quickbooks_prober(
                http=http, environment=environment, api_url=settings.quickbooks_api_url
            )
        },
        gates=Gates(redis, limits_of(settings), waits),
        limits=limits_of(settings),
        waits=waits,
        request_rates=RequestRates(redis),
        request_limits=RequestLimits(
            per_key=settings.limit_api_per_key,
            per_organization=settings.limit_api_per_organization,
        ),
    )


def limits_of(settings: Settings) -> Limits:
    return Limits(
        requests_per_second=settings.limit_requests_per_second,
        requests_per_minute=settings.limit_requests_per_minute,
        batches_per_minute=settings.limit_batches_per_minute,
        all_per_minute=settings.limit_all_per_minute,
        scale=settings.limit_scale,
    )


class Gates:
    """One gate per company in this process; their windows are shared through Redis."""

    def __init__(self, redis: ArqRedis, limits: Limits, waits: Waits) -> None:
        self._redis, self._limits, self._waits = redis, limits, waits
        self._made: dict[UUID, Gate] = {}

    def __call__(self, company_id: UUID) -> CallGate:
        if company_id not in self._made:
            self._made[company_id] = Gate(
                self._redis, str(company_id), self._limits, pause=self._waits.throttled
            )
        return self._made[company_id]


class NoCalls:
    """Neither a token nor a turn: for a provider that only composes (`TokenSource`, `CallGate`)."""

    async def access_token(self) -> str:
        raise CompanyUnavailable(explanation="Nothing is called here")

    async def renew(self, stale: str) -> str:
        raise CompanyUnavailable(explanation="Nothing is called here")

    async def admit(self, *, batch: bool = False) -> None:
        raise CompanyUnavailable(explanation="Nothing is called here")

    async def throttled(self, after: float | None) -> None:
        """Nothing to slow down."""

    def answered(self) -> None:
        """Nothing was asked."""


def composing(factory: ProviderFactory) -> Composing:
    """Return what composes writes for a company, and can call nobody."""
    nothing = NoCalls()
    return lambda company: factory(company, tokens=nothing, gate=nothing, on_call=lambda _: None)


async def company_state(session: AsyncSession, integration: Integration) -> CompanyState:
    """Return what a job needs to know of the integration's company."""
    summary = (await connection_summaries(session, [integration.id])).get(integration.id, {})
    zone = "UTC"
    if integration.company_id is not None:
        company = await session.get_one(Company, integration.company_id)
        if company.profile:
            zone = profile_of(company).time_zone
    return CompanyState(status=summary.get("status", "not_connected"), time_zone=zone)


def tables() -> MetaData:
    """Return the metadata with every room's tables in it."""
    from app.billing import models as _billing  # noqa: F401 - registers its tables
    from app.books import models as _books  # noqa: F401
    from app.connections import models as _connections  # noqa: F401
    from app.integrations import models as _integrations  # noqa: F401
    from app.jobs import models as _jobs  # noqa: F401
    from app.ledger import membership as _membership  # noqa: F401
    from app.ledger import models as _ledger  # noqa: F401
    from app.mappings import models as _mappings  # noqa: F401
    from app.organizations import models as _organizations  # noqa: F401

    return Base.metadata


__all__ = ["Collaborators", "Gates", "NothingToProbe", "build", "limits_of", "tables"]
