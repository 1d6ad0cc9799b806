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


BLOCKS: Sequence[BlockEntry] = (
    BlockEntry(
        None,
        "text: what you say, in plain text or light Markdown.",
        [{"type": "text", "content": "Three tasks are due this week."}],
    ),
    BlockEntry(
        EntityRefBlock,
        "entity_ref: items that a tool returned, as the app's own cards. Without `ids`, all of that entity that the "
        "tools returned. Prefer this to writing items out.",
        [{"type": "entity_ref", "entity": "task", "ids": ["t1", "t2"]}],
    ),
    BlockEntry(
        BoundChartBlock,
        "chart with `from`: one point per group. A date field is grouped by the person's day, or by week or month with "
        "`interval`; `splitBy` makes one series for each value of a second field; every `agg` except count needs "
        "`field`, a field of numbers.",
        [
            {
                "type": "chart",
                "chartType": "bar",
                "title": "Tasks by status",
                "from": {"entity": "task", "groupBy": "status", "agg": "count"},
            },
            {
                "type": "chart",
                "chartType": "line",
                "title": "Open tasks due by week",
                "from": {
                    "entity": "task",
                    "filter": {"status": {"not": "done"}, "dueDate": {"after": "2026-03-09"}},
                    "groupBy": "dueDate",
                    "interval": "week",
                },
            },
        ],
    ),
    BlockEntry(
        BoundTableBlock,
        "table with `from`: one row per item with these `columns`, or one row per group with `groupBy` as in a chart.",
        [
            {
                "type": "table",
                "from": {
                    "entity": "task",
                    "columns": ["title", "dueDate", "projectId"],
                    "filter": {"priority": ["high", "medium"]},
                    "sort": "dueDate",
                    "limit": 10,
                },
            }
        ],
    ),
    BlockEntry(
        BoundTimelineBlock,
        "timeline with `from`: checkpoints at their dates, or tasks at their due dates.",
        [{"type": "timeline", "from": {"entity": "checkpoint", "filter": {"projectId": "p1"}}}],
    ),
    BlockEntry(
        ChartBlock,
        "chart with its data written out: only for numbers that are in no tool result. Each key of `config` is a "
        "number in every object of `data`; the other key names the point.",
        [
            {
                "type": "chart",
                "chartType": "pie",
                "title": "Hours you named",
                "data": [{"part": "Writing", "hours": 3}, {"part": "Review", "hours": 1.5}],
                "config": {"hours": {"label": "Hours", "color": "var(--chart-1)"}},
            }
        ],
        # A strict schema does not allow objects whose keys the model chooses.
        schema_form=False,
    ),
    BlockEntry(
        TableBlock,
        "table with its rows written out: for data that `from` cannot express. Every row is as long as `headers`.",
        [{"type": "table", "headers": ["Option", "Cost"], "rows": [["Rent", 400], ["Buy", None]]}],
    ),
    BlockEntry(
        TimelineBlock,
        "timeline written out. `date` is in epoch milliseconds, copied from a tool result.",
        [{"type": "timeline", "checkpoints": [{"id": "c1", "title": "Beta", "date": 1773014400000}]}],
        schema_form=False,
    ),
)

_OPENING = (
    "Format: your whole answer is one JSON array of blocks, without a code fence and with nothing before or after "
    "it. Begin with a text block, then show the data in the blocks that fit best. Keep `type` first in every "
    "block.\n\n"
    "Whenever a chart, a table or a timeline shows the person's items, use its form with `from`: you name the "
    "data, and the app computes it, so the numbers are right. You need not list the items first: if no tool has "
    "returned any of that kind, the app lists them itself, by the block's own `filter`. If a tool has, `from` uses "
    "every item that a tool returned in this conversation, and nothing else; then list without narrow limits. "
    "`filter` compares a field with a value, with a list of values (one must match), or with `before`, `after` "
    "(a day such as 2026-03-09, or a time) and `not`; null means an empty field. Field names are those of the tool "
    "results (`status`, `priority`, `assignee`, `dueDate`, `projectId`, `date`, ...).\n\n"
    "The blocks are listed below; `?` marks what may be left out."
)


def describe_blocks() -> str:
    """The whole description, as Markdown."""
    named = "\n".join(f"{name} is {meaning}" for name, meaning in _named().items())
    parts = [f"{_OPENING}\n{named}"]
    for entry in BLOCKS:
        shape = '{"type": "text", "content": string}' if entry.model is None else _shape(entry.model)
        examples = "\n".join(json.dumps(example, ensure_ascii=False) for example in entry.examples)
        parts.append(f"{entry.use}\n{shape}\n{'Examples' if len(entry.examples) > 1 else 'Example'}:\n{examples}")
    return "\n\n".join(parts)


def notation(schema: Json, definitions: Json | None = None) -> str:
    """A JSON Schema on one line: `{"entity": "task" | "note", "limit"?: number}`."""
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return notation(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
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
    return {"ENTITY": notation(members["entity"]), "FILTER": notation(_present(members["filter"]), schema["$defs"])}


def _shape(model: type[BaseModel]) -> str:
    shape = notation(_schema(model))
    for name, meaning in _named().items():
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
