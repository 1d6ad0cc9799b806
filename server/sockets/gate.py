"""Serves open device sockets: the handshake, then a view of the device's session. Logs and counts how each ends.

If another process has the device's session, and only that one can go on with it, the socket is handed over to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Final, Literal, TypeVar
from uuid import UUID, uuid4

import structlog
import trio

from memory.delivery import TooManyDevices
from memory.vault import NoSuchUser
from server.accounts import AuthenticatedUser, Authenticator, EndedAccess
from server.devices import DeviceRegistry
from server.net import RateLimiter
from server.sessions import RunningRequest, Session, SessionHost, drain_spread_ms
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.ended_accesses import EndedAccesses
from server.sockets.handed_socket import HandedSocket
from server.sockets.handover import Handover, NotServed
from server.sockets.handshake import HandshakeFailed, Hello, busy_after, shake_hands
from server.sockets.handshake_limit import HandshakeLimit
from server.sockets.openings import VerifiedDevice
from server.sockets.user_sockets import UserSockets
from server.sockets.view import SocketView
from server.telemetry import LogRate, Metrics
from sql.driver import UnknownReference
from sql.owners import urgent
from streaming.wire import CloseCode, WsResume

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=DeviceSocket)
_ON_THE_WAY_S: Final = 3.0
_OVER_A_LIMIT: Final = (CloseCode.TOO_MANY_SOCKETS, CloseCode.TOO_MANY_DEVICES)
# Up to this number of sockets of one user over a limit are refused immediately, others after this many seconds.
_REFUSED_PER_S: Final = 0.5
_REFUSED_BURST: Final = 5
_REFUSED_LATE_S: Final = 5.0


class DeviceGate:
    """Attaches each open socket to its device's session. `serve` is the listener's handler. Implements `Owner`."""

    def __init__(
        self,
        *,
        sessions: SessionHost,
        registry: DeviceRegistry,
        access: Authenticator,
        metrics: Metrics,
        hello_timeout_s: float,
        wall_clock: Callable[[], float],
        handshakes: HandshakeLimit,
        holding_key: Callable[[UUID], AbstractContextManager[None]],
        handover: Handover | None = None,
        users: UserSockets | None = None,
    ) -> None:
        """`holding_key`: keeps a user's memory key while a socket of theirs is open.

        `handover`: None if this is the only server of its database.
        """
        self._holding_key = holding_key
        self._handover = handover
        self._users = UserSockets() if users is None else users
        self._sessions = sessions
        self._registry = registry
        self._access = access
        self._ended = EndedAccesses()
        self._logged = LogRate()
        self._refused = RateLimiter(_REFUSED_PER_S, _REFUSED_BURST)
        self._views: set[SocketView] = set()
        self._metrics = metrics
        self._hello_timeout_s = hello_timeout_s
        self._wall_clock = wall_clock
        self.handshakes = handshakes
        self._draining = False
        self._handshakes: set[trio.CancelScope] = set()
        self._open = 0
        self._idle = trio.Event()
        self._idle.set()

    def drain(self) -> None:
        """Open no further socket; sessions finish their requests, then close their sockets."""
        self._draining = True
        for handshake in self._handshakes:
            handshake.cancel()
        if self._handover is not None:
            self._handover.drain(drain_spread_ms(self._open))
        self._sessions.drain()

    def close_all(self) -> None:
        """Close every open socket."""
        if self._handover is not None:
            self._handover.close_all()
        for link in self._registry.all():
            link.close(CloseCode.DRAINING, "the server is stopping")

    async def closed(self) -> None:
        """Wait until no socket is open."""
        await self._idle.wait()

    async def serve(self, socket: DeviceSocket) -> None:
        """Serve one socket until it closes. A fault of the server closes it with 1011 and affects no other socket."""
        await self._guard(socket, self._serve)

    def end_access(self, ended: EndedAccess) -> None:
        """Close the sockets whose access has ended, also those that are just being opened. Raises nothing."""
        self._ended.add(ended)
        for view in list(self._views):
            view.end_access(ended)
        if ended.account:
            self._sessions.end_access(ended.user_id)
        elif ended.device_id is not None:
            self._sessions.end_access(ended.user_id, ended.device_id)

    # ---- as other processes see it ----------------------------------------------------------------------------------

    def release(self, device: VerifiedDevice) -> WsResume | Literal["busy"] | None:
        """See `server.sockets.handover.Owner`."""
        return self._sessions.release(device.user_id, device.hello.device_id, device.hello.resume)

    def running(self, user_id: UUID, request_id: UUID) -> RunningRequest | None:
        """See `server.sockets.handover.Owner`."""
        return self._sessions.running(user_id, request_id)

    async def serve_handed(self, socket: HandedSocket, device: VerifiedDevice) -> None:
        """See `server.sockets.handover.Owner`."""
        user = AuthenticatedUser(device.user_id, device.expires_at, device.login_id, device.issued_at)
        # Some time has passed on the way here.
        checked_at = trio.current_time() - device.checked_ago_s - _ON_THE_WAY_S
        hello = Hello.of(user, device.hello, checked_at)
        await self._guard(socket, partial(self._serve_hello, hello, take=True))

    # ---- one socket -------------------------------------------------------------------------------------------------

    async def _guard(self, socket: S, serve: Callable[[S], Awaitable[int | None]]) -> None:
        self._open += 1
        self._idle = trio.Event() if self._open == 1 else self._idle
        code: int | None = CloseCode.INTERNAL_ERROR
        try:
            code = await serve(socket)
        except HandshakeFailed as failed:
            code = failed.code
            fields = {"peer": socket.peer, "code": code, "reason": str(failed)}
            if failed.__cause__ is not None:
                fields["fault"] = f"{type(failed.__cause__).__name__}: {failed.__cause__}"
            self._logged.log(log.info, "handshake_failed", f"{code}", **fields)
            await socket.close(code, _close_reason(str(failed)))
        except SocketClosed as closed:
            code = closed.code
        # The boundary of one socket. A nursery's exception group is caught too, if it holds no BaseException.
        except Exception:
            log.exception("session_failed", peer=socket.peer)
            await socket.close(CloseCode.INTERNAL_ERROR, "the server failed; the fault is logged")
        finally:
            if code is not None:
                self._metrics.socket_closed(code)
            self._open -= 1
            if self._open == 0:
                self._idle.set()

    async def _serve(self, socket: DeviceSocket) -> int | None:
        return await self._serve_hello(await self._admit(socket), socket)

    async def _serve_hello(self, hello: Hello, socket: DeviceSocket, *, take: bool = False) -> int | None:
        """Serve a device that passed the handshake. Returns the close code; None if another process served it.

        `take`: no other process has its session.
        """
        user_id = hello.user.user_id
        try:
            with self._users.open(user_id, hello.device_id):
                view = await self._opened_view(hello, socket, take=take)
                # The device's description of itself is not kept while the socket is open.
                del hello
                return None if view is None else await self._serve_view(socket, view)
        except HandshakeFailed as failed:
            if failed.code in _OVER_A_LIMIT:
                await self._slow_down(user_id)
            raise

    async def _slow_down(self, user_id: UUID) -> None:
        """Let a user who connects again and again over a limit wait: each handshake costs others time."""
        if self._refused.take(str(user_id), trio.current_time()) > 0:
            with trio.CancelScope() as waiting:
                self._handshakes.add(waiting)
                try:
                    await trio.sleep(_REFUSED_LATE_S)
                finally:
                    self._handshakes.discard(waiting)

    async def _opened_view(self, hello: Hello, socket: DeviceSocket, *, take: bool) -> SocketView | None:
        """A view that is attached to the device's session. None if another process served the socket."""
        with urgent():
            await self._check_other_servers(hello)
            attached = await self._attach_or_hand_over(hello, socket, take=take)
        if attached is None:
            return None
        view, session = attached
        for ended in self._ended.since(hello.checked_at, hello.user):
            view.end_access(ended)
        if self._draining:
            session.drain()
        # For the logs of this task and of those that it starts.
        structlog.contextvars.bind_contextvars(session_id=str(session.session_id), user_id=str(session.user_id))
        _log_opened(hello, socket)
        return view

    async def _serve_view(self, socket: DeviceSocket, view: SocketView) -> int:
        self._views.add(view)
        self._metrics.session_opened()
        try:
            with self._holding_key(view.user_id):
                code = await (_run_handed(socket, view) if isinstance(socket, HandedSocket) else view.run())
                log.info("session_closed", code=int(code))
        finally:
            structlog.contextvars.unbind_contextvars("session_id", "user_id")
            self._views.discard(view)
            self._metrics.session_closed()
        return code

    async def _check_other_servers(self, hello: Hello) -> None:
        """Raise `HandshakeFailed` if too many devices of the user are connected at all servers together."""
        if self._registry.others is not None:
            user_id = hello.user.user_id
            elsewhere = await self._registry.others.connected(user_id)
            self._users.check(elsewhere | self._users.connected(user_id), hello.device_id)

    async def _attach_or_hand_over(
        self, hello: Hello, socket: DeviceSocket, *, take: bool
    ) -> tuple[SocketView, Session] | None:
        """Attach the socket to its device's session. Returns None if the process that has the session served it."""
        try:
            if self._registry.others is None:
                return await self._attach(hello, socket, None, None)
            connection_id = uuid4()
            # Before `device_ready` is sent: from then on other servers must find the device.
            owner = await self._join(hello, connection_id, take=take)
            if owner is None:
                return await self._attach(hello, socket, connection_id, None)
            handed = await self._hand_over(owner, socket, hello)
            if not isinstance(handed, NotServed):
                return None
            if self._draining:
                raise HandshakeFailed(CloseCode.DRAINING, "the server is stopping")
            await self._join(hello, connection_id, take=True)
            return await self._attach(hello, socket, connection_id, handed.go_on)
        except (NoSuchUser, UnknownReference):
            raise HandshakeFailed(CloseCode.UNAUTHORIZED, "this account no longer exists") from None
        except TooManyDevices as error:
            raise HandshakeFailed(CloseCode.TOO_MANY_DEVICES, str(error)) from None

    async def _attach(
        self, hello: Hello, socket: DeviceSocket, connection_id: UUID | None, go_on: WsResume | None
    ) -> tuple[SocketView, Session]:
        with busy_after(hello.checked_at):
            async with self.handshakes.place(begun=True):
                # Made now, because its clocks start with it.
                view = SocketView(
                    socket,
                    hello,
                    sessions=self._sessions,
                    access=self._access,
                    metrics=self._metrics,
                    wall_clock=self._wall_clock,
                    bytes_in=self._users.bytes_in(hello.user.user_id),
                )
                return view, await view.attach(connection_id, go_on)

    async def _join(self, hello: Hello, connection_id: UUID, *, take: bool) -> UUID | None:
        others = self._registry.others
        if others is None:
            return None
        joined = False
        try:
            with busy_after(hello.checked_at):
                async with self.handshakes.place(begun=True):
                    owner = await others.joined(hello.user.user_id, hello.device_id, connection_id, take=take)
            joined = True
        finally:
            if not joined:
                # Other servers may know this connection already.
                self._sessions.not_attached(hello.user.user_id, hello.device_id, connection_id)
        return owner

    async def _hand_over(self, owner: UUID, socket: DeviceSocket, hello: Hello) -> int | NotServed:
        if self._handover is None:
            return NotServed(reached=False)
        device = VerifiedDevice(
            user_id=hello.user.user_id,
            expires_at=hello.user.expires_at,
            login_id=hello.user.login_id,
            issued_at=hello.user.issued_at,
            checked_ago_s=max(0.0, trio.current_time() - hello.checked_at),
            hello=hello.frame,
            peer=socket.peer,
        )
        outcome = await self._handover.hand_over(owner, socket, device)
        if isinstance(outcome, NotServed):
            self._metrics.socket_handed_over("moved" if outcome.reached else "unreachable")
            if not outcome.reached:
                log.warning("handover_failed", user_id=str(hello.user.user_id), server=str(owner))
        else:
            self._metrics.socket_handed_over("served")
        return outcome

    async def _admit(self, socket: DeviceSocket) -> Hello:
        if self._draining:
            raise HandshakeFailed(CloseCode.DRAINING, "the server is stopping")
        hello: Hello | None = None
        with trio.CancelScope() as handshake:
            self._handshakes.add(handshake)
            try:
                hello = await shake_hands(socket, self._access, self._hello_timeout_s, self.handshakes)
            finally:
                self._handshakes.discard(handshake)
        if hello is None:
            raise HandshakeFailed(CloseCode.DRAINING, "the server is stopping")
        return hello


async def _run_handed(socket: HandedSocket, view: SocketView) -> int:
    """Like `view.run`. If the process that has the connection stops, the device is told to reconnect."""
    async with trio.open_nursery() as nursery:

        async def retire() -> None:
            with suppress(SocketClosed):  # the view notices it
                view.retire(await socket.draining())

        nursery.start_soon(retire)
        code = await view.run()
        nursery.cancel_scope.cancel()
    return code


def _log_opened(hello: Hello, socket: DeviceSocket) -> None:
    # A separate function: structlog looks at the frame of its caller, and a waiting task would keep that frame.
    log.info("session_opened", peer=socket.peer, client=hello.client.name, platform=hello.client.platform)


def _close_reason(text: str) -> str:
    """A close frame's reason has at most 123 bytes (RFC 6455, 5.5)."""
    return text.encode()[:123].decode("utf-8", "ignore")
