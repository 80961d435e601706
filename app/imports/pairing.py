"""Customer mappings: which billing customer is linked to which customer of the books."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Customer
from app.billing.models import BillingRecord
from app.books import repository as book_rows
from app.books.kinds import BookKind
from app.books.models import BookEntry
from app.books.repository import LINKED_STATES
from app.books.service import Books
from app.imports.customers import BilledCustomer, BookCustomer, match_customer
from app.imports.findings import Finding
from app.imports.linking import CustomerMatching, book_customers, keeper_of
from app.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from app.kit.web import decode_cursor, encode_cursor
from app.ledger.links import AlreadyLinked, link_existing
from app.ledger.models import Link, Posting
from app.ledger.states import LinkState
from app.mappings.suggest import Status

KIND = BookKind.CUSTOMER.value
MOST_CHUNKS = 10  # in one request


class InUse(Conflict):
    """Something was posted through this link."""

    code = "link_in_use"
    title = "This link is in use"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """A billing customer as the mapping table shows it."""

    link_id: UUID | None
    billing_id: str
    billing_name: str | None
    external_id: str | None
    name: str | None
    status: Status
    name_matches: bool
    reason: str | None
    candidates: Sequence[BookCustomer] = ()
    fixes: tuple[str, ...] = ()


async def customer_rows(
    session: AsyncSession,
    books: Books,
    *,
    linked: bool | None,
    limit: int,
    cursor: str | None,
) -> tuple[list[CustomerRow], str | None]:
    """Return billing customers in the order of their ids, with links or suggestions."""
    statement = (
        select(BillingRecord, Link, BookEntry)
        .outerjoin(Link, _link_of_record(books.company.id))
        .outerjoin(
            BookEntry,
            and_(
                BookEntry.company_id == books.company.id,
                BookEntry.kind == KIND,
                BookEntry.external_id == Link.external_id,
            ),
        )
        .where(BillingRecord.integration_id == books.integration.id, BillingRecord.kind == KIND)
        .order_by(BillingRecord.billing_id)
        .limit(limit + 1)
    )
    after = decode_cursor(cursor, str)
    if after is not None:
        statement = statement.where(BillingRecord.billing_id > after[0])
    if linked is not None:
        statement = statement.where(Link.id.is_not(None) if linked else Link.id.is_(None))
    found = (await session.execute(statement)).all()
    rows = await _rows(session, books, found[:limit])
    more = len(found) > limit
    return rows, encode_cursor(rows[-1].billing_id) if more else None


def _link_of_record(company_id: UUID) -> ColumnElement[bool]:
    return and_(
        Link.company_id == company_id,
        Link.kind == KIND,
        Link.billing_id == BillingRecord.billing_id,
        Link.state.in_(LINKED_STATES),
    )


async def _rows(
    session: AsyncSession,
    books: Books,
    found: Sequence[Row[BillingRecord, Link | None, BookEntry | None]],
) -> list[CustomerRow]:
    home = books.profile.home_currency if books.profile else ""
    billed = {
        record.billing_id: BilledCustomer(
            billing_id=record.billing_id,
            name=record.name or record.billing_id,
            currency=record.currency or home,
            email=record.body.get("email"),
        )
        for record, link, _ in found
        if link is None
    }
    namesakes = await book_customers(
        session, books.company.id, {each.key[0] for each in billed.values()}, home=home
    )
    return [
        _suggested(billed[record.billing_id], namesakes)
        if link is None
        else _linked(record, link, entry)
        for record, link, entry in found
    ]


def _linked(record: BillingRecord, link: Link, entry: BookEntry | None) -> CustomerRow:
    reason = None
    if link.state == LinkState.MISSING.value:
        reason = "The customer is not in the books any more."
    elif entry is not None and not entry.active:
        reason = "The customer was made inactive in the books."
    name = entry.name if entry else link.number
    return CustomerRow(
        link_id=link.id,
        billing_id=record.billing_id,
        billing_name=record.name,
        external_id=link.external_id,
        name=name,
        status=Status.BROKEN if reason else Status.CONFIRMED,
        name_matches=name == record.name,
        reason=reason,
        fixes=("Link it to another customer, or make this one active again.",) if reason else (),
    )


def _suggested(billed: BilledCustomer, namesakes: dict[str, list[BookCustomer]]) -> CustomerRow:
    found = match_customer(billed, namesakes.get(billed.key[0], []), rivals=0)
    sure = found if isinstance(found, BookCustomer) else None
    finding = found if isinstance(found, Finding) else None
    status = Status.SUGGESTED if sure else Status.AMBIGUOUS if finding else Status.UNMAPPED
    return CustomerRow(
        link_id=None,
        billing_id=billed.billing_id,
        billing_name=billed.name,
        external_id=sure.external_id if sure else None,
        name=sure.name if sure else None,
        status=status,
        name_matches=sure is not None and sure.name == billed.name,
        reason=finding.explanation if finding else None,
        candidates=tuple(namesakes.get(billed.key[0], ())) if finding else (),
        fixes=finding.fixes if finding else (),
    )


async def link_sure(session: AsyncSession, books: Books) -> int:
    """
    Link the customers that an import would link, the first of them in the order of their ids.

    Return how many were linked; what is left is for the next call, or for an import.
    """
    matching = CustomerMatching(
        integration_id=books.integration.id,
        company_id=books.company.id,
        home=books.profile.home_currency if books.profile else "",
    )
    await matching.find_unlinked(session)
    total = 0
    for ids in islice(matching.chunks(), MOST_CHUNKS):
        linked, _, _ = await matching.link(session, ids)
        total += linked
    return total


# ---------------------------------------------------------------- a person's decisions


async def pair_customer(
    session: AsyncSession, books: Books, *, billing_id: str, external_id: str
) -> CustomerRow:
    """
    Link a billing customer to a customer of the books.

    Raises:
        Invalid: One of the two is unknown.
        Conflict: One of the two has a partner, the customer is inactive, or currencies differ.
    """
    record, customer = await _both(session, books, billing_id, external_id)
    keeper = await keeper_of(session, books.integration.id, books.company.id)
    try:
        link = await link_existing(
            session,
            keeper,
            KIND,
            billing_id,
            external_id=external_id,
            sync_token=customer.sync_token,
            name=customer.display_name,
        )
    except AlreadyLinked as held:
        raise Conflict(
            f"The billing customer {held.link.billing_id!r} is linked to the customer with the id"
            f" {held.link.external_id!r} already.",
            code="already_linked",
            fixes=["Change or delete that mapping first."],
            extra={"mapping_id": str(held.link.id)},
        ) from None
    return _paired(record, link, customer)


async def repair_customer(
    session: AsyncSession, books: Books, link_id: UUID, *, external_id: str
) -> CustomerRow:
    """
    Link a billing customer to another customer; raises as `pair_customer`.

    Raises:
        NotFound: There is no such link.
        InUse: Documents were posted for the customer it is linked to, and that one is well.
    """
    link = await _link(session, books, link_id)
    present = await book_rows.customer(session, books.company.id, link.external_id or "")
    well = link.state != LinkState.MISSING.value and (present is None or present.active)
    if well:
        await _refuse_in_use(session, books, link)
    record, customer = await _both(session, books, link.billing_id, external_id)
    taken = await session.scalar(
        select(Link.billing_id).where(
            Link.company_id == books.company.id,
            Link.kind == KIND,
            Link.external_id == external_id,
            Link.id != link.id,
        )
    )
    if taken is not None:
        raise Conflict(
            f"The customer {customer.display_name!r} is linked to {taken!r} already.",
            code="already_linked",
            fixes=["Change or delete that mapping first."],
        )
    link.external_id, link.sync_token = external_id, customer.sync_token
    link.number, link.state = customer.display_name, LinkState.LIVE.value
    link.content_hash = link.fingerprint = None
    await session.flush()
    return _paired(record, link, customer)


async def part_customer(session: AsyncSession, books: Books, link_id: UUID) -> None:
    """
    Take a billing customer from its customer of the books; the link itself stays, empty.

    Raises:
        NotFound: There is no such link.
        InUse: Something was posted through it.
    """
    link = await _link(session, books, link_id)
    await _refuse_in_use(session, books, link)
    link.state, link.external_id, link.sync_token = LinkState.ABSENT.value, None, None
    link.number = link.content_hash = link.fingerprint = None
    await session.flush()


async def _link(session: AsyncSession, books: Books, link_id: UUID) -> Link:
    link = await session.scalar(
        select(Link)
        .where(
            Link.id == link_id,
            Link.company_id == books.company.id,
            Link.kind == KIND,
            Link.state.in_(LINKED_STATES),
        )
        .with_for_update()
    )
    if link is None:
        raise NotFound("There is no such mapping.")
    return link


async def _refuse_in_use(session: AsyncSession, books: Books, link: Link) -> None:
    """A customer that we wrote, or for whom documents stand in the books, stays where it is."""
    written = select(Posting.id).where(Posting.link_id == link.id)
    documents = (
        select(Link.id)
        .join(
            BillingRecord,
            and_(
                BillingRecord.integration_id == books.integration.id,
                BillingRecord.billing_id == Link.billing_id,
                BillingRecord.customer_billing_id == link.billing_id,
            ),
        )
        .where(
            Link.company_id == books.company.id,
            Link.kind.in_(("invoice", "payment", "credit_memo", "refund")),
            Link.state.in_(LINKED_STATES),
        )
    )
    if await session.scalar(select(exists(written) | exists(documents))):
        raise InUse(
            f"Documents in the books belong to the customer that {link.billing_id!r} is linked to.",
            fixes=["Merge the two customers in the books instead, then import customers."],
        )


async def _both(
    session: AsyncSession, books: Books, billing_id: str, external_id: str
) -> tuple[BillingRecord, Customer]:
    record = await session.scalar(
        select(BillingRecord).where(
            BillingRecord.integration_id == books.integration.id,
            BillingRecord.kind == KIND,
            BillingRecord.billing_id == billing_id,
        )
    )
    if record is None:
        raise _unknown("/billing_id", f"There is no billing customer {billing_id!r}.")
    customer = await book_rows.customer(session, books.company.id, external_id)
    if customer is None:
        detail = f"No customer with the id {external_id!r} was imported."
        raise _unknown("/external_id", detail, "Import customers first.")
    if not customer.active:
        raise Conflict(
            f"The customer {customer.display_name!r} is inactive in the books.",
            code="inactive",
            fixes=["Make it active in the books, then import customers."],
        )
    home = books.profile.home_currency if books.profile else None
    mine, theirs = record.currency or home, customer.currency or home
    if mine != theirs:
        raise Conflict(
            f"The billing customer is billed in {mine}, the customer in the books in {theirs}.",
            code="currency_differs",
            fixes=["Choose a customer of that currency; the books keep one for each."],
        )
    return record, customer


def _unknown(pointer: str, detail: str, *fixes: str) -> Invalid:
    return Invalid(
        detail, code="unknown_customer", errors=[FieldProblem(pointer, detail)], fixes=fixes
    )


def _paired(record: BillingRecord, link: Link, customer: Customer) -> CustomerRow:
    return CustomerRow(
        link_id=link.id,
        billing_id=record.billing_id,
        billing_name=record.name,
        external_id=customer.external_id,
        name=customer.display_name,
        status=Status.CONFIRMED,
        name_matches=customer.display_name == record.name,
        reason=None,
    )
