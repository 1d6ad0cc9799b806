"""Serves open device sockets: the handshake, then a session. Logs and counts how each socket ends."""

from __future__ import annotations

from collections.abc import Callable

import structlog
import trio

from server.accounts import Accounts, Tokens, UnknownUser
from server.answers import AnswerPipeline
from server.devices import DeviceRegistry
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handshake import HandshakeFailed, Hello, shake_hands
from server.sockets.limits import SessionLimits
from server.sockets.session import Session
from server.telemetry import Metrics
from streaming.wire import CloseCode

log = structlog.get_logger(__name__)


class DeviceGate:
    """Runs a session on each open socket. `serve` is the listener's handler."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        pipeline: AnswerPipeline,
        registry: DeviceRegistry,
        tokens: Tokens,
        metrics: Metrics,
        limits: SessionLimits,
        hello_timeout_s: float,
        wall_clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._pipeline = pipeline
        self._registry = registry
        self._tokens = tokens
        self._metrics = metrics
        self._limits = limits
        self._hello_timeout_s = hello_timeout_s
        self._wall_clock = wall_clock
        self._draining = False
        self._handshakes: set[trio.CancelScope] = set()
        self._open = 0
        self._idle = trio.Event()
        self._idle.set()

    def drain(self) -> None:
        """Open no further session; open sessions finish their requests, then close."""
        self._draining = True
        for handshake in self._handshakes:
            handshake.cancel()
        for link in self._registry.all():
            link.drain()

    def close_all(self) -> None:
        """Close every open session and cancel its requests."""
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
        session = Session(
            socket,
            hello,
            pipeline=self._pipeline,
            registry=self._registry,
            tokens=self._tokens,
            metrics=self._metrics,
            limits=self._limits,
            wall_clock=self._wall_clock,
        )
        if self._draining:
            session.drain()
        names = {"session_id": str(session.session_id), "user_id": str(session.user_id)}
        with structlog.contextvars.bound_contextvars(**names):
            log.info("session_opened", peer=socket.peer, client=hello.client.name, platform=hello.client.platform)
            # The device's description of itself is not kept during the session.
            del hello, names
            self._metrics.session_opened()
            others, place = self._registry.others, (session.user_id, session.device_id, session.session_id)
            try:
                if others is not None:
                    # Before `device_ready` is sent: from then on other servers must find the device.
                    await others.joined(*place)
                code = await session.run()
            finally:
                self._metrics.session_closed()
                if others is not None:
                    others.parted(*place)
            log.info("session_closed", code=int(code))
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
        try:
            await self._accounts.touch_device(hello.user.user_id, hello.device_id, hello.client)
        except UnknownUser:
            raise HandshakeFailed(CloseCode.UNAUTHORIZED, "this account no longer exists") from None
        return hello


def _close_reason(text: str) -> str:
    """A close frame's reason has at most 123 bytes (RFC 6455, 5.5)."""
    return text.encode()[:123].decode("utf-8", "ignore")
