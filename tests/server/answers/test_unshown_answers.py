"""Answers of which nothing can be shown, over the socket: they are failed, and the failure says what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client.terminal.answer import Answer
from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from person import Sentences
from streaming.wire import WsLocale, WsScope, WsStreamBlock, WsStreamText
from tests.model_server import ReceivedRequest, Step, chunk, end, text_stream, tool_calls
from tests.server.tessera import Tessera, open_tessera, tool_messages

SANKEY = {"type": "chart", "chartType": "sankey", "title": "Flow", "nodes": [], "links": []}
REFUSED: dict[str, tuple[Any, str]] = {
    "unknown kind": (SANKEY, 'A chart "Flow" could not be shown.'),
    "no data": ({"type": "chart", "chartType": "bar", "title": "T", "data": []}, 'A chart "T" could not be shown.'),
    "no headers": ({"type": "table"}, "A table could not be shown."),
    "unknown field": (
        {"type": "chart", "chartType": "bar", "title": "T", "from": {"entity": "task", "groupBy": "mood"}},
        'A chart "T" could not be shown.',
    ),
    "twice": ([SANKEY, SANKEY], '2 charts "Flow" could not be shown.'),
}


async def ask(tessera: Tessera, mode: str = "home", **device: Any) -> Answer:
    tools = DeviceTools(DeviceStore(None, {"task": [{"id": "t1", "title": "Walk", "status": "todo"}]})).table()
    async with tessera.device(tools=tools, **device) as connected:
        if mode == "home":
            answer = await connected.home("show the flow")
        else:
            answer = await connected.popup("show the flow", WsScope(type="task"))
        await answer.finish()
        return answer


def is_retry(request: ReceivedRequest) -> bool:
    return any("Your last answer had nothing in it" in str(message["content"]) for message in request.body["messages"])


def frames_of(answer: Answer) -> list[Any]:
    return [frame for frame in answer.frames if isinstance(frame, WsStreamText | WsStreamBlock)]


@pytest.mark.parametrize("name", REFUSED)
async def test_an_answer_of_a_refused_block_is_failed_and_says_what_is_missing(database: str, name: str) -> None:
    written, sentence = REFUSED[name]
    async with open_tessera(database) as tessera:
        tessera.script(lambda _: text_stream(json.dumps(written if isinstance(written, list) else [written])))
        answer = await ask(tessera)
        assert answer.end is not None
        assert answer.end.error is not None
        assert (answer.end.status, answer.end.error.code, answer.end.shown) == ("failed", "empty_answer", 0)
        assert answer.end.error.message == f"{sentence} The model gave no other answer. Try again."
        assert frames_of(answer) == []
        assert sum(map(is_retry, tessera.answers())) == 1


@pytest.mark.parametrize("name", ["no data", "no headers", "unknown kind"])
async def test_a_popup_of_a_refused_block_is_failed_too(database: str, name: str) -> None:
    written, sentence = REFUSED[name]
    async with open_tessera(database) as tessera:
        tessera.script(lambda _: text_stream(json.dumps([written])))
        answer = await ask(tessera, "popup")
        assert answer.end is not None
        assert answer.end.error is not None
        assert (answer.end.status, answer.end.error.code, answer.end.shown) == ("failed", "empty_answer", 0)
        assert answer.end.error.message.startswith(sentence)
        assert frames_of(answer) == []


async def test_the_failure_is_in_the_persons_language(database: str) -> None:
    async with open_tessera(database, repair_timeout_s=0) as tessera:
        tessera.script(lambda _: text_stream(json.dumps([SANKEY])))
        answer = await ask(tessera, locale=WsLocale(language="de"))
    assert answer.end is not None
    assert answer.end.error is not None
    assert answer.end.error.message.startswith('A chart "Flow" could not be shown.')
    german = Sentences.of("de")
    assert answer.end.error.text == " ".join(
        (
            german.say("unshown.chart", count=1, title=german.say("answer.unshown_title", title="Flow")),
            german.error("empty_answer"),
        )
    )


@pytest.mark.parametrize("mode", ["home", "popup"])
async def test_an_answer_of_the_retry_replaces_the_refused_block(database: str, mode: str) -> None:
    async with open_tessera(database, repair_timeout_s=0) as tessera:
        tessera.script(lambda request: text_stream("No flow." if is_retry(request) else json.dumps([SANKEY])))
        answer = await ask(tessera, mode)
        assert answer.end is not None
        assert (answer.end.status, answer.end.shown, answer.text) == ("completed", 1, "No flow.")


async def test_what_the_retry_cannot_show_is_named_beside_its_text(database: str) -> None:
    again = json.dumps([{"type": "text", "content": "Here."}, {**SANKEY, "title": "Again"}])
    async with open_tessera(database, repair_timeout_s=0) as tessera:
        tessera.script(lambda request: text_stream(again if is_retry(request) else json.dumps([SANKEY])))
        answer = await ask(tessera)
        assert answer.end is not None
        assert answer.end.status == "completed"
        assert answer.text.split("\n\n") == ["Here.", 'A chart "Again" could not be shown.']


@pytest.mark.parametrize("mode", ["home", "popup"])
async def test_a_refused_block_with_readable_data_is_an_answer(database: str, mode: str) -> None:
    async with open_tessera(database, repair_timeout_s=0) as tessera:
        tessera.script(lambda _: text_stream(json.dumps([{**SANKEY, "data": [{"from": "a", "n": 1}]}])))
        answer = await ask(tessera, mode)
        assert answer.end is not None
        assert (answer.end.status, answer.end.shown) == ("completed", 1)
        assert len(tessera.answers()) == 1, "it is not asked for again"


@pytest.mark.parametrize("mode", ["home", "popup"])
async def test_a_refused_block_after_a_change_is_named(database: str, mode: str) -> None:
    def model(request: ReceivedRequest) -> list[Step]:
        return text_stream(json.dumps([SANKEY])) if tool_messages(request) else tool_calls(created)

    created = ("create_task", {"title": "Run"})
    async with open_tessera(database, repair_timeout_s=0) as tessera:
        tessera.script(model)
        answer = await ask(tessera, mode)
        assert answer.end is not None
        assert (answer.end.status, len(answer.end.mutations)) == ("completed", 1)
        assert answer.text == 'A chart "Flow" could not be shown.'


async def test_a_refused_block_beside_text_in_a_popup_is_named_in_its_place(database: str) -> None:
    async with open_tessera(database) as tessera:
        written = [SANKEY, {"type": "text", "content": "One."}, {"type": "table"}, {"type": "text", "content": "Two."}]
        tessera.script(lambda _: text_stream(json.dumps(written)))
        answer = await ask(tessera, "popup")
        assert answer.end is not None
        assert answer.end.status == "completed"
        assert answer.text.split("\n\n") == [
            'A chart "Flow" could not be shown.',
            "One.",
            "A table could not be shown.",
            "Two.",
        ]


CUT = ("The model reached its limit of tokens before it wrote anything that can be shown.", "answer.cut_before_text")
FILTERED = (
    "The model's content filter stopped the answer before anything that can be shown.",
    "answer.filtered_before_text",
)


@pytest.mark.parametrize(
    ("finish", "said", "mode", "reasoning"),
    [
        ("length", CUT, "home", True),
        ("length", CUT, "popup", False),
        ("content_filter", FILTERED, "home", False),
        ("content_filter", FILTERED, "popup", True),
    ],
)
async def test_an_answer_that_is_cut_before_its_first_text_says_so(
    database: str, finish: str, said: tuple[str, str], mode: str, reasoning: bool
) -> None:
    async with open_tessera(database) as tessera:
        thought = [chunk({"reasoning_content": "Hm."})] if reasoning else []
        tessera.script(lambda _: [*thought, *end(finish)])
        answer = await ask(tessera, mode, locale=WsLocale(language="fr"))
        ended = answer.end
        assert ended is not None
        assert ended.error is not None
        assert (ended.status, ended.finish, ended.error.code, ended.shown) == ("failed", finish, "empty_answer", 0)
        assert ended.error.message == f"{said[0]} Try again."
        assert ended.error.text == Sentences.of("fr").say(said[1])
