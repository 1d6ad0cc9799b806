"""The OpenAPI 3.1 document, generated from the pydantic models that the routes read and write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from server.rest.errors import ErrorBody

_BEARER: Final = "bearer"
_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_REF: Final = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of an operation: a model as JSON, or text of another media type, or both."""

    description: str
    model: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. `query` describes its optional query parameters.

    `refusals` describes each error status; its body is `ErrorBody`, or the model in `error_models`.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    tag: str
    body: type[BaseModel] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    authenticated: bool = False
    refusals: Mapping[int, str] = field(default_factory=dict)
    error_models: Mapping[int, type[BaseModel]] = field(default_factory=dict)
    description: str = ""


def rule_of(operation: Operation, **converters: str) -> str:
    """The operation's path in the framework's syntax: `<key>` where OpenAPI has `{key}`.

    `converters` names the converter of a parameter: `key="name"` lets the value contain slashes (`NameConverter`).
    """
    return _PATH_PARAMETER.sub(
        lambda found: f"<{converters[found[1]]}:{found[1]}>" if found[1] in converters else f"<{found[1]}>",
        operation.path,
    )


def openapi_document(operations: Sequence[Operation], *, version: str) -> dict[str, Any]:
    """The document as JSON-ready data."""
    made, definitions = models_json_schema(_models(operations), ref_template=_REF)
    schemas: Schemas = {(model, mode): schema for (model, mode), schema in made.items() if issubclass(model, BaseModel)}
    components = {
        "schemas": definitions.get("$defs", {}),
        "securitySchemes": {_BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    }
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tessera", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "paths": paths,
        "components": components,
    }


Schemas = Mapping[tuple[type[BaseModel], JsonSchemaMode], Mapping[str, Any]]


def _models(operations: Sequence[Operation]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ErrorBody, "serialization"): None}
    for operation in operations:
        if operation.body is not None:
            found[operation.body, "validation"] = None
        for answer in operation.answers.values():
            if answer.model is not None:
                found[answer.model, "serialization"] = None
        for model in operation.error_models.values():
            found[model, "serialization"] = None
    return list(found)


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {
            **{str(status): _answer(answer, schemas) for status, answer in operation.answers.items()},
            **{
                str(status): _refusal(text, schemas[operation.error_models.get(status, ErrorBody), "serialization"])
                for status, text in sorted(operation.refusals.items())
            },
        },
    }
    if operation.description:
        described["description"] = operation.description
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PARAMETER.findall(operation.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in operation.query.items()
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        schema = schemas[operation.body, "validation"]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if operation.authenticated:
        described["security"] = [{_BEARER: []}]
    return described


def _answer(answer: Answer, schemas: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if answer.model is not None:
        content["application/json"] = {"schema": schemas[answer.model, "serialization"]}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in answer.media_types}
    return {"description": answer.description, **({"content": content} if content else {})}


def _refusal(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
