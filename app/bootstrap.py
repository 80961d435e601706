"""The one place where concrete things meet: settings, database, queue, HTTP, providers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.ports import Authorization, CallGate, ProviderFactory
from app.connections.reasons import Reason
from app.connections.service import connection_summaries, end_connection
from app.integrations.models import Integration
from app.jobs.repository import ensure_lane
from app.jobs.waits import Waits
from app.kit.db import Base, Database, build_engine
from app.kit.http import AsyncClient, build_client
from app.kit.queue import Doorbell, arq_redis
from app.kit.secrets import Keyring
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
    gates: Callable[[UUID], CallGate]
    waits: Waits
    ensure_lane: Callable[[AsyncSession, UUID, UUID], Awaitable[None]] = ensure_lane

    def attach(self, state: Any) -> None:
        """Put each collaborator where request dependencies find it."""
        for field in fields(self):
            setattr(state, field.name, getattr(self, field.name))
        state.connection_summaries = connection_summaries
        state.on_integration_removed = self.integration_removed

    async def integration_removed(self, session: AsyncSession, integration: Integration) -> None:
        """End what hangs on an integration, in the transaction that removes it."""
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
    from app.providers.quickbooks.oauth import QuickBooksAuthorization
    from app.providers.quickbooks.provider import quickbooks_factory

    http = build_client()
    environment = settings.quickbooks_environment
    return Collaborators(
        db=Database(build_engine(database_url)),
        doorbell=Doorbell(arq_redis(redis_url)),
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
        gates=lambda _: OpenGate(),
        waits=Waits().scaled(settings.wait_scale),
    )


class OpenGate:
    """Lets every call go out: enough for the one read that connecting needs."""

    async def admit(self, *, batch: bool = False) -> None:
        """Let the call go out."""

    async def throttled(self, after: float | None) -> None:
        """Keep no count: there is no next call."""


def tables() -> MetaData:
    """Return the metadata with every room's tables in it."""
    from app.billing import models as _billing  # noqa: F401 - registers its tables
    from app.books import models as _books  # noqa: F401
    from app.connections import models as _connections  # noqa: F401
    from app.integrations import models as _integrations  # noqa: F401
    from app.jobs import models as _jobs  # noqa: F401
    from app.ledger import models as _ledger  # noqa: F401
    from app.mappings import models as _mappings  # noqa: F401
    from app.organizations import models as _organizations  # noqa: F401

    return Base.metadata
