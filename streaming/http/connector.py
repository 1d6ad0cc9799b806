"""Opens a channel to an origin: TCP, TLS, a proxy's tunnel. Every failure is one of httpx's exceptions."""

from __future__ import annotations

import base64
import math
import ssl
from dataclasses import dataclass, field
from typing import Final

import httpx
import trio

from streaming.http.channel import Channel, PlainChannel, StreamChannel
from streaming.http.request_head import request_head
from streaming.http.response_parser import MalformedResponse, ResponseParser

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_RECEIVE_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, reached over TLS if its URL begins with https. Only the proxy gets `headers`."""

    url: httpx.URL = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def of(cls, proxy: httpx.Proxy) -> Proxy:
        """Convert httpx's description of a proxy. Raises ValueError for a proxy that is not an HTTP proxy."""
        if proxy.url.scheme not in DEFAULT_PORTS:
            raise ValueError(f"this transport knows http and https proxies, no {proxy.url.scheme} ones")
        headers = list(proxy.headers.raw)
        if proxy.raw_auth is not None:
            credentials = base64.b64encode(b":".join(proxy.raw_auth))
            headers.append((b"Proxy-Authorization", b"Basic " + credentials))
        return cls(proxy.url, tuple(headers), proxy.ssl_context)


@dataclass(frozen=True, slots=True)
class Route:
    """The destination of a connection: connections with equal routes are interchangeable.

    `host` and `port` are the origin's, or the proxy's if it forwards the request. With `tunnel` the proxy passes bytes
    on to the origin. `server_name` is the name that the certificate must have; None without TLS.
    """

    host: str
    port: int
    server_name: str | None
    tunnel: bool = False


def port_of(url: httpx.URL) -> int:
    """The port of the URL, or the default port of its scheme."""
    return url.port or DEFAULT_PORTS[url.scheme]


class Connector:
    """Opens channels, directly or through `proxy`; `ssl_context` is for the origins."""

    def __init__(self, ssl_context: ssl.SSLContext, proxy: Proxy | None) -> None:
        self.proxy = proxy
        self._ssl_context = ssl_context

    async def open(self, route: Route, timeout_s: float | None) -> Channel:
        """A channel ready for the first request. Raises `httpx.ConnectError`, `ConnectTimeout` or `ProxyError`."""
        transport: trio.SocketStream | None = None
        try:
            with trio.fail_after(math.inf if timeout_s is None else timeout_s):
                transport = await self._connect(route)
                return await self._dress(transport, route)
        except BaseException as error:
            if transport is not None:
                transport.socket.close()
            match error:
                case trio.TooSlowError():
                    raise httpx.ConnectTimeout("connecting took too long") from None
                # UnicodeError is a ValueError, and ssl raises ValueError for an invalid name.
                case OSError() | trio.BrokenResourceError() | ValueError():
                    raise httpx.ConnectError(str(error.__cause__ or error)) from error
            raise

    async def _connect(self, route: Route) -> trio.SocketStream:
        if self.proxy is None:
            return await trio.open_tcp_stream(route.host, route.port)
        return await trio.open_tcp_stream(self.proxy.url.host, port_of(self.proxy.url))

    async def _dress(self, transport: trio.SocketStream, route: Route) -> Channel:
        stream: trio.abc.Stream = transport
        proxy = self.proxy
        if proxy is not None:
            if proxy.url.scheme == "https":
                context = proxy.ssl_context or httpx.create_ssl_context()
                stream = await _with_tls(stream, context, proxy.url.host)
            if route.tunnel:
                await _open_tunnel(stream, route, proxy)
        if route.server_name is not None:
            stream = await _with_tls(stream, self._ssl_context, route.server_name)
        return PlainChannel(transport) if stream is transport else StreamChannel(stream, transport)


async def _with_tls(stream: trio.abc.Stream, context: ssl.SSLContext, server_name: str) -> trio.abc.Stream:
    secured = trio.SSLStream(stream, context, server_hostname=server_name, https_compatible=True)
    await secured.do_handshake()
    return secured


async def _open_tunnel(stream: trio.abc.Stream, route: Route, proxy: Proxy) -> None:
    host = f"[{route.host}]" if ":" in route.host else route.host
    authority = f"{host}:{route.port}".encode("ascii")
    headers = [(b"Host", authority), (b"Accept", b"*/*"), *proxy.headers]
    await stream.send_all(request_head(b"CONNECT", authority, headers))
    parser = ResponseParser(bodiless=True)
    try:
        while not parser.headed:
            if data := await stream.receive_some(_RECEIVE_BYTES):
                parser.feed(bytes(data))
            else:
                parser.feed_eof()
    except MalformedResponse as error:
        raise httpx.ProxyError(f"the proxy's answer was malformed: {error}") from None
    if not httpx.codes.is_success(parser.status):
        raise httpx.ProxyError(f"{parser.status} {parser.reason.decode('latin-1')}")
