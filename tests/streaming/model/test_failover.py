"""Failover between models, against real servers on loopback. The clock jumps while all tasks wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from streaming.chat import Delta
from streaming.model.breaker import CircuitBreaker
from streaming.model.chat_model import ChatModel, ModelConfig
from streaming.model.errors import ModelError
from streaming.model.failover import FailoverModel
from streaming.model.retry import RetryPolicy
from streaming.wire.codes import ErrorCode
from tests.model_server import Close, Mark, ModelServer, Never, Reply, chunk, error_status, open_model_server, text
from tests.model_server import text_stream as answer
from tests.streaming.model_requests import PROMPT, REQUEST, texts

BUSY = error_status(503)


@pytest.fixture
async def second(nursery: trio.Nursery) -> AsyncIterator[ModelServer]:
    async with open_model_server(nursery) as server:
        yield server


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    # The clock may jump only while all wait for a delay, not while the loopback carries bytes.
    autojump_clock.autojump_threshold = 0.05
    return autojump_clock


class House:
    """A `FailoverModel` over the servers, with a controlled clock and random numbers."""

    def __init__(self, client: httpx.AsyncClient, *servers: ModelServer, **settings: Any) -> None:
        settings = {"first_token_timeout_s": 20, "idle_timeout_s": 10} | settings
        models = [
            ChatModel(client, ModelConfig(f"model-{number}", server.url, **settings))
            for number, server in enumerate(servers, start=1)
        ]
        self.model = FailoverModel(
            models,
            retry=RetryPolicy(attempts=3, base_s=1),
            new_breaker=lambda: CircuitBreaker(failures=4, open_s=30),
            random=lambda: 0.5,
        )

    async def collect(self, into: list[Delta]) -> None:
        async with self.model.stream(REQUEST) as batches:
            async for batch in batches:
                into += batch

    async def ask(self) -> str:
        received: list[Delta] = []
        await self.collect(received)
        return "".join(texts(received))

    async def fails(self) -> ModelError:
        with pytest.raises(ModelError) as raised:
            await self.ask()
        return raised.value


@pytest.mark.parametrize(
    "fault",
    [BUSY, error_status(429), [Close()], [chunk({"role": "assistant"}), Close()]],
    ids=["503", "429", "no answer", "cut before the first token"],
)
async def test_a_fault_before_the_first_token_is_tried_again_after_a_while(
    server: ModelServer, client: httpx.AsyncClient, clock: MockClock, fault: Reply
) -> None:
    server.reply(fault, fault, answer("at last"))
    started = trio.current_time()
    assert await House(client, server).ask() == "at last"
    assert trio.current_time() - started == pytest.approx(0.5 + 1.0, abs=0.01)
    assert [request.body["messages"][0]["content"] for request in server.requests] == [PROMPT] * 3


async def test_retry_after_is_honoured(server: ModelServer, client: httpx.AsyncClient, clock: MockClock) -> None:
    server.reply(error_status(429, headers={"retry-after": "9"}), answer("later"))
    started = trio.current_time()
    assert await House(client, server).ask() == "later"
    assert trio.current_time() - started == pytest.approx(9.5, abs=0.01)


async def test_a_long_retry_after_means_the_next_model(
    server: ModelServer, second: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    server.reply(error_status(429, headers={"retry-after": "3600"}))
    second.reply(answer("instead"))
    started = trio.current_time()
    assert await House(client, server, second).ask() == "instead"
    assert trio.current_time() - started < 1
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "asked"),
    [(BUSY, 3), (error_status(401), 1), (error_status(400), 1), ([Never()], 1)],
    ids=["503", "401", "400", "silence"],
)
async def test_the_next_model_answers_when_the_first_does_not(
    server: ModelServer, second: ModelServer, client: httpx.AsyncClient, clock: MockClock, fault: Reply, asked: int
) -> None:
    server.fallback = fault
    second.reply(answer("instead"))
    assert await House(client, server, second).ask() == "instead"
    assert len(server.requests) == asked
    assert second.requests[0].body["model"] == "model-2"


async def test_the_last_models_fault_is_raised(
    server: ModelServer, second: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    server.fallback = BUSY
    second.fallback = error_status(400, {"error": {"code": "context_length_exceeded"}})
    error = await House(client, server, second).fails()
    assert (error.code, error.retryable) == (ErrorCode.MODEL_ERROR, False)
    assert "context_length_exceeded" in error.message


async def test_after_the_first_token_a_cut_is_final_and_the_text_is_kept(
    server: ModelServer, second: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    server.reply([*text("so", " far"), Close()])
    received: list[Delta] = []
    with pytest.raises(ModelError):
        await House(client, server, second).collect(received)
    assert "".join(texts(received)) == "so far"
    assert (len(server.requests), len(second.requests)) == (1, 0)


async def test_consecutive_failures_open_the_breaker_until_a_trial_request(
    server: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    house = House(client, server)
    server.fallback = BUSY
    await house.fails()
    assert (await house.fails()).message.startswith("The model cannot answer just now")
    assert len(server.requests) == 4  # the fourth failure opened the breaker
    assert "model-1 open" in repr(house.model)
    resting = await house.fails()
    assert (resting.code, resting.retryable) == (ErrorCode.MODEL_UNAVAILABLE, True)
    assert "30 s" in resting.message
    assert len(server.requests) == 4
    await trio.sleep(30)
    server.fallback = answer("well again")
    assert await house.ask() == "well again"
    assert "model-1 closed" in repr(house.model)


async def test_an_open_breaker_does_not_delay_the_next_model(
    server: ModelServer, second: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    house = House(client, server, second)
    server.fallback, second.fallback = BUSY, answer("instead")
    for _ in range(2):
        assert await house.ask() == "instead"
    started = trio.current_time()
    assert await house.ask() == "instead"
    assert trio.current_time() == started
    assert len(server.requests) == 4


async def test_failures_of_the_request_do_not_count_against_the_model(
    server: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    house = House(client, server)
    server.fallback = error_status(400)
    for _ in range(10):
        assert "HTTP 400" in (await house.fails()).message
    assert "model-1 closed" in repr(house.model)


async def test_cancelling_during_a_delay_and_during_a_trial_frees_the_model(
    server: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    house = House(client, server)
    server.fallback = error_status(429, headers={"retry-after": "10"})
    with trio.move_on_after(5) as waiting:
        await house.ask()
    assert waiting.cancelled_caught
    server.fallback = BUSY
    await house.fails()
    assert "model-1 open" in repr(house.model)
    await trio.sleep(30)
    server.fallback = [Never()]
    with trio.move_on_after(5) as trying:
        await house.ask()
    assert trying.cancelled_caught
    await server.requests[-1].connection.closed.wait()
    server.fallback = answer("well again")
    assert await house.ask() == "well again"


async def test_leaving_early_closes_the_connection(
    server: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    written = trio.Event()
    server.reply([*text("one"), Mark(written), Never()])
    async with House(client, server).model.stream(REQUEST) as batches:
        async for _ in batches:
            break
    await server.requests[0].connection.closed.wait()
    assert written.is_set()


async def test_the_log_names_the_fault_and_contains_no_prompt(
    server: ModelServer, client: httpx.AsyncClient, clock: MockClock
) -> None:
    server.reply(error_status(503, {"error": {"message": PROMPT, "code": "overloaded"}}), answer("secret answer"))
    with capture_logs() as logs:
        await House(client, server).ask()
    (line,) = logs
    assert (line["event"], line["model"], line["attempt"], line["retry_in_s"]) == ("model_failed", "model-1", 1, 0.5)
    assert PROMPT not in str(logs)
    assert "secret" not in str(logs)


@pytest.mark.parametrize("allowed", [True, False])
async def test_structured_output_needs_all_models(client: httpx.AsyncClient, allowed: bool) -> None:
    models = [
        ChatModel(client, ModelConfig("a", "http://a", structured_output=True)),
        ChatModel(client, ModelConfig("b", "http://b", structured_output=allowed)),
    ]
    assert FailoverModel(models).structured_output is allowed


def test_a_failover_needs_a_model() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FailoverModel([])
