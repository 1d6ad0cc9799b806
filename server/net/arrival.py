"""What happens to a new connection before it speaks HTTP: the PROXY protocol of trusted proxies, then TLS."""

from __future__ import annotations

import ssl
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import trio

from server.net.connection_limit import ConnectionLimit
from server.net.proxies import TrustedProxies
from server.net.proxy_protocol import read_proxy_header


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS for HTTP/1.1 with a certificate chain and its key, as PEM files. Raises `OSError`, also as `ssl.SSLError`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, slots=True)
class Arrival:
    """How connections of the listeners arrive. `tls`: None for plain TCP. `connections`: those of one address."""

    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    tls: ssl.SSLContext | None = None
    connections: ConnectionLimit = field(default_factory=ConnectionLimit)

    async def client_of(self, stream: trio.SocketStream) -> tuple[str, int] | None:
        """The client that a trusted proxy names in the PROXY protocol; None if there is no such header to read.

        Raises `server.net.proxy_protocol.ProxyHeaderInvalid`, and `OSError` if the peer is gone.
        """
        if not self.proxies.send_proxy_protocol or not self.proxies.trusts(str(stream.socket.getpeername()[0])):
            return None
        return await read_proxy_header(stream)

    def counted(self, stream: trio.SocketStream, client: tuple[str, int] | None) -> AbstractContextManager[None]:
        """Count the connection for its client from now to the end of the block.

        Raises `TooManyConnections`, and `OSError`.

        `client`: what `client_of` returned. A trusted proxy's own connections are not counted, because they carry
        requests of many clients.
        """
        if self.is_proxied(stream, client):
            return nullcontext()
        return self.connections.open(str(stream.socket.getpeername()[0]) if client is None else client[0])

    def is_proxied(self, stream: trio.SocketStream, client: tuple[str, int] | None) -> bool:
        """Whether a header of each request says who the client is. Raises `OSError` if the peer is gone."""
        return client is None and self.proxies.trusts(str(stream.socket.getpeername()[0]))

    def secured(self, stream: trio.abc.Stream) -> trio.SSLStream[Any] | None:
        """`stream` with TLS, whose handshake the first read or write does. None for plain TCP."""
        if self.tls is None:
            return None
        return trio.SSLStream(stream, self.tls, server_side=True, https_compatible=True)


class NamedSocket:
    """A socket whose peer is the client that a proxy has named."""

    def __init__(self, socket: trio.socket.SocketType, client: tuple[str, int]) -> None:
        self._socket = socket
        self._client = client

    def getpeername(self) -> tuple[str, int]:
        """The client's address and port."""
        return self._client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class NamedStream(trio.abc.Stream):
    """A stream whose `socket` is a `NamedSocket`."""

    def __init__(self, stream: trio.SocketStream, client: tuple[str, int]) -> None:
        self._stream = stream
        self.socket = NamedSocket(stream.socket, client)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """See `trio.abc.HalfCloseableStream`."""
        await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """See `trio.abc.ReceiveStream`."""
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Close immediately."""
        await self._stream.aclose()
