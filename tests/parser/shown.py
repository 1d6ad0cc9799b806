"""What a person sees of a model's text, and blocks for the tables of cases."""

from __future__ import annotations

from typing import Any

from parser import BlockReady, BlockType, TextDelta
from tests.parser.feeds import assert_same_however_cut

CHART = {
    "type": "chart",
    "chartType": "bar",
    "title": "T",
    "data": [{"s": "a", "n": 3}],
    "config": {"n": {"label": "N", "color": "c"}},
}
TABLE = {"type": "table", "headers": ["a"], "rows": [["x"]]}


def seen(source: str) -> list[Any]:
    """What a person sees: texts, and the members of blocks."""
    shown: list[Any] = []
    texts: dict[int, int] = {}
    for event in assert_same_however_cut(source, single=len(source) < 600):
        match event:
            case TextDelta(index, text):
                if index in texts:
                    shown[texts[index]] += text
                else:
                    texts[index] = len(shown)
                    shown.append(text)
            case BlockReady(_, block):
                shown.append(
                    block.model_dump(mode="json", exclude_none=block.type is not BlockType.CHART, exclude_defaults=True)
                )
    return shown


def text(content: str) -> str:
    return '[{"type":"text","content":"' + content + '"}]'


TABLE_CELLS = '{"type":"table","headers":["a","b"],"rows":'
CHART_HEAD = '{"type":"chart","chartType":"bar","title":"T",'
N = '"config":{"n":{"label":"N","color":"c"}}'
