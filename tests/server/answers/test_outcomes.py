"""How an answer ended, over the socket: completed only if something was shown or changed and the model finished."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from person import Sentences
from streaming.wire import WsLocale, WsScope
from tests.model_server import ReceivedRequest, Step, chunk, end, error_status, text_stream, tool_calls
from tests.server.conversation import chat
from tests.server.tessera import Tessera, data_of, open_tessera, text_block, tool_messages

HINT = "Your last answer had nothing in it"


def is_retry(request: ReceivedRequest) -> bool:
    return any(HINT in str(message["content"]) for message in request.body["messages"])


def say(text: str, finish: str = "stop") -> list[Step]:
    return text_stream(json.dumps([{"type": "text", "content": text}]), usage=(5, 5), finish=finish)


EMPTY = [
    *("", "   ", "[]", '{"type":"chart"', "null", "```json\n```", "```json\n[]\n```", '{"answer":null}'),
    *('[{"type":"timeline","checkpoints":[]}]', '[{"type":"table","headers":["a"],"rows":[]}]'),
]


@pytest.mark.parametrize("empty", EMPTY)
async def test_an_answer_that_shows_nothing_is_asked_for_once_more(database: str, empty: str) -> None:
    async with open_tessera(database, repair_timeout_s=0) as tessera, tessera.device() as device:
        tessera.script(lambda request: say("Good day.") if is_retry(request) else text_stream(empty))
        answer = await device.home("hello")
        ended = await answer.finish()
        assert (ended.status, ended.finish, ended.error) == ("completed", "stop", None)
        assert "Good day." in answer.text
        assert len(tessera.answers()) == 2


@pytest.mark.parametrize("mode", ["home", "popup"])
async def test_an_answer_that_stays_empty_is_failed(database: str, mode: str) -> None:
    async with open_tessera(database) as tessera, tessera.device() as device:
        tessera.script(lambda _: end())
        answer = await (device.home("hello") if mode == "home" else device.popup("hello", WsScope(type="task")))
        ended = await answer.finish()
        assert ended.error is not None
        assert (ended.status, ended.error.code, ended.shown) == ("failed", "empty_answer", 0)
        assert len(tessera.answers()) == 2


async def test_an_empty_answer_after_a_change_is_completed(database: str) -> None:
    async with open_tessera(database) as tessera:
        store = DeviceStore(None, {})
        async with tessera.device(tools=DeviceTools(store).table()) as device:
            tessera.script(lambda r: end() if tool_messages(r) else tool_calls(("create_task", {"title": "Walk"})))
            ended = await (await device.home("create a task")).finish()
            assert (ended.status, ended.shown, len(ended.mutations)) == ("completed", 0, 1)
            assert len(tessera.answers()) == 2


async def test_a_failure_after_a_change_does_not_ask_the_person_to_try_again(database: str) -> None:
    def model(request: ReceivedRequest) -> list[Step]:
        if tool_messages(request):
            return error_status(500, {"error": {"message": "broken"}})
        return tool_calls(("create_task", {"title": "Pay the rent"}))

    async with open_tessera(database) as tessera:
        tools = DeviceTools(DeviceStore(None, {})).table()
        async with tessera.device(tools=tools, locale=WsLocale(language="de")) as device:
            tessera.script(model)
            ended = await (await device.home("create the task Pay the rent")).finish()
    assert ended.error is not None
    assert (ended.status, ended.error.retryable, len(ended.mutations)) == ("failed", False, 1)
    assert "ry again" not in ended.error.message
    assert "check your items before you ask again" in ended.error.message
    assert ended.error.text == Sentences.of("de").say("answer.failed_after_change")


@pytest.mark.parametrize(("finish", "named"), [("length", "limit of tokens"), ("content_filter", "filter")])
async def test_a_cut_answer_says_so_and_is_remembered_as_incomplete(database: str, finish: str, named: str) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
        async with tessera.device(account) as device:
            tessera.script(lambda _: say("Rent is due on", finish))
            answer = await device.home("my rent is due on Friday")
            ended = await answer.finish()
            assert ended.error is not None
            assert (ended.status, ended.finish, ended.error.code) == ("failed", finish, "answer_cut")
            assert named in ended.error.message
            assert answer.text == "Rent is due on"
            assert ended.shown == 1

            tessera.script(lambda _: say("On Friday."))
            assert (await (await device.home("when is my rent due?")).finish()).status == "completed"
            prompt = data_of(tessera.answers()[-1])
            assert "it is incomplete" in prompt
            assert prompt.count("it is incomplete") == 1


async def test_a_rest_client_gets_what_a_cut_answer_showed(database: str) -> None:
    async with open_tessera(database) as tessera:
        token = (await tessera.account()).access_token
        tessera.script(lambda _: say("Rent is due on", "length"))
        response = await chat(tessera, token, message="hello")
        assert response.status_code == 502
        body = response.json()
        assert body["error"]["code"] == "answer_cut"
        assert body["finish"] == "length"
        assert [block["content"] for block in body["blocks"]] == ["Rent is due on"]

        tessera.script(lambda _: say("Fine."))
        body = (await chat(tessera, token, message="hello")).json()
        assert (body["status"], body["finish"], body["shown"]) == ("completed", "stop", 1)


async def test_an_answer_without_further_tools_says_so(database: str) -> None:
    tools = DeviceTools(DeviceStore(None, {})).table()
    async with open_tessera(database, max_tool_rounds=1) as tessera, tessera.device(tools=tools) as device:
        tessera.script(lambda r: say("Nothing.") if "tools" not in r.body else tool_calls(("list_tasks", {})))
        ended = await (await device.home("tasks?")).finish()
        assert (ended.status, ended.finish) == ("completed", "tool_limit")


async def test_shown_counts_blocks_but_not_reasoning(database: str) -> None:
    async with open_tessera(database, show_reasoning=True) as tessera, tessera.device() as device:
        tessera.script(lambda _: [chunk({"reasoning_content": "Hm."}), *text_block("One.")])
        ended = await (await device.home("hello")).finish()
        assert (ended.status, ended.shown) == ("completed", 1)

        tessera.script(lambda _: [chunk({"reasoning_content": "Hm."}), *end()])
        ended = await (await device.home("hello")).finish()
        assert (ended.status, ended.shown) == ("failed", 0)


async def cut_call(tessera: Tessera, store: DeviceStore, *replies: list[Step]) -> tuple[Any, list[list[str]]]:
    async with tessera.device(tools=DeviceTools(store).table()) as device:
        remaining = list(replies)
        tessera.script(lambda _: remaining.pop(0))
        answer = await device.home("create two tasks")
        await answer.finish()
        return answer, [tool_messages(request) for request in tessera.answers()]


def cut(*whole: tuple[str, dict[str, Any]]) -> list[Step]:
    """Whole calls, then one whose arguments end at the token limit."""
    steps = [step for step in tool_calls(*whole) if step not in end("tool_calls")] if whole else []
    opening = {"index": len(whole), "id": "cut", "type": "function"}
    function = {"name": "create_task", "arguments": '{"title": "Buy mi'}
    return [*steps, chunk({"tool_calls": [{**opening, "function": function}]}), *end("length")]


async def test_a_cut_call_is_not_run_and_the_model_is_told_once(database: str) -> None:
    store = DeviceStore(None, {})
    async with open_tessera(database) as tessera:
        answer, seen = await cut_call(
            tessera, store, cut(("create_task", {"title": "Walk"})), say("Only one was created.")
        )
        assert [task["title"] for task in store.list("task")[0]] == ["Walk"]
        assert ["call_cut" in result for result in seen[1]] == [False, True]
        assert answer.end.status == "completed"


async def test_a_call_that_is_cut_again_ends_the_answer(database: str) -> None:
    store = DeviceStore(None, {})
    async with open_tessera(database) as tessera:
        answer, seen = await cut_call(tessera, store, cut(), cut(), end("length"))
        assert store.list("task")[0] == []
        assert "call_cut" in seen[1][0]
        assert (answer.end.status, answer.end.finish) == ("failed", "length")
        assert len(seen) == 3, "the third call asks for an answer, because nothing was shown"
