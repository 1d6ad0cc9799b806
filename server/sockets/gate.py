"""Serves open device sockets: the handshake, then a view of the device's session. Logs and counts how each ends."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import structlog
import trio

from memory.vault import NoSuchUser
from server.accounts import Tokens
from server.devices import DeviceRegistry
from server.sessions import SessionHost
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handshake import HandshakeFailed, Hello, shake_hands
from server.sockets.handshake_limit import HandshakeLimit
from server.sockets.view import SocketView
from server.telemetry import Metrics
from sql.driver import UnknownReference
from streaming.wire import CloseCode

log = structlog.get_logger(__name__)


class DeviceGate:
    """Attaches each open socket to its device's session. `serve` is the listener's handler."""

    def __init__(
        self,
        *,
        sessions: SessionHost,
        registry: DeviceRegistry,
        tokens: Tokens,
        metrics: Metrics,
        hello_timeout_s: float,
        wall_clock: Callable[[], float],
        handshakes: HandshakeLimit,
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._tokens = tokens
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
        for link in self._registry.all():
            link.drain()

    def close_all(self) -> None:
        """Close every open socket."""
        for link in self._registry.all():
            link.close(CloseCode.DRAINING, "the server is stopping")

    async def closed(self) -> None:
        """Wait until no socket is open."""
        await self._idle.wait()

    async def serve(self, socket: DeviceSocket) -> None:
        """Serve one socket until it closes. A fault of the server closes it with 1011 and affects no other socket."""
        self._open += 1
        self._idle = trio.Event() if self._open == 1 else self._idle
        code: int = CloseCode.INTERNAL_ERROR
        try:
            code = await self._serve(socket)
        except HandshakeFailed as failed:
            code = failed.code
            log.info("handshake_failed", peer=socket.peer, code=code, reason=str(failed))
            await socket.close(code, _close_reason(str(failed)))
        except SocketClosed as closed:
            code = closed.code
        # The boundary of one socket. A nursery's exception group is caught too, if it holds no BaseException.
        except Exception:
            log.exception("session_failed", peer=socket.peer)
            await socket.close(CloseCode.INTERNAL_ERROR, "the server failed; the fault is logged")
        finally:
            self._metrics.socket_closed(code)
            self._open -= 1
            if self._open == 0:
                self._idle.set()

    async def _serve(self, socket: DeviceSocket) -> int:
        hello = await self._admit(socket)
        place = (hello.user.user_id, hello.device_id, uuid4())
        names = {"user_id": str(place[0]), "client": hello.client.name, "platform": hello.client.platform}
        view = SocketView(
            socket,
            hello,
            sessions=self._sessions,
            tokens=self._tokens,
            metrics=self._metrics,
            wall_clock=self._wall_clock,
        )
        # The device's description of itself is not kept while the socket is open.
        del hello
        self._metrics.session_opened()
        others = self._registry.others
        try:
            try:
                async with self.handshakes:
                    if others is not None:
                        # Before `device_ready` is sent: from then on other servers must find the device.
                        await others.joined(*place)
                    session = await view.attach()
            except (NoSuchUser, UnknownReference):
                raise HandshakeFailed(CloseCode.UNAUTHORIZED, "this account no longer exists") from None
            if self._draining:
                session.drain()
            session_id = str(session.session_id)
            with structlog.contextvars.bound_contextvars(session_id=session_id, user_id=names["user_id"]):
                log.info("session_opened", peer=socket.peer, client=names["client"], platform=names["platform"])
                del names
                code = await view.run()
                log.info("session_closed", code=int(code))
        finally:
            self._metrics.session_closed()
            if others is not None:
                others.parted(*place)
        return code

    async def _admit(self, socket: DeviceSocket) -> Hello:
        if self._draining:
            raise HandshakeFailed(CloseCode.DRAINING, "the server is stopping")
        hello: Hello | None = None
        with trio.CancelScope() as handshake:
            self._handshakes.add(handshake)
            try:
                hello = await shake_hands(socket, self._tokens, self._hello_timeout_s)
            finally:
                self._handshakes.discard(handshake)
        if hello is None:
            raise HandshakeFailed(CloseCode.DRAINING, "the server is stopping")
        return hello


def _close_reason(text: str) -> str:
    """A close frame's reason has at most 123 bytes (RFC 6455, 5.5)."""
    return text.encode()[:123].decode("utf-8", "ignore")
