"""Links: found, made, tied to an existing document, and updated from what the books answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument, Kind, Verb
from app.kit.ids import new_id
from app.ledger.identity import CREDITED, SEPARATOR, Identity, applied_pair
from app.ledger.models import Link, Posting
from app.ledger.states import STANDING, LinkState, PostingState

# So many ids go into one query.
CHUNK = 5000


# The content of a document that a person chose for a record: what billing says now, unwritten.
AS_FOUND = "as found"


class AlreadyLinked(Exception):
    """The billing record or the document has another partner already; *link* is that pair."""

    def __init__(self, link: Link) -> None:
        super().__init__("already linked")
        self.link = link


@dataclass(frozen=True, slots=True, kw_only=True)
class BookKeeper:
    """Whose links: one company's, for one billing system."""

    organization_id: UUID
    company_id: UUID
    environment: str
    realm_id: str
    source_system: str

    def identity(self, kind: str, billing_id: str) -> Identity:
        return Identity(
            environment=self.environment,
            realm_id=self.realm_id,
            kind=kind,
            source_system=self.source_system,
            billing_id=billing_id,
        )


async def find_link(
    session: AsyncSession, company_id: UUID, kind: str, billing_id: str
) -> Link | None:
    return await session.scalar(
        select(Link).where(
            Link.company_id == company_id, Link.kind == kind, Link.billing_id == billing_id
        )
    )


