"""Byte streams between two servers through the relay, at most four messages a second in each direction.

A message is sent immediately if none was sent within the last interval; everything that is sent meanwhile goes into the
next one. The first two messages of each side do not wait, so that a stream opens quickly. Messages of a stream are
numbered: if one is lost, both sides see a broken stream, never a gap.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from uuid import UUID, uuid4

import trio

from server.relay.messages import StreamData

INTERVAL_S: Final = 0.25
_QUICK: Final = 2
_WAITING_BYTES: Final = 64 * 1024
_MESSAGE_BYTES: Final = 256 * 1024
_RECEIVE_BYTES: Final = 64 * 1024


class Post(Protocol):
    """Sends a message about a user to a server, or calls `lost`. Never blocks, never raises."""

    def __call__(self, user_id: UUID, server_id: UUID, message: StreamData, lost: Callable[[], None]) -> None: ...


class RelayedStream:
    """One side of a stream, with the methods of `trio.abc.Stream`. `RelayStreams` opens it."""

    def __init__(self, send: Callable[[bytes, bool], None], closed: Callable[[], None]) -> None:
        """`send` sends the data of one message, and whether it is the last. `closed` is called once, at `aclose`."""
        self._send = send
        self._on_closed = closed
        self._out = bytearray()
        self._in = bytearray()
        self._ended = False
        self._broken = False
        self._closed = False
        self._changed = trio.Event()

    def __repr__(self) -> str:
        return f"<RelayedStream, {len(self._out)} bytes to send, {len(self._in)} received>"

    unsent: Final = False

    def try_send(self, data: bytes) -> None:  # noqa: ARG002 - every message waits for the database
        """Returns None: nothing is sent without waiting."""
        return

    async def send_all(self, data: bytes) -> None:
        """Send `data` with the next message. Waits while more than 64 KB wait for it."""
        self._check()
        self._out += data
        self._wake()
        await trio.lowlevel.checkpoint()
        while len(self._out) > _WAITING_BYTES and not self._broken:
            await self._changed.wait()

    async def sent(self) -> None:
        """Wait until everything has left with a message, or the stream is broken."""
        while self._out and not self._broken and not self._closed:
            await self._changed.wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Some bytes, or none at the end. Raises `trio.BrokenResourceError` if a message was lost."""
        while not self._in:
            if self._broken or self._closed:
                self._check()
            if self._ended:
                return b""
            await self._changed.wait()
        received = bytes(self._in[: max_bytes or _RECEIVE_BYTES])
        del self._in[: len(received)]
        await trio.lowlevel.checkpoint()
        return received

    async def aclose(self) -> None:
        """Send what waits and the end, and close. Closes immediately, also if cancelled."""
        if not self._closed:
            self._closed = True
            if not self._broken:
                self._send(bytes(self._out), True)
            self._out.clear()
            self._wake()
            self._on_closed()
        await trio.lowlevel.checkpoint()

    async def run(self) -> None:
        """Send messages until the stream is closed or broken."""
        sent = 0
        while not (self._closed or self._broken):
            if not self._out:
                await self._changed.wait()
                continue
            data = bytes(self._out[:_MESSAGE_BYTES])
            del self._out[: len(data)]
            self._send(data, False)
            self._wake()
            sent += 1
            if sent >= _QUICK:
                await trio.sleep(INTERVAL_S)

    # ---- called by `RelayStreams` -----------------------------------------------------------------------------------

    def arrived(self, data: bytes, last: bool) -> None:
        """The next message of the other side."""
        self._in += data
        self._ended = self._ended or last
        self._wake()

    def broke(self) -> None:
        """A message was lost, or the other server is gone."""
        self._broken = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self._broken:
            raise trio.BrokenResourceError("a message of this stream was lost, or the other server is gone")


class _Side:
    """The state of a stream that `RelayStreams` keeps."""

    def __init__(self, server_id: UUID) -> None:
        self.server_id = server_id
        self.sent = 0
        self.received = 0
        self.stream: RelayedStream


class RelayStreams:
    """The open streams of this server. `run` must run while streams are used."""

    def __init__(self, server_id: UUID, post: Post) -> None:
        self._server_id = server_id
        self._post = post
        self._sides: dict[tuple[UUID, UUID], _Side] = {}
        self._nursery: trio.Nursery | None = None
        self.accept: Callable[[RelayedStream], Awaitable[None]] | None = None
        """Serves a stream that another server opened; it must close the stream. None: such streams are refused."""

    def __len__(self) -> int:
        return len(self._sides)

    def __repr__(self) -> str:
        return f"<RelayStreams, {len(self)} open>"

    async def run(self) -> None:
        """Send, and serve the streams that other servers open, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            await trio.sleep_forever()

    def open(self, user_id: UUID, server_id: UUID) -> RelayedStream:
        """A stream to `server_id` about this user."""
        return self._open(user_id, uuid4(), server_id)

    def servers(self) -> set[UUID]:
        """The servers at the other sides of the open streams."""
        return {side.server_id for side in self._sides.values()}

    def server_gone(self, server_id: UUID) -> None:
        """Break every stream to this server."""
        for side in list(self._sides.values()):
            if side.server_id == server_id:
                side.stream.broke()

    def handle(self, user_id: UUID, message: StreamData) -> None:
        """A message for this server."""
        side = self._sides.get((user_id, message.stream_id))
        if side is None:
            if message.last:
                return  # this side has closed already
            if message.number > 0 or self.accept is None or self._nursery is None:
                self._refuse(user_id, message)
                return
            stream = self._open(user_id, message.stream_id, message.sender)
            side = self._sides[user_id, message.stream_id]
            self._nursery.start_soon(self.accept, stream)
        if side.server_id != message.sender:
            return
        if message.number != side.received:
            side.stream.broke()
            return
        side.received += 1
        side.stream.arrived(message.data, message.last)

    def _open(self, user_id: UUID, stream_id: UUID, server_id: UUID) -> RelayedStream:
        if self._nursery is None:
            raise RuntimeError("the relay does not run")
        side = self._sides[user_id, stream_id] = _Side(server_id)

        def send(data: bytes, last: bool) -> None:
            message = StreamData(stream_id=stream_id, sender=self._server_id, number=side.sent, data=data, last=last)
            side.sent += 1
            self._post(user_id, server_id, message, side.stream.broke)

        def closed() -> None:
            del self._sides[user_id, stream_id]

        side.stream = RelayedStream(send, closed)
        self._nursery.start_soon(side.stream.run)
        return side.stream

    def _refuse(self, user_id: UUID, message: StreamData) -> None:
        """Tell the other side that this server does not have, or no longer has, the stream."""
        end = StreamData(stream_id=message.stream_id, sender=self._server_id, number=0, data=b"", last=True)
        self._post(user_id, message.sender, end, _nothing)


def _nothing() -> None:
    """For messages whose loss no task waits for."""
