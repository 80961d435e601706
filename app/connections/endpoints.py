"""HTTP: connect, disconnect, and the state of a connection."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Request

from app.connections import service
from app.connections.schemas import ConnectIn, ConnectionOut, ConnectOut
from app.kit.answers import example
from app.kit.web import Route, refusals
from app.organizations.access import Admin, IdempotencyKey, Reader

router = APIRouter(
    prefix="/v1/integrations/{integration_id}",
    route_class=Route,
    tags=["Connections"],
    responses=refusals(401, 403, 404, 422),
)

CONNECTED: dict[str, Any] = {
    "integration_id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c010",
    "status": "connected",
    "company": {
        "external_id": "9341452612345678",
        "name": "Maple Books Inc.",
        "country": "CA",
        "home_currency": "CAD",
        "time_zone": "America/Toronto",
        "tax_model": "GLOBAL",
        "environment": "production",
    },
    "connected_at": "2026-03-01T12:05:00Z",
    "access_expires_at": "2026-03-01T13:05:00Z",
    "refresh_expires_at": "2026-06-10T12:05:00Z",
    "last_refreshed_at": "2026-03-01T12:05:00Z",
    "disconnected_at": None,
    "reason": None,
    "explanation": None,
    "fix": None,
}
ENDED: dict[str, Any] = {
    **CONNECTED,
    "status": "disconnected",
    "access_expires_at": None,
    "refresh_expires_at": None,
    "disconnected_at": "2026-03-02T09:00:00Z",
    "reason": "requested",
    "explanation": "The connection was ended here. What was synchronized stays as it is.",
    "fix": "Click Connect again and choose the same company. Mappings, links and history are kept,"
    " and waiting jobs go on by themselves.",
}


@router.post(
    "/connect",
    operation_id="connect",
    summary="Begin to connect",
    responses=refusals(409)
    | example(
        {
            "authorization_url": "https://sync.example.com/v1/connect/hV3…",
            "expires_at": "2026-03-01T12:10:00Z",
        }
    ),
)
async def connect(
    who: Admin,
    request: Request,
    integration_id: UUID,
    wanted: Annotated[
        ConnectIn,
        Body(
            openapi_examples={
                "settings_page": {
                    "summary": "Come back to the settings page",
                    "value": {"return_url": "https://billing.example.com/settings/erp"},
                }
            }
        ),
    ],
    _key: IdempotencyKey = None,
) -> ConnectOut:
    """
    Make a page for the merchant's browser, good for ten minutes and one connection.

    It names the organization and leads to QuickBooks on a click. Afterwards the browser comes to
    `return_url` with `integration_id`, `status` (`connected`, `denied` or `failed`), `code` and
    `message`; ask for the connection then, and do not trust the address alone.
    """
    state = request.app.state
    request.state.work.secret = True  # Whoever has the page's address can open it.
    return await service.begin(
        who.session,
        integration_id,
        return_url=wanted.return_url,
        allow_other_company=wanted.allow_other_company,
        hash_key=state.hash_key,
        public_url=state.public_url,
        providers=state.authorizations,
    )


@router.post(
    "/disconnect",
    operation_id="disconnect",
    summary="Disconnect",
    responses=refusals(409) | example(ENDED),
)
async def disconnect(
    who: Admin, request: Request, integration_id: UUID, _key: IdempotencyKey = None
) -> ConnectionOut:
    """
    End the connection: access is revoked at QuickBooks and our tokens are destroyed.

    Documents, links, mappings and history stay. Jobs that need the books wait until the same
    company is connected again. Repeating it changes nothing.
    """
    state = request.app.state
    return await service.disconnect(
        who.session,
        integration_id,
        keyring=state.keyring,
        authorizations=state.authorizations,
    )


@router.get(
    "/connection",
    operation_id="get_connection",
    summary="Get the connection",
    responses=example(CONNECTED),
)
async def get_connection(who: Reader, integration_id: UUID) -> ConnectionOut:
    """Whether the books are open, and if not, why, and what to do about it."""
    return await service.show(who.session, integration_id)
