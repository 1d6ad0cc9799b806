"""Sockets handed to another process of the host: real Unix sockets, the device over memory channels or WebSockets."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.openings import VerifiedDevice
from streaming.wire import CloseCode
from tests.server.memory_socket import MemorySocket
from tests.server.sockets.handed_over import echo, handed


async def test_frames_pass_both_ways_in_order() -> None:
    async with handed(echo) as both:
        for number in range(200):
            await both.device.say(number=number, text="ü" * number)
        for number in range(200):
            assert await both.device.hear() == {"number": number, "text": "ü" * number}
        await both.device.say(text="x" * 1_000_000)
        assert len((await both.device.hear())["text"]) == 1_000_000


async def test_the_owners_close_code_reaches_the_device() -> None:
    async with handed(echo) as both:
        await both.device.say(last=1)
        await both.device.say_text("close")
        await both.ended.wait()
        assert both.code == CloseCode.TOKEN_EXPIRED
        assert both.device.closed_with == (CloseCode.TOKEN_EXPIRED, "the token has expired")
        assert await both.device.rest() == [{"last": 1}]


async def test_the_devices_close_code_reaches_the_owner() -> None:
    seen: list[tuple[int, str]] = []
    closed = trio.Event()

    class Leaving(MemorySocket):
        async def receive(self) -> str:
            await self.leaving.wait()
            raise SocketClosed(1001, "going away")

        leaving = trio.Event()

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        try:
            await socket.receive()
        except SocketClosed as error:
            seen.append((error.code, error.reason))
            closed.set()

    device = Leaving()
    async with handed(serve, device) as both:
        device.leaving.set()
        await closed.wait()
        await both.ended.wait()
        assert seen == [(1001, "going away")]
        assert both.code == 1001


async def test_a_ping_of_the_owner_waits_for_the_devices_pong() -> None:
    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        async with trio.open_nursery() as nursery:

            async def ping() -> None:
                for _ in range(3):
                    await socket.ping()
                await socket.send('{"pinged":3}')
                nursery.cancel_scope.cancel()

            nursery.start_soon(ping)
            await socket.receive()

    async with handed(serve) as both:
        assert await both.device.hear() == {"pinged": 3}
        assert both.device.pings == 3


async def test_a_ping_without_an_answer_waits_and_holds_nothing_up(autojump_clock: MockClock) -> None:
    waited: list[bool] = []

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        for _ in range(3):
            with trio.move_on_after(5) as scope:
                await socket.ping()
            waited.append(scope.cancelled_caught)
        await socket.send(await socket.receive())

    async with handed(serve, MemorySocket(answers_pings=False)) as both:
        await both.device.say(still="here")
        assert await both.device.hear() == {"still": "here"}
        assert waited == [True] * 3
        assert both.device.pings == 1


async def test_a_device_that_does_not_read_stops_the_owner_at_a_bound() -> None:
    sent = 0

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        nonlocal sent
        while True:
            if socket.try_send(b"y" * 1000) is None:
                await socket.send("x" * 1000)
            sent += 1

    async with handed(serve, MemorySocket(capacity=0)) as both:
        await wait_all_tasks_blocked(0.01)
        assert 60 <= sent <= 70
        with trio.fail_after(30):
            while sent < 200:
                assert await both.device._from_server.receive() in {"x" * 1000, "y" * 1000}


async def test_an_owner_that_does_not_read_stops_the_device_and_still_gets_pongs() -> None:
    pinged = trio.Event()

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        await socket.ping()
        pinged.set()
        await trio.sleep_forever()

    device = MemorySocket()
    async with handed(serve, device):
        for _ in range(1000):
            await device.say_text("z" * 1000)
        await pinged.wait()
        await wait_all_tasks_blocked(0.01)
        assert device._from_peer.statistics().current_buffer_used >= 900


async def test_a_slow_device_is_closed_with_the_owners_code_though_frames_wait(autojump_clock: MockClock) -> None:
    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        with trio.move_on_after(5):
            while True:
                await socket.send("x" * 10_000)
        await socket.close(CloseCode.TOO_SLOW, "the client reads too slowly")

    async with handed(serve, MemorySocket(capacity=0)) as both:
        await both.ended.wait()
        assert both.code == CloseCode.TOO_SLOW
        assert both.device.closed_with == (CloseCode.TOO_SLOW, "the client reads too slowly")


async def test_the_device_of_an_owner_that_dies_may_reconnect() -> None:
    began = trio.Event()

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        began.set()
        await socket.receive()

    async with handed(serve) as both:
        await began.wait()
        both.owner_scope.cancel()
        await both.ended.wait()
        assert both.code == CloseCode.DRAINING
        assert both.device.closed_with is not None
        assert both.device.closed_with[0] == CloseCode.DRAINING


async def test_an_owner_whose_accepting_process_dies_loses_the_socket() -> None:
    codes: list[int] = []
    began, closed = trio.Event(), trio.Event()

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        began.set()
        for use in (socket.receive, socket.ping, socket.flush):
            with pytest.raises(SocketClosed) as lost:
                await use()
            codes.append(lost.value.code)
        with pytest.raises(SocketClosed):
            await socket.send("x")
        assert socket.try_send(b"x") is None
        await socket.close(1000, "")
        await socket.close(1000, "")
        closed.set()

    async with handed(serve) as both:
        await began.wait()
        both.scope.cancel()
        await closed.wait()
    assert codes == [1006] * 3
