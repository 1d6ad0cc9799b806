"""Limits per user over servers, and per network address, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import trio
from structlog.testing import capture_logs

from client.terminal.answer import RequestRefusedError
from streaming.wire.codes import ErrorCode
from tests.model_server import Never, chunk
from tests.server.relay.test_two_servers import two_servers
from tests.server.tessera import PASSWORD, Tessera, open_tessera

REGISTER = "/api/v1/auth/register"


async def test_the_requests_of_a_user_are_counted_over_all_servers(database: str) -> None:
    async with two_servers(database, max_requests_per_user=2) as (one, other):
        for tessera in (one, other):
            tessera.script(lambda _: [chunk({"content": '[{"type":"text","content":"'}), Never()])
        account = await one.account()
        async with one.device(account) as here, other.device(account) as there:
            running = [await here.home("one"), await there.home("two")]
            for answer in running:
                await anext(answer)
            for device in (here, there):
                refused = await device.home("three")
                with pytest.raises(RequestRefusedError) as error:
                    await refused.finish()
                assert error.value.code == ErrorCode.TOO_MANY_REQUESTS
            await running[1].cancel()
            await running[1].finish()
            again = await here.home("four")
            await anext(again)
            for answer in (running[0], again):
                await answer.cancel()


async def signed_up(tessera: Tessera, count: int, **options: Any) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
        return [
            await client.post(REGISTER, json={"email": f"{uuid4().hex}@example.com", "password": PASSWORD}, **options)
            for _ in range(count)
        ]


async def test_an_address_registers_a_number_of_accounts_per_hour(database: str) -> None:
    async with open_tessera(database, max_signups_per_address_hour=2, trusted_proxies="127.0.0.1") as tessera:
        answers = await signed_up(tessera, 3, headers={"X-Forwarded-For": "198.51.100.1"})
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert 1700 < int(answers[-1].headers["Retry-After"]) <= 1800
        (other,) = await signed_up(tessera, 1, headers={"X-Forwarded-For": "198.51.100.2"})
        assert other.status_code == 201


async def ends(stream: trio.SocketStream) -> bool:
    """Whether the server closes the connection without an answer."""
    with trio.fail_after(5):
        try:
            return await stream.receive_some() == b""
        except trio.BrokenResourceError:
            return True


async def test_an_address_has_a_limit_of_connections_over_both_listeners(database: str) -> None:
    async with open_tessera(database, max_connections_per_address=3) as tessera:
        ports = [int(url.split("/")[2].rpartition(":")[2]) for url in (tessera.rest_url, tessera.ws_url)]
        async with AsyncExitStack() as opened:
            for port in (*ports, ports[1]):
                stream = await opened.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
                await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            # The connections are accepted in order, so all three are counted now.
            for port in ports:
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    assert await ends(stream)
        async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
            assert (await client.get("/healthz")).status_code == 200


UPGRADE = (
    b"GET /api/v1/ws/device HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Forwarded-For: "
)


@asynccontextmanager
async def upgraded(port: int, client: bytes) -> AsyncIterator[trio.SocketStream]:
    """An open device socket of a client that a proxy names."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(UPGRADE + client + b"\r\n\r\n")
        with trio.fail_after(5):
            assert (await stream.receive_some(12)).startswith(b"HTTP/1.1 101")
        yield stream


async def test_sockets_behind_a_proxy_are_counted_for_the_client_that_it_names(database: str) -> None:
    async with open_tessera(database, max_connections_per_address=1, trusted_proxies="127.0.0.1") as tessera:
        port = int(tessera.ws_url.split("/")[2].rpartition(":")[2])
        async with upgraded(port, b"198.51.100.1"), upgraded(port, b"2001:db8::1"):
            for address in (b"198.51.100.1", b"2001:db8::2"):  # the same /64
                async with upgraded(port, address) as refused:
                    answer = b""
                    with trio.fail_after(5):
                        while b"\r\n\r\n\x88" not in answer:
                            answer += await refused.receive_some()
                    close = answer.partition(b"\r\n\r\n")[2]
                    assert int.from_bytes(close[2:4]) == 1013
            # The proxy's own connections are not counted.
            async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
                assert (await client.get("/healthz")).status_code == 200


async def test_refused_frames_are_logged_once_a_second(database: str) -> None:
    with capture_logs() as logs:
        async with (
            open_tessera(database, max_frames_burst=10, max_frames_per_s=1) as tessera,
            tessera.device() as device,
        ):
            for _ in range(100):
                await device.send_raw("no json")
            for _ in range(100):
                await device.receive()
    refused = [line["code"] for line in logs if line["event"] == "frame_refused"]
    assert 2 <= len(refused) <= 10
    assert set(refused) == {"invalid_frame", "rate_limited"}


@pytest.mark.parametrize("target", ["//[", "/[", "http://[/", "//[::1", "*", "//\\"])
async def test_a_target_that_is_no_url_is_answered_and_logs_no_traceback(database: str, target: str) -> None:
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n"
    )
    with capture_logs() as logs:
        async with open_tessera(database) as tessera:
            for url, more in ((tessera.ws_url, upgrade), (tessera.rest_url, "")):
                port = int(url.split("/")[2].rpartition(":")[2])
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    await stream.send_all(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode())
                    with trio.fail_after(5):
                        answer = await stream.receive_some()
                    assert answer[:12] in (b"HTTP/1.1 404", b"HTTP/1.1 400"), answer
    assert [line for line in logs if line.get("exc_info") or line["log_level"] == "error"] == []
