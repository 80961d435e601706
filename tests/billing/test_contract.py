"""The OpenAPI document: every operation explained, every reference found, every example sound."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.billing import examples
from app.billing.answers import detailed_model, listed_model
from app.billing.kinds import SPECS, KindSpec

TAGS = {"Organizations", "Integrations", "Billing records"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if TAGS & set(operation.get("tags", [])):
                yield f"{method} {path}", operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


def test_every_operation_is_explained_with_examples(app: FastAPI) -> None:
    for name, operation in operations(app.openapi()):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["operationId"].islower(), name
        answers = {code: a for code, a in operation["responses"].items() if code < "300"}
        for code, answer in answers.items():
            if code != "204":
                assert "example" in answer["content"]["application/json"], (name, code)
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            assert "example" in content or "examples" in content, name


def test_every_reference_is_found(app: FastAPI) -> None:
    document = app.openapi()
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references(document["paths"])) <= schemas


def test_operation_ids_are_unique(app: FastAPI) -> None:
    ids = [operation["operationId"] for _, operation in operations(app.openapi())]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind.value)
def test_examples_of_answers_fit_their_models(spec: KindSpec) -> None:
    listed_model(spec).model_validate(examples.stored(spec.kind))
    detailed_model(spec).model_validate(examples.detailed(spec.kind))


async def test_examples_of_requests_are_accepted(client: httpx.AsyncClient, billing: str) -> None:
    for spec in SPECS:
        answer = await client.post(
            f"{billing}/{spec.path}/batch", json=[examples.RECORDS[spec.kind]]
        )

        assert answer.json() == examples.batch(spec.kind)
