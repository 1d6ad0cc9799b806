"""A process that serves no socket: it is gone, hangs, stops or fails, or its session is idle."""

from __future__ import annotations

import stat
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.sockets.device_socket import DeviceSocket
from server.sockets.handed_socket import HandedSocket
from server.sockets.handover import Handover, NotServed
from server.sockets.openings import VerifiedDevice
from streaming.wire import CloseCode, WsResume
from tests.database import temporary_directory
from tests.server.memory_socket import MemorySocket
from tests.server.sockets.handed_over import DEVICE, Owning


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
