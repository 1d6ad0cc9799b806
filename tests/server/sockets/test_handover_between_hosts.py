"""Sockets handed to a server of another host: two relays over one database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import psycopg
import trio
from cryptography.fernet import Fernet

from memory.keys.master import KeyRing
from server.devices import DeviceRegistry
from server.presence import STALE_S
from server.relay.messages import SEAL_LABEL, Seal
from server.relay.relay import Relay
from server.relay.store import RelayStore
from server.sockets.device_socket import DeviceSocket, SocketClosed
from server.sockets.handed_socket import PacedSocket
from server.sockets.handover import Handover, NotServed
from server.sockets.openings import VerifiedDevice
from sql.pool import open_pool
from sql.statements import Statements
from sql.tenant import configure_server
from streaming.wire import CloseCode
from streaming.wire.stream_text import TextFrames
from tests.server.memory_socket import MemorySocket
from tests.server.relay.test_two_servers import until
from tests.server.sockets.handed_over import DEVICE, Owning, Serve

STATEMENTS = Statements.load()


@asynccontextmanager
async def two_hosts(database: str, serve: Serve) -> AsyncIterator[tuple[Handover, Relay, VerifiedDevice]]:
    """The handover of one server, and the relay of the other one, which serves with `serve`."""
    user_id = uuid4()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (user_id, email, password_hash) VALUES (%s, %s, 'x')",
            [user_id, f"{user_id}@example.com"],
        )
    key = Fernet.generate_key().decode()
    pools = [open_pool(database, max_size=4, configure=configure_server) for _ in range(2)]
    async with pools[0] as near, pools[1] as far, trio.open_nursery() as nursery:
        relays = []
        for pool in (near, far):
            store = RelayStore(pool, STATEMENTS, Seal(KeyRing([key]).derive(SEAL_LABEL)), stale_s=STALE_S)
            relay = Relay(store, DeviceRegistry(), database, call_s=30)
            await nursery.start(relay.run)
            relays.append(relay)
        one, other = relays
        await nursery.start(Handover(other.server_id, None, other.streams).serve, Owning(serve))
        yield Handover(one.server_id, None, one.streams), other, described(user_id)
        nursery.cancel_scope.cancel()


def described(user_id: UUID) -> VerifiedDevice:
    return DEVICE.model_copy(update={"user_id": user_id})


async def test_frames_pings_and_close_codes_pass_through_the_database(database: str) -> None:
    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        async with trio.open_nursery() as nursery:

            async def ping() -> None:
                await socket.ping()
                await socket.close(CloseCode.TOKEN_EXPIRED, "the token has expired")
                nursery.cancel_scope.cancel()

            await socket.send(await socket.receive())
            nursery.start_soon(ping)
            await socket.receive()

    async with two_hosts(database, serve) as (handover, other, device):
        socket = MemorySocket()
        await socket.say(hello="there", text="ü" * 100_000)
        assert await handover.hand_over(other.server_id, socket, device) == CloseCode.TOKEN_EXPIRED
        assert socket.pings == 1
        assert socket.closed_with == (CloseCode.TOKEN_EXPIRED, "the token has expired")
        assert [frame["hello"] for frame in await socket.rest()] == ["there"]
        await until(lambda: len(other.streams) == 0)


async def test_text_leaves_four_times_a_second_and_other_frames_together(database: str) -> None:
    texts = TextFrames(uuid4())
    took: list[float] = []

    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        assert isinstance(socket, PacedSocket)
        assert socket.try_send(texts.frame(0, "x").to_json(1)) is None
        began = trio.current_time()
        for number in range(100):
            await socket.send(f'{{"type":"whole","number":{number}}}')
        took.append(trio.current_time() - began)
        began = trio.current_time()
        for number in range(5):
            await socket.send(texts.frame(0, "x").to_json(number).decode())
        took.append(trio.current_time() - began)
        await socket.close(1000, "")

    async with two_hosts(database, serve) as (handover, other, device):
        socket = MemorySocket()
        assert await handover.hand_over(other.server_id, socket, device) == 1000
        frames = await socket.rest()
        assert [frame["number"] for frame in frames[:100]] == list(range(100))
        assert [frame["type"] for frame in frames[100:]] == ["stream_text"] * 5
        assert took[0] < took[1]
        assert took[1] >= 1.0  # five frames, a quarter of a second apart


async def test_a_server_that_does_not_run_takes_nothing(database: str) -> None:
    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        raise AssertionError("nobody hands anything over")

    async with two_hosts(database, serve) as (handover, _, device):
        socket = MemorySocket()
        await socket.say(still="unread")
        assert await handover.hand_over(uuid4(), socket, device) == NotServed(reached=False)
        assert await socket.receive() == '{"still": "unread"}'


async def test_the_device_of_a_server_that_leaves_may_reconnect(database: str) -> None:
    async def serve(socket: DeviceSocket, device: VerifiedDevice) -> None:
        await socket.send('{"begun":1}')
        try:
            await socket.receive()
        except SocketClosed:
            return

    async with two_hosts(database, serve) as (handover, other, device):
        socket = MemorySocket()

        async def leave() -> None:
            await socket.hear()
            other._expire_at = float("inf")
            other._store.server_id, gone = uuid4(), other.server_id  # its heartbeats count for another server
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("DELETE FROM relay_workers WHERE worker_id = %s", [gone])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            assert await handover.hand_over(other.server_id, socket, device) == CloseCode.DRAINING
        assert socket.closed_with is not None
        assert socket.closed_with[0] == CloseCode.DRAINING
