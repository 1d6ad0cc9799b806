"""The device's side of an open socket: one task sends frames, another receives and dispatches them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import trio
from pydantic import BaseModel

from client.terminal.answer import REQUEST_TYPES, UNREAD_CODES, Answer, RequestRefusedError
from client.terminal.calls import Approve, Tools, answer_data_request, answer_tool_call
from client.terminal.connection import Connection, ConnectionLostError, ProtocolError, frame_text
from streaming.wire import (
    ErrorCode,
    ServerFrame,
    WsDataRequest,
    WsError,
    WsPong,
    WsPopupDomain,
    WsServerMutation,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolCall,
    WsToolCancel,
)

MAX_UNREAD = 1000
OnMutation = Callable[[WsServerMutation], Awaitable[None]]


class Link:
    """The running answers and tool calls, and the queues between them and the socket.

    When `closed` is set, `loss` is the reason why the socket closed.
    """

    def __init__(
        self,
        connection: Connection,
        nursery: trio.Nursery,
        tools: Tools,
        on_approval: Approve | None,
        on_mutation: OnMutation | None,
    ) -> None:
        self.loss: ConnectionLostError | ProtocolError | None = None
        self.closed = trio.Event()
        self.pongs: deque[trio.Event] = deque()
        self._connection = connection
        self._nursery = nursery
        self._tools = tools
        self._on_approval = on_approval
        self._on_mutation = on_mutation
        self._answers: dict[UUID, Answer] = {}
        self._chosen_ids: set[UUID] = set()
        self._calls: dict[UUID, trio.CancelScope] = {}
        self._outgoing, self._to_send = trio.open_memory_channel[str](0)
        self._changes, self._to_apply = trio.open_memory_channel[WsServerMutation](math.inf)
        self._notices, self._unread = trio.open_memory_channel[ServerFrame](MAX_UNREAD)

    def expect(self, answer: Answer, *, chosen_id: bool) -> None:
        """Deliver the frames of this request to `answer`. `chosen_id`: the application chose the id."""
        if answer.request_id in self._answers:
            raise ValueError(f"a request with id {answer.request_id} is already running")
        self._answers[answer.request_id] = answer
        if chosen_id:
            self._chosen_ids.add(answer.request_id)

    def forget(self, answer: Answer) -> None:
        """Deliver no more frames to `answer`."""
        self._answers.pop(answer.request_id, None)
        self._chosen_ids.discard(answer.request_id)

    async def send_raw(self, text: str) -> None:
        """Pass `text` to the writer. Raises the reason why the socket closed."""
        try:
            await self._outgoing.send(text)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self.loss or ConnectionLostError(1000) from None

    async def receive(self) -> ServerFrame:
        """Return the next frame that belongs to no answer or call. Raises the reason why the socket closed."""
        try:
            return await self._unread.receive()
        except trio.EndOfChannel:
            raise self.loss or ConnectionLostError(1000) from None

    async def run_writer(self) -> None:
        """Send the frames of all tasks, one at a time. This is the only task that sends."""
        with self._to_send, suppress(ConnectionLostError, trio.ClosedResourceError):  # the reader reports the reason
            async for text in self._to_send:
                await self._connection.send_raw(text)

    async def run_reader(self) -> None:
        """Receive frames until the socket closes, then end all answers and calls."""
        try:
            while True:
                self._dispatch(await self._connection.receive())
        except ConnectionLostError as error:
            self._finish(error)
        except ProtocolError as error:
            self._finish(error)
            await self._connection.close(1002)

    async def run_mutations(self) -> None:
        """Pass the changes of other devices to the application, one after another."""
        if self._on_mutation is not None:
            async for change in self._to_apply:
                await self._on_mutation(change)

    def hang_up(self) -> None:
        """Accept no more frames. The writer sends the accepted frames and ends."""
        self._outgoing.close()

    def _finish(self, loss: ConnectionLostError | ProtocolError) -> None:
        self.loss = loss
        for answer in self._answers.values():
            answer.fail(loss)
        self._answers.clear()
        self._chosen_ids.clear()
        for scope in self._calls.values():
            scope.cancel()
        for event in self.pongs:
            event.set()
        self._to_send.close()
        self._notices.close()
        self.closed.set()

    def _dispatch(self, frame: ServerFrame) -> None:
        match frame:
            case WsToolCall():
                # Register the call before its task runs, because the next frame may withdraw it.
                scope = self._calls[frame.call_id] = trio.CancelScope()
                self._nursery.start_soon(self._run_call, frame, scope)
            case WsToolCancel():
                if (running := self._calls.get(frame.call_id)) is not None:
                    running.cancel()
            case WsDataRequest():
                self._nursery.start_soon(self._answer_data, frame)
            case WsPong() if self.pongs:
                self.pongs.popleft().set()
            case WsServerMutation() if self._on_mutation is not None:
                self._changes.send_nowait(frame)
            case WsError() if (refused := self._refused(frame)) is not None:
                self.forget(refused)
                refused.fail(RequestRefusedError(frame))
            case WsStreamStart() | WsPopupDomain() | WsStreamText() | WsStreamBlock() | WsStreamEnd() if (
                answer := self._answers.get(frame.request_id)
            ) is not None:
                if isinstance(frame, WsStreamEnd):
                    self.forget(answer)
                answer.deliver(frame)
            case _:
                self._notice(frame)

    def _refused(self, frame: WsError) -> Answer | None:
        """Return the answer that this error ends, or None. An error does not end an answer that has begun."""
        answer = self._answers.get(frame.request_id) if frame.request_id is not None else None
        if frame.request_id is None and frame.code in UNREAD_CODES and frame.frame_type in REQUEST_TYPES:
            # The server could not read the id: the frame was the oldest request that has no answer yet.
            answer = next((answer for answer in self._answers.values() if not answer.begun), None)
        # An error with the id of a call answers the call's result, which names its request too.
        if answer is None or answer.begun or frame.call_id is not None or frame.code is ErrorCode.UNKNOWN_REQUEST:
            return None
        if frame.code is ErrorCode.DUPLICATE_REQUEST and answer.request_id not in self._chosen_ids:
            return None  # the id is random, so the error is about a second use of it, not about this request
        return answer

    def _notice(self, frame: ServerFrame) -> None:
        try:
            self._notices.send_nowait(frame)
        except trio.WouldBlock:
            self._unread.receive_nowait()
            self._notices.send_nowait(frame)

    async def _run_call(self, call: WsToolCall, scope: trio.CancelScope) -> None:
        try:
            with scope:
                result = await answer_tool_call(call, self._tools, self._on_approval)
                if result is not None:
                    await self._reply(result)
        finally:
            del self._calls[call.call_id]

    async def _answer_data(self, request: WsDataRequest) -> None:
        await self._reply(await answer_data_request(request, self._tools))

    async def _reply(self, frame: BaseModel) -> None:
        try:
            await self.send_raw(frame_text(frame))
        except (ConnectionLostError, ProtocolError):
            return  # the connection is closed, so the result cannot be sent
