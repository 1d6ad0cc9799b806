"""Hypercorn on Trio, as a task of the caller's nursery.

Hypercorn's `serve` shields each write from cancellation without a time limit, so one client that stops reading keeps
the process from ending. It also does not limit connections. This module runs Hypercorn's connection handler with
Trio's listeners and with both limits.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState
from quart_trio import QuartTrio

from server.net.arrival import Arrival, NamedStream
from server.net.connection_limit import TooManyConnections
from server.net.listeners import open_listeners, parse_bind
from server.net.proxy_protocol import ProxyHeaderInvalid

if TYPE_CHECKING:
    import h11

log = structlog.get_logger(__name__)

_MAX_HEADER_BYTES: Final = 16 * 1024
_IDLE_S: Final = 15.0
_STARTUP_S: Final = 10.0
_BETWEEN_FAULTS_S: Final = 1.0
_VERSION_NOT_SUPPORTED: Final = 505


@dataclass(frozen=True, slots=True)
class ServeLimits:
    """Limits of the HTTP server. `max_connections` is the number of open connections.

    `write_s` is the maximum number of seconds of one write to a client that does not read. `grace_s` is how many
    seconds running requests get after shutdown begins. `shared_port`: see `server.net.listeners`. `http2`: clients may
    speak HTTP/2.
    """

    max_connections: int = 1000
    write_s: float = 30.0
    grace_s: float = 3.0
    shared_port: bool = False
    http2: bool = False


class Http1Protocol(H11Protocol):
    """HTTP/1.1 that never becomes HTTP/2: an upgrade to `h2c` is ignored, and the preface of HTTP/2 is refused."""

    async def _check_protocol(self, event: h11.Request) -> None:
        del event
        await trio.lowlevel.checkpoint()

    async def _create_stream(self, request: h11.Request) -> None:
        if request.http_version in (b"1.0", b"1.1"):
            await super()._create_stream(request)
        else:
            await self._send_error_response(_VERSION_NOT_SUPPORTED)
            await self.send(Closed())


class Connection(TCPServer):
    """One client's connection: Hypercorn's handler, with bounded writes and a close that is not cancelled.

    quart-trio cancels a request's task when its response is complete. At that moment the task tells the connection
    to close or to become idle. If that is cut short, the connection stays open without an idle timer.
    """

    def __init__(
        self,
        app: ASGIWrapper,
        config: Config,
        context: WorkerContext,
        state: LifespanState,
        stream: trio.abc.Stream,
        transport: trio.SocketStream,
        limits: ServeLimits,
    ) -> None:
        """`stream` is `transport`, or TLS over it."""
        super().__init__(app, config, context, state, stream)  # type: ignore[arg-type]  # it accepts plain streams too
        self._sending_stream = stream
        self._transport = transport
        self._write_s = limits.write_s
        self._http2 = limits.http2

    async def protocol_send(self, event: Event) -> None:
        match event:
            case RawData():
                await self._write(event.data)
            case Closed():
                await self._close()
                await self.protocol.handle(event)
            case _:
                with trio.CancelScope(shield=True):  # starts or stops the idle timer, without waiting
                    await super().protocol_send(event)

    async def _write(self, data: bytes) -> None:
        # A write that was cancelled or timed out leaves a partial message: nothing may be written after it.
        written = False
        try:
            async with self.send_lock:
                with trio.move_on_after(self._write_s):
                    await self._sending_stream.send_all(data)
                    written = True
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client closed the connection; the handler is told below
        finally:
            if not written:
                self._transport.socket.close()
        if not written:
            await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        if not self._http2:
            made = self.protocol
            made.protocol = Http1Protocol(
                made.app,
                made.config,
                made.context,
                made.task_group,
                made.state,
                made.ssl,
                made.client,
                made.server,
                made.send,
            )
        await super()._read_data()
        await self.idle_task.stop()  # the client is gone; Hypercorn would keep the socket open until the idle timeout

    async def _close(self) -> None:
        with trio.CancelScope(shield=True):  # a shutdown and a close; neither waits
            await super()._close()


async def serve_rest(
    app: QuartTrio,
    bind: str,
    *,
    shutdown_trigger: Callable[[], Awaitable[None]] = trio.sleep_forever,
    limits: ServeLimits | None = None,
    arrival: Arrival | None = None,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` at `bind` (`HOST:PORT`) until `shutdown_trigger` returns; then at most `grace_s` longer.

    Reports the bound address through `task_status`, with the real port if `bind` has port 0. Raises OSError if it
    can't bind. On shutdown, idle connections close immediately and running requests are cancelled after the grace
    period. Cancelling this task closes all connections immediately.
    """
    limits = limits or ServeLimits()
    with ExitStack() as closing:
        host, port = parse_bind(bind)
        listeners = await open_listeners(host, port, shared=limits.shared_port)
        for listener in listeners:
            closing.callback(listener.socket.close)
        await _serve(app, listeners, shutdown_trigger, limits, arrival or Arrival(), task_status)


