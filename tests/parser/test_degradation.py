"""What is shown of a block that nobody put right: its data as a table or a list, or one sentence."""

from __future__ import annotations

import time
from typing import Any

import pytest

from parser import TitledTable, Unshown, degraded
from parser.degradation import degraded_text
from person import ENGLISH, Sentences
from streaming.answer.block_data import unshown_sentence

CASES: list[tuple[str | None, str, Any]] = [
    (
        "chart",
        '{"type":"chart","chartType":"hologram","title":"T","data":[{"s":"a","n":3},{"s":"b","m":null}]}',
        (["s", "n", "m"], [["a", 3, None], ["b", None, None]]),
    ),
    ("chart", '{"type":"chart","data":[{"s":"a","n":3},{"s":"b","n":4', (["s", "n"], [["a", 3]])),
    ("chart", '{"type":"chart","title":"Tasks","data":[]}', 'A chart "Tasks" could not be shown.'),
    ("chart", '{"type":"chart","data":[{"s":{"deep":1}}]}', (["s"], [["deep: 1"]])),
    (
        "chart",
        '{"type":"chart","title":"F","data":{"labels":["a","b"],"datasets":[{"label":"N","data":[1,2.50]}]}}',
        (["label", "N"], [["a", 1], ["b", 2.5]]),
    ),
    (
        "chart",
        (
            '{"type":"chart","data":{"labels":["a","b"],"datasets":[{"label":"N","data":[1,2]},'
            '{"label":"N","data":[3,4]}]}}'
        ),
        (["label", "N", "N 2"], [["a", 1, 3], ["b", 2, 4]]),
    ),
    (
        "chart",
        '{"type":"chart","data":{"labels":["a"],"datasets":[{"data":[1,2]}]}}',
        (["label", "series 1"], [["a", 1], [None, 2]]),
    ),
    ("chart", '{"type":"chart","chartType":"x","data":{"a":1,"b":2}}', (["label", "value"], [["a", 1], ["b", 2]])),
    ("chart", '{"type":"chart","chartType":"x","data":{"day":["Mon"],"n":[2]}}', (["day", "n"], [["Mon", 2]])),
    ("chart", '{"type":"chart","data":[["a",1],["b",2]]}', (["label", "value"], [["a", 1], ["b", 2]])),
    ("chart", '{"type":"chart","data":[["a",1,2]]}', (["1", "2", "3"], [["a", 1, 2]])),
    ("chart", '{"type":"chart","labels":["a","b"],"values":[1,2]}', (["label", "value"], [["a", 1], ["b", 2]])),
    ("chart", '{"type":"chart","x":["a","b"],"y":[1,2]}', (["x", "y"], [["a", 1], ["b", 2]])),
    (
        "timeline",
        '{"type":"timeline","checkpoints":{"a":{"title":"A","date":"2026-03-01"},"b":{"title":"B"}}}',
        "- A (2026-03-01)\n- B",
    ),
    ("chart", '{"type":"chart","data":[3,4]}', (["value"], [[3], [4]])),
    (
        "timeline",
        (
            '{"type":"timeline","title":"Plan","checkpoints":[{"title":"A","when":"Monday"},'
            '{"id":"c","title":"B","date":"soon","note":"bring cake"}]}'
        ),
        "Plan\n- A (Monday)\n- B (soon), note: bring cake",
    ),
    (
        "table",
        '{"type":"table","title":"Costs","note":"Without VAT.","headers":["a"],"rows":[["x","y"]]}',
        "Costs\nWithout VAT.\n- a: x, y",
    ),
    (
        "table",
        '{"type":"table","headers":["a","b"],"rows":[["x",1],["y",null,"more"],{"a":"z"},"w"]}',
        "- a: x, b: 1\n- a: y, more\n- a: z\n- w",
    ),
    ("table", '{"type":"table","title":"Open","rows":[[1.5]]}', "Open\n- 1.5"),
    ("table", '{"type":"table","headers":["a"]}', "A table could not be shown."),
    (
        "timeline",
        '{"type":"timeline","checkpoints":[{"title":"Ship","date":"soon"},{"name":"Test"},{"x":1},"End"]}',
        "- Ship (soon)\n- Test\n- x: 1\n- End",
    ),
    ("timeline", '{"type":"timeline"', "A timeline could not be shown."),
    ("entity_ref", '{"type":"entity_ref","entity":"task"}', "A list of items could not be shown."),
    (None, "", "A part of the answer could not be shown."),
    ("table", '{"type":"table","rows":[[1e999]]}', "- 1e999"),
    (
        "chart",
        '{"type":"chart","chartType":"hologram","data":[{"s":"a","n":12345678901234567890.10}]}',
        (["s", "n"], [["a", "12345678901234567890.10"]]),
    ),
    # broken syntax
    ("table", '{"type":"table","rows":[[x:,1%]]}', "- x:, 1%"),
    ("table", '{"type":"table","rows":[["x",1%},["y",2%]]],"headers":["a","b"]}', "- a: x, b: 1%\n- a: y, b: 2%"),
    ("table", '{"type":"table","rows":[{"a":1%],{"a":2%}]}', "- a: 1%\n- a: 2%"),
    (
        "table",
        '{"type":"table","headers":["Name","Share"],"rows":[["Ann",10%],["Bob",2.50],["Cy" 1,234]]}',
        '- Name: Ann, Share: 10%\n- Name: Bob, Share: 2.50\n- Name: "Cy" 1, Share: 234',
    ),
    (
        "table",
        '{"type":"table","headers":["a"],"rows":[["x"},["y"],["z"',
        "- a: x\n- a: y\nThe rest could not be shown.",
    ),
    (
        "table",
        '{"type":"table","headers":["a","b"],"rows":[["the "x" one",007],["at",10:30],[\'it\',None]]}',
        '- a: the "x" one, b: 007\n- a: at, b: 10:30\n- a: it',
    ),
    (
        "table",
        '{"type":"table","rows":[{"a":"x","n":1/2},{"a":"y","n":12345678901234567890.10}]}',
        "- a: x, n: 1/2\n- a: y, n: 12345678901234567890.10",
    ),
    ("table", "{type:table,headers:[a],rows:[[x y],[$5 // five\n]]}", "- a: x y\n- a: $5"),
    (
        "chart",
        '{"type":"chart","title":"T","data":[{"s":"a","n":3%},{"s":"b","n":4.0}]}',
        (["s", "n"], [["a", "3%"], ["b", 4.0]]),
    ),
    (
        "timeline",
        '{"type":"timeline","checkpoints":[{"title":"Ship","date":2024-01-02},{"title":"Test" "date":5,}]}',
        "- Ship (2024-01-02)\n- Test (5)",
    ),
    ("chart", '{"type":"chart","data":', "A chart could not be shown."),
    ("table", '{"type":"table","data":{"headers":["a"],"rows":[["x",1]]}}', "- a: x, 1"),
    ("chart", '{"type":"chart","content":{"data":[{"n":3%}]}}', (["n"], [["3%"]])),
    ("table", '{"type":"table"]]}}', "A table could not be shown."),
]


