"""HTTP: the list of providers, and integrations."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response

from app.integrations import repository, service
from app.integrations.catalog import providers
from app.integrations.models import Integration
from app.integrations.schemas import IntegrationIn, IntegrationOut, IntegrationPatch, Provider
from app.integrations.service import Hooks
from app.kit.answers import before_id, example
from app.kit.web import Cursor, Limit, Page, Route, encode_cursor, refusals
from app.organizations.access import Admin, IdempotencyKey, Reader, Tenant

router = APIRouter(
    prefix="/v1", route_class=Route, tags=["Integrations"], responses=refusals(401, 403, 422)
)

EXAMPLE_IN: dict[str, Any] = {
    "name": "Maple Books, Canada",
    "provider": "quickbooks_online",
    "mode": "full_synchronization",
    "master_customer": None,
    "allowed_return_urls": ["https://billing.example.com/settings/erp"],
    "settings": {"items": {"income_account_id": "1150040000", "expense_account_id": "15"}},
}
EXAMPLE_OUT: dict[str, Any] = {
    "id": "0199a3c1-5b7e-7c11-8f0a-3d5be1a2c010",
    "name": "Maple Books, Canada",
    "provider": "quickbooks_online",
    "mode": "full_synchronization",
    "master_customers": [],
    "allowed_return_urls": ["https://billing.example.com/settings/erp"],
    "source_system": "billing",
    "settings": {
        "items": {
            "create_missing": True,
            "income_account_id": "1150040000",
            "expense_account_id": "15",
            "fallback_item_id": None,
            "credit_item_id": None,
            "house_credit_item_id": None,
            "write_off_item_id": None,
        },
        "accounts": {"deposit_account_id": None},
        "tax": {"variance": "billed"},
        "closed_books": "refuse",
        "documents": {"send_number": True, "memo_prefix": None},
        "journal": {
            "period": "day",
            "split_by_currency": True,
            "rounding": "account",
            "number_prefix": "S",
        },
    },
    "connection": {
        "status": "connected",
        "company_id": "9341452612345678",
        "company_name": "Maple Books Inc.",
        "connected_at": "2026-03-01T12:05:00Z",
        "reason": None,
    },
    "preflight": {
        "read_at": "2026-03-01T12:05:00Z",
        "date_from": None,
        "date_to": None,
        "ready": True,
        "findings": [
            {
                "code": "custom_numbers",
                "level": "warn",
                "subject": "Custom transaction numbers are off in QuickBooks",
                "consequence": "QuickBooks numbers no document by itself; the billing number "
                "stands in the memo.",
                "fix": "Turn on Custom transaction numbers under Account and settings, Sales; or "
                "set documents.send_number to false.",
                "documents": 0,
            }
        ],
    },
    "created_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T12:00:00Z",
}


@router.get(
    "/providers",
    operation_id="list_providers",
    summary="List ERP providers",
    responses=example(
        {
            "data": [provider.model_dump(mode="json") for provider in providers()],
            "next_cursor": None,
        }
    ),
)
async def list_providers(_: Reader) -> Page[Provider]:
    """The ERPs that can be chosen, with the modes and resources each of them knows."""
    return Page(data=providers())


@router.post(
    "/integrations",
    status_code=201,
    operation_id="create_integration",
    summary="Create an integration",
    responses=refusals(409) | example(EXAMPLE_OUT, status=201),
)
async def create_integration(
    who: Admin,
    request: Request,
    response: Response,
    wanted: Annotated[
        IntegrationIn,
        Body(
            openapi_examples={
                "full": {"summary": "Each document by itself", "value": EXAMPLE_IN},
                "journal": {
                    "summary": "Summarized journal entries",
                    "value": {
                        "name": "Maple Books, summary",
                        "provider": "quickbooks_online",
                        "mode": "summarized_journal_entry",
                        "master_customer": {"name": "Billing customers", "id": "58"},
                    },
                },
            }
        ),
    ],
    _key: IdempotencyKey = None,
) -> IntegrationOut:
    """Make an integration: mode, defaults and return URLs. Connect it to a company next."""
    made = await service.create_integration(who.session, who.organization_id, wanted)
    response.headers["Location"] = f"/v1/integrations/{made.id}"
    return await _one(who, request, made)


@router.get(
    "/integrations",
    operation_id="list_integrations",
    summary="List integrations",
    responses=example({"data": [EXAMPLE_OUT], "next_cursor": None}),
)
async def list_integrations(
    who: Reader, request: Request, limit: Limit = 50, cursor: Cursor = None
) -> Page[IntegrationOut]:
    """The organization's integrations with the state of their connections, newest first."""
    rows = await repository.list_integrations(
        who.session, before=before_id(cursor), limit=limit + 1
    )
    more = encode_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
    shown = await service.show(who.session, rows[:limit], hooks_of(request))
    return Page(data=shown, next_cursor=more)


@router.get(
    "/integrations/{integration_id}",
    operation_id="get_integration",
    summary="Get an integration",
    responses=refusals(404) | example(EXAMPLE_OUT),
)
async def get_integration(who: Reader, request: Request, integration_id: UUID) -> IntegrationOut:
    """One integration, with its settings and the state of its connection."""
    found = await service.get_integration(who.session, integration_id)
    return await _one(who, request, found)


@router.patch(
    "/integrations/{integration_id}",
    operation_id="update_integration",
    summary="Change an integration",
    responses=refusals(404, 409) | example(EXAMPLE_OUT),
)
async def update_integration(
    who: Admin,
    request: Request,
    integration_id: UUID,
    patch: Annotated[
        IntegrationPatch,
        Body(
            openapi_examples={
                "settings": {
                    "summary": "Change two settings, keep the rest",
                    "value": {
                        "settings": {
                            "tax": {"variance": "quickbooks"},
                            "closed_books": "first_open_day",
                        }
                    },
                }
            }
        ),
    ],
) -> IntegrationOut:
    """Change what is sent and keep the rest; settings are merged field by field."""
    changed = await service.change_integration(
        who.session, integration_id, patch, hooks_of(request)
    )
    return await _one(who, request, changed)


@router.delete(
    "/integrations/{integration_id}",
    status_code=204,
    operation_id="delete_integration",
    summary="Remove an integration",
    responses=refusals(404),
)
async def delete_integration(who: Admin, request: Request, integration_id: UUID) -> Response:
    """
    Detach an integration.

    Its jobs are cancelled. Documents in the books, their links, the mappings and the history stay.
    """
    await service.remove_integration(who.session, integration_id, hooks_of(request))
    return Response(status_code=204)


def hooks_of(request: Request) -> Hooks:
    """Collect what higher rooms contribute, as far as it was wired."""
    state = request.app.state
    return Hooks(
        summaries=getattr(state, "connection_summaries", None),
        removed=getattr(state, "on_integration_removed", None),
        has_postings=getattr(state, "integration_has_postings", None),
        check_masters=getattr(state, "check_master_customers", None),
        check_mode=getattr(state, "check_mode_change", None),
        preflights=getattr(state, "last_preflights", None),
    )


async def _one(who: Tenant, request: Request, integration: Integration) -> IntegrationOut:
    return (await service.show(who.session, [integration], hooks_of(request)))[0]
