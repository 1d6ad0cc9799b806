"""JSON Schemas in the strict forms of providers.

OpenAI: every property is required, and one that may be left out may be null.
https://platform.openai.com/docs/guides/function-calling#strict-mode

Anthropic: properties may be left out, but only 24 of a request, and at most 16 may have several types.
https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def strict_parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema`, of type object, in strict form. The tools treat null as absent."""
    required = schema.get("required", ())
    properties = {
        name: inner if name in required else _nullable(inner) for name, inner in schema.get("properties", {}).items()
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(kind := schema.get("type"), str):
        return {"anyOf": [dict(schema), {"type": "null"}]}
    nullable = {**schema, "type": [kind, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def without_nulls(schema: Any) -> Any:
    """`schema` with the required properties that may be null as properties that may be left out."""
    if isinstance(schema, list):
        return [without_nulls(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {name: without_nulls(inner) for name, inner in schema.items()}
    if "properties" not in schema:
        return plain
    present = {name: _present(inner) for name, inner in plain["properties"].items()}
    plain["properties"] = {name: without_nulls(inner) for name, (inner, _) in present.items()}
    if "required" in plain:
        plain["required"] = [name for name in plain["required"] if not present[name][1]]
    return plain


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a tool, of type object, without other properties than the declared ones."""
    return {**schema, "additionalProperties": False}


def optional_properties(schema: Any) -> int:
    """How many properties may be left out, in all objects of `schema`."""
    if isinstance(schema, list):
        return sum(optional_properties(one) for one in schema)
    if not isinstance(schema, Mapping):
        return 0
    own = len(schema.get("properties", {}).keys() - set(schema.get("required", ())))
    return own + sum(optional_properties(inner) for inner in schema.values())


def _present(schema: Any) -> tuple[Any, bool]:
    """The schema of a property without null, and whether it had it."""
    match schema:
        case {"anyOf": [inner, {"type": "null"}]}:
            return inner, True
        case {"type": [kind, "null"]}:
            present = {**schema, "type": kind}
            if "enum" in schema:
                present["enum"] = [value for value in schema["enum"] if value is not None]
            return present, True
    return schema, False
