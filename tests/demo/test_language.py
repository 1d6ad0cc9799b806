"""How the demo model reads: requests, schemas, days, intents."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.device import DeviceCall, DeviceResult, Outcome
from agents.limits import AgentLimits
from agents.prompt_text import opening_messages
from agents.turn import Scope, Turn
from demo.dates import find_day, find_span
from demo.model import respond
from demo.request import InvalidRequestError, parse_request
from demo.schema import constrained_answer, fill_arguments, missing_arguments
from demo.wish import read_wish
from tests.demo.demo_conversation import DATA, DAY_MS, NOON_MS, NOW_MS

FRIDAY = date(2025, 3, 14)


AGENTS = ["task_agent", "project_agent", "note_agent", "checkpoint_agent", "general_agent"]


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
def test_intents_are_told_by_words(message: str, agent: str) -> None:
    schema = {"type": "object", "properties": {"agent": {"type": "string", "enum": AGENTS}}, "required": ["agent"]}
    body = {
        "messages": [{"role": "system", "content": "notes"}, {"role": "user", "content": message}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "intent", "schema": schema}},
    }
    assert json.loads(respond(parse_request(json.dumps(body)), now_ms=0).text) == {"agent": agent}


def test_an_empty_message_is_classified_by_what_came_before() -> None:
    schema = {"type": "object", "properties": {"x": {"enum": AGENTS}}}
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
def test_any_small_schema_gets_an_answer_that_fits(schema: dict[str, Any], answer: object) -> None:
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
def test_the_agents_prompts_are_understood(mode: Literal["home", "popup"]) -> None:
    scope = Scope("note", "n1", DATA["note"][0]) if mode == "popup" else None
    turn = Turn("what is this?", mode, _NoDevice(), scope=scope, memory={"core": ["task"]}, now_ms=NOW_MS)
    opening = opening_messages("note_agent", turn, AgentLimits())
    body = {"messages": [{"role": message.role, "content": message.content} for message in opening]}
    request = parse_request(json.dumps(body))
    assert (request.question, request.now_ms, request.wants_blocks) == ("what is this?", NOW_MS, mode == "home")
    assert request.open_item == (("note", DATA["note"][0]) if mode == "popup" else None)


class _NoDevice:
    async def execute(self, call: DeviceCall) -> DeviceResult:
        return DeviceResult(Outcome.DEVICE_OFFLINE)


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
def test_a_body_that_is_no_request_is_named(body: str, named: str) -> None:
    with pytest.raises(InvalidRequestError, match=named):
        parse_request(body)
