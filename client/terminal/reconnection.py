"""One session with the server over several sockets: connects again after a loss, and names the last processed frame."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import trio
from pydantic import BaseModel

from client.terminal.connection import (
    ConnectError,
    Connection,
    ConnectionLostError,
    ProtocolError,
    alone,
    open_connection,
)
from streaming.wire import (
    ServerFrame,
    WsAuthExpiring,
    WsAuthRefresh,
    WsDeviceHello,
    WsDeviceReady,
    WsDraining,
    WsPing,
    WsResume,
)

_FINAL: Final = frozenset({1008, 1009, 4500, 4503, 4510, 4511, 4512})
_NEW_TOKEN: Final = frozenset({4501, 4502})
_HEARTBEAT_LOST: Final = 4000
_DRAINING: Final = 4001
_HANDSHAKE_TIMEOUT: Final = 4504
_BUSY: Final = 1013
_LATER_S: Final = 1.0
_BUSY_AT_FIRST_S: Final = 30.0
_SLEPT_S: Final = 2.0
_HANDSHAKE_S: Final = 15.0
_STABLE_S: Final = 10.0
_LAST_REFRESH_S: Final = 2.0
_MOST_PATIENCE: Final = 8
DeviceState = Literal["lost", "back", "resync"]
"""The connection is lost, or back, or changes of other devices are missing for good."""
Token = Callable[[bool], Awaitable[str]]
"""Returns an access token. True: a new one, because the server refused the last one, or because it expires soon."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: from silence to a ping while something is expected, from a ping to the verdict, between attempts.

    `probe_s` doubles with each abandoned socket, up to eight times, because a large frame may have been arriving
    slowly. Any frame after `device_ready` resets it. `give_up_s`: without a connection for this long, the device gives
    up.
    """

    silent_s: float = 5
    probe_s: float = 4.5
    check_s: float = 4
    first_delay_s: float = 0.5
    max_delay_s: float = 30
    give_up_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Events:
    """What the device does for its connection.

    `hello` makes the first frame from the token and the session to resume. `ready` is awaited after the handshake,
    `frame` called for each frame. `expecting`: an answer of the server is due. `state` is called when it changes.
    """

    hello: Callable[[str, WsResume | None], WsDeviceHello]
    ready: Callable[[WsDeviceReady], Awaitable[None]]
    frame: Callable[[ServerFrame], None]
    expecting: Callable[[], bool]
    state: Callable[[DeviceState], None]


class Reconnection:
    """Keeps a device connected. `run` it; `post` frames at any time."""

    def __init__(self, url: str, token: Token, events: Events, patience: Patience) -> None:
        self._url = url
        self._token = token
        self._events = events
        self._patience = patience
        # The last frame of the session that was processed.
        self._cursor: WsResume | None = None
        self._outgoing: trio.MemorySendChannel[BaseModel] | None = None
        self._unsent = 0
        self._drained = trio.Event()
        self._drained.set()
        self._drain_s: float | None = None
        # How many times `probe_s` to wait for the answer to a ping.
        self._factor = 1

    @property
    def is_connected(self) -> bool:
        """Whether frames can be sent now."""
        return self._outgoing is not None

    @property
    def was_connected(self) -> bool:
        """Whether a handshake has ever succeeded."""
        return self._cursor is not None

    def post(self, frame: BaseModel) -> None:
        """Send `frame`. Without a connection it is dropped: `Events.ready` sends again what matters."""
        if self._outgoing is None:
            return
        if self._unsent == 0:
            self._drained = trio.Event()
        self._unsent += 1
        self._outgoing.send_nowait(frame)

    async def flush(self, within_s: float = 2) -> None:
        """Wait until what was posted has left, at most `within_s` seconds."""
        with trio.move_on_after(within_s):
            await self._drained.wait()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Connect, and connect again after a loss. Raises the error of the first attempt, or one that is final.

        If the server is busy (1013), the first attempt is repeated for 30 seconds.
        """
        first_until = trio.current_time() + _BUSY_AT_FIRST_S
        refused = False
        failures = 0
        lost_at: float | None = None
        while True:
            began = trio.current_time()
            connected = False
            try:
                token = await self._token(refused)
                with alone():
                    async with open_connection(self._url) as connection:
                        ready = await self._shake_hands(connection, token)
                        connected, refused = True, False
                        if lost_at is None:
                            task_status.started()
                        else:
                            self._events.state("back")
                        lost_at = None
                        await self._serve(connection, ready)
            except (ConnectError, ConnectionLostError) as error:
                self._outgoing = None
                code = error.code if isinstance(error, ConnectionLostError) else None
                if self._cursor is None and code == _BUSY and trio.current_time() < first_until:
                    await trio.sleep(self._delay(failures, code))
                    failures += 1
                    continue
                if self._cursor is None or code in _FINAL or (code in _NEW_TOKEN and refused):
                    raise
                refused = code in _NEW_TOKEN
                if connected and trio.current_time() - began >= _STABLE_S:
                    failures = 0
                if lost_at is None:
                    self._events.state("lost")
                    lost_at = trio.current_time()
                elif trio.current_time() - lost_at > self._patience.give_up_s:
                    raise
                await trio.sleep(self._delay(failures, code))
                failures += 1

    def _delay(self, failures: int, code: int | None) -> float:
        drain_s, self._drain_s = self._drain_s, None
        if code == _DRAINING and drain_s is not None:
            return drain_s
        nominal: float = min(self._patience.max_delay_s, self._patience.first_delay_s * 2 ** min(failures, 30))
        share = 0.5 + random.random() / 2  # noqa: S311 - jitter, not a secret
        return max(nominal * share, _LATER_S * (0.5 + share)) if code == _BUSY else nominal * share

    async def _shake_hands(self, connection: Connection, token: str) -> WsDeviceReady:
        """Send `device_hello` and return `device_ready`. Raises `ConnectError` if another server answers."""
        await connection.send(self._events.hello(token, self._cursor))
        try:
            with trio.fail_after(_HANDSHAKE_S):
                ready = await connection.receive()
        except trio.TooSlowError:
            raise ConnectionLostError(_HANDSHAKE_TIMEOUT, "the server did not send device_ready in time") from None
        except ProtocolError as error:
            raise ConnectError(f"{self._url} does not answer device_hello: {error}") from None
        if not isinstance(ready, WsDeviceReady):
            raise ConnectError(f"{self._url} answers device_hello with {ready.type}")
        return ready

    async def _serve(self, connection: Connection, ready: WsDeviceReady) -> None:
        """Send and receive until the connection is lost, which raises `ConnectionLostError`."""
        self._outgoing, source = trio.open_memory_channel[BaseModel](math.inf)
        self._unsent = 0
        self._drained.set()
        # After `resumed`, the cursor stays until the first frame that follows is processed.
        if ready.resume != "resumed" or self._cursor is None:
            self._cursor = WsResume(session_id=ready.session_id, seq=ready.seq)
        if self._factor > 1:
            # The answer arrives immediately, except behind a large frame, and resets the patience.
            self.post(WsPing())
        await self._events.ready(ready)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, connection, source)
            while True:
                frame = await self._next_frame(connection, ready.heartbeat_s)
                if isinstance(frame, WsDraining):
                    self._drain_s = frame.retry_after_ms / 1000
                elif isinstance(frame, WsAuthExpiring):
                    nursery.start_soon(self._refresh, frame.in_s)
                self._events.frame(frame)
                self._cursor = WsResume(session_id=ready.session_id, seq=frame.seq)

    async def _refresh(self, left_s: float) -> None:
        """Send a new token before the present one expires in `left_s` seconds.

        Waits for a quarter to a half of the time, so that devices do not refresh together. After an error, tries again
        in the time that remains. If all fails, the server closes with 4502, and the device connects with a new token.
        """
        while True:
            wait_s = left_s * (0.25 + random.random() / 4)  # noqa: S311 - jitter, not a secret
            await trio.sleep(wait_s)
            left_s -= wait_s
            try:
                self.post(WsAuthRefresh(token=await self._token(True)))
            except ConnectError:
                if left_s > _LAST_REFRESH_S:
                    continue
            return

    async def _write(self, connection: Connection, source: trio.MemoryReceiveChannel[BaseModel]) -> None:
        with suppress(ConnectionLostError):  # the reader reports the loss
            async for frame in source:
                await connection.send(frame)
                self._unsent -= 1
                if self._unsent == 0:
                    self._drained.set()

    async def _next_frame(self, connection: Connection, heartbeat_s: float) -> ServerFrame:
        """Return the next frame. Raises `ConnectionLostError` if the server does not answer a ping in time."""
        patience = self._patience
        heard = trio.current_time()
        drift = time.time() - heard
        pinged: float | None = None
        while True:
            silent_s = patience.silent_s if self._events.expecting() else heartbeat_s
            due = heard + silent_s if pinged is None else pinged + patience.probe_s * self._factor
            with trio.move_on_at(min(due, trio.current_time() + patience.check_s)):
                frame = await connection.receive()
                self._factor = 1
                return frame
            now = trio.current_time()
            # The monotonic clock stands still while the machine sleeps.
            slept = time.time() - now - drift > _SLEPT_S
            drift = time.time() - now
            if pinged is None and (slept or now >= due):
                self.post(WsPing())
                pinged = now
            elif pinged is not None and now >= due:
                self._factor = min(self._factor * 2, _MOST_PATIENCE)
                await connection.vanish()  # a dead peer never answers a close frame
                raise ConnectionLostError(_HEARTBEAT_LOST, "the server does not answer")
