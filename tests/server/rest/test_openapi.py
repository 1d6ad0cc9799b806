"""The OpenAPI document is consistent with the routes and in itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from server.rest.app import OPERATIONS, build_app
from server.rest.openapi import Operation, openapi_document
from tests.server.rest.rest_server import client_of, make_services

DOCUMENT = openapi_document(OPERATIONS, version="1.2.3")


def test_the_document_has_exactly_the_routes() -> None:
    app = build_app(make_services())
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == served


def references(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if "$ref" in data:
            yield data["$ref"]
        for value in data.values():
            yield from references(value)
    elif isinstance(data, list):
        for value in data:
            yield from references(value)


def test_every_reference_resolves_and_every_schema_is_used() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    named = {f"#/components/schemas/{name}" for name in schemas}
    assert set(references(DOCUMENT)) == named


def test_operation_names_are_unique() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_operation_describes_its_body_and_responses(operation: Operation) -> None:
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert ("requestBody" in described) == (operation.body is not None)
    assert ("security" in described) == operation.authenticated
    assert set(described["responses"]) == {str(status) for status in {**operation.answers, **operation.refusals}}
    assert all(response["description"].endswith(".") for response in described["responses"].values())
    if operation.authenticated:
        assert "401" in described["responses"]


def test_a_chat_request_is_described_by_the_model_that_reads_it() -> None:
    body = DOCUMENT["components"]["schemas"]["ChatBody"]
    assert body["required"] == ["message"]
    assert set(body["properties"]) == {
        "message",
        "conversation_id",
        "conversation_history",
        "mode",
        "scope",
        "device_id",
        "session_id",
        "request_id",
        "locale",
    }
    content = DOCUMENT["paths"]["/api/v1/chat"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}


async def test_it_is_served() -> None:
    async with client_of(make_services(), user=None) as client:
        response = await client.get("/openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    served = response.json()
    assert served["openapi"] == "3.1.0"
    assert served["paths"] == json.loads(json.dumps(DOCUMENT["paths"]))
