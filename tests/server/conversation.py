"""Requests, tools and model scripts that several end-to-end tests share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import trio

from client.terminal.connection import Connection, ConnectionLostError
from streaming.wire import WsStreamText
from tests.model_server import ReceivedRequest, Step, tool_calls
from tests.server.tessera import Tessera, text_block, tool_messages

TASKS = [
    {"id": "t1", "title": "Write the report", "status": "todo", "dueDate": 1_790_000_000_000},
    {"id": "t2", "title": "Call Ann", "status": "done"},
]


async def list_tasks(args: Mapping[str, Any]) -> Any:
    return {"items": TASKS}


async def first_text(answer: Any) -> WsStreamText:
    async for frame in answer:
        if isinstance(frame, WsStreamText):
            return frame
    raise AssertionError("no text came")


def create_then_say(request: ReceivedRequest) -> list[Step]:
    if results := tool_messages(request):
        return text_block(f"result {'Run' in results[0]} ", "invalid" if "invalid_edit" in results[0] else "valid")
    return tool_calls(("create_task", {"title": "Walk"}))


async def close_code(connection: Connection) -> int:
    with pytest.raises(ConnectionLostError) as lost:
        await read_all(connection)
    return lost.value.code


async def chat(tessera: Tessera, token: str, accept: str = "application/json", **body: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.post(
            f"{tessera.rest_url}/api/v1/chat",
            json=body,
            headers={"Authorization": f"Bearer {token}", "Accept": accept},
        )


async def read_all(connection: Connection) -> None:
    with trio.fail_after(60):
        while True:
            await connection.receive_raw()
