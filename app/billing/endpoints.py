"""HTTP: billing records, one set of four operations per kind."""

import asyncio
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from app.billing import answers, batch, examples, service
from app.billing.kinds import SPECS, KindSpec
from app.billing.repository import Filters, list_records
from app.integrations.models import Integration
from app.integrations.service import get_integration
from app.kit.answers import before_id, example
from app.kit.errors import Invalid, UnsupportedMedia
from app.kit.fields import Day, Instant, Key
from app.kit.limits import NDJSON, media_type
from app.kit.web import Cursor, Limit, Page, Route, encode_cursor, refusals
from app.organizations.access import IdempotencyKey, Reader, Tenant, Writer

JSON = "application/json"
BillingId = Annotated[Key, Path(description="The billing system's own id of the record")]


def billing_router() -> APIRouter:
    """Return the operations on billing records of every kind."""
    router = APIRouter(
        prefix="/v1/integrations/{integration_id}/billing",
        route_class=Route,
        tags=["Billing records"],
        responses=refusals(401, 403, 404, 422),
    )
    for spec in SPECS:
        _add_put(router, spec)
        _add_batch(router, spec)
        _add_list(router, spec)
        _add_get(router, spec)
    return router


# -------------------------------------------------------------------------------- operations


def _add_put(router: APIRouter, spec: KindSpec) -> None:
    async def put(
        who: Writer,
        integration_id: UUID,
        billing_id: BillingId,
        response: Response,
        record: Any,
    ) -> answers.UpsertOut:
        integration = await get_integration(who.session, integration_id)
        addressed = service.addressed(record, billing_id)
        result = await service.put_record(who.session, integration, spec, addressed)
        if result.status == "created":
            response.status_code = 201
        return answers.UpsertOut(
            billing_id=billing_id,
            status=result.status,
            revision=result.revision,
        )

    value = examples.RECORDS[spec.kind]
    put.__annotations__["record"] = Annotated[
        spec.model, Body(openapi_examples={spec.kind.value: {"value": value}})
    ]
    put.__doc__ = (
        f"Create the {spec.noun} or replace it as a whole. One that is older than what is stored"
        " (`updated_at`) is acknowledged and not applied. References to records that are not"
        " there yet are accepted; they must be there when it is exported."
    )
    stored = {"billing_id": value["billing_id"], "status": "updated", "revision": 2}
    router.add_api_route(
        f"/{spec.path}/{{billing_id:path}}",
        put,
        methods=["PUT"],
        operation_id=f"put_{spec.kind}",
        summary=f"Create or replace a {spec.noun}",
        responses=refusals(409)
        | example(stored)
        | {
            201: {
                "model": answers.UpsertOut,
                "description": "Created",
                "content": {JSON: {"example": stored | {"status": "created", "revision": 1}}},
            }
        },
    )


def _add_batch(router: APIRouter, spec: KindSpec) -> None:
    async def put_many(
        who: Writer, integration_id: UUID, request: Request, _key: IdempotencyKey = None
    ) -> Response:
        integration = await get_integration(who.session, integration_id)
        kind = media_type(request.headers)
        if kind not in {JSON, NDJSON}:
            raise UnsupportedMedia(
                f"A batch is sent as {JSON} or as {NDJSON}.",
                fixes=[f"Set Content-Type to {JSON} or {NDJSON}."],
            )
        body = await request.body()
        take = partial(service.put_records, who.session, integration, spec)
        if kind == JSON:
            values = await asyncio.to_thread(batch.array, body)
            results = await take(values, lambda value: value)
            return Response(batch.as_json(results), media_type=JSON)
        results = await take(batch.lines(body), batch.line)
        return Response(await asyncio.to_thread(batch.as_lines, results), media_type=NDJSON)

    put_many.__doc__ = (
        "Create or replace many at once: up to 1000 as a JSON array, up to 50 000 as"
        f" `{NDJSON}`, one record a line. Each record stands alone; the answer says what became of"
        " each, in their order, and comes in the same form: as lines, the counts are the last one."
        " Only a request that cannot be read at all is refused as a whole."
    )
    router.add_api_route(
        f"/{spec.path}/batch",
        put_many,
        methods=["POST"],
        operation_id=f"put_{spec.path.replace('-', '_')}_batch",
        summary=f"Create or replace many {spec.path.replace('-', ' ')}",
        response_model=answers.BatchOut,
        responses=refusals(409, 413, 415) | _batch_answer(spec),
        openapi_extra={"requestBody": _batch_body(spec)},
    )


