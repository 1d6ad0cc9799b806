"""One device socket from `device_ready` to its close: a view of the device's session.

Two tasks serve a socket. The task that opened it reads frames and drives the clocks (heartbeat, token expiry). The
writer task alone sends. Requests run in the session, so a lost socket ends none. To end a socket, call `close` with a
close code: the writer sends what waits, and the close frame is sent last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
import trio

from memory.delivery import ClientRecord
from server.accounts import Authenticator, EndedAccess, TokenExpired, TokenInvalid
from server.sessions import Session, SessionHost
from server.sockets.clocks import Expiry, Heartbeat, RefreshRefused, keep_time, next_due
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handshake import Hello
from server.sockets.inbound_rate import InboundRate
from server.sockets.user_sockets import BytesIn
from server.sockets.writer import write_frames
from server.telemetry import Metrics
from streaming.wire import (
    ClientFrame,
    CloseCode,
    ErrorCode,
    FrameError,
    ServerFrame,
    WsAuthRefresh,
    WsDeviceHello,
    WsDraining,
    WsLocaleChanged,
    WsResume,
    decode_client_frame,
)

log = structlog.get_logger(__name__)

_FLUSH_TIMEOUT_S: Final = 2.0
# Shorter than the heartbeat, whose answer is read in between.
_LONGEST_REST_S: Final = 5.0
ACCESS_ENDED: Final = "this access has ended: log in again"
"""The close reason after a logout, or when the device was revoked or the account deleted."""
_CONTINUES: Final = "the session continues with the old one."


class SocketView:
    """An open socket. Implements `server.sessions.View`. Call `attach`, then `run`."""

    def __init__(
        self,
        socket: DeviceSocket,
        hello: Hello,
        *,
        sessions: SessionHost,
        access: Authenticator,
        metrics: Metrics,
        wall_clock: Callable[[], float],
        bytes_in: BytesIn | None = None,
    ) -> None:
        """`bytes_in`: counts what the user sends on all sockets; after too much, this one is not read for a while."""
        limits = sessions.limits
        self._socket = socket
        self.try_send: Callable[[bytes], int | None] = socket.try_send
        """Send one frame if that needs no waiting. Returns how many bytes are unsent; None if nothing was sent."""
        self._hello: Hello | None = hello
        self._sessions = sessions
        self._metrics = metrics
        self._stall_s = limits.outbox_stall_s
        self._access = access
        self._device_id = hello.device_id
        self._expiry = Expiry(hello.user, wall_clock)
        self._bytes_in = bytes_in
        self._rate = InboundRate(limits.frames_per_s, limits.frames_burst)
        self._heartbeat = Heartbeat(socket, limits.heartbeat_s)
        self._session: Session | None = None
        self._written = False
        self._awaits_writer: trio.Event | None = None  # made when it is needed: idle sockets do without
        self._closing: tuple[int, str] | None = None
        self._lost = False
        # Ends the reading of frames.
        self._reading: trio.CancelScope | None = None
        # For other tasks of the socket, while it does not close.
        self._nursery: trio.Nursery | None = None
        self._watching = False

    def __repr__(self) -> str:
        return f"<SocketView of {self._session}, closing={self._closing}>"

    # ---- as its session sees it -------------------------------------------------------------------------------------

    @property
    def user_id(self) -> UUID:
        """The user whose session it shows."""
        return self._expiry.user.user_id

    @property
    def unsent(self) -> bool:
        """Whether a part of a frame that `try_send` accepted is not sent yet."""
        return self._socket.unsent

    async def flush(self) -> None:
        """Send the rest of a frame. Raises `server.sockets.device_socket.SocketClosed`."""
        await self._socket.flush()

    def filled(self) -> None:
        """The session's outbox is full: close this socket if it stays so without progress."""
        # While the socket closes, its nursery takes no more tasks.
        if not self._watching and self._nursery is not None and self._closing is None:
            self._watching = True
            self._nursery.start_soon(self._watch_outbox)

    def expect_answer(self, frames: int) -> None:
        """A call was sent to the device: allow the frames that answer it."""
        for _ in range(frames):
            self._rate.expect_answer()

    def close(self, code: int, reason: str) -> None:
        """Close the socket with `code`. Only the first call counts. The session goes on."""
        self._closing = self._closing or (code, reason)
        if self._reading is not None:
            self._reading.cancel()

    def end_access(self, ended: EndedAccess) -> None:
        """Close the socket with 4501 if its access has ended."""
        if ended.covers(self._expiry.user, self._device_id):
            self.close(CloseCode.UNAUTHORIZED, ACCESS_ENDED)

    # ---- its life ---------------------------------------------------------------------------------------------------

    async def attach(self, connection_id: UUID | None = None, go_on: WsResume | None = None) -> Session:
        """Attach to the session of the device. Its first frame is `device_ready`. See `SessionHost.attach`."""
        hello, self._hello = self._hello, None
        if hello is None:
            raise RuntimeError("this socket has been attached already; a socket attaches only once")
        self._session = await self._sessions.attach(
            self,
            hello.user.user_id,
            hello.device_id,
            hello.features,
            hello.resume,
            hello.changes_after,
            ClientRecord(hello.client.name, hello.client.version, hello.client.platform),
            hello.locale,
            connection_id,
            go_on,
        )
        return self._session

    def retire(self, retry_after_ms: int) -> None:
        """The process that has the connection stops: close the socket. The session and its requests go on."""
        self.send_control(WsDraining(retry_after_ms=retry_after_ms))
        self.close(CloseCode.DRAINING, "the server is stopping")

    async def run(self) -> int:
        """Serve until the socket closes. Returns the close code, which either side may have sent."""
        session = self._session
        if session is None:
            raise RuntimeError("the socket is not attached")
        try:
            await self._run_tasks(session)
        finally:
            self._sessions.detach(session, self)
        code, reason = self._closing or (CloseCode.NORMAL, "")
        await self._socket.close(code, reason)
        return code

    async def _run_tasks(self, session: Session) -> None:
        # One nursery and one cancel scope: an idle session would take over 1 KB for each further one.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, session)
            self._nursery = nursery
            if session.outbox.full_since is not None:
                self.filled()
            # A close ends the reading only: a cancelled ping would break the socket before its close frame.
            await self._read(session, nursery)
            self._nursery = None
            if not self._lost and not self._written:
                session.outbox.finish(self)
                self._awaits_writer = trio.Event()
                with trio.move_on_after(_FLUSH_TIMEOUT_S):
                    await self._awaits_writer.wait()
            nursery.cancel_scope.cancel()

    async def _write(self, session: Session) -> None:
        try:
            await write_frames(self._socket, session.outbox, self)
        except SocketClosed as closed:
            self._closed(closed)
        finally:
            self._written = True
            if self._awaits_writer is not None:
                self._awaits_writer.set()

    def _closed(self, closed: SocketClosed) -> None:
        self._lost = True
        self.close(closed.code, closed.reason)

    async def _watch_outbox(self) -> None:
        """Close the socket if the outbox stays full and the writer takes nothing from it."""
        session = self._session
        try:
            while session is not None and (full_since := session.outbox.full_since) is not None:
                deadline = full_since + self._stall_s
                if trio.current_time() >= deadline:
                    self._metrics.outbox_stalled()
                    self.close(CloseCode.TOO_SLOW, "the client reads too slowly")
                    return
                await trio.sleep_until(deadline)
        finally:
            self._watching = False

    # ---- frames in --------------------------------------------------------------------------------------------------

    async def _read(self, session: Session, nursery: trio.Nursery) -> None:
        while self._closing is None:
            text: str | None = None
            with trio.move_on_at(next_due(self._heartbeat, self._expiry)) as self._reading:
                try:
                    text = await self._socket.receive()
                except SocketClosed as closed:
                    self._closed(closed)
                    return
            if text is not None:
                self._heartbeat.heard()
            keep_time(self, self._heartbeat, self._expiry, nursery)  # also when the peer never stops sending
            if text is not None:
                self._take(session, text)
                if self._bytes_in is not None and self._bytes_in.count(len(text)) and self._closing is None:
                    with trio.CancelScope() as self._reading:
                        await self._rest(self._bytes_in)

    async def _rest(self, bytes_in: BytesIn) -> None:
        """Read no more until the bytes that the user sends are within their rate. No frame is lost."""
        if (wait_s := await bytes_in.spend()) > 0:
            await trio.sleep(min(wait_s, _LONGEST_REST_S))

    def send_control(self, frame: ServerFrame) -> None:
        """Send a frame that concerns this socket. Does nothing if another socket of the device has replaced it."""
        if self._session is not None and self._session.shows(self):
            self._session.send_control(frame)

    def _take(self, session: Session, text: str) -> None:
        if not session.shows(self) or not self._within_rate(session, text):
            return
        try:
            frame = decode_client_frame(text)
        except FrameError as error:
            self._sessions.frames.refuse(session, error)
            return
        try:
            self._dispatch(session, frame, len(text))
        # The boundary of one frame: a fault answers this frame and does not end the socket.
        except Exception:
            log.exception("frame_failed", frame=frame.type)
            message = "The server failed to read this frame; the fault is logged."
            session.refuse(ErrorCode.INTERNAL, message, getattr(frame, "request_id", None), retryable=True)

    def _within_rate(self, session: Session, text: str) -> bool:
        verdict = self._rate.take(trio.current_time())
        if verdict == "close":
            self.close(CloseCode.POLICY_VIOLATION, "too many frames")
        elif verdict == "refuse":
            self._sessions.frames.refuse_over_rate(session, text)
        return verdict == "read"

    def _dispatch(self, session: Session, frame: ClientFrame, size: int) -> None:
        match frame:
            case WsAuthRefresh(token=token):
                if self._nursery is not None:
                    self._nursery.start_soon(self._refresh, session, token)
            case WsLocaleChanged(locale=locale):
                session.change_locale(session.outbox.locale.latest.changed(locale))
            case WsDeviceHello():
                session.refuse(ErrorCode.ALREADY_READY, "This socket has already sent device_hello.")
            case _:
                self._sessions.frames.take(session, frame, size)

    async def _refresh(self, session: Session, token: str) -> None:
        """Replace the socket's token, or tell the device that the new one is refused."""
        try:
            self._expiry.refresh(await self._access.authenticate(token, self._device_id))
        except (TokenExpired, TokenInvalid):
            session.refuse(ErrorCode.UNAUTHORIZED, f"The new token is not valid; {_CONTINUES}")
        except RefreshRefused as refused:
            session.refuse(ErrorCode.UNAUTHORIZED, str(refused))
        # A boundary: the old token counts until it expires, and the device may send the new one again.
        except Exception as error:  # noqa: BLE001
            log.warning("token_check_failed", reason=type(error).__name__)
            session.refuse(ErrorCode.INTERNAL, f"The new token could not be checked; {_CONTINUES}", retryable=True)
