"""The transport for an `httpx.AsyncClient`, and the body of a response."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Final, Self

import httpx

from streaming.http.connection import FAULTS, Connection, Outgoing, Timeouts
from streaming.http.connector import DEFAULT_PORTS, Connector, Proxy, Route, port_of
from streaming.http.deadlines import DeadlineWatch, ReadDeadline
from streaming.http.exchanges import collect
from streaming.http.pool import ConnectionPool, Lease

_DEFAULT_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20)


TakeChunk = Callable[[bytes], float | None]
"""Takes the next bytes of a body. Returns the time until which to read further, on trio's clock; None to stop."""


class HttptoolsTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 for httpx under trio. Raises httpx's exceptions and no others.

    `verify` is the TLS context for the origins, by default httpx's. `limits` is as in httpx; `max_per_host` is a
    further limit for each origin. `proxy` is an HTTP or HTTPS proxy: it forwards requests for http:// and tunnels
    requests for https://.

    If the peer has closed an idle connection, this is noticed before anything is sent, and another connection is used.
    If a connection that was used before ends without a byte of an answer, the request is sent once more on a new one:
    the peer closed it at that moment, so no task has read an answer. Otherwise a request is sent once.

    Leaving a response before its end, or cancelling, closes the connection immediately.
    A response has the extensions `read_deadline`, a `streaming.http.deadlines.ReadDeadline`, and `body`, a
    `ResponseBody`.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | None = None,
        limits: httpx.Limits = _DEFAULT_LIMITS,
        max_per_host: int | None = None,
        proxy: httpx.Proxy | None = None,
    ) -> None:
        context = verify or httpx.create_ssl_context()
        # Tells servers that also speak HTTP/2 that this client does not.
        context.set_alpn_protocols(["http/1.1"])
        self._connector = Connector(context, None if proxy is None else Proxy.of(proxy))
        self._pool = ConnectionPool(limits, max_per_host)
        self._watch = DeadlineWatch()

    def __repr__(self) -> str:
        return f"<HttptoolsTransport {self._pool!r}>"

    async def aclose(self) -> None:
        """Close all connections, including those in use."""
        self._pool.close()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and wait for the head of its response; see `httpx.AsyncBaseTransport`."""
        url = request.url
        if url.scheme not in DEFAULT_PORTS:
            raise httpx.UnsupportedProtocol("the URL begins with neither http:// nor https://")
        if not url.host:
            raise httpx.UnsupportedProtocol("the URL names no host")
        timeouts = Timeouts(**request.extensions.get("timeout", {}))
        outgoing = self._outgoing(request)
        lease = await self._pool.take(self._route(request), timeouts.pool)
        collect(lease)
        try:
            connection = await self._exchange(lease, outgoing, timeouts)
        except BaseException:
            self._pool.discard(lease)
            raise
        response = connection.response
        deadline = self._watch.begin(connection.expire)
        body = ResponseBody(self._pool, lease, connection, deadline)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=body,
            extensions={
                "http_version": response.http_version,
                "reason_phrase": response.reason,
                "read_deadline": deadline,
                "body": body,
            },
        )

    async def _exchange(self, lease: Lease, outgoing: Outgoing, timeouts: Timeouts) -> Connection:
        """Send the request on the connection of `lease`, or on a new one, and wait for the head of the response."""
        used, failure = lease.connection, None
        if used is not None:
            try:
                await used.exchange(outgoing, timeouts)
            except (httpx.ReadError, httpx.RemoteProtocolError) as error:
                if not used.silent:
                    raise  # an answer has begun
                failure = error
                used.close()
            else:
                return used
        lease.connection = Connection(await self._connector.open(lease.route, timeouts.connect))
        try:
            await lease.connection.exchange(outgoing, timeouts)
        except httpx.StreamConsumed:
            if failure is None:
                raise
            raise failure from None  # the body can't be sent again
        return lease.connection

    def _route(self, request: httpx.Request) -> Route:
        url = request.url
        host = url.raw_host.decode("ascii").strip("[]")
        if url.scheme == "https":
            server_name = str(request.extensions.get("sni_hostname", host))
            return Route(host, port_of(url), server_name, tunnel=self._connector.proxy is not None)
        proxy = self._connector.proxy
        if proxy is not None:
            return Route(proxy.url.host, port_of(proxy.url), None)
        return Route(host, port_of(url), None)

    def _outgoing(self, request: httpx.Request) -> Outgoing:
        target = request.extensions.get("target", request.url.raw_path)
        headers = request.headers.raw
        proxy = self._connector.proxy
        if proxy is not None and request.url.scheme == "http":
            url = request.url
            target = b"%b://%b%b" % (url.raw_scheme, url.netloc, target)
            names = {name.lower() for name, _ in headers}
            headers = [*headers, *(header for header in proxy.headers if header[0].lower() not in names)]
        if not isinstance(request.stream, AsyncIterable):
            raise httpx.LocalProtocolError("the request's body must be an asynchronous stream")
        return Outgoing(request.method.encode("ascii", "replace"), target, headers, request.stream)


class ResponseBody(httpx.AsyncByteStream, AsyncIterator[bytes]):
    """The body in pieces: the data of one read at a time.

    This is an iterator, not an async generator, so that a cancelled reader leaves nothing to finish.
    """

    def __init__(self, pool: ConnectionPool, lease: Lease, connection: Connection, deadline: ReadDeadline) -> None:
        self._deadline = deadline
        self._pool = pool
        self._lease = lease
        self._read = connection.read_body
        self._connection = connection

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if data := await self.read(math.inf):
            return data
        raise StopAsyncIteration

    async def read(self, at: float) -> bytes:
        """The next bytes as they were received, b"" at the end. Raises `httpx.ReadTimeout` at `at`, on trio's clock."""
        if self._lease.connection is None:
            return b""
        deadline = self._deadline
        deadline.set(at)
        try:
            data = await self._read()
        except BaseException:
            self._discard()
            raise
        # The time limit is the server's: it must not run while the reader handles the data.
        deadline.at = math.inf
        if not data:
            self._give_back()
        return data

    async def read_each(self, at: float, take: TakeChunk) -> None:
        """As `read` again and again: give the bytes to `take`, until it returns None or has got b"", the end.

        What `take` raises closes the connection. It runs between two waits, so one token needs one coroutine only.
        """
        data = await self.read(at)
        until = take(data)
        if until is None or not data:
            return
        connection, deadline = self._connection, self._deadline
        response, wait, received = connection.response, connection.wait, connection.received
        try:
            while until is not None and data:
                if until < deadline.at:
                    deadline.set(until)
                else:
                    deadline.at = until  # later than before: the watch need not wake up earlier
                try:
                    if response.complete:
                        data = b""
                    else:
                        await wait()
                        if (body := received()) is None:
                            continue
                        data = body
                except FAULTS as error:
                    raise await connection.fault(error) from error
                until = take(data)
        except BaseException:
            self._discard()
            raise
        deadline.at = math.inf
        if not data:
            self._give_back()

    async def aclose(self) -> None:
        """Close the connection, or give it back if the body was read to its end."""
        if self._connection.response.complete:
            self._give_back()
        else:
            self._discard()

    def _give_back(self) -> None:
        self._deadline.end()
        self._pool.give_back(self._lease)

    def _discard(self) -> None:
        self._deadline.end()
        self._pool.discard(self._lease)
