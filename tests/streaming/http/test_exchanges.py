"""The exchanges of one request end together, before any other task runs."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from streaming.http import Exchanges, HttptoolsTransport
from streaming.http.connection import Connection, Outgoing, Timeouts
from streaming.model.body import RequestBody
from tests.streaming.http.peer import OK, Conversation, Peer, certificates, open_peer, unread

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TLS = certificates("127.0.0.1")


@dataclass
class Reader:
    """One request whose response does not end."""

    exchanges: Exchanges = field(default_factory=Exchanges)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    failure: Exception | None = None

    async def read(self, client: httpx.AsyncClient, url: str) -> None:
        with self.scope, self.exchanges.collecting():
            try:
                await client.get(url)
            except httpx.HTTPError as error:
                self.failure = error


@asynccontextmanager
async def peer_that_sends(data: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Peer, list[int]]]:
    """A peer that answers each request with `data`, and nothing more; and the descriptors of its connections."""
    connections: list[int] = []

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        stream = conversation.stream
        transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        assert isinstance(transport, trio.SocketStream)
        connections.append(transport.socket.fileno())
        if data:
            await conversation.send(data)
        await conversation.until_closed()

    async with open_peer(script, tls) as peer:
        yield peer, connections


@pytest.mark.parametrize("data", [b"", HEAD, HEAD + b"2\r\nhi\r\n"], ids=["no head", "head", "body"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_connection_is_closed_before_another_task_runs(scheme: str, data: bytes) -> None:
    reader, other = Reader(), Reader()
    transport = HttptoolsTransport(verify=TLS.client)
    tls = TLS.server if scheme == "https" else None
    async with (
        httpx.AsyncClient(transport=transport, timeout=None) as client,  # noqa: S113 - nothing ends by time here
        peer_that_sends(data, tls) as (peer, connections),
        trio.open_nursery() as nursery,
    ):
        for one in (reader, other):
            nursery.start_soon(one.read, client, peer.url(scheme=scheme))
            await wait_all_tasks_blocked()
        reader.scope.cancel()
        reader.exchanges.close()
        # No other task has run since.
        assert unread(connections[0]) == b""
        assert unread(connections[1]) is None
        await wait_all_tasks_blocked()
        assert reader.scope.cancelled_caught
        assert reader.failure is None
        reader.exchanges.close()
        other.scope.cancel()


async def test_an_exchange_that_has_ended_leaves_its_connection_to_others() -> None:
    exchanges = Exchanges()

    async def script(conversation: Conversation) -> None:
        with suppress(trio.EndOfChannel):
            while await conversation.request():
                await conversation.send(OK)

    async with (
        open_peer(script) as peer,
        httpx.AsyncClient(transport=HttptoolsTransport(), timeout=None) as client,  # noqa: S113
    ):
        with exchanges.collecting():
            assert (await client.get(peer.url())).content == b"ok"
        exchanges.close()
        assert (await client.get(peer.url())).content == b"ok"
        assert peer.accepted == 1


class ClosedByCaller:
    """A channel that is closed, and its task cancelled, when the data for the task has just arrived."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self._scope = scope

    async def wait(self) -> None: ...

    def received(self) -> bytes | None:
        self._scope.cancel()
        raise OSError("Bad file descriptor")

    async def send(self, data: bytes) -> None:
        del data

    def readable(self) -> bool:
        return False

    def wake(self) -> None: ...

    def close(self) -> None: ...


async def test_a_cancelled_task_takes_the_closed_connection_for_no_fault_of_the_peer() -> None:
    with trio.CancelScope() as scope:
        await Connection(ClosedByCaller(scope)).exchange(Outgoing(b"GET", b"/", [], RequestBody(b"")), Timeouts())
    assert scope.cancelled_caught
