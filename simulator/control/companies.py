"""Control of one company: ground truth, and what a person changes in the books."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import Response

from simulator import truth
from simulator.control.answers import json_answer
from simulator.control.bodies import CloseBooks, CompanyCondition, Edit, NewCompany, Reconciled
from simulator.operations import Write
from simulator.realm import Realm
from simulator.switches import change_fields
from simulator.wire import Json, exact
from simulator.world import CompanySpec, Seeding, World


def router(world: World) -> APIRouter:
    """Routes under ``/companies``."""
    routes = APIRouter(prefix="/companies")
    _add_lifecycle(routes, world)
    _add_truth(routes, world)
    _add_ledger(routes, world)
    _add_edits(routes, world)
    return routes


def _realm(world: World, realm_id: str) -> Realm:
    realm = world.realms.get(realm_id)
    if realm is None:
        raise LookupError(f"no company {realm_id}")
    return realm


def _add_lifecycle(routes: APIRouter, world: World) -> None:
    @routes.get("")
    async def companies() -> Response:
        return json_answer(
            [
                {"realm_id": realm_id, "name": name, "profile": world.profile_of(realm_id)}
                for realm_id, name in world.company_names()
            ]
        )

    @routes.post("", status_code=201)
    async def add_company(body: NewCompany) -> Response:
        realm = world.add_company(CompanySpec(body.realm_id, body.profile, body.seeding()))
        return json_answer({"realm_id": realm.realm_id, "name": realm.name}, 201)

    @routes.post("/{realm_id}/seed")
    async def seed_company(realm_id: str, body: Seeding) -> Response:
        realm = _realm(world, realm_id)
        world.fill(realm, body)
        return json_answer(truth.object_counts(realm))


def _add_truth(routes: APIRouter, world: World) -> None:
    @routes.get("/{realm_id}/counts")
    async def counts(realm_id: str) -> Response:
        return json_answer(truth.object_counts(_realm(world, realm_id)))

    @routes.get("/{realm_id}/documents/{entity}")
    async def documents(realm_id: str, entity: str, limit: int = 100_000) -> Response:
        realm = _realm(world, realm_id)
        _check_entity(realm, entity)
        return json_answer(realm.company.rows(entity)[:limit])

    @routes.get("/{realm_id}/documents/{entity}/{object_id}")
    async def document(realm_id: str, entity: str, object_id: str) -> Response:
        realm = _realm(world, realm_id)
        _check_entity(realm, entity)
        return json_answer(realm.company.get(entity, object_id))

    @routes.get("/{realm_id}/deleted")
    async def deleted(realm_id: str) -> Response:
        gone = _realm(world, realm_id).deleted(datetime(1970, 1, 1, tzinfo=UTC))
        return json_answer([{"entity": entity, **stub} for entity, stub in gone])

    @routes.get("/{realm_id}/duplicates")
    async def duplicates(realm_id: str, marker: str = truth.MARKER) -> Response:
        return json_answer(truth.duplicates(_realm(world, realm_id), marker))

    @routes.get("/{realm_id}/marked")
    async def marked(realm_id: str, marker: str = truth.MARKER) -> Response:
        return json_answer(truth.marked(_realm(world, realm_id), marker))

    @routes.get("/{realm_id}/usage")
    async def usage(realm_id: str) -> Response:
        return json_answer(_usage(_realm(world, realm_id)))


def _add_ledger(routes: APIRouter, world: World) -> None:
    @routes.get("/{realm_id}/trial-balance")
    async def trial_balance(realm_id: str) -> Response:
        return json_answer(truth.trial_balance(_realm(world, realm_id)))

    @routes.get("/{realm_id}/tax-accounts")
    async def tax_accounts(realm_id: str) -> Response:
        return json_answer(_realm(world, realm_id).company.tax_accounts())

    @routes.get("/{realm_id}/ledger-entries")
    async def ledger_entries(realm_id: str) -> Response:
        return json_answer(truth.ledger_entries(_realm(world, realm_id)))


def _add_edits(routes: APIRouter, world: World) -> None:
    @routes.post("/{realm_id}/edit")
    async def edit(realm_id: str, body: Edit) -> Response:
        write = Write(body.operation, body.entity, exact(body.body), body.allow_duplicate_docnum)
        return json_answer(_realm(world, realm_id).write(write))

    @routes.patch("/{realm_id}/preferences")
    async def preferences(realm_id: str, values: dict[str, Any] = Body()) -> Response:
        realm = _realm(world, realm_id)
        for path, value in values.items():
            realm.company.set_preference(path, value)
        realm.touched()
        return json_answer(realm.singleton("Preferences"))

    @routes.patch("/{realm_id}/rules")
    async def rules(realm_id: str, values: dict[str, Any] = Body()) -> Response:
        company = _realm(world, realm_id).company
        change_fields(company.rules, exact(values))
        return json_answer(truth.plain(company.rules))

    @routes.put("/{realm_id}/closed-until")
    async def closed_until(realm_id: str, body: CloseBooks) -> Response:
        realm = _realm(world, realm_id)
        realm.company.close_books(body.date)
        realm.touched()
        return json_answer(realm.singleton("Preferences"))

    _add_states(routes, world)


def _add_states(routes: APIRouter, world: World) -> None:
    @routes.put("/{realm_id}/condition")
    async def condition(realm_id: str, body: CompanyCondition) -> Response:
        _realm(world, realm_id).condition = body.condition
        return Response(status_code=204)

    @routes.put("/{realm_id}/reconciled")
    async def reconciled(realm_id: str, body: Reconciled) -> Response:
        _realm(world, realm_id).reconciled = {(body.entity, id) for id in body.ids}
        return Response(status_code=204)

    @routes.delete("/{realm_id}/limits")
    async def clear_limits(realm_id: str) -> Response:
        _realm(world, realm_id).throttle.clear()
        return Response(status_code=204)


def _check_entity(realm: Realm, entity: str) -> None:
    if entity not in realm.company.entities:
        raise LookupError(f"no entity {entity}; there are {', '.join(realm.company.entities)}")


def _usage(realm: Realm) -> Json:
    return {
        "metering": realm.counters.to_json(),
        "peaks": realm.rates.to_json(),
        "request_ids": len(realm.request_ids),
    }
