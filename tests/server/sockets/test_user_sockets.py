"""The sockets and the bytes of one user, over all their devices."""

from __future__ import annotations

import json
from contextlib import ExitStack, nullcontext
from uuid import UUID, uuid4

import pytest
import trio
from cryptography.fernet import Fernet
from trio.testing import MockClock, wait_all_tasks_blocked

from client.terminal.connection import ConnectionLostError
from server.net import TokenBucket
from server.sessions.control_queue import MAX_BYTES, ControlQueue
from server.sessions.outbox import OutboxOverflow
from server.shared_limits import OwnLimit, Rate
from server.sockets.gate import DeviceGate
from server.sockets.handshake import HandshakeFailed
from server.sockets.handshake_limit import HandshakeLimit
from server.sockets.user_sockets import BytesIn, UserSockets
from streaming.wire import WsPong, WsServerMutation
from tests.server.memory_server import hello, memory_server, wall_clock
from tests.server.sessions.outbox_session import Session
from tests.server.tessera import open_tessera

ANN, BEN = uuid4(), uuid4()


def mutation(size: int) -> WsServerMutation:
    return WsServerMutation(op="update", entity="task", id="t1", data={"title": "x" * size})


def test_a_user_has_a_limit_of_devices_and_others_are_not_concerned() -> None:
    users, device = UserSockets(2), uuid4()
    with ExitStack() as opened:
        for device_id in (device, uuid4(), device):  # a device that connects again takes no place
            opened.enter_context(users.open(ANN, device_id))
        with pytest.raises(HandshakeFailed, match="2 devices of this account are connected; the limit is 2") as refused:
            opened.enter_context(users.open(ANN, uuid4()))
        assert refused.value.code == 4511
        opened.enter_context(users.open(BEN, uuid4()))
    assert len(users) == 0


def test_bytes_that_were_sent_are_owed() -> None:
    bucket = TokenBucket(100, 1000)
    assert bucket.spend(1000, 0) == 0
    assert bucket.spend(500, 0) == 5
    assert bucket.spend(0, 4) == 1
    assert bucket.spend(0, 6) == 0


@pytest.mark.parametrize("relay", [False, True])
async def test_devices_are_counted_over_all_servers(database: str, relay: bool) -> None:
    settings = {"max_sockets_per_user": 2, "master_keys": Fernet.generate_key().decode(), "relay": str(relay).lower()}
    async with open_tessera(database, **settings) as one, open_tessera(database, **settings) as two:
        account, other = await one.account(), two if relay else one
        async with one.device(account), other.device(account):
            with pytest.raises(ConnectionLostError) as lost:
                async with one.device(account):
                    pass
            assert lost.value.code == 4511
            async with one.device(await one.account()):
                pass
        async with other.device(account):
            pass


async def test_a_user_who_sends_many_bytes_is_read_more_slowly_and_loses_no_frame(autojump_clock: MockClock) -> None:
    stack = memory_server()
    stack.bytes_in = BytesIn(OwnLimit(Rate("bytes_in", 10_000, 10_000)), stack.user_id)
    async with stack.device() as socket:
        began = trio.current_time()
        for _ in range(3):
            await socket.say(type="ping", padding="x" * 30_000)
        for _ in range(3):
            assert (await socket.hear())["type"] == "pong"
        assert 5 <= trio.current_time() - began < 11
        await wait_all_tasks_blocked()


async def spent(sent: BytesIn, size: int) -> float:
    """How long the socket is not read after `size` bytes."""
    return await sent.spend() if sent.count(size) else 0.0


async def test_a_user_who_connects_again_gets_no_new_burst_of_bytes(autojump_clock: MockClock) -> None:
    users = UserSockets(2, bytes_per_s=10_000, bytes_burst=100_000)
    for owed_s in (0, 10, 20):
        with users.open(ANN, uuid4()):
            assert await spent(users.bytes_in(ANN), 100_000) == owed_s
    assert await spent(users.bytes_in(BEN), 100_000) == 0


async def test_small_frames_are_counted_together(autojump_clock: MockClock) -> None:
    users = UserSockets(2, bytes_per_s=1_000, bytes_burst=1_000)
    sent = users.bytes_in(ANN)
    waits = [await spent(sent, 1_000) for _ in range(17)]
    assert waits == [0] * 16 + [16]


def test_queued_control_frames_are_bounded_in_bytes() -> None:
    queue = ControlQueue()
    assert queue.append(mutation(MAX_BYTES * 2), 1024)  # one frame always fits
    assert not queue.append(WsPong(), 1024)
    queue.pop()
    assert queue.bytes == 0
    frames = [mutation(MAX_BYTES // 4) for _ in range(3)]
    for frame in frames:
        assert queue.append(frame, 1024)
    queue.put_first([WsPong()])
    assert not queue.append(mutation(MAX_BYTES // 4), 1024)
    queue.remove(frames[1])
    assert [type(frame).__name__ for frame in queue] == ["WsPong", "WsServerMutation", "WsServerMutation"]
    assert queue.append(mutation(MAX_BYTES // 4), 1024)
    queue.keep([])
    assert (len(queue), queue.bytes) == (0, 0)


async def test_a_device_that_does_not_read_holds_few_megabytes() -> None:
    session = Session()
    for _ in range(3):
        session.outbox.put_control(mutation(1 << 20))
    with pytest.raises(OutboxOverflow):
        session.outbox.put_control(mutation(1 << 20))
    assert session.outbox._control.bytes <= MAX_BYTES


class RefusedSocket:
    """A socket that sends `hello`, and records when it was closed, and with which code."""

    peer = "203.0.113.7:4711"
    bearer_token = None

    def __init__(self, hello: str) -> None:
        self.closed: tuple[float, int] | None = None
        self._hello = hello

    async def receive(self) -> str:
        await trio.lowlevel.checkpoint()
        return self._hello

    async def close(self, code: int, reason: str) -> None:
        self.closed = trio.current_time(), code


async def test_a_user_who_connects_again_and_again_over_the_limit_waits_for_the_refusal(
    autojump_clock: MockClock,
) -> None:
    stack, users = memory_server(), UserSockets(1)
    gate = DeviceGate(
        sessions=stack.sessions,
        registry=stack.registry,
        access=stack.tokens,
        metrics=stack.metrics,
        hello_timeout_s=10,
        wall_clock=wall_clock,
        handshakes=HandshakeLimit(8, 8),
        holding_key=lambda _: nullcontext(),
        users=users,
    )

    async def refused_after_s(user_id: UUID) -> float:
        began, socket = trio.current_time(), RefusedSocket(json.dumps(hello(stack.tokens.issue(user_id)[0])))
        await gate.serve(socket)  # type: ignore[arg-type]  # it is only read and closed
        assert socket.closed is not None
        assert socket.closed[1] == 4511
        return socket.closed[0] - began

    with users.open(ANN, uuid4()), users.open(BEN, uuid4()):
        assert [await refused_after_s(ANN) for _ in range(6)] == [0, 0, 0, 0, 0, 5]
        assert await refused_after_s(BEN) == 0
        # A server that stops does not wait.
        async with trio.open_nursery() as nursery:
            for _ in range(9):
                nursery.start_soon(refused_after_s, ANN)
            await wait_all_tasks_blocked()
            stopped = trio.current_time()
            gate.drain()
        assert trio.current_time() == stopped
