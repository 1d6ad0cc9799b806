"""The title that a model gives a table is the title of the table, above its rows."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from agents.binding import Binder
from agents.tool_results import ToolResults
from streaming.answer import PopupFormatter
from streaming.wire import WsStreamBlock
from tests.streaming.answer.left_over import rest
from tests.streaming.answer.test_formatters import TABLE, home, results, without_type

BOUND: dict[str, Any] = {"type": "table", "from": {"entity": "task", "columns": ["title"]}}


@pytest.mark.parametrize("key", ["title", "caption", "heading", "Title"])
def test_a_written_table_has_its_title(key: str) -> None:
    answer, _ = home([json.dumps([{**TABLE, key: "Costs"}])])
    assert answer == [(0, "table", {**without_type(TABLE), "title": "Costs"})]


def test_a_table_without_a_title_has_no_such_member() -> None:
    answer, _ = home([json.dumps([TABLE])])
    assert answer == [(0, "table", without_type(TABLE))]


def test_a_bound_table_has_its_title() -> None:
    answer, _ = home([json.dumps([{**BOUND, "title": "My tasks"}])])
    ((_, _, untitled),) = home([json.dumps([BOUND])])[0]
    assert answer == [(0, "table", {**untitled, "title": "My tasks"})]


def test_a_replacement_keeps_its_title() -> None:
    _, formatter = home(['[{"type":"table","headers":["a"],"rows":[["x","y","z"]]}]'])
    (rejected,) = formatter.repairable(9)
    (frame,) = formatter.replace([rejected], json.dumps([{**TABLE, "title": "Costs"}]))
    assert isinstance(frame, WsStreamBlock)
    assert frame.data == {**without_type(TABLE), "title": "Costs"}
    assert rest(formatter, {0}) == []


def test_in_a_popup_the_title_is_above_the_rows() -> None:
    formatter = PopupFormatter(UUID(int=7), results().resolve, Binder(ToolResults()).bind)
    table = {"type": "table", "headers": ["a"], "rows": [["x"]], "title": "Costs"}
    frames = formatter.feed(json.dumps([table])) + formatter.close()
    assert "".join(getattr(frame, "chunk", "?") for frame in frames) == "Costs\n- a: x"
