"""Sockets handed to another process of the host: real Unix sockets, the device over memory channels or WebSockets."""

from __future__ import annotations

import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handed_socket import HandedSocket
from server.sockets.handover import Handover, NotServed
from server.sockets.openings import VerifiedDevice
from streaming.wire import PROTOCOL_VERSION, CloseCode, WsClientInfo, WsDeviceHello, WsResume
from tests.database import temporary_directory
from tests.server.memory_socket import MemorySocket

Serve = Callable[[DeviceSocket, VerifiedDevice], Awaitable[None]]
DEVICE = VerifiedDevice(
    user_id=uuid4(),
    expires_at=time.time() + 60,
    hello=WsDeviceHello(
        device_id=uuid4(),
        protocol_versions=[PROTOCOL_VERSION],
        client=WsClientInfo(name="test", version="1", platform="linux"),
        resume=WsResume(session_id=uuid4(), seq=7),
        features=["ledger"],
    ),
    peer="192.0.2.1:5000",
)


class Owning:
    """An `Owner` that serves every device with `serve`."""

    def __init__(self, serve: Serve, place: WsResume | Literal["busy"] | None = "busy") -> None:
        self._serve = serve
        self._place = place

    def release(self, device: VerifiedDevice) -> WsResume | Literal["busy"] | None:
        return self._place

    async def serve_handed(self, socket: HandedSocket, device: VerifiedDevice) -> None:
        await self._serve(socket, device)

    def running(self, user_id: UUID, request_id: UUID) -> None:
        return None


class Handed:
    """A device at one process, served by another one. `code` is what `hand_over` returned."""

    def __init__(self, device: MemorySocket) -> None:
        self.device = device
        self.code: int | NotServed | None = None
        self.ended = trio.Event()
        self.scope = trio.CancelScope()
        self.owner_scope = trio.CancelScope()


@asynccontextmanager
async def handed(serve: Serve, device: MemorySocket | None = None) -> AsyncIterator[Handed]:
    with temporary_directory() as folder:
        owner_id = uuid4()
        both = Handed(device or MemorySocket())

        async def own(task_status: trio.TaskStatus[None]) -> None:
            with both.owner_scope:
                await Handover(owner_id, folder).serve(Owning(serve), task_status=task_status)

        async def accept() -> None:
            with both.scope:
                both.code = await Handover(uuid4(), folder).hand_over(owner_id, both.device, DEVICE)
            both.ended.set()

        async with trio.open_nursery() as nursery:
            await nursery.start(own)
            nursery.start_soon(accept)
            yield both
            nursery.cancel_scope.cancel()


async def echo(socket: DeviceSocket, device: VerifiedDevice) -> None:
    assert device == DEVICE
    assert socket.peer == DEVICE.peer
    assert socket.bearer_token is None
    try:
        while True:
            text = await socket.receive()
            if text == "close":
                await socket.close(CloseCode.TOKEN_EXPIRED, "the token has expired")
                return
            await socket.send(text)
    except SocketClosed:
        return


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
            if not socket.try_send(b"y" * 1000):
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
        assert not socket.try_send(b"x")
        await socket.close(1000, "")
        await socket.close(1000, "")
        closed.set()

    async with handed(serve) as both:
        await began.wait()
        both.scope.cancel()
        await closed.wait()
    assert codes == [1006] * 3


async def test_a_server_that_is_not_on_this_host_takes_nothing() -> None:
    with temporary_directory() as folder:
        device = MemorySocket()
        await device.say(still="unread")
        assert await Handover(uuid4(), folder).hand_over(uuid4(), device, DEVICE) == NotServed(reached=False)
        assert await device.receive() == '{"still": "unread"}'
        assert device.closed_with is None


async def test_a_dead_server_s_file_takes_nothing() -> None:
    with temporary_directory() as folder:
        dead = uuid4()
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listener.bind(str(folder / f"{dead.hex[:16]}.sock"))
        listener.close()
        assert await Handover(uuid4(), folder).hand_over(dead, MemorySocket(), DEVICE) == NotServed(reached=False)


async def test_a_server_that_hangs_takes_nothing(autojump_clock: MockClock) -> None:
    with temporary_directory() as folder:
        hanging = uuid4()
        with trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM) as listener:
            await listener.bind(str(folder / f"{hanging.hex[:16]}.sock"))
            listener.listen(1)
            assert await Handover(uuid4(), folder).hand_over(hanging, MemorySocket(), DEVICE) == NotServed(
                reached=False
            )


