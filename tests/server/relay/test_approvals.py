"""An approval of a call at one server is answered by a device at another server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock

from client.terminal.account import SignIn
from client.terminal.connection import Connection, open_connection
from server.devices import OpenApprovals
from server.relay.approvals import RelayedApprovals
from server.relay.messages import ApprovalAsked, ApprovalGiven, Message
from server.relay.send_queue import SendQueue
from streaming.wire import (
    ServerFrame,
    WsApproval,
    WsApprovalClosed,
    WsApprovalRequest,
    WsDeviceHello,
    WsError,
    WsHomeRequest,
    WsStreamEnd,
    WsToolCall,
    WsToolCancel,
    WsToolError,
    WsToolResult,
)
from tests.model_server import ReceivedRequest, Step, tool_calls
from tests.server.memory_server import hello
from tests.server.relay.test_two_servers import chat, two_servers
from tests.server.tessera import Tessera, text_block, tool_messages


def delete_then_say(request: ReceivedRequest) -> list[Step]:
    if tool_messages(request):
        return text_block("So be it.")
    return tool_calls(("delete_task", {"id": "t1"}))


@asynccontextmanager
async def connected(tessera: Tessera, account: SignIn) -> AsyncIterator[Connection]:
    async with open_connection(tessera.ws_url) as connection:
        fields = hello(account.access_token, features=["ledger", "approvals"])
        await connection.send(WsDeviceHello.model_validate(fields))
        await connection.receive()
        yield connection


async def until(connection: Connection, kind: type[Any]) -> Any:
    with trio.fail_after(30):
        while not isinstance(frame := await connection.receive(), kind):
            pass
    return frame


@pytest.mark.parametrize("late", [False, True], ids=["connected before", "connects while it is asked"])
async def test_a_device_at_another_server_approves(database: str, late: bool) -> None:
    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(delete_then_say)
        async with connected(one, account) as owner:
            if late:
                await owner.send(WsHomeRequest(message="delete the task Run"))
                call = await until(owner, WsToolCall)
            async with connected(other, account) as phone:
                if not late:
                    await owner.send(WsHomeRequest(message="delete the task Run"))
                    call = await until(owner, WsToolCall)
                asked = await until(phone, WsApprovalRequest)
                assert (asked.call_id, asked.tool, asked.args) == (call.call_id, "delete_task", {"id": "t1"})
                await phone.send(WsApproval(call_id=asked.call_id, approved=True))
                cancel = await until(owner, WsToolCancel)
                assert (cancel.call_id, cancel.confirm) == (call.call_id, True)
                fault = WsToolError(code="not_started", message="")
                await owner.send(WsToolResult(call_id=call.call_id, ok=False, error=fault))
                made = await until(owner, WsToolCall)
                assert not made.requires_approval
                closed = await until(phone, WsApprovalClosed)
                assert (closed.call_id, closed.outcome) == (call.call_id, "approved")
                await owner.send(WsToolResult(call_id=made.call_id, ok=True, data={"id": "t1"}))
                assert len((await until(owner, WsStreamEnd)).mutations) == 1
                await phone.send(WsApproval(call_id=asked.call_id, approved=True))
                assert (await until(phone, WsError)).code == "unknown_call"


async def test_a_call_from_a_server_without_the_device_is_approved_by_any_device(database: str) -> None:
    """The request runs at the server `one`, and both devices are connected to `other`."""
    async with two_servers(database) as (one, other):
        account = await one.account()
        one.script(delete_then_say)
        async with (
            connected(other, account) as phone,
            connected(other, account) as owner,
            trio.open_nursery() as nursery,
        ):
            ended: list[Any] = []

            async def ask() -> None:
                ended.append((await chat(one, account)).json())

            nursery.start_soon(ask)
            call = await until(owner, WsToolCall)
            await phone.send(WsApproval(call_id=(await until(phone, WsApprovalRequest)).call_id, approved=False))
            await until(owner, WsToolCancel)
            fault = WsToolError(code="not_started", message="")
            await owner.send(WsToolResult(call_id=call.call_id, ok=False, error=fault))
            assert (await until(phone, WsApprovalClosed)).outcome == "denied"
        assert ended[0]["mutations"] == []
        assert "denied" in tool_messages(one.answers()[-1])[0]


class Device:
    """A device at this server, as approvals see it."""

    answers_approvals = True

    def __init__(self) -> None:
        self.device_id = uuid4()
        self.frames: list[ServerFrame] = []

    def send_control(self, frame: ServerFrame) -> None:
        self.frames.append(frame)


class Foreign:
    """An approval of another server that a device here was asked for. It expires after a minute."""

    def __init__(self) -> None:
        self.device, self.asker, self.user_id = Device(), uuid4(), uuid4()
        self.sent: list[tuple[UUID, Message]] = []
        self.approvals = OpenApprovals(lambda _: [self.device])
        out = SendQueue(None)  # type: ignore[arg-type]  # nothing is queued
        self.relayed = RelayedApprovals(uuid4(), out, self.approvals, self._post)
        request = WsApprovalRequest(call_id=uuid4(), request_id=uuid4(), tool="delete_task", args={}, expires_ms=60_000)
        self.call_id = request.call_id
        message = ApprovalAsked(device_id=uuid4(), asker=self.asker, frame=request)
        self.relayed.asked(self.user_id, message, took_s=1)

    def _post(self, user_id: UUID, server_id: UUID, message: Message) -> None:
        assert user_id == self.user_id
        self.sent.append((server_id, message))

    def answer(self) -> bool:
        return self.approvals.answer(self.user_id, self.device.device_id, self.given)

    @property
    def given(self) -> WsApproval:
        return WsApproval(call_id=self.call_id, approved=True)

    def outcomes(self) -> list[str]:
        return [frame.outcome for frame in self.device.frames if isinstance(frame, WsApprovalClosed)]


async def test_an_answer_goes_to_the_server_that_asked() -> None:
    foreign = Foreign()
    assert foreign.answer()
    assert foreign.sent == [(foreign.asker, ApprovalGiven(device_id=foreign.device.device_id, frame=foreign.given))]
    assert foreign.outcomes() == []


async def test_the_approvals_of_a_server_that_is_gone_are_closed() -> None:
    foreign = Foreign()
    foreign.relayed.server_gone(uuid4())
    assert foreign.relayed.servers() == {foreign.asker}
    foreign.relayed.server_gone(foreign.asker)
    assert foreign.outcomes() == ["cancelled"]
    assert not foreign.answer()


async def test_the_approvals_of_a_server_that_says_nothing_expire(autojump_clock: MockClock) -> None:
    foreign = Foreign()
    await trio.sleep(58)
    foreign.relayed.end_expired()
    assert foreign.outcomes() == []
    await trio.sleep(1)
    assert not foreign.answer()
    assert foreign.approvals.waiting(foreign.user_id, foreign.device.device_id) == []
    foreign.relayed.end_expired()
    assert foreign.outcomes() == ["expired"]
