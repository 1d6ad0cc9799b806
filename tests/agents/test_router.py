from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import pytest
import trio
from trio.testing import MockClock

from agents.limits import AgentLimits
from agents.registry import AGENTS
from agents.router import Intent, RouterPatience, certain_intent, classify_intent, intent_schema, named_agent
from agents.turn import Scope
from streaming.chat import Message, Usage
from streaming.wire import Entity
from tests.agents.fakes import ASKS, Models
from tests.model_server import Close, Never, Step, end, error_status, text_stream


@pytest.mark.parametrize("name", AGENTS)
async def test_the_model_decides(models: Models, name: str) -> None:
    server, model = models
    server.reply(text_stream(json.dumps({"agent": name}), usage=(30, 6)))
    usage = Usage(1, 1)
    assert await classify_intent(model, "hm?", usage=usage, limits=ASKS) == Intent(name, "model")
    assert usage == Usage(31, 7)


async def test_the_call_is_small_and_limited_to_the_names(models: Models) -> None:
    server, model = models
    server.reply(text_stream('{"agent":"note_agent"}'))
    history = [Message("user", f"earlier {number}") for number in range(9)]
    await classify_intent(model, "and that one?", history, usage=Usage(), limits=replace(ASKS, router_history=2))
    body = server.requests[0].body
    system, *rest = body["messages"]
    assert [message["content"] for message in rest] == ["earlier 7\n\nearlier 8\n\nand that one?"]
    assert all(f"- {spec.name}: {spec.purpose}" in system["content"] for spec in AGENTS.values())
    assert body["response_format"]["json_schema"]["schema"] == intent_schema()
    assert intent_schema()["properties"]["agent"]["enum"] == list(AGENTS)
    assert "tools" not in body
    assert body["temperature"] == 0
    assert AgentLimits().router_tokens in body.values()


@pytest.mark.parametrize("type_", ["task", "project", "note", "checkpoint"])
async def test_a_popups_scope_decides_without_a_call(models: Models, type_: Entity) -> None:
    server, model = models
    scope = Scope(type_)
    intent = await classify_intent(model, "delete all my tasks and notes", usage=Usage(), scope=scope)
    assert intent == Intent(f"{type_}_agent", "scope")
    assert server.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        error_status(500),
        error_status(401),
        [Close()],
        text_stream("I cannot say."),
        text_stream('{"agent":"music_agent"}'),
        text_stream("task_agent or note_agent"),
        end("length"),
    ],
    ids=["500", "401", "cut", "prose", "unknown", "two", "empty"],
)
async def test_keywords_decide_when_the_model_does_not(models: Models, reply: list[Step]) -> None:
    server, model = models
    server.reply(reply)
    assert await classify_intent(model, "show my notes", usage=Usage(), limits=ASKS) == Intent("note_agent", "keywords")


async def test_a_long_history_is_left_out(models: Models) -> None:
    server, model = models
    server.reply(text_stream('{"agent":"note_agent"}'))
    history = [Message("user", "x" * 100_000), Message("assistant", "short")]
    await classify_intent(model, "and that one?", history, usage=Usage(), limits=ASKS)
    contents = [message["content"] for message in server.requests[0].body["messages"]]
    assert contents[1:] == ["and that one?"]  # and no history starts with the assistant


async def test_a_late_model_delays_routing_only_to_the_deadline(models: Models, mock_clock: MockClock) -> None:
    server, model = models
    server.reply([Never()])
    intents: list[Intent] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def route() -> None:
            intents.append(await classify_intent(model, "show my notes", usage=Usage(), limits=ASKS))

        await server.wait_request(0)
        mock_clock.jump(AgentLimits().router_deadline_s + 0.1)
    assert intents == [Intent("note_agent", "keywords")]
    await server.connections[0].closed.wait()


async def test_cancelling_is_not_a_fallback(models: Models) -> None:
    server, model = models
    server.reply([Never()])
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def route() -> None:
                await classify_intent(model, "show my notes", usage=Usage(), limits=ASKS)

            await server.wait_request(0)
            scope.cancel()
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("message", "history", "agent"),
    [
        ("and the next one?", [Message("user", "show my notes")], "note_agent"),
        ("yes, do it", [Message("user", "delete the note about parking"), Message("assistant", "Sure?")], "note_agent"),
        ("no", [Message("user", "hello"), Message("assistant", "Shall I say more?")], "general_agent"),
        ("show my tasks", [Message("user", "show my notes")], "task_agent"),
        ("tell me a joke", [Message("user", "show my notes")], "general_agent"),
        ("what time is it", [Message("user", "show my notes")], "general_agent"),
        ("why?", [Message("user", "approve the milestone"), Message("user", "show my notes")], "note_agent"),
        ("no thanks", [Message("user", "show my tasks")], "general_agent"),
        ("ok thanks", [Message("user", "show my tasks")], "general_agent"),
        ("now play some music", [Message("user", "show my tasks")], "general_agent"),
        ("yes please", [Message("user", "show my tasks")], "task_agent"),
        ("ok go ahead", [Message("user", "show my tasks")], "task_agent"),
        ("hello", [], "general_agent"),
        ("", [], "general_agent"),
    ],
)
async def test_a_follow_up_is_routed_by_earlier_messages(
    models: Models, message: str, history: list[Message], agent: str
) -> None:
    server, model = models
    server.reply(error_status(500))
    assert (await classify_intent(model, message, history, usage=Usage(), limits=ASKS)).agent_name == agent


