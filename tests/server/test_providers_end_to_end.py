"""Habits of model servers, through the whole server: reasoning in the text of every API, a strict order of roles."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.model_server import ReceivedRequest, Send, Step, error_status, tool_calls
from tests.server.tessera import open_tessera, text_block
from tests.streaming.dialects.text_streams import event, payloads

TWO = '[{"type":"text","content":"You have two."}]'


@pytest.mark.parametrize("dialect", ["openai-responses", "anthropic-messages"])
async def test_reasoning_in_the_text_is_not_shown(database: str, dialect: str) -> None:
    """As vLLM and llama.cpp serve an open model over these APIs, if they have no parser for its reasoning."""
    settings = {"model_dialect": dialect, "router_asks": "never"}
    async with open_tessera(database, **settings) as tessera, tessera.device() as device:
        for parts in (["<thi", "nk>I count.</think>", TWO], ["The user wants ", "a number.\n</think>\n", TWO]):
            steps: list[Step] = [Send(event(payload)) for payload in payloads(dialect, parts)]
            tessera.model.reply(steps)
            answer = await device.home("thanks, that is all")
            assert (await answer.finish()).status == "completed"
            assert answer.text == "You have two."


async def test_mistral_answers_after_a_tool_call(database: str) -> None:
    """In the shape `native`, a message of the user asks for the answer after the results of the tools."""

    def mistral(request: ReceivedRequest) -> list[Step]:
        roles = [message["role"] for message in request.body["messages"]]
        if ("tool", "user") in pairwise(roles):
            return error_status(400, {"message": "Unexpected role 'user' after role 'tool'", "code": "3230"})
        if request.body.get("tool_choice") != "required":
            return text_block("Two.")
        return tool_calls(("answer", {})) if "tool" in roles else tool_calls(("list_tasks", {}))

    async def list_tasks(_: object) -> object:
        return {"items": [{"id": "t1", "title": "A"}, {"id": "t2", "title": "B"}]}

    settings = {"model_name": "mistral-small-latest", "model_shape": "native", "router_asks": "never"}
    async with (
        open_tessera(database, **settings) as tessera,
        tessera.device(tools={"list_tasks": list_tasks}) as device,
    ):
        tessera.model.fallback = mistral
        answer = await device.home("How many tasks do I have?")
        assert (await answer.finish()).status == "completed"
        assert answer.text == "Two."
