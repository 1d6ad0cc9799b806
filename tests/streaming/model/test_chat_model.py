"""`ChatModel` against a real server on loopback: answers, and closed connections."""

from __future__ import annotations

import gc
import json

import httpx
import pytest
import trio

from streaming.chat import (
    ChatRequest,
    Delta,
    FinishDelta,
    FinishReason,
    Message,
    ReasoningDelta,
    ToolSpec,
    Usage,
)
from streaming.dialects import DIALECTS
from streaming.model.chat_model import ChatModel, ModelConfig
from tests.completion import complete
from tests.model_server import (
    Head,
    Mark,
    ModelServer,
    Never,
    Send,
    Wait,
    chunk,
    end,
    sse,
    text,
    text_stream,
    tool_calls,
)
from tests.streaming.dialects.text_streams import TEXT, event, payloads
from tests.streaming.model_requests import KEY, REQUEST, ModelFactory, collect, texts

SSE = "text/event-stream"


async def test_calls_differ_only_in_their_body_and_its_length(server: ModelServer, model: ModelFactory) -> None:
    server.reply(text_stream("One"), text_stream("Two"))
    called = model()
    for question in ("short", "much longer than the one before, and with an é"):
        await complete(called, ChatRequest((Message("user", question),)))
    first, second = ({**request.headers} for request in server.requests)
    assert int(second.pop("content-length")) > int(first.pop("content-length")) > 0
    assert list(first.items()) == list(second.items())
    assert [request.body["messages"][0]["content"] for request in server.requests][1].endswith("é")


async def test_a_cookie_of_the_server_is_sent_with_the_next_call(server: ModelServer, model: ModelFactory) -> None:
    """Some providers route the calls of a client by a cookie."""
    with_cookie = Head(headers={"Set-Cookie": "route=7; Path=/"})
    server.reply([with_cookie, *text_stream("One")], text_stream("Two"), text_stream("Three"))
    called = model()
    for _ in range(3):
        await complete(called, REQUEST)
    assert [request.headers.get("cookie") for request in server.requests] == [None, "route=7", "route=7"]


async def test_a_whole_answer(server: ModelServer, model: ModelFactory) -> None:
    server.reply([chunk({"reasoning_content": "A greeting."}), *text_stream("Good morning, Zoë", usage=(12, 5))])
    assert model().name == "test"
    completion = await complete(model(), REQUEST)
    assert completion.text == "Good morning, Zoë"
    assert completion.finish is FinishReason.STOP
    assert completion.usage == Usage(12, 5)
    assert completion.tool_calls == ()
    request = server.requests[0]
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept-encoding"] == "identity"
    assert KEY not in json.dumps(request.body)


async def test_tool_calls_and_their_arguments(server: ModelServer, model: ModelFactory) -> None:
    server.reply(tool_calls(("list_tasks", {"limit": 3}), ("get_note", {"id": "n1"})))
    tools = (ToolSpec("list_tasks", "Lists tasks.", {"type": "object"}),)
    completion = await complete(model(), ChatRequest(REQUEST.messages, tools=tools))
    assert [(call.id, call.name, json.loads(call.arguments)) for call in completion.tool_calls] == [
        ("call_0", "list_tasks", {"limit": 3}),
        ("call_1", "get_note", {"id": "n1"}),
    ]
    assert completion.finish is FinishReason.TOOL_CALLS
    assert server.requests[0].body["tools"][0]["function"]["name"] == "list_tasks"


async def test_deltas_come_while_the_answer_is_written(server: ModelServer, model: ModelFactory) -> None:
    seen_first, go_on = trio.Event(), trio.Event()
    server.reply([*text("one"), Wait(go_on), *text("two"), *end()])
    received: list[str] = []
    async with model().stream(REQUEST) as batches:
        async for batch in batches:
            received += texts(batch)
            if not go_on.is_set():
                assert received == ["one"]
                seen_first.set()
                go_on.set()
    assert seen_first.is_set()
    assert received == ["one", "two"]


async def test_the_connection_is_used_again(server: ModelServer, model: ModelFactory) -> None:
    server.reply(text_stream("a"), text_stream("b"))
    assert (await complete(model(), REQUEST)).text == "a"
    assert (await complete(model(), REQUEST)).text == "b"
    assert len(server.connections) == 1


async def test_without_keepalive_each_call_has_its_own_connection(server: ModelServer, model: ModelFactory) -> None:
    server.reply(text_stream("a"), text_stream("b"))
    for answer in ("a", "b"):
        assert (await complete(model(keepalive=False), REQUEST)).text == answer
    assert [request.headers["connection"] for request in server.requests] == ["close", "close"]
    assert len(server.connections) == 2


async def test_done_ends_the_answer_though_the_body_stays_open(
    server: ModelServer, model: ModelFactory, autojump_clock: trio.testing.MockClock
) -> None:
    server.reply([*text("all"), *end(), Never()])
    assert (await complete(model(), REQUEST)).text == "all"
    await server.requests[0].connection.closed.wait()


