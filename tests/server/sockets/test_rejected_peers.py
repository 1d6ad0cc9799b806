"""Peers that the server rejects, over real sockets: invalid tokens, hellos, frames and protocols."""

from __future__ import annotations

import json

import pytest
import trio
from structlog.testing import capture_logs

from client.terminal.answer import RequestRefusedError
from client.terminal.connection import ConnectError, ConnectionLostError, open_connection
from client.terminal.device import open_device
from streaming.wire.codes import CloseCode, ErrorCode
from tests.server.conversation import close_code
from tests.server.memory_server import hello
from tests.server.tessera import Tessera, open_tessera


async def refused_hello(tessera: Tessera, token: str | None) -> ConnectionLostError:
    with pytest.raises(ConnectionLostError) as lost:
        async with open_device(tessera.ws_url, token):
            raise AssertionError("the server let it in")
    return lost.value


async def test_a_wrong_token_is_rejected(database: str) -> None:
    async with open_tessera(database) as tessera:
        assert (await refused_hello(tessera, "forged")).code == CloseCode.UNAUTHORIZED
        assert (await refused_hello(tessera, None)).code == CloseCode.UNAUTHORIZED


async def test_a_token_in_the_upgrade_request_is_enough(database: str) -> None:
    async with open_tessera(database) as tessera:
        token = (await tessera.account()).access_token
        async with open_device(tessera.ws_url, token, bearer=True) as device:
            await device.ping()


async def test_a_socket_that_does_not_say_hello_is_closed(database: str) -> None:
    async with (
        open_tessera(database, hello_timeout_s=0.1) as tessera,
        open_connection(tessera.ws_url) as socket,
    ):
        assert await close_code(socket) == CloseCode.HELLO_TIMEOUT


async def test_a_first_frame_other_than_hello_breaks_the_protocol(database: str) -> None:
    async with (
        open_tessera(database) as tessera,
        open_connection(tessera.ws_url) as socket,
    ):
        await socket.send_raw('{"type":"ping"}')
        assert await close_code(socket) == CloseCode.PROTOCOL_BROKEN


async def test_an_oversized_frame_closes_its_socket_with_1009_and_no_other(database: str) -> None:
    async with open_tessera(database, max_frame_bytes=2048) as tessera, tessera.device() as other:
        token = (await tessera.account()).access_token
        async with open_connection(tessera.ws_url) as socket:
            await socket.send_raw(json.dumps(hello(token)))
            ready = json.loads(await socket.receive_raw())
            assert ready["limits"]["max_frame_bytes"] == 2048
            await socket.send_raw(json.dumps({"type": "home_request", "message": "x" * 100_000}))
            assert await close_code(socket) == CloseCode.MESSAGE_TOO_BIG
        await other.ping()


@pytest.mark.parametrize("frame", ["not json", '{"type":"home_request"}', '{"type":"no_such_type"}', b"\x00\x01"])
async def test_a_malformed_frame_is_answered_and_the_socket_stays_open(database: str, frame: str | bytes) -> None:
    async with open_tessera(database) as tessera:
        token = (await tessera.account()).access_token
        async with open_connection(tessera.ws_url) as socket:
            await socket.send_raw(json.dumps(hello(token)))
            await socket.receive_raw()
            await socket.send_raw(frame)
            assert json.loads(await socket.receive_raw())["type"] == "error"
            await socket.send_raw('{"type":"ping"}')
            assert json.loads(await socket.receive_raw())["type"] == "pong"


async def test_a_peer_that_does_not_speak_websocket_affects_no_other(database: str) -> None:
    async with open_tessera(database) as tessera, tessera.device() as device:
        address = tessera.ws_url.removeprefix("ws://").split("/")[0].split(":")
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n\r\n"):
            stream = await trio.open_tcp_stream(address[0], int(address[1]))
            async with stream:
                await stream.send_all(garbage)
                with trio.move_on_after(0.2):
                    await stream.receive_some()
        await device.ping()


async def test_another_path_is_not_found(database: str) -> None:
    async with open_tessera(database) as tessera:
        with pytest.raises(ConnectError, match="404"):
            async with open_connection(tessera.ws_url.replace("/device", "/other")):
                raise AssertionError("the server let it in")


async def test_a_request_that_is_refused_says_why(database: str) -> None:
    async with open_tessera(database, max_message_chars=10) as tessera, tessera.device() as device:
        with pytest.raises(RequestRefusedError) as refused:
            await (await device.home("longer than ten")).finish()
        assert refused.value.code is ErrorCode.MESSAGE_TOO_LONG


@pytest.mark.parametrize("target", [b"//[", b"//[::1", b"/", b"*", b"/%00", b"http://x/", b"/api/v1/ws/device/../x"])
async def test_a_strange_path_is_answered_with_404_and_is_no_fault(database: str, target: bytes) -> None:
    async with open_tessera(database) as tessera:
        host, port = tessera.ws_url.removeprefix("ws://").split("/")[0].split(":")
        with capture_logs() as logs:
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                await stream.send_all(
                    b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                )
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 404")
        assert "socket_failed" not in [line["event"] for line in logs]
