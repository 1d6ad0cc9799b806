"""A request that needs items, answered without a look at them, over the socket: the person is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from person import Sentences
from streaming.wire import WsLocale
from tests.model_server import ReceivedRequest, Step, error_status, text_stream, tool_calls
from tests.server.tessera import Tessera, is_routing, open_tessera, tool_messages

LINE = "This was answered without looking at your items."


def say(text: str) -> list[Step]:
    return text_stream(json.dumps([{"type": "text", "content": text}]))


async def ask(tessera: Tessera, script: Any, agent: str = "task_agent", **device: Any) -> Any:
    def reply(request: ReceivedRequest) -> list[Step]:
        if is_routing(request):
            return text_stream(json.dumps({"agent": agent, "need": "read"}))
        steps: list[Step] = script(request)
        return steps

    tessera.model.fallback = reply
    tools = DeviceTools(DeviceStore(None, {"task": [{"id": "t1", "title": "Walk", "status": "todo"}]})).table()
    async with tessera.device(tools=tools, **device) as connected:
        answer = await connected.home("how many tasks do I have?")
        ended = await answer.finish()
        assert ended.status == "completed"
        return answer


@pytest.mark.parametrize("agent", ["task_agent", "general_agent"])
@pytest.mark.parametrize("refuses_required", [False, True])
async def test_two_answers_without_a_look_end_with_a_line(database: str, agent: str, refuses_required: bool) -> None:
    def script(request: ReceivedRequest) -> list[Step]:
        required = refuses_required and "tool_choice" in request.body
        return error_status(400) if required else say("You have ninety tasks.")

    async with open_tessera(database) as tessera:
        answer = await ask(tessera, script, agent)
        assert answer.text.split("\n\n") == ["You have ninety tasks.", LINE]
        assert (answer.end.shown, len(tessera.answers())) == (2, 3 if refuses_required else 2)


async def test_the_line_is_in_the_persons_language(database: str) -> None:
    async with open_tessera(database) as tessera:
        answer = await ask(tessera, lambda _: say("Zwei."), locale=WsLocale(language="de"))
        assert answer.text.endswith(Sentences.of("de").say("answer.unread"))


@pytest.mark.parametrize("text", ["Hello! How can I help?", "Which project do you mean?", "I can't see your tasks."])
async def test_an_answer_without_a_claim_has_no_line(database: str, text: str) -> None:
    async with open_tessera(database) as tessera:
        answer = await ask(tessera, lambda _: say(text))
        assert answer.text == text


@pytest.mark.parametrize(
    "steps",
    [
        [say("Ninety."), tool_calls(("list_tasks", {})), say("You have one task.")],
        [tool_calls(("list_tasks", {})), say("You have one task.")],
        [text_stream('[{"type":"text","content":"One:"},{"type":"entity_ref","entity":"task"}]')],
    ],
)
async def test_an_answer_after_a_look_has_no_line(database: str, steps: list[list[Step]]) -> None:
    async with open_tessera(database) as tessera:
        answer = await ask(tessera, lambda _: steps.pop(0))
        assert LINE not in answer.text
        assert "Ninety" not in answer.text


async def test_a_failed_call_is_no_look(database: str) -> None:
    async with open_tessera(database) as tessera:
        answer = await ask(
            tessera, lambda r: say("You have ninety.") if tool_messages(r) else tool_calls(("get_task", {}))
        )
        assert answer.text.endswith(LINE)
