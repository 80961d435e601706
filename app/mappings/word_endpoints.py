"""Item and payment method mappings."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.books.service import Books
from app.kit.answers import example
from app.kit.errors import FieldProblem, Invalid
from app.kit.web import Cursor, Limit, Page, Route, refusals
from app.mappings import examples, words
from app.mappings.endpoints import Read, StatusFilter, Write, Writing, cut, delete_mapping
from app.mappings.proposals import Choice
from app.mappings.repository import MappingKind
from app.mappings.schemas import (
    ItemMappingIn,
    ItemMappingOut,
    ItemMappingPatch,
    MethodMappingIn,
    MethodMappingOut,
    MethodTargets,
    Suggested,
    SuggestIn,
)
from app.mappings.words import WordRow

router = APIRouter(
    prefix="/v1/integrations/{integration_id}",
    tags=["Mappings"],
    route_class=Route,
    responses=refusals(401, 403, 404, 409, 422),
)


def _page(
    rows: list[WordRow], status: StatusFilter, limit: int, cursor: str | None
) -> tuple[list[WordRow], str | None]:
    chosen = [row for row in rows if status in {None, row.status}]
    return cut(chosen, lambda row: row.key, limit=limit, cursor=cursor)


# ---------------------------------------------------------------- items


@router.get(
    "/item-mappings",
    summary="Item mappings: charges and their items",
    responses=example({"data": [examples.ITEM_MAPPING], "next_cursor": None}),
)
async def list_item_mappings(
    asked: Read, status: StatusFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[ItemMappingOut]:
    rows = await words.item_rows(asked.tenant.session, await asked.books())
    page, next_cursor = _page(rows, status, limit, cursor)
    return Page[ItemMappingOut](
        data=[ItemMappingOut.of(row) for row in page], next_cursor=next_cursor
    )


@router.post(
    "/item-mappings",
    status_code=201,
    summary="Map a price code to an item",
    responses=example(examples.ITEM_MAPPING, status=201),
)
async def add_item_mapping(asked: Write, body: ItemMappingIn) -> ItemMappingOut:
    session, books = asked.tenant.session, await asked.books()
    row = await words.save_word(
        session,
        books,
        MappingKind.ITEM,
        body.price_code,
        target=await words.item_target(session, books, body.item_id),
        confirmed_by=asked.tenant.key_name,
    )
    return ItemMappingOut.of(row)


@router.post(
    "/item-mappings/suggest",
    summary="Suggest items; save the exact ones if asked",
    responses=example({"confirmed": 0, "data": [examples.ITEM_MAPPING]}),
)
async def suggest_item_mappings(asked: Write, body: SuggestIn) -> Suggested[ItemMappingOut]:
    session, books, confirmed = asked.tenant.session, await asked.books(), 0
    rows = await words.item_rows(session, books)
    if body.confirm == "exact":
        confirmed = await words.save_exact(
            session, books, MappingKind.ITEM, rows, confirmed_by=asked.tenant.key_name
        )
        rows = await words.item_rows(session, books)
    return Suggested[ItemMappingOut](
        confirmed=confirmed, data=[ItemMappingOut.of(row) for row in rows]
    )


@router.patch(
    "/item-mappings/{mapping_id:uuid}",
    summary="Map a price code to another item",
    responses=example(examples.ITEM_MAPPING),
)
async def change_item_mapping(
    asked: Write, mapping_id: UUID, body: ItemMappingPatch
) -> ItemMappingOut:
    session, books = asked.tenant.session, await asked.books()
    row = await words.change_word(
        session,
        books,
        MappingKind.ITEM,
        mapping_id,
        target=await words.item_target(session, books, body.item_id),
        confirmed_by=asked.tenant.key_name,
    )
    return ItemMappingOut.of(row)


@router.delete(
    "/item-mappings/{mapping_id:uuid}", status_code=204, summary="Forget an item mapping"
)
async def delete_item_mapping(asked: Write, mapping_id: UUID) -> Response:
    return await delete_mapping(asked.tenant, await asked.books(), MappingKind.ITEM, mapping_id)


# ---------------------------------------------------------------- payment methods


@router.get(
    "/payment-method-mappings",
    summary="Where payments of each method go",
    responses=example({"data": [examples.METHOD_MAPPING], "next_cursor": None}),
)
async def list_method_mappings(
    asked: Read, status: StatusFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[MethodMappingOut]:
    rows = await words.method_rows(asked.tenant.session, await asked.books())
    page, next_cursor = _page(rows, status, limit, cursor)
    return Page[MethodMappingOut](
        data=[MethodMappingOut.of(row) for row in page], next_cursor=next_cursor
    )


@router.post(
    "/payment-method-mappings",
    status_code=201,
    summary="Say where payments of a method go",
    responses=example(examples.METHOD_MAPPING, status=201),
)
async def add_method_mapping(asked: Write, body: MethodMappingIn) -> MethodMappingOut:
    books = await asked.books()
    target, deposit = await _method_targets(asked, books, body)
    row = await words.save_word(
        asked.tenant.session,
        books,
        MappingKind.PAYMENT_METHOD,
        body.method,
        target=target,
        deposit=deposit,
        confirmed_by=asked.tenant.key_name,
    )
    return MethodMappingOut.of(row)


async def _method_targets(
    asked: Writing, books: Books, body: MethodTargets
) -> tuple[Choice | None, Choice | None]:
    if body.payment_method_id is None and body.deposit_account_id is None:
        detail = "Say a payment method, a deposit account, or both."
        raise Invalid(detail, errors=[FieldProblem("/payment_method_id", detail)])
    target = deposit = None
    if body.payment_method_id is not None:
        target = await words.payment_method_target(
            asked.tenant.session, books, body.payment_method_id
        )
    if body.deposit_account_id is not None:
        deposit = await words.account_target(
            asked.tenant.session,
            books,
            body.deposit_account_id,
            role="deposit",
            pointer="/deposit_account_id",
        )
    return target, deposit


@router.post(
    "/payment-method-mappings/suggest",
    summary="Suggest payment methods; save the exact ones if asked",
    responses=example({"confirmed": 0, "data": [examples.METHOD_MAPPING]}),
)
async def suggest_method_mappings(asked: Write, body: SuggestIn) -> Suggested[MethodMappingOut]:
    session, books, confirmed = asked.tenant.session, await asked.books(), 0
    rows = await words.method_rows(session, books)
    if body.confirm == "exact":
        confirmed = await words.save_exact(
            session, books, MappingKind.PAYMENT_METHOD, rows, confirmed_by=asked.tenant.key_name
        )
        rows = await words.method_rows(session, books)
    return Suggested[MethodMappingOut](
        confirmed=confirmed, data=[MethodMappingOut.of(row) for row in rows]
    )


@router.patch(
    "/payment-method-mappings/{mapping_id:uuid}",
    summary="Let payments of a method go elsewhere",
    responses=example(examples.METHOD_MAPPING),
)
async def change_method_mapping(
    asked: Write, mapping_id: UUID, body: MethodTargets
) -> MethodMappingOut:
    books = await asked.books()
    target, deposit = await _method_targets(asked, books, body)
    row = await words.change_word(
        asked.tenant.session,
        books,
        MappingKind.PAYMENT_METHOD,
        mapping_id,
        target=target,
        deposit=deposit,
        confirmed_by=asked.tenant.key_name,
    )
    return MethodMappingOut.of(row)


@router.delete(
    "/payment-method-mappings/{mapping_id:uuid}",
    status_code=204,
    summary="Forget where payments of a method go",
)
async def delete_method_mapping(asked: Write, mapping_id: UUID) -> Response:
    return await delete_mapping(
        asked.tenant, await asked.books(), MappingKind.PAYMENT_METHOD, mapping_id
    )
