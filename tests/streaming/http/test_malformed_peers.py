"""Servers that send arbitrary bytes, on real sockets: no hang, no open socket, only httpx's exceptions."""

from __future__ import annotations

import ssl
import struct
from functools import partial

import httpx
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming.http import HttptoolsTransport
from tests.streaming.http.peer import Conversation, open_peer

ANSWER = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
    b"4\r\ndata\r\n3;x=y\r\n: a\r\n0\r\nTrailer: t\r\n\r\n"
)
BODY = b"data: a"
CONTEXT = ssl.create_default_context()


async def ask(*parts: bytes, resets: bool = False) -> bytes | httpx.TransportError:
    """The body of a server's answer in `parts`, each sent separately, then closed or reset; or the exception."""

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        for part in parts:
            await conversation.send(part)
            await trio.testing.wait_all_tasks_blocked()
        if resets:
            assert isinstance(conversation.stream, trio.SocketStream)
            conversation.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))

    outcome: bytes | httpx.TransportError
    transport = HttptoolsTransport(verify=CONTEXT)
    async with open_peer(script) as peer:
        with trio.fail_after(60):
            async with httpx.AsyncClient(transport=transport, timeout=None) as client:  # noqa: S113 - the scope has one
                try:
                    outcome = (await client.post(peer.url(), content=b"{}")).content
                except httpx.TransportError as error:
                    outcome = error
            await peer.all_closed()
    assert repr(transport) == "<HttptoolsTransport <ConnectionPool 0 in use, 0 idle, 0 waiting>>"
    return outcome


async def test_every_split() -> None:
    for at in range(1, len(ANSWER)):
        assert await ask(ANSWER[:at], ANSWER[at:]) == BODY


@pytest.mark.parametrize("resets", [False, True], ids=["closes", "resets"])
async def test_every_cut(resets: bool) -> None:
    for at in range(len(ANSWER)):
        assert isinstance(await ask(ANSWER[:at], resets=resets), httpx.RemoteProtocolError | httpx.ReadError)


FRAGMENTS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 101 X\r\n\r\n",
    b"\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Connection: close\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffffff\r\n",
    ANSWER,
]
PIECES = st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=12))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES.filter(bool), max_size=6), st.booleans())
def test_anything(parts: list[bytes], resets: bool) -> None:
    trio.run(partial(ask, *parts, resets=resets))
