"""An agent cancelled in any phase leaves no call on the device and no connection to the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agents.chat_agent import ChatAgent
from agents.registry import AGENTS
from agents.turn import Turn
from streaming.chat import Usage
from streaming.model.chat_model import ChatModel
from tests.agents.fakes import Models, ScriptedDevice, make_turn, usage_chunk
from tests.model_server import Mark, Never, chunk, end
from tests.model_server import tool_calls as asks

SPEC = AGENTS["task_agent"]


async def run_cancelled(turn: Turn, model: ChatModel, ready: Callable[[], Awaitable[None]]) -> None:
    """Start the agent, and cancel it when `ready` returns."""
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        @nursery.start_soon
        async def run() -> None:
            with scope:
                await ChatAgent(model, turn, SPEC).handle()

        await ready()
        scope.cancel()
    assert scope.cancelled_caught


async def test_cancelling_during_tools_withdraws_all_of_them(models: Models) -> None:
    server, model = models
    names = ["list_tasks", "list_projects", "list_notes"]
    server.reply(asks(*((name, {}) for name in names), usage=(100, 20)))
    device = ScriptedDevice(gates={name: trio.Event() for name in names})
    turn = make_turn(device)

    async def three_are_out() -> None:
        await server.wait_request(0)
        while len(device.calls) < 3:
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()

    await run_cancelled(turn, model, three_are_out)
    assert sorted(device.withdrawn) == sorted(names)
    assert turn.usage == Usage(100, 20)
    assert len(server.requests) == 1


async def test_cancelling_before_the_first_token_closes_the_connection(models: Models) -> None:
    server, model = models
    server.reply([Never()])
    turn = make_turn()

    async def asked() -> None:
        await server.wait_request(0)

    await run_cancelled(turn, model, asked)
    await server.connections[0].closed.wait()
    assert turn.usage == Usage()


@pytest.mark.parametrize(("reported", "counted"), [(3, 3), (1, 2)], ids=["reported", "estimated"])
async def test_cancelling_mid_answer_closes_the_connection_and_counts_what_arrived(
    models: Models, reported: int, counted: int
) -> None:
    server, model = models
    # Some providers report usage with every chunk; this is the usage at the time of the cancellation. A report that is
    # smaller than the estimate for the text is behind it.
    server.reply([usage_chunk(40, reported), chunk({"content": "Good "}), Never()])
    turn = make_turn()
    got = trio.Event()
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def run() -> None:
            with scope:
                async with aclosing(ChatAgent(model, turn, SPEC).handle_stream()) as tokens:
                    async for _ in tokens:
                        got.set()

        await got.wait()
        scope.cancel()
    await server.connections[0].closed.wait()
    assert scope.cancelled_caught
    assert turn.usage == Usage(40, counted)


async def test_a_reader_that_leaves_early_closes_the_connection(models: Models) -> None:
    server, model = models
    server.reply([chunk({"content": "Good "}), Never()])
    async with aclosing(ChatAgent(model, make_turn(), SPEC).handle_stream()) as tokens:
        assert await anext(tokens) == "Good "
    await server.connections[0].closed.wait()


async def test_a_slow_reader_makes_the_model_wait(models: Models) -> None:
    server, model = models
    sent_all = trio.Event()
    piece = chunk({"content": "x" * 60_000})
    server.reply([*([piece] * 400), Mark(sent_all), *end()])
    async with aclosing(ChatAgent(model, make_turn(), SPEC).handle_stream()) as tokens:
        await anext(tokens)
        await wait_all_tasks_blocked()
        # 24 MB do not fit in a socket buffer, so the server is still sending: the agent does not read ahead.
        assert not sent_all.is_set()
