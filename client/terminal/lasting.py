"""A device whose answers, tool calls and changes outlive a lost connection. The terminal client uses it.

`client.terminal.device` has the device of one socket, which ends with it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import trio
from pydantic import BaseModel

from client.terminal.answer import Answer
from client.terminal.calls import Approve, Tools, answer_data_request, answer_tool_call
from client.terminal.connection import (
    ConnectError,
    Connection,
    ConnectionLostError,
    ProtocolError,
    alone,
    open_connection,
)
from client.terminal.device import CLIENT
from client.terminal.journal import DeviceJournal
from client.terminal.link import MAX_UNREAD, OnMutation
from client.terminal.requests import Requests
from streaming.wire import (
    PROTOCOL_VERSION,
    Entity,
    ErrorCode,
    MutationOp,
    ServerFrame,
    WsChangesSeen,
    WsClientMutation,
    WsDataRequest,
    WsDeviceHello,
    WsDeviceReady,
    WsDraining,
    WsError,
    WsHistoryMessage,
    WsHomeRequest,
    WsMutationAck,
    WsPing,
    WsPong,
    WsPopupDomain,
    WsPopupRequest,
    WsRequestResult,
    WsResume,
    WsScope,
    WsServerMutation,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolAccepted,
    WsToolAck,
    WsToolCall,
    WsToolCancel,
    WsToolError,
    WsToolResult,
)

_FINAL: Final = frozenset({1008, 1009, 4500, 4503, 4510})
_NEW_TOKEN: Final = frozenset({4501, 4502})
_HEARTBEAT_LOST: Final = 4000
_DRAINING: Final = 4001
_SLEPT_S: Final = 2.0
_HANDSHAKE_S: Final = 15.0
_CHANGE_AGAIN_S: Final = 10.0
Token = Callable[[bool], Awaitable[str]]
"""Returns an access token. True: the server refused the last one."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: from silence to a ping while something is expected, from a ping to the verdict, between attempts.

    `give_up_s`: without a connection for this long, the device gives up.
    """

    silent_s: float = 5
    probe_s: float = 4.5
    check_s: float = 4
    first_delay_s: float = 0.5
    max_delay_s: float = 30
    give_up_s: float = math.inf


class LastingDevice:
    """A device that connects again by itself. Any task may call its methods. `run` it in a nursery."""

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
        on_state: Callable[[str], None] = lambda _: None,
        patience: Patience | None = None,
    ) -> None:
        """`on_state` gets a sentence for the person when the connection is lost, and when it is back."""
        self.loss: Exception | None = None
        """Why the connection is closed for good, or None."""
        self._url = url
        self._token = token
        self._device_id = device_id
        self._tools = tools
        self._journal = journal
        self._on_approval = on_approval
        self._on_mutation = on_mutation
        self._on_state = on_state
        self._patience = patience or Patience()
        self._cursor: WsResume | None = None
        self._requests = Requests()
        self._calls: dict[UUID, trio.CancelScope] = {}
        self._outgoing: trio.MemorySendChannel[BaseModel] | None = None
        self._unsent = 0
        self._drained = trio.Event()
        self._drained.set()
        self._acknowledges = False
        self._change_sent_at: float | None = None
        self._drain_s: float | None = None
        self._changes, self._to_apply = trio.open_memory_channel[WsServerMutation](math.inf)
        self._notices, self._unread = trio.open_memory_channel[ServerFrame](MAX_UNREAD)
        self._nursery: trio.Nursery | None = None

    # ---- what the application does ----------------------------------------------------------------------------------

    async def home(
        self, message: str, *, history: Sequence[WsHistoryMessage] = (), session_id: str | None = None
    ) -> Answer:
        """Ask from the home view. Without a connection, the request is sent when there is one."""
        frame = WsHomeRequest(
            request_id=uuid4(), message=message, conversation_history=list(history), session_id=session_id
        )
        return await self._ask(frame)

    async def popup(self, message: str, scope: WsScope) -> Answer:
        """Ask in a popup on `scope`. Without a connection, the request is sent when there is one."""
        return await self._ask(WsPopupRequest(request_id=uuid4(), message=message, scope=scope))

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

    async def flush(self, within_s: float = 2) -> None:
        """Wait until what was sent has left, at most `within_s` seconds."""
        with trio.move_on_after(within_s):
            await self._drained.wait()

    # ---- the connection ---------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Connect, and connect again after a loss, until the server closes the connection for good.

        Raises the error of the first attempt. After that, the reason is in `loss`.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._apply_mutations)
            try:
                await self._keep_connected(task_status)
            except (ConnectError, ConnectionLostError, ProtocolError) as error:
                self.loss = error
                self._requests.fail_all(error)
                self._notices.close()
                nursery.cancel_scope.cancel()
        if self._cursor is None and self.loss is not None:
            raise self.loss

    async def _keep_connected(self, task_status: trio.TaskStatus[None]) -> None:
        refused = False
        failures = 0
        lost_at: float | None = None
        while True:
            began = trio.current_time()
            connected = False
            try:
                token = await self._token(refused)
                with alone():
                    async with open_connection(self._url) as connection:
                        ready = await self._shake_hands(connection, token)
                        connected, refused = True, False
                        if lost_at is None:
                            task_status.started()
                        else:
                            self._on_state("Connected again.")
                        lost_at = None
                        await self._serve(connection, ready)
            except (ConnectError, ConnectionLostError) as error:
                self._outgoing = None
                code = error.code if isinstance(error, ConnectionLostError) else None
                if self._cursor is None or code in _FINAL or (code in _NEW_TOKEN and refused):
                    raise
                refused = code in _NEW_TOKEN
                if connected and trio.current_time() - began >= 10:
                    failures = 0
                if lost_at is None:
                    self._on_state("The connection was lost. Connecting again…")
                    lost_at = trio.current_time()
                elif trio.current_time() - lost_at > self._patience.give_up_s:
                    raise
                await trio.sleep(self._delay(failures, code))
                failures += 1

    def _delay(self, failures: int, code: int | None) -> float:
        drain_s, self._drain_s = self._drain_s, None
        if code == _DRAINING and drain_s is not None:
            return drain_s
        nominal: float = min(self._patience.max_delay_s, self._patience.first_delay_s * 2 ** min(failures, 30))
        return nominal * (0.5 + random.random() / 2)  # noqa: S311 - jitter, not a secret

    async def _shake_hands(self, connection: Connection, token: str) -> WsDeviceReady:
        await connection.send(
            WsDeviceHello(
                token=token,
                device_id=self._device_id,
                protocol_versions=[PROTOCOL_VERSION],
                client=CLIENT,
                features=["ledger", "changes"],
                resume=self._cursor,
                changes_after=self._journal.last_change,
            )
        )
        try:
            with trio.fail_after(_HANDSHAKE_S):
                ready = await connection.receive()
        except trio.TooSlowError:
            raise ConnectionLostError(4504, "the server did not send device_ready in time") from None
        if not isinstance(ready, WsDeviceReady):
            raise ProtocolError(f"the server answered device_hello with {ready.type}")
        return ready

    async def _serve(self, connection: Connection, ready: WsDeviceReady) -> None:
        """Send and receive until the connection is lost, which raises `ConnectionLostError`."""
        self._outgoing, source = trio.open_memory_channel[BaseModel](math.inf)
        self._unsent = 0
        self._drained.set()
        # After `resumed`, the cursor stays until the first frame that follows is processed.
        if ready.resume != "resumed" or self._cursor is None:
            self._cursor = WsResume(session_id=ready.session_id, seq=ready.seq)
        for frame in self._requests.connected(ready, trio.current_time()):
            self._post(frame)
        await self._connected_changes(ready)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, connection, source)
            while True:
                frame = await self._next_frame(connection, ready.heartbeat_s)
                self._dispatch(frame)
                self._cursor = WsResume(session_id=ready.session_id, seq=frame.seq)

    async def _write(self, connection: Connection, source: trio.MemoryReceiveChannel[BaseModel]) -> None:
        with suppress(ConnectionLostError):  # the reader reports the loss
            async for frame in source:
                await connection.send(frame)
                self._unsent -= 1
                if self._unsent == 0:
                    self._drained.set()

    def _post(self, frame: BaseModel) -> None:
        """Send `frame`. Without a connection it is dropped: what matters is sent after the next handshake."""
        if self._outgoing is None:
            return
        if self._unsent == 0:
            self._drained = trio.Event()
        self._unsent += 1
        self._outgoing.send_nowait(frame)

    async def _next_frame(self, connection: Connection, heartbeat_s: float) -> ServerFrame:
        """Return the next frame. Raises `ConnectionLostError` if the server does not answer a ping in time."""
        patience = self._patience
        heard = trio.current_time()
        drift = time.time() - heard
        pinged: float | None = None
        while True:
            silent_s = patience.silent_s if self._expecting else heartbeat_s
            due = heard + silent_s if pinged is None else pinged + patience.probe_s
            with trio.move_on_at(min(due, trio.current_time() + patience.check_s)):
                return await connection.receive()
            now = trio.current_time()
            # The monotonic clock stands still while the machine sleeps.
            slept = time.time() - now - drift > _SLEPT_S
            drift = time.time() - now
            if pinged is None and (slept or now >= due):
                self._post(WsPing())
                pinged = now
            elif pinged is not None and now >= due:
                raise ConnectionLostError(_HEARTBEAT_LOST, "the server does not answer")
            elif self._change_sent_at is not None and now - self._change_sent_at > _CHANGE_AGAIN_S:
                self._change_sent_at = None
                self._send_changes()

    @property
    def _expecting(self) -> bool:
        return bool(self._requests) or self._change_sent_at is not None

    def _dispatch(self, frame: ServerFrame) -> None:
        assert self._nursery is not None  # noqa: S101 - set by `run`
        match frame:
            case WsToolCall() if frame.call_id not in self._calls:
                # Register the call before its task runs, because the next frame may withdraw it.
                scope = self._calls[frame.call_id] = trio.CancelScope()
                self._nursery.start_soon(self._run_call, frame, scope)
            case WsToolCall():
                pass  # offered again while it runs
            case WsToolCancel():
                if (running := self._calls.get(frame.call_id)) is not None:
                    running.cancel()
            case WsToolAck():
                self._nursery.start_soon(self._journal.acknowledged, frame.call_id)
            case WsDataRequest():
                self._nursery.start_soon(self._answer_data, frame)
            case WsServerMutation() if self._on_mutation is not None:
                self._changes.send_nowait(frame)
            case WsMutationAck():
                self._nursery.start_soon(self._change_stored, frame)
            case WsDraining():
                self._drain_s = frame.retry_after_ms / 1000
            case WsPong():
                pass
            case WsError() if self._requests.refused(frame):
                pass
            case (
                WsStreamStart() | WsPopupDomain() | WsStreamText() | WsStreamBlock() | WsStreamEnd() | WsRequestResult()
            ):
                self._requests.receive(frame)
            case _:
                if isinstance(frame, WsError) and frame.code is ErrorCode.INVALID_FRAME and self._change_sent_at:
                    self._nursery.start_soon(self._drop_change)
                self._notice(frame)

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
            del self._calls[call.call_id]

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
            message = "The device started this call and does not know whether it was completed."
            self._post(_failed(call.call_id, "unknown", message))
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
            result = _failed(call.call_id, "journal_failed", message)
        self._post(result)

    async def _started(self, call: WsToolCall) -> None:
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
            self._on_state("This device was away for too long. Some changes of your other devices are missing here.")
        if state is not None and (
            state.missed == "lost" or (state.missed == "none" and self._journal.last_change is None)
        ):
            self._journal.last_change = state.last
            await self._journal.save()
        self._send_changes()

    async def _apply_mutations(self) -> None:
        """Pass the changes of other devices to the application, one after another, each once."""
        async for frame in self._to_apply:
            assert self._on_mutation is not None  # noqa: S101 - checked in `_dispatch`
            last = self._journal.last_change or 0
            if frame.origin_device_id != self._device_id:
                await self._on_mutation(frame)
            if frame.change is not None:
                self._journal.last_change = max(frame.change, last)
                await self._journal.save()
                self._post(WsChangesSeen(change=self._journal.last_change))

    def _send_changes(self) -> None:
        """Send the oldest change. The next one follows its acknowledgement, so that none overtakes it."""
        changes = self._journal.changes
        if self._outgoing is None or self._change_sent_at is not None:
            return
        if self._acknowledges:
            if changes:
                self._post(changes[0])
                self._change_sent_at = trio.current_time()
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


def _failed(call_id: UUID, code: str, message: str) -> WsToolResult:
    return WsToolResult(call_id=call_id, ok=False, error=WsToolError(code=code, message=message))


@asynccontextmanager
async def open_lasting_device(device: LastingDevice) -> AsyncIterator[LastingDevice]:
    """Connect `device` and keep it connected in the block. Raises the error of the first attempt."""
    with alone():
        async with trio.open_nursery() as nursery:
            await nursery.start(device.run)
            yield device
            await device.flush()
            nursery.cancel_scope.cancel()
