"""How connections begin and end, and how a client handles protocol violations of the server."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from client.terminal.connection import ConnectError, ConnectionLostError, ProtocolError, open_connection
from client.terminal.device import open_device
from streaming.wire import (
    WsAuthExpiring,
    WsClientMutation,
    WsHomeRequest,
    WsPing,
)
from tests.client.peer import Peer, open_peer, start


@pytest.mark.parametrize("code", [4001, 4510, 1011])
async def test_a_close_ends_everything_that_waits_for_the_socket(code: int) -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.expect(WsPing)
        await peer.send(start(request.request_id))
        await peer.socket.aclose(code, "bye")

    async with open_peer(script) as url, open_device(url, "t") as device:
        answer = await device.home("hello")
        with pytest.raises(ConnectionLostError):
            await device.ping()
        with pytest.raises(ConnectionLostError) as caught:
            await answer.finish()
        assert (caught.value.code, caught.value.reason) == (code, "bye")
        assert [frame.type for frame in answer.frames] == ["stream_start"]
        with pytest.raises(ConnectionLostError):
            await device.receive()
        with pytest.raises(ConnectionLostError):
            await device.home("again")
        loss = await device.wait_closed()
        assert isinstance(loss, ConnectionLostError)
        assert loss.code == code


async def test_a_refused_hello_raises_the_close_code() -> None:
    async def script(peer: Peer) -> None:
        await peer.receive()
        await peer.socket.aclose(4501, "unauthorized")

    async with open_peer(script, greet=False) as url:
        with pytest.raises(ConnectionLostError) as caught:
            async with open_device(url, "wrong"):
                pytest.fail("the device was let in")
        assert caught.value.code == 4501


async def test_an_address_where_nothing_listens() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(ConnectError, match="cannot be reached"):
        async with open_connection(f"ws://127.0.0.1:{port}/"):
            pytest.fail("connected to nothing")


@pytest.mark.parametrize("reads", [True, False])
async def test_a_server_that_closes_instead_of_answering_the_upgrade(
    reads: bool,
) -> None:
    async def close(stream: trio.SocketStream) -> None:
        # Unread data makes the close a reset.
        if reads:
            await stream.receive_some()
        await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, close, listeners)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(ConnectError, match=r"closed the connection before it answered|cannot be reached"):
            async with open_connection(f"ws://127.0.0.1:{port}/", connect_timeout_s=float("inf")):
                pytest.fail("the server let it in")
        nursery.cancel_scope.cancel()


async def test_an_http_refusal_of_the_upgrade() -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, refuse, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(ConnectError, match="404"):
            async with open_connection(f"ws://127.0.0.1:{port}/"):
                pytest.fail("connected to a refusal")
        nursery.cancel_scope.cancel()


async def test_an_exception_of_the_block_is_not_wrapped() -> None:
    async def script(peer: Peer) -> None:
        await peer.wait_closed()

    async with open_peer(script) as url:
        with pytest.raises(LookupError, match="mine"):
            async with open_device(url, "t"):
                raise LookupError("mine")


async def test_leaving_the_block_sends_accepted_frames_and_closes() -> None:
    received: list[str] = []
    codes: list[int] = []
    done = trio.Event()

    async def script(peer: Peer) -> None:
        received.append((await peer.expect(WsClientMutation)).id)
        codes.append(await peer.wait_closed())
        done.set()

    async with open_peer(script) as url:
        async with open_device(url, "t") as device:
            await device.mutate("delete", "task", "t-1")
        await done.wait()
    assert (received, codes) == (["t-1"], [1000])


async def test_vanishing_sends_no_close_frame() -> None:
    codes: list[int] = []
    done = trio.Event()

    async def script(peer: Peer) -> None:
        codes.append(await peer.wait_closed())
        done.set()

    async with open_peer(script) as url, open_device(url, "t") as device:
        await device.vanish()
        loss = await device.wait_closed()
        assert isinstance(loss, ConnectionLostError)
        await done.wait()
    assert codes == [1006]


@pytest.mark.parametrize("raw", ["no json", '{"type":"pong","seq":7}', '{"type":"stream_text","seq":2}'])
async def test_an_invalid_frame_closes_the_connection_with_a_protocol_error(raw: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.socket.send_message(raw)
        assert await peer.wait_closed() == 1002

    async with open_peer(script) as url, open_device(url, "t") as device:
        with pytest.raises(ProtocolError):
            await device.receive()


async def test_frame_types_of_a_newer_server_are_skipped() -> None:
    async def script(peer: Peer) -> None:
        await peer.socket.send_message('{"type":"confetti","seq":2}')
        await peer.socket.send_message('{"type":"auth_expiring","seq":3,"in_s":60}')

    async with open_peer(script) as url, open_device(url, "t") as device:
        assert isinstance(await device.receive(), WsAuthExpiring)


async def test_a_silent_server_raises_a_connect_error() -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, silent, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(ConnectError, match="in time"):
            async with open_connection(f"ws://127.0.0.1:{port}/", connect_timeout_s=0.02):
                pytest.fail("connected to silence")
        nursery.cancel_scope.cancel()
