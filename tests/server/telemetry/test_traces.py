"""Traces as received by a collector over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import h11
import httpx
import trio

from server.telemetry.otlp import OtlpExporter, encoded
from server.telemetry.traces import Span, root_span, span
from tests.model_server import ReceivedRequest, Step, error_status, tool_calls
from tests.server.tessera import open_tessera, text_block, tool_messages

SECRET = "the person's own words"


class Collector:
    """Receives OTLP JSON over HTTP and keeps the spans; answers with `status`."""

    def __init__(self, url: str, status: int) -> None:
        self.url = url
        self.status = status
        self.requests: list[tuple[str, Any]] = []
        self.received = trio.Event()

    def spans(self) -> dict[str, dict[str, Any]]:
        return {
            one["name"]: one
            for _, body in self.requests
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for one in scope["spans"]
        }

    async def wait_for(self, name: str) -> None:
        while name not in self.spans():
            self.received = trio.Event()
            await self.received.wait()


@asynccontextmanager
async def open_collector(status: int = 200) -> AsyncIterator[Collector]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    collector = Collector(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", status)

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            connection, body, target = h11.Connection(h11.SERVER), b"", ""
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await stream.receive_some())
                elif isinstance(event, h11.Request):
                    target = event.target.decode()
                    assert (b"content-type", b"application/json") in event.headers
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    break
            collector.requests.append((target, json.loads(body)))
            collector.received.set()
            head = h11.Response(status_code=collector.status, headers=[("Connection", "close")])
            await stream.send_all((connection.send(head) or b"") + (connection.send(h11.EndOfMessage()) or b""))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield collector
        nursery.cancel_scope.cancel()


def attributes(one: Mapping[str, Any]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in one["attributes"]}


async def test_a_request_is_one_trace_with_router_recall_model_and_tools_and_no_contents(database: str) -> None:
    async def list_tasks(args: Mapping[str, Any]) -> Any:
        return {"items": [{"id": "t1", "title": SECRET}]}

    def model(request: ReceivedRequest) -> list[Step]:
        if not tool_messages(request):
            return tool_calls(("list_tasks", {"text": SECRET}), usage=(50, 5))
        return text_block("Done.")

    async with open_collector() as collector, open_tessera(database, otlp_endpoint=collector.url) as tessera:
        tessera.script(model)
        async with tessera.device(tools={"list_tasks": list_tasks}) as device:
            answer = await device.home(SECRET)
            assert (await answer.finish()).status == "completed"
        await collector.wait_for("chat_request")
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    assert SECRET not in json.dumps(collector.requests)
    spans = collector.spans()
    assert set(spans) == {
        "chat_request",
        "recall",
        "route",
        "chat scripted",
        "invoke_agent task_agent",
        "execute_tool list_tasks",
    }
    root = spans["chat_request"]
    assert {one["traceId"] for one in spans.values()} == {root["traceId"]}
    assert "parentSpanId" not in root
    agent = spans["invoke_agent task_agent"]
    parents = {name: one.get("parentSpanId") for name, one in spans.items()}
    assert parents["recall"] == parents["route"] == agent["parentSpanId"] == root["spanId"]
    # The last model call is the agent's; an earlier one is the router's.
    assert parents["chat scripted"] == parents["execute_tool list_tasks"] == agent["spanId"]
    assert all(int(root["startTimeUnixNano"]) <= int(one["startTimeUnixNano"]) for one in spans.values())
    assert all(int(one["endTimeUnixNano"]) <= int(root["endTimeUnixNano"]) for one in spans.values())
    assert attributes(root)["tessera.status"] == "completed"
    called = attributes(spans["chat scripted"])
    assert called["gen_ai.operation.name"] == "chat"
    assert called["gen_ai.request.model"] == "scripted"
    assert called["gen_ai.usage.input_tokens"] == "7"
    assert attributes(agent)["gen_ai.operation.name"] == "invoke_agent"
    assert attributes(spans["execute_tool list_tasks"])["gen_ai.operation.name"] == "execute_tool"


async def test_a_failed_span_has_its_error_code(database: str) -> None:
    async with open_collector() as collector, open_tessera(database, otlp_endpoint=collector.url) as tessera:
        tessera.model.fallback = lambda _: error_status(500)
        async with tessera.device() as device:
            assert (await (await device.home("hello")).finish()).status == "failed"
        await collector.wait_for("chat_request")
    spans = collector.spans()
    assert spans["chat_request"]["status"] == {"code": 2}
    assert attributes(spans["chat_request"])["error.type"] == "model_unavailable"
    assert attributes(spans["chat scripted"])["error.type"] == "model_unavailable"


async def test_a_call_has_the_name_of_the_model_that_answered(database: str) -> None:
    def model(request: ReceivedRequest) -> list[Step]:
        return text_block("Fine.") if request.body["model"] == "spare" else error_status(500)

    async with (
        open_collector() as collector,
        open_tessera(database, otlp_endpoint=collector.url, fallback_models='[{"name": "spare"}]') as tessera,
    ):
        tessera.model.fallback = model
        async with tessera.device() as device:
            assert (await (await device.home("hello")).finish()).status == "completed"
        await collector.wait_for("chat_request")
    spans = collector.spans()
    assert "chat scripted" not in spans
    called = attributes(spans["chat spare"])
    assert called["gen_ai.request.model"] == called["gen_ai.response.model"] == "spare"
    assert called["gen_ai.provider.name"] == "openai"


async def test_a_collector_that_rejects_spans_fails_no_request(database: str) -> None:
    async with (
        open_collector(status=503) as collector,
        open_tessera(database, otlp_endpoint=collector.url) as tessera,
        tessera.device() as device,
    ):
        tessera.script(lambda _: text_block("Fine."))
        assert (await (await device.home("hello")).finish()).status == "completed"
        await collector.wait_for("chat_request")
        assert (await (await device.home("hello")).finish()).status == "completed"


async def test_an_unreachable_collector_fails_no_request(database: str) -> None:
    async with (
        open_tessera(database, otlp_endpoint="http://127.0.0.1:1") as tessera,
        tessera.device() as device,
    ):
        tessera.script(lambda _: text_block("Fine."))
        assert (await (await device.home("hello")).finish()).status == "completed"


async def test_spans_over_the_queue_limit_are_dropped() -> None:
    async with httpx.AsyncClient() as client:
        exporter = OtlpExporter(client, "http://127.0.0.1:1")
        for _ in range(5000):
            with root_span(exporter.export, "chat_request", {}):
                pass
        assert len(exporter._take([])) == 512


def test_without_tracing_no_spans_are_created() -> None:
    with root_span(None, "chat_request", {}) as root, span("recall", {}) as part:
        assert root is None
        assert part is None


def test_spans_are_encoded_as_otlp_json() -> None:
    ended: list[Span] = []
    with root_span(ended.append, "a", {"n": 1, "f": 0.5, "s": "x", "b": True, "l": ["y"], "none": None}):
        pass
    (shown,) = encoded(ended, {})["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert shown["attributes"] == [
        {"key": "n", "value": {"intValue": "1"}},
        {"key": "f", "value": {"doubleValue": 0.5}},
        {"key": "s", "value": {"stringValue": "x"}},
        {"key": "b", "value": {"boolValue": True}},
        {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "y"}]}}},
    ]
    assert (len(shown["traceId"]), len(shown["spanId"]), shown["kind"]) == (32, 16, 2)
