"""Tools on a device: exactly one result per call, also on faults of the device, the person or the network."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
import trio
import trio.testing

from agents.device import DeviceCall, DeviceResult, Outcome
from person import StatedLocale
from server.devices.calls import RemoteDevice, ToolTimeouts
from server.devices.registry import DeviceRegistry
from server.devices.replies import PendingReplies
from server.telemetry.live import LiveSocket
from server.telemetry.metrics import Metrics
from streaming.wire import (
    ServerFrame,
    WsDataRequest,
    WsDataResponse,
    WsToolCall,
    WsToolCancel,
    WsToolError,
    WsToolResult,
)
from streaming.wire.codes import CloseCode

USER = uuid4()


class Link:
    """A connected device that records the frames it receives and answers calls with `on_call`."""

    def __init__(self, user_id: UUID = USER, on_call: Callable[[WsToolCall], WsToolResult] | None = None) -> None:
        self.user_id = user_id
        self.device_id = uuid4()
        self.locale: StatedLocale | None = None
        self.tool_replies = PendingReplies[WsToolResult]()
        self.data_replies = PendingReplies[WsDataResponse]()
        self.sent: list[ServerFrame] = []
        self.closed: CloseCode | None = None
        self.attached = True
        self.answers_approvals = False
        self._on_call = on_call

    def send_control(self, frame: ServerFrame) -> None:
        self.sent.append(frame)
        if isinstance(frame, WsToolCall) and self._on_call is not None:
            assert self.tool_replies.answer(frame.call_id, self._on_call(frame))

    def close(self, code: CloseCode, reason: str) -> None:
        self.closed = code

    def drain(self) -> None:
        raise AssertionError("nobody drains here")

    @property
    def queued_bytes(self) -> int:
        return 0

    def live(self) -> LiveSocket:
        raise AssertionError("nobody looks here")


def remote(registry: DeviceRegistry, device_id: UUID | None = None, user_id: UUID = USER) -> RemoteDevice:
    return RemoteDevice(registry, user_id, device_id, uuid4(), ToolTimeouts(call_s=30, approval_s=120), Metrics())


def answering(**fields: object) -> Callable[[WsToolCall], WsToolResult]:
    return lambda call: WsToolResult.model_validate({"call_id": call.call_id, **fields})


CALL = DeviceCall("list_tasks", {"limit": 3})


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"ok": True, "data": {"items": []}}, DeviceResult(Outcome.ANSWERED, {"items": []})),
        ({"ok": True}, DeviceResult(Outcome.ANSWERED)),
        (
            {"ok": False, "error": {"code": "not_found", "message": "no such task"}},
            DeviceResult(Outcome.ERROR, code="not_found", message="no such task"),
        ),
        ({"ok": False, "error": {"code": "denied"}}, DeviceResult(Outcome.DENIED, code="denied")),
        (
            {"ok": True, "edited_args": {"limit": 1}},
            DeviceResult(Outcome.ERROR, code="not_asked", message="The call did not ask for approval."),
        ),
        ({"ok": False}, DeviceResult(Outcome.ERROR, code="error", message="The device gave no reason.")),
    ],
)
async def test_an_answer_becomes_a_result(fields: dict[str, object], result: DeviceResult) -> None:
    registry = DeviceRegistry()
    registry.add(Link(on_call=answering(**fields)))
    assert await remote(registry).execute(CALL) == result


@pytest.mark.parametrize(("approval", "deadline_s"), [(False, 30), (True, 120)])
async def test_a_missed_deadline_withdraws_the_call(
    autojump_clock: trio.testing.MockClock, approval: bool, deadline_s: float
) -> None:
    registry = DeviceRegistry()
    registry.add(link := Link())
    result = await remote(registry).execute(DeviceCall("delete_task", {"id": "1"}, requires_approval=approval))
    assert result.outcome is Outcome.DEADLINE
    assert trio.current_time() == pytest.approx(deadline_s)
    asked, withdrawn = link.sent
    assert isinstance(asked, WsToolCall)
    assert asked.deadline_ms == deadline_s * 1000
    assert withdrawn == WsToolCancel(call_id=asked.call_id)
    assert not link.tool_replies.answer(asked.call_id, WsToolResult(call_id=asked.call_id, ok=True))


async def test_cancelling_withdraws_the_call() -> None:
    registry = DeviceRegistry()
    registry.add(link := Link())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(remote(registry).execute, CALL)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [type(frame) for frame in link.sent] == [WsToolCall, WsToolCancel]
    assert len(link.tool_replies) == 0


async def test_a_device_that_disappears_ends_the_call() -> None:
    registry = DeviceRegistry()
    registry.add(link := Link())
    results = []

    async def run() -> None:
        results.append(await remote(registry).execute(CALL))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked()
        registry.remove(link)
        link.tool_replies.device_gone()
    assert results[0].outcome is Outcome.DEVICE_GONE
    assert (await remote(registry).execute(CALL)).outcome is Outcome.DEVICE_OFFLINE


async def test_a_call_goes_to_the_named_device_or_the_latest_of_this_user() -> None:
    registry = DeviceRegistry()
    first, second, stranger = Link(), Link(), Link(user_id=uuid4())
    for link in (first, second, stranger):
        registry.add(link)
    assert registry.find(USER) is second
    assert registry.find(USER, first.device_id) is first
    assert registry.find(USER, stranger.device_id) is None
    assert (await remote(registry, stranger.device_id).execute(CALL)).outcome is Outcome.DEVICE_OFFLINE
    assert not stranger.sent


async def test_the_device_that_served_the_first_call_serves_them_all() -> None:
    registry = DeviceRegistry()
    registry.add(first := Link(on_call=answering(ok=True)))
    device = remote(registry)
    await device.execute(CALL)
    registry.add(second := Link(on_call=answering(ok=True)))
    await device.execute(CALL)
    assert (len(first.sent), len(second.sent), device.device_id) == (2, 0, first.device_id)


async def test_an_older_socket_that_ends_late_does_not_remove_the_newer() -> None:
    registry = DeviceRegistry()
    older, newer = Link(), Link()
    newer.device_id = older.device_id
    registry.add(older)
    registry.add(newer)
    assert older.closed is CloseCode.REPLACED
    registry.remove(older)
    assert registry.find(USER) is newer
    registry.remove(newer)
    assert len(registry) == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"error": WsToolError(code="not_found", message="gone")}, "not_found"),
        ({"items": []}, "not_found"),
        ({"items": [{"id": "another"}]}, "not_found"),
        ({}, "not_found"),
    ],
)
async def test_an_item_that_the_device_does_not_have(fields: dict[str, object], code: str) -> None:
    registry = DeviceRegistry()
    registry.add(link := Link())
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            await trio.testing.wait_all_tasks_blocked()
            (asked,) = link.sent
            assert isinstance(asked, WsDataRequest)
            link.data_replies.answer(asked.data_id, WsDataResponse.model_validate({"data_id": asked.data_id, **fields}))

        nursery.start_soon(answer)
        found = await remote(registry).fetch("task", "t1")
    assert isinstance(found, DeviceResult)
    assert found.code == code
