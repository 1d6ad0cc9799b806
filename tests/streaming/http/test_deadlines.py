"""Read deadlines: one task watches all of them, they move in both directions, and only the reader is woken."""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
import trio
import trio.testing

from streaming.http import HttptoolsTransport
from streaming.http.deadlines import DeadlineWatch
from streaming.model.body import TimedReader
from tests.streaming.http.peer import OK, answering, certificates, open_peer

CERTIFICATES = certificates("127.0.0.1")
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"


async def test_each_expires_once_at_its_time(autojump_clock: trio.testing.MockClock) -> None:
    watch = DeadlineWatch()
    expired: list[tuple[str, float]] = []
    deadlines = {}

    def note(name: str) -> None:
        expired.append((name, trio.current_time()))

    for name in "abcde":
        deadlines[name] = watch.begin(partial(note, name))
    start = trio.current_time()
    deadlines["a"].set(start + 5)
    deadlines["b"].set(start + 3)
    deadlines["c"].set(start + 4)
    await trio.sleep(2)
    deadlines["a"].set(start + 9)  # later
    deadlines["b"].set(start + 2.5)  # sooner
    deadlines["c"].set(math.inf)
    deadlines["d"].set(start + 1)  # in the past
    deadlines["e"].set(start + 3)
    deadlines["e"].end()
    await trio.sleep(20)
    assert expired == [("d", start + 2), ("b", start + 2.5), ("a", start + 9)]
    for deadline in deadlines.values():
        deadline.end()
        deadline.end()
    await trio.testing.wait_all_tasks_blocked()
    again = watch.begin(partial(note, "again"))
    again.set(trio.current_time() + 1)
    await trio.sleep(5)
    assert expired[-1] == ("again", start + 23)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("transport_name", ["httptools", "httpx"])
async def test_a_read_that_takes_too_long(
    scheme: str, transport_name: str, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    own = transport_name == "httptools"
    kind = HttptoolsTransport if own else httpx.AsyncHTTPTransport
    transport = kind(verify=CERTIFICATES.client)
    tls = CERTIFICATES.server if scheme == "https" else None
    async with open_peer(answering(HALF, hold=True), tls) as peer:
        client = httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113
        async with client:
            response = await client.send(client.build_request("GET", peer.url(scheme=scheme)), stream=True)
            assert ("read_deadline" in response.extensions) is own
            reader = TimedReader(response)
            start = trio.current_time()
            assert await reader.read(start + 5) == b"ok"
            await trio.sleep(60)  # nothing reads
            with pytest.raises(httpx.ReadTimeout):
                await reader.read(start + 65)
            assert trio.current_time() - start == pytest.approx(65, abs=0.1)
            if own:
                with pytest.raises(httpx.ReadTimeout):
                    await anext(reader.chunks)
            await response.aclose()
            await peer.all_closed()


async def test_a_whole_body() -> None:
    transport = HttptoolsTransport(verify=ssl.create_default_context())
    async with open_peer(answering(OK)) as peer, httpx.AsyncClient(transport=transport) as client:
        response = await client.send(client.build_request("GET", peer.url()), stream=True)
        reader = TimedReader(response)
        assert [await reader.read(math.inf), await reader.read(math.inf)] == [b"ok", b""]


async def test_an_empty_piece_is_not_the_end() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one", b"", b"two"):
            yield piece

    reader = TimedReader(httpx.Response(200, content=pieces()))
    assert [await reader.read(math.inf) for _ in range(3)] == [b"one", b"two", b""]


async def test_a_compressed_body_is_decompressed() -> None:
    import gzip

    packed = gzip.compress(b"data: x")
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    transport = HttptoolsTransport(verify=ssl.create_default_context())
    async with open_peer(answering(answer + packed)) as peer, httpx.AsyncClient(transport=transport) as client:
        response = await client.send(client.build_request("GET", peer.url()), stream=True)
        reader = TimedReader(response)
        assert [await reader.read(math.inf), await reader.read(math.inf)] == [b"data: x", b""]
        await response.aclose()


async def test_a_connection_whose_deadline_passed_as_its_answer_ended_is_not_used_again() -> None:
    transport = HttptoolsTransport(verify=ssl.create_default_context())
    async with (
        open_peer(answering(OK, OK, hold=True)) as peer,
        httpx.AsyncClient(transport=transport) as client,
    ):
        response = await client.send(client.build_request("GET", peer.url()), stream=True)
        reader = TimedReader(response)
        assert await reader.read(math.inf) == b"ok"
        response.extensions["read_deadline"].expire()
        assert await reader.read(math.inf) == b""
        assert (await client.get(peer.url())).content == b"ok"
        assert peer.accepted == 2
