"""The common behaviour of the httptools transport and httpx's own: each test runs with both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from tests.streaming.http.peer import (
    OK,
    Conversation,
    answering,
    open_peer,
)
from tests.streaming.http.transports import TransportFactory, client_of

NO_TIMEOUT = {"timeout": {"connect": None, "read": None, "write": None, "pool": None}}


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"1;ext=a\r\no\r\n1\r\nk\r\n0\r\nTrailer: x\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n", 429, b""),
        (b"HTTP/1.1 200 OK\r\nX-Empty:\r\nX-Last: a  \r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    ],
)
async def test_a_response(new_transport: TransportFactory, answer: bytes, status: int, body: bytes) -> None:
    async with open_peer(answering(answer)) as peer, client_of(new_transport()) as client:
        response = await client.get(peer.url())
        assert (response.status_code, response.content) == (status, body)
        assert response.http_version == ("HTTP/1.0" if answer.startswith(b"HTTP/1.0") else "HTTP/1.1")


async def test_the_head_is_given_whole(new_transport: TransportFactory) -> None:
    head = b"HTTP/1.1 200 Fine, thanks\r\nX-Empty:\r\nX-A: 1\r\nx-a:  2 \r\nX-Name: Zo\xc3\xab\r\n"
    answer = head + b"Content-Length: 0\r\n\r\n"
    async with open_peer(answering(answer)) as peer, client_of(new_transport()) as client:
        response = await client.get(peer.url())
        assert response.reason_phrase == "Fine, thanks"
        assert response.headers.raw == [
            (b"X-Empty", b""),
            (b"X-A", b"1"),
            (b"x-a", b"2"),
            (b"X-Name", b"Zo\xc3\xab"),
            (b"Content-Length", b"0"),
        ]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Le", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"2\r\nok\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"2\r\nok\r\n0\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"zz\r\nok\r\n0\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\nok", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nA\x00b: c\r\n\r\nok", httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", httpx.RemoteProtocolError),
        (b"\x15\x03\x01\x00\x02\x02\x16", httpx.RemoteProtocolError),
        (b"<html>", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000, httpx.RemoteProtocolError),
    ],
    ids=range(14),
)
async def test_bytes_that_are_not_a_response(
    new_transport: TransportFactory, answer: bytes, fault: type[Exception]
) -> None:
    async with open_peer(answering(answer)) as peer, client_of(new_transport()) as client:
        with pytest.raises(fault):
            await client.get(peer.url())
        await peer.all_closed()


async def test_a_connection_is_used_again(new_transport: TransportFactory) -> None:
    async with open_peer(answering(OK, OK, OK)) as peer, client_of(new_transport()) as client:
        for _ in range(3):
            assert (await client.post(peer.url(), content=b"x")).content == b"ok"
        assert peer.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["asked to close", "HTTP/1.0"],
)
async def test_a_connection_is_not_used_again(new_transport: TransportFactory, answer: bytes) -> None:
    script = answering(answer, OK, hold=True)
    async with open_peer(script) as peer, client_of(new_transport()) as client:
        for _ in range(2):
            assert (await client.get(peer.url())).content == b"ok"
        assert peer.accepted == 2


async def test_a_connection_with_connection_close_is_closed(new_transport: TransportFactory) -> None:
    async with open_peer(answering(OK, hold=True)) as peer, client_of(new_transport()) as client:
        await client.get(peer.url(), headers={"Connection": "close"})
        await peer.all_closed()


async def test_an_idle_connection_that_the_server_closed_is_replaced(new_transport: TransportFactory) -> None:
    async with open_peer(answering(OK)) as peer, client_of(new_transport()) as client:
        for _ in range(3):
            assert (await client.post(peer.url(), content=b"once")).content == b"ok"
            await peer.all_closed()
        assert peer.accepted == 3


async def test_an_idle_connection_expires(
    new_transport: TransportFactory, autojump_clock: trio.testing.MockClock
) -> None:
    # httpcore uses the system clock, which a test cannot move.
    transport = new_transport(limits=httpx.Limits(keepalive_expiry=5 if "tools" in repr(new_transport()) else 0.0))
    async with open_peer(answering(OK, OK)) as peer, client_of(transport) as client:
        await client.get(peer.url())
        await trio.sleep(6)
        await client.get(peer.url())
        assert peer.accepted == 2


async def test_no_more_connections_are_opened_than_allowed(new_transport: TransportFactory) -> None:
    go_on = trio.Event()

    async def script(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await go_on.wait()
            await conversation.send(OK)

    transport = new_transport(limits=httpx.Limits(max_connections=2))
    async with open_peer(script) as peer, client_of(transport) as client:
        done = []

        async def ask() -> None:
            done.append((await client.get(peer.url())).content)

        async with trio.open_nursery() as nursery:
            for _ in range(7):
                nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.05)
            with pytest.raises(httpx.PoolTimeout):
                await client.get(peer.url(), timeout=httpx.Timeout(None, pool=0.01))
            go_on.set()
        assert done == [b"ok"] * 7
        assert peer.accepted == 2


# ---- requests -------------------------------------------------------------------------------------------------------


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_request_with_a_body(new_transport: TransportFactory) -> None:
    heads: list[bytes] = []
    async with open_peer(answering(OK, heads=heads)) as peer, client_of(new_transport()) as client:
        await client.post(peer.url("/a?b=%20c"), content=b"{}", headers={"X-Key": "k"})
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"POST /a?b=%20c HTTP/1.1"
    assert f"Host: 127.0.0.1:{peer.port}".encode() in lines
    assert b"Content-Length: 2" in lines
    assert b"X-Key: k" in lines


@pytest.mark.parametrize("parts", [(b"one", b"", b"two"), (), (b"x" * 70_000, b"y")])
async def test_a_body_in_pieces_goes_out_in_chunks(new_transport: TransportFactory, parts: tuple[bytes, ...]) -> None:
    received = bytearray()

    async def script(conversation: Conversation) -> None:
        while b"\r\n0\r\n\r\n" not in conversation.received:
            await conversation.more()
        received.extend(conversation.received)
        await conversation.send(OK)

    async with open_peer(script) as peer, client_of(new_transport()) as client:
        await client.post(peer.url(), content=pieces(*parts))
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert body == b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@pytest.mark.parametrize("header", [(b"X-A", b"a\r\nX-B: b"), (b"X A", b"a"), (b"X-A", b"a\x00"), (b"", b"a")])
async def test_a_malformed_header_is_not_sent(new_transport: TransportFactory, header: tuple[bytes, bytes]) -> None:
    async with open_peer(answering(OK)) as peer, client_of(new_transport()) as client:
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(peer.url(), headers=[header])


async def test_an_answer_before_the_request_is_all_sent_is_read(new_transport: TransportFactory) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.more()
        await conversation.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await conversation.until_closed()

    async with open_peer(script) as peer, client_of(new_transport()) as client:
        assert (await client.post(peer.url(), content=b"x" * 10_000_000)).status_code == 413


async def test_head_has_no_body(new_transport: TransportFactory) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with open_peer(answering(answer, hold=True)) as peer, client_of(new_transport()) as client:
        response = await client.head(peer.url())
        assert (response.headers["content-length"], response.content) == ("5", b"")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http:///nobody", "/relative"])
async def test_other_schemes_are_refused(new_transport: TransportFactory, url: str) -> None:
    async with client_of(new_transport()) as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(url)
