"""The diagram, recordings and the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from parser import BlockReady, TimelineBlock
from parser.__main__ import main
from parser.recording import Chunk, Header, RecordingError, RecordingWriter, read_recording
from parser.states import TRANSITIONS, Signal, State, diagram
from tests.parser import mutants
from tests.parser.feeds import parse

ANSWER = 'Hi [{"type":"timeline","checkpoints":[]},{"type":"table","headers":["\ud83d'


def test_the_documentation_shows_the_table() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "parser.md").read_text("utf-8")
    assert page.partition("```mermaid\n")[2].partition("```")[0] == diagram()


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: f"{mutant[0]}: {mutant[1][:40]}")
def test_every_mutant_fits_the_source(mutant: tuple[str, str, str]) -> None:
    name, before, after = mutant
    assert mutants.fits(mutants.ROOT.joinpath("parser", name).read_text("utf-8"), before)
    assert before != after


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    reached = {State.START}
    while more := {target for state in reached for target in TRANSITIONS[state].values()} - reached:
        reached |= more
    assert reached == set(TRANSITIONS) == set(State)
    assert {signal for following in TRANSITIONS.values() for signal in following} == set(Signal)


@pytest.mark.parametrize("contents", [True, False])
def test_recording_round_trip(contents: bool) -> None:
    writer = RecordingWriter(contents=contents, started="2025-01-31T09:00:00Z")
    lines = [writer.header(), writer.chunk(5, "a\n"), writer.chunk(3, "\ud83d"), writer.chunk(9, "é")]
    assert all(line.endswith("\n") and line.count("\n") == 1 and line.isascii() for line in lines)
    header, chunks = read_recording([*lines, '[12,"cut of'])
    assert header == Header(contents, "2025-01-31T09:00:00Z")
    texts = ["a\n", "\ud83d", "é"] if contents else [None] * 3
    assert list(chunks) == [
        Chunk(time, text, size) for time, text, size in zip([5, 5, 9], texts, [2, 1, 1], strict=True)
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1"),
        (["x\n"], "line 1: not JSON"),
        (['{"recording":2,"contents":true}\n'], "version 1"),
        (['{"recording":1,"contents":true}\n', '["a",1]\n'], "line 2: not a chunk"),
        (['{"recording":1,"contents":true}\n', "x\n"], "line 2: not JSON"),
    ],
)
def test_what_is_no_recording(lines: list[str], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        list(read_recording(lines)[1])


def run(arguments: list[str], source: str = "") -> tuple[int, list[dict[str, object]]]:
    out = io.StringIO()
    code = main(arguments, io.StringIO(source), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_standard_input_and_replay_print_the_same_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, events = run([], ANSWER)
    assert code == 0
    assert [event["event"] for event in events][:4] == ["BlockOpened", "TextDelta", "BlockOpened", "BlockReady"]
    assert events[-1]["reason"] == "unfinished"
    writer = RecordingWriter(contents=True)
    path = tmp_path / "answer.jsonl"
    path.write_text(writer.header() + writer.chunk(1, ANSWER[:9]) + writer.chunk(2_000_000_000, ANSWER[9:]), "utf-8")
    code, timed = run(["replay", str(path)])
    assert code == 0
    assert timed[-1].pop("at") == 2.0
    assert timed[-1] == events[-1]
    path.write_text(RecordingWriter().header(), "utf-8")
    assert run(["replay", str(path)]) == (1, [])
    assert "without contents" in capsys.readouterr().err
    assert run(["replay", str(tmp_path / "none")])[0] == 1
    assert run(["what"])[0] == 2


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("1700000000000", 1_700_000_000_000),
        ("1.7e12", 1_700_000_000_000),
        ('"2023-11-14T22:13:20Z"', 1_700_000_000_000),
        ('"2023-11-14T23:13:20+01:00"', 1_700_000_000_000),
        ('"2023-11-14"', "2023-11-14"),
        ('"2023-11-14T22:13:20"', "2023-11-14T22:13:20"),
        ('"soon"', None),
        ("true", None),
        ("1.5", None),
    ],
)
def test_dates(date: str, expected: int | str | None) -> None:
    last = parse([f'{{"type":"timeline","checkpoints":[{{"id":"a","title":"b","date":{date}}}]}}'])[-1]
    if expected is None:
        assert not isinstance(last, BlockReady)
    else:
        assert isinstance(last, BlockReady)
        assert isinstance(last.block, TimelineBlock)
        assert last.block.checkpoints[0].date == expected
