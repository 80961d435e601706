"""Each example in the document works: requests are accepted, answers are what is promised."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.bootstrap import Collaborators
from app.main import create_app
from app.openapi import openapi_document
from app.settings import Settings
from tests.contract.document import JSON, PROBLEM, Document
from tests.contract.played import Player
from tests.journeys.world import working
from tests.simulator_server import SimulatorServer

PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}


@pytest.fixture(scope="module")
async def played(
    document: Document,
    books: SimulatorServer,
    module_settings: Settings,
    module_collaborators: Collaborators,
) -> AsyncIterator[Player]:
    app = create_app(module_collaborators)
    player = Player(document, app, books, module_settings.operator_key)
    async with working(module_collaborators), player.http:
        await player.play()
        yield player


async def test_the_committed_document_is_that_of_the_code(
    document: Document, module_collaborators: Collaborators
) -> None:
    assert document.raw == openapi_document(create_app(module_collaborators))


async def test_every_operation_is_played(document: Document, played: Player) -> None:
    assert {call.operation for call in played.calls} == set(document.operations)


async def test_every_request_example_is_played(document: Document, played: Player) -> None:
    expected = {
        (operation.id, name)
        for operation in document.operations.values()
        for name in document.request_examples(operation)
    }

    assert {(call.operation, call.example) for call in played.calls if call.example} == expected


async def test_every_answer_is_as_documented(played: Player) -> None:
    assert [(call.operation, call.wrong) for call in played.calls if call.wrong] == []


def test_no_two_schemas_share_a_name(document: Document) -> None:
    """FastAPI would call them by their modules, and client generators stumble over that."""
    assert [name for name in document.raw["components"]["schemas"] if "__" in name] == []


def test_every_body_has_an_example_that_fits(document: Document) -> None:
    for operation in document.operations.values():
        if JSON in operation.body:
            examples = document.request_examples(operation)
            assert examples, operation.id
            schema = operation.body[JSON]["schema"]
            _assert_fit(document, operation.id, schema, examples)


def test_every_answer_has_an_example_that_fits(document: Document) -> None:
    for operation in document.operations.values():
        for status, media, said in operation.answers("2"):
            if media == JSON:
                examples = document.examples(said)
                assert examples, f"{operation.id} {status}"
                _assert_fit(document, f"{operation.id} {status}", said["schema"], examples)


def _assert_fit(document: Document, where: str, schema: Any, examples: dict[str, Any]) -> None:
    for name, value in examples.items():
        assert document.errors(schema, value) == [], f"{where}: {name}"


def test_every_refusal_is_a_problem(document: Document) -> None:
    for operation in document.operations.values():
        for first in ("4", "5", "default"):
            for status, media, said in operation.answers(first):
                where = f"{operation.id} {status}"
                assert media == PROBLEM, where
                assert said["schema"] == PROBLEM_REF, where
