"""Frames at the device boundary: calendar days in the device's form on one side, as text on the other."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from person import Calendar, DayForms
from server.devices import read_days, write_days
from streaming.wire import (
    AnswerFrame,
    StreamText,
    WsApprovalRequest,
    WsDataRequest,
    WsRequestResult,
    WsServerMutation,
    WsStreamBlock,
    WsStreamEnd,
    WsToolCall,
    decode_client_frame,
)

ID = uuid4()
DAY, MIDNIGHT = "2026-03-09", 1_773_010_800_000  # in Berlin
NOON = MIDNIGHT + 43_200_000
JOURNEY = 13 * 3_600_000
FORMS = DayForms("local_midnight", Calendar(ZoneInfo("Europe/Berlin")))
STORED = {"id": "t1", "dueDate": MIDNIGHT, "createdAt": MIDNIGHT}
INSIDE = {"id": "t1", "dueDate": DAY, "createdAt": MIDNIGHT}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"type": "tool_result", "call_id": str(ID), "ok": True, "data": STORED}, {"data": INSIDE}),
        (
            {"type": "tool_result", "call_id": str(ID), "ok": True, "data": {"items": [STORED, 5], "truncated": True}},
            {"data": {"items": [INSIDE, 5], "truncated": True}},
        ),
        ({"type": "tool_result", "call_id": str(ID), "ok": True, "data": [STORED]}, {"data": [STORED]}),
        ({"type": "tool_result", "call_id": str(ID), "ok": False}, {"data": None, "edited_args": None}),
        (
            {"type": "tool_result", "call_id": str(ID), "ok": True, "edited_args": {"id": "t1", "data": STORED}},
            {"edited_args": {"id": "t1", "data": INSIDE}},
        ),
        (
            {"type": "approval", "call_id": str(ID), "approved": True, "edited_args": {"data": STORED}},
            {"edited_args": {"data": INSIDE}},
        ),
        ({"type": "approval", "call_id": str(ID), "approved": False}, {"edited_args": None}),
        ({"type": "data_response", "data_id": str(ID), "items": [STORED]}, {"items": [INSIDE]}),
        ({"type": "mutation", "op": "create", "entity": "task", "id": "t1", "data": STORED}, {"data": INSIDE}),
        ({"type": "mutation", "op": "delete", "entity": "task", "id": "t1"}, {"data": None}),
        ({"type": "home_request", "message": "1773010800000"}, {"message": "1773010800000"}),
    ],
)
def test_what_a_device_sends(sent: dict[str, Any], read: dict[str, Any]) -> None:
    frame = decode_client_frame(json.dumps(sent))
    found = read_days(frame, FORMS)
    assert {name: getattr(found, name) for name in read} == read
    assert read_days(frame, DayForms("date")) is frame


RECORD = {"op": "create", "entity": "task", "id": "t1", "data": INSIDE}
WRITTEN = RECORD | {"data": STORED}
FRAMES: list[tuple[AnswerFrame, dict[str, Any]]] = [
    (
        WsToolCall(
            call_id=ID, request_id=ID, tool="create_task", args={"data": INSIDE}, deadline_ms=1, requires_approval=False
        ),
        {"args": {"data": STORED}},
    ),
    (
        WsToolCall(
            call_id=ID,
            request_id=ID,
            tool="list_tasks",
            args={"filter": {"dueDate": {"after": DAY}, "status": "todo"}, "limit": 9},
            deadline_ms=1,
            requires_approval=False,
        ),
        {"args": {"filter": {"dueDate": {"after": MIDNIGHT - JOURNEY}, "status": "todo"}, "limit": 9}},
    ),
    (
        WsApprovalRequest(call_id=ID, request_id=ID, tool="create_task", args={"data": INSIDE}, expires_ms=1),
        {"args": {"data": STORED}},
    ),
    (
        WsDataRequest(data_id=ID, request_id=ID, entity="task", filter={"dueDate": {"before": DAY}}),
        {"filter": {"dueDate": {"before": MIDNIGHT + JOURNEY}}},
    ),
    (WsServerMutation(op="update", entity="task", id="t1", data=INSIDE), {"data": STORED}),
    (WsServerMutation(op="delete", entity="task", id="t1"), {"data": None}),
    (
        WsStreamBlock(request_id=ID, block=1, block_type="entity_ref", data={"entity": "task", "items": [INSIDE]}),
        {"data": {"entity": "task", "items": [STORED]}},
    ),
    (
        WsStreamBlock(
            request_id=ID,
            block=1,
            block_type="timeline",
            data={"checkpoints": [{"date": DAY}, {"date": f"{DAY}T12:00"}, {"date": NOON}, {"date": "soon"}, 5]},
        ),
        {"data": {"checkpoints": [{"date": MIDNIGHT}, {"date": NOON}, {"date": NOON}, {"date": "soon"}, 5]}},
    ),
    (
        WsStreamBlock(request_id=ID, block=1, block_type="table", data={"headers": ["Due"], "rows": [[DAY]]}),
        {"data": {"headers": ["Due"], "rows": [[DAY]]}},
    ),
    (
        WsStreamEnd.model_validate({"request_id": ID, "status": "completed", "mutations": [RECORD]}),
        {"mutations": [WRITTEN]},
    ),
    (
        WsRequestResult.model_validate(
            {
                "request_id": ID,
                "status": "completed",
                "blocks": [
                    {"block": 0, "block_type": "text", "content": DAY},
                    {"block": 1, "block_type": "entity_ref", "data": {"items": [INSIDE]}},
                ],
                "mutations": [RECORD],
            }
        ),
        {
            "blocks": [
                {"block": 0, "block_type": "text", "content": DAY},
                {"block": 1, "block_type": "entity_ref", "data": {"items": [STORED]}},
            ],
            "mutations": [WRITTEN],
        },
    ),
]


@pytest.mark.parametrize(("frame", "written"), FRAMES)
def test_what_a_device_is_sent(frame: AnswerFrame, written: dict[str, Any]) -> None:
    assert not isinstance(frame, StreamText)
    before = frame.model_dump_json()
    found = write_days(frame, FORMS)
    assert not isinstance(found, StreamText)
    shown = json.loads(found.model_dump_json())
    assert {name: shown.get(name) for name in written} == written
    assert frame.model_dump_json() == before, "other devices get the same frame in their own form"
    assert write_days(frame, DayForms("date")) is frame


def test_text_is_passed_on() -> None:
    text = StreamText(ID, 0, "1773010800000")
    assert write_days(text, FORMS) is text
