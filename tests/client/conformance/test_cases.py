"""The case files: valid, current, and about every frame of the protocol."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import pytest

from client.conformance import CASES_FOLDER, Case, load_cases
from client.conformance.__main__ import main
from client.conformance.cases import Action, Expect, Send
from client.conformance.pattern import filled
from streaming.wire import SERVER_FRAME, WsFrameType
from streaming.wire.schema import json_schema

CASES = load_cases()
KIT = CASES_FOLDER.parent
# A type that no server sends: clients must ignore it.
NOVEL = "novelty"
# The runner itself handles these.
OUTSIDE = {"device_hello", "device_ready", "changes_seen"}
WIRE = json_schema()
SENT = jsonschema.Draft202012Validator({"$ref": "#/$defs/ServerFrame", "$defs": WIRE["$defs"]})


class AnyId(dict[str, Any]):
    """A value for every variable of a case."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        self[name] = made = str(uuid4())
        return made


def sent_frames(case: Case) -> list[dict[str, Any]]:
    frames = [frame for step in case.steps if isinstance(step, Send) for frame in step.send]
    return [{"seq": 1, **filled(frame, AnyId())} for frame in frames if frame["type"] != NOVEL]


def test_the_generated_files_are_current(tmp_path: Path) -> None:
    cases = tmp_path / "cases"
    cases.mkdir()
    assert main(["--generate", "--cases", str(cases)]) == 0
    for new, committed in [(tmp_path / "cases.schema.json", KIT), (cases / "cuts.json", CASES_FOLDER)]:
        name = new.name
        assert new.read_text() == (committed / name).read_text(), f"{name} is stale: run `make schema`"


@pytest.mark.parametrize("path", sorted(CASES_FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_files_follow_their_schema(path: Path) -> None:
    schema = json.loads((KIT / "cases.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(path.read_text())
    jsonschema.validate(document, schema)
    document["cases"][0]["steps"].append({"send": [], "cut": True})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_frames_follow_the_protocol(case: Case) -> None:
    for frame in sent_frames(case):
        SERVER_FRAME.validate_python(frame)
        SENT.validate(frame)


def test_every_frame_type_occurs() -> None:
    types = {frame["type"] for case in CASES for frame in sent_frames(case)}
    for case in CASES:
        types |= {frame["type"] for step in case.steps if isinstance(step, Expect) for frame in step.expect}
    missing = set(WsFrameType) - types
    assert missing == OUTSIDE, "write a case for the new frame type, or say in OUTSIDE why it has none"


def test_every_action_and_every_need_occurs() -> None:
    actions = {step.do for case in CASES for step in case.steps if isinstance(step, Action)}
    assert actions == set(Action.model_fields["do"].annotation.__args__)  # type: ignore[union-attr]
    needs = {need for case in CASES for need in case.needs}
    assert needs == set(Case.model_fields["needs"].annotation.__args__[0].__args__)  # type: ignore[union-attr]


def test_the_protocol_names_cases_that_exist() -> None:
    page = (KIT.parents[1] / "protocol.md").read_text(encoding="utf-8")
    lines = re.findall(r"^Cases?.*:.*$", page, flags=re.MULTILINE)
    named = [name for line in lines for name in re.findall(r"`([a-z0-9-]+(?:\.\.\.)?)`", line)]
    assert len(named) > 15
    names = [case.name for case in CASES]
    prefixes = [name.removesuffix("...") for name in named if name.endswith("...")]
    assert not [name for name in named if not name.endswith("...") and name not in names]
    assert not [prefix for prefix in prefixes if not any(name.startswith(prefix) for name in names)]


def test_names_are_listed_and_unknown_names_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [case.name for case in CASES]
    with pytest.raises(SystemExit):
        main(["no-such-case"])
    assert "there is no case no-such-case" in capsys.readouterr().err
