"""Requests that another process follows, reads or cancels: what the process does that runs them, and the other one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
import trio
from pydantic import ValidationError

from server.sessions import RunningRequest, Watcher
from server.sockets.device_socket import SocketClosed
from server.sockets.frame_stream import ByteStream, FrameStream
from server.sockets.handed_socket import HandedSocket
from server.sockets.openings import Refused, RequestOrder, accept, open_with, refuse
from server.sockets.writer import write_frames
from streaming.wire import SERVER_FRAME, CloseCode, ServerFrame, WsRequestResult

log = structlog.get_logger(__name__)

_RESULT_S: Final = 3.0


class _Sender:
    """A `server.sessions.Sender` to another process."""

    def __init__(self, socket: HandedSocket) -> None:
        self._socket = socket

    @property
    def unsent(self) -> bool:
        return self._socket.unsent

    def try_send(self, message: bytes) -> int | None:
        return self._socket.try_send(message)

    async def flush(self) -> None:
        await self._socket.flush()

    def filled(self) -> None:
        """Nothing waits for the other process: what it does not take stays in the log."""


async def serve_order(
    order: RequestOrder,
    request: RunningRequest | None,
    stream: ByteStream,
    make_socket: Callable[[FrameStream, str], HandedSocket],
) -> None:
    """In the process that runs the request: do what another process wants. Raises the errors of the stream."""
    if request is None:
        await refuse(stream)
        return
    if order.kind == "cancel":
        request.cancel()
    await accept(stream)
    if order.kind == "cancel":
        return
    frames = FrameStream(stream)
    socket = make_socket(frames, "another process")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(frames.run)
        if order.kind == "result":
            await _send_result(socket, request)
        else:
            await _send_log(socket, request)
        await socket.close(CloseCode.NORMAL, "")
        nursery.cancel_scope.cancel()


async def _send_result(socket: HandedSocket, request: RunningRequest) -> None:
    try:
        await socket.send(request.log.result().model_dump_json())
    except SocketClosed:
        return


async def _send_log(socket: HandedSocket, request: RunningRequest) -> None:
    sender = _Sender(socket)
    watcher = Watcher(request, sender)
    try:
        async with trio.open_nursery() as nursery:

            async def notice_close() -> None:
                try:
                    while True:
                        await socket.receive()
                except SocketClosed:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(notice_close)
            nursery.start_soon(watcher.finish)
            with suppress(SocketClosed):  # the other process follows no more
                await write_frames(socket, watcher.outbox, sender)
            nursery.cancel_scope.cancel()
    finally:
        watcher.close()


async def read_frames(stream: ByteStream, order: RequestOrder, take: Callable[[ServerFrame], bool]) -> None:
    """In the other process: call `take` with each frame until it returns False or no more come. Closes the stream.

    Raises nothing but `Cancelled`.
    """
    try:
        if not await open_with(stream, order):
            return
        frames = FrameStream(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(frames.run)
            try:
                while take(SERVER_FRAME.validate_json(await frames.receive())):
                    pass
            except SocketClosed:
                pass  # the request has ended, or the other process is gone
            except ValidationError:
                log.exception("followed_request_unreadable", request_id=str(order.request_id))
            nursery.cancel_scope.cancel()
    except (trio.BrokenResourceError, trio.ClosedResourceError, Refused):
        pass
    finally:
        await stream.aclose()


async def read_result(stream: ByteStream, order: RequestOrder) -> WsRequestResult | None:
    """In the other process: the answer so far, if it comes in time. Closes the stream."""
    found: list[WsRequestResult] = []

    def take(frame: ServerFrame) -> bool:
        if isinstance(frame, WsRequestResult):
            found.append(frame)
        return False

    with trio.move_on_after(_RESULT_S):
        await read_frames(stream, order, take)
    return found[0] if found else None


async def cancel_request(stream: ByteStream, order: RequestOrder) -> bool:
    """In the other process: whether the request is being cancelled. Closes the stream."""
    try:
        return await open_with(stream, order)
    except (trio.BrokenResourceError, trio.ClosedResourceError, Refused):
        return False
    finally:
        await stream.aclose()
