"""The block format as a model reads it, generated from the block models with an example of each.

`describe_blocks` is the text of `prompts/blocks.md`, which `python -m agents.prompt_files` writes. `blocks_schema` is a
JSON Schema for models with structured output.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from parser.blocks import (
    BoundChartBlock,
    BoundTableBlock,
    BoundTimelineBlock,
    ChartBlock,
    EntityRefBlock,
    Grouping,
    TableBlock,
    TableFrom,
    TimelineBlock,
)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """One form of a block. `model` is None for text, which has no block model. With `schema_form` the form is part of
    `blocks_schema`.
    """

    model: type[BaseModel] | None
    use: str
    examples: Sequence[Json]
    schema_form: bool = True


# Ids and dates in the examples are placeholders that nothing accepts as data: models copy examples.
BLOCKS: Sequence[BlockEntry] = (
    BlockEntry(None, "text: plain text or light Markdown.", []),
    BlockEntry(
        EntityRefBlock,
        "entity_ref: items as cards; without `ids` all that the tools returned. Prefer it to a list.",
        [{"type": "entity_ref", "entity": "task", "ids": ["<id>"]}],
    ),
    BlockEntry(
        BoundChartBlock,
        "chart with `from`: a point per group; `splitBy`: a series per value of another field.",
        [
            {
                "type": "chart",
                "chartType": "bar",
                "title": "Tasks by status",
                "from": {"entity": "task", "groupBy": "status", "agg": "count"},
            }
        ],
    ),
    BlockEntry(
        BoundTableBlock,
        "table with `from`: a row per item or per group.",
        [
            {
                "type": "table",
                "from": {
                    "entity": "task",
                    "columns": ["title", "dueDate"],
                    "filter": {"status": {"not": "done"}},
                },
            }
        ],
    ),
    BlockEntry(
        BoundTimelineBlock,
        "timeline with `from`: checkpoints or tasks at their dates.",
        [{"type": "timeline", "from": {"entity": "checkpoint"}}],
    ),
    BlockEntry(
        ChartBlock,
        "chart written out: for numbers in no tool result. Each key of `config` (colors var(--chart-1) to "
        "var(--chart-5)) is a number in `data`.",
        [],
        # A strict schema does not allow objects whose keys the model chooses.
        schema_form=False,
    ),
    BlockEntry(TableBlock, "table written out: for other data.", []),
    BlockEntry(
        TimelineBlock,
        "timeline written out: ids and dates from tools only.",
        [],
        schema_form=False,
    ),
)

_OPENING = (
    "Format: the whole answer is one JSON array of blocks, with nothing around it and no code fence. Begin with a "
    "text block, then show the data in the blocks that fit best. `type` comes first. `?` marks what may be left "
    "out, `|` separates the choices.\n\n"
    "For the person's items use the forms with `from`: the app computes them from what the tools returned, or lists "
    "the items itself. `filter` compares a field with a value, a list (one must match), `before`, `after` (a date) or "
    "`not`; null: empty. Every `agg` but count needs `field`."
)


def describe_blocks() -> str:
    """The whole description, as Markdown."""
    named = "\n".join(f"{name} is {meaning}" for name, meaning in _named().items())
    parts = [f"{_OPENING}\n{named}"]
    for entry in BLOCKS:
        shape = '{"type": "text", "content": string}' if entry.model is None else _shape(entry.model)
        parts.append("\n".join([entry.use, shape, *(json.dumps(one, ensure_ascii=False) for one in entry.examples)]))
    return "\n\n".join(parts)


def notation(schema: Json, definitions: Json | None = None) -> str:
    """A JSON Schema on one line: `{"entity": task|note, "limit"?: number}`."""
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return notation(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(notation(option, definitions) for option in schema["anyOf"]))
    match schema.get("type"):
        case "object" if "properties" in schema:
            required = schema.get("required", [])
            members = [
                f'"{name}"{"" if name in required else "?"}: {notation(_present(inner), definitions)}'
                for name, inner in schema["properties"].items()
            ]
            return "{" + ", ".join(members) + "}"
        case "object":
            values = schema.get("additionalProperties")
            return "{name: " + (notation(values, definitions) if isinstance(values, Mapping) else "any") + ", ...}"
        case "array":
            return f"[{notation(schema['items'], definitions)}, ...]"
        case "integer" | "number":
            return "number"
        case kind:
            return str(kind)


@cache
def blocks_schema() -> Json:
    """`{"blocks": [...]}` as a strict JSON Schema: every member is required, an omitted one is null, no free keys.

    Strict schemas cannot express filters, nor charts and timelines that are written out. So the schema has none of
    these.
    """
    text = {
        "type": "object",
        "properties": {"type": {"type": "string", "const": "text"}, "content": {"type": "string"}},
        "required": ["type", "content"],
        "additionalProperties": False,
    }
    forms = [_strict(_schema(entry.model)) for entry in BLOCKS if entry.model is not None and entry.schema_form]
    return {
        "type": "object",
        "properties": {"blocks": {"type": "array", "items": {"anyOf": [text, *forms]}}},
        "required": ["blocks"],
        "additionalProperties": False,
    }


@cache
def _named() -> Mapping[str, str]:
    """Parts of the shapes that are described once and then referred to by a name."""
    schema = _schema(TableFrom)
    members = schema["properties"]
    conditions = notation(_present(members["filter"]), schema["$defs"])
    scalar = "string | number | boolean"
    entity = notation(members["entity"])
    grouping = notation(_schema(Grouping))[1:-1]
    kinds = notation(_schema(ChartBlock)["$defs"]["ChartType"])
    named = {"ENTITY": entity, "KIND": kinds, "GROUPING": grouping, "FILTER": conditions, "SCALAR": f"{scalar} | null"}
    # Each name is used in the meanings of those before it.
    named["FILTER"] = named["FILTER"].replace(f"{scalar} | [{scalar} | null, ...]", "SCALAR | [SCALAR, ...]")
    named["GROUPING"] = grouping.replace(conditions, "FILTER").replace(entity, "ENTITY")
    return named


def _shape(model: type[BaseModel]) -> str:
    schema = _schema(TableFrom)
    raw = {
        "GROUPING": notation(_schema(Grouping))[1:-1],
        "FILTER": notation(_present(schema["properties"]["filter"]), schema["$defs"]),
        "ENTITY": _named()["ENTITY"],
        "KIND": _named()["KIND"],
        "SCALAR": _named()["SCALAR"],
    }
    shape = notation(_schema(model))
    for name, meaning in raw.items():
        shape = shape.replace(meaning, name)
    return shape


def _schema(model: type[BaseModel]) -> Json:
    return model.model_json_schema(by_alias=True)


def _present(schema: Json) -> Json:
    """The schema of an optional member, without the null that marks its absence."""
    if schema.get("default", 0) is None and "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option != {"type": "null"}]
        return options[0] if len(options) == 1 else {"anyOf": options}
    return schema


def _strict(schema: Json, definitions: Json | None = None) -> dict[str, Any]:
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return _strict(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        options = [_strict(option, definitions) for option in schema["anyOf"]]
        return {"anyOf": [option for option in options if option]}
    if schema.get("type") == "object":
        members = {}
        for name, inner in schema.get("properties", {}).items():
            strict = _strict(inner, definitions)
            if not strict or all(option == {"type": "null"} for option in strict.get("anyOf", [0])):
                continue  # An object with only free keys: a strict schema cannot allow any of them.
            optional = name not in schema.get("required", [])
            nullable = optional and {"type": "null"} not in strict.get("anyOf", [])
            members[name] = {"anyOf": [strict, {"type": "null"}]} if nullable else strict
        if not members:
            return {}
        return {
            "type": "object",
            "properties": members,
            "required": list(members),
            "additionalProperties": False,
        }
    if schema.get("type") == "array":
        return {"type": "array", "items": _strict(schema["items"], definitions)}
    return {key: schema[key] for key in ("type", "enum", "const") if key in schema}
