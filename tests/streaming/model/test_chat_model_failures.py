"""`ChatModel` against a real server on loopback: failures, deadlines, and no secrets in errors."""

from __future__ import annotations

import traceback

import httpx
import pytest
import structlog
import trio
from pydantic import SecretStr

from streaming.chat import (
    Delta,
)
from streaming.model.chat_model import ChatModel, HttpTransport, ModelConfig, open_http_client
from streaming.model.errors import ModelError
from streaming.wire.codes import ErrorCode
from tests.completion import complete
from tests.model_server import (
    Close,
    Head,
    ModelServer,
    Never,
    Send,
    Step,
    Wait,
    chunk,
    end,
    error_status,
    sse,
    text,
)
from tests.streaming.model_requests import KEY, PROMPT, REQUEST, ModelFactory, collect, texts

# ---- failures -------------------------------------------------------------------------------------------------------

GARBAGE = {"error": {"message": f"no {PROMPT} for {KEY}", "code": KEY}}


@pytest.mark.parametrize(
    ("reply", "code", "retryable", "says"),
    [
        (error_status(401, GARBAGE), ErrorCode.MODEL_ERROR, False, "HTTP 401"),
        (error_status(404), ErrorCode.MODEL_ERROR, False, "HTTP 404"),
        (
            error_status(400, {"error": {"message": PROMPT, "code": "context_length_exceeded"}}),
            ErrorCode.MODEL_ERROR,
            False,
            "context_length_exceeded",
        ),
        (error_status(429, {"error": "slow down"}), ErrorCode.MODEL_UNAVAILABLE, True, "HTTP 429"),
        (error_status(503, {}), ErrorCode.MODEL_UNAVAILABLE, True, "HTTP 503"),
        (error_status(302, headers={"location": "http://127.0.0.1:1/"}), ErrorCode.MODEL_ERROR, False, "HTTP 302"),
        ([Head(500, "text/html"), Send(b"<h1>" + b"x" * 100_000)], ErrorCode.MODEL_UNAVAILABLE, True, "HTTP 500"),
        ([Head(400), Send(b'{"error"'), Close()], ErrorCode.MODEL_ERROR, False, "HTTP 400"),
        ([Close()], ErrorCode.MODEL_ERROR, True, "broke"),
        ([Head(), Close()], ErrorCode.MODEL_CUT, True, "broke off"),
        ([Head(200, "text/plain"), Send(b"Bad Gateway")], ErrorCode.MODEL_UNAVAILABLE, True, "(HTTP 502, bad_gateway)"),
        ([Head(200, "text/plain"), Send(b"no healthy upstream")], ErrorCode.MODEL_ERROR, True, "plain_text"),
        ([*text("so"), Close()], ErrorCode.MODEL_CUT, True, "broke off"),
        (text("so"), ErrorCode.MODEL_CUT, True, "broke off"),
        ([*text("so"), sse(GARBAGE), *end()], ErrorCode.MODEL_ERROR, False, "failed while answering."),
        (
            [*text("so"), sse({"error": {"message": PROMPT, "type": "server_error"}})],
            ErrorCode.MODEL_ERROR,
            True,
            "server_error",
        ),
        ([*text("so"), sse("{not json")], ErrorCode.MODEL_ERROR, True, "invalid_payload"),
        ([*text("so"), Send(b"data: " + b"x" * 5000)], ErrorCode.MODEL_ERROR, False, "too_large"),
        ([*text("so"), *([Send(b": " + b"x" * 900 + b"\n")] * 20)], ErrorCode.MODEL_ERROR, False, "too_large"),
    ],
)
async def test_failures(
    server: ModelServer, model: ModelFactory, reply: list[Step], code: ErrorCode, retryable: bool, says: str
) -> None:
    server.reply(reply)
    received: list[Delta] = []
    with pytest.raises(ModelError) as raised:
        await collect(model(max_event_bytes=4000, max_response_bytes=16_000), received)
    error = raised.value
    assert (error.code, error.retryable) == (code, retryable)
    assert says in error.message
    assert texts(received) == (["so"] if reply[0] == chunk({"content": "so"}) else [])
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.__context__)
    assert KEY not in shown
    assert PROMPT not in shown


async def test_nothing_listens(client: httpx.AsyncClient) -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        model = ChatModel(client, ModelConfig("test", f"http://127.0.0.1:{port}/v1"))
        with pytest.raises(ModelError) as raised:
            await complete(model, REQUEST)
    assert (raised.value.code, raised.value.retryable) == (ErrorCode.MODEL_UNAVAILABLE, True)


@pytest.mark.parametrize(
    "url", ["gopher://example.org/v1", "example.org/v1", "http://", "http://[::1", "", "http:///v1"]
)
def test_an_invalid_url_is_refused_immediately(url: str) -> None:
    with pytest.raises(ValueError, match="http:// or https://"):
        ModelConfig("test", url)


async def test_a_connection_that_breaks_after_the_finish_reason_does_not_fail_the_answer(
    server: ModelServer, model: ModelFactory
) -> None:
    server.reply([*text("all"), chunk({}, "stop"), Close()])
    assert (await complete(model(), REQUEST)).text == "all"


async def test_a_document_that_is_too_large(server: ModelServer, model: ModelFactory) -> None:
    server.reply([Head(content_type="application/json"), *([Send(b" " * 4000)] * 3)])
    with pytest.raises(ModelError, match="too_large"):
        await complete(model(max_response_bytes=10_000), REQUEST)


