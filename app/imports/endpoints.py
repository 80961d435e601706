"""Adopting imported customers, and customer mappings."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response

from app.books.service import books_of
from app.imports import examples, pairing
from app.imports.adopting import Wish, adopt
from app.imports.schemas import (
    AdoptIn,
    AdoptOut,
    CustomerMappingIn,
    CustomerMappingOut,
    CustomerMappingPatch,
)
from app.kit.answers import example
from app.kit.fields import at_most
from app.kit.web import Cursor, Limit, Page, Route, refusals
from app.mappings.schemas import Suggested, SuggestIn
from app.organizations.access import IdempotencyKey, Reader, Writer

router = APIRouter(
    prefix="/v1/integrations/{integration_id}",
    route_class=Route,
    responses=refusals(401, 403, 404, 409, 422),
)
MOST_AT_ONCE = 1000
SHOWN_AT_ONCE = 200


@router.post(
    "/books/customers/adopt",
    tags=["Books"],
    summary="Make billing customers of imported ones",
    responses=example(examples.ADOPTED),
)
async def adopt_customers(
    integration_id: UUID,
    tenant: Writer,
    rows: Annotated[
        list[AdoptIn],
        at_most(MOST_AT_ONCE),
        Body(min_length=1, max_length=MOST_AT_ONCE, openapi_examples=examples.ADOPTIONS),
    ],
    _key: IdempotencyKey = None,
) -> AdoptOut:
    """
    Link each imported customer, and create the billing customer if its id is new.

    Each row stands alone; a refused one says why. What the billing system sends of the customer
    later replaces what was copied from the books.
    """
    books = await books_of(tenant.session, integration_id)
    wishes = [Wish(row.external_id, row.billing_id) for row in rows]
    return AdoptOut.of(await adopt(tenant.session, books, wishes))


@router.get(
    "/customer-mappings",
    tags=["Mappings"],
    summary="Customer mappings: billing customers and their customers in the books",
    responses=example({"data": [examples.CUSTOMER_MAPPING], "next_cursor": None}),
)
async def list_customer_mappings(
    integration_id: UUID,
    tenant: Reader,
    linked: Annotated[bool | None, Query(description="Linked, or not yet")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CustomerMappingOut]:
    books = await books_of(tenant.session, integration_id)
    rows, next_cursor = await pairing.customer_rows(
        tenant.session, books, linked=linked, limit=limit, cursor=cursor
    )
    return Page[CustomerMappingOut](
        data=[CustomerMappingOut.of(row) for row in rows], next_cursor=next_cursor
    )


@router.post(
    "/customer-mappings",
    status_code=201,
    tags=["Mappings"],
    summary="Link a billing customer to a customer of the books",
    responses=example(examples.CUSTOMER_MAPPING, status=201),
)
async def add_customer_mapping(
    integration_id: UUID,
    tenant: Writer,
    body: CustomerMappingIn,
    _key: IdempotencyKey = None,
) -> CustomerMappingOut:
    books = await books_of(tenant.session, integration_id)
    row = await pairing.pair_customer(
        tenant.session, books, billing_id=body.billing_id, external_id=body.external_id
    )
    return CustomerMappingOut.of(row)


@router.post(
    "/customer-mappings/suggest",
    tags=["Mappings"],
    summary="Suggest customers; link the sure ones if asked",
    responses=example({"confirmed": 0, "data": [examples.CUSTOMER_MAPPING]}),
)
async def suggest_customer_mappings(
    integration_id: UUID, tenant: Writer, body: SuggestIn, _key: IdempotencyKey = None
) -> Suggested[CustomerMappingOut]:
    """
    `exact` links as an import does: one active, unlinked customer of the name and currency.

    It answers the first customers that are still open; page through the list for the rest.
    """
    books = await books_of(tenant.session, integration_id)
    confirmed = 0
    if body.confirm == "exact":
        confirmed = await pairing.link_sure(tenant.session, books)
    rows, _ = await pairing.customer_rows(
        tenant.session, books, linked=False, limit=SHOWN_AT_ONCE, cursor=None
    )
    shown = [CustomerMappingOut.of(row) for row in rows]
    return Suggested[CustomerMappingOut](confirmed=confirmed, data=shown)


@router.patch(
    "/customer-mappings/{mapping_id:uuid}",
    tags=["Mappings"],
    summary="Link a billing customer to another customer of the books",
    responses=example(examples.CUSTOMER_MAPPING),
)
async def change_customer_mapping(
    integration_id: UUID, mapping_id: UUID, tenant: Writer, body: CustomerMappingPatch
) -> CustomerMappingOut:
    books = await books_of(tenant.session, integration_id)
    row = await pairing.repair_customer(
        tenant.session, books, mapping_id, external_id=body.external_id
    )
    return CustomerMappingOut.of(row)


@router.delete(
    "/customer-mappings/{mapping_id:uuid}",
    status_code=204,
    tags=["Mappings"],
    summary="Unlink a billing customer for whom nothing was posted",
)
async def delete_customer_mapping(
    integration_id: UUID, mapping_id: UUID, tenant: Writer
) -> Response:
    books = await books_of(tenant.session, integration_id)
    await pairing.part_customer(tenant.session, books, mapping_id)
    return Response(status_code=204)
