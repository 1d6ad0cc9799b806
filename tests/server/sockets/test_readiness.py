"""Sockets that become readable together: how many tasks one pass of the event loop wakes, and in which order."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from server.net.origins import AllowedOrigins
from server.sockets.device_socket import DeviceSocket
from server.sockets.handshake_limit import HandshakeLimit
from server.sockets.listener import serve_device_sockets
from server.sockets.readiness import AT_ONCE, Readiness
from tests.server.sockets.test_handshake_limit import REQUEST

MANY = 100


class Passes(trio.abc.Instrument):
    """The number of steps of the tasks named `name` in each pass of the event loop that has any."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.steps: list[int] = []
        self._count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._count += task.name.endswith(self._name)

    def before_io_wait(self, timeout: float) -> None:
        if self._count:
            self.steps.append(self._count)
        self._count = 0


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with ExitStack() as opened:
        made = [socket.socketpair() for _ in range(MANY)]
        for one, other in made:
            opened.enter_context(one)
            opened.enter_context(other)
        yield made


async def test_without_epoll_each_task_is_woken_too(
    pairs: list[tuple[socket.socket, socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(select, "epoll")
    with Readiness() as unread:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(unread.run)
            async with trio.open_nursery() as waiting:
                for one, other in pairs:
                    waiting.start_soon(unread.wait, other.fileno())
                    one.send(b"x")
            nursery.cancel_scope.cancel()


async def test_each_pass_wakes_a_few_tasks_and_each_task_once(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    woken: list[int] = []

    async def wait(unread: Readiness, number: int) -> None:
        await unread.wait(pairs[number][1].fileno())
        woken.append(number)

    passes = Passes(".wait")
    with Readiness() as unread:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(unread.run)
            async with trio.open_nursery() as waiting:
                for number in range(MANY):
                    waiting.start_soon(wait, unread, number)
                await wait_all_tasks_blocked()
                assert repr(unread) == f"<Readiness: {MANY} sockets waiting>"
                trio.lowlevel.add_instrument(passes)
                for one, _ in pairs:
                    one.send(b"x")
            trio.lowlevel.remove_instrument(passes)
            nursery.cancel_scope.cancel()
    assert sorted(woken) == list(range(MANY))
    assert max(passes.steps) <= AT_ONCE
    assert sum(passes.steps) == MANY


async def test_a_wait_can_be_cancelled_and_begun_again(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    one, other = pairs[0]
    with Readiness() as unread:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(unread.run)
            with trio.move_on_after(0) as scope:
                await unread.wait(other.fileno())
            assert scope.cancelled_caught
            assert repr(unread) == "<Readiness: 0 sockets waiting>"
            one.close()
            await unread.wait(other.fileno())  # the end of the peer
            nursery.cancel_scope.cancel()


async def test_tasks_that_wait_are_cancelled_with_their_nursery(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    with Readiness() as unread:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(unread.run)
            nursery.start_soon(unread.wait, pairs[0][0].fileno())
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert repr(unread) == "<Readiness: 0 sockets waiting>"


async def test_the_listener_reads_few_opening_requests_between_two_tokens_of_others(nursery: trio.Nursery) -> None:
    async def wait(_: DeviceSocket) -> None:
        await trio.sleep_forever()

    limit = HandshakeLimit(running=AT_ONCE, waiting=MANY)
    address = await nursery.start(
        partial(
            serve_device_sockets,
            wait,
            "127.0.0.1",
            0,
            max_message_bytes=1024,
            origin_allowed=AllowedOrigins().allows,
            handshakes=limit,
        )
    )
    passes = Passes("._run_handler")  # the tasks of the connections
    with ExitStack() as opened:
        devices = [opened.enter_context(socket.create_connection(address)) for _ in range(MANY)]
        await wait_all_tasks_blocked(0.01)
        trio.lowlevel.add_instrument(passes)
        for device in devices:
            device.sendall(REQUEST)
        for device in devices:
            await trio.to_thread.run_sync(device.recv, 1 << 16)
        trio.lowlevel.remove_instrument(passes)
    # Those whose requests were read go on meanwhile, as many as the limit allows.
    assert max(passes.steps) <= 4 * AT_ONCE
