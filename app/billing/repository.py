"""Where billing records are kept and found."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.checks import KnownCodes
from app.billing.kinds import PRICED, SPEC_OF, BillingKind
from app.billing.models import BillingRecord
from app.billing.schemas import AnyRecord, Charge, Tax
from app.kit.db import Json
from app.kit.ids import new_id

CHUNK = 1000
APART = ("updated_at", "metadata")  # Not content: they change nothing in the books.


@dataclass(frozen=True, slots=True)
class Kept:
    """What must be known of a stored record to decide about a newer one."""

    updated_at: datetime
    content_hash: str
    revision: int
    metadata: Json


@dataclass(frozen=True, slots=True)
class PriceCodes:
    """Charges and taxes of one integration by price code."""

    charges: dict[str, Charge]
    taxes: dict[str, Tax]

    @property
    def tax_codes(self) -> frozenset[str]:
        """The price codes that are taxes: declared ones, and charges of kind `tax`."""
        charged = (code for code, charge in self.charges.items() if charge.kind == "tax")
        return frozenset((*self.taxes, *charged))


# ---------------------------------------------------------------------------------- reading


def parse(record: BillingRecord) -> AnyRecord:
    """Return a stored record as the frozen model of its kind."""
    return SPEC_OF[BillingKind(record.kind)].model.model_validate(record.body)


async def load(
    session: AsyncSession, integration_id: UUID, kind: str, billing_ids: Iterable[str]
) -> dict[str, BillingRecord]:
    """Return the records that exist, by billing id."""
    wanted, found = sorted(set(billing_ids)), {}
    for start in range(0, len(wanted), CHUNK):
        rows = await session.scalars(
            select(BillingRecord).where(
                BillingRecord.integration_id == integration_id,
                BillingRecord.kind == kind,
                BillingRecord.billing_id.in_(wanted[start : start + CHUNK]),
            )
        )
        found.update({row.billing_id: row for row in rows})
    return found


async def page_in_range(
    session: AsyncSession,
    integration_id: UUID,
    kind: str,
    date_from: date | None,
    date_to: date | None,
    *,
    after: tuple[date, UUID] | None = None,
    limit: int = CHUNK,
    negative: bool = False,
) -> list[BillingRecord]:
    """
    Return one page of the records dated in the range, both days included, oldest first.

    With *negative* only those whose amount is below zero. *after* is (record_date, id) of the last
    row of the page before. Undated records are not in any range.
    """
    query = (
        select(BillingRecord)
        .where(
            BillingRecord.integration_id == integration_id,
            BillingRecord.kind == kind,
            BillingRecord.record_date.is_not(None),
        )
        .order_by(BillingRecord.record_date, BillingRecord.id)
        .limit(limit)
    )
    if negative:
        query = query.where(BillingRecord.amount < 0)
    if date_from is not None:
        query = query.where(BillingRecord.record_date >= date_from)
    if date_to is not None:
        query = query.where(BillingRecord.record_date <= date_to)
    if after is not None:
        query = query.where(tuple_(BillingRecord.record_date, BillingRecord.id) > after)
    return list(await session.scalars(query))


async def in_range(
    session: AsyncSession,
    integration_id: UUID,
    kind: str,
    date_from: date | None,
    date_to: date | None,
    *,
    size: int = CHUNK,
) -> AsyncIterator[list[BillingRecord]]:
    """Yield pages of the records dated in the range, oldest first (see `page_in_range`)."""
    after: tuple[date, UUID] | None = None
    while True:
        page = await page_in_range(
            session, integration_id, kind, date_from, date_to, after=after, limit=size
        )
        if page:
            yield page
        if len(page) < size:
            return
        last = page[-1]
        after = (last.record_date or date.min, last.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to."""

    status: str | None = None
    number: str | None = None
    customer: str | None = None
    date_from: date | None = None
    date_to: date | None = None
    updated_since: datetime | None = None


async def list_records(
    session: AsyncSession,
    integration_id: UUID,
    kind: str,
    filters: Filters,
    *,
    before: UUID | None,
    limit: int,
) -> list[BillingRecord]:
    """Return records, those that came last first."""
    row = BillingRecord
    conditions = [row.integration_id == integration_id, row.kind == kind]
    given = {
        row.status: filters.status,
        row.number: filters.number,
        row.customer_billing_id: filters.customer,
    }
    conditions += [column == value for column, value in given.items() if value is not None]
    if filters.date_from is not None:
        conditions.append(row.record_date >= filters.date_from)
    if filters.date_to is not None:
        conditions.append(row.record_date <= filters.date_to)
    if filters.updated_since is not None:
        conditions.append(row.updated_at >= filters.updated_since)
    if before is not None:
        conditions.append(row.id < before)
    query = select(row).where(*conditions).order_by(row.id.desc()).limit(limit)
    return list(await session.scalars(query))


# ------------------------------------------------------------------------------ price codes


