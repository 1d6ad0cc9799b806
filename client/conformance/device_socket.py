"""The runner's end of a client's device socket: it can be cut, closed with a code, and frozen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

Frame = dict[str, Any]
_PONG_S: Final = 5.0


class FreezableStream(trio.abc.Stream):
    """A stream that stops for good when `freeze` was called, as if the network had lost all packets."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._frozen = False

    def freeze(self) -> None:
        """From now on, nothing is received or sent."""
        self._frozen = True

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`. Does not return after `freeze`."""
        if self._frozen:
            await trio.sleep_forever()
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the socket does it."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return received bytes. Does not return after `freeze`."""
        data = await self._stream.receive_some(max_bytes)
        if self._frozen:
            await trio.sleep_forever()
        return data

    async def aclose(self) -> None:
        """Close the socket."""
        await self._stream.aclose()


class Arrival:
    """An upgrade request of the client under test, which waits for the player's decision."""

    def __init__(self) -> None:
        self.refused: int | None = None
        """The HTTP status to answer with. None: accept."""
        self._decided = trio.Event()
        self._socket: DeviceSocket | None = None
        self._opened = trio.Event()

    async def accept(self) -> DeviceSocket:
        """Accept the request. Returns the socket."""
        self._decided.set()
        await self._opened.wait()
        assert self._socket is not None  # noqa: S101 - set by `opened`
        return self._socket

    def refuse(self, status: int) -> None:
        """Answer with an HTTP status."""
        self.refused = status
        self._decided.set()

    async def decided(self) -> None:
        """Wait for the decision."""
        await self._decided.wait()

    def opened(self, socket: DeviceSocket) -> None:
        """The request was accepted."""
        self._socket = socket
        self._opened.set()


class DeviceSocket:
    """Frames of one device socket. `run` it in a nursery."""

    def __init__(self, websocket: WebSocketConnection, stream: FreezableStream, bearer: str | None) -> None:
        self.bearer = bearer
        """The token of the upgrade request's Authorization header."""
        self.is_frozen = False
        self._websocket = websocket
        self._stream = stream
        self._ended = trio.Event()
        self._closing: trio.Event | None = None
        self._feed, self._frames = trio.open_memory_channel[Frame](math.inf)

    async def run(self) -> None:
        """Receive frames until the socket ends."""
        with self._feed:
            try:
                while True:
                    frame = json.loads(await self._websocket.get_message())
                    if not isinstance(frame, dict):
                        frame = {"type": "not an object", "value": frame}
                    self._feed.send_nowait(frame)
            except ConnectionClosed:
                pass
            except ValueError:
                self._feed.send_nowait({"type": "not JSON"})
            finally:
                self._ended.set()
        if self._closing is not None:
            await self._closing.wait()  # the WebSocket must read on until the client's close frame

    async def receive(self) -> Frame | None:
        """Return the next frame, or None at the end of the socket."""
        try:
            return await self._frames.receive()
        except trio.EndOfChannel:
            return None

    def receive_nowait(self) -> Frame | None:
        """Return a frame that has arrived, or None."""
        try:
            return self._frames.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            return None

    async def send(self, frame: Mapping[str, Any]) -> None:
        """Send one frame. Does nothing if the client has closed the socket."""
        with suppress(ConnectionClosed):
            await self._websocket.send_message(json.dumps(frame))

    async def settle(self) -> None:
        """Wait until every frame that the client has sent is here: it answers a WebSocket ping after them."""
        if not self.is_frozen:
            with suppress(ConnectionClosed), trio.move_on_after(_PONG_S):
                await self._websocket.ping()

    async def close(self, code: int) -> None:
        """Close the socket with `code`."""
        self._closing = trio.Event()
        with trio.move_on_after(_PONG_S):
            await self._websocket.aclose(code)
        self._closing.set()

    async def cut(self) -> None:
        """End the socket without a close frame."""
        await trio.aclose_forcefully(self._stream)
        await self._ended.wait()

    def freeze(self) -> None:
        """Receive and send nothing from now on; keep the socket open."""
        self.is_frozen = True
        self._stream.freeze()
