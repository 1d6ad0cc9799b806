"""Differences between the httptools transport and httpx's own: limits, strictness, bodies, lazy reads."""

from __future__ import annotations

import ssl

import httpx
import pytest
import trio

from streaming.http import HttptoolsTransport
from streaming.http.response_parser import MAX_OVERHEAD_BYTES
from streaming.model.body import RequestBody
from tests.streaming.http.peer import OK, Conversation, answering, certificates, open_peer


def client_of(transport: HttptoolsTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113 - the tests set what they need


@pytest.fixture
def transport() -> HttptoolsTransport:
    return HttptoolsTransport(verify=ssl.create_default_context())


@pytest.mark.parametrize(
    "more", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"more"], ids=["a second response", "more than said"]
)
async def test_bytes_after_a_response_are_not_read_as_the_next_response(
    transport: HttptoolsTransport, more: bytes
) -> None:
    async with open_peer(answering(OK + more, OK, hold=True)) as peer, client_of(transport) as client:
        for _ in range(2):
            assert (await client.get(peer.url())).content == b"ok"
        assert peer.accepted == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/2.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 15_000 + OK,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 60_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"x" * 200_000 + b"\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: x\r\n" * 40_000 + b"\r\n",
    ],
    ids=["version", "upgrade", "101", "two lengths", "endless 1xx", "headers", "extension", "trailers"],
)
async def test_invalid_responses_are_refused(transport: HttptoolsTransport, answer: bytes) -> None:
    async with open_peer(answering(answer)) as peer, client_of(transport) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(peer.url())
        await peer.all_closed()
    assert len(answer) > MAX_OVERHEAD_BYTES or len(answer) < 200


async def test_pieces_that_came_together_are_one(transport: HttptoolsTransport) -> None:
    go_on = trio.Event()

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n")
        await go_on.wait()
        await conversation.send(b"1\r\nc\r\n1\r\nd\r\n0\r\n\r\n")

    async with open_peer(script) as peer, client_of(transport) as client:
        received = []
        async with client.stream("GET", peer.url()) as response:
            async for data in response.aiter_raw():
                received.append(data)
                go_on.set()
    assert received == [b"ab", b"cd"]


@pytest.mark.parametrize(("length", "says"), [(3, "longer"), (5, "shorter")])
async def test_a_body_whose_length_differs_from_content_length(
    transport: HttptoolsTransport, length: int, says: str
) -> None:
    async with open_peer(answering(OK)) as peer, client_of(transport) as client:
        request = client.build_request("POST", peer.url(), headers={"Content-Length": str(length)})
        request.stream = RequestBody(b"four")
        with pytest.raises(httpx.LocalProtocolError, match=says):
            await client.send(request)
        await peer.all_closed()


@pytest.mark.parametrize("headers", [{"Transfer-Encoding": "gzip"}, {"Content-Length": "many"}])
async def test_an_unknown_transfer_encoding(transport: HttptoolsTransport, headers: dict[str, str]) -> None:
    async with open_peer(answering(OK)) as peer, client_of(transport) as client:
        with pytest.raises(httpx.LocalProtocolError):
            await client.post(peer.url(), content=b"x", headers=headers)


async def test_each_origin_has_its_own_limit() -> None:
    go_on = trio.Event()

    async def script(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await go_on.wait()
            await conversation.send(OK)

    transport = HttptoolsTransport(verify=ssl.create_default_context(), max_per_host=2)
    async with (
        open_peer(script) as busy,
        open_peer(answering(OK)) as other,
        client_of(transport) as client,
        trio.open_nursery() as nursery,
    ):
        for _ in range(5):
            nursery.start_soon(client.get, busy.url())
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert busy.accepted == 2
        assert (await client.get(other.url())).content == b"ok"
        go_on.set()
    assert busy.accepted == 2


async def test_an_idle_connection_gives_way_to_another_origin() -> None:
    transport = HttptoolsTransport(verify=ssl.create_default_context(), limits=httpx.Limits(max_connections=1))
    async with (
        open_peer(answering(OK, hold=True)) as one,
        open_peer(answering(OK, hold=True)) as other,
        client_of(transport) as client,
    ):
        await client.get(one.url())
        await client.get(other.url())
        await one.all_closed()
        assert other.open == 1


async def test_no_more_are_kept_idle_than_allowed() -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=1)
    transport = HttptoolsTransport(verify=ssl.create_default_context(), limits=limits)
    async with open_peer(answering(OK, hold=True)) as peer, client_of(transport) as client:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(client.get, peer.url())
        async with peer.changed:
            while peer.open != 1:
                await peer.changed.wait()
        assert "0 in use, 1 idle" in repr(transport)


async def test_closing_the_client_closes_connections_in_use(transport: HttptoolsTransport) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"
    async with open_peer(answering(answer, hold=True)) as peer:
        client = client_of(transport)
        response = await client.send(client.build_request("GET", peer.url()), stream=True)
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"ok"
        await client.aclose()
        await peer.all_closed()
        with pytest.raises(httpx.ReadError):
            await anext(chunks)
        await response.aclose()


async def test_the_fault_of_a_certificate_is_named() -> None:
    tls = certificates("elsewhere.example")
    transport = HttptoolsTransport(verify=tls.client)
    async with open_peer(answering(OK), tls.server) as peer, client_of(transport) as client:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get(peer.url(scheme="https"))


async def test_a_host_name_that_the_resolver_refuses(transport: HttptoolsTransport) -> None:
    async with client_of(transport) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{'a' * 70}.example/")


def test_a_proxy_that_is_not_http_is_refused() -> None:
    with pytest.raises(ValueError, match="socks5"):
        HttptoolsTransport(verify=ssl.create_default_context(), proxy=httpx.Proxy("socks5://127.0.0.1:1"))


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200"], ids=["nothing", "a part of the head"])
async def test_a_used_connection_that_ends_without_an_answer_is_replaced_once(begun: bytes) -> None:
    """The peer reads the second request and closes, as servers do whose time for idle connections has ended."""

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        if peer.accepted > 1:
            await conversation.send(OK)
            return
        await conversation.send(OK)
        await conversation.request()
        if begun:
            await conversation.send(begun)

    async with open_peer(script) as peer, client_of(HttptoolsTransport()) as client:
        assert (await client.post(peer.url(), content=b"one")).content == b"ok"
        if begun:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post(peer.url(), content=b"two")
        else:
            assert (await client.post(peer.url(), content=b"two")).content == b"ok"
        assert peer.accepted == (1 if begun else 2)


async def test_a_new_connection_that_ends_without_an_answer_is_not_tried_again() -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()

    async with open_peer(script) as peer, client_of(HttptoolsTransport()) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(peer.url(), content=b"one")
        assert peer.accepted == 1
