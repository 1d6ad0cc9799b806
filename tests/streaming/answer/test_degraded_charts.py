"""A chart that cannot be drawn is a table of its data, which keeps the chart's title and note."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parser import degraded_text
from streaming.wire import WsStreamBlock
from tests.streaming.answer.left_over import rest
from tests.streaming.answer.test_formatters import BAD_CHART, home


@pytest.mark.parametrize(
    ("texts", "members"),
    [
        ({"title": "Hours", "note": "Without breaks."}, {"title": "Hours", "note": "Without breaks."}),
        ({"title": "Hours"}, {"title": "Hours"}),
        ({"title": ""}, {}),
    ],
)
def test_the_table_keeps_the_title_and_the_note(texts: dict[str, str], members: dict[str, Any]) -> None:
    chart = json.dumps({**BAD_CHART, **texts})
    _, formatter = home([f"[{chart}]"])
    (table,) = rest(formatter)
    assert isinstance(table, WsStreamBlock)
    assert {name: value for name, value in table.data.items() if name not in ("headers", "rows")} == members
    in_popup = degraded_text("chart", chart, "")
    assert isinstance(in_popup, str)
    assert in_popup.startswith("".join(f"{text}\n" for text in members.values()) + "- ")