def _batch_body(spec: KindSpec) -> dict[str, Any]:
    record = {"$ref": f"#/components/schemas/{spec.model.__name__}"}
    array = {"type": "array", "maxItems": batch.MOST_IN_ARRAY, "items": record}
    value = examples.RECORDS[spec.kind]
    return {
        "required": True,
        "content": {JSON: {"schema": array, "example": [value]}, NDJSON: {"schema": record}},
    }


def _batch_answer(spec: KindSpec) -> dict[int | str, dict[str, Any]]:
    answer: dict[int | str, dict[str, Any]] = example(examples.batch(spec.kind))
    answer[200]["content"][NDJSON] = {"schema": {"$ref": "#/components/schemas/RecordResult"}}
    return answer


async def _filters(
    status: Annotated[Key | None, Query(description="For charges: their kind")] = None,
    number: Annotated[
        Key | None, Query(description="Exact; price code of charges and taxes, payment reference")
    ] = None,
    customer: Annotated[Key | None, Query(description="The customer's billing_id")] = None,
    date_from: Annotated[Day | None, Query(description="The record's own date, included")] = None,
    date_to: Annotated[Day | None, Query(description="The record's own date, included")] = None,
    updated_since: Annotated[Instant | None, Query(description="By updated_at")] = None,
) -> Filters:
    if date_from and date_to and date_to < date_from:
        raise Invalid("date_to lies before date_from.", code="empty_range")
    return Filters(
        status=status,
        number=number,
        customer=customer,
        date_from=date_from,
        date_to=date_to,
        updated_since=updated_since,
    )


def _add_list(router: APIRouter, spec: KindSpec) -> None:
    model = answers.listed_model(spec)

    async def listed(
        who: Reader,
        request: Request,
        integration_id: UUID,
        filters: Annotated[Filters, Depends(_filters)],
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Any]:
        integration = await get_integration(who.session, integration_id)
        rows = await list_records(
            who.session,
            integration.id,
            spec.kind,
            filters,
            before=before_id(cursor),
            limit=limit + 1,
        )
        more = encode_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
        ids = [row.billing_id for row in rows[:limit]]
        states = await _states(who, request, integration, spec, ids)
        data = [answers.shown(row, states.get(row.billing_id)) for row in rows[:limit]]
        return Page(
            data=[model.model_validate(row, extra="ignore") for row in data], next_cursor=more
        )

    noun = spec.path.replace("-", " ")
    listed.__doc__ = (
        f"The integration's {noun}, those that came last first, each with its state in QuickBooks."
    )
    router.add_api_route(
        f"/{spec.path}",
        listed,
        methods=["GET"],
        operation_id=f"list_{spec.path.replace('-', '_')}",
        summary=f"List {noun}",
        response_model=Page[model],  # type: ignore[valid-type]  # made for this kind
        responses=example({"data": [examples.stored(spec.kind)], "next_cursor": None}),
    )


def _add_get(router: APIRouter, spec: KindSpec) -> None:
    model = answers.detailed_model(spec)

    async def get_one(
        who: Reader, request: Request, integration_id: UUID, billing_id: BillingId
    ) -> Any:
        integration = await get_integration(who.session, integration_id)
        row = await service.get_record(who.session, integration, spec, billing_id)
        states = await _states(who, request, integration, spec, [billing_id])
        return model.model_validate(answers.shown(row, states.get(billing_id)), extra="ignore")

    get_one.__doc__ = (
        f"One {spec.noun} as it was accepted, with its link and its postings: is it in QuickBooks,"
        " and if not, why."
    )
    router.add_api_route(
        f"/{spec.path}/{{billing_id:path}}",
        get_one,
        methods=["GET"],
        operation_id=f"get_{spec.kind}",
        summary=f"Get a {spec.noun}",
        response_model=model,
        responses=example(examples.detailed(spec.kind)),
    )


async def _states(
    who: Tenant, request: Request, integration: Integration, spec: KindSpec, ids: list[str]
) -> dict[str, dict[str, Any]]:
    """Ask the ledger, if it is wired, what became of these records."""
    ask: service.PostingStatus | None = getattr(request.app.state, "posting_status", None)
    if ask is None or not ids:
        return {}
    return await ask(who.session, integration, spec.kind.value, ids)


router = billing_router()
