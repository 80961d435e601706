"""Opens a company's books for a request: reads only, within the limits that all processes share."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from app.accounting.errors import ProviderError, ReconnectRequired, RetryLater
from app.accounting.ports import AccountingProvider, Authorization, CallGate, ProviderFactory
from app.accounting.records import CompanyProfile
from app.connections.tokens import RefreshWaits, tokens_for
from app.kit.db import Database
from app.kit.errors import AppError, Conflict, Unavailable
from app.kit.secrets import Keyring


class NoAccess(Conflict):
    """The company is not connected, or the connection is dead."""

    code = "not_connected"
    title = "QuickBooks does not let us into this company"


class BooksAway(Unavailable):
    """The books cannot be read right now."""

    code = "books_unavailable"
    title = "QuickBooks cannot be read right now"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBooks:
    """A company's books, the profile known of it, and the calls made so far."""

    provider: AccountingProvider
    profile: CompanyProfile
    calls: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksOpener:
    """What it takes to open any company."""

    db: Database
    keyring: Keyring
    authorizations: Mapping[str, Authorization]
    provider_factories: Mapping[str, ProviderFactory]
    gates: Callable[[UUID], CallGate]
    waits: RefreshWaits

    async def open(self, organization_id: UUID, company_id: UUID) -> OpenedBooks:
        """
        Open a company with its stored tokens.

        Raises:
            ReconnectRequired: Nothing opens it.
        """
        connection = await tokens_for(
            self.db,
            organization_id,
            company_id,
            authorizations=self.authorizations,
            keyring=self.keyring,
            waits=self.waits,
        )
        calls: dict[str, int] = {}

        def count(kind: str) -> None:
            calls[kind] = calls.get(kind, 0) + 1

        provider = self.provider_factories[connection.provider](
            connection.company,
            tokens=connection.tokens,
            gate=self.gates(company_id),
            on_call=count,
        )
        return OpenedBooks(provider=provider, profile=connection.profile, calls=calls)


@asynccontextmanager
async def readable() -> AsyncIterator[None]:
    """Turn what keeps the books shut into a refusal of the request."""
    try:
        yield
    except ProviderError as error:
        raise refusal_of(error) from error


def refusal_of(error: ProviderError) -> AppError:
    """Return the refusal that a caller sees, with QuickBooks' own words where it gave any."""
    said = error.explanation or error.fault.detail or error.fault.message
    if isinstance(error, ReconnectRequired):
        return NoAccess(
            said or "The connection was ended.",
            fixes=["Connect QuickBooks again; see `GET …/connection` for the reason."],
        )
    if isinstance(error, RetryLater):
        return BooksAway(
            "QuickBooks allows no more calls for the moment.",
            fixes=["Ask again in a minute, or for a shorter range."],
        )
    return BooksAway(
        said or "QuickBooks gave no trustworthy answer.",
        fixes=["Ask again in a minute. If it stays, look at QuickBooks' own status page."],
    )
