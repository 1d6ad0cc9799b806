"""The formatters turn the model's text into the right frames, for every division into tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.binding import Binder
from agents.tool_results import ToolResults
from person import Calendar
from streaming.answer.block_data import UnfetchedBlock
from streaming.answer.home import HomeFormatter
from streaming.answer.popup import DOMAINS, NoPopupDomainError, PopupFormatter
from streaming.wire import WsBlockOpen, WsPopupDomain, WsStreamBlock, WsStreamStart
from streaming.wire.stream_text import StreamText
from tests.streaming.answer.left_over import rest

REQUEST = UUID(int=7)
CHART = {
    "type": "chart",
    "chartType": "bar",
    "title": "Open tasks",
    "data": [{"day": "Mon", "open": 3}, {"day": "Tue", "open": 1.5}],
    "config": {"open": {"label": "Open", "color": "var(--chart-1)"}},
}
TABLE = {"type": "table", "headers": ["a", "b"], "rows": [["x", 1], [None, True]]}
TIMELINE = {
    "type": "timeline",
    "checkpoints": [{"id": "c1", "title": "Beta", "date": 1_767_225_600_000, "projectId": "p"}],
}
TASKS: list[dict[str, Any]] = [
    {"id": "t1", "title": "One", "dueDate": None, "extra": {"deep": [1]}},
    {"id": "t2", "title": "Two"},
    {"id": "t3", "title": "Three"},
]


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def reference(*ids: str, entity: str = "task") -> dict[str, Any]:
    return {"type": "entity_ref", "entity": entity, **({"ids": list(ids)} if ids else {})}


def results() -> ToolResults:
    kept = ToolResults()
    kept.add("task", TASKS)
    return kept


def tokens_of(written: str, size: int) -> list[str]:
    return [written[at : at + size] for at in range(0, len(written), size)]


def home(tokens: Sequence[str]) -> tuple[list[tuple[Any, ...]], HomeFormatter]:
    """The frames for the tokens: `(block, text)` with adjacent text joined, or `(block, block type, data)`."""
    formatter = HomeFormatter(REQUEST, results().resolve, Binder(results()).bind)
    frames = [frame for token in tokens for frame in formatter.feed(token)] + formatter.close()
    answer: list[tuple[Any, ...]] = []
    for frame in frames:
        assert not isinstance(frame, UnfetchedBlock), "every block can be computed immediately"
        assert frame.request_id == REQUEST
        if isinstance(frame, WsStreamBlock):
            answer.append((frame.block, frame.block_type, json.loads(frame.model_dump_json())["data"]))
            continue
        assert isinstance(frame, StreamText), "nobody asked for announcements"
        if answer and len(answer[-1]) == 2 and answer[-1][0] == frame.block:
            answer[-1] = (frame.block, answer[-1][1] + frame.chunk)
        else:
            answer.append((frame.block, frame.chunk))
    return answer, formatter


def without_type(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "type"}


def test_start() -> None:
    formatter = HomeFormatter(REQUEST, results().resolve, Binder(results()).bind)
    assert formatter.start("task_agent") == [WsStreamStart(request_id=REQUEST, agent="task_agent")]


def test_text_comes_with_its_token() -> None:
    formatter = HomeFormatter(REQUEST, results().resolve, Binder(results()).bind)
    assert formatter.feed('[{"type":"text","content":"Good mor') == [StreamText(REQUEST, 0, "Good mor")]
    assert formatter.feed('ning"},{"type":"te') == [StreamText(REQUEST, 0, "ning")]
    assert formatter.feed('xt","content":"!') == [StreamText(REQUEST, 1, "!")]
    assert formatter.feed('"}]') == []
    assert formatter.close() == []


BLOCKS = [
    text("Here: "),
    CHART,
    TABLE,
    TIMELINE,
    reference(),
    reference("t3", "nobody", "t1"),
    text("Done \U0001f600."),
]
ANSWER = [
    (0, "Here: "),
    (1, "chart", without_type(CHART)),
    (2, "table", without_type(TABLE)),
    (3, "timeline", without_type(TIMELINE)),
    (4, "entity_ref", {"entity": "task", "items": TASKS}),
    (5, "entity_ref", {"entity": "task", "items": [TASKS[2], TASKS[0]]}),
    (6, "Done \U0001f600."),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_an_answer_of_every_block(size: int, ascii_only: bool) -> None:
    answer, formatter = home(tokens_of(json.dumps(BLOCKS, ensure_ascii=ascii_only), size))
    assert answer == ANSWER
    assert formatter.rejected == []


@given(st.data())
def test_the_tokens_change_nothing(data: st.DataObject) -> None:
    written = json.dumps(BLOCKS)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=30)))
    assert home([written[a:b] for a, b in zip([0, *cuts], [*cuts, len(written)], strict=True)])[0] == ANSWER


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({**CHART, "chartType": "hologram"}, "unknown_chart_type"),
        ({**CHART, "data": [{"week": "1", "open": "many"}]}, "invalid_field"),
        ({**TABLE, "rows": [["x", 1, 2]]}, "invalid_field"),
        ({"type": "timeline", "checkpoints": [{"id": "c"}]}, "invalid_field"),
        (reference("nobody"), "unresolved"),
        (reference(entity="note"), "unresolved"),
        (reference(entity="user"), "invalid_field"),
    ],
)
def test_a_bad_block_is_skipped_and_leaves_a_gap(block: dict[str, Any], reason: str) -> None:
    answer, formatter = home([json.dumps([text("a"), block, text("b")])])
    assert answer == [(0, "a"), (2, "b")]
    assert [(rejected.index, rejected.reason) for rejected in formatter.rejected] == [(1, reason)]


BOUND_CHART = {
    "type": "chart",
    "chartType": "bar",
    "title": "T",
    "from": {"entity": "task", "groupBy": "title"},
    # Values that a model writes in addition to `from` are ignored.
    "data": [{"title": "One", "count": 99}],
    "config": {},
}


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_opened_block_is_announced_once_and_before_what_it_holds(size: int) -> None:
    bad = CHART | {"chartType": "donut"}
    written = json.dumps([text("Here:"), CHART, bad, reference("t2"), TABLE, text("Bye"), TIMELINE]) + " and so on"
    formatter = HomeFormatter(REQUEST, results().resolve, Binder(results()).bind, announce_opened=True)
    frames = [frame for token in tokens_of(written, size) for frame in formatter.feed(token)] + formatter.close()
    announced = [(frame.block, frame.block_type) for frame in frames if isinstance(frame, WsBlockOpen)]
    kinds = ["text", "chart", "chart", "entity_ref", "table", "text", "timeline", "text"]
    assert announced == list(enumerate(kinds))
    begun: set[int] = set()
    for frame in frames:
        if isinstance(frame, WsBlockOpen):
            assert frame.block not in begun
            begun.add(frame.block)
        else:
            assert frame.block in begun
    quiet, _ = home(tokens_of(written, size))
    loud = [frame for frame in frames if not isinstance(frame, WsBlockOpen)]
    assert [entry[0] for entry in quiet] == list(dict.fromkeys(frame.block for frame in loud))


def test_a_chart_is_announced_before_its_data_has_been_written() -> None:
    formatter = HomeFormatter(REQUEST, results().resolve, Binder(results()).bind, announce_opened=True)
    assert formatter.feed('[{"type":"chart",') == [WsBlockOpen(request_id=REQUEST, block=0, block_type="chart")]


def test_a_value_bound_block_is_sent_as_an_ordinary_block() -> None:
    blocks = [BOUND_CHART, {"type": "table", "from": {"entity": "task", "columns": ["id"], "sort": "id"}}]
    answer, formatter = home([json.dumps(blocks)])
    assert formatter.rejected == []
    chart, table = answer
    assert chart[:2] == (0, "chart")
    assert [point["count"] for point in chart[2]["data"]] == [1, 1, 1]
    assert chart[2].keys() == {"chartType", "title", "data", "config"}
    assert table == (1, "table", {"headers": ["ID"], "rows": [["t1"], ["t2"], ["t3"]]})


@pytest.mark.parametrize(
    ("source", "reason", "detail"),
    [
        ({"entity": "task", "groupBy": "colour"}, "unknown_field", "No task has the field colour"),
        ({"entity": "note"}, "not_fetched", "returned a note"),
        ({"entity": "task", "filter": {"title": "Four"}}, "no_data", "matches"),
        ({"entity": "task", "groupBy": "title", "aggregate": "count"}, "invalid_field", "from.aggregate"),
        ("task", "invalid_field", "from"),
        ([], "invalid_field", "from"),
    ],
)
def test_a_block_whose_data_cannot_be_computed_has_a_named_reason(source: Any, reason: str, detail: str) -> None:
    answer, formatter = home([json.dumps([{**BOUND_CHART, "from": source}, text("b")])])
    assert answer == [(1, "b")]
    (rejected,) = formatter.rejected
    assert (rejected.index, rejected.reason, rejected.block_type) == (0, reason, "chart")
    assert detail in rejected.detail
    assert formatter.repairable(5) == ([] if reason == "not_fetched" else [rejected])


def test_a_from_that_is_null_is_ignored() -> None:
    assert home([json.dumps([{**CHART, "from": None}])])[0] == [(0, "chart", without_type(CHART))]


def test_text_is_never_asked_for_again_and_always_shown() -> None:
    written = '[{"type":"text","content":"so far\\x "here"},{"type":"chart"},{"type":"table"},{"type":"poem"}]'
    answer, formatter = home([written])
    assert answer == [(0, 'so farx "here'), (3, '{"type":"poem"}]')]
    assert [block.index for block in formatter.repairable(5)] == [1, 2]
    assert [block.index for block in formatter.repairable(1)] == [1]


BAD_CHART = {**CHART, "chartType": "hologram"}
BAD_TABLE = {**TABLE, "rows": [[*"x" * (len(TABLE["headers"]) + 1)]]}


def test_what_nobody_put_right_is_degraded_and_never_left_out() -> None:
    timeline = {**TIMELINE, "checkpoints": [{"id": "c", "title": "Ship", "date": "soon"}]}
    bound = {**BOUND_CHART, "from": {"entity": "note"}}
    _, formatter = home([json.dumps([text("a"), BAD_CHART, BAD_TABLE, timeline, reference("nobody"), bound])])
    shown = rest(formatter, {2})
    assert [frame.block for frame in shown] == [1, 3, 4, 5]
    table = shown[0]
    assert isinstance(table, WsStreamBlock)
    assert table.block_type == "table"
    rows = [["Mon", 3], ["Tue", 1.5]]
    assert table.data == {"title": CHART["title"], "headers": ["day", "Open"], "rows": rows}
    assert [frame.chunk for frame in shown[1:] if isinstance(frame, StreamText)] == [
        "- Ship (soon)",
        "A list of items could not be shown.",
        f'A chart "{BOUND_CHART["title"]}" could not be shown.',
    ]


def test_the_sentence_says_how_many_blocks_are_not_even_recorded() -> None:
    _, formatter = home([json.dumps([reference("nobody")] * 150)])
    shown = [(frame.block, frame.chunk) for frame in rest(formatter) if isinstance(frame, StreamText)]
    assert shown == [
        (0, "100 lists of items could not be shown."),
        (150, "50 more parts of the answer could not be shown."),
    ]


def test_a_model_that_repeats_an_invalid_block_is_told_about_once() -> None:
    titled = [{**BOUND_CHART, "title": title, "from": {"entity": "note"}} for title in ("A", "B", "A", "A")]
    _, formatter = home([json.dumps([*titled, BAD_TABLE, BAD_TABLE, BAD_CHART, BAD_CHART])])
    shown = rest(formatter)
    assert [frame.block for frame in shown] == [0, 1, 4, 6]
    assert [frame.chunk for frame in shown if isinstance(frame, StreamText)] == [
        '3 charts "A" could not be shown.',
        'A chart "B" could not be shown.',
        "- a: x, b: x, x",
    ]


def test_repairs_of_the_parser_are_counted() -> None:
    answer, formatter = home(['[{"type":"table","headers":["a","b"],"rows":[["x"],["y"],]}]'])
    assert answer == [(0, "table", {"headers": ["a", "b"], "rows": [["x", None], ["y", None]]})]
    assert formatter.repairs == {"syntax": 1, "row": 1}


@pytest.mark.parametrize(
    ("reply", "replaced"),
    [
        ([CHART, TABLE], [(1, "chart"), (3, "table")]),
        ([TABLE, CHART], [(3, "table"), (1, "chart")]),
        ([text("Here:"), CHART, text("and"), TABLE, TABLE], [(1, "chart"), (3, "table")]),
        ([BAD_CHART, TABLE], [(3, "table")]),
        # The first attempt replaces it, and it is invalid.
        ([BAD_CHART, CHART, TABLE], [(3, "table")]),
        ([{"type": "poem"}, TIMELINE, TABLE], [(3, "table")]),
        ([BOUND_CHART], [(1, "chart")]),
        ([], []),
        ("I am sorry.", []),
    ],
)
def test_corrected_blocks_are_sent_at_the_index_of_those_they_stand_for(reply: Any, replaced: list[Any]) -> None:
    _, formatter = home([json.dumps([text("a"), BAD_CHART, text("b"), BAD_TABLE])])
    rejected = formatter.repairable(3)
    frames = formatter.replace(rejected, reply if isinstance(reply, str) else json.dumps(reply))
    sent = [(frame.block, frame.block_type) for frame in frames if isinstance(frame, WsStreamBlock)]
    assert (sent, len(frames)) == (replaced, len(replaced))
    assert len(formatter.rejected) == 2


def test_the_record_of_bad_blocks_is_bounded() -> None:
    _, formatter = home([json.dumps([reference("nobody")] * 1000)])
    assert [block.index for block in formatter.rejected] == list(range(100))


def test_the_models_own_copy_of_the_data_is_never_sent() -> None:
    answer, _ = home([json.dumps([{**reference("t2"), "items": [{"id": "t2", "title": "forged"}]}])])
    assert answer == [(0, "entity_ref", {"entity": "task", "items": [TASKS[1]]})]


def test_a_cut_answer_keeps_its_text() -> None:
    answer, formatter = home(['[{"type":"text","content":"so far"},{"type":"table","headers":["a"'])
    assert answer == [(0, "so far")]
    assert [rejected.reason for rejected in formatter.rejected] == ["unfinished"]


# ---- popups ---------------------------------------------------------------------------------------------------------


def popup_formatter() -> PopupFormatter:
    found = results()
    return PopupFormatter(
        REQUEST, found.resolve, Binder(found).bind, calendar=lambda: Calendar(ZoneInfo("Europe/Berlin"))
    )


def popup(tokens: Sequence[str]) -> str:
    formatter = popup_formatter()
    frames = [frame for token in tokens for frame in formatter.feed(token)] + formatter.close()
    texts = [frame for frame in frames if isinstance(frame, StreamText)]
    assert len(texts) == len(frames)
    assert all(frame.request_id == REQUEST and frame.chunk for frame in texts)
    return "".join(frame.chunk for frame in texts)


@pytest.mark.parametrize(
    ("agent", "domain"),
    [
        ("task_agent", "tasks"),
        ("checkpoint_agent", "checkpoints"),
        ("note_agent", "notes"),
        ("project_agent", "projects"),
    ],
)
def test_domains(agent: str, domain: Any) -> None:
    assert popup_formatter().start(agent) == [WsPopupDomain(request_id=REQUEST, domain=domain)]
    assert len(DOMAINS) == 4


def test_an_agent_without_a_domain_is_an_error_that_names_those_with_one() -> None:
    with pytest.raises(NoPopupDomainError, match=r"'weather_agent'.*task_agent"):
        popup_formatter().start("weather_agent")


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Just text.", "Just text."),
        ("Übermorgen: 3 tasks (see below).", "Übermorgen: 3 tasks (see below)."),
        (json.dumps([text("Only "), TABLE, text("text")]), "Only - a: x, b: 1\n- b: Truetext"),
        (json.dumps(text("One object")), "One object"),
        (json.dumps([CHART]), "Open tasks\n- day: Mon, Open: 3\n- day: Tue, Open: 1.5"),
        (json.dumps([TIMELINE]), "- Beta (2026-01-01 01:00)"),
        (json.dumps([reference("t1", "t2")]), "- One, extra: deep: 1\n- Two"),
        (json.dumps([reference("nobody"), text("!")]), "A list of items could not be shown.!"),
        (json.dumps([BAD_TABLE]), "- a: x, b: x, x"),
        ('[{"type":"table","headers":["a"],"rows":[["x"],["y"', "- a: x\nThe rest could not be shown."),
        ('Set `{"debug": true}` in the file.', 'Set `{"debug": true}` in the file.'),
        ('See {"x":[1]} there', 'See {"x":[1]} there'),
        (
            'Your config:\n\n```json\n{"title": "app"}\n```\nDone.',
            'Your config:\n\n```json\n{"title": "app"}\n```\nDone.',
        ),
        (
            '```python\nd = {"type": "text", "content": "x"}\n```',
            '```python\nd = {"type": "text", "content": "x"}\n```',
        ),
        ('{"status":"ok","count":2.50}', "status: ok\ncount: 2.50"),
        ('["One.","Two."]', "- One.\n- Two."),
        ('{"answer":"You owe.","amount":"900"}', "You owe.amount: 900"),  # two blocks
        ('{"tasks":["Walk","Read"],"done":false}', "tasks:\n- Walk\n- Read\ndone: False"),
        ('[{"a":1},{"b":[2,{"c":3}]}]', "- a: 1\n- b: 2; c: 3"),
        ('{"a":1}\n{"b":2}\nThen this: {"c":3}', 'a: 1\nb: 2\nThen this: {"c":3}'),
        ("", ""),
    ],
)
def test_a_popup_shows_text_only(written: str, shown: str, size: int) -> None:
    assert popup(tokens_of(written, size)) == shown


def test_text_of_a_popup_comes_with_its_token() -> None:
    formatter = popup_formatter()
    assert formatter.feed('{"type":"text","content":"Good') == [StreamText(REQUEST, 0, "Good")]
