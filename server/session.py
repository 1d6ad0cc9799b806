"""One device socket from `device_ready` to its close: a nursery, in which every request is a cancellable task.

Four tasks serve a session: the reader (frames in), the writer (frames out; the only one that sends), the heartbeat,
and the session watch (outbox stalls, token expiry). Requests run beside them. Whoever ends the session says with which
close code; requests are cancelled first, the writer sends what is queued, and the close frame comes last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import structlog
import trio

from server.answer import RequestRefused
from server.answering import Answer, Answering, Status
from server.auth import Tokens
from server.changing import change_entity, pong_after_changes
from server.chat_input import chat_input
from server.devices import DeviceRegistry
from server.expiry import Expiry, RefreshRefused
from server.forgetting import forget_memory
from server.greeting import greeting
from server.handshake import Hello
from server.heartbeat import Heartbeat
from server.metrics import Metrics
from server.pending import PendingReplies
from server.rate_limit import TokenBucket
from server.socket import DeviceSocket, SocketClosed
from server.writer import write_frames
from streaming.codes import CloseCode, ErrorCode
from streaming.frames import (
    ClientFrame,
    ServerFrame,
    WsAuthExpiring,
    WsAuthRefresh,
    WsCancel,
    WsClientMutation,
    WsDataRequest,
    WsDataResponse,
    WsDeviceHello,
    WsError,
    WsHomeRequest,
    WsMemoryForget,
    WsPing,
    WsPopupRequest,
    WsToolCall,
    WsToolResult,
)
from streaming.inbound import FrameError, decode_client_frame
from streaming.outbox import DataFrame, Outbox, OutboxOverflow

log = structlog.get_logger(__name__)

_FLUSH_TIMEOUT_S: Final = 2.0
# A socket that goes on sending this many frames over its rate is closed with 1008.
_MAX_RATE_VIOLATIONS: Final = 1000


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one socket may do. Times in seconds."""

    max_frame_bytes: int
    max_concurrent_requests: int
    max_message_chars: int
    frames_per_s: float
    frames_burst: int
    outbox_bytes: int
    outbox_stall_s: float
    heartbeat_s: float


