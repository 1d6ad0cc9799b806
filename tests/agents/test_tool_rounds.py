"""One request's rounds of tool calls: order, limits, and exactly one result per call."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from agents.device import DeviceCall, DeviceResult, Outcome
from agents.limits import AgentLimits
from agents.registry import AGENTS
from agents.tool_rounds import ToolRounds
from agents.tools.device_access import DeviceAccess
from agents.turn import Turn
from streaming.chat import Message, ToolCall
from tests.agents.fakes import ScriptedDevice, answered, make_turn

EMPTY = answered({"items": []})


def rounds_for(turn: Turn, limits: AgentLimits | None = None) -> ToolRounds:
    return ToolRounds(AGENTS["task_agent"].tools, DeviceAccess(turn), limits or AgentLimits())


def may_go_on(rounds: ToolRounds) -> bool:
    return rounds.open


def call(name: str, arguments: str = "{}", identity: str = "") -> ToolCall:
    return ToolCall(identity or f"id-{name}", name, arguments)


def codes(messages: Sequence[Message]) -> list[str | None]:
    return [json.loads(message.content).get("error", {}).get("code") for message in messages[1:]]


def assert_whole(messages: Sequence[Message]) -> None:
    """The assistant's message, then exactly one result for each of its calls, in its order."""
    asked, *results = messages
    assert asked.role == "assistant"
    assert [message.role for message in results] == ["tool"] * len(results)
    assert [message.tool_call_id for message in results] == [tool_call.id for tool_call in asked.tool_calls]
    assert len({tool_call.id for tool_call in asked.tool_calls}) == len(asked.tool_calls)


async def test_calls_start_in_order_run_concurrently_and_their_results_keep_the_order() -> None:
    names = ["list_tasks", "list_projects", "list_notes", "list_checkpoints"]
    gates = {name: trio.Event() for name in names}
    device = ScriptedDevice({name: answered({"items": [{"id": name}]}) for name in names}, gates)
    messages: list[Message] = []

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def run() -> None:
            messages.extend(await rounds_for(make_turn(device)).run("Looking.", [call(name) for name in names]))

        await wait_all_tasks_blocked()
        assert [made.tool for made in device.calls] == names
        for name in reversed(names):
            gates[name].set()
            await wait_all_tasks_blocked()

    assert device.finished == names[::-1]
    assert_whole(messages)
    assert messages[0].content == "Looking."
    assert [json.loads(message.content)["rows"][0][0] for message in messages[1:]] == names


async def test_every_kind_of_failure_is_one_result_and_does_not_affect_other_calls() -> None:
    device = ScriptedDevice(
        {
            "list_tasks": EMPTY,
            "delete_task": DeviceResult(Outcome.DENIED),
            "update_task": DeviceResult(Outcome.DEADLINE),
            "create_task": DeviceResult(Outcome.DEVICE_OFFLINE),
            "list_notes": DeviceResult(Outcome.DEVICE_GONE),
            "list_projects": DeviceResult(Outcome.CANCELLED),
            "list_checkpoints": answered("nonsense"),
        }
    )
    turn = make_turn(device)
    messages = await rounds_for(turn).run(
        "",
        [
            call("delete_task", '{"id":"t1"}'),
            call("complete_task", '{"id":"t1"}'),
            call("create_task", '{"title":"x"}'),
            call("list_notes"),
            call("list_projects"),
            call("list_checkpoints"),
            call("get_task", '{"id":"t9"}'),
            call("launch_rocket"),
            call("update_task", '{"id":'),
            call("list_tasks", '{"status":"late"}', "other"),
            call("list_tasks"),
        ],
    )
    assert_whole(messages)
    assert codes(messages) == [
        "denied",
        "deadline",
        "device_offline",
        "device_gone",
        "cancelled",
        "malformed_result",
        "not_found",
        "unknown_tool",
        "invalid_arguments",
        "invalid_arguments",
        None,
    ]
    assert turn.mutations == []
    assert "launch_rocket" in messages[8].content
    assert "complete_task" in messages[8].content
    # Some servers parse past arguments, so the history has only valid ones.
    assert messages[0].tool_calls[8].arguments == "{}"
    assert messages[0].tool_calls[9].arguments == '{"status":"late"}'


