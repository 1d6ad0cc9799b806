"""The parser accepts every block that the prompt describes."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from agents.block_format import BLOCKS, blocks_schema, describe_blocks, notation
from agents.prompt_text import prompt
from parser import BlockParser
from parser.blocks import Block, BlockType
from parser.events import BlockReady, BlockRejected

EXAMPLES = [(entry, example) for entry in BLOCKS for example in entry.examples]


def parsed(blocks: Any) -> tuple[list[Block], list[str]]:
    parser = BlockParser()
    events = [*parser.feed(json.dumps(blocks)), *parser.close()]
    ready = [event.block for event in events if isinstance(event, BlockReady)]
    return ready, [event.detail for event in events if isinstance(event, BlockRejected)]


def test_the_prompt_is_the_description() -> None:
    assert prompt("blocks") == describe_blocks(), "the block models have changed: run `make prompts`"


def test_every_block_has_an_example() -> None:
    assert {example["type"] for _, example in EXAMPLES} == {kind.value for kind in BlockType if kind.value != "text"}
    assert all(example.get("ids", ["<id>"]) == ["<id>"] for _, example in EXAMPLES), "an id that could be taken as data"
    assert sum("from" in example for _, example in EXAMPLES) >= 3


@pytest.mark.parametrize(
    ("entry", "example"), EXAMPLES, ids=lambda value: value.get("type") if isinstance(value, dict) else ""
)
def test_the_parser_accepts_every_example(entry: Any, example: dict[str, Any]) -> None:
    assert next(iter(example)) == "type"
    assert json.dumps(example) in describe_blocks()
    ready, rejected = parsed([example])
    assert rejected == []
    assert [type(block) for block in ready] == ([] if entry.model is None else [entry.model])


def test_forms_with_from_come_before_those_with_data() -> None:
    written = [example for _, example in EXAMPLES if {"data", "rows", "checkpoints"} & example.keys()]
    assert written == [], "models show the data of an example as the person's own"
    described = describe_blocks()
    assert described.rindex("with `from`:") < described.index("written out:")


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"enum": ["a", "b"]}, "a|b"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"const": "x"}}, '["x", ...]'),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "{name: boolean, ...}"),
        (
            {
                "$defs": {"A": {"type": "string"}},
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A"}, "b": {}},
                "required": ["a"],
            },
            '{"a": string, "b"?: None}',
        ),
    ],
)
def test_notation(schema: dict[str, Any], line: str) -> None:
    assert notation(schema) == line


def test_the_schema_of_blocks_is_strict() -> None:
    jsonschema.Draft202012Validator.check_schema(blocks_schema())

    def check(schema: Any) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                assert schema["additionalProperties"] is False
                assert schema["required"] == list(schema["properties"])
            for inner in schema.values():
                check(inner)
        elif isinstance(schema, list):
            for inner in schema:
                check(inner)

    check(blocks_schema())


def filled(schema: Any, value: Any) -> Any:
    """`value` with null for every required member that it lacks."""
    if isinstance(value, dict) and "anyOf" in schema:
        schema = next(option for option in schema["anyOf"] if "properties" in option)
    if isinstance(value, dict):
        return {name: filled(inner, value.get(name)) for name, inner in schema["properties"].items()}
    return value


@pytest.mark.parametrize(
    ("number", "block"),
    [
        (0, {"type": "text", "content": "hello"}),
        (1, {"type": "entity_ref", "entity": "task"}),
        (2, {"type": "chart", "chartType": "bar", "title": "T", "from": {"entity": "task", "groupBy": "status"}}),
        (3, {"type": "table", "from": {"entity": "task", "columns": ["title"], "limit": 3}}),
        (4, {"type": "timeline", "from": {"entity": "task"}}),
        (5, {"type": "table", "headers": ["a"], "rows": [["x"], [1], [None]]}),
    ],
)
def test_the_parser_accepts_what_the_schema_of_blocks_allows(number: int, block: dict[str, Any]) -> None:
    form = blocks_schema()["properties"]["blocks"]["items"]["anyOf"][number]
    answer = {"blocks": [filled(form, block)]}
    jsonschema.validate(answer, blocks_schema())
    ready, rejected = parsed(answer)
    assert rejected == []
    assert len(ready) == (0 if number == 0 else 1)
