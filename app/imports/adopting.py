"""Making billing customers of imported ones, many at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import String, any_, cast, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Customer
from app.billing import repository as billing
from app.billing import schemas
from app.billing.kinds import BillingKind
from app.billing.repository import Prepared
from app.books import repository as book_rows
from app.books.kinds import BookKind
from app.books.models import BookEntry
from app.books.repository import LINKED_STATES
from app.books.service import Books
from app.imports.linking import NewLink, keeper_of, link_many
from app.kit.errors import AppError, Conflict, Invalid, NotFound
from app.ledger.models import Link

# Whatever the billing system says of the customer later is newer than what was copied here.
BEFORE_EVERYTHING = datetime(1970, 1, 1, tzinfo=UTC)
KIND = BookKind.CUSTOMER.value


@dataclass(frozen=True, slots=True)
class Wish:
    """An imported customer, and the billing id it is to have."""

    external_id: str
    billing_id: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of a wish: created (and linked), linked, unchanged or refused."""

    wish: Wish
    status: str
    problem: AppError | None = None


@dataclass(slots=True, kw_only=True)
class _Known:
    """What is known of all wishes together; it follows what was granted."""

    customers: Mapping[str, Customer]
    billing_of: dict[str, str]  # by external id
    external_of: dict[str, str]  # by billing id
    hashes: Mapping[str, str]  # of the billing customers that exist
    created: list[tuple[Prepared, int]] = field(default_factory=list)
    links: list[NewLink] = field(default_factory=list)


async def adopt(session: AsyncSession, books: Books, wishes: Sequence[Wish]) -> list[Adopted]:
    """
    Grant each wish by itself: link the imported customer, and create the billing customer if new.

    A refused wish says why and holds nobody else up.
    """
    known = await _load(session, books, wishes)
    results = [_grant(wish, known) for wish in wishes]
    await billing.write(
        session,
        books.company.organization_id,
        books.integration.id,
        BillingKind.CUSTOMER,
        known.created,
    )
    keeper = await keeper_of(session, books.integration.id, books.company.id)
    await link_many(session, keeper, KIND, known.links)
    return results


async def _load(session: AsyncSession, books: Books, wishes: Sequence[Wish]) -> _Known:
    external_ids = sorted({wish.external_id for wish in wishes})
    billing_ids = sorted({wish.billing_id for wish in wishes})
    customers = await book_rows.records_of(
        session,
        books.company.id,
        BookKind.CUSTOMER,
        Customer,
        BookEntry.external_id == any_(cast(external_ids, ARRAY(String))),
    )
    rows = await billing.load(session, books.integration.id, KIND, billing_ids)
    return _Known(
        customers={each.external_id: each for each in customers},
        billing_of=await book_rows.billing_ids_of(session, books.company.id, KIND, external_ids),
        external_of=await _documents_of(session, books.company.id, billing_ids),
        hashes={billing_id: row.content_hash for billing_id, row in rows.items()},
    )


async def _documents_of(
    session: AsyncSession, company_id: UUID, billing_ids: list[str]
) -> dict[str, str]:
    """Return what billing customers are linked to, by billing id."""
    rows = await session.execute(
        select(Link.billing_id, Link.external_id).where(
            Link.company_id == company_id,
            Link.kind == KIND,
            Link.billing_id == any_(cast(billing_ids, ARRAY(String))),
            Link.state.in_(LINKED_STATES),
        )
    )
    return {billing_id: external_id for billing_id, external_id in rows if external_id}


def _grant(wish: Wish, known: _Known) -> Adopted:
    if known.billing_of.get(wish.external_id) == wish.billing_id:
        return Adopted(wish, "unchanged")
    try:
        customer = _adoptable(wish, known)
        content_hash = known.hashes.get(wish.billing_id)
        status = "linked"
        if content_hash is None:
            prepared = billing.prepare(billing_customer(wish.billing_id, customer))
            known.created.append((prepared, 1))
            status, content_hash = "created", prepared.content_hash
    except AppError as problem:
        return Adopted(wish, "refused", problem)
    known.billing_of[wish.external_id] = wish.billing_id
    known.external_of[wish.billing_id] = wish.external_id
    known.links.append(
        NewLink(
            billing_id=wish.billing_id,
            external_id=wish.external_id,
            sync_token=customer.sync_token,
            number=customer.display_name,
            content_hash=content_hash if status == "created" else None,
            currency=customer.currency,
        )
    )
    return Adopted(wish, status)


def _adoptable(wish: Wish, known: _Known) -> Customer:
    customer = known.customers.get(wish.external_id)
    if customer is None:
        raise NotFound(
            f"No customer with the id {wish.external_id!r} was imported.",
            code="unknown_external_id",
            fixes=["Import customers first."],
        )
    if not customer.active:
        raise Conflict(
            f"The customer {customer.display_name!r} is inactive in the books.",
            code="inactive",
            fixes=["Make it active in the books, then import customers."],
        )
    if holder := known.billing_of.get(wish.external_id):
        raise Conflict(
            f"The customer {customer.display_name!r} is linked to the billing customer {holder!r}.",
            code="already_linked",
            fixes=["Use that billing customer, or unlink it under customer mappings."],
        )
    if taken := known.external_of.get(wish.billing_id):
        raise Conflict(
            f"The billing customer {wish.billing_id!r} is linked to the customer with the id"
            f" {taken!r} in the books.",
            code="already_linked",
            fixes=["Choose another billing_id, or unlink it under customer mappings."],
        )
    return customer


def billing_customer(billing_id: str, customer: Customer) -> schemas.Customer:
    """
    Return the imported customer as billing would have sent it.

    Raises:
        Invalid: The books hold something that billing cannot.
    """
    person, address = customer.person, customer.address
    names = {
        "title": person.title,
        "given": person.given,
        "middle": person.middle,
        "family": person.family,
        "suffix": person.suffix,
    }
    values: dict[str, object] = {
        "billing_id": billing_id,
        "updated_at": BEFORE_EVERYTHING,
        "display_name": customer.display_name,
        "company_name": customer.company_name,
        "names": names if any(names.values()) else None,
        "email": customer.email,
        "phone": customer.phone,
        "currency": customer.currency,
    }
    if address is not None:
        country = address.country or ""
        values["addresses"] = {
            "billing": {
                "line1": address.line1,
                "line2": address.line2,
                "line3": address.line3,
                "city": address.city,
                "region": address.region,
                "postal_code": address.postal_code,
                "country": country if len(country) == 2 and country.isupper() else None,  # noqa: PLR2004 - ISO 3166
            }
        }
    try:
        return schemas.Customer.model_validate(values)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, each["loc"])) for each in error.errors()[:5])
        raise Invalid(
            f"The customer {customer.display_name!r} has something in the books that billing cannot"
            f" hold: {fields}.",
            code="not_adoptable",
            fixes=["Correct it in the books and import, or create the billing customer yourself."],
        ) from None
