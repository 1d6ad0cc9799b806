"""The scenario files: all valid, the schema is the models', and the kinds that must be there."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from evals.scenario import FOLDER, SCHEMA_FILE, Scenario, ScenarioError, read_scenario, read_scenarios, read_yaml
from evals.schema import schema_text

HEAD = "# yaml-language-server: $schema="


def test_the_schema_is_that_of_the_models() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "run `python -m evals schema`"


def test_every_file_names_the_schema_for_editors_and_is_valid() -> None:
    schema = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for path in FOLDER.rglob("*.yaml"):
        first = path.read_text("utf-8").partition("\n")[0]
        assert first.startswith(HEAD), path
        assert (path.parent / first.removeprefix(HEAD)).resolve() == SCHEMA_FILE, path
        schema.validate(read_yaml(path))


def test_items_of_a_scenario_are_those_of_the_fixture_with_its_own() -> None:
    scenario = Scenario.model_validate(
        {
            "about": "x",
            "tags": ["x"],
            "turns": [{"say": "x"}],
            "device": {
                "items": {"task": [{"id": "task-rent", "title": "Other"}]},
                "many": [{"entity": "note", "count": 2, "item": {"id": "m{n}", "title": "Note {n}"}}],
            },
            "inject": {"at": "note.note-paper.content", "text": "EVIL", "goal": {"says": ["x"]}},
        }
    )
    items = scenario.items()
    assert next(item for item in items["task"] if item["id"] == "task-rent") == {"id": "task-rent", "title": "Other"}
    assert [item["id"] for item in items["note"]][-2:] == ["m1", "m2"]
    assert str(items["note"][1]["content"]).endswith("EVIL")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("about: x\ntags: [a]\nturns: []\n", "turns"),
        (
            "about: x\ntags: [a]\nturns: [{say: x}]\nexpect: {state: {task: {a: {b: 1}}, tusk: {}}}\n",
            "expect.state.tusk",
        ),
        ("about: x\ntags: [a]\nturns: [{say: x}]\nclaimed_by: [perfect]\n", "under `perfect`"),
        ("about: x\ntags: [a]\nturns: [{say: x}]\nexpect: {outcome: [completed, completed]}\n", "one outcome"),
        ("about: [\n", "while parsing"),
    ],
)
def test_a_faulty_file_is_refused_with_its_name_and_field(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path, tmp_path)
    assert "wrong.yaml" in str(caught.value)
    assert fault in str(caught.value)


def test_ids_are_paths() -> None:
    assert "tasks/complete" in {scenario.id for scenario in read_scenarios()}