@pytest.mark.parametrize(("kind", "source", "expected"), CASES)
def test_degraded(kind: str | None, source: str, expected: Any) -> None:
    shown = degraded(kind, source, "The rest could not be shown.")
    if isinstance(shown, TitledTable):
        assert (shown.headers, shown.rows) == expected
    else:
        assert (unshown_sentence(shown, 1, ENGLISH) if isinstance(shown, Unshown) else shown) == expected


@pytest.mark.parametrize(
    ("rest", "title", "note", "headers"),
    [
        ('"title":" Hours "', "Hours", "", ["s", "n"]),
        (
            '"title":"Hours","note":"Without breaks.","description":"By day"',
            "Hours",
            "Without breaks.\n\nBy day",
            ["s", "n"],
        ),
        ('"Title":"Hours"', "Hours", "", ["s", "n"]),
        ('"title":7,"subtitle":"Week 3"', "", "Week 3", ["s", "n"]),
        ('"config":{"n":{"label":"Hours"},"s":{"label":""}}', "", "", ["s", "Hours"]),
        ('"config":{"n":{"label":"s"}}', "", "", ["s", "n"]),  # a name that another column has
        ('"title":"Hours",note:\'Estimated.\',}', "Hours", "Estimated.", ["s", "n"]),  # broken syntax
    ],
)
def test_the_table_of_a_chart_keeps_its_title_note_and_labels(
    rest: str, title: str, note: str, headers: list[str]
) -> None:
    source = '{"type":"chart","chartType":"hologram","data":[{"s":"a","n":3}],' + rest + "}"
    shown = degraded("chart", source, "The rest could not be shown.")
    assert isinstance(shown, TitledTable)
    assert (shown.title, shown.note, shown.headers, shown.rows) == (title, note, headers, [["a", 3]])


def test_the_table_of_a_cut_chart_says_that_points_are_missing() -> None:
    source = '{"type":"chart","title":"T","note":"By day","data":[{"s":"a","n":3},{"s":"b","n":41'
    shown = degraded("chart", source, "The rest could not be shown.")
    assert isinstance(shown, TitledTable)
    assert (shown.rows, shown.note) == ([["a", 3]], "By day\nThe rest could not be shown.")


@pytest.mark.parametrize(("block_type", "begun"), [("table", '{"rows":'), ("timeline", '{"checkpoints":')])
@pytest.mark.parametrize("unit", ["[", '{"a":', '[{"data":', "[(", "{", "("])
def test_a_block_that_is_nested_without_end(block_type: str, begun: str, unit: str) -> None:
    source = (begun + unit * 10_000)[:10_000]
    began = time.process_time()
    degraded(block_type, source, "")
    degraded_text(block_type, source, "")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("levels", [30, 3_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_what_is_in_many_containers_is_shown(levels: int, opening: str, closing: str) -> None:
    source = f'{{"checkpoints":[{opening * levels}"Ship"{closing * levels}]}}'
    assert "Ship" in str(degraded("timeline", source, ""))


def test_one_sentence_counts_equal_blocks() -> None:
    for block, count, sentence in (
        (Unshown("chart", "Tasks"), 3, '3 charts "Tasks" could not be shown.'),
        (Unshown("entity_ref"), 2, "2 lists of items could not be shown."),
        (Unshown("part"), 2, "2 parts of the answer could not be shown."),
    ):
        assert unshown_sentence(block, count, ENGLISH) == sentence
    assert unshown_sentence(Unshown("chart", "Tasks"), 1, Sentences.of("de-AT")) == (
        "Ein Diagramm „Tasks“ konnte nicht gezeigt werden."
    )
