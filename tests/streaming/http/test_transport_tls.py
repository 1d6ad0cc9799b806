"""TLS and proxies, for our own HTTP transport and for that of httpx."""

from __future__ import annotations

import httpx
import pytest
import trio

from tests.streaming.http.peer import (
    OK,
    Conversation,
    answering,
    certificates,
    open_peer,
    proxying,
)
from tests.streaming.http.transports import CERTIFICATES, TransportFactory, client_of

# ---- TLS ------------------------------------------------------------------------------------------------------------


async def test_tls(new_transport: TransportFactory) -> None:
    seen: list[str | None] = []

    async def script(conversation: Conversation) -> None:
        for _ in range(2):
            await conversation.request()
            assert isinstance(conversation.stream, trio.SSLStream)
            seen.append(conversation.stream.selected_alpn_protocol())
            await conversation.send(OK)

    transport = new_transport(verify=CERTIFICATES.client)
    async with open_peer(script, CERTIFICATES.server) as peer, client_of(transport) as client:
        for _ in range(2):
            assert (await client.post(peer.url(scheme="https"), content=b"x" * 100_000)).content == b"ok"
        assert peer.accepted == 1
    assert seen == ["http/1.1", "http/1.1"]


async def test_the_certificate_must_be_for_the_host(new_transport: TransportFactory) -> None:
    names: list[str] = []
    tls = certificates("model.example")
    tls.server.sni_callback = lambda _socket, name, _context: names.append(name)
    transport = new_transport(verify=tls.client)
    async with open_peer(answering(OK), tls.server) as peer, client_of(transport) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(peer.url(scheme="https"))
        response = await client.get(peer.url(scheme="https"), extensions={"sni_hostname": "model.example"})
        assert response.content == b"ok"
        assert names[-1] == "model.example"


async def test_an_unknown_authority_is_refused(new_transport: TransportFactory) -> None:
    async with open_peer(answering(OK), CERTIFICATES.server) as peer, client_of(new_transport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(peer.url(scheme="https"))
        await peer.all_closed()


async def test_plain_http_where_tls_is_expected(new_transport: TransportFactory) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.more()
        await conversation.send(OK)

    async with open_peer(script) as peer, client_of(new_transport(verify=CERTIFICATES.client)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(peer.url(scheme="https"))


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n\r\nok"], ids=["before the head", "in the body"])
async def test_cancelling_over_tls_closes_the_connection(new_transport: TransportFactory, sent: bytes) -> None:
    transport = new_transport(verify=CERTIFICATES.client)
    script = answering(sent, hold=True)
    async with open_peer(script, CERTIFICATES.server) as peer, client_of(transport) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.get, peer.url(scheme="https"))
            await trio.testing.wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()
        await peer.all_closed()


# ---- proxies --------------------------------------------------------------------------------------------------------


async def test_a_proxy_forwards(new_transport: TransportFactory) -> None:
    heads: list[bytes] = []
    async with open_peer(answering(OK)) as origin, open_peer(proxying(heads)) as proxy:
        transport = new_transport(proxy=httpx.Proxy(proxy.url().replace("//", "//us%20er:pass@")))
        async with client_of(transport) as client:
            assert (await client.post(origin.url("/a?b"), content=b"x")).content == b"ok"
    lines = heads[0].split(b"\r\n")
    assert lines[0] == f"POST {origin.url('/a?b')} HTTP/1.1".encode()
    assert b"Proxy-Authorization: Basic dXMgZXI6cGFzcw==" in lines
    assert f"Host: 127.0.0.1:{origin.port}".encode() in lines


async def test_a_proxy_tunnels(new_transport: TransportFactory) -> None:
    heads: list[bytes] = []
    at_origin: list[bytes] = []
    script = answering(OK, OK, heads=at_origin)
    async with open_peer(script, CERTIFICATES.server) as origin, open_peer(proxying(heads)) as proxy:
        address = httpx.Proxy(proxy.url().replace("//", "//user:pass@"))
        async with client_of(new_transport(proxy=address, verify=CERTIFICATES.client)) as client:
            for _ in range(2):
                url = origin.url(scheme="https")
                assert (await client.get(url, headers={"Authorization": "Bearer k"})).content == b"ok"
    assert len(heads) == 1
    assert heads[0].startswith(f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1".encode())
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz" in heads[0]
    assert b"Bearer" not in heads[0]
    assert b"Proxy-Authorization" not in at_origin[0]


async def test_a_proxy_that_is_reached_over_tls(new_transport: TransportFactory) -> None:
    heads: list[bytes] = []
    async with (
        open_peer(answering(OK), CERTIFICATES.server) as origin,
        open_peer(proxying(heads), CERTIFICATES.server) as proxy,
    ):
        address = httpx.Proxy(proxy.url(scheme="https"), ssl_context=CERTIFICATES.client)
        async with client_of(new_transport(proxy=address, verify=CERTIFICATES.client)) as client:
            assert (await client.get(origin.url(scheme="https"))).content == b"ok"
    assert heads[0].startswith(b"CONNECT ")


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 502 Bad\r\n\r\n"],
)
async def test_a_proxy_that_refuses(new_transport: TransportFactory, answer: bytes) -> None:
    async with open_peer(proxying([], refuse=answer)) as proxy:
        transport = new_transport(proxy=httpx.Proxy(proxy.url()), verify=CERTIFICATES.client)
        async with client_of(transport) as client:
            with pytest.raises(httpx.ProxyError, match=answer[9:12].decode()):
                await client.get("https://127.0.0.1:1/")
            await proxy.all_closed()
