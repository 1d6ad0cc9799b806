"""The terminal's output for each frame and each block type."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from client.terminal.blocks import Style, block
from client.terminal.plain_text import clean, day
from client.terminal.renderer import Renderer, error_line
from person import Sentences
from streaming.wire import (
    ErrorCode,
    WsFailure,
    WsPopupDomain,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolCall,
    WsToolEvent,
)

TODAY = date(2025, 3, 14)
ID = UUID(int=1)


def at(number: int) -> int:
    """Return noon of a day in March 2025, in epoch milliseconds."""
    return int(datetime(2025, 3, number, 12, tzinfo=UTC).timestamp() * 1000)


def console(width: int = 60, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, width=width, highlight=False, color_system=None)


def shown(console: Console) -> str:
    console.file.flush()
    assert isinstance(console.file, io.TextIOWrapper)
    buffer = console.file.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(console.file.encoding)


def draw(kind: str, data: dict[str, Any], *, plain: bool = False, width: int = 60) -> str:
    target = console(width)
    target.print(block(kind, data, Style(TODAY, width, plain)))
    return shown(target)


def chart(kind: str, values: list[Any], **more: Any) -> dict[str, Any]:
    data = [{"name": f"n{number}", "count": value} for number, value in enumerate(values)]
    config = {"count": {"label": "Count", "color": "#2563eb"}}
    return {"chartType": kind, "title": "Things", "data": data, "config": config} | more


@pytest.mark.parametrize("kind", ["bar", "radar", "pie", "radial"])
def test_bars_are_as_long_as_their_values(kind: str) -> None:
    lines = draw(kind="chart", data=chart(kind, [4, 2, 0])).splitlines()
    assert lines[0].strip() == "Things"
    lengths = [line.count("█") for line in lines[1:]]
    assert lengths[0] == 2 * lengths[1] > 10
    assert lengths[2] == 0
    assert ("67%" in lines[1]) is (kind in {"pie", "radial"})


@pytest.mark.parametrize("kind", ["line", "area"])
def test_line_and_area_charts_are_columns(kind: str) -> None:
    lines = draw("chart", chart(kind, [0, 7, 3.5])).splitlines()
    assert lines[1].strip() == "▁▁▁▁▁▁██████▄▄▄▄▄▄"
    assert "n0 .. n2" in lines[2]
    assert "min 0, max 7" in lines[2]


def test_series_have_one_scale_and_labels() -> None:
    data = {
        "chartType": "bar",
        "title": "T",
        "data": [{"p": "A", "open": 4, "done": 1}],
        "config": {"open": {"label": "Open", "color": "x"}, "done": {"label": "Done", "color": "y"}},
    }
    text = draw("chart", data)
    opened, done = (line.count("█") for line in text.splitlines() if "A" in line)
    assert opened >= 4 * done > 0
    assert "Open" in text
    assert "Done" in text


def test_plain_terminals_get_ascii() -> None:
    drawn = (
        draw("chart", chart("bar", [4, 2]), plain=True)
        + draw("chart", chart("line", [4, 2]), plain=True)
        + draw("table", {"headers": ["A"], "rows": [["b"]]}, plain=True)
        + draw("timeline", {"checkpoints": [{"id": "1", "title": "x", "date": at(14)}]}, plain=True)
        + draw("entity_ref", {"entity": "task", "items": [{"id": "1", "title": "x", "status": "done"}]}, plain=True)
    )
    assert drawn.isascii()
    assert "####" in drawn
    assert "[x]" in drawn


def test_tables_have_their_headers_and_cells() -> None:
    text = draw("table", {"headers": ["Task", "Count", "Ok"], "rows": [["a [bold]b", 3, True], [None, 1.5, False]]})
    assert "Task" in text
    assert "a [bold]b" in text
    assert "yes" in text
    assert "1.5" in text


def test_a_table_has_its_title_above_and_its_note_below() -> None:
    data = {"headers": ["Task"], "rows": [["a"]], "title": " Open \x1b[1m[red]", "note": "Without breaks.\nEstimated."}
    lines = [line.strip() for line in draw("table", data).splitlines() if line.strip()]
    assert lines[0] == "Open [1m[red]"
    assert lines[-2:] == ["Without breaks.", "Estimated."]
    assert draw("table", data | {"title": None, "note": "  "}) == draw("table", {"headers": ["Task"], "rows": [["a"]]})


def test_timelines_are_sorted_by_date() -> None:
    points = [
        {"id": "2", "title": "Later", "date": at(24), "isApproved": False},
        {"id": "1", "title": "Sooner", "date": at(14)},
    ]
    first, second = draw("timeline", {"checkpoints": points}).splitlines()
    assert first.split()[0] == "today"
    assert first.index("●") < second.index("◇")
    assert "Sooner" in first
    assert "Mon 24 Mar" in second


@pytest.mark.parametrize(
    ("entity", "item", "words"),
    [
        ("task", {"title": "A", "status": "in_progress", "dueDate": at(13)}, ["◐", "A", "yesterday"]),
        ("project", {"name": "P", "status": "active"}, ["P", "Active"]),
        ("note", {"title": "N", "createdAt": at(1), "content": "words"}, ["N", "Sat 1 Mar", "words"]),
        ("checkpoint", {"title": "C", "date": at(15), "isApproved": False}, ["C", "tomorrow", "suggested"]),
    ],
)  # fmt: skip
def test_entity_rows(entity: str, item: dict[str, Any], words: list[str]) -> None:
    text = draw("entity_ref", {"entity": entity, "items": [item]})
    assert all(word in text for word in words)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(["chartType", "title", "data", "config", "headers", "rows", "checkpoints", "entity", "items"])


@given(kind=st.sampled_from(["chart", "table", "timeline", "entity_ref", "other"]), data=st.dictionaries(_KEYS, _JSON))
def test_invalid_block_data_is_shown_without_an_error(kind: str, data: dict[str, Any]) -> None:
    draw(kind, data)


def test_an_answer_from_start_to_end() -> None:
    target = console()
    renderer = Renderer(target, clock=lambda: at(14) / 1000)
    renderer.frame(WsStreamStart(request_id=ID, agent="task_agent"))
    for chunk in ("You have ", "two.\n", "Look"):
        renderer.frame(WsStreamText(request_id=ID, block=0, chunk=chunk))
    table = {"headers": ["H"], "rows": [["cell"]]}
    renderer.frame(WsStreamBlock(request_id=ID, block=1, block_type="table", data=table))
    renderer.frame(WsStreamText(request_id=ID, block=2, chunk="Done."))
    end = {
        "status": "completed",
        "mutations": [{"op": "create", "entity": "task", "id": "t", "data": {"title": "New"}}],
    }
    renderer.frame(WsStreamEnd.model_validate(end | {"request_id": ID}))
    text = shown(target)
    assert text.startswith("Tasks\nYou have two.\nLook\n")
    assert text.endswith("Done.\ncreated task: New\n")
    assert "cell" in text


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"status": "cancelled"}, "Stopped."),
        ({"status": "failed"}, "The request failed."),
        (
            {"status": "completed", "finish": "length"},
            "The answer is incomplete: the model reached its limit of tokens.",
        ),
        (
            {"status": "completed", "finish": "content_filter"},
            "The answer is incomplete: the model's content filter stopped it.",
        ),
        (
            {"status": "completed", "finish": "tool_limit"},
            "The answer may be incomplete: it has used up its calls to this device.",
        ),
        (
            {"status": "failed", "error": {"code": "model_timeout", "message": "Too slow.", "retryable": True}},
            "Too slow. (model_timeout) Try again.",
        ),
        (
            {
                "status": "failed",
                "error": {"code": "model_timeout", "message": "Slow.", "retryable": True, "text": "Zu langsam."},
            },
            "Zu langsam. (model_timeout)",
        ),
    ],
)
def test_answers_that_are_not_complete_show_a_note(end: dict[str, Any], said: str) -> None:
    target = console()
    renderer = Renderer(target)
    renderer.frame(WsPopupDomain(request_id=ID, domain="notes"))
    renderer.frame(WsStreamText(request_id=ID, block=0, chunk="half"))
    renderer.frame(WsStreamEnd.model_validate(end | {"request_id": ID}))
    # A long note is broken into lines.
    assert shown(target).split() == f"Notes half {said}".split()
    assert shown(target).startswith("Notes\nhalf\n")


@pytest.mark.parametrize(
    ("language", "encoding", "said"),
    [
        ("de", "utf-8", ['"X" löschen? Das lässt sich nicht rückgängig machen.', "angelegt: Aufgabe X", "Angehalten."]),
        ("ja", "utf-8", ['"X"を削除しますか？', "作成: タスク X", "停止しました。"]),
        ("ar", "utf-8", ['حذف "X"؟', "إنشاء: مهمة X", "تم الإيقاف."]),
        ("ja", "ascii", ['Delete "X"?', "created task: X", "Stopped."]),
    ],
)
def test_states_and_questions_are_in_the_persons_language(language: str, encoding: str, said: list[str]) -> None:
    target = console(width=100, encoding=encoding)
    renderer = Renderer(target, sentences=lambda: Sentences.of(language))
    call = {"call_id": ID, "request_id": ID, "tool": "delete_task", "args": {"id": "t"}, "deadline_ms": 1}
    renderer.approval(WsToolCall.model_validate(call | {"requires_approval": True}), "X")
    made = {"op": "create", "entity": "task", "id": "t", "data": {"title": "X"}}
    end = {"request_id": ID, "status": "cancelled", "mutations": [made]}
    renderer.frame(WsStreamEnd.model_validate(end))
    for line in said:
        assert line in shown(target)


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    target = console()
    renderer = Renderer(target)
    renderer.frame(WsStreamText(request_id=ID, block=0, chunk="\x1b]0;owned\x07\x9b2J[red]ok\ttab\r\n"))
    renderer.note("\x1b[2J")
    text = shown(target)
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "[red]ok" in text
    assert "\x1b" not in draw("table", {"headers": ["\x1b[1m"], "rows": [["\x1b[2J"]]})


def test_a_terminal_without_unicode_gets_its_own_encoding() -> None:
    target = console(encoding="ascii")
    renderer = Renderer(target)
    renderer.frame(WsStreamText(request_id=ID, block=0, chunk="“é”"))
    renderer.frame(WsStreamBlock(request_id=ID, block=1, block_type="chart", data=chart("bar", [1, 2])))
    assert shown(target).startswith("???\nThings")


@pytest.mark.parametrize(
    ("value", "text"),
    [(at(14), "today"), ("2025-03-15", "tomorrow"), (at(20), "Thu 20 Mar"), ("2026-01-01", "Thu 1 Jan 2026"),
     ("soon", "soon"), (None, ""), (10**18, "1000000000000000000"), (float("nan"), "nan")],
)  # fmt: skip
def test_days(value: object, text: str) -> None:
    assert day(value, TODAY) == text


@pytest.mark.parametrize(
    ("language", "near", "this_year", "next_year"),
    [
        ("de", "morgen", "Do, 20. März", "Do, 1. Jan. 2026"),
        ("fr", "demain", "jeu. 20 mars", "jeu. 1 janv. 2026"),
        ("es", "mañana", "jue, 20 mar", "jue, 1 ene 2026"),
        ("ja", "明日", "3月20日(木)", "2026年1月1日(木)"),
        ("ar", "غدًا", "الخميس، 20 مارس", "الخميس، 1 يناير 2026"),
    ],
)
def test_days_are_written_as_people_of_the_language_do(
    language: str, near: str, this_year: str, next_year: str
) -> None:
    sentences = Sentences.of(language)
    written = [day(value, TODAY, sentences=sentences) for value in ("2025-03-15", at(20), "2026-01-01")]
    assert written == [near, this_year, next_year]
    for name, count in (("weekdays", 7), ("months", 12)):
        assert len(sentences.say(f"terminal.{name}").split()) == count


def test_cells_and_approvals_have_days_and_values_in_words() -> None:
    rows = [["Pay the rent", "2025-03-15", True], ["2025-03-15 is a day", "2025-03-20T09:00:00Z", False]]
    text = draw("table", {"headers": ["Task", "Due", "Late"], "rows": rows})
    assert "tomorrow" in text
    assert "Thu 20 Mar" in text
    assert "2025-03-15 is a day" in text
    assert "yes" in text
    target = console(width=200)
    renderer = Renderer(target, clock=lambda: at(14) / 1000, sentences=lambda: Sentences.of("de"))
    data = {"title": "Miete", "dueDate": "2025-03-15", "priority": "high", "assignee": None}
    call = {"call_id": ID, "request_id": ID, "tool": "create_task", "args": {"data": data}, "deadline_ms": 1}
    renderer.approval(WsToolCall.model_validate(call | {"requires_approval": True}), None)
    said = shown(target)
    assert "Titel: Miete" in said
    assert "morgen" in said
    assert not {"2025", "dueDate", "{", "None", "high"} & set(said.replace(":", " ").split())


@pytest.mark.parametrize(
    ("language", "line", "decided"),
    [("en", "Y", True), ("en", "no", False), ("de", "j", True), ("de", "yes", True), ("fr", "OUI ", True),
     ("es", "sí", True), ("ja", "いいえ", False), ("ar", "نعم", True), ("en", "j", None), ("de", "", None)],
)  # fmt: skip
def test_questions_are_answered_in_the_persons_language(language: str, line: str, decided: bool | None) -> None:
    assert Renderer(console(), sentences=lambda: Sentences.of(language)).decision(line) is decided


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_terminal_breaks_lines_between_words(size: int) -> None:
    said = "The quick brown fox jumps over the lazy dog.\n\n    An indented line of words.\nEnd."
    file = io.StringIO()
    renderer = Renderer(Console(file=file, width=20, force_terminal=True, color_system=None))
    for place in range(0, len(said), size):
        renderer.frame(WsStreamText(request_id=ID, block=0, chunk=said[place : place + size]))
    renderer.frame(WsStreamEnd.model_validate({"request_id": ID, "status": "completed"}))
    assert file.getvalue().splitlines() == [
        "The quick brown fox", "jumps over the lazy", "dog.", "", "    An indented line", "of words.", "End.",
    ]  # fmt: skip


def test_a_pipe_gets_the_text_as_it_is() -> None:
    target = console(width=10)
    renderer = Renderer(target)
    renderer.frame(WsStreamText(request_id=ID, block=0, chunk="The quick brown fox"))
    assert shown(target) == "The quick brown fox"


def test_clean_keeps_lines_and_tabs() -> None:
    assert clean("a\n\tb\x00\x7f\x85c") == "a\n\tbc"


def test_advice_that_a_message_gives_is_not_repeated() -> None:
    failure = WsFailure(code=ErrorCode.EMPTY_ANSWER, message="No answer. Try again.", retryable=True)
    assert error_line(failure) == "No answer. Try again. (empty_answer)"


def activity(*calls: tuple[str, str], language: str = "en", encoding: str = "utf-8") -> list[str]:
    """The lines that tool events show, before the text of an answer."""
    target = console(encoding=encoding)
    renderer = Renderer(target, sentences=lambda: Sentences(language))
    for number, (tool, state) in enumerate(calls):
        event = {"request_id": ID, "call_id": UUID(int=number), "tool": tool, "state": state}
        renderer.frame(WsToolEvent.model_validate(event))
    renderer.frame(WsStreamText(request_id=ID, block=0, chunk="Well."))
    *lines, text = shown(target).splitlines()
    assert text == "Well."
    return lines


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        ("list_tasks", "Reading your tasks…"),
        ("get_note", "Reading your notes…"),
        ("update_task", "Working on your device…"),
        ("list_secrets", "Working on your device…"),
        ("\x1b[2J", "Working on your device…"),
    ],
)
def test_a_tool_call_is_shown_when_it_begins(tool: str, line: str) -> None:
    assert activity((tool, "started")) == [line]


def test_calls_of_one_kind_are_shown_once_and_other_events_not_at_all() -> None:
    calls = [("list_tasks", "started"), ("list_tasks", "finished"), ("get_task", "started"), ("get_task", "failed")]
    assert activity(*calls, ("delete_task", "waiting_for_approval")) == ["Reading your tasks…"]
    assert activity(("list_tasks", "started"), ("list_notes", "started"), ("list_tasks", "started")) == [
        "Reading your tasks…",
        "Reading your notes…",
        "Reading your tasks…",
    ]


def test_a_tool_call_is_shown_in_the_language_of_the_person_if_the_terminal_can() -> None:
    assert activity(("list_tasks", "started"), language="de") == ["Liest Ihre Aufgaben …"]
    assert activity(("list_tasks", "started"), language="ja") == ["タスクを読んでいます…"]
    assert activity(("list_tasks", "started"), language="ja", encoding="ascii") == ["Reading your tasks..."]


@pytest.mark.parametrize("kind", ["note", "error"])
def test_a_terminal_without_unicode_shows_notes_and_errors(kind: str) -> None:
    target = console(encoding="ascii")
    getattr(Renderer(target), kind)("Connecting again… Größe")
    assert shown(target) == "Connecting again... Gr??e\n"
