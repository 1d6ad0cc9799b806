"""Slow local model servers with default settings, in the time of a mock clock: no answer fails, and nothing storms."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
import trio
import trio.testing

from agents.limits import AgentLimits
from server.models.setup import OpenModels, open_models
from server.settings.environment import load_settings
from server.telemetry.metrics import Metrics
from tests import server_habits
from tests.model_server import Connection, ReceivedRequest, Send
from tests.server.memory_server import MemoryServer
from tests.server.memory_socket import MemorySocket
from tests.server_habits import Habit, Wish, wishes

FIRST_S = 40.0
"""Seconds in which the server reads a prompt."""
TOKENS_PER_S = 8.0
PING_S = 10.0


@dataclass
class SlowServer(httpx.AsyncBaseTransport):
    """One slot, a slow first token, eight tokens per second. Requests wait for the slot in their order.

    `pings`: as llama.cpp does, the head comes immediately, and comments until the first token. Otherwise nothing comes
    before it, as from Ollama.
    """

    reply: Callable[[ReceivedRequest], Any]
    pings: bool
    requests: list[dict[str, Any]] = field(default_factory=list)
    abandoned: int = 0
    most_waiting: int = 0
    waiting: deque[trio.Event] = field(default_factory=deque)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        self.requests.append(body)
        steps = [one for one in self.reply(ReceivedRequest("", {}, body, Connection())) if isinstance(one, Send)]
        turn = self._join()
        if not self.pings:
            try:
                await turn.wait()
                await trio.sleep(FIRST_S)
            except BaseException:
                self.leave(turn)
                raise
        stream = _Stream(self, turn, steps)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)

    def _join(self) -> trio.Event:
        turn = trio.Event()
        self.waiting.append(turn)
        self.most_waiting = max(self.most_waiting, len(self.waiting))
        self.waiting[0].set()
        return turn

    def leave(self, turn: trio.Event) -> None:
        self.waiting.remove(turn)
        if self.waiting:
            self.waiting[0].set()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, server: SlowServer, turn: trio.Event, steps: list[Send]) -> None:
        self._server, self._turn, self._steps = server, turn, steps
        self._left = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._server.pings:
            while not self._turn.is_set():
                with trio.move_on_after(PING_S):
                    await self._turn.wait()
                yield b": keep-alive\n\n"
            for _ in range(int(FIRST_S / PING_S)):
                await trio.sleep(PING_S)
                yield b": keep-alive\n\n"
        for step in self._steps:
            await trio.sleep(1 / TOKENS_PER_S)
            yield step.data
        self._steps = []

    async def aclose(self) -> None:
        if not self._left:
            self._left = True
            self._server.abandoned += bool(self._steps)
            self._server.leave(self._turn)


@asynccontextmanager
async def opened(server: SlowServer, name: str, **settings: str) -> AsyncIterator[tuple[MemoryServer, OpenModels]]:
    """The server with its default settings and this model. It probes the model while people ask."""
    environment = {"TESSERA_MODEL_URL": "http://127.0.0.1:11434/v1", "TESSERA_MODEL_NAME": name, **settings}
    async with httpx.AsyncClient(transport=server) as client, trio.open_nursery() as nursery:
        models = await open_models(load_settings(environment), client, nursery, Metrics())
        yield MemoryServer(models=models.models, agent_limits=AgentLimits(router_deadline_s=5)), models
        nursery.cancel_scope.cancel()


async def chat(device: MemorySocket, message: str) -> dict[str, Any]:
    """Ask, answer the device calls with one task, and return the last frame."""
    await device.say(type="home_request", request_id=uuid4(), message=message)
    while True:
        frame = await device.hear()
        if frame["type"] == "tool_call":
            items = [{"id": "t1", "title": "Pay rent", "status": "todo"}]
            await device.say(type="tool_result", call_id=frame["call_id"], ok=True, data={"items": items})
        if frame["type"] == "stream_end":
            return frame


OLLAMA = ("qwen2.5:1.5b", server_habits.ollama, False)
SERVERS = [
    ("qwen2.5-coder-1.5b", server_habits.llama_cpp, True),
    ("qwen3-8b", server_habits.llama_cpp, True),
    ("qwen3-8b", server_habits.llama_cpp_without_required, True),
    OLLAMA,
    ("llama3.1", server_habits.ollama, False),
    ("llama3.1", server_habits.vllm, False),
]
WISHES: tuple[Wish, ...] = (("list_tasks", {}), ("answer", {}), "One task is open.")


@pytest.mark.parametrize(("name", "habit", "pings"), SERVERS)
async def test_no_answer_fails_while_the_model_is_probed(
    name: str, habit: Habit, pings: bool, autojump_clock: trio.testing.MockClock
) -> None:
    slow = SlowServer(wishes(habit, *WISHES), pings)
    async with opened(slow, name) as (stack, models), stack.device() as device:
        for message in ("what is due?", "what is open?", "which tasks are there?"):
            end = await chat(device, message)
            assert (end["status"], end.get("error")) == ("completed", None)
        assert slow.most_waiting == 2, "the probe waits for people, so only one of its calls may be in the way"
        assert await models.fault() is None
        # The router, if it is asked at all, missed its deadline twice. Nothing else was cut off, or called twice.
        assert slow.abandoned <= 2
        await trio.sleep(600)
        assert "schema yes" in (models.describe_shape() or "")
        # Now the shape is known, so nothing is tried that the server does not obey.
        calls = len(slow.requests)
        slow.reply = wishes(habit, *WISHES)
        assert (await chat(device, "what is due?"))["status"] == "completed"
        assert len(slow.requests) == calls + 3


async def test_two_people_share_a_server_with_one_slot(autojump_clock: trio.testing.MockClock) -> None:
    slow = SlowServer(wishes(server_habits.llama_cpp, "Hello."), pings=True)
    ends: list[dict[str, Any]] = []
    async with opened(slow, "qwen2.5:1.5b") as (stack, _), stack.device() as one, stack.device() as two:

        async def ask(device: MemorySocket) -> None:
            ends.append(await chat(device, "hello"))

        async with trio.open_nursery() as asking:
            asking.start_soon(ask, one)
            asking.start_soon(ask, two)
    assert [end["status"] for end in ends] == ["completed", "completed"]
    assert slow.abandoned == 0


async def test_a_call_that_waits_too_long_is_closed_and_not_repeated(autojump_clock: trio.testing.MockClock) -> None:
    """Six people on one slot of a server that sends nothing before its first token: the queue is 240 seconds long."""
    slow = SlowServer(wishes(server_habits.ollama, "Hello."), pings=False)
    ends: list[dict[str, Any]] = []
    with structlog.testing.capture_logs() as logs:
        async with opened(slow, "qwen2.5:1.5b", TESSERA_MODEL_SHAPE="schema") as (stack, models):

            async def ask() -> None:
                async with stack.device() as device:
                    ends.append(await chat(device, "hello"))
                    faults.append(await models.fault())

            faults: list[str | None] = []
            async with stack.running(), trio.open_nursery() as asking:
                for _ in range(6):
                    asking.start_soon(ask)
            failed = [end["error"]["code"] for end in ends if end["status"] == "failed"]
            assert failed == ["model_timeout"] * len(failed)
            assert 1 <= len(failed) <= 2
            assert len(slow.requests) == 6, "a call that timed out is not repeated: the server is still at work"
            assert not slow.waiting, "and it is closed"
            assert any("raise TESSERA_MODEL_FIRST_TOKEN_TIMEOUT_S" in (fault or "") for fault in faults)
    assert {log["setting"] for log in logs if log["event"] == "request_failed"} == {
        "TESSERA_MODEL_FIRST_TOKEN_TIMEOUT_S"
    }


async def test_an_answer_that_takes_too_long_names_the_setting(autojump_clock: trio.testing.MockClock) -> None:
    words = "word " * 2000
    slow = SlowServer(wishes(server_habits.llama_cpp, words), pings=True)
    with structlog.testing.capture_logs() as logs:
        async with opened(slow, "qwen2.5:1.5b", TESSERA_MODEL_SHAPE="schema") as (stack, _), stack.device() as device:
            end = await chat(device, "hello")
    assert end["error"]["code"] == "request_timeout"
    assert end["usage"]["output_tokens"] > 0, "a failed request reports its usage"
    (failed,) = [log for log in logs if log["event"] == "request_failed"]
    assert failed["setting"] == "TESSERA_REQUEST_TIMEOUT_S"
    assert slow.abandoned == 1
    assert not slow.waiting
