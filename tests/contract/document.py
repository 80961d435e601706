"""The committed OpenAPI document: its operations, their examples, and validators of its schemas."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema_rs

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "openapi" / "openapi.json"
METHODS = ("get", "put", "post", "patch", "delete")
JSON, PROBLEM = "application/json", "application/problem+json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    id: str
    method: str
    path: str
    said: Mapping[str, Any]

    @property
    def by_operator(self) -> bool:
        return any("OperatorKey" in each for each in self.said.get("security", ()))

    @property
    def body(self) -> Mapping[str, Any]:
        """The media types of its request body."""
        found: Mapping[str, Any] = self.said.get("requestBody", {}).get("content", {})
        return found

    def answers(self, first: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Its answers whose status begins with *first*: status, media type, and what is said."""
        for status, response in self.said["responses"].items():
            if status.startswith(first):
                for media, said in response.get("content", {}).items():
                    yield status, media, said


class Document:
    """The API's description as a client generator reads it."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    @cached_property
    def operations(self) -> dict[str, Operation]:
        found = [
            Operation(item[method]["operationId"], method.upper(), path, item[method])
            for path, item in self.raw["paths"].items()
            for method in METHODS
            if method in item
        ]
        assert len({each.id for each in found}) == len(found)
        return {each.id: each for each in found}

    def examples(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The worked examples of a media type: its own, else its schema's."""
        if "examples" in said:
            return {name: each["value"] for name, each in said["examples"].items()}
        if "example" in said:
            return {"example": said["example"]}
        schema = self._resolved(said.get("schema", {}))
        found = schema.get("examples", [schema["example"]] if "example" in schema else [])
        return {f"example {number}": value for number, value in enumerate(found, start=1)}

    def request_examples(self, operation: Operation) -> dict[str, Any]:
        return self.examples(operation.body[JSON]) if JSON in operation.body else {}

    def errors(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """What is wrong with a value, by its schema."""
        validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": self.raw["components"]}, validate_formats=True
        )
        return [
            f"{'/'.join(map(str, each.instance_path))}: {each.message}"
            for each in validator.iter_errors(value)
        ]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema that is meant: of a body that may be left out, the one that is not null."""
        if "anyOf" in schema:
            schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        while "$ref" in schema:
            found: Any = self.raw
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema


def committed() -> Document:
    return Document(json.loads(PLACE.read_text()))