async def test_a_finish_without_done_or_end_is_a_whole_answer(
    server: ModelServer, model: ModelFactory, autojump_clock: trio.testing.MockClock
) -> None:
    server.reply([*text("all"), chunk({}, "stop"), Never()])
    started = trio.current_time()
    assert (await complete(model(), REQUEST)).text == "all"
    assert trio.current_time() - started < 10


async def test_a_document_instead_of_a_stream(server: ModelServer, model: ModelFactory) -> None:
    message = {"role": "assistant", "content": "at once"}
    document = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    server.reply([Head(content_type="application/json"), Send(json.dumps(document).encode())])
    completion = await complete(model(), REQUEST)
    assert (completion.text, completion.usage) == ("at once", Usage(3, 2))


# ---- leaving early --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [(), ("one", "two")], ids=["before the first token", "mid-stream"])
async def test_cancelling_closes_the_connection(
    server: ModelServer, model: ModelFactory, nursery: trio.Nursery, tokens: tuple[str, ...]
) -> None:
    written = trio.Event()
    server.reply([Head(), *text(*tokens), Mark(written), Never()])
    received: list[Delta] = []
    scope = trio.CancelScope()

    async def ask() -> None:
        with scope:
            await collect(model(), received)

    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        await written.wait()
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
    assert scope.cancelled_caught
    assert texts(received) == list(tokens)
    await server.requests[0].connection.closed.wait()


async def test_cancelling_before_the_head(server: ModelServer, model: ModelFactory) -> None:
    server.reply([Never()])
    async with trio.open_nursery() as asking:
        asking.start_soon(collect, model(), [])
        request = await server.wait_request()
        asking.cancel_scope.cancel()
    await request.connection.closed.wait()


async def test_cancelling_while_the_request_is_being_sent_leaves_no_loose_end(client: httpx.AsyncClient) -> None:
    request = ChatRequest((Message("user", "x" * (32 << 20)),))  # more than the buffers of a connection hold
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with trio.open_nursery() as asking:
            asking.start_soon(complete, ChatModel(client, ModelConfig("test", url)), request)
            async with await listener.accept():
                await trio.testing.wait_all_tasks_blocked()
                asking.cancel_scope.cancel()
    # An unclosed async generator warns when it is collected, and warnings are errors.
    gc.collect()


async def test_leaving_the_iteration_closes_the_connection(server: ModelServer, model: ModelFactory) -> None:
    server.reply([*text("one", "two"), Never()])
    async with model().stream(REQUEST) as batches:
        async for _ in batches:
            break
    await server.requests[0].connection.closed.wait()


async def test_an_error_of_the_consumer_closes_the_connection(server: ModelServer, model: ModelFactory) -> None:
    server.reply([*text("one"), Never()])

    async def fail_at_the_first_batch() -> None:
        async with model().stream(REQUEST) as batches:
            async for _ in batches:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_at_the_first_batch()
    await server.requests[0].connection.closed.wait()


async def test_never_iterating_closes_the_connection(server: ModelServer, model: ModelFactory) -> None:
    server.reply([*text("one"), Never()])
    async with model().stream(REQUEST):
        pass
    await server.requests[0].connection.closed.wait()


async def test_finish_is_given_once(server: ModelServer, model: ModelFactory) -> None:
    server.reply([*text("a"), chunk({}, "stop"), chunk({}, "length"), sse("[DONE]")])
    received: list[Delta] = []
    await collect(model(), received)
    assert [delta for delta in received if isinstance(delta, FinishDelta)] == [FinishDelta(FinishReason.STOP)]


@pytest.mark.parametrize("dialect", list(DIALECTS))
async def test_reasoning_in_the_text_is_no_answer_in_any_dialect(
    server: ModelServer, model: ModelFactory, dialect: str
) -> None:
    own = model(dialect=DIALECTS[dialect])
    for parts in (["<think>hm</", "think>Two."], ["The user wants two.", "</think>\n", "Two."]):
        server.reply([Send(event(payload)) for payload in payloads(dialect, parts)])
        assert (await complete(own, REQUEST)).text == "Two."


@pytest.mark.parametrize(
    ("url", "name"),
    [("https://api.openai.com/v1", "gpt-5-mini"), ("https://gateway.example/v1", "anthropic/claude-haiku-4-5")],
)
@pytest.mark.parametrize("dialect", list(DIALECTS))
async def test_the_first_words_of_a_provider_that_separates_reasoning_are_given_at_once(
    dialect: str, url: str, name: str
) -> None:
    body = b"".join([event(TEXT[dialect]("The user")), *map(event, payloads(dialect, [" manual."]))])
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers={"Content-Type": SSE}, content=body))
    deltas: list[Delta] = []
    async with httpx.AsyncClient(transport=transport) as client:
        await collect(ChatModel(client, ModelConfig(name, url, dialect=DIALECTS[dialect])), deltas)
    assert "".join(texts(deltas)) == "The user manual."
    assert not any(isinstance(delta, ReasoningDelta) for delta in deltas)
