"""A device's side of an open socket: one task sends, one receives and gives every frame to whom it is for."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import trio
from pydantic import BaseModel

from client.terminal.answer import Answer, RequestRefusedError
from client.terminal.calls import Approve, Tools, answer_data_request, answer_tool_call
from client.terminal.connection import Connection, ConnectionLostError, ProtocolError
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
    """Answers in progress, tool calls in progress, and the queues between them and the socket.

    `loss` says why the socket closed, once `closed` is set.
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
        """Deliver the frames of this request to `answer`. `chosen_id`: the application chose its id, perhaps twice."""
        if answer.request_id in self._answers:
            raise ValueError(f"request {answer.request_id} is running already")
        self._answers[answer.request_id] = answer
        if chosen_id:
            self._chosen_ids.add(answer.request_id)

    def forget(self, answer: Answer) -> None:
        """Deliver nothing more to `answer`."""
        self._answers.pop(answer.request_id, None)
        self._chosen_ids.discard(answer.request_id)

    async def send_raw(self, text: str) -> None:
        """Hand `text` to the writer. Raises what closed the socket."""
        try:
            await self._outgoing.send(text)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self.loss or ConnectionLostError(1000) from None

    async def receive(self) -> ServerFrame:
        """The next frame that was for nobody. Raises what closed the socket."""
        try:
            return await self._unread.receive()
        except trio.EndOfChannel:
            raise self.loss or ConnectionLostError(1000) from None

    async def run_writer(self) -> None:
        """Send what the tasks hand over, one frame at a time; the only task that sends."""
        with self._to_send, suppress(ConnectionLostError, trio.ClosedResourceError):  # the reader learns why, and tells
            async for text in self._to_send:
                await self._connection.send_raw(text)

    async def run_reader(self) -> None:
        """Receive until the socket closes, then end everything that waits for it."""
        try:
            while True:
                self._dispatch(await self._connection.receive())
        except ConnectionLostError as error:
            self._finish(error)
        except ProtocolError as error:
            self._finish(error)
            await self._connection.close(1002)

    async def run_mutations(self) -> None:
        """Tell the application what other devices changed, one change after the other."""
        if self._on_mutation is not None:
            async for change in self._to_apply:
                await self._on_mutation(change)

    def hang_up(self) -> None:
        """Take no more frames to send; the writer ends when it has sent those it has."""
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
                # Known from here on, not from when its task first runs: the next frame may withdraw it.
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
        """The answer that this error ends: one that has not begun. An error about a running one is only news."""
        answer = self._answers.get(frame.request_id) if frame.request_id is not None else None
        if answer is None or answer.begun or frame.code is ErrorCode.UNKNOWN_REQUEST:
            return None
        if frame.code is ErrorCode.DUPLICATE_REQUEST and answer.request_id not in self._chosen_ids:
            return None  # an id made up here is new: the duplicate is somebody's second use of it
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
            await self.send_raw(frame.model_dump_json())
        except (ConnectionLostError, ProtocolError):
            return  # nobody is left to hear the result
