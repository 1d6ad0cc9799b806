"""A cancel closes the connection to the model before anything else of the server runs."""

from __future__ import annotations

from uuid import UUID

import pytest
import trio

from agents.model import Models
from server.sessions.running_request import RunningRequest
from sql import owners
from streaming.model import ChatModel, ModelConfig, open_http_client
from streaming.wire import ErrorCode, WsFailure
from tests.model_server import chunk
from tests.server.memory_server import MemoryServer, NoMemory
from tests.server.scripted_model import ScriptedModel, text_block
from tests.server.sessions.resuming_client import home
from tests.streaming.http.peer import Conversation, open_peer, unread

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def pieces(*texts: str) -> bytes:
    data = b"".join(chunk({"content": text}).data for text in texts)
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("failure", [None, WsFailure(code=ErrorCode.SERVER_LOST, message="stops", retryable=True)])
async def test_a_cancel_closes_the_connection_to_the_model_first(failure: WsFailure | None) -> None:
    connections: list[int] = []

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        assert isinstance(conversation.stream, trio.SocketStream)
        connections.append(conversation.stream.socket.fileno())
        await conversation.send(HEAD + pieces('[{"type":"text","content":"Good ', "morn"))
        await conversation.until_closed()

    async with open_peer(script) as peer, open_http_client() as client:
        model = ChatModel(client, ModelConfig("m", peer.url("/v1")))
        stack = MemoryServer(models=Models(answer=model, router=ScriptedModel()))
        async with stack.device() as device:
            request = home()
            await device.say(**request)
            await device.hear_until("stream_text")
            running = stack.sessions.running(stack.user_id, request["request_id"])
            assert isinstance(running, RunningRequest)
            assert unread(connections[0]) is None
            if failure is None:
                running.cancel()
            else:
                running.fail(failure)
            # No other task has run since.
            assert unread(connections[0]) == b""
            end = (await device.hear_until("stream_end"))[-1]
            assert end["status"] == ("cancelled" if failure is None else "failed")


class UrgencyOfTheEnd(NoMemory):
    """Records whether the end of a request takes connections of the database as urgent work."""

    def __init__(self) -> None:
        self.urgent: list[bool] = []

    async def quota_reached(self, user_id: UUID) -> WsFailure | None:
        self.urgent.append(owners._urgent.get())
        return await super().quota_reached(user_id)

    async def store(self, *args: object, **kwargs: object) -> None:
        del args, kwargs
        self.urgent.append(owners._urgent.get())
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("cancelled", [True, False])
async def test_the_end_of_an_answer_does_not_queue_behind_background_work_for_a_connection(cancelled: bool) -> None:
    memory = UrgencyOfTheEnd()
    stack = MemoryServer(memory=memory)
    if cancelled:
        stack.model.answer('[{"type":"text","content":"Good ', trio.Event(), 'morning"}]')
    else:
        stack.model.answer(text_block("Good morning"))
    async with stack.device() as device:
        request = home()
        await device.say(**request)
        await device.hear_until("stream_text")
        if cancelled:
            await device.say(type="cancel", request_id=request["request_id"])
        await device.hear_until("stream_end")
    assert memory.urgent == [True, True]
