"""Tool parameters in the form of strict schemas: every property is required, and one that may be left out may be null.

https://platform.openai.com/docs/guides/function-calling#strict-mode
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
