"""A device: sends requests, reads answers, runs tools for the server, and sends and receives mutations.

This is the library of the terminal client. The tests and benchmarks use it to drive a server.

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
from client.terminal.connection import (
    Connection,
    ConnectionLostError,
    ProtocolError,
    alone,
    frame_text,
    open_connection,
)
from client.terminal.link import Link, OnMutation
from parser import well_formed
from person import DayForm
from streaming.wire import (
    PROTOCOL_VERSION,
    Entity,
    MutationOp,
    ServerFrame,
    WsCancel,
    WsClientInfo,
    WsClientMutation,
    WsDeviceHello,
    WsDeviceReady,
    WsHistoryMessage,
    WsHomeRequest,
    WsLocale,
    WsPing,
    WsPopupRequest,
    WsScope,
)

CLIENT = WsClientInfo(name="tessera-terminal", version="0.1.0", platform="terminal")


class Device:
    """A connected device. Any task may call its methods. Sending raises `ConnectionLostError` after the close."""

    def __init__(self, connection: Connection, link: Link, ready: WsDeviceReady) -> None:
        self.ready = ready
        self._connection = connection
        self._link = link

    @property
    def loss(self) -> ConnectionLostError | ProtocolError | None:
        """The reason why the socket closed, or None while it is open."""
        return self._link.loss

    # ---- asking -----------------------------------------------------------------------------------------------------

    async def home(
        self,
        message: str,
        *,
        history: Sequence[WsHistoryMessage] = (),
        conversation_id: str | None = None,
        request_id: UUID | None = None,
    ) -> Answer:
        """Ask from the home view. The answer may have text, charts, tables, timelines and entity references."""
        return await self._ask(
            request_id,
            lambda asked_id: WsHomeRequest(
                request_id=asked_id,
                message=well_formed(message),
                conversation_history=list(history),
                conversation_id=conversation_id,
            ),
        )

    async def popup(self, message: str, scope: WsScope, *, request_id: UUID | None = None) -> Answer:
        """Ask in a popup on `scope`. The answer has only text."""
        return await self._ask(
            request_id, lambda asked_id: WsPopupRequest(request_id=asked_id, message=well_formed(message), scope=scope)
        )

    async def cancel(self, request_id: UUID) -> None:
        """Ask the server to stop a request."""
        await self.send(WsCancel(request_id=request_id))

    # ---- the rest of the protocol -----------------------------------------------------------------------------------

    async def mutate(
        self,
        op: MutationOp,
        entity: Entity,
        id: str,  # noqa: A002 - the protocol's own word
        data: dict[str, Any] | None = None,
        *,
        mutation_id: UUID | None = None,
    ) -> None:
        """Send a change that the person made here to the server, which stores it and forwards it to the other devices.

        With a `mutation_id`, `receive` returns a `mutation_ack` when the change is stored. Until then, send the change
        again with the same id after a reconnect.
        """
        await self.send(WsClientMutation(op=op, entity=entity, id=id, data=data, mutation_id=mutation_id))

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

    async def receive(self) -> ServerFrame:
        """Return the next frame that belongs to no answer or call: errors, mutations, `auth_expiring` and others.

        Only the newest thousand are kept. Raises `ConnectionLostError` or `ProtocolError` after the last one.
        """
        return await self._link.receive()

    async def send(self, frame: BaseModel) -> None:
        """Send any frame. Returns when the socket's writer has taken it. If cancelled before, sends nothing."""
        await self.send_raw(frame_text(frame))

    async def send_raw(self, text: str) -> None:
        """Send any text message, even if it is not a valid frame."""
        await self._link.send_raw(text)

    async def wait_closed(self) -> ConnectionLostError | ProtocolError:
        """Wait until the socket is closed. Returns the reason."""
        await self._link.closed.wait()
        if self._link.loss is None:
            raise RuntimeError("closed without a reason")
        return self._link.loss

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket now. Leaving the `open_device` block closes it, too."""
        await self._connection.close(code, reason)

    async def vanish(self) -> None:
        """Simulate a network failure: end the TCP connection without a close frame."""
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
    locale: WsLocale | None = None,
    dates: DayForm | None = None,
    bearer: bool = False,
    close_timeout_s: float = 2,
) -> AsyncIterator[Device]:
    """Connect to `url`, send `device_hello`, and yield the device. Leaving the block closes it.

    `token` is sent in `device_hello`, or with `bearer` in the upgrade request. `tools` maps tool names to functions.
    Without `on_approval`, calls that need approval are refused. `on_mutation` gets the changes of other devices.
    `locale` is the person's, `dates` the form in which this device stores calendar days.
    Raises `ConnectError`, or `ConnectionLostError` with the close code if the server refuses the hello. An exception
    of the block is raised unchanged, not in a group.
    """
    async with open_connection(url, bearer=token if bearer else None, close_timeout_s=close_timeout_s) as connection:
        await connection.send(
            WsDeviceHello(
                token=None if bearer else token,
                device_id=device_id or uuid4(),
                protocol_versions=[PROTOCOL_VERSION],
                client=client_info,
                resume=None,
                locale=locale,
                dates=dates,
            )
        )
        ready = await connection.receive()
        if not isinstance(ready, WsDeviceReady):
            raise ProtocolError(f"the server answered device_hello with {ready.type}")
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