async def price_codes(
    session: AsyncSession, integration_id: UUID, codes: Iterable[str] | None = None
) -> PriceCodes:
    """Return charges and taxes by price code; all of them, or only those among *codes*."""
    query = select(BillingRecord).where(
        BillingRecord.integration_id == integration_id, BillingRecord.kind.in_(PRICED)
    )
    if codes is not None:
        query = query.where(BillingRecord.number.in_(sorted(set(codes))))
    found = PriceCodes({}, {})
    for row in await session.scalars(query):
        record = parse(row)
        if isinstance(record, Charge):
            found.charges[record.price_code] = record
        elif isinstance(record, Tax):
            found.taxes[record.price_code] = record
    return found


async def code_owners(
    session: AsyncSession, integration_id: UUID, codes: Iterable[str]
) -> list[tuple[str, str, str, str | None]]:
    """Return (price code, kind, billing id, charge kind) of the charges and taxes under *codes*."""
    found: list[tuple[str, str, str, str | None]] = []
    wanted = sorted(set(codes))
    for start in range(0, len(wanted), CHUNK):
        rows = await session.execute(
            select(
                BillingRecord.number,
                BillingRecord.kind,
                BillingRecord.billing_id,
                BillingRecord.status,
            ).where(
                BillingRecord.integration_id == integration_id,
                BillingRecord.kind.in_(PRICED),
                BillingRecord.number.in_(wanted[start : start + CHUNK]),
            )
        )
        found += [(number or "", kind, key, status) for number, kind, key, status in rows]
    return found


async def known_codes(
    session: AsyncSession, integration_id: UUID, codes: Iterable[str]
) -> KnownCodes:
    """Tell which of *codes* are taxes and which are charges of another kind."""
    taxes: set[str] = set()
    charges: set[str] = set()
    for code, kind, _, status in await code_owners(session, integration_id, codes):
        is_tax = kind == BillingKind.TAX or status == "tax"
        (taxes if is_tax else charges).add(code)
    return KnownCodes(frozenset(taxes), frozenset(charges - taxes))


# ---------------------------------------------------------------------------------- writing


async def lock_price_codes(session: AsyncSession, integration_id: UUID) -> None:
    """Wait until nobody else gives price codes to charges or taxes here; until the commit."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"billing:price_codes:{integration_id}"},
    )


async def load_kept(
    session: AsyncSession, integration_id: UUID, kind: str, billing_ids: Sequence[str]
) -> dict[str, Kept]:
    """Return what is stored of these records, without their bodies."""
    row, wanted = BillingRecord, sorted(set(billing_ids))
    found: dict[str, Kept] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = await session.execute(
            select(
                row.billing_id,
                row.updated_at,
                row.content_hash,
                row.revision,
                row.body["metadata"],
            ).where(
                row.integration_id == integration_id,
                row.kind == kind,
                row.billing_id.in_(wanted[start : start + CHUNK]),
            )
        )
        for billing_id, updated_at, content_hash, revision, metadata in rows:
            found[billing_id] = Kept(updated_at, content_hash, revision, metadata or {})
    return found


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked record, with its canonical body and the hash of its content."""

    record: AnyRecord
    body: Json
    content_hash: str


def prepare(record: AnyRecord) -> Prepared:
    """
    Return the canonical form of a record.

    Fields that stand at their default are left out, so that a later version with one more field
    sees the same content.
    """
    body = record.model_dump(mode="json", exclude_defaults=True)
    content = {name: value for name, value in body.items() if name not in APART}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Prepared(record, body, hashlib.sha256(canonical.encode()).hexdigest())


async def write(
    session: AsyncSession,
    organization_id: UUID,
    integration_id: UUID,
    kind: BillingKind,
    records: Sequence[tuple[Prepared, int]],
) -> None:
    """Insert or replace records, each with its revision; older ones never replace newer ones."""
    spec = SPEC_OF[kind]
    ordered = sorted(records, key=lambda entry: entry[0].record.billing_id)
    statement = _upsert()
    for start in range(0, len(ordered), CHUNK):
        rows = [
            {
                "id": new_id(),
                "organization_id": organization_id,
                "integration_id": integration_id,
                "kind": kind.value,
                "billing_id": prepared.record.billing_id,
                "body": prepared.body,
                "content_hash": prepared.content_hash,
                "updated_at": prepared.record.updated_at,
                "revision": revision,
                **asdict(spec.columns(prepared.record)),
            }
            for prepared, revision in ordered[start : start + CHUNK]
        ]
        await session.execute(statement, rows)


def _upsert() -> Any:
    statement = insert(BillingRecord)
    fixed = {"id", "organization_id", "integration_id", "kind", "billing_id"}
    moving = [column.name for column in BillingRecord.__table__.columns if column.name not in fixed]
    changes: dict[str, Any] = {name: statement.excluded[name] for name in moving}
    changes["received_at"] = func.clock_timestamp()
    # Somebody else may have written since this was decided: the revision rises all the same.
    changes["revision"] = case(
        (
            BillingRecord.content_hash != statement.excluded.content_hash,
            func.greatest(BillingRecord.revision + 1, statement.excluded.revision),
        ),
        else_=BillingRecord.revision,
    )
    return statement.on_conflict_do_update(
        index_elements=["integration_id", "kind", "billing_id"],
        set_=changes,
        where=BillingRecord.updated_at <= statement.excluded.updated_at,
    )
