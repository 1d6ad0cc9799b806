"""What a request reports of its model calls: in its last frame, in the metrics and in the log, also if it failed."""

from __future__ import annotations

from typing import Any

import httpx
import structlog

from tests.model_server import ReceivedRequest, Step, chunk, error_status, sse, text
from tests.server.tessera import open_tessera


def reply(cached: int, *, finish: str = "stop") -> list[Step]:
    """An answer of one text block whose prompt of 900 tokens was read from a cache up to `cached`."""
    usage = {"prompt_tokens": 900, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": cached}}
    return [
        *text('[{"type":"text","content":"Hello."}]'),
        chunk({}, finish),
        sse({"choices": [], "usage": usage}),
        sse("[DONE]"),
    ]


async def metric(rest_url: str, name: str) -> float:
    async with httpx.AsyncClient(base_url=rest_url) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


async def test_cached_tokens_reach_the_last_frame_the_metrics_and_the_log(database: str) -> None:
    with structlog.testing.capture_logs() as logs:
        async with open_tessera(database, router_asks="never") as tessera, tessera.device() as device:
            tessera.script(lambda _: reply(800))
            end = await (await device.home("hello there")).finish()
            assert end.usage is not None
            assert (end.usage.input_tokens, end.usage.cached_tokens) == (900, 800)
            assert await metric(tessera.rest_url, "tessera_cached_tokens_total") == 800
            tessera.script(lambda _: reply(0))
            end = await (await device.home("hello there")).finish()
            assert end.usage is not None
            assert not end.usage.cached_tokens
    ended = [log for log in logs if log["event"] == "request_ended"]
    assert [(log["input_tokens"], log["cached_tokens"], log["model_calls"]) for log in ended] == [
        (900, 800, 1),
        (900, 0, 1),
    ]


async def test_a_failed_request_reports_what_it_used(database: str) -> None:
    calls: list[ReceivedRequest] = []

    def script(request: ReceivedRequest) -> list[Step]:
        calls.append(request)
        if len(calls) > 1:
            return error_status(500)
        table: dict[str, Any] = {"index": 0, "id": "c", "function": {"name": "list_tasks", "arguments": "{}"}}
        return [chunk({"tool_calls": [table]}), *reply(100, finish="tool_calls")[-3:]]

    async def no_tasks(_: Any) -> Any:
        return {"items": []}

    with structlog.testing.capture_logs() as logs:
        async with (
            open_tessera(database, router_asks="never") as tessera,
            tessera.device(tools={"list_tasks": no_tasks}) as device,
        ):
            tessera.script(script)
            end = await (await device.home("show my tasks")).finish()
    assert end.status == "failed"
    assert end.usage is not None
    assert (end.usage.input_tokens, end.usage.output_tokens, end.usage.cached_tokens) == (900, 5, 100)
    (ended,) = [log for log in logs if log["event"] == "request_ended"]
    assert {name: ended[name] for name in ("status", "agent", "model_calls", "tool_calls", "rejected", "shown")} == {
        "status": "failed",
        "agent": "task_agent",
        "model_calls": 2,
        "tool_calls": 1,
        "rejected": 0,
        "shown": 0,
    }
    assert ended["blocks"] == []