@pytest.mark.parametrize("identity", [b"", b"\x00\x00", b"\x00\x00\x00\x02{}", b"\xff\xff\xff\xff" + b"x" * 70_000])
async def test_something_that_is_no_identity_is_refused_and_ends_nothing(identity: bytes) -> None:
    served: list[UUID] = []

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        served.append(device.hello.device_id)

    with temporary_directory() as folder:
        owner_id = uuid4()
        async with trio.open_nursery() as nursery:
            await nursery.start(Handover(owner_id, folder).serve, Owning(serve))
            path = folder / f"{owner_id.hex[:16]}.sock"
            assert stat.S_ISSOCK(path.stat().st_mode)
            async with await trio.open_unix_socket(str(path)) as stream:
                try:
                    await stream.send_all(identity)
                    await stream.send_eof()
                    assert await stream.receive_some() == b""
                except trio.BrokenResourceError:
                    pass  # it closed while the bytes were on the way
            assert served == []
            await Handover(uuid4(), folder).hand_over(owner_id, MemorySocket(), DEVICE)
            assert served == [DEVICE.hello.device_id]
            nursery.cancel_scope.cancel()
        assert not path.exists()


@pytest.mark.parametrize("says", [b"", b"\x00"])
async def test_a_device_that_waits_no_more_is_not_served(says: bytes) -> None:
    """Such as one that was offered to a frozen process, and went on elsewhere."""
    ended = trio.Event()

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        raise AssertionError("it went on elsewhere")

    with temporary_directory() as folder:
        owner_id = uuid4()
        async with trio.open_nursery() as nursery:
            await nursery.start(Handover(owner_id, folder).serve, Owning(serve))
            async with await trio.open_unix_socket(str(folder / f"{owner_id.hex[:16]}.sock")) as stream:
                opening = DEVICE.model_dump_json().encode()
                await stream.send_all(len(opening).to_bytes(4, "big") + opening)
                assert len(await stream.receive_some()) == 25
                if says:
                    await stream.send_all(says)
                else:
                    await stream.send_eof()
                assert await stream.receive_some() == b""
                ended.set()
            nursery.cancel_scope.cancel()
    assert ended.is_set()


@pytest.mark.parametrize("place", [None, WsResume(session_id=uuid4(), seq=41)])
async def test_an_idle_session_is_not_served_and_its_place_is_told(place: WsResume | None) -> None:
    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        raise AssertionError("the session has moved")

    with temporary_directory() as folder:
        owner_id = uuid4()
        async with trio.open_nursery() as nursery:
            await nursery.start(Handover(owner_id, folder).serve, Owning(serve, place))
            device = MemorySocket()
            await device.say(still="unread")
            outcome = await Handover(uuid4(), folder).hand_over(owner_id, device, DEVICE)
            assert outcome == NotServed(reached=True, go_on=place)
            assert await device.receive() == '{"still": "unread"}'
            nursery.cancel_scope.cancel()


async def test_a_process_that_stops_tells_the_other_one_and_closes_what_is_left() -> None:
    waited: list[int] = []

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        assert isinstance(socket, HandedSocket)
        waited.append(await socket.draining())
        await trio.sleep_forever()

    with temporary_directory() as folder:
        owner_id, accepting, device = uuid4(), Handover(uuid4(), folder), MemorySocket()
        async with trio.open_nursery() as nursery:
            await nursery.start(Handover(owner_id, folder).serve, Owning(serve))
            nursery.start_soon(accepting.hand_over, owner_id, device, DEVICE)
            await wait_all_tasks_blocked(0.01)
            accepting.drain(500)
            await wait_all_tasks_blocked(0.01)
            assert 0 <= waited[0] < 500
            accepting.close_all()
            await wait_all_tasks_blocked(0.01)
            assert device.closed_with is not None
            assert device.closed_with[0] == CloseCode.DRAINING
            nursery.cancel_scope.cancel()


async def test_a_fault_in_the_service_ends_only_its_socket() -> None:
    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        if await socket.receive() == '{"fault": 1}':
            raise RuntimeError("a bug")
        await socket.close(1000, "fine")

    with temporary_directory() as folder:
        owner_id, accepting = uuid4(), Handover(uuid4(), folder)
        async with trio.open_nursery() as nursery:
            await nursery.start(Handover(owner_id, folder).serve, Owning(serve))
            for fault, code in ((1, CloseCode.DRAINING), (0, 1000)):
                device = MemorySocket()
                await device.say(fault=fault)
                assert await accepting.hand_over(owner_id, device, DEVICE) == code
            nursery.cancel_scope.cancel()
