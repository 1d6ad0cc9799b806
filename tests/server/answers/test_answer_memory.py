"""What of an answer is stored in memory, and what the person reads about memory in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import trio

from person import Sentences
from server.memory_service import RecalledContext
from server.memory_service.obedience import Obeyed
from server.requests import ChatInput
from streaming.model import ModelError
from streaming.wire import ErrorCode
from tests.server.memory_server import NoMemory, memory_server
from tests.server.scripted_model import text_block
from tests.server.sessions.resuming_client import home

CUT = ModelError(ErrorCode.MODEL_CUT, "The model's answer was cut off.", retryable=True)


class Recording(NoMemory):
    """Records what is stored, and obeys as told."""

    def __init__(self, obeyed: Obeyed | None = None) -> None:
        self.obeyed = obeyed or Obeyed()
        self.stored: list[tuple[str, str, bool]] = []

    async def obey(self, chat: ChatInput, sentences: Sentences) -> Obeyed:
        return self.obeyed

    async def store(
        self,
        chat: ChatInput,
        response: str,
        agent: str | None,
        recalled: RecalledContext,
        asked_at: datetime,
        *,
        complete: bool = True,
        **others: Any,
    ) -> None:
        self.stored.append((chat.message, response, complete))


@pytest.mark.parametrize(
    ("obeyed", "shown", "stored"),
    [
        (Obeyed(), "Well.", [("hello", "Well.", True)]),
        (Obeyed("This exchange is not stored in memory.", stored=False), "not stored in memory", []),
        (Obeyed("Forgotten: 1 item in memory.", forgotten=True, message="rest"), "Forgotten: 1", [("rest", "", True)]),
    ],
)
async def test_a_wish_about_memory_is_confirmed_in_the_answer_and_obeyed(
    obeyed: Obeyed, shown: str, stored: list[tuple[str, str, bool]]
) -> None:
    memory = Recording(obeyed)
    stack = replace(memory_server(), memory=memory)
    stack.model.answer(text_block("Well."))
    async with stack.device() as socket:
        await socket.say(**home("hello"))
        frames = await socket.hear_until("stream_end")
    assert frames[-1]["status"] == "completed"
    assert shown in "".join(frame.get("chunk", "") for frame in frames)
    assert memory.stored == stored


@pytest.mark.parametrize("rest", [None, "Delete the task Milk."])
async def test_an_answer_does_not_deny_what_memory_did(rest: str | None) -> None:
    # If the message asks for something else too, the model's claim about that is still corrected.
    obeyed = Obeyed("Erased: all of memory.", forgotten=True, stored=rest is not None, message=rest)
    stack = replace(memory_server(), memory=Recording(obeyed))
    stack.model.answer(text_block("I have deleted everything."))
    stack.model.answer(text_block("I have deleted everything."))  # it is asked again, because it changed nothing
    async with stack.device() as socket:
        await socket.say(**home(f"Delete my memory. {rest or ''}"))
        frames = await socket.hear_until("stream_end")
    shown = "".join(frame.get("chunk", "") for frame in frames)
    assert "Erased: all of memory." in shown
    assert ("Nothing was changed." in shown) == (rest is not None)


async def test_an_answer_whose_model_has_finished_is_stored_also_if_it_is_cancelled_then() -> None:
    memory = Recording()
    stack = replace(memory_server(), memory=memory)
    repairing = trio.Event()
    stack.model.answer('[{"type": "text", "content": "Well."}, {"type": "chart"}]')
    stack.model.answer(repairing)  # the chart is asked for again
    async with stack.device() as socket:
        request = home("hello")
        await socket.say(**request)
        await socket.hear_until("stream_text")
        while not stack.model.open or len(stack.model.requests) < 3:
            await trio.lowlevel.checkpoint()
        await socket.say(type="cancel", request_id=request["request_id"])
        end = (await socket.hear_until("stream_end"))[-1]
    assert end["status"] == "cancelled"
    assert memory.stored == [("hello", "Well.", True)]


async def test_a_cancelled_answer_is_stored_as_far_as_it_was_shown_and_marked_as_incomplete() -> None:
    memory = Recording()
    stack = replace(memory_server(), memory=memory)
    stack.model.answer('[{"type": "text", "content": "One, two', trio.Event())
    async with stack.device() as socket:
        request = home("Count")
        await socket.say(**request)
        await socket.hear_until("stream_text")
        await socket.say(type="cancel", request_id=request["request_id"])
        end = (await socket.hear_until("stream_end"))[-1]
    assert end["status"] == "cancelled"
    assert memory.stored == [("Count", "One, two", False)]


async def test_an_answer_that_fails_is_stored_as_far_as_it_was_shown_and_marked_as_incomplete() -> None:
    memory = Recording()
    stack = replace(memory_server(), memory=memory)
    stack.model.answer('[{"type": "text", "content": "One, two', CUT)
    async with stack.device() as socket:
        await socket.say(**home("Count"))
        end = (await socket.hear_until("stream_end"))[-1]
    assert end["status"] == "failed"
    assert memory.stored == [("Count", "One, two", False)]


async def test_an_answer_that_is_cancelled_before_it_shows_anything_is_not_stored() -> None:
    memory = Recording()
    stack = replace(memory_server(), memory=memory)
    stack.model.answer(trio.Event())
    async with stack.device() as socket:
        request = home("Count")
        await socket.say(**request)
        await socket.hear_until("stream_start")
        await socket.say(type="cancel", request_id=request["request_id"])
        await socket.hear_until("stream_end")
    assert memory.stored == []
