"""One device socket from `device_ready` to its close: a nursery in which every request is a cancellable task.

Two tasks serve a session. The task that opened it reads frames and drives the clocks (heartbeat, token expiry). The
writer task alone sends. Most sessions are idle, so an idle session has no other task. Each request has its own task,
and while requests run, one more task watches for a stalled outbox. To end a session, call `close` with a close code:
requests are cancelled first, then the writer sends the queued frames, and the close frame is sent last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID, uuid4

import structlog
import trio

from server.accounts import Tokens
from server.answers import Answer, AnswerPipeline
from server.devices import DeviceRegistry, PendingReplies
from server.requests import BLOCK_OPEN, RequestRefused, chat_input
from server.sockets.clocks import Expiry, Heartbeat, RefreshRefused, keep_time, next_due
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handshake import Hello, greeting
from server.sockets.inbound_rate import InboundRate
from server.sockets.limits import SessionLimits
from server.sockets.memory_frames import change_entity, forget_memory
from server.sockets.refused_frames import refuse_frame, unknown_call
from server.sockets.writer import FrameWriter
from server.telemetry import LiveSocket, Metrics, live_socket
from streaming.outbox import DataFrame, Outbox, OutboxOverflow
from streaming.wire import (
    AnswerFrame,
    ClientFrame,
    CloseCode,
    ErrorCode,
    FrameError,
    ServerFrame,
    WsAuthRefresh,
    WsCancel,
    WsClientMutation,
    WsDataRequest,
    WsDataResponse,
    WsDeviceHello,
    WsDeviceReady,
    WsError,
    WsHomeRequest,
    WsMemoryForget,
    WsPing,
    WsPong,
    WsPopupRequest,
    WsToolCall,
    WsToolResult,
    decode_client_frame,
)

_FLUSH_TIMEOUT_S: Final = 2.0


class Session:
    """One device's session. Implements `server.devices.registry.DeviceLink`."""

    def __init__(
        self,
        socket: DeviceSocket,
        hello: Hello,
        *,
        pipeline: AnswerPipeline,
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
        self._device_id = hello.device_id
        self._block_open = BLOCK_OPEN in hello.features
        self._greeting: WsDeviceReady | None = greeting(self.session_id, hello, limits)
        self._expiry = Expiry(hello.user, tokens, wall_clock)
        self._pipeline = pipeline
        self._registry = registry
        self._metrics = metrics
        self._limits = limits
        self._writer = FrameWriter(socket)
        self._outbox = Outbox(max_bytes=limits.outbox_bytes, direct=self._writer)
        self._rate = InboundRate(limits.frames_per_s, limits.frames_burst)
        self._requests: dict[UUID, trio.CancelScope] = {}
        self._opened_at = trio.current_time()
        self._heartbeat = Heartbeat(socket, limits.heartbeat_s)
        self._stall_watch = trio.CancelScope()
        self._written = trio.Event()
        self._draining = False
        self._closing: tuple[int, str] | None = None
        # Cancels every task of the session except the writer and the pings.
        self._scope: trio.CancelScope | None = None

    def __repr__(self) -> str:
        return f"Session({self.session_id}, requests={len(self._requests)}, closing={self._closing})"

    def live(self) -> LiveSocket:
        """What the session does now, for an operator."""
        return live_socket(self, self._outbox, self._opened_at, self._requests)

    # ---- as the registry sees it ------------------------------------------------------------------------------------

    @property
    def user_id(self) -> UUID:
        return self._expiry.user_id

    @property
    def device_id(self) -> UUID:
        return self._device_id

    def send_control(self, frame: ServerFrame) -> None:
        """Queue a frame that is sent before text. If the control queue is full, the session ends with 4008."""
        if isinstance(frame, WsToolCall | WsDataRequest):
            self._rate.expect_answer()
        try:
            self._outbox.put_control(frame)
        except OutboxOverflow:
            self.close(CloseCode.TOO_SLOW, "the client reads too slowly")
        except trio.ClosedResourceError:
            pass  # the session is closing and sends nothing more

    @property
    def queued_bytes(self) -> int:
        return self._outbox.queued_bytes

    def drain(self) -> None:
        self._draining = True
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        if self._draining and not self._requests:
            self.close(CloseCode.DRAINING, "the server is stopping")

    def close(self, code: int, reason: str) -> None:
        """End the session with `code`. Only the first call counts. Requests are cancelled and get no `stream_end`."""
        self._closing = self._closing or (code, reason)
        if self._scope is not None:
            self._scope.cancel()

    # ---- its life ---------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until the socket closes. Returns the close code, which either side may have sent."""
        if self._greeting is not None:
            self.send_control(self._greeting)
            self._greeting = None
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
            async with trio.open_nursery() as nursery:
                self._scope = nursery.cancel_scope
                if self._closing is not None:
                    self._scope.cancel()
                # Pings run in the outer nursery: a cancelled send would break the socket before its close frame.
                await self._read(nursery, pings=outer)
            self._outbox.close()
            with trio.move_on_after(_FLUSH_TIMEOUT_S):
                await self._written.wait()
            outer.cancel_scope.cancel()

    async def _write(self) -> None:
        try:
            await self._writer.run(self._outbox)
        except SocketClosed as closed:
            self.close(closed.code, closed.reason)
        finally:
            self._written.set()

    async def _watch_outbox(self, watch: trio.CancelScope) -> None:
        with watch:
            await self._outbox.wait_stalled(self._limits.outbox_stall_s)
            self._metrics.outbox_stalled()
            self.close(CloseCode.TOO_SLOW, "the client reads too slowly")

    # ---- frames in --------------------------------------------------------------------------------------------------

    async def _read(self, nursery: trio.Nursery, pings: trio.Nursery) -> None:
        while True:
            text: str | None = None
            with trio.move_on_at(next_due(self._heartbeat, self._expiry)):
                try:
                    text = await self._socket.receive()
                except SocketClosed as closed:
                    self.close(closed.code, closed.reason)
                    return
            if text is not None:
                self._heartbeat.heard()
            keep_time(self, self._heartbeat, self._expiry, pings)  # also when the peer never stops sending
            if text is not None:
                self._take(text, nursery)

    def _take(self, text: str, nursery: trio.Nursery) -> None:
        if not self._within_rate():
            return
        try:
            frame = decode_client_frame(text)
        except FrameError as error:
            self.send_control(refuse_frame(error, self.tool_replies, self.data_replies))
            return
        self._dispatch(frame, nursery)

    def _within_rate(self) -> bool:
        verdict = self._rate.take(trio.current_time())
        if verdict == "close":
            self.close(CloseCode.POLICY_VIOLATION, "too many frames")
        elif verdict == "refuse":
            self._refuse(ErrorCode.RATE_LIMITED, "Too many frames per second; this frame was not read.", retryable=True)
        return verdict == "read"

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
                    self.send_control(unknown_call(frame))
            case WsDataResponse(data_id=data_id):
                if not self.data_replies.answer(data_id, frame):
                    self.send_control(unknown_call(frame))
            case WsClientMutation():
                self._changed(frame)
            case WsMemoryForget(memory_id=memory_id):
                nursery.start_soon(self._forget, memory_id)
            case WsPing():
                self.send_control(WsPong())
            case WsAuthRefresh(token=token):
                try:
                    self._expiry.refresh(token)
                except RefreshRefused as refused:
                    self._refuse(ErrorCode.UNAUTHORIZED, str(refused))
            case WsDeviceHello():
                self._refuse(ErrorCode.ALREADY_READY, "This socket has already sent device_hello.")

    def _changed(self, frame: WsClientMutation) -> None:
        refused = change_entity(self._pipeline.memory, self._registry, self.user_id, self.device_id, frame)
        if refused is not None:
            self.send_control(refused)

    async def _forget(self, memory_id: UUID) -> None:
        self.send_control(await forget_memory(self._pipeline.memory, self.user_id, memory_id))

    # ---- requests ---------------------------------------------------------------------------------------------------

    def _accept(self, frame: WsHomeRequest | WsPopupRequest, nursery: trio.Nursery) -> None:
        request_id = frame.request_id or uuid4()
        chat = chat_input(frame, request_id, self.user_id, self._device_id, block_open=self._block_open)
        try:
            answer = self._pipeline.accept(chat, source=self.session_id)
        except RequestRefused as refused:
            self._refuse(refused.code, str(refused), request_id, retryable=refused.retryable)
            return
        # The scope exists before the task runs, so that a `cancel` frame that follows immediately finds it.
        scope = trio.CancelScope()
        if not self._requests:
            self._stall_watch = trio.CancelScope()
            nursery.start_soon(self._watch_outbox, self._stall_watch)
        self._requests[request_id] = scope
        nursery.start_soon(self._answer, request_id, answer, scope)

    async def _answer(self, request_id: UUID, answer: Answer, scope: trio.CancelScope) -> None:
        with structlog.contextvars.bound_contextvars(request_id=str(request_id)):
            try:
                with scope:
                    await answer.run(self._emit)
                if scope.cancelled_caught:
                    # The person stopped the answer: do not send the rest of it.
                    self._outbox.discard_request(request_id)
                await self._outbox.put(answer.end())
            except RequestRefused as refused:
                self._refuse(refused.code, str(refused), request_id, retryable=refused.retryable)
            finally:
                del self._requests[request_id]
                if not self._requests:
                    self._stall_watch.cancel()
                answer.close()
        self._close_if_drained()

    async def _emit(self, frame: AnswerFrame) -> None:
        if isinstance(frame, DataFrame):
            await self._outbox.put(frame)
        else:
            self.send_control(frame)