async def links_of(
    session: AsyncSession, company_id: UUID, kind: str, billing_ids: list[str]
) -> dict[str, Link]:
    """Return the links of several billing records, by billing id."""
    if not billing_ids:
        return {}
    rows = await session.scalars(
        select(Link).where(
            Link.company_id == company_id, Link.kind == kind, Link.billing_id.in_(billing_ids)
        )
    )
    return {link.billing_id: link for link in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownApplication:
    """An application of a credit as the ledger knows it; *taken_back* when we voided it."""

    billing_id: str
    standing: bool
    taken_back: bool
    amount: Decimal | None


async def applications_known(
    session: AsyncSession, company_id: UUID, credit_ids: Sequence[str]
) -> dict[tuple[str, str], dict[str, KnownApplication]]:
    """Return what the ledger knows of the credits' applications, by (credit, invoice)."""
    credit = func.split_part(Link.billing_id, SEPARATOR, 1)
    voided_by_us = exists().where(
        Posting.link_id == Link.id,
        Posting.verb.in_((Verb.VOID.value, Verb.DELETE.value)),
        Posting.state == PostingState.POSTED.value,
    )
    found: dict[tuple[str, str], dict[str, KnownApplication]] = {}
    for start in range(0, len(credit_ids), CHUNK):
        rows = await session.execute(
            select(Link.billing_id, Link.state, Link.details, voided_by_us).where(
                Link.company_id == company_id,
                Link.kind == Kind.APPLICATION.value,
                credit.in_(credit_ids[start : start + CHUNK]),
            )
        )
        for billing_id, state, details, by_us in rows:
            found.setdefault(applied_pair(billing_id), {})[billing_id] = KnownApplication(
                billing_id=billing_id,
                standing=state in STANDING,
                taken_back=by_us and state == LinkState.VOIDED.value,
                amount=_applied_to_invoice(details),
            )
    return found


def _applied_to_invoice(details: Mapping[str, Any] | None) -> Decimal | None:
    parts = (details or {}).get("applied", ())
    amounts = [Decimal(part["amount"]) for part in parts if part["kind"] == Kind.INVOICE.value]
    return sum(amounts, Decimal(0)) if amounts else None


async def credited_invoices(
    session: AsyncSession, company_id: UUID, *, limit: int | None = None
) -> set[str]:
    """Return the billing ids of the invoices that stand, or stood, in the books as credit memos."""
    rows = await session.scalars(
        select(Link.billing_id)
        .where(
            Link.company_id == company_id,
            Link.kind == Kind.CREDIT_MEMO.value,
            Link.billing_id.startswith(CREDITED),
            Link.state != LinkState.ABSENT.value,
        )
        .limit(limit)
    )
    return {billing_id.removeprefix(CREDITED) for billing_id in rows}


async def link_to_document(
    session: AsyncSession, company_id: UUID, kind: str, external_id: str
) -> Link | None:
    return await session.scalar(
        select(Link).where(
            Link.company_id == company_id, Link.kind == kind, Link.external_id == external_id
        )
    )


async def lock_link(session: AsyncSession, keeper: BookKeeper, kind: str, billing_id: str) -> Link:
    """Return the record's link, made if it is new, and hold it for this transaction."""
    await session.execute(
        insert(Link)
        .values(**_absent(keeper, kind, billing_id))
        .on_conflict_do_nothing(index_elements=["company_id", "kind", "billing_id"])
    )
    statement = (
        select(Link)
        .where(
            Link.company_id == keeper.company_id,
            Link.kind == kind,
            Link.billing_id == billing_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one()


async def lock_links(
    session: AsyncSession, keeper: BookKeeper, kind: str, billing_ids: Sequence[str]
) -> dict[str, Link]:
    """Return the links of several records of a kind as `lock_link` does, always in one order."""
    wanted = sorted(set(billing_ids))
    statement = (
        select(Link)
        .where(Link.company_id == keeper.company_id, Link.kind == kind, Link.billing_id.in_(wanted))
        .order_by(Link.billing_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = {link.billing_id: link for link in await session.scalars(statement)}
    missing = [billing_id for billing_id in wanted if billing_id not in found]
    if missing:
        rows = [_absent(keeper, kind, billing_id) for billing_id in missing]
        await session.execute(
            insert(Link).on_conflict_do_nothing(
                index_elements=["company_id", "kind", "billing_id"]
            ),
            rows,
        )
        found = {link.billing_id: link for link in await session.scalars(statement)}
    return found


def _absent(keeper: BookKeeper, kind: str, billing_id: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organization_id": keeper.organization_id,
        "company_id": keeper.company_id,
        "kind": kind,
        "billing_id": billing_id,
        "source_system": keeper.source_system,
        "marker": keeper.identity(kind, billing_id).marker,
        "state": LinkState.ABSENT.value,
    }


async def link_existing(
    session: AsyncSession,
    keeper: BookKeeper,
    kind: str,
    billing_id: str,
    *,
    external_id: str,
    sync_token: str | None = None,
    name: str | None = None,
    content_hash: str | None = None,
) -> Link:
    """
    Tie a billing record to a document that already stands in the books.

    Raises:
        AlreadyLinked: One of the two has another partner.
    """
    holder = await link_to_document(session, keeper.company_id, kind, external_id)
    if holder is not None and holder.billing_id != billing_id:
        raise AlreadyLinked(holder)
    link = await lock_link(session, keeper, kind, billing_id)
    if link.external_id not in {None, external_id} and link.state == LinkState.LIVE.value:
        raise AlreadyLinked(link)
    link.external_id, link.sync_token, link.number = external_id, sync_token, name
    link.state, link.content_hash = LinkState.LIVE.value, content_hash
    await session.flush()
    return link


def stands_as(link: Link, content_hash: str) -> bool:
    """Tell whether the link's document stands with this content; an adopted one does, once."""
    if link.content_hash == AS_FOUND:
        link.content_hash = content_hash
    return link.state == LinkState.LIVE.value and link.content_hash == content_hash


def still_open(document: BooksDocument) -> Decimal | None:
    """Return what of a document is not settled, or of a payment not applied."""
    return document.unapplied if document.kind is Kind.PAYMENT else document.balance


def remember(link: Link, document: BooksDocument, *, content_hash: str | None = None) -> None:
    """Keep on the link what the books showed of its document."""
    link.external_id, link.sync_token = document.external_id, document.sync_token
    link.number = document.number or document.name
    link.total, link.tax, link.currency = document.total, document.tax, document.currency
    link.fingerprint = document.fingerprint
    link.unapplied = still_open(document)
    link.state = LinkState.VOIDED.value if document.voided else LinkState.LIVE.value
    link.details = {
        "applied": [
            {"kind": part.kind.value, "external_id": part.external_id, "amount": str(part.amount)}
            for part in document.applied
        ]
    }
    if document.type_name:
        link.details["type"] = document.type_name
    if content_hash is not None:
        link.content_hash = content_hash