async def test_more_parallel_answers_than_httpx_allows_by_default(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, transport_name: HttpTransport
) -> None:
    # A loopback address must not go through the proxy of the environment. Nothing listens at this proxy.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    go_on = trio.Event()
    server.fallback = [*text("a"), Wait(go_on), *end()]
    finished = []

    async with open_http_client(transport_name) as client:
        model = ChatModel(client, ModelConfig("test", server.url))

        async def ask() -> None:
            finished.append((await complete(model, REQUEST)).text)

        async with trio.open_nursery() as asking:
            for _ in range(110):
                asking.start_soon(ask)
            await server.wait_request(109)
            go_on.set()
    assert finished == ["a"] * 110


# ---- deadlines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "expected_s", "received_text"),
    [
        ([Never()], 20, []),
        ([Head(), Never()], 20, []),
        ([Head(400, "application/json"), Never()], 5, []),
        ([*text("one"), Never()], 7, ["one"]),
        ([Send(b": keep-alive\n\n"), Never()], 20, []),
    ],
    ids=["no head", "no body", "refusal without a body", "idle", "keep-alive is no token"],
)
async def test_deadlines(
    server: ModelServer,
    model: ModelFactory,
    autojump_clock: trio.testing.MockClock,
    reply: list[Step],
    expected_s: float,
    received_text: list[str],
) -> None:
    # The clock may jump only while this task waits for the model, not while the loopback carries bytes.
    autojump_clock.autojump_threshold = 0.05
    server.reply(reply)
    received: list[Delta] = []
    started = trio.current_time()
    with pytest.raises(ModelError) as raised:
        await collect(model(first_token_timeout_s=20, idle_timeout_s=7), received)
    assert raised.value.code is (ErrorCode.MODEL_ERROR if expected_s == 5 else ErrorCode.MODEL_TIMEOUT)
    assert trio.current_time() - started == pytest.approx(expected_s, abs=0.01)
    assert texts(received) == received_text
    await server.requests[0].connection.closed.wait()


async def test_keep_alives_extend_the_wait_for_the_first_token_up_to_four_times(
    server: ModelServer, model: ModelFactory, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    autojump_clock.autojump_threshold = 0.05
    ticks = [trio.Event() for _ in range(8)]

    async def tick() -> None:
        for event in ticks:
            await trio.sleep(15)
            event.set()

    pings = [step for event in ticks for step in (Wait(event), Send(b": keep-alive\n\n"))]
    server.reply([Head(), *pings[:6], *text("late"), *end()], [Head(), *pings, Never()])
    nursery.start_soon(tick)
    received: list[Delta] = []
    await collect(model(first_token_timeout_s=20), received)
    assert texts(received) == ["late"]
    started = trio.current_time()
    with pytest.raises(ModelError) as raised:
        await collect(model(first_token_timeout_s=20), received)
    assert raised.value.code is ErrorCode.MODEL_TIMEOUT
    assert raised.value.setting == "TESSERA_MODEL_FIRST_TOKEN_TIMEOUT_S"
    assert trio.current_time() - started == pytest.approx(80, abs=0.01)
    nursery.cancel_scope.cancel()


async def test_a_slow_consumer_is_not_a_slow_model(
    server: ModelServer, model: ModelFactory, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    go_on = trio.Event()
    server.reply([*text("one"), Wait(go_on), *text("two"), *end()])
    received: list[str] = []
    async with model(idle_timeout_s=7).stream(REQUEST) as batches:
        async for batch in batches:
            received += texts(batch)
            await trio.sleep(100)
            go_on.set()
    assert received == ["one", "two"]


# ---- secrecy --------------------------------------------------------------------------------------------------------


def test_reprs_show_neither_key_nor_url() -> None:
    config = ModelConfig("test", "http://user:password@example.org/v1", SecretStr(KEY))
    shown = repr(config) + repr(ChatModel(httpx.AsyncClient(), config)) + str(config)
    assert KEY not in shown
    assert "password" not in shown
    assert "'test'" in shown


@pytest.mark.parametrize("key", ["two words", "new\nline", "ключ", "tab\t"])
def test_a_key_with_characters_invalid_in_a_header_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as raised:
        ModelConfig("test", "http://example.org/v1", SecretStr(key))
    assert key not in str(raised.value)


async def test_an_error_after_the_finish_reason_is_logged_and_fails_nothing(
    server: ModelServer, model: ModelFactory
) -> None:
    for code, logged in (("server_error", "server_error"), (KEY, None)):
        server.reply([*text("all"), chunk({}, "stop"), sse({"error": {"message": PROMPT, "code": code}}), *end()])
        with structlog.testing.capture_logs() as logs:
            assert (await complete(model(), REQUEST)).text == "all"
        (event,) = logs
        assert (event["event"], event["model"], event["code"]) == ("model_error_after_end", "test", logged)
        assert PROMPT not in str(event)


async def test_an_unknown_finish_reason_is_logged_once(server: ModelServer, model: ModelFactory) -> None:
    asked = model()
    with structlog.testing.capture_logs() as logs:
        for reason in ("hologram", "hologram", "Late_Stop", KEY, "other", "stop"):
            server.reply([*text("all"), *end(reason)])
            assert (await complete(asked, REQUEST)).text == "all"
    assert [(event["event"], event["reason"]) for event in logs] == [
        ("unknown_finish_reason", "hologram"),
        ("unknown_finish_reason", "Late_Stop"),
        ("unknown_finish_reason", "(not an identifier)"),
    ]
