"""The listener of device sockets: accepts connections, and refuses those over the limits.

Faults are caught per connection: no input of a peer and no fault of the library reaches the listener or another
socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
import trio

from server.net import Arrival, ConnectionLimit, ProxyHeaderInvalid, TooManyConnections, host_port, open_listeners
from server.sockets.device_socket import DeviceSocket
from server.sockets.direct_stream import DirectStream
from server.sockets.handshake_limit import HandshakeLimit
from server.sockets.readiness import Readiness
from server.sockets.secure_stream import SecureStream
from server.sockets.websocket import RECEIVE_BYTES, UPGRADE_TIMEOUT_S, DeviceStream, OriginCheck, upgrade
from server.telemetry import LogRate
from streaming.wire import CloseCode

_CLOSE_TIMEOUT_S: Final = 2.0
# After the close, bytes that the peer still sends are read and dropped. Otherwise the kernel would answer them with a
# reset, which could overtake the close frame.
_DRAIN_TIMEOUT_S: Final = 1.0
_FIRST_PRINTABLE: Final = 0x21
_COME_BACK: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

log = structlog.get_logger(__name__)

SocketHandler = Callable[[DeviceSocket], Awaitable[None]]


def _nothing() -> None:
    """For listeners whose refusals nobody counts."""


async def serve_device_sockets(
    handler: SocketHandler,
    host: str,
    port: int,
    *,
    max_message_bytes: int,
    origin_allowed: OriginCheck,
    max_sockets: int = 10_000,
    handshakes: HandshakeLimit | None = None,
    on_refused: Callable[[], None] = _nothing,
    shared: bool = False,
    arrival: Arrival | None = None,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept device sockets at `DEVICE_PATH` until cancelled; `handler` runs once per socket, in its own task.

    Reports the bound `(host, port)` when listening. Raises OSError if the address can't be bound. A message over
    `max_message_bytes` closes its socket with 1009. While `max_sockets` are open, a new connection is closed
    immediately. A page whose `Origin` is not allowed is refused with 403; clients other than browsers send no `Origin`.
    Upgrades wait for a place of `handshakes`; if it is full, they are refused with 503, and `on_refused` is called.
    `shared`: see `server.net.listeners`.
    """
    limit = handshakes or HandshakeLimit(running=max_sockets, waiting=max_sockets)
    logged = LogRate()
    # A nursery's `child_tasks` copies the set of its tasks each time.
    open_sockets: set[trio.SocketStream] = set()
    listeners = await open_listeners(host, port, shared=shared)
    address = listeners[0].socket.getsockname()
    opening = arrival or Arrival()
    with Readiness() as readiness:
        async with trio.open_nursery() as sockets, trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)

            # Not a coroutine function, which would take 300 bytes for each open socket.
            def serve(stream: trio.SocketStream) -> Awaitable[None]:
                if len(open_sockets) >= max_sockets:
                    logged.log(log.warning, "too_many_sockets", "", limit=max_sockets)
                    return _refuse(stream)
                return _serve_counted(
                    handler,
                    max_message_bytes,
                    origin_allowed,
                    limit,
                    on_refused,
                    opening,
                    readiness,
                    logged,
                    stream,
                    open_sockets,
                )

            await nursery.start(partial(trio.serve_listeners, serve, listeners, handler_nursery=sockets))
            task_status.started((address[0], address[1]))


async def _serve_counted(
    handler: SocketHandler,
    max_message_bytes: int,
    origin_allowed: OriginCheck,
    handshakes: HandshakeLimit,
    on_refused: Callable[[], None],
    arrival: Arrival,
    readiness: Readiness,
    logged: LogRate,
    accepted: trio.SocketStream,
    open_sockets: set[trio.SocketStream],
) -> None:
    """Serve the connection, unless its address has too many. It is one of `open_sockets` until it ends."""
    open_sockets.add(accepted)
    try:
        client = await arrival.client_of(accepted)
        with arrival.counted(accepted, client):
            if arrival.is_proxied(accepted, client):
                handler = partial(_handle_proxied, handler, arrival.connections)
            await _serve_connection(
                handler, max_message_bytes, origin_allowed, handshakes, on_refused, arrival, readiness, accepted, client
            )
    except TooManyConnections as error:
        logged.log(log.warning, "too_many_connections", "", reason=str(error))
        await trio.aclose_forcefully(accepted)
    except (ProxyHeaderInvalid, OSError):
        await trio.aclose_forcefully(accepted)
    finally:
        open_sockets.discard(accepted)


