"""Deadlines, cancellation and leaving early, for our own HTTP transport and for that of httpx."""

from __future__ import annotations

import httpx
import pytest
import trio

from streaming.model.body import RequestBody
from tests.streaming.http.peer import (
    OK,
    Conversation,
    answering,
    open_peer,
)
from tests.streaming.http.transports import CERTIFICATES, TransportFactory, client_of

# ---- deadlines and leaving early ------------------------------------------------------------------------------------


async def test_nothing_listens(new_transport: TransportFactory) -> None:
    async with open_peer(answering()) as peer:
        url = peer.url()
    async with client_of(new_transport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_a_host_without_an_address(new_transport: TransportFactory) -> None:
    async with client_of(new_transport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://nobody.invalid/")


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"], ids=["no head", "half a body"]
)
async def test_a_server_that_falls_silent(
    new_transport: TransportFactory, sent: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with open_peer(answering(sent, hold=True)) as peer, client_of(new_transport()) as client:
        started = trio.current_time()
        with pytest.raises(httpx.ReadTimeout):
            await client.get(peer.url(), timeout=httpx.Timeout(None, read=7))
        assert trio.current_time() - started == pytest.approx(7, abs=0.1)
        await peer.all_closed()


async def test_a_server_that_does_not_read(
    new_transport: TransportFactory, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.02

    async def script(conversation: Conversation) -> None:
        await trio.sleep(60)
        await conversation.until_closed()

    async with open_peer(script) as peer, client_of(new_transport()) as client:
        request = client.build_request("POST", peer.url(), content=b"", timeout=httpx.Timeout(None, write=7))
        # httpx's own body would leave an unfinished async generator if sending fails.
        request.stream = RequestBody(b"x" * 30_000_000)
        request.headers["Content-Length"] = "30000000"
        with pytest.raises(httpx.WriteTimeout):
            await client.send(request)
        await peer.all_closed()


async def test_a_tls_handshake_that_makes_no_progress(
    new_transport: TransportFactory, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.02

    async def script(conversation: Conversation) -> None:
        await conversation.until_closed()

    async with open_peer(script) as peer, client_of(new_transport(verify=CERTIFICATES.client)) as client:
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(peer.url(scheme="https"), timeout=httpx.Timeout(None, connect=7))
        await peer.all_closed()


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n\r\nok"], ids=["before the head", "in the body"])
async def test_cancelling_closes_the_connection(new_transport: TransportFactory, sent: bytes) -> None:
    async with open_peer(answering(sent, hold=True)) as peer, client_of(new_transport()) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.get, peer.url())
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert peer.open == 1
            nursery.cancel_scope.cancel()
        await peer.all_closed()


async def test_leaving_the_body_closes_the_connection(new_transport: TransportFactory) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"
    async with open_peer(answering(answer, hold=True)) as peer, client_of(new_transport()) as client:
        request = client.build_request("GET", peer.url())
        response = await client.send(request, stream=True)
        await response.aclose()
        await peer.all_closed()


async def test_a_cancelled_wait_for_a_place_does_not_take_the_place_of_others(new_transport: TransportFactory) -> None:
    go_on = trio.Event()

    async def script(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await go_on.wait()
            await conversation.send(OK)

    transport = new_transport(limits=httpx.Limits(max_connections=1))
    async with open_peer(script) as peer, client_of(transport) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.get, peer.url())
        await trio.testing.wait_all_tasks_blocked(0.02)
        with trio.move_on_after(0.01):
            await client.get(peer.url())
        nursery.start_soon(client.get, peer.url())
        go_on.set()
