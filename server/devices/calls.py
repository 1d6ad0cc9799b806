"""One request's device: runs its tool calls and reads items of its data, wherever the device is connected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import trio

from agents.device import DeviceCall, DeviceResult, Outcome
from server.devices.changes import changes_data
from server.devices.registry import DeviceRegistry, DeviceSide
from server.devices.replies import DeviceGone
from server.telemetry import LiveCall, Metrics, tool_span
from streaming.wire import Entity, ToolState, WsDataRequest, WsToolCall, WsToolCancel, WsToolEvent, WsToolResult

_OFFLINE: Final = DeviceResult(
    Outcome.DEVICE_OFFLINE, code="device_offline", message="No device of this person is connected."
)
_GONE: Final = DeviceResult(
    Outcome.DEVICE_GONE, code="device_gone", message="The device disconnected before it answered."
)
_DEADLINE: Final = DeviceResult(Outcome.DEADLINE, code="deadline", message="The device did not answer in time.")


_UNKNOWN: Final = DeviceResult(
    Outcome.UNKNOWN,
    code="outcome_unknown",
    message="The device started this call, and it is not known whether it was completed.",
)
_SUPERSEDED: Final = DeviceResult(
    Outcome.ERROR,
    code="server_lost",
    message="Other servers may treat this one as gone and the request as failed, so the call was not made.",
)
_NOTHING_CHANGED: Final = frozenset({Outcome.EDITED, Outcome.ERROR, Outcome.DENIED, Outcome.DEVICE_OFFLINE})
"""The outcomes after which it is certain that the call has changed nothing."""


@dataclass(frozen=True, slots=True)
class ToolTimeouts:
    """Seconds that a device has for one call: `approval_s` if the person must approve it, else `call_s`."""

    call_s: float
    approval_s: float


class RemoteDevice:
    """One request's device: implements `agents.device.DeviceExecutor` and reads the item of a popup's scope.

    The device is looked up at each call, so that a device that has reconnected serves the next call.
    """

    def __init__(
        self,
        registry: DeviceRegistry,
        user_id: UUID,
        device_id: UUID | None,
        request_id: UUID,
        timeouts: ToolTimeouts,
        metrics: Metrics,
        before_change: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """`before_change` is awaited before each call that changes data; if it returns False, the call is not made."""
        self._before_change = before_change
        self.report: Callable[[WsToolEvent], Awaitable[None]] | None = None
        """Receives the beginning and the end of each call, if the client wants to know. Raises only `Cancelled`."""
        self._registry = registry
        self._user_id = user_id
        self._device_id = device_id
        self._request_id = request_id
        self._timeouts = timeouts
        self._metrics = metrics
        # A fair lock, so that calls reach the device in the order in which they were made.
        self._finding = trio.Lock()
        self._calls: dict[UUID, tuple[str, float]] = {}
        # The calls that change data: whether one was completed or may have been, and those without an outcome.
        self._changed = False
        self._changing: set[UUID] = set()

    @property
    def device_id(self) -> UUID | None:
        """The device that calls go to. None until a device is named or has served a call."""
        return self._device_id

    @property
    def may_have_changed(self) -> bool:
        """Whether a call has changed data, or may have. A retry of the request could then change it twice."""
        return self._changed or bool(self._changing)

    def live(self) -> list[LiveCall]:
        """The calls that the device has not answered, the oldest first."""
        now = trio.current_time()
        return [
            LiveCall(tool=tool, call_id=call_id, age_s=round(now - since, 3))
            for call_id, (tool, since) in self._calls.items()
        ]

    async def _link(self) -> DeviceSide | None:
        async with self._finding:
            link = await self._registry.locate(self._user_id, self._device_id)
            if link is not None:
                # The device of the first call serves all calls: another device may have other data.
                self._device_id = link.device_id
        return link

    async def execute(self, call: DeviceCall) -> DeviceResult:
        """Run `call` on the device; see `agents.device.DeviceExecutor`."""
        outcome = Outcome.CANCELLED
        call_id, began = uuid4(), trio.current_time()
        self._calls[call_id] = call.tool, began
        if changes_data(call.tool):
            self._changing.add(call_id)  # before the call is offered
        await self._tell(call, call_id, "waiting_for_approval" if call.requires_approval else "started")
        try:
            with tool_span(call.tool, str(call_id)) as opened:
                if call_id in self._changing and self._before_change is not None and not await self._before_change():
                    result = _SUPERSEDED
                else:
                    result = await self._execute(call, call_id)
                outcome = result.outcome
                if opened is not None and not result.ok:
                    opened.failed(outcome.value)
        finally:
            del self._calls[call_id]
            if call_id in self._changing:
                self._changing.remove(call_id)
                self._changed = self._changed or outcome not in _NOTHING_CHANGED
            self._metrics.tool_called(call.tool, outcome.value, trio.current_time() - began)
        await self._tell(call, call_id, "finished" if result.ok else "failed", _code(result))
        return result

    async def _tell(self, call: DeviceCall, call_id: UUID, state: ToolState, code: str | None = None) -> None:
        if self.report is None:
            return
        await self.report(
            WsToolEvent(request_id=self._request_id, call_id=call_id, tool=call.tool, state=state, code=code)
        )

    async def _execute(self, call: DeviceCall, call_id: UUID) -> DeviceResult:
        default = self._timeouts.approval_s if call.requires_approval else self._timeouts.call_s
        deadline_s = default if call.deadline_s is None else call.deadline_s
        deadline = trio.current_time() + deadline_s
        link = await self._link()
        if link is None:
            return _OFFLINE
        with link.tool_replies.expect(call_id) as reply:
            link.send_control(
                WsToolCall(
                    call_id=call_id,
                    request_id=self._request_id,
                    tool=call.tool,
                    args=dict(call.args),
                    deadline_ms=int(deadline_s * 1000),
                    requires_approval=call.requires_approval,
                )
            )
            try:
                with trio.move_on_at(deadline):
                    return _result(await reply.wait(), call)
            except DeviceGone:
                # A server that was treated as dead may resume. It must not run the call then.
                link.send_control(WsToolCancel(call_id=call_id))
                return _UNKNOWN if changes_data(call.tool) else _GONE
            except trio.Cancelled:
                link.send_control(WsToolCancel(call_id=call_id))
                raise
        link.send_control(WsToolCancel(call_id=call_id))
        return _DEADLINE

    async def fetch(self, entity: Entity, item_id: str) -> Mapping[str, Any] | DeviceResult:
        """One item of the device's data, or a result that says why it could not be read."""
        deadline = trio.current_time() + self._timeouts.call_s
        link = await self._link()
        if link is None:
            return _OFFLINE
        data_id = uuid4()
        with link.data_replies.expect(data_id) as reply:
            link.send_control(WsDataRequest(data_id=data_id, request_id=self._request_id, entity=entity, id=item_id))
            try:
                with trio.move_on_at(deadline):
                    answer = await reply.wait()
                    if answer.error is not None:
                        return DeviceResult(Outcome.ERROR, code=answer.error.code, message=answer.error.message)
                    # Only the requested item: the model would treat another one as the item that the person has open.
                    found = next((item for item in answer.items or () if str(item.get("id")) == item_id), None)
                    if found is None:
                        return DeviceResult(Outcome.ERROR, code="not_found", message="The device has no such item.")
                    return found
            except DeviceGone:
                return _GONE
        return _DEADLINE


def _code(result: DeviceResult) -> str | None:
    """Why a call failed; None if it did not."""
    if result.ok:
        return None
    return "edited" if result.outcome is Outcome.EDITED else result.code or result.outcome.value


def _result(frame: WsToolResult, call: DeviceCall) -> DeviceResult:
    if frame.ok and frame.edited_args is not None:
        if call.requires_approval:
            return DeviceResult(Outcome.EDITED, data=frame.edited_args)
        return DeviceResult(Outcome.ERROR, code="not_asked", message="The call did not ask for approval.")
    if frame.ok:
        return DeviceResult(Outcome.ANSWERED, data=frame.data)
    if frame.error is None:
        return DeviceResult(Outcome.ERROR, code="error", message="The device gave no reason.")
    if frame.error.code == "unknown":
        return _UNKNOWN
    outcome = Outcome.DENIED if frame.error.code == "denied" else Outcome.ERROR
    return DeviceResult(outcome, code=frame.error.code, message=frame.error.message)
