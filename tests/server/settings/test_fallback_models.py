"""Fallback models in the settings: their order, URL and key, and the messages for mistakes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from agents.model import read_reply
from server.models.setup import open_models
from server.settings.environment import SettingsError, load_settings
from server.settings.settings import Settings
from server.telemetry.metrics import Metrics
from streaming.chat import ChatRequest, Message, Usage
from streaming.model.chat_model import open_http_client
from streaming.model.errors import ModelError
from tests.model_server import ModelServer, Never, Send, error_status, open_model_server, text_stream

FIRST = {
    "TESSERA_MODEL_URL": "http://127.0.0.1:1/v1",
    "TESSERA_MODEL_NAME": "first",
    "TESSERA_MODEL_KEY": "key-one",
    "TESSERA_MODEL_SHAPE": "hosted",
}


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[ModelServer]:
    async with open_model_server(nursery) as server:
        yield server


def settings(fallbacks: object, **more: str) -> Settings:
    text = fallbacks if isinstance(fallbacks, str) else json.dumps(fallbacks)
    return load_settings({**FIRST, "TESSERA_FALLBACK_MODELS": text, **more})


@pytest.mark.parametrize(
    ("fallbacks", "says"),
    [
        ("small", 'must be a JSON list such as [{"name": "small"}]'),
        ({"name": "small"}, "must be a JSON list of at most 8 models"),
        ([{"name": "m"}] * 9, "must be a JSON list of at most 8 models"),
        ([{"name": "m"}, {}], "entry 2: name: Field required"),
        ([{"name": "m", "url": "ftp://hunter2"}], "entry 1: url: must be an http:// or https:// URL"),
        ([{"name": "m", "url": "http://a:hunter2@x"}], "entry 1: url: must have no user, query or fragment"),
        ([{"name": "m", "url": "http://x", "key": "hunter2 x"}], "entry 1: key: must consist of visible ASCII"),
        ([{"name": "m", "key": "hunter2"}], "entry 1: key and dialect need a url"),
        ([{"name": "m", "url": "http://x", "dialect": "hunter2"}], "entry 1: dialect: Input should be"),
        ([{"name": "m", "urll": "hunter2"}], "entry 1: urll: Extra inputs"),
        (["hunter2"], "entry 1: Input should be"),
    ],
)
def test_mistakes(fallbacks: object, says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(fallbacks)
    (mistake,) = raised.value.mistakes
    assert mistake.startswith(f"TESSERA_FALLBACK_MODELS: {says}")
    assert "hunter2" not in mistake


def test_fallbacks_without_a_model_are_a_mistake() -> None:
    with pytest.raises(SettingsError, match="TESSERA_FALLBACK_MODELS: has no effect without TESSERA_MODEL_URL"):
        load_settings({"TESSERA_FALLBACK_MODELS": '[{"name": "m"}]'})


def test_no_key_is_in_the_repr_or_the_dump() -> None:
    read = settings([{"name": "m", "url": "http://x", "key": "hunter2"}])
    assert read.fallback_models[0].key is not None
    for shown in (repr(read), str(read.model_dump())):
        assert "hunter2" not in shown
        assert "key-one" not in shown


async def ask(read: Settings) -> str:
    async with open_http_client() as client, trio.open_nursery() as nursery:
        opened = await open_models(read, client, nursery, Metrics())
        reply = await read_reply(opened.models.answer, ChatRequest((Message("user", "hi"),)), Usage())
        return reply.text


async def test_another_model_of_the_same_provider_gets_the_same_key(server: ModelServer) -> None:
    server.reply(error_status(401), text_stream("hello"))
    read = settings([{"name": "other"}], TESSERA_MODEL_URL=server.url)
    assert await ask(read) == "hello"
    asked = [(request.body["model"], request.headers["authorization"]) for request in server.requests]
    assert asked == [("first", "Bearer key-one"), ("other", "Bearer key-one")]


async def test_another_provider_gets_its_own_key_and_dialect(server: ModelServer, nursery: trio.Nursery) -> None:
    server.fallback = error_status(400)
    async with open_model_server(nursery) as other:
        events: list[dict[str, object]] = [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ]
        other.reply([Send(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()) for event in events])
        entry = {"name": "claude", "url": other.url, "key": "key-two", "dialect": "anthropic-messages"}
        assert await ask(settings([entry], TESSERA_MODEL_URL=server.url)) == "hello"
        (request,) = other.requests
        assert (request.path, request.headers["x-api-key"]) == ("/v1/messages", "key-two")
        assert "key-one" not in str(request.headers)


async def test_readyz_tells_of_an_answer_that_timed_out_until_one_begins(
    server: ModelServer, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    server.reply([Never()], text_stream("hello"), [Never()])
    read = settings([], TESSERA_MODEL_URL=server.url)
    request = ChatRequest((Message("user", "hi"),))
    async with open_http_client() as client:
        opened = await open_models(read, client, nursery, Metrics())
        assert await opened.fault() is None
        began = trio.current_time()
        with pytest.raises(ModelError):
            await read_reply(opened.models.answer, request, Usage())
        assert trio.current_time() - began == pytest.approx(180, abs=0.1)  # a self-hosted model has more time
        assert "raise TESSERA_MODEL_FIRST_TOKEN_TIMEOUT_S" in (await opened.fault() or "")
        await read_reply(opened.models.answer, request, Usage())
        assert await opened.fault() is None
        with pytest.raises(ModelError):
            await read_reply(opened.models.answer, request, Usage())
        await trio.sleep(121)
        assert await opened.fault() is None


async def test_another_provider_without_a_key_gets_none(server: ModelServer, nursery: trio.Nursery) -> None:
    server.fallback = error_status(400)
    async with open_model_server(nursery) as other:
        other.reply(text_stream("hello"))
        await ask(settings([{"name": "local", "url": other.url}], TESSERA_MODEL_URL=server.url))
        assert "key-one" not in str(other.requests[0].headers)


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("openai-chat", "/v1/chat/completions"),
        ("openai-responses", "/v1/responses"),
        ("anthropic-messages", "/v1/messages"),
        ("gemini-native", "/v1/models/first:streamGenerateContent?alt=sse"),
    ],
)
async def test_each_dialect_can_be_set(server: ModelServer, dialect: str, path: str) -> None:
    bodies: dict[str, object] = {
        "openai-chat": {"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}]},
        "openai-responses": {
            "type": "response.completed",
            "response": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "hello"}]}]},
        },
        "anthropic-messages": {
            "type": "message",
            "content": [{"type": "text", "text": "hello"}],
            "stop_reason": "end_turn",
        },
        "gemini-native": {"candidates": [{"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}]},
    }
    server.reply([Send(f"data: {json.dumps(bodies[dialect])}\r\n\r\n".encode())])
    assert await ask(settings([], TESSERA_MODEL_URL=server.url, TESSERA_MODEL_DIALECT=dialect)) == "hello"
    assert server.requests[0].path == path


@pytest.mark.parametrize(
    ("name", "dialect", "said", "thinks"),
    [
        ("gpt-5-mini", "openai-chat", "auto", True),
        ("openai/o4-mini", "openai-chat", "auto", True),
        ("gpt-4.1", "openai-chat", "auto", False),
        ("gpt-4.1", "openai-chat", "yes", True),
        ("gpt-5", "openai-chat", "no", False),
        ("gpt-5", "openai-responses", "auto", True),
        ("claude-o3", "anthropic-messages", "yes", False),
    ],
)
async def test_a_reasoning_model_gets_the_parameters_it_accepts(
    server: ModelServer, name: str, dialect: str, said: str, thinks: bool
) -> None:
    server.fallback = error_status(400)
    environment = {
        "TESSERA_MODEL_URL": server.url,
        "TESSERA_MODEL_SHAPE": "hosted",
        "TESSERA_MODEL_NAME": name,
        "TESSERA_MODEL_DIALECT": dialect,
        "TESSERA_MODEL_REASONING": said,
        "TESSERA_FALLBACK_MODELS": '[{"name": "plain"}]',
    }
    async with open_http_client() as client, trio.open_nursery() as nursery:
        opened = await open_models(load_settings(environment), client, nursery, Metrics())
        for model in (opened.models.answer, opened.models.router):
            with pytest.raises(ModelError):
                await read_reply(model, ChatRequest((Message("user", "hi"),), max_tokens=5, temperature=0.0), Usage())
    first, fallback = server.requests[0].body, server.requests[1].body
    fields = {"openai-chat": ("max_tokens", "max_completion_tokens"), "openai-responses": ("max_output_tokens",) * 2}
    plain, thinking = fields.get(dialect, ("max_tokens", "max_tokens"))
    assert first[thinking if thinks else plain] == 5
    assert ("temperature" in first) is not thinks
    assert fallback["model"] == "plain"
    assert fallback[plain] == 5
    assert "temperature" in fallback