class Session:
    """See the module. Implements `server.devices.DeviceLink`."""

    def __init__(
        self,
        socket: DeviceSocket,
        hello: Hello,
        *,
        answering: Answering,
        registry: DeviceRegistry,
        tokens: Tokens,
        metrics: Metrics,
        limits: SessionLimits,
        wall_clock: Callable[[], float],
    ) -> None:
        self.session_id = uuid4()
        self.tool_replies = PendingReplies[WsToolResult]()
        self.data_replies = PendingReplies[WsDataResponse]()
        self._socket = socket
        self._hello = hello
        self._expiry = Expiry(hello.identity, tokens, wall_clock)
        self._answering = answering
        self._registry = registry
        self._metrics = metrics
        self._limits = limits
        self._outbox = Outbox(max_bytes=limits.outbox_bytes)
        self._rate = TokenBucket(limits.frames_per_s, limits.frames_burst)
        self._rate_violations = 0
        self._answers_due = 0
        self._requests: dict[UUID, trio.CancelScope] = {}
        self._heartbeat = Heartbeat(socket, limits.heartbeat_s)
        self._written = trio.Event()
        self._draining = False
        self._closing: tuple[int, str] | None = None
        # Everything that ends with the session, but the writer and the heartbeat.
        self._scope = trio.CancelScope()

    def __repr__(self) -> str:
        return f"Session({self.session_id}, requests={len(self._requests)}, closing={self._closing})"

    # ---- as the registry sees it ------------------------------------------------------------------------------------

    @property
    def user_id(self) -> UUID:
        return self._hello.identity.user_id

    @property
    def device_id(self) -> UUID:
        return self._hello.device_id

    def send_control(self, frame: ServerFrame) -> None:
        """Queue a frame ahead of text; past the control lane's bound the session ends with 4008."""
        if isinstance(frame, WsToolCall | WsDataRequest):
            self._answers_due += 1
        try:
            self._outbox.put_control(frame)
        except OutboxOverflow:
            self.close(CloseCode.TOO_SLOW, "the client does not read")
        except trio.ClosedResourceError:
            pass  # closing: nobody will read it

    def drain(self) -> None:
        self._draining = True
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        if self._draining and not self._requests:
            self.close(CloseCode.DRAINING, "the server is stopping")

    def close(self, code: CloseCode, reason: str) -> None:
        """End the session with `code`; the first one counts. Requests are cancelled and get no `stream_end`."""
        if self._closing is None:
            self._closing = (code, reason)
            self._scope.cancel()

    # ---- its life ---------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until the socket closes. Returns the close code, the peer's or ours."""
        self.send_control(greeting(self.session_id, self._hello, self._limits))
        self._registry.add(self)
        try:
            await self._run_tasks()
        finally:
            self._registry.remove(self)
            self.tool_replies.device_gone()
            self.data_replies.device_gone()
        code, reason = self._closing or (CloseCode.NORMAL, "")
        await self._socket.close(code, reason)
        return code

    async def _run_tasks(self) -> None:
        async with trio.open_nursery() as outer:
            outer.start_soon(self._write)
            # Not in the inner nursery: a cancelled send would break the socket before the close frame is sent.
            outer.start_soon(self._heartbeat.run, self._peer_silent, self._peer_closed)
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, nursery)
                    nursery.start_soon(self._watch_outbox)
                    nursery.start_soon(self._watch_expiry)
            self._outbox.close()
            with trio.move_on_after(_FLUSH_TIMEOUT_S):
                await self._written.wait()
            outer.cancel_scope.cancel()

    async def _write(self) -> None:
        try:
            await write_frames(self._outbox, self._socket)
        except SocketClosed as closed:
            self._peer_closed(closed)
        finally:
            self._written.set()

    def _peer_silent(self) -> None:
        self.close(CloseCode.HEARTBEAT_LOST, "nothing heard for two heartbeats")

    def _peer_closed(self, closed: SocketClosed) -> None:
        self._closing = self._closing or (closed.code, closed.reason)
        self._scope.cancel()

    async def _watch_outbox(self) -> None:
        await self._outbox.wait_stalled(self._limits.outbox_stall_s)
        self._metrics.outbox_stalled()
        self.close(CloseCode.TOO_SLOW, "the client does not read")

    async def _watch_expiry(self) -> None:
        await self._expiry.watch(lambda in_s: self.send_control(WsAuthExpiring(in_s=in_s)))
        self.close(CloseCode.TOKEN_EXPIRED, "the token has expired")

    # ---- frames in --------------------------------------------------------------------------------------------------

    async def _read(self, nursery: trio.Nursery) -> None:
        try:
            while True:
                text = await self._socket.receive()
                self._heartbeat.heard()
                if not self._within_rate():
                    continue
                try:
                    frame = decode_client_frame(text)
                except FrameError as error:
                    self._refuse(error.code, str(error), error.request_id)
                    continue
                self._dispatch(frame, nursery)
        except SocketClosed as closed:
            self._peer_closed(closed)

    def _within_rate(self) -> bool:
        if self._rate.take(trio.current_time()):
            return True
        # Each question of ours allows for the frame that answers it.
        if self._answers_due > 0:
            self._answers_due -= 1
            return True
        self._rate_violations += 1
        if self._rate_violations >= _MAX_RATE_VIOLATIONS:
            self.close(CloseCode.POLICY_VIOLATION, "too many frames")
        else:
            self._refuse(ErrorCode.RATE_LIMITED, "Too many frames a second; this one was not read.", retryable=True)
        return False

    def _refuse(
        self, code: ErrorCode, message: str, request_id: UUID | None = None, *, retryable: bool = False
    ) -> None:
        self.send_control(WsError(code=code, message=message, retryable=retryable, request_id=request_id))

    def _dispatch(self, frame: ClientFrame, nursery: trio.Nursery) -> None:
        match frame:
            case WsHomeRequest() | WsPopupRequest():
                self._accept(frame, nursery)
            case WsCancel(request_id=request_id):
                scope = self._requests.get(request_id)
                if scope is None:
                    self._refuse(ErrorCode.UNKNOWN_REQUEST, "No such request is running on this socket.", request_id)
                else:
                    scope.cancel()
            case WsToolResult(call_id=call_id):
                if not self.tool_replies.answer(call_id, frame):
                    self._refuse(ErrorCode.UNKNOWN_CALL, f"No tool call {call_id} awaits a result from this device.")
            case WsDataResponse(data_id=data_id):
                if not self.data_replies.answer(data_id, frame):
                    self._refuse(ErrorCode.UNKNOWN_CALL, f"No data request {data_id} awaits a response.")
            case WsClientMutation():
                self._changed(frame)
            case WsMemoryForget(memory_id=memory_id):
                nursery.start_soon(self._forget, memory_id)
            case WsPing():
                nursery.start_soon(self._pong)
            case WsAuthRefresh(token=token):
                try:
                    self._expiry.refresh(token)
                except RefreshRefused as refused:
                    self._refuse(ErrorCode.UNAUTHORIZED, str(refused))
            case WsDeviceHello():
                self._refuse(ErrorCode.ALREADY_READY, "This socket has said hello already.")

    def _changed(self, frame: WsClientMutation) -> None:
        refused = change_entity(self._answering.memory, self._registry, self.user_id, self.device_id, frame)
        if refused is not None:
            self.send_control(refused)

    async def _pong(self) -> None:
        self.send_control(await pong_after_changes(self._answering.memory, self.user_id))

    async def _forget(self, memory_id: UUID) -> None:
        self.send_control(await forget_memory(self._answering.memory, self.user_id, memory_id))

    # ---- requests ---------------------------------------------------------------------------------------------------

    def _accept(self, frame: WsHomeRequest | WsPopupRequest, nursery: trio.Nursery) -> None:
        request_id = frame.request_id or uuid4()
        chat = chat_input(frame, request_id, self._hello)
        try:
            answer = self._answering.accept(chat, running=len(self._requests))
        except RequestRefused as refused:
            self._refuse(refused.code, str(refused), request_id, retryable=refused.retryable)
            return
        # The scope exists before the task runs, so that a cancel that follows at once finds it.
        scope = self._requests[request_id] = trio.CancelScope()
        nursery.start_soon(self._answer, request_id, answer, scope)

    async def _answer(self, request_id: UUID, answer: Answer, scope: trio.CancelScope) -> None:
        status: Status = "cancelled"
        with structlog.contextvars.bound_contextvars(request_id=str(request_id)):
            try:
                with scope:
                    status = await answer.run(self._emit)
                if scope.cancelled_caught:
                    # The person no longer wants it: what is queued need not be sent.
                    self._outbox.discard_request(request_id)
                await self._outbox.put(answer.end(status))
            finally:
                del self._requests[request_id]
                answer.close(status)
        self._close_if_drained()

    async def _emit(self, frame: ServerFrame) -> None:
        if isinstance(frame, DataFrame):
            await self._outbox.put(frame)
        else:
            self.send_control(frame)
