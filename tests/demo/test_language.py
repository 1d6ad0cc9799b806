"""How the demo model reads requests, schemas, days and intents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chat_agent import ChatAgent
from agents.registry import AGENTS
from agents.turn import Scope, Turn
from demo.dates import find_day, find_span
from demo.model import respond
from demo.request import InvalidRequestError, parse_request
from demo.schema import constrained_answer, fill_arguments, missing_arguments
from demo.wish import read_wish
from person import Calendar, Locale
from streaming.answer import RejectedBlock
from streaming.chat import ChatRequest, Delta
from streaming.dialects import OpenAIChat
from streaming.model import ChatModel, ModelConfig
from tests.demo.demo_conversation import DATA, DAY_MS, NOON_MS, NOW_MS, NoDevice

FRIDAY = date(2025, 3, 14)
NOTE = DATA["note"][0]
_DIALECT = OpenAIChat(sends_metadata=True)


@pytest.mark.parametrize(
    ("message", "agent"),
    [
        ("what should I do today?", "task_agent"),
        ("what's in progress?", "task_agent"),
        ("How are my projects doing?", "project_agent"),
        ("search my notes for export", "note_agent"),
        ("write down that Ann called", "note_agent"),
        ("show the milestones", "checkpoint_agent"),
        ("timeline, please", "checkpoint_agent"),
        ("xyzzy", "general_agent"),
        ("hello", "general_agent"),
    ],
)
def test_words_decide_the_intent(message: str, agent: str) -> None:
    schema = {
        "type": "object",
        "properties": {"agent": {"type": "string", "enum": list(AGENTS)}},
        "required": ["agent"],
    }
    body = {
        "messages": [{"role": "system", "content": "notes"}, {"role": "user", "content": message}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "intent", "schema": schema}},
    }
    assert json.loads(respond(parse_request(json.dumps(body)), now_ms=0).text) == {"agent": agent}


def test_a_message_without_known_words_is_classified_by_earlier_messages() -> None:
    schema = {"type": "object", "properties": {"x": {"enum": list(AGENTS)}}}
    assert constrained_answer(schema, ("and then?", "which notes are there?", "tasks")) == {"x": "note_agent"}


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"enum": ["cat", "dog"]}, "dog"),
        ({"type": "object", "properties": {"pet": {"type": "string", "enum": ["cat", "dog"]}}}, {"pet": "dog"}),
        ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "array"}}}, {"a": 0, "b": []}),
        ({"const": 5}, 5),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({}, ""),
    ],
)
def test_any_small_schema_gets_a_valid_answer(schema: dict[str, Any], answer: object) -> None:
    assert constrained_answer(schema, ("I like dogs",)) == answer


def test_arguments_follow_the_offered_schema() -> None:
    nested = {
        "type": "object",
        "properties": {
            "data": {
                "type": "object",
                "properties": {
                    "title": {"type": "string"},
                    "due_date": {"type": "integer"},
                    "mood": {"type": "string"},
                },
                "required": ["title", "mood"],
            }
        },
        "required": ["data"],
    }
    filled = fill_arguments(nested, {"name": "Tea", "day": FRIDAY})
    assert filled == {"data": {"title": "Tea", "due_date": NOON_MS - DAY_MS // 2}}
    assert missing_arguments(nested, filled) == ["mood"]
    assert fill_arguments({"properties": {"priority": {"enum": ["p1", "p2"]}}}, {"priority": "high"}) == {}


@pytest.mark.parametrize("mode", ["home", "popup"])
async def test_the_agents_calls_are_understood(
    mode: Literal["home", "popup"], base_url: str, client: httpx.AsyncClient
) -> None:
    scope = Scope("note", "n1", NOTE) if mode == "popup" else None
    turn = Turn("what is this?", mode, NoDevice(), scope=scope, memory={"core": ["task"]}, now_ms=NOW_MS)
    turn.locale = Locale("Asia/Kathmandu", week_start=6)
    model = _RecordedModel(ChatModel(client, ModelConfig("demo", base_url, dialect=_DIALECT)))
    agent = ChatAgent(model, turn, AGENTS["note_agent"])
    await agent.handle()
    await agent.repair([RejectedBlock(1, "no_data", "chart", "Nothing."), RejectedBlock(2, "missing_type", None, "")])
    answer, repair = (parse_request(_DIALECT.body(asked, "demo")) for asked in (model.asked[0], model.asked[-1]))
    local = {"createdAt": "2025-03-13"}
    for request in (answer, repair):
        assert (request.question, request.now_ms, request.wants_blocks) == ("what is this?", NOW_MS, mode == "home")
        assert request.open_item == (("note", NOTE | local) if mode == "popup" else None)
        assert request.calendar == Calendar(ZoneInfo("Asia/Kathmandu"), week_start=6)
    assert answer.repair == ()
    assert repair.repair == ("chart", None)


class _RecordedModel:
    """A model that keeps every request."""

    structured_output = False

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.asked: list[ChatRequest] = []

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]:
        self.asked.append(request)
        return self._model.stream(request)


def test_no_text_of_a_prompt_decides_how_the_demo_model_answers() -> None:
    prompt = f'A JSON array of blocks. ({NOW_MS} in epoch milliseconds)\n<data name="task">\n{{"id": "t1"}}\n</data>'
    again = "Some blocks of your last answer could not be shown.\n\n1. The chart block that is number 1"
    messages = [("system", prompt), ("user", "tasks"), ("assistant", "none"), ("user", again)]
    body = {"messages": [{"role": role, "content": content} for role, content in messages]}
    request = parse_request(json.dumps(body))
    assert (request.wants_blocks, request.now_ms, request.open_item, request.repair) == (False, None, None, ())
    assert request.question == again


@pytest.mark.parametrize("metadata", [None, {}, {"tessera_agent": "task_agent", "other": "x"}])
def test_metadata_may_be_missing_or_foreign(metadata: dict[str, str] | None) -> None:
    body = {"messages": [{"role": "user", "content": "help"}], "metadata": metadata}
    assert not parse_request(json.dumps(body)).wants_blocks


@given(st.text())
def test_any_message_is_read(message: str) -> None:
    wish = read_wish(message, FRIDAY)
    assert wish.verb == "list" or wish.verb in {"create", "complete", "reopen", "delete", "change", "help"}


@pytest.mark.parametrize(
    ("text", "day", "words"),
    [
        ("pay by 2025-04-01 please", date(2025, 4, 1), "by 2025-04-01"),
        ("due today", date(2025, 3, 14), "due today"),
        ("tomorrow", date(2025, 3, 15), "tomorrow"),
        ("on friday", date(2025, 3, 21), "on friday"),
        ("next saturday", date(2025, 3, 15), "next saturday"),
        ("in 3 days", date(2025, 3, 17), "in 3 days"),
        ("in two weeks", date(2025, 3, 28), "in two weeks"),
        ("by the end of the month", date(2025, 3, 31), "by the end of the month"),
        ("end of week", date(2025, 3, 16), "end of week"),
        ("next week", date(2025, 3, 17), "next week"),
    ],
)
def test_days(text: str, day: date, words: str) -> None:
    assert find_day(text, FRIDAY) == (day, words)


@pytest.mark.parametrize("text", ["", "2025-13-45", "someday", "the mondayish thing"])
def test_no_day(text: str) -> None:
    assert find_day(text, FRIDAY) is None


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("today", date(2025, 3, 14), date(2025, 3, 15)),
        ("this week", date(2025, 3, 10), date(2025, 3, 17)),
        ("next week", date(2025, 3, 17), date(2025, 3, 24)),
        ("this month", date(2025, 3, 1), date(2025, 4, 1)),
        ("the next 10 days", date(2025, 3, 14), date(2025, 3, 24)),
        ("overdue", None, date(2025, 3, 14)),
    ],
)
def test_spans(text: str, first: date | None, end: date) -> None:
    span = find_span(text, FRIDAY)
    assert span is not None
    assert (span.first, span.end) == (first, end)
    assert not span.covers(end)
    assert not span.covers(None)


@pytest.mark.parametrize(
    ("body", "named"),
    [("", "body"), ("[]", "body"), ("{}", "messages"), ('{"messages":[]}', "messages"), ('{"messages":[{}]}', "role")],
)
def test_an_invalid_body_is_refused_with_the_field_named(body: str, named: str) -> None:
    with pytest.raises(InvalidRequestError, match=named):
        parse_request(body)
