"""A device: asks, reads answers, runs the tools it is asked to run, hears and tells what changed.

async with open_device(url, token, tools=tools, on_approval=ask) as device:
    answer = await device.home("what should I do today?")
    async for frame in answer:
        ...
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import trio
from pydantic import BaseModel

from client.terminal.answer import Answer, RequestRefusedError
from client.terminal.calls import Approve, Tools, answer_data_request, answer_tool_call
from client.terminal.wire import Connection, ConnectionLostError, ProtocolError, alone, open_connection
from streaming.codes import ErrorCode
from streaming.frames import (
    Entity,
    MutationOp,
    ServerFrame,
    WsAuthRefresh,
    WsCancel,
    WsClientInfo,
    WsClientMutation,
    WsDataRequest,
    WsDeviceHello,
    WsDeviceReady,
    WsError,
    WsHistoryMessage,
    WsHomeRequest,
    WsPing,
    WsPong,
    WsPopupDomain,
    WsPopupRequest,
    WsScope,
    WsServerMutation,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolCall,
    WsToolCancel,
)

CLIENT = WsClientInfo(name="tessera-terminal", version="0.1.0", platform="terminal")
MAX_UNREAD = 1000
OnMutation = Callable[[WsServerMutation], Awaitable[None]]


class Device:
    """A connected device. Any task may call it; what sends raises `ConnectionLostError` once it is closed."""

    def __init__(
        self,
        connection: Connection,
        ready: WsDeviceReady,
        nursery: trio.Nursery,
        tools: Tools,
        on_approval: Approve | None,
        on_mutation: OnMutation | None,
    ) -> None:
        self.ready = ready
        self._connection = connection
        self._nursery = nursery
        self._tools = tools
        self._on_approval = on_approval
        self._on_mutation = on_mutation
        self._answers: dict[UUID, Answer] = {}
        self._chosen_ids: set[UUID] = set()
        self._calls: dict[UUID, trio.CancelScope] = {}
        self._pongs: deque[trio.Event] = deque()
        self._outgoing, self._to_send = trio.open_memory_channel[str](0)
        self._changes, self._to_apply = trio.open_memory_channel[WsServerMutation](math.inf)
        self._notices, self._unread = trio.open_memory_channel[ServerFrame](MAX_UNREAD)
        self._closed = trio.Event()
        self._loss: ConnectionLostError | ProtocolError | None = None

    # ---- asking -----------------------------------------------------------------------------------------------------

    async def home(
        self,
        message: str,
        *,
        history: Sequence[WsHistoryMessage] = (),
        session_id: str | None = None,
        request_id: UUID | None = None,
    ) -> Answer:
        """Ask on the home screen: the answer has text, charts, tables, timelines and entity references."""
        answer = self._open_answer(request_id)
        await self._ask(
            answer,
            WsHomeRequest(
                request_id=answer.request_id,
                message=message,
                conversation_history=list(history),
                session_id=session_id,
            ),
        )
        return answer

    async def popup(self, message: str, scope: WsScope, *, request_id: UUID | None = None) -> Answer:
        """Ask in a popup opened on `scope`: the answer is text only."""
        answer = self._open_answer(request_id)
        await self._ask(answer, WsPopupRequest(request_id=answer.request_id, message=message, scope=scope))
        return answer

    async def cancel(self, request_id: UUID) -> None:
        """Ask the server to stop a request."""
        await self.send(WsCancel(request_id=request_id))

    # ---- the rest of the protocol -----------------------------------------------------------------------------------

    async def mutate(self, op: MutationOp, entity: Entity, id: str, data: dict[str, Any] | None = None) -> None:  # noqa: A002 - the protocol's own word
        """Tell the server, and through it the person's other devices, what the person changed here."""
        await self.send(WsClientMutation(op=op, entity=entity, id=id, data=data))

    async def ping(self) -> None:
        """Send a `ping` frame and wait for its `pong`. Raises `ConnectionLostError`."""
        event = trio.Event()
        self._pongs.append(event)
        try:
            await self.send(WsPing())
        except BaseException:
            self._pongs.remove(event)
            raise
        await event.wait()
        if self._loss is not None:
            raise self._loss

    async def refresh(self, token: str) -> None:
        """Lengthen the session by a new access token."""
        await self.send(WsAuthRefresh(token=token))

    async def receive(self) -> ServerFrame:
        """The next frame that nothing else took: errors of no answer, mutations, `auth_expiring`, unexpected frames.

        The newest thousand are kept. Raises `ConnectionLostError` or `ProtocolError` when there will be no more.
        """
        try:
            return await self._unread.receive()
        except trio.EndOfChannel:
            raise self._loss or ConnectionLostError(1000) from None

    async def send(self, frame: BaseModel) -> None:
        """Send any frame. Returns when the socket's writer has taken it; cancelled before that, nothing is sent."""
        await self.send_raw(frame.model_dump_json())

    async def send_raw(self, text: str) -> None:
        """Send any text message, a valid frame or not."""
        try:
            await self._outgoing.send(text)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._loss or ConnectionLostError(1000) from None

    async def wait_closed(self) -> ConnectionLostError | ProtocolError:
        """Wait until the socket is closed and return why."""
        await self._closed.wait()
        if self._loss is None:
            raise RuntimeError("closed without a reason")
        return self._loss

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket now; leaving the `open_device` block does so too."""
        await self._connection.close(code, reason)

    async def vanish(self) -> None:
        """Lose the network: the TCP connection ends without a close frame."""
        await self._connection.vanish()

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _open_answer(self, request_id: UUID | None) -> Answer:
        if request_id in self._answers:
            raise ValueError(f"request {request_id} is running already")
        answer = Answer(request_id or uuid4(), self.cancel)
        self._answers[answer.request_id] = answer
        if request_id is not None:
            self._chosen_ids.add(request_id)
        return answer

    async def _ask(self, answer: Answer, frame: BaseModel) -> None:
        try:
            await self.send(frame)
        except BaseException:
            self._answers.pop(answer.request_id, None)
            raise

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
            self._end(error)
        except ProtocolError as error:
            self._end(error)
            await self._connection.close(1002)

    async def run_mutations(self) -> None:
        """Tell the application what other devices changed, one change after the other."""
        if self._on_mutation is not None:
            async for change in self._to_apply:
                await self._on_mutation(change)

    def hang_up(self) -> None:
        """Take no more frames to send; the writer ends when it has sent those it has."""
        self._outgoing.close()

    def _end(self, loss: ConnectionLostError | ProtocolError) -> None:
        self._loss = loss
        for answer in self._answers.values():
            answer.fail(loss)
        self._answers.clear()
        for scope in self._calls.values():
            scope.cancel()
        for event in self._pongs:
            event.set()
        self._to_send.close()
        self._notices.close()
        self._closed.set()

    def _dispatch(self, frame: ServerFrame) -> None:
        match frame:
            case WsToolCall():
                self._nursery.start_soon(self._run_call, frame)
            case WsToolCancel():
                if (scope := self._calls.get(frame.call_id)) is not None:
                    scope.cancel()
            case WsDataRequest():
                self._nursery.start_soon(self._answer_data, frame)
            case WsPong() if self._pongs:
                self._pongs.popleft().set()
            case WsServerMutation() if self._on_mutation is not None:
                self._changes.send_nowait(frame)
            case WsError() if (answer := self._refused(frame)) is not None:
                del self._answers[answer.request_id]
                answer.fail(RequestRefusedError(frame))
            case WsStreamStart() | WsPopupDomain() | WsStreamText() | WsStreamBlock() | WsStreamEnd() if (
                running := self._answers.get(frame.request_id)
            ) is not None:
                if isinstance(frame, WsStreamEnd):
                    del self._answers[frame.request_id]
                running.deliver(frame)
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

    async def _run_call(self, call: WsToolCall) -> None:
        with trio.CancelScope() as scope:
            self._calls[call.call_id] = scope
            try:
                if (result := await answer_tool_call(call, self._tools, self._on_approval)) is not None:
                    await self._reply(result)
            finally:
                del self._calls[call.call_id]

    async def _answer_data(self, request: WsDataRequest) -> None:
        await self._reply(await answer_data_request(request, self._tools))

    async def _reply(self, frame: BaseModel) -> None:
        try:
            await self.send(frame)
        except (ConnectionLostError, ProtocolError):
            return  # nobody is left to hear the result


@asynccontextmanager
async def open_device(
    url: str,
    token: str | None,
    *,
    device_id: UUID | None = None,
    client_info: WsClientInfo = CLIENT,
    tools: Tools | None = None,
    on_approval: Approve | None = None,
    on_mutation: OnMutation | None = None,
    bearer: bool = False,
    close_timeout_s: float = 2,
) -> AsyncIterator[Device]:
    """Connect to `url`, say hello, and give the device; leaving the block closes it.

    `token` goes into `device_hello`, or with `bearer` into the upgrade request. `tools` answers the server's calls by
    name; a call that needs approval is denied without `on_approval`. `on_mutation` hears what other devices changed.
    Raises `ConnectError`, and `ConnectionLostError` with the close code when the server refuses the hello. An exception
    of the block passes through as it is.
    """
    async with open_connection(url, bearer=token if bearer else None, close_timeout_s=close_timeout_s) as connection:
        await connection.send(
            WsDeviceHello(
                token=None if bearer else token,
                device_id=device_id or uuid4(),
                protocol_versions=[3],
                client=client_info,
                resume=None,
            )
        )
        ready = await connection.receive()
        if not isinstance(ready, WsDeviceReady):
            raise ProtocolError(f"the server answered the hello with {ready.type}")
        with alone():
            async with trio.open_nursery() as nursery:
                device = Device(connection, ready, nursery, tools or {}, on_approval, on_mutation)
                nursery.start_soon(device.run_reader)
                nursery.start_soon(device.run_mutations)
                writer_done = trio.Event()
                nursery.start_soon(_run_then_set, device.run_writer, writer_done)
                try:
                    yield device
                finally:
                    device.hang_up()
                    with trio.CancelScope(shield=True, deadline=trio.current_time() + close_timeout_s):
                        await writer_done.wait()
                    nursery.cancel_scope.cancel()


async def _run_then_set(run: Callable[[], Awaitable[None]], done: trio.Event) -> None:
    try:
        await run()
    finally:
        done.set()
