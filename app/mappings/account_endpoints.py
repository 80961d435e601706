"""HTTP: account mappings, by role, key and currency."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.kit.answers import example
from app.kit.web import Cursor, Limit, Page, Route, refusals
from app.mappings import accounts, examples
from app.mappings.account_schemas import AccountMappingIn, AccountMappingOut, AccountMappingPatch
from app.mappings.endpoints import Read, StatusFilter, Write, cut, delete_mapping
from app.mappings.repository import MappingKind
from app.mappings.schemas import Suggested, SuggestIn

router = APIRouter(
    prefix="/v1/integrations/{integration_id}",
    tags=["Mappings"],
    route_class=Route,
    responses=refusals(401, 403, 404, 409, 422),
)


@router.get(
    "/account-mappings",
    summary="Account mappings: roles and their accounts",
    responses=example({"data": [examples.ACCOUNT_MAPPING], "next_cursor": None}),
)
async def list_account_mappings(
    asked: Read, status: StatusFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[AccountMappingOut]:
    """
    Each role with its account or a suggestion.

    In journal mode also every accounting code of charges (income), every tax, every payment method
    (deposit) and, in companies with several currencies, every currency in use (receivable).
    """
    rows = await accounts.account_rows(asked.tenant.session, await asked.books())
    chosen = [row for row in rows if status in {None, row.status}]
    page, next_cursor = cut(chosen, lambda row: row.place.text, limit=limit, cursor=cursor)
    return Page[AccountMappingOut](
        data=[AccountMappingOut.of(row) for row in page], next_cursor=next_cursor
    )


@router.post(
    "/account-mappings",
    status_code=201,
    summary="Give a role to an account",
    responses=example(examples.ACCOUNT_MAPPING, status=201),
)
async def add_account_mapping(asked: Write, body: AccountMappingIn) -> AccountMappingOut:
    """Without a key the account is the role's default: it takes what has no account of its own."""
    row = await accounts.save_account(
        asked.tenant.session,
        await asked.books(),
        accounts.place_asked(body.role, body.key, body.currency),
        body.account_id,
        confirmed_by=asked.tenant.key_name,
    )
    return AccountMappingOut.of(row)


@router.post(
    "/account-mappings/suggest",
    summary="Suggest accounts; save the exact ones if asked",
    responses=example({"confirmed": 0, "data": [examples.ACCOUNT_MAPPING]}),
)
async def suggest_account_mappings(asked: Write, body: SuggestIn) -> Suggested[AccountMappingOut]:
    """
    Find accounts by number, then by exact name: an accounting code is often the account's number.

    `exact` saves those. A role without a key never matches by name, so a person confirms it.
    """
    session, books, confirmed = asked.tenant.session, await asked.books(), 0
    rows = await accounts.account_rows(session, books)
    if body.confirm == "exact":
        confirmed = await accounts.save_exact_accounts(
            session, books, rows, confirmed_by=asked.tenant.key_name
        )
        rows = await accounts.account_rows(session, books)
    return Suggested[AccountMappingOut](
        confirmed=confirmed, data=[AccountMappingOut.of(row) for row in rows]
    )


@router.patch(
    "/account-mappings/{mapping_id:uuid}",
    summary="Give a role to another account",
    responses=example(examples.ACCOUNT_MAPPING),
)
async def change_account_mapping(
    asked: Write, mapping_id: UUID, body: AccountMappingPatch
) -> AccountMappingOut:
    row = await accounts.change_account(
        asked.tenant.session,
        await asked.books(),
        mapping_id,
        body.account_id,
        confirmed_by=asked.tenant.key_name,
    )
    return AccountMappingOut.of(row)


@router.delete(
    "/account-mappings/{mapping_id:uuid}", status_code=204, summary="Take a role from its account"
)
async def delete_account_mapping(asked: Write, mapping_id: UUID) -> Response:
    return await delete_mapping(asked.tenant, await asked.books(), MappingKind.ACCOUNT, mapping_id)
