"""A device: asks, reads answers, runs the tools it is asked to run, hears and tells what changed.

async with open_device(url, token, tools=tools, on_approval=ask) as device:
    answer = await device.home("what should I do today?")
    async for frame in answer:
        ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import trio
from pydantic import BaseModel

from client.terminal.answer import Answer
from client.terminal.calls import Approve, Tools
from client.terminal.connection import Connection, ConnectionLostError, ProtocolError, alone, open_connection
from client.terminal.link import Link, OnMutation
from streaming.wire import (
    PROTOCOL_VERSION,
    Entity,
    MutationOp,
    ServerFrame,
    WsAuthRefresh,
    WsCancel,
    WsClientInfo,
    WsClientMutation,
    WsDeviceHello,
    WsDeviceReady,
    WsHistoryMessage,
    WsHomeRequest,
    WsPing,
    WsPopupRequest,
    WsScope,
)

CLIENT = WsClientInfo(name="tessera-terminal", version="0.1.0", platform="terminal")


class Device:
    """A connected device. Any task may call it; what sends raises `ConnectionLostError` once it is closed."""

    def __init__(self, connection: Connection, link: Link, ready: WsDeviceReady) -> None:
        self.ready = ready
        self._connection = connection
        self._link = link

    @property
    def loss(self) -> ConnectionLostError | ProtocolError | None:
        """Why the socket closed; None while it is open."""
        return self._link.loss

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
        return await self._ask(
            request_id,
            lambda identity: WsHomeRequest(
                request_id=identity, message=message, conversation_history=list(history), session_id=session_id
            ),
        )

    async def popup(self, message: str, scope: WsScope, *, request_id: UUID | None = None) -> Answer:
        """Ask in a popup opened on `scope`: the answer is text only."""
        return await self._ask(
            request_id, lambda identity: WsPopupRequest(request_id=identity, message=message, scope=scope)
        )

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
        self._link.pongs.append(event)
        try:
            await self.send(WsPing())
        except BaseException:
            self._link.pongs.remove(event)
            raise
        await event.wait()
        if self._link.loss is not None:
            raise self._link.loss

    async def refresh(self, token: str) -> None:
        """Lengthen the session by a new access token."""
        await self.send(WsAuthRefresh(token=token))

    async def receive(self) -> ServerFrame:
        """The next frame that nothing else took: errors of no answer, mutations, `auth_expiring`, unexpected frames.

        The newest thousand are kept. Raises `ConnectionLostError` or `ProtocolError` when there will be no more.
        """
        return await self._link.receive()

    async def send(self, frame: BaseModel) -> None:
        """Send any frame. Returns when the socket's writer has taken it; cancelled before that, nothing is sent."""
        await self.send_raw(frame.model_dump_json())

    async def send_raw(self, text: str) -> None:
        """Send any text message, a valid frame or not."""
        await self._link.send_raw(text)

    async def wait_closed(self) -> ConnectionLostError | ProtocolError:
        """Wait until the socket is closed and return why."""
        await self._link.closed.wait()
        if self._link.loss is None:
            raise RuntimeError("closed without a reason")
        return self._link.loss

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket now; leaving the `open_device` block does so too."""
        await self._connection.close(code, reason)

    async def vanish(self) -> None:
        """Lose the network: the TCP connection ends without a close frame."""
        await self._connection.vanish()

    async def _ask(self, request_id: UUID | None, ask: Callable[[UUID], BaseModel]) -> Answer:
        answer = Answer(request_id or uuid4(), self.cancel)
        self._link.expect(answer, chosen_id=request_id is not None)
        try:
            await self.send(ask(answer.request_id))
        except BaseException:
            self._link.forget(answer)
            raise
        return answer


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
                protocol_versions=[PROTOCOL_VERSION],
                client=client_info,
                resume=None,
            )
        )
        ready = await connection.receive()
        if not isinstance(ready, WsDeviceReady):
            raise ProtocolError(f"the server answered the hello with {ready.type}")
        with alone():
            async with trio.open_nursery() as nursery:
                link = Link(connection, nursery, tools or {}, on_approval, on_mutation)
                nursery.start_soon(link.run_reader)
                nursery.start_soon(link.run_mutations)
                writer_done = trio.Event()
                nursery.start_soon(_run_then_set, link.run_writer, writer_done)
                try:
                    yield Device(connection, link, ready)
                finally:
                    link.hang_up()
                    with trio.CancelScope(shield=True, deadline=trio.current_time() + close_timeout_s):
                        await writer_done.wait()
                    nursery.cancel_scope.cancel()


async def _run_then_set(run: Callable[[], Awaitable[None]], done: trio.Event) -> None:
    try:
        await run()
    finally:
        done.set()
