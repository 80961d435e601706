"""Rows of imported entries: stored page by page, read as accounting records."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from sqlalchemy import (
    ColumnElement,
    Row,
    String,
    Uuid,
    any_,
    cast,
    column,
    exists,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import (
    Account,
    BooksDocument,
    Customer,
    Item,
    NamedEntry,
    TaxAgency,
    TaxCode,
    TaxRate,
)
from app.books.kinds import BookKind, BookRecord, R, StoredForm, from_row, to_rows
from app.books.models import BookEntry
from app.books.names import fold_name

# The ledger lies above this room; of its links only these columns are looked at, read-only.
LINKS = table(
    "links",
    column("company_id"),
    column("kind"),
    column("external_id"),
    column("billing_id"),
    column("state"),
)
# A link in one of these states has a document in the books.
LINKED_STATES = ("live", "voided", "missing", "drifted")

_UPSERT = text(
    """
    INSERT INTO book_entries (id, organization_id, company_id, kind, external_id, name, name_key,
        active, currency, email, body, body_hash, created_in_books_at, updated_in_books_at)
    SELECT page.id, CAST(:organization_id AS uuid), CAST(:company_id AS uuid),
        CAST(:kind AS text), page.external_id, page.name, page.name_key, page.active,
        page.currency, page.email, CAST(page.body AS jsonb), page.body_hash, page.created_at,
        page.updated_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:external_ids AS text[]), CAST(:names AS text[]),
        CAST(:name_keys AS text[]), CAST(:actives AS boolean[]), CAST(:currencies AS text[]),
        CAST(:emails AS text[]), CAST(:bodies AS text[]), CAST(:hashes AS text[]),
        CAST(:created AS timestamptz[]), CAST(:updated AS timestamptz[]))
        AS page (id, external_id, name, name_key, active, currency, email, body, body_hash,
            created_at, updated_at)
    ON CONFLICT (company_id, kind, external_id) DO UPDATE SET
        name = excluded.name, name_key = excluded.name_key, active = excluded.active,
        currency = excluded.currency, email = excluded.email, body = excluded.body,
        body_hash = excluded.body_hash, created_in_books_at = excluded.created_in_books_at,
        updated_in_books_at = excluded.updated_in_books_at, changed_at = clock_timestamp()
    """
)


@dataclass(frozen=True, slots=True)
class Renamed:
    """An entry that has another name than before."""

    external_id: str
    before: str
    after: str


@dataclass(slots=True)
class Stored:
    """What storing one page changed, by external id; each id is in exactly one of the lists."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deactivated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(map(len, (self.created, self.updated, self.deactivated, self.unchanged)))


async def store_page(
    session: AsyncSession,
    *,
    organization_id: UUID,
    company_id: UUID,
    kind: BookKind,
    records: Iterable[BookRecord],
) -> Stored:
    """
    Store one page in one statement, in the order of the ids; unchanged rows are not touched.

    Entries never leave: what became inactive in the books is kept as inactive.
    """
    rows = to_rows(kind, records)
    ids = {row.external_id: entry_id(company_id, kind, row.external_id) for row in rows}
    stored, fresh = _compare(await _present(session, list(ids.values())), rows)
    if fresh:
        arrays = _arrays(fresh) | {"ids": [ids[row.external_id] for row in fresh]}
        fixed = {"organization_id": organization_id, "company_id": company_id, "kind": kind.value}
        await session.execute(_UPSERT, arrays | fixed)
    return stored


def _compare(
    before: dict[str, Row[str, str, str, bool]], rows: Sequence[StoredForm]
) -> tuple[Stored, list[StoredForm]]:
    """Return what the rows change, and those of them that have to be written."""
    stored, fresh = Stored(), []
    for row in rows:
        old = before.get(row.external_id)
        if old is not None and old.body_hash == row.body_hash:
            stored.unchanged.append(row.external_id)
            continue
        fresh.append(row)
        if old is None:
            stored.created.append(row.external_id)
            continue
        gone = old.active and not row.active
        (stored.deactivated if gone else stored.updated).append(row.external_id)
        if old.name != row.name and fold_name(old.name) != row.name_key:
            stored.renamed.append(Renamed(row.external_id, old.name, row.name))
    return stored, fresh


