"""The generated protocol documents: up to date, valid, and consistent with the frames."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from streaming.wire.schema import asyncapi, documents, json_schema
from tests.streaming.sample_frames import CLIENT_FRAMES, SERVER_FRAMES

ROOT = Path(__file__).parents[3]
SCHEMA = json_schema()


def validator(definition: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def name_of(sample: dict[str, Any], direction: str) -> str:
    """The name of the model for a type; only `mutation` exists in both directions."""
    words = "".join(word.capitalize() for word in sample["type"].split("_"))
    return f"Ws{direction if words == 'Mutation' else ''}{words}"


ALL = [(sample, "Client") for sample in CLIENT_FRAMES] + [(sample, "Server") for sample in SERVER_FRAMES]


@pytest.mark.parametrize("name", documents())
def test_the_committed_documents_are_current(name: str) -> None:
    committed = (ROOT / "docs" / "protocol" / name).read_text(encoding="utf-8")
    assert committed == documents()[name], f"docs/protocol/{name} is stale: run `make schema`"


def test_the_program_writes_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streaming.wire.schema", str(tmp_path / "new")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - this interpreter with a module of the project
    assert {file.name: file.read_text() for file in (tmp_path / "new").iterdir()} == documents()


BLOCK_DATA: list[tuple[str, dict[str, Any]]] = [
    (
        "ChartData",
        {
            "chartType": "bar",
            "title": "Open",
            "data": [{"day": "Mon", "open": 3, "note": None}],
            "config": {"open": {"label": "Open", "color": "var(--chart-1)"}},
        },
    ),
    ("TableData", {"headers": ["a", "b"], "rows": [["x", 1], [None, True]]}),
    ("TimelineData", {"checkpoints": [{"id": "c1", "title": "Beta", "date": 1_767_225_600_000, "projectId": "p"}]}),
    ("EntityRefData", {"entity": "task", "items": [{"id": "t1", "title": "One", "dueDate": "2026-01-01", "x": [1]}]}),
    ("EntityRefData", {"entity": "project", "items": [{"id": "p1", "name": "House"}]}),
    ("EntityRefData", {"entity": "note", "items": [{"id": "n1", "title": "Colours", "createdAt": 1}]}),
    ("EntityRefData", {"entity": "checkpoint", "items": [{"id": "c1", "title": "Beta", "date": 1}]}),
]


@pytest.mark.parametrize(("definition", "data"), BLOCK_DATA)
def test_the_data_of_blocks_is_described(definition: str, data: dict[str, Any]) -> None:
    validator(definition).validate(data)
    for name in data:
        with pytest.raises(jsonschema.ValidationError):
            validator(definition).validate({key: value for key, value in data.items() if key != name})


@pytest.mark.parametrize("block", [sample for sample in SERVER_FRAMES if sample["type"] == "stream_block"])
def test_the_blocks_among_the_samples_hold_what_the_schema_says(block: dict[str, Any]) -> None:
    name = "".join(word.capitalize() for word in block["block_type"].split("_"))
    validator(f"{name}Data").validate(block["data"])


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("sample", "direction"), ALL)
def test_samples_are_valid(sample: dict[str, Any], direction: str) -> None:
    for definition in (name_of(sample, direction), f"{direction}Frame"):
        validator(definition).validate(sample)
    jsonschema.Draft202012Validator(SCHEMA).validate(sample)


@pytest.mark.parametrize(("sample", "direction"), ALL)
def test_a_sample_without_one_of_its_required_fields_is_not(sample: dict[str, Any], direction: str) -> None:
    definition = name_of(sample, direction)
    for field in SCHEMA["$defs"][definition]["required"]:
        less = {key: value for key, value in sample.items() if key != field}
        assert not validator(definition).is_valid(less), field


@pytest.mark.parametrize("sample", SERVER_FRAMES, ids=lambda sample: sample["type"])
def test_server_frames_are_numbered_from_one_and_hold_no_null_but_in_data(sample: dict[str, Any]) -> None:
    check = validator(name_of(sample, "Server"))
    assert not check.is_valid({**sample, "seq": 0})
    properties = SCHEMA["$defs"][name_of(sample, "Server")]["properties"]
    assert all(not check.is_valid({**sample, field: None}) for field in properties)


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


@pytest.mark.parametrize("document", [json_schema(), asyncapi()], ids=["schema", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        node = copy.copy(document)
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_asyncapi_lists_every_frame_in_its_direction() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    for operation, action, samples in (
        ("receiveClientFrame", "receive", CLIENT_FRAMES),
        ("sendServerFrame", "send", SERVER_FRAMES),
    ):
        described = document["operations"][operation]
        assert described["action"] == action
        names = [reference["$ref"].rpartition("/")[2] for reference in described["messages"]]
        assert {messages[name]["name"] for name in names} == {sample["type"] for sample in samples}
    assert "discriminator" not in json.dumps(document)
