"""The demo model over real HTTP: through the model client, and byte for byte."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from demo.completion import Completion, pieces
from demo.model import Reply
from demo.request import parse_request
from demo.sentences import DISCLOSURE
from demo.server import DemoConfig, build_demo_app, serve_demo_model
from server.net.http_server import serve_rest
from streaming.chat import ChatRequest, ContentDelta, FinishReason, Message, ToolCallDelta, ToolSpec
from streaming.dialects import OpenAIChat
from streaming.model.chat_model import ChatModel, ModelConfig
from tests.completion import complete

QUESTION: dict[str, Any] = {"model": "tessera-demo", "messages": [{"role": "user", "content": "help"}]}
LIST_TASKS = ToolSpec("list_tasks", "", {"type": "object", "properties": {}})
LIST_PROJECTS = ToolSpec("list_projects", "", {"type": "object", "properties": {}})


@pytest.fixture
def model(base_url: str, client: httpx.AsyncClient) -> ChatModel:
    return ChatModel(client, ModelConfig("tessera-demo", base_url, dialect=OpenAIChat(sends_metadata=True)))


async def test_an_answer_streams_in_small_uneven_pieces(model: ChatModel) -> None:
    request = ChatRequest((Message("user", "help"),), metadata={"tessera_mode": "home"})
    tokens = []
    async with model.stream(request) as batches:
        async for batch in batches:
            tokens += [delta.text for delta in batch if isinstance(delta, ContentDelta)]
    (block,) = json.loads("".join(tokens))
    assert block["content"].startswith(DISCLOSURE)
    assert {len(token) for token in tokens} >= {1, 2, 3, 4, 5, 6, 7, 8}
    completion = await complete(model, request)
    assert completion.finish is FinishReason.STOP
    assert completion.usage.output_tokens == len(tokens)
    assert completion.usage.input_tokens > 0


async def test_tool_calls_come_in_pieces(model: ChatModel) -> None:
    request = ChatRequest((Message("user", "what should I do today?"),), tools=(LIST_TASKS, LIST_PROJECTS))
    completion = await complete(model, request)
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [
        ("list_tasks", "{}"),
        ("list_projects", "{}"),
    ]
    assert len({call.id for call in completion.tool_calls}) == 2
    assert completion.finish is FinishReason.TOOL_CALLS
    parameters = {"type": "object", "properties": {"title": {"type": "string"}}}
    tool = ToolSpec("create_task", "", parameters)
    deltas: list[ToolCallDelta] = []
    request = ChatRequest((Message("user", "create a task called A rather long title of a task"),), tools=(tool,))
    async with model.stream(request) as batches:
        async for batch in batches:
            deltas += [delta for delta in batch if isinstance(delta, ToolCallDelta)]
    assert len(deltas) > 4
    arguments = "".join(delta.arguments for delta in deltas)
    assert json.loads(arguments) == {"title": "A rather long title of a task"}


async def test_ids_of_later_rounds_are_new(model: ChatModel) -> None:
    first = await complete(model, ChatRequest((Message("user", "finish A"),), tools=(LIST_TASKS,)))
    history = (
        Message("user", "finish A"),
        Message("assistant", "", tool_calls=first.tool_calls),
        Message("tool", '{"items":[{"id":"1","title":"A"}]}', tool_call_id=first.tool_calls[0].id),
    )
    done = ToolSpec("complete_task", "", {"type": "object", "properties": {"id": {"type": "string"}}})
    second = await complete(model, ChatRequest(history, tools=(LIST_TASKS, done)))
    assert [(call.name, call.arguments) for call in second.tool_calls] == [("complete_task", '{"id": "1"}')]
    assert second.tool_calls[0].id != first.tool_calls[0].id


async def test_max_tokens_ends_the_answer_early(model: ChatModel) -> None:
    completion = await complete(model, ChatRequest((Message("user", "help"),), max_tokens=5))
    assert completion.finish is FinishReason.LENGTH
    assert completion.usage.output_tokens == 5
    assert DISCLOSURE.startswith(completion.text)


async def test_an_answer_that_is_not_streamed(base_url: str, client: httpx.AsyncClient) -> None:
    response = await client.post(f"{base_url}/chat/completions", json=QUESTION)
    body = response.json()
    assert body["object"] == "chat.completion"
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].startswith(DISCLOSURE)
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    tools = [{"type": "function", "function": {"name": "list_tasks", "parameters": {}}}]
    asked = QUESTION | {"messages": [{"role": "user", "content": "tasks"}], "tools": tools}
    response = await client.post(f"{base_url}/chat/completions", json=asked)
    (choice,) = response.json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "list_tasks", "arguments": "{}"}
    response = await client.post(f"{base_url}/chat/completions", json=asked | {"tool_choice": "none"})
    assert response.json()["choices"][0]["finish_reason"] == "stop"


async def test_usage_is_sent_when_asked_for(base_url: str, client: httpx.AsyncClient) -> None:
    url = f"{base_url}/chat/completions"
    without = await client.post(url, json=QUESTION | {"stream": True})
    asked = await client.post(url, json=QUESTION | {"stream": True, "stream_options": {"include_usage": True}})
    assert without.headers["content-type"].startswith("text/event-stream")
    assert "usage" not in without.text
    assert asked.text.count('"usage"') == 1
    assert asked.text.endswith("data: [DONE]\n\n")


async def test_models_are_listed(base_url: str, client: httpx.AsyncClient) -> None:
    response = await client.get(f"{base_url}/models")
    assert [entry["id"] for entry in response.json()["data"]] == ["tessera-demo"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/chat/completions", "not json", 400, "body"),
        ("/chat/completions", '{"messages": []}', 400, "messages"),
        ("/embeddings", "{}", 404, "/v1/chat/completions"),
    ],
)
async def test_refusals_are_in_the_apis_shape(
    base_url: str, client: httpx.AsyncClient, path: str, body: str, status: int, said: str
) -> None:
    response = await client.post(base_url + path, content=body)
    assert response.status_code == status
    assert said in response.json()["error"]["message"]


async def test_a_disconnected_client_ends_its_answer(nursery: trio.Nursery, client: httpx.AsyncClient) -> None:
    writing, stopped = trio.Event(), trio.Event()

    async def pause() -> None:
        writing.set()
        try:
            await trio.sleep_forever()
        finally:
            stopped.set()

    app = build_demo_app(None, pause, wall_clock=lambda: 0)
    host, port = await nursery.start(partial(serve_rest, app, "127.0.0.1:0", shutdown_trigger=trio.sleep_forever))
    async with trio.open_nursery() as asking:

        async def ask() -> None:
            url = f"http://{host}:{port}/v1/chat/completions"
            async with client.stream("POST", url, json=QUESTION | {"stream": True}) as response:
                await response.aread()

        asking.start_soon(ask)
        await writing.wait()
        assert not stopped.is_set()
        asking.cancel_scope.cancel()
    with trio.fail_after(60):
        await stopped.wait()


@pytest.mark.parametrize("chunk", [1, 7, 4096])
async def test_a_recording_is_replayed_byte_for_byte(
    nursery: trio.Nursery, client: httpx.AsyncClient, tmp_path: Path, chunk: int
) -> None:
    recording = b'data: {"choices":[{"delta":{"content":"\xc3\xa9"}}]}\r\n\r\n: \xff\n\ndata: [DONE]'
    path = tmp_path / "recorded.sse"
    path.write_bytes(recording)
    url = await nursery.start(
        partial(serve_demo_model, DemoConfig(pace_s=0, replay=path, replay_chunk=chunk), serve_rest)
    )
    for _ in range(2):
        response = await client.post(f"{url}/chat/completions", json=QUESTION | {"stream": True})
        assert response.content == recording
    whole = await client.post(f"{url}/chat/completions", json=QUESTION)
    assert whole.json()["choices"][0]["message"]["content"].startswith(DISCLOSURE)


async def test_replay_writes_have_the_configured_size() -> None:
    app = build_demo_app([b"ab", b"cd", b"e"], trio.lowlevel.checkpoint, wall_clock=lambda: 0)
    async with app.test_client().request(
        "/v1/chat/completions", method="POST", headers={"Content-Type": "application/json"}
    ) as connection:
        await connection.send(json.dumps(QUESTION | {"stream": True}).encode())
        await connection.send_complete()
        sizes = [len(await connection.receive()) for _ in range(3)]
    assert sizes == [2, 2, 1]


async def test_a_missing_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        await serve_demo_model(DemoConfig(replay=tmp_path / "none.sse"), serve_rest)


def test_the_same_request_streams_the_same_bytes() -> None:
    request = parse_request(json.dumps(QUESTION | {"stream": True}))
    once, again = (list(Completion(request, Reply(text="hällo " * 50), created=1).events()) for _ in range(2))
    assert once == again
    assert "".join(pieces("hällo " * 50, 3)) == "hällo " * 50
    assert list(pieces("", 3)) == []
