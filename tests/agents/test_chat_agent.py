"""The tool loop, over real HTTP to a scripted model server."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agents.binding import Binder
from agents.chat_agent import ChatAgent
from agents.limits import AgentLimits
from agents.prompt_text import opening_messages
from agents.registry import AGENTS
from agents.tool_results import ToolResults
from streaming.answer.home import HomeFormatter, HomePart
from streaming.chat import Usage
from streaming.model.errors import ModelError
from streaming.wire.codes import ErrorCode
from streaming.wire.stream_text import StreamText
from tests.agents.fakes import Models, ScriptedDevice, answered, make_turn, usage_chunk
from tests.model_server import Close, ModelServer, Wait, chunk, end, error_status, text, text_stream
from tests.model_server import tool_calls as asks

TASKS = answered({"items": [{"id": "t1", "title": "Send the offer"}, {"id": "t2", "title": "Call Ada"}]})
SPEC = AGENTS["task_agent"]


def tool_messages(server: ModelServer, request: int) -> list[dict[str, Any]]:
    return [message for message in server.requests[request].body["messages"] if message["role"] == "tool"]


async def tokens_of(agent: ChatAgent) -> list[str]:
    async with aclosing(agent.handle_stream()) as tokens:
        return [token async for token in tokens]


async def test_an_answer_without_tools_streams_token_by_token(models: Models) -> None:
    server, model = models
    seen: list[str] = []
    gates = [trio.Event(), trio.Event()]
    server.reply([chunk({"content": "Good "}), Wait(gates[0]), chunk({"content": "day"}), Wait(gates[1]), *end()])
    turn = make_turn(message="hello")
    async with aclosing(ChatAgent(model, turn, SPEC).handle_stream()) as tokens:
        async for token in tokens:
            seen.append(token)
            # The server has not sent the rest yet, so this text did not wait for it.
            gates[len(seen) - 1].set()
    assert seen == ["Good ", "day"]
    body = server.requests[0].body
    assert [message["content"] for message in body["messages"]] == [
        message.content for message in opening_messages("task_agent", turn, AgentLimits())
    ]
    assert [tool["function"]["name"] for tool in body["tools"]] == sorted(tool.name for tool in SPEC.tools)


async def test_without_rounds_no_tool_is_offered(models: Models) -> None:
    server, model = models
    server.reply(text_stream("Hello."))
    agent = ChatAgent(model, make_turn(message="hello"), SPEC, AgentLimits(max_rounds=0))
    assert await agent.handle() == "Hello."
    assert "tools" not in server.requests[0].body


async def test_reasoning_is_not_the_answer(models: Models) -> None:
    server, model = models
    server.reply([chunk({"reasoning_content": "They greet me."}), *text_stream("Hello.")])
    assert await ChatAgent(model, make_turn(message="hello"), SPEC).handle() == "Hello."


async def test_a_tool_round_and_then_the_answer(models: Models) -> None:
    server, model = models
    server.reply(
        asks(("list_tasks", {"status": "todo"}), ("complete_task", {"id": "t1"}), usage=(100, 20)),
        text_stream("Two tasks.", usage=(150, 30)),
    )
    done = {"id": "t1", "title": "Send the offer", "status": "done"}
    device = ScriptedDevice({"list_tasks": TASKS, "update_task": answered(done)})
    turn = make_turn(device)
    agent = ChatAgent(model, turn, SPEC)

    assert await agent.handle() == "Two tasks."

    assert [call.tool for call in device.calls] == ["list_tasks", "update_task"]
    assert agent.tool_results is turn.tool_results
    assert {item["id"] for item in agent.tool_results.resolve("task")} == {"t1", "t2"}
    assert agent.tool_results.resolve("task", ["t1"]) == [done]
    assert [(mutation.op, mutation.id) for mutation in turn.mutations] == [("update", "t1")]
    assert turn.usage == Usage(250, 50)
    *_, asked, first, second = server.requests[1].body["messages"]
    assert [call["id"] for call in asked["tool_calls"]] == ["call00001", "call00002"]
    assert [message["tool_call_id"] for message in (first, second)] == ["call00001", "call00002"]
    rows = [["t1", "Send the offer"], ["t2", "Call Ada"]]
    assert json.loads(first["content"]) == {"count": 2, "columns": ["id", "title"], "rows": rows}
    assert json.loads(second["content"]) == done


async def test_results_keep_the_order_of_the_calls_when_they_finish_in_reverse(models: Models) -> None:
    server, model = models
    names = ["list_tasks", "list_projects", "list_notes"]
    server.reply(asks(*((name, {}) for name in names)), text_stream("Done."))
    gates = {name: trio.Event() for name in names}
    device = ScriptedDevice({name: answered({"items": [{"id": name}]}) for name in names}, gates)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ChatAgent(model, make_turn(device), SPEC).handle)
        await server.wait_request(0)
        while len(device.calls) < 3:
            await wait_all_tasks_blocked()
        for name in reversed(names):
            gates[name].set()
            await wait_all_tasks_blocked()
    assert device.finished == names[::-1]
    assert [json.loads(message["content"])["rows"][0][0] for message in tool_messages(server, 1)] == names


async def test_text_with_tool_calls_is_streamed_before_the_tools_run(models: Models) -> None:
    server, model = models
    server.reply([*text("Let me look."), *asks(("list_tasks", {}))], text_stream("Two tasks."))
    device = ScriptedDevice({"list_tasks": TASKS})
    async with aclosing(ChatAgent(model, make_turn(device), SPEC).handle_stream()) as tokens:
        assert await anext(tokens) == "Let me look."
        assert device.calls == []
        rest = [token async for token in tokens]
    assert "".join(rest) == "\n\nTwo tasks."
    assert server.requests[1].body["messages"][2]["content"] == "Let me look."


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("list_tasks", '{"status":"late"}', "status.0: Input should be"),
        ("list_tasks", '{"status":', "not valid JSON"),
        ("drop_tables", "{}", "There is no tool 'drop_tables'"),
    ],
)
async def test_a_wrong_call_costs_a_round_but_does_not_fail_the_request(
    models: Models, name: str, arguments: str, said: str
) -> None:
    server, model = models
    wrong = {"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
    server.reply(
        [chunk({"tool_calls": [wrong]}), *end("tool_calls")], asks(("list_tasks", {}), prefix="d"), text_stream("Two.")
    )
    device = ScriptedDevice({"list_tasks": TASKS})
    assert await ChatAgent(model, make_turn(device), SPEC).handle() == "Two."
    assert len(device.calls) == 1
    assert said in tool_messages(server, 1)[0]["content"]
    assert "error" not in json.loads(tool_messages(server, 2)[1]["content"])


async def test_a_model_that_only_calls_tools_has_to_answer_in_the_end(models: Models) -> None:
    server, model = models

    def looping(request: Any) -> Any:
        return asks(("list_tasks", {})) if "tools" in request.body else text_stream("Enough.")

    server.fallback = looping
    device = ScriptedDevice({"list_tasks": TASKS})
    assert await ChatAgent(model, make_turn(device), SPEC, AgentLimits(max_rounds=3)).handle() == "Enough."
    assert len(device.calls) == 3
    assert len(server.requests) == 4
    assert len(tool_messages(server, 3)) == 3


async def test_tools_that_were_not_offered_are_not_run(models: Models) -> None:
    server, model = models
    server.fallback = [*text("Again. "), *asks(("list_tasks", {}))]
    device = ScriptedDevice({"list_tasks": TASKS})
    answer = await ChatAgent(model, make_turn(device), SPEC, AgentLimits(max_rounds=1)).handle()
    assert answer == "Again. \n\nAgain. "
    assert len(device.calls) == 1


async def test_the_limit_on_calls_is_per_request(models: Models) -> None:
    server, model = models
    server.reply(asks(("list_tasks", {}), ("list_notes", {}), ("list_projects", {})), text_stream("So."))
    device = ScriptedDevice({"list_tasks": TASKS})
    await ChatAgent(model, make_turn(device), SPEC, AgentLimits(max_calls=2)).handle()
    assert [call.tool for call in device.calls] == ["list_tasks", "list_notes"]
    assert json.loads(tool_messages(server, 1)[2]["content"])["error"]["code"] == "tool_limit"
    assert "tools" not in server.requests[1].body


async def test_results_and_usage_before_a_model_failure_are_kept(models: Models) -> None:
    server, model = models
    server.reply(
        asks(("create_task", {"title": "x"}), usage=(100, 20)),
        [chunk({"content": "I made"}), usage_chunk(50, 5), Close()],
    )
    turn = make_turn(ScriptedDevice({"create_task": answered({"id": "t1"})}))
    async with aclosing(ChatAgent(model, turn, SPEC).handle_stream()) as tokens:
        assert await anext(tokens) == "I made"
        with pytest.raises(ModelError) as caught:
            await anext(tokens)
    assert caught.value.code is ErrorCode.MODEL_CUT
    assert turn.usage == Usage(150, 25)
    assert [mutation.id for mutation in turn.mutations] == ["t1"]


async def test_a_refused_request_is_a_model_error(models: Models) -> None:
    server, model = models
    server.reply(error_status(503))
    with pytest.raises(ModelError) as caught:
        await ChatAgent(model, make_turn(), SPEC).handle()
    assert caught.value.code is ErrorCode.MODEL_UNAVAILABLE


async def test_an_empty_answer_is_a_model_error(models: Models) -> None:
    server, model = models
    server.reply(asks(("list_tasks", {})), end())
    with pytest.raises(ModelError, match="empty answer") as caught:
        await ChatAgent(model, make_turn(ScriptedDevice({"list_tasks": TASKS})), SPEC).handle()
    assert caught.value.retryable


async def test_an_empty_answer_after_a_change_is_not_an_error(models: Models) -> None:
    server, model = models
    server.reply(asks(("create_task", {"title": "x"})), end())
    turn = make_turn(ScriptedDevice({"create_task": answered({"id": "t1"})}))
    assert await tokens_of(ChatAgent(model, turn, SPEC)) == []
    assert len(turn.mutations) == 1


async def test_repr_shows_no_message(models: Models) -> None:
    agent = ChatAgent(models[1], make_turn(message="secret"), SPEC)
    assert repr(agent) == "<ChatAgent task_agent mode=home>"


# ---- reasoning ------------------------------------------------------------------------------------------------------

REASONED = [chunk({"reasoning_content": 'He said "[{'}), chunk({"reasoning_content": "\\}]."})]


@pytest.mark.parametrize("answer", ['[{"type":"text","content":"So."}]', "So."])
async def test_reasoning_is_shown_as_a_separate_block_only_if_set(models: Models, answer: str) -> None:
    server, model = models
    server.fallback = [*REASONED, *text_stream(answer)]

    async def shown(limits: AgentLimits) -> dict[int, str]:
        formatter = HomeFormatter(uuid4(), ToolResults().resolve, Binder(ToolResults()).bind)
        frames: list[HomePart] = []
        async with aclosing(ChatAgent(model, make_turn(ScriptedDevice()), SPEC, limits).handle_stream()) as tokens:
            async for token in tokens:
                frames += formatter.feed(token)
        texts: dict[int, str] = {}
        for frame in [*frames, *formatter.close()]:
            assert isinstance(frame, StreamText)
            texts[frame.block] = texts.get(frame.block, "") + frame.chunk
        assert formatter.rejected == []
        return texts

    assert list((await shown(AgentLimits())).values()) == ["So."]
    assert [text.strip() for text in (await shown(AgentLimits(show_reasoning=True))).values()] == [
        'He said "[{\\}].',
        "So.",
    ]


async def test_reasoning_before_a_tool_round_is_closed_and_no_text_of_the_next_call(models: Models) -> None:
    server, model = models
    server.reply([*REASONED, *asks(("list_tasks", {}))], text_stream("So."))
    device = ScriptedDevice({"list_tasks": TASKS})
    answer = await ChatAgent(model, make_turn(device), SPEC, AgentLimits(show_reasoning=True)).handle()
    block, rest = answer.split("\n", 1)
    assert json.loads(block) == {"type": "text", "content": 'He said "[{\\}].'}
    assert rest == "So."
    asked = server.requests[1].body["messages"][-2]
    assert asked["content"] is None
    assert asked.pop("reasoning_content", 'He said "[{\\}].') == 'He said "[{\\}].'
    assert "He said" not in json.dumps(server.requests[1].body)
