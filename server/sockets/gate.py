"""What happens to a device socket once it is open: the handshake, then a session; every end is logged and counted."""

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
    """Turns open sockets into sessions. `serve` is the listener's handler."""

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
        """Admit no further session, and let the open ones finish what they run."""
        self._draining = True
        for handshake in self._handshakes:
            handshake.cancel()
        for link in self._registry.all():
            link.drain()

    def close_all(self) -> None:
        """Close every session that is still open; what runs in them is cancelled."""
        for link in self._registry.all():
            link.close(CloseCode.DRAINING, "the server is stopping")

    async def closed(self) -> None:
        """Wait until no socket is open."""
        await self._idle.wait()

    async def serve(self, socket: DeviceSocket) -> None:
        """Serve one socket to its end. A fault of ours closes it with 1011 and goes no further."""
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
        # The border of one socket. A nursery's group is an Exception too when nothing in it is worse.
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
            # What the device said of itself is not kept for as long as it stays.
            del hello, names
            self._metrics.session_opened()
            others, place = self._registry.others, (session.user_id, session.device_id, session.session_id)
            try:
                if others is not None:
                    # Before the device hears that it is ready: whoever it tells may then rely on it.
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