async def _refuse(stream: trio.SocketStream) -> None:
    await trio.aclose_forcefully(stream)


async def _handle_proxied(handler: SocketHandler, connections: ConnectionLimit, socket: DeviceSocket) -> None:
    """Count the socket for the client that a proxy has named, and handle it."""
    # A client that a proxy names has no port; a proxy that names none is the peer itself, with its port.
    peer = socket.peer
    host = peer[1:].partition("]")[0] if peer.startswith("[") else peer
    host = host.partition(":")[0] if host.count(":") == 1 else host
    try:
        with connections.open(host):
            await handler(socket)
    except TooManyConnections as error:
        log.warning("too_many_connections", reason=str(error))
        await socket.close(CloseCode.TRY_AGAIN_LATER, "too many connections of this address")


async def _serve_connection(
    handler: SocketHandler,
    max_message_bytes: int,
    origin_allowed: OriginCheck,
    handshakes: HandshakeLimit,
    on_refused: Callable[[], None],
    arrival: Arrival,
    readiness: Readiness,
    accepted: trio.SocketStream,
    client: tuple[str, int] | None,
) -> None:
    fd = accepted.socket.fileno()
    stream = _stream(arrival, accepted, client)
    try:
        head = await _opening_request(stream, readiness, fd)
        if not head:
            return
        if handshakes.full:
            on_refused()
            # The request was read whole, so the close does not cause a reset. The peer must not cost more than that.
            await _answer(stream, _COME_BACK)
            return
        async with trio.open_nursery() as nursery:
            async with handshakes.place(begun=False):
                socket = await upgrade(nursery, stream, head, max_message_bytes, origin_allowed, arrival.proxies)
            if socket is not None:
                await handler(socket)
                await _drain(stream)
            nursery.cancel_scope.cancel()
    # The boundary between one socket and the listener: a failure here ends this socket and no other.
    except* Exception:
        log.exception("socket_failed")
    finally:
        await trio.aclose_forcefully(stream)


async def _opening_request(stream: DeviceStream, readiness: Readiness, fd: int) -> bytes:
    """Wait for the head of the opening request on the socket `fd`. Returns b"" if it does not come.

    A peer that sends it slowly or never takes no place among the handshakes.
    """
    head = b""
    with trio.move_on_after(UPGRADE_TIMEOUT_S):
        await readiness.wait(fd)
        while not _complete(head):
            try:
                data = stream.receive_now(RECEIVE_BYTES) if not head and isinstance(stream, DirectStream) else None
                if data is None:
                    data = await stream.receive_some(RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return b""
            if not data:
                return b""
            head += data
        return head
    return b""


def _complete(head: bytes) -> bool:
    """Whether the library can answer: the head is whole, or too long, or no HTTP at all (such as TLS)."""
    if not head:
        return False
    return len(head) >= RECEIVE_BYTES or head[0] < _FIRST_PRINTABLE or b"\n\r\n" in head or b"\n\n" in head


def _stream(arrival: Arrival, accepted: trio.SocketStream, client: tuple[str, int] | None) -> DeviceStream:
    secured = arrival.secured(accepted)
    if secured is None:
        return DirectStream(accepted, None if client is None else host_port(client))
    try:
        peer = host_port(client or accepted.socket.getpeername()[:2])
    except OSError:  # the peer is gone already
        peer = "unknown"
    return SecureStream(secured, peer)


async def _answer(stream: DeviceStream, data: bytes) -> None:
    """Send `data` to a peer that is refused, if that takes no time or little."""
    if stream.try_send(data) is None and isinstance(stream, SecureStream):
        with trio.move_on_after(_CLOSE_TIMEOUT_S), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await stream.send_all(data)


async def _drain(stream: DeviceStream) -> None:
    with trio.move_on_after(_DRAIN_TIMEOUT_S):
        try:
            while await stream.receive_some(RECEIVE_BYTES):
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            return
