"""Calls from other servers to a device of this one: sent once, answered once, withdrawn in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.relay.messages import DeviceGoneMessage, ForDevice, FromDevice, Message
from server.relay.served_calls import ServedCalls
from streaming.wire import WsDataRequest, WsDataResponse, WsToolCall, WsToolCancel, WsToolResult
from tests.server.devices.test_devices import USER, Link

ASKER = uuid4()


def call(within_s: float = 30) -> ForDevice:
    frame = WsToolCall(
        call_id=uuid4(), request_id=uuid4(), tool="list_tasks", args={}, deadline_ms=30_000, requires_approval=False
    )
    return ForDevice(device_id=uuid4(), asker=ASKER, within_s=within_s, frame=frame)


def call_id_of(asked: ForDevice) -> UUID:
    return asked.frame.data_id if isinstance(asked.frame, WsDataRequest) else asked.frame.call_id


class Replies:
    """The messages that were sent back, and their receivers."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def __call__(self, user_id: UUID, asker: UUID, message: Message) -> None:
        assert (user_id, asker) == (USER, ASKER)
        self.sent.append(message)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[ServedCalls, Replies]]:
    replies = Replies()
    async with trio.open_nursery() as nursery:
        served = ServedCalls(replies)
        nursery.start_soon(served.run)
        yield served, replies
        await wait_all_tasks_blocked()
        assert len(served) == 0
        nursery.cancel_scope.cancel()


async def test_the_answer_goes_back_once() -> None:
    link, asked = Link(), call()
    async with serving() as (served, replies):
        served.serve(USER, link, asked)
        await wait_all_tasks_blocked()
        assert link.sent == [asked.frame]
        result = WsToolResult(call_id=call_id_of(asked), ok=True, data=1)
        assert link.tool_replies.answer(call_id_of(asked), result)
        await wait_all_tasks_blocked()
        assert replies.sent == [FromDevice(frame=result)]
        # A second answer is unknown, as on every socket.
        assert not link.tool_replies.answer(call_id_of(asked), result)


async def test_calls_reach_the_device_in_their_order() -> None:
    link = Link(on_call=lambda frame: WsToolResult(call_id=frame.call_id, ok=True))
    asked = [call() for _ in range(50)]
    async with serving() as (served, replies):
        for one in asked:
            served.serve(USER, link, one)
    assert link.sent == [one.frame for one in asked]
    assert len(replies.sent) == len(asked)


async def test_a_call_withdrawn_before_it_was_sent_is_never_sent() -> None:
    link, asked = Link(), call()
    cancel = WsToolCancel(call_id=call_id_of(asked))
    async with serving() as (served, replies):
        served.serve(USER, link, asked)
        served.serve(USER, link, ForDevice(device_id=uuid4(), asker=ASKER, within_s=1, frame=cancel))
    assert link.sent == []
    assert replies.sent == []


async def test_the_device_learns_of_a_call_withdrawn_later() -> None:
    link, asked = Link(), call()
    cancel = WsToolCancel(call_id=call_id_of(asked))
    async with serving() as (served, replies):
        served.serve(USER, link, asked)
        await wait_all_tasks_blocked()
        served.serve(USER, link, ForDevice(device_id=uuid4(), asker=ASKER, within_s=1, frame=cancel))
    assert link.sent == [asked.frame, cancel]
    assert replies.sent == []


async def test_a_call_is_withdrawn_at_its_deadline_even_if_the_asking_server_is_gone(autojump_clock: MockClock) -> None:
    link, asked = Link(), call(within_s=7)
    async with serving() as (served, replies):
        served.serve(USER, link, asked)
        await trio.sleep(7.1)
    assert link.sent == [asked.frame, WsToolCancel(call_id=call_id_of(asked))]
    assert replies.sent == []


async def test_the_asking_server_learns_that_a_device_is_gone() -> None:
    link, asked, other = Link(), call(), call()
    async with serving() as (served, replies):
        served.serve(USER, None, other)
        served.serve(USER, link, asked)
        await wait_all_tasks_blocked()
        link.tool_replies.device_gone()
    assert replies.sent == [DeviceGoneMessage(id=call_id_of(other)), DeviceGoneMessage(id=call_id_of(asked))]


async def test_the_device_gets_the_rest_of_the_calls_time(autojump_clock: MockClock) -> None:
    link, asked = Link(), call(within_s=30)
    async with serving() as (served, replies):
        served.serve(USER, link, asked.bounded(-0.1))
        served.serve(USER, link, asked.bounded(2.5))
        await trio.sleep(2.6)
    assert isinstance(asked.frame, WsToolCall)
    bounded = asked.frame.model_copy(update={"deadline_ms": 2500})
    assert link.sent == [bounded, WsToolCancel(call_id=call_id_of(asked))]
    assert replies.sent == []


@pytest.mark.parametrize("answered", [True, False])
async def test_a_data_request_is_answered_or_expires(autojump_clock: MockClock, answered: bool) -> None:
    link = Link()
    frame = WsDataRequest(data_id=uuid4(), request_id=uuid4(), entity="task", id="t1")
    response = WsDataResponse(data_id=frame.data_id, items=[{"id": "t1"}])
    async with serving() as (served, replies):
        served.serve(USER, link, ForDevice(device_id=uuid4(), asker=ASKER, within_s=5, frame=frame))
        await wait_all_tasks_blocked()
        if answered:
            assert link.data_replies.answer(frame.data_id, response)
        else:
            await trio.sleep(6)
    assert replies.sent == ([FromDevice(frame=response)] if answered else [])
    assert link.sent == [frame]
