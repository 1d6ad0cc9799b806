"""A device whose answers, tool calls and changes outlive a lost connection. The terminal client uses it.

`client.terminal.device` has the device of one socket, which ends with it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import trio
from pydantic import BaseModel

from client.terminal.answer import Answer, AnswerFrame
from client.terminal.calls import Approve, Tools, answer_data_request, answer_tool_call, failed
from client.terminal.connection import ConnectError, ConnectionLostError, ProtocolError, alone
from client.terminal.device import CLIENT
from client.terminal.journal import DeviceJournal, refuses_a_change
from client.terminal.link import MAX_UNREAD, OnMutation
from client.terminal.reconnection import DeviceState, Events, Patience, Reconnection, Token
from client.terminal.remote_approvals import RemoteApprovals, expire
from client.terminal.requests import Requests
from client.terminal.system_locale import ToldLocale
from client.terminal.unacknowledged_results import UnacknowledgedResults
from parser import well_formed
from streaming.wire import (
    PROTOCOL_VERSION,
    Entity,
    MutationOp,
    ServerFrame,
    WsApprovalClosed,
    WsApprovalRequest,
    WsAuthExpiring,
    WsChangesSeen,
    WsClientMutation,
    WsDataRequest,
    WsDeviceHello,
    WsDeviceReady,
    WsDraining,
    WsError,
    WsFrameType,
    WsHistoryMessage,
    WsHomeRequest,
    WsMutationAck,
    WsPong,
    WsPopupRequest,
    WsRequestResult,
    WsResume,
    WsScope,
    WsServerMutation,
    WsToolAccepted,
    WsToolAck,
    WsToolCall,
    WsToolCancel,
)

_CHANGE_AGAIN_S: Final = 10.0
_UNKNOWN: Final = "The device started this call and does not know whether it was completed."
_REMEMBERED_CHANGES: Final = 500


class PersistentDevice:
    """A device that reconnects automatically. Any task may call its methods. `run` it in a nursery."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        device_id: UUID,
        tools: Tools,
        journal: DeviceJournal,
        on_approval: Approve | None = None,
        on_mutation: OnMutation | None = None,
        on_state: Callable[[DeviceState], None] = lambda _: None,
        patience: Patience | None = None,
        approvals: RemoteApprovals | None = None,
        locale: ToldLocale | None = None,
    ) -> None:
        """`on_state` is called when the connection is lost, when it is back, and when changes are missing."""
        self.loss: Exception | None = None
        """Why the connection is closed for good, or None."""
        self._device_id = device_id
        self._locale = locale or ToldLocale()
        self._tools = tools
        self._journal = journal
        self._on_approval = on_approval
        self._on_mutation = on_mutation
        self._on_state = on_state
        self._connection = Reconnection(
            url,
            token,
            Events(self._hello, self._connected, self._dispatch, self._expecting, on_state),
            patience or Patience(),
        )
        self._requests = Requests()
        self._unacknowledged = UnacknowledgedResults(self._connection.post)
        self._calls: dict[UUID, trio.CancelScope] = {}
        # The calls whose tool runs, or is about to.
        self._begun: set[UUID] = set()
        self._approvals = approvals
        self._acknowledges = False
        self._change_sent_at: float | None = None
        self._changes, self._to_apply = trio.open_memory_channel[WsServerMutation](math.inf)
        self._notices, self._unread = trio.open_memory_channel[ServerFrame](MAX_UNREAD)
        self._nursery: trio.Nursery | None = None

    # ---- what the application does ----------------------------------------------------------------------------------

    async def home(
        self, message: str, *, history: Sequence[WsHistoryMessage] = (), conversation_id: str | None = None
    ) -> Answer:
        """Ask from the home view. Without a connection, the request is sent when there is one."""
        message = well_formed(message)
        frame = WsHomeRequest(
            request_id=uuid4(), message=message, conversation_history=list(history), conversation_id=conversation_id
        )
        return await self._ask(frame)

    async def popup(self, message: str, scope: WsScope) -> Answer:
        """Ask in a popup on `scope`. Without a connection, the request is sent when there is one."""
        return await self._ask(WsPopupRequest(request_id=uuid4(), message=well_formed(message), scope=scope))

    async def mutate(self, op: MutationOp, entity: Entity, id: str, data: dict[str, Any] | None = None) -> None:  # noqa: A002 - the protocol's own word
        """Send a change that the person made here, in order and once. It is on the disk when this returns."""
        self._journal.changes.append(WsClientMutation(op=op, entity=entity, id=id, data=data, mutation_id=uuid4()))
        await self._journal.save()
        self._send_changes()

    async def receive(self) -> ServerFrame:
        """Return the next frame that belongs to no answer or call. Raises when the connection is closed for good."""
        try:
            return await self._unread.receive()
        except trio.EndOfChannel:
            raise self.loss or ConnectionLostError(1000) from None

    async def flush(self) -> None:
        """Wait until what was sent has left, at most two seconds."""
        await self._connection.flush()

    # ---- the connection ---------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stay connected until the server closes the connection for good.

        Raises the error of the first attempt. After that, the reason is in `loss`.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._apply_mutations)
            nursery.start_soon(self._unacknowledged.run)
            try:
                await self._connection.run(task_status=task_status)
            except (ConnectError, ConnectionLostError, ProtocolError) as error:
                self.loss = error
                self._requests.fail_all(error)
                self._notices.close()
                nursery.cancel_scope.cancel()
        if not self._connection.was_connected and self.loss is not None:
            raise self.loss

    def _hello(self, token: str, resume: WsResume | None) -> WsDeviceHello:
        return WsDeviceHello(
            token=token,
            device_id=self._device_id,
            protocol_versions=[PROTOCOL_VERSION],
            client=CLIENT,
            features=["ledger", "changes", "tool_events"] + ([] if self._approvals is None else ["approvals"]),
            resume=resume,
            changes_after=self._journal.last_change,
            locale=self._locale.for_hello(),
            dates="date",
        )

    async def _connected(self, ready: WsDeviceReady) -> None:
        self._unacknowledged.connected()
        if self._approvals is not None:
            for decision in self._approvals.connected(resumed=ready.resume == "resumed"):
                self._post(decision)
        for frame in [*self._requests.connected(ready, trio.current_time()), *self._journal.unacknowledged(ready)]:
            self._post(frame)
        await self._connected_changes(ready)

    def _expecting(self) -> bool:
        return bool(self._requests) or self._change_sent_at is not None

    def _post(self, frame: BaseModel) -> None:
        self._unacknowledged.sent(frame)
        self._connection.post(frame)

    def _dispatch(self, frame: ServerFrame) -> None:
        assert self._nursery is not None  # noqa: S101 - set by `run`
        self._unacknowledged.heard(frame)
        match frame:
            case WsToolCall() | WsToolCancel() | WsToolAck() | WsDataRequest():
                self._dispatch_call(frame, self._nursery)
            case WsApprovalRequest() if self._approvals is not None:
                decided = self._approvals.asked(frame)
                if decided is not None:
                    self._post(decided)
                else:
                    self._nursery.start_soon(expire, self._approvals, frame)
            case WsApprovalClosed() if self._approvals is not None:
                self._approvals.closed(frame)
            case WsServerMutation() if self._on_mutation is not None:
                self._changes.send_nowait(frame)
            case WsMutationAck():
                self._nursery.start_soon(self._change_stored, frame)
            case WsDraining() | WsAuthExpiring():
                pass  # `Reconnection` acts on them
            case WsPong():
                self._send_changes()  # again, if the server has not acknowledged the last one
            case WsError(frame_type=WsFrameType.APPROVAL) if self._approvals is not None:
                self._approvals.too_late(frame.call_id)
            case WsError() if self._requests.refused(frame):
                pass
            case _ if isinstance(frame, AnswerFrame | WsRequestResult):
                self._requests.receive(frame)
            case _:
                if self._change_sent_at is not None and refuses_a_change(frame, self._journal.changes):
                    self._nursery.start_soon(self._drop_change)
                self._nursery.start_soon(self._journal.refused, frame)
                self._notice(frame)

    def _dispatch_call(
        self, frame: WsToolCall | WsToolCancel | WsToolAck | WsDataRequest, nursery: trio.Nursery
    ) -> None:
        match frame:
            case WsToolCall() if frame.call_id not in self._calls:  # else it is offered again while it runs
                # Register the call before its task runs, because the next frame may withdraw it.
                scope = self._calls[frame.call_id] = trio.CancelScope()
                nursery.start_soon(self._run_call, frame, scope)
            case WsToolCancel(confirm=True):
                self._withdraw_unstarted(frame.call_id)
            case WsToolCancel():
                if (running := self._calls.get(frame.call_id)) is not None:
                    running.cancel()
            case WsToolAck():
                nursery.start_soon(self._journal.acknowledged, frame.call_id)
            case WsDataRequest():
                nursery.start_soon(self._answer_data, frame)

    def _notice(self, frame: ServerFrame) -> None:
        try:
            self._notices.send_nowait(frame)
        except trio.WouldBlock:
            self._unread.receive_nowait()
            self._notices.send_nowait(frame)

    # ---- requests and calls -----------------------------------------------------------------------------------------

    async def _ask(self, frame: WsHomeRequest | WsPopupRequest) -> Answer:
        await trio.lowlevel.checkpoint()
        if self.loss is not None:
            raise self.loss
        assert frame.request_id is not None  # noqa: S101 - `home` and `popup` choose it
        if self._connection.is_connected and (moved := self._locale.changed()) is not None:
            self._post(moved)
        answer = Answer(frame.request_id, self._cancel)
        for sent in self._requests.ask(answer, frame, trio.current_time()):
            self._post(sent)
        return answer

    async def _cancel(self, request_id: UUID) -> None:
        await trio.lowlevel.checkpoint()
        for frame in self._requests.cancel(request_id):
            self._post(frame)

    async def _run_call(self, call: WsToolCall, scope: trio.CancelScope) -> None:
        try:
            with scope:
                await self._answer_call(call)
        finally:
            self._begun.discard(call.call_id)
            del self._calls[call.call_id]

    def decide(self, *, approved: bool) -> bool:
        """The person's answer to the oldest question of another device. Returns False if there is none."""
        decision = None if self._approvals is None else self._approvals.decide(approved=approved)
        if decision is not None:
            self._post(decision)
        return decision is not None

    def _withdraw_unstarted(self, call_id: UUID) -> None:
        """Another device has answered the approval: confirm that the call was not started, or send its result."""
        if call_id in self._begun:
            return  # its result will be sent
        if (running := self._calls.get(call_id)) is not None:
            running.cancel()
        result = self._journal.result(call_id)
        if result is None and self._journal.knows(call_id):
            result = failed(call_id, "unknown", _UNKNOWN)
        self._post(result or failed(call_id, "not_started", "The device has not started this call, and will not."))

    async def _answer_call(self, call: WsToolCall) -> None:
        if call.tool.startswith(("list_", "get_")):  # reading twice does no harm
            result = await answer_tool_call(call, self._tools, self._on_approval)
            if result is not None:
                self._post(result)
            return
        known = self._journal.result(call.call_id)
        if known is not None:
            self._post(known)
            return
        if self._journal.knows(call.call_id) or call.accepted:
            self._post(failed(call.call_id, "unknown", _UNKNOWN))
            return
        try:
            result = await answer_tool_call(call, self._tools, self._on_approval, started=self._started)
            if result is None:
                return
            await self._journal.finish(result)
        except OSError:
            message = "The device could not write its journal, so it did not run the call."
            if self._journal.knows(call.call_id):
                message = "The device could not write its journal after it had run the call."
            result = failed(call.call_id, "journal_failed", message)
        self._post(result)

    async def _started(self, call: WsToolCall) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()  # withdrawn while the person was asked
        self._begun.add(call.call_id)
        await self._journal.start(call.call_id)
        self._post(WsToolAccepted(call_id=call.call_id))

    async def _answer_data(self, request: WsDataRequest) -> None:
        self._post(await answer_data_request(request, self._tools))

    # ---- changes ----------------------------------------------------------------------------------------------------

    async def _connected_changes(self, ready: WsDeviceReady) -> None:
        state = ready.changes
        self._acknowledges = state is not None
        self._change_sent_at = None
        if state is not None and state.missed == "lost":
            self._on_state("resync")
        if state is not None and (
            state.missed == "lost" or (state.missed == "none" and self._journal.last_change is None)
        ):
            self._journal.last_change = state.last
            await self._journal.save()
        self._send_changes()

    async def _apply_mutations(self) -> None:
        """Pass the changes of other devices to the application, one after another, each once."""
        applied: deque[int] = deque(maxlen=_REMEMBERED_CHANGES)  # a change may arrive again after a lost connection
        async for frame in self._to_apply:
            assert self._on_mutation is not None  # noqa: S101 - checked in `_dispatch`
            if frame.change in applied:
                continue
            last = self._journal.last_change or 0
            if frame.origin_device_id != self._device_id:
                await self._on_mutation(frame)
            if frame.change is not None:
                applied.append(frame.change)
                self._journal.last_change = max(frame.change, last)
                await self._journal.save()
                self._post(WsChangesSeen(change=self._journal.last_change))

    def _send_changes(self) -> None:
        """Send the oldest change. The next one follows its acknowledgement, so that none overtakes it."""
        changes, now = self._journal.changes, trio.current_time()
        waits = self._change_sent_at is not None and now - self._change_sent_at < _CHANGE_AGAIN_S
        if not self._connection.is_connected or waits:
            return
        if self._acknowledges:
            self._change_sent_at = None
            if changes:
                self._post(changes[0])
                self._change_sent_at = now
            return
        while changes:
            self._post(changes.pop(0))

    async def _change_stored(self, frame: WsMutationAck) -> None:
        changes = self._journal.changes
        if changes and changes[0].mutation_id == frame.mutation_id:
            await self._drop_change()

    async def _drop_change(self) -> None:
        if self._journal.changes:
            del self._journal.changes[0]
        self._change_sent_at = None
        self._send_changes()
        await self._journal.save()


@asynccontextmanager
async def open_persistent_device(device: PersistentDevice) -> AsyncIterator[PersistentDevice]:
    """Connect `device` and keep it connected in the block. Raises the error of the first attempt."""
    with alone():
        async with trio.open_nursery() as nursery:
            await nursery.start(device.run)
            yield device
            await device.flush()
            nursery.cancel_scope.cancel()
