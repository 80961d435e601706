"""Which books an integration has, and the lists imported from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import CompanyProfile
from app.books.kinds import BookKind, R
from app.books.models import BookEntry
from app.books.names import fold_name
from app.books.repository import billing_ids_of, is_linked, to_record
from app.connections.models import Company
from app.connections.profiles import parse_profile
from app.integrations.models import Integration
from app.integrations.repository import get_integration
from app.kit.errors import Conflict
from app.kit.web import decode_cursor, encode_cursor


class NotConnected(Conflict):
    """The integration has never been connected to a company, so there are no books yet."""

    code = "not_connected"
    title = "There are no books yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """An integration with the company whose books it works on."""

    integration: Integration
    company: Company

    @property
    def profile(self) -> CompanyProfile | None:
        """What is known of the company, or None before it was read for the first time."""
        return parse_profile(self.company.profile) if self.company.profile else None


async def books_of(session: AsyncSession, integration_id: UUID) -> Books:
    """
    Return the integration's books.

    Raises:
        NotFound: There is no such integration in this organization.
        NotConnected: It never had a company.
    """
    integration = await get_integration(session, integration_id)
    if integration.company_id is None:
        raise NotConnected(
            "This integration has not been connected to a company yet.",
            fixes=["Connect the company, then import."],
        )
    company = await session.get(Company, integration.company_id)
    assert company is not None  # noqa: S101 - a foreign key holds it
    return Books(integration=integration, company=company)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFilter:
    """
    Which entries are asked for.

    *name* is contained in the folded name; *updated_since* is compared with the instant at which
    an import last saw the entry change. *said* are members of the entry that must be exactly so.
    """

    name: str | None = None
    active: bool | None = None
    linked: bool | None = None
    updated_since: datetime | None = None
    said: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    """One entry of a list, with the billing record it is linked to."""

    record: R
    changed_at: datetime
    billing_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPage(Generic[R]):
    """One page of a list, in the order of folded name and id."""

    entries: list[Listed[R]]
    next_cursor: str | None


async def list_entries(
    session: AsyncSession,
    company_id: UUID,
    kind: BookKind,
    record_type: type[R],
    chosen: BookFilter,
    *,
    limit: int,
    cursor: str | None,
) -> ListedPage[R]:
    """
    Return a page of what was imported.

    Raises:
        Invalid: The cursor belongs to another list.
    """
    statement = select(BookEntry).where(
        BookEntry.company_id == company_id, BookEntry.kind == kind.value
    )
    if chosen.name:
        statement = statement.where(
            BookEntry.name_key.contains(fold_name(chosen.name), autoescape=True)
        )
    if chosen.active is not None:
        statement = statement.where(BookEntry.active == chosen.active)
    if chosen.linked is not None:
        statement = statement.where(is_linked() if chosen.linked else ~is_linked())
    if chosen.updated_since is not None:
        statement = statement.where(BookEntry.changed_at >= chosen.updated_since)
    for member, value in chosen.said.items():
        if value is not None:
            statement = statement.where(BookEntry.body[member].astext == value)
    order = (BookEntry.name_key, BookEntry.external_id)
    after = decode_cursor(cursor, str, str)
    if after is not None:
        statement = statement.where(tuple_(*order) > after)
    rows = list(await session.scalars(statement.order_by(*order).limit(limit + 1)))
    shown = rows[:limit]
    linked_to = await billing_ids_of(session, company_id, kind, (row.external_id for row in shown))
    last = shown[-1] if len(rows) > limit else None
    return ListedPage(
        entries=[
            Listed(to_record(row, record_type), row.changed_at, linked_to.get(row.external_id))
            for row in shown
        ],
        next_cursor=encode_cursor(last.name_key, last.external_id) if last else None,
    )
