"""Tools as one line each, for prompts of models whose server takes no schemas: a fifth of the schema's tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from streaming.chat import ToolSpec


def signatures(specs: Iterable[ToolSpec]) -> str:
    """A line per tool: `create_task(title, dueDate?, priority?: low|medium|high)`. `?` marks what may be left out.

    Required arguments come first. `[]` after an argument means one value or a list.
    """
    return "\n".join(_signature(spec) for spec in specs)


def _signature(spec: ToolSpec) -> str:
    required = spec.parameters.get("required", [])
    properties: Mapping[str, Any] = spec.parameters["properties"]
    names = sorted(properties, key=lambda name: (name not in required, name))
    return f"{spec.name}({', '.join(_argument(name, properties[name], name in required) for name in names)})"


def _argument(name: str, schema: Mapping[str, Any], required: bool) -> str:
    several = schema.get("type") == "array"
    values = (schema["items"] if several else schema).get("enum", [])
    marked = f"{name}{'[]' if several else ''}{'' if required else '?'}"
    return f"{marked}: {'|'.join(values)}" if values else marked
