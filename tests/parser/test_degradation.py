"""What is shown of a block that nobody put right: its data as a table or a list, or one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from parser import TableBlock, degraded

CASES: list[tuple[str | None, str, Any]] = [
    (
        "chart",
        '{"type":"chart","chartType":"hologram","title":"T","data":[{"s":"a","n":3},{"s":"b","m":null}]}',
        (["s", "n", "m"], [["a", 3, None], ["b", None, None]]),
    ),
    ("chart", '{"type":"chart","data":[{"s":"a","n":3},{"s":"b","n":4', (["s", "n"], [["a", 3]])),
    ("chart", '{"type":"chart","title":"Tasks","data":[]}', 'A chart "Tasks" could not be shown.'),
    ("chart", '{"type":"chart","data":[{"s":{"deep":1}}]}', "A chart could not be shown."),
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
    ("table", '{"type":"table","rows":[[1e999]]}', "A table could not be shown."),
]


@pytest.mark.parametrize(("kind", "source", "expected"), CASES)
def test_degraded(kind: str | None, source: str, expected: Any) -> None:
    shown = degraded(kind, source)
    if isinstance(shown, TableBlock):
        assert (shown.headers, shown.rows) == expected
    else:
        assert shown == expected