async def _serve(
    app: QuartTrio,
    listeners: list[trio.SocketListener],
    shutdown_trigger: Callable[[], Awaitable[None]],
    limits: ServeLimits,
    arrival: Arrival,
    task_status: trio.TaskStatus[tuple[str, int]],
) -> None:
    config = _config()
    wrapped = ASGIWrapper(app)
    context = WorkerContext(None)
    state: LifespanState = {}
    lifespan = Lifespan(wrapped, config, state)
    async with trio.open_nursery() as lifespan_nursery:
        await lifespan_nursery.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        async with trio.open_nursery() as connections:
            handle = partial(
                _guard, _Faults(), partial(_handle, wrapped, config, context, state, limits, arrival, connections)
            )
            async with trio.open_nursery() as accepting:
                await accepting.start(partial(trio.serve_listeners, handle, listeners, handler_nursery=connections))
                host, port = listeners[0].socket.getsockname()[:2]
                task_status.started((host, port))
                await shutdown_trigger()
                accepting.cancel_scope.cancel()
            await context.terminated.set()
            connections.cancel_scope.deadline = trio.current_time() + limits.grace_s
        await lifespan.wait_for_shutdown()
        lifespan_nursery.cancel_scope.cancel()


def _config() -> Config:
    config = Config()
    # A standard-library logger, so that its records go to the process's log. `rest.app` logs the requests.
    config.errorlog = logging.getLogger("hypercorn.error")
    config.accesslog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = _MAX_HEADER_BYTES
    config.keep_alive_timeout = _IDLE_S
    config.startup_timeout = config.shutdown_timeout = _STARTUP_S
    return config


class _Faults:
    """Logs what ended connections, at most once a second: a client may cause as many faults as it likes."""

    def __init__(self) -> None:
        self._next_at = float("-inf")

    def log(self, error: BaseException) -> None:
        now = trio.current_time()
        if now >= self._next_at:
            self._next_at = now + _BETWEEN_FAULTS_S
            log.warning("http_connection_failed", exc_info=error)


async def _guard(
    faults: _Faults, handle: Callable[[trio.SocketStream], Awaitable[None]], stream: trio.SocketStream
) -> None:
    # A boundary: what goes wrong in one connection, such as in Hypercorn or h2, must not end all others.
    try:
        await handle(stream)
    except* Exception as group:  # noqa: BLE001
        faults.log(group)
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)


async def _handle(
    app: ASGIWrapper,
    config: Config,
    context: WorkerContext,
    state: LifespanState,
    limits: ServeLimits,
    arrival: Arrival,
    connections: trio.Nursery,
    stream: trio.SocketStream,
) -> None:
    # The count includes this task.
    if len(connections.child_tasks) > limits.max_connections:
        return
    try:
        client = await arrival.client_of(stream)
    except (ProxyHeaderInvalid, OSError):
        await stream.aclose()
        return
    try:
        with arrival.counted(stream, client):
            named = stream if client is None else NamedStream(stream, client)
            spoken = arrival.secured(named) or named
            await Connection(app, config, context, ConnectionState(state.copy()), spoken, stream, limits).run()
    except (TooManyConnections, OSError):
        await trio.aclose_forcefully(stream)