async def _present(session: AsyncSession, ids: list[UUID]) -> dict[str, Row[str, str, str, bool]]:
    await plan_afresh(session)
    statement = select(
        BookEntry.external_id, BookEntry.body_hash, BookEntry.name, BookEntry.active
    ).where(BookEntry.id == any_(cast(ids, ARRAY(Uuid))))
    return {row.external_id: row for row in await session.execute(statement)}


def entry_id(company_id: UUID, kind: BookKind, external_id: str) -> UUID:
    """
    Return an entry's id, derived from what it is.

    A page is then found by primary key, whatever the database knows of the table: before its
    first ANALYZE it would rather read through all of a company's rows.
    """
    return uuid5(company_id, f"{kind.value}:{external_id}")


async def plan_afresh(session: AsyncSession) -> None:
    """Let each statement of this transaction be planned for the table as it is by now."""
    await session.execute(text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"))


def _arrays(rows: Sequence[StoredForm]) -> dict[str, object]:
    """Return the rows as one array per column."""
    return {
        "external_ids": [row.external_id for row in rows],
        "names": [row.name for row in rows],
        "name_keys": [row.name_key for row in rows],
        "actives": [row.active for row in rows],
        "currencies": [row.currency for row in rows],
        "emails": [row.email for row in rows],
        "bodies": [row.body for row in rows],
        "hashes": [row.body_hash for row in rows],
        "created": [row.created_at for row in rows],
        "updated": [row.updated_at for row in rows],
    }


async def deactivate_missing(
    session: AsyncSession, company_id: UUID, kind: BookKind, seen: Sequence[str]
) -> list[str]:
    """
    Mark active entries as inactive that a whole reading of the list did not show.

    Their hash is emptied, so that their return is a change.
    """
    statement = text(
        "UPDATE book_entries SET active = false, body_hash = '', changed_at = clock_timestamp(),"
        " body = jsonb_set(body, '{active}', 'false')"
        " WHERE company_id = :company_id AND kind = :kind AND active"
        " AND external_id <> ALL (CAST(:seen AS text[])) RETURNING external_id"
    )
    values = {"company_id": company_id, "kind": kind.value, "seen": list(seen)}
    return sorted((await session.execute(statement, values)).scalars())


# ---------------------------------------------------------------- typed reads


async def records_of(
    session: AsyncSession,
    company_id: UUID,
    kind: BookKind,
    record_type: type[R],
    *conditions: ColumnElement[bool],
) -> list[R]:
    """Return the kind's entries that meet the conditions, in the order of name and id."""
    statement = (
        select(BookEntry)
        .where(BookEntry.company_id == company_id, BookEntry.kind == kind.value, *conditions)
        .order_by(BookEntry.name_key, BookEntry.external_id)
    )
    return [to_record(entry, record_type) for entry in await session.scalars(statement)]


def to_record(entry: BookEntry, record_type: type[R]) -> R:
    return from_row(
        BookKind(entry.kind),
        record_type,
        entry.body,
        external_id=entry.external_id,
        created_at=entry.created_in_books_at,
        updated_at=entry.updated_in_books_at,
    )


async def record_with_id(
    session: AsyncSession,
    company_id: UUID,
    kind: BookKind,
    record_type: type[R],
    external_id: str,
) -> R | None:
    """Return the entry with that id in the books, active or not, or None."""
    found = await records_of(
        session, company_id, kind, record_type, BookEntry.external_id == external_id
    )
    return found[0] if found else None


async def customer(session: AsyncSession, company_id: UUID, external_id: str) -> Customer | None:
    return await record_with_id(session, company_id, BookKind.CUSTOMER, Customer, external_id)


async def item(session: AsyncSession, company_id: UUID, external_id: str) -> Item | None:
    return await record_with_id(session, company_id, BookKind.ITEM, Item, external_id)


async def customers_named(session: AsyncSession, company_id: UUID, name: str) -> list[Customer]:
    """Return the customers whose folded name is this one's, inactive ones too."""
    return await records_of(
        session, company_id, BookKind.CUSTOMER, Customer, BookEntry.name_key == fold_name(name)
    )


async def items_named(session: AsyncSession, company_id: UUID, name: str) -> list[Item]:
    """Return the items whose folded name is this one's, inactive ones too."""
    return await records_of(
        session, company_id, BookKind.ITEM, Item, BookEntry.name_key == fold_name(name)
    )


async def item_named(session: AsyncSession, company_id: UUID, name: str) -> Item | None:
    """Return the one active item of exactly that name, or None."""
    found = await items_named(session, company_id, name)
    exact = [each for each in found if each.active and each.name == name]
    return exact[0] if len(exact) == 1 else None


async def tax_codes(session: AsyncSession, company_id: UUID) -> list[TaxCode]:
    return await records_of(session, company_id, BookKind.TAX_CODE, TaxCode)


async def tax_rates(session: AsyncSession, company_id: UUID) -> list[TaxRate]:
    return await records_of(session, company_id, BookKind.TAX_RATE, TaxRate)


async def tax_agencies(session: AsyncSession, company_id: UUID) -> list[TaxAgency]:
    return await records_of(session, company_id, BookKind.TAX_AGENCY, TaxAgency)


async def accounts(session: AsyncSession, company_id: UUID) -> list[Account]:
    return await records_of(session, company_id, BookKind.ACCOUNT, Account)


async def account(session: AsyncSession, company_id: UUID, external_id: str) -> Account | None:
    return await record_with_id(session, company_id, BookKind.ACCOUNT, Account, external_id)


async def accounts_by_type(session: AsyncSession, company_id: UUID, *types: str) -> list[Account]:
    """Return the active accounts of the given types, such as "Income"."""
    chart = await accounts(session, company_id)
    return [each for each in chart if each.active and each.type in types]


async def payment_methods(session: AsyncSession, company_id: UUID) -> list[NamedEntry]:
    return await records_of(session, company_id, BookKind.PAYMENT_METHOD, NamedEntry)


async def documents_numbered(
    session: AsyncSession, company_id: UUID, kind: BookKind, number: str
) -> list[BooksDocument]:
    """Return imported documents whose number is this one, case and spacing aside."""
    return await records_of(
        session, company_id, kind, BooksDocument, BookEntry.name_key == fold_name(number)
    )


# ---------------------------------------------------------------- lists for the API


def is_linked() -> ColumnElement[bool]:
    return exists(select(LINKS.c.billing_id).where(*_same_entry()).correlate(BookEntry))


def _same_entry() -> tuple[ColumnElement[bool], ...]:
    return (
        LINKS.c.company_id == BookEntry.company_id,
        LINKS.c.kind == BookEntry.kind,
        LINKS.c.external_id == BookEntry.external_id,
        LINKS.c.state.in_(LINKED_STATES),
    )


async def billing_ids_of(
    session: AsyncSession, company_id: UUID, kind: BookKind | str, external_ids: Iterable[str]
) -> dict[str, str]:
    """Return the billing ids that entries are linked to, by external id."""
    wanted = list(external_ids)
    if not wanted:
        return {}
    await plan_afresh(session)
    rows = await session.execute(
        select(LINKS.c.external_id, LINKS.c.billing_id).where(
            LINKS.c.company_id == company_id,
            LINKS.c.kind == str(kind),
            LINKS.c.external_id == any_(cast(wanted, ARRAY(String))),
            LINKS.c.state.in_(LINKED_STATES),
        )
    )
    return {row.external_id: row.billing_id for row in rows}


async def inactive_linked(
    session: AsyncSession, company_id: UUID, kind: BookKind
) -> dict[str, str]:
    """Return the names of the inactive entries that billing records stand for, by external id."""
    rows = await session.execute(
        select(BookEntry.external_id, BookEntry.name).where(
            BookEntry.company_id == company_id,
            BookEntry.kind == kind.value,
            BookEntry.active.is_(False),
            is_linked(),
        )
    )
    return dict(rows.all())