async def test_calls_with_the_same_id_get_unique_ids_over_all_rounds() -> None:
    rounds = rounds_for(make_turn(ScriptedDevice({"list_tasks": EMPTY})))
    first = await rounds.run("", [call("list_tasks", identity="call_0"), call("list_tasks", identity="call_0")])
    second = await rounds.run("", [call("list_tasks", identity="call_0")])
    assert_whole(first)
    assert_whole(second)
    assert [tool_call.id for tool_call in (*first[0].tool_calls, *second[0].tool_calls)] == [
        "call_0",
        "call_0_2",
        "call_0_3",
    ]


async def test_rounds_are_limited() -> None:
    rounds = rounds_for(make_turn(ScriptedDevice({"list_tasks": EMPTY})), AgentLimits(max_rounds=2))
    for _ in range(2):
        assert may_go_on(rounds)
        await rounds.run("", [call("list_tasks")])
    assert not may_go_on(rounds)


async def test_calls_past_the_limit_are_refused_and_end_the_rounds() -> None:
    device = ScriptedDevice({"list_tasks": EMPTY})
    rounds = rounds_for(make_turn(device), AgentLimits(max_calls=3))
    await rounds.run("", [call("list_tasks")])
    assert may_go_on(rounds)
    messages = await rounds.run("", [call("list_tasks") for _ in range(5)])
    assert_whole(messages)
    assert codes(messages) == [None, None, "tool_limit", "tool_limit", "tool_limit"]
    assert len(device.calls) == 3
    assert not may_go_on(rounds)


async def test_tool_time_is_limited_over_all_rounds(autojump_clock: MockClock) -> None:
    class SlowDevice(ScriptedDevice):
        async def execute(self, call: DeviceCall) -> DeviceResult:
            await trio.sleep(6)
            return EMPTY

    rounds = rounds_for(make_turn(SlowDevice()), AgentLimits(tool_time_s=10))
    began = trio.current_time()
    assert codes(await rounds.run("", [call("list_tasks"), call("list_notes")])) == [None, None]
    assert may_go_on(rounds)
    messages = await rounds.run("", [call("list_tasks"), call("launch_rocket")])
    assert codes(messages) == ["deadline", "unknown_tool"]
    assert not may_go_on(rounds)
    assert trio.current_time() - began == pytest.approx(10)


async def test_a_call_out_of_time_is_withdrawn_and_finished_calls_count(
    autojump_clock: MockClock,
) -> None:
    device = ScriptedDevice({"create_task": answered({"id": "t1"})}, {"list_notes": trio.Event()})
    turn = make_turn(device)
    messages = await rounds_for(turn).run("", [call("create_task", '{"title":"x"}'), call("list_notes")])
    assert codes(messages) == [None, "deadline"]
    assert device.withdrawn == ["list_notes"]
    assert [mutation.id for mutation in turn.mutations] == ["t1"]


async def test_all_results_together_have_a_length_limit() -> None:
    long = answered({"items": [{"id": str(number), "title": "x" * 100} for number in range(100)]})
    rounds = rounds_for(
        make_turn(ScriptedDevice({"list_tasks": long})), AgentLimits(result_chars=3000, total_result_chars=5000)
    )
    messages = await rounds.run("", [call("list_tasks") for _ in range(4)])
    lengths = [len(message.content) for message in messages[1:]]
    assert lengths[0] > 2500
    assert lengths[1] < 2200
    assert max(lengths[2:]) < 400
    assert all(json.loads(message.content)["rows"] for message in messages[1:])


async def test_cancelling_withdraws_every_open_call_and_keeps_finished_changes() -> None:
    gates = {name: trio.Event() for name in ("list_tasks", "list_notes", "list_projects")}
    device = ScriptedDevice({"create_task": answered({"id": "t1"})}, gates)
    turn = make_turn(device)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def run() -> None:
                await rounds_for(turn).run("", [*(call(name) for name in gates), call("create_task", '{"title":"x"}')])

            await wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert sorted(device.withdrawn) == sorted(gates)
    assert [mutation.id for mutation in turn.mutations] == ["t1"]


async def test_an_internal_error_is_not_reported_as_a_tool_error() -> None:
    def broken(args: object) -> DeviceResult:
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError):
        await rounds_for(make_turn(ScriptedDevice({"list_tasks": broken}))).run("", [call("list_tasks")])
