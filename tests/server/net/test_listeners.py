"""Ports shared by several processes, and ports in use by other servers."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import pytest
import trio

from server.net.listeners import open_listeners, reserved_port

HOST = "127.0.0.1"


async def test_listeners_share_a_reserved_port_and_divide_its_connections() -> None:
    async with reserved_port(HOST, 0) as port, AsyncExitStack() as stack:
        listeners = [
            await stack.enter_async_context(listener)
            for _ in range(2)
            for listener in await open_listeners(HOST, port, shared=True)
        ]
        served = [0, 0]

        async def accept(number: int) -> None:
            while True:
                stream = await listeners[number].accept()
                served[number] += 1
                await stream.aclose()

        async with trio.open_nursery() as nursery:
            for number in (0, 1):
                nursery.start_soon(accept, number)
            for _ in range(200):
                async with await trio.open_tcp_stream(HOST, port) as stream:
                    assert await stream.receive_some() == b""
            nursery.cancel_scope.cancel()
        assert sum(served) == 200
        assert min(served) > 0


async def test_a_reserved_port_is_released_afterwards() -> None:
    async with reserved_port(HOST, 0) as port:
        pass
    async with reserved_port(HOST, port) as again:
        assert again == port


@pytest.mark.parametrize("sharing", [True, False])
async def test_a_port_with_a_listener_is_refused(sharing: bool) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(sharing))
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            async with reserved_port(HOST, taken.getsockname()[1]):
                pass


async def test_a_reserved_port_refuses_listeners_that_do_not_share() -> None:
    async with reserved_port(HOST, 0) as port:
        for listener in await open_listeners(HOST, port, shared=True):
            async with listener:
                with pytest.raises(OSError, match="in use"):
                    await open_listeners(HOST, port, shared=False)