@pytest.mark.parametrize("message", ["what's the weather like?", "tell me a joke", "translate dog into french", "🙂"])
async def test_a_message_that_fits_no_agent_goes_to_the_general_one(models: Models, message: str) -> None:
    server, model = models
    server.reply(error_status(500))
    assert await classify_intent(model, message, usage=Usage(), limits=ASKS) == Intent("general_agent", "keywords")


@pytest.mark.parametrize(
    ("answer", "agent"),
    [
        ('{"agent":"task_agent"}', "task_agent"),
        ('```json\n{"agent": "note_agent"}\n```', "note_agent"),
        ("project_agent", "project_agent"),
        ("The best is **checkpoint_agent**.", "checkpoint_agent"),
        ("task_agent task_agent", "task_agent"),
        ("task_agent, note_agent", None),
        ("my_task_agent_2", None),
        ("", None),
    ],
)
def test_named_agent(answer: str, agent: str | None) -> None:
    assert named_agent(answer) == agent


@pytest.mark.parametrize(
    ("message", "agent", "need"),
    [
        ("show my tasks", "task_agent", "read"),
        ("remind me to call Ada tomorrow", "task_agent", "change"),
        ("Welche Aufgaben sind heute noch offen?", "task_agent", "read"),
        ("Lösche die Notiz über die Miete", "note_agent", "change"),
        ("quelles tâches sont en retard ?", "task_agent", "read"),
        ("Crea una tarea: pagar el alquiler", "task_agent", "change"),
        ("メモを見せて", "note_agent", "read"),
        ("マイルストーンの承認をして", "checkpoint_agent", None),
        ("what is the capital of Norway?", "general_agent", "none"),
        ("Erzähl mir bitte einen Witz", "general_agent", None),
    ],
)
def test_a_certain_classifier_says_the_agent_and_the_need(message: str, agent: str, need: str | None) -> None:
    """The need is None if it is not certain itself."""
    intent = certain_intent(message)
    assert intent is not None
    assert (intent.agent_name, intent.decided_by, intent.need) == (agent, "classifier", need)


@pytest.mark.parametrize("message", ["", "🙂", "42", "asdf qwer", "Orion?", "the blue one over there"])
def test_a_doubtful_message_is_not_decided(message: str) -> None:
    assert certain_intent(message) is None


@pytest.mark.parametrize(
    "message", ["yes, do it", "and the next one?", "why?", "ja", "はい", "sí", "oui", "delete that one"]
)
def test_a_possible_follow_up_is_not_decided(message: str) -> None:
    assert certain_intent(message, [Message("user", "show my notes")]) is None


@pytest.mark.parametrize(
    ("asks", "message", "calls"),
    [
        ("doubt", "show my notes", 0),
        ("doubt", "the blue one over there", 1),
        ("always", "show my notes", 1),
        ("never", "the blue one over there", 0),
    ],
)
async def test_when_the_model_is_asked(
    models: Models, asks: Literal["always", "doubt", "never"], message: str, calls: int
) -> None:
    server, model = models
    server.reply(text_stream('{"agent":"note_agent"}'))
    await classify_intent(model, message, usage=Usage(), limits=AgentLimits(router_asks=asks))
    assert len(server.requests) == calls


async def test_a_router_that_is_late_twice_rests(models: Models, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    server, model = models
    server.fallback = [Never()]
    limits = AgentLimits()
    patience = RouterPatience(limits)

    async def route() -> str:
        return (
            await classify_intent(model, "hm?", usage=Usage(), limits=patience.limits, patience=patience)
        ).agent_name

    asked = []
    for _ in range(4):
        await route()
        asked.append(len(server.requests))
    assert asked == [1, 2, 2, 2]
    await trio.sleep(300)
    await route()
    await route()
    assert len(server.requests) == 3, "after the rest, one late answer is enough for the next one"
    await trio.sleep(300)
    server.fallback = text_stream('{"agent":"note_agent"}')
    assert await route() == "note_agent"
    server.fallback = [Never()]
    await route()
    server.fallback = text_stream('{"agent":"note_agent"}')
    assert await route() == "note_agent", "an answer in time forgets the late ones"
    assert RouterPatience(ASKS).late() is RouterPatience(ASKS).late() is False
