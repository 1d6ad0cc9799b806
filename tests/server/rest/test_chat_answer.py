"""Collecting frames into one answer."""

from __future__ import annotations

from typing import Any

import pytest

from server.rest.chat_answer import AnswerCollector
from streaming.wire import (
    ServerFrame,
    WsMutationRecord,
    WsPong,
    WsPopupDomain,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsUsage,
)
from tests.server.rest.rest_server import REQUEST


def text(block: int, chunk: str) -> WsStreamText:
    return WsStreamText(request_id=REQUEST, block=block, chunk=chunk)


START = WsStreamStart(request_id=REQUEST, agent="task_agent")
TABLE = WsStreamBlock(request_id=REQUEST, block=2, block_type="table", data={"headers": ["a"], "rows": [[None]]})


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([START], {"agent": "task_agent", "blocks": []}),
        (
            [WsPopupDomain(request_id=REQUEST, domain="notes"), text(0, "a")],
            {"domain": "notes", "blocks": [{"block": 0, "type": "text", "content": "a"}]},
        ),
        (
            # Block 1 was rejected: its index stays unused.
            [START, text(0, "a"), text(0, "b\n"), TABLE, text(3, "c"), WsPong()],
            {
                "agent": "task_agent",
                "blocks": [
                    {"block": 0, "type": "text", "content": "ab\n"},
                    {"block": 2, "type": "table", "headers": ["a"], "rows": [[None]]},
                    {"block": 3, "type": "text", "content": "c"},
                ],
            },
        ),
        (
            # Fields named `block` and `type` in a block's data do not override the real ones.
            [
                WsStreamBlock(
                    request_id=REQUEST, block=0, block_type="chart", data={"type": "x", "block": 9, "chartType": "pie"}
                )
            ],
            {"blocks": [{"block": 0, "type": "chart", "chartType": "pie"}]},
        ),
    ],
)
def test_frames_become_an_answer(frames: list[ServerFrame], expected: dict[str, Any]) -> None:
    collector = AnswerCollector()
    for frame in frames:
        collector.add(frame)
    mutation = WsMutationRecord(op="create", entity="note", id="n1", data={"title": None})
    end = WsStreamEnd(
        request_id=REQUEST,
        status="completed",
        mutations=[mutation],
        usage=WsUsage(input_tokens=3, output_tokens=4),
        error=None,
    )
    assert collector.answer(end).model_dump(mode="json") == {
        "request_id": str(REQUEST),
        "status": "completed",
        "mutations": [{"op": "create", "entity": "note", "id": "n1", "data": {"title": None}}],
        "usage": {"input_tokens": 3, "output_tokens": 4},
        **expected,
    }
