"""HTTP: organizations and API keys, for the operator only."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response

from app.kit.answers import before_id, example, page_by_id
from app.kit.web import Cursor, Limit, Page, Route, refusals
from app.organizations import service
from app.organizations.access import Operator
from app.organizations.schemas import (
    ApiKeyIn,
    ApiKeyOut,
    NewApiKeyOut,
    OrganizationIn,
    OrganizationOut,
    RotationIn,
)

router = APIRouter(
    prefix="/v1/organizations",
    route_class=Route,
    tags=["Organizations"],
    responses=refusals(401, 422),
)

ORGANIZATION = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c001",
    "name": "Maple Books Inc.",
    "created_at": "2026-03-01T12:00:00Z",
}
KEY: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c002",
    "name": "billing server",
    "prefix": "lw_3f9ab27c01de",
    "scopes": ["write"],
    "created_at": "2026-03-01T12:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
}


@router.post(
    "",
    status_code=201,
    operation_id="create_organization",
    summary="Create an organization",
    responses=example(ORGANIZATION, status=201),
)
async def create_organization(
    db: Operator,
    wanted: Annotated[
        OrganizationIn,
        Body(openapi_examples={"merchant": {"value": {"name": "Maple Books Inc."}}}),
    ],
) -> OrganizationOut:
    """Create a merchant: the unit of isolation. Make an API key for it next."""
    return OrganizationOut.model_validate(await service.create_organization(db, wanted))


@router.get(
    "",
    operation_id="list_organizations",
    summary="List organizations",
    responses=example({"data": [ORGANIZATION], "next_cursor": None}),
)
async def list_organizations(
    db: Operator, limit: Limit = 50, cursor: Cursor = None
) -> Page[OrganizationOut]:
    """All organizations, newest first."""
    rows = await service.list_organizations(db, before=before_id(cursor), limit=limit + 1)
    return page_by_id(rows, limit, OrganizationOut.model_validate)


@router.post(
    "/{organization_id}/api-keys",
    status_code=201,
    operation_id="create_api_key",
    summary="Make an API key",
    responses=refusals(404) | example(KEY | {"key": "lw_3f9ab27c01de_…43 characters…"}, status=201),
)
async def create_api_key(
    db: Operator,
    request: Request,
    organization_id: UUID,
    wanted: Annotated[
        ApiKeyIn,
        Body(
            openapi_examples={
                "billing_server": {"value": {"name": "billing server", "scopes": ["write"]}},
                "administrator": {
                    "summary": "May change integrations and connect",
                    "value": {"name": "settings page", "scopes": ["admin"]},
                },
                "auditor": {
                    "value": {
                        "name": "auditor",
                        "scopes": ["read"],
                        "expires_at": "2027-01-01T00:00:00Z",
                    }
                },
            }
        ),
    ],
) -> NewApiKeyOut:
    """Make a key of this organization. The answer shows it once; only a hash of it is kept."""
    key, plain = await service.create_key(
        db, organization_id, wanted, hash_key=request.app.state.hash_key
    )
    return NewApiKeyOut(**ApiKeyOut.model_validate(key).model_dump(), key=plain)


@router.get(
    "/{organization_id}/api-keys",
    operation_id="list_api_keys",
    summary="List API keys",
    responses=refusals(404) | example({"data": [KEY], "next_cursor": None}),
)
async def list_api_keys(
    db: Operator, organization_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> Page[ApiKeyOut]:
    """The organization's keys without their secrets, newest first; revoked ones too."""
    rows = await service.list_keys(db, organization_id, before=before_id(cursor), limit=limit + 1)
    return page_by_id(rows, limit, ApiKeyOut.model_validate)


@router.post(
    "/{organization_id}/api-keys/{key_id}/rotate",
    status_code=201,
    operation_id="rotate_api_key",
    summary="Replace an API key",
    responses=refusals(404, 409)
    | example(KEY | {"key": "lw_3f9ab27c01de_…43 characters…"}, status=201),
)
async def rotate_api_key(
    db: Operator,
    request: Request,
    organization_id: UUID,
    key_id: UUID,
    wanted: Annotated[
        RotationIn,
        Body(openapi_examples={"within_a_day": {"value": {"overlap_hours": 24}}}),
    ],
) -> NewApiKeyOut:
    """
    Make a key that follows this one, with its name and scopes. The answer shows it once.

    Both work for `overlap_hours`; then the old one is refused.
    """
    key, plain = await service.rotate_key(
        db,
        organization_id,
        key_id,
        overlap=timedelta(hours=wanted.overlap_hours),
        hash_key=request.app.state.hash_key,
    )
    return NewApiKeyOut(**ApiKeyOut.model_validate(key).model_dump(), key=plain)


@router.delete(
    "/{organization_id}/api-keys/{key_id}",
    status_code=204,
    operation_id="revoke_api_key",
    summary="Revoke an API key",
    responses=refusals(404),
)
async def revoke_api_key(db: Operator, organization_id: UUID, key_id: UUID) -> Response:
    """Revoke a key. It is refused from its next request on; doing it twice is harmless."""
    await service.revoke_key(db, organization_id, key_id)
    return Response(status_code=204)
