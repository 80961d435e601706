"""Tax mappings, and what every mapping table's endpoints share."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Response

from app.books.service import Books, books_of
from app.kit.answers import example
from app.kit.web import Cursor, Limit, Route, decode_cursor, encode_cursor, refusals
from app.mappings import examples, taxes
from app.mappings.repository import MappingKind, get_mapping
from app.mappings.schemas import (
    PairIn,
    Suggested,
    SuggestIn,
    TaxMappingIn,
    TaxMappingOut,
    TaxMappingPatch,
    TaxMappings,
)
from app.mappings.suggest import Pair, Status
from app.organizations.access import IdempotencyKey, Reader, Tenant, Writer

T = TypeVar("T")
StatusFilter = Annotated[Status | None, Query(description="Only rows with this status")]

router = APIRouter(
    prefix="/v1/integrations/{integration_id}",
    tags=["Mappings"],
    route_class=Route,
    responses=refusals(401, 403, 404, 409, 422),
)


class Reading:
    """A reader's request about one integration's mappings."""

    def __init__(self, integration_id: UUID, tenant: Reader) -> None:
        self.integration_id, self.tenant = integration_id, tenant

    async def books(self) -> Books:
        return await books_of(self.tenant.session, self.integration_id)


class Writing:
    """A writer's request about one integration's mappings."""

    def __init__(self, integration_id: UUID, tenant: Writer, _key: IdempotencyKey = None) -> None:
        self.integration_id, self.tenant = integration_id, tenant

    async def books(self) -> Books:
        return await books_of(self.tenant.session, self.integration_id)


Read = Annotated[Reading, Depends()]
Write = Annotated[Writing, Depends()]


def cut(
    rows: Sequence[T], key: Callable[[T], str], *, limit: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """
    Return one page of rows that are sorted by key, and the cursor of the next one.

    Raises:
        Invalid: The cursor belongs to another list.
    """
    after = decode_cursor(cursor, str)
    start = 0
    if after is not None:
        start = sum(1 for row in rows if key(row) <= after[0])
    page = list(rows[start : start + limit])
    more = start + limit < len(rows)
    return page, encode_cursor(key(page[-1])) if more else None


async def delete_mapping(
    tenant: Tenant, books: Books, kind: MappingKind, mapping_id: UUID
) -> Response:
    """Forget a mapping; documents in the books keep what they have."""
    row = await get_mapping(tenant.session, books.company.id, kind, mapping_id)
    await tenant.session.delete(row)
    await tenant.session.flush()
    return Response(status_code=204)


def _pairs(pairs: Sequence[PairIn] | None) -> list[Pair] | None:
    return None if pairs is None else [Pair(pair.price_code, pair.rate_id) for pair in pairs]


@router.get(
    "/tax-mappings",
    summary="Tax mappings: mapped, suggested, ambiguous, unmapped, broken",
    responses=example(examples.TAX_TABLE),
)
async def list_tax_mappings(
    asked: Read, status: StatusFilter = None, limit: Limit = 200, cursor: Cursor = None
) -> TaxMappings:
    table = await taxes.tax_table(asked.tenant.session, await asked.books())
    shown = [TaxMappingOut.of(row) for row in table.rows if status in {None, row.status}]
    shown.sort(key=_place)
    page, next_cursor = cut(shown, _place, limit=limit, cursor=cursor)
    return TaxMappings.of_table(table, page, next_cursor)


def _place(row: TaxMappingOut) -> str:
    return "\x1f".join(row.price_codes)


@router.post(
    "/tax-mappings",
    status_code=201,
    summary="Map a set of price codes to a tax code",
    responses=example(examples.TAX_MAPPING, status=201),
)
async def add_tax_mapping(
    asked: Write,
    body: Annotated[TaxMappingIn, Body(openapi_examples=examples.TAX_MAPPINGS)],
) -> TaxMappingOut:
    row = await taxes.map_taxes(
        asked.tenant.session,
        await asked.books(),
        price_codes=frozenset(body.price_codes),
        tax_code_id=body.tax_code_id,
        pairs=_pairs(body.pairs),
        confirmed_by=asked.tenant.key_name,
    )
    return TaxMappingOut.of(row)


@router.post(
    "/tax-mappings/suggest",
    summary="Suggest tax mappings; save the exact ones if asked",
    responses=example({"confirmed": 1, "data": [examples.TAX_MAPPING]}),
)
async def suggest_tax_mappings(asked: Write, body: SuggestIn) -> Suggested[TaxMappingOut]:
    session, books, confirmed = asked.tenant.session, await asked.books(), 0
    if body.confirm == "exact":
        confirmed = await taxes.confirm_exact(session, books, confirmed_by=asked.tenant.key_name)
    table = await taxes.tax_table(session, books)
    rows = [TaxMappingOut.of(row) for row in table.rows]
    return Suggested[TaxMappingOut](confirmed=confirmed, data=rows)


@router.patch(
    "/tax-mappings/{mapping_id:uuid}",
    summary="Change a tax mapping, or confirm it again",
    responses=example(examples.TAX_MAPPING),
)
async def change_tax_mapping(
    asked: Write, mapping_id: UUID, body: TaxMappingPatch
) -> TaxMappingOut:
    row = await taxes.remap_taxes(
        asked.tenant.session,
        await asked.books(),
        mapping_id,
        tax_code_id=body.tax_code_id,
        pairs=_pairs(body.pairs),
        confirmed_by=asked.tenant.key_name,
    )
    return TaxMappingOut.of(row)


@router.delete("/tax-mappings/{mapping_id:uuid}", status_code=204, summary="Forget a tax mapping")
async def delete_tax_mapping(asked: Write, mapping_id: UUID) -> Response:
    return await delete_mapping(asked.tenant, await asked.books(), MappingKind.TAX, mapping_id)
