"""A handshake that waits too long, or whose database is away, is refused with 1013: the device may try again later."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from trio.testing import MockClock

from client.terminal.connection import ConnectionLostError
from server.accounts.credentials import AuthenticatedUser
from server.accounts.identity_provider import ProviderUnavailable
from server.sockets import handshake
from server.sockets.gate import DeviceGate
from server.sockets.handshake import WORK_S
from server.sockets.handshake_limit import HandshakeLimit
from sql.pool import PoolTimeout
from tests.server.memory_server import MemoryServer, hello, memory_server, wall_clock
from tests.server.memory_socket import MemorySocket
from tests.server.tessera import open_tessera


class FailingAccess:
    """Answers token checks as `act` does. `most` is the largest number of checks at the same time."""

    def __init__(self, stack: MemoryServer, act: Callable[[], Any]) -> None:
        self._stack = stack
        self._act = act
        self._now = 0
        self.most = 0

    async def authenticate(self, token: str, device_id: UUID | None = None) -> AuthenticatedUser:
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self._act()
        finally:
            self._now -= 1
        return await self._stack.tokens.authenticate(token, device_id)


async def nothing() -> None:
    await trio.lowlevel.checkpoint()


def failing(error: BaseException) -> Callable[[], Any]:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise error

    return fail


def gate_of(stack: MemoryServer, access: FailingAccess, places: int = 8, others: Any = None) -> DeviceGate:
    stack.registry.others = others
    return DeviceGate(
        sessions=stack.sessions,
        registry=stack.registry,
        access=access,
        metrics=stack.metrics,
        hello_timeout_s=10,
        wall_clock=wall_clock,
        handshakes=HandshakeLimit(places, 100),
        holding_key=lambda _: nullcontext(),
    )


async def closed_with(gate: DeviceGate, stack: MemoryServer) -> tuple[int, str] | None:
    socket = MemorySocket()
    await socket.say_text(json.dumps(hello(stack.token())))
    await gate.serve(socket)
    return socket.closed_with


BUSY = (1013, "the server is busy: try again later")
FAULT = (1011, "the server failed; the fault is logged")
AWAY: list[tuple[Exception, tuple[int, str]]] = [
    (PoolTimeout("no connection within 5 s: 10 of 10 in use"), BUSY),
    (psycopg.OperationalError("connection lost"), BUSY),
    (psycopg.errors.AdminShutdown("the database stops"), BUSY),
    (trio.TooSlowError(), BUSY),
    (ProviderUnavailable(), BUSY),
    (ExceptionGroup("two", [PoolTimeout("none"), psycopg.OperationalError("lost")]), BUSY),
    (ExceptionGroup("two", [PoolTimeout("none"), ValueError("a fault")]), FAULT),
    (psycopg.errors.UndefinedTable("no such table"), FAULT),
    (ValueError("a fault"), FAULT),
]


@pytest.mark.parametrize(("error", "closed"), AWAY)
@pytest.mark.parametrize("where", ["token", "join", "attach"])
async def test_only_a_fault_of_the_server_is_called_one(
    error: Exception, closed: tuple[int, str], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, parted = memory_server(), []

    class Others:
        async def connected(self, user_id: UUID) -> set[UUID]:
            await trio.lowlevel.checkpoint()
            return set()

        async def joined(self, *_: object, **__: object) -> None:
            await (failing(error) if where == "join" else nothing)()

        def parted(self, user_id: UUID, device_id: UUID, connection_id: UUID) -> None:
            parted.append(connection_id)

    gate = gate_of(stack, FailingAccess(stack, failing(error) if where == "token" else nothing), others=Others())
    if where == "attach":

        async def read(*_: object) -> None:
            await failing(error)()

        monkeypatch.setattr(stack.sessions, "_read", read)
    assert await closed_with(gate, stack) == closed
    # A connection that other servers may know is withdrawn.
    assert len(parted) == (where != "token")


async def test_a_handshake_that_waits_too_long_for_the_database_is_refused(autojump_clock: MockClock) -> None:
    stack = memory_server()
    access = FailingAccess(stack, trio.sleep_forever)
    began = trio.current_time()
    assert await closed_with(gate_of(stack, access), stack) == BUSY
    assert trio.current_time() - began == WORK_S


async def test_checks_wait_for_a_place_and_those_that_get_none_in_time_are_refused(autojump_clock: MockClock) -> None:
    stack = memory_server()
    access = FailingAccess(stack, trio.sleep_forever)
    gate = gate_of(stack, access, places=2)
    closed = []

    async def come() -> None:
        closed.append(await closed_with(gate, stack))

    async with trio.open_nursery() as nursery:
        for _ in range(7):
            nursery.start_soon(come)
    assert closed == [BUSY] * 7
    assert access.most == 2
    assert gate.handshakes.waiting == 0
    access._act = nothing
    # The places are free again: the next device gets in.
    socket = MemorySocket()
    await socket.say_text(json.dumps(hello(stack.token())))
    async with stack.running(), trio.open_nursery() as nursery:
        nursery.start_soon(gate.serve, socket)
        assert (await socket.hear())["type"] == "device_ready"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("table", ["users", "devices"])
async def test_a_locked_table_refuses_devices_and_they_get_in_later(
    database: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_tessera(database) as tessera:
        account, device_id = await tessera.account(), uuid4()
        async with tessera.device(account, device_id=device_id):
            pass
        monkeypatch.setattr(handshake, "WORK_S", 0.1)
        with psycopg.connect(database) as owner:
            owner.execute(f"LOCK TABLE {table}")
            with pytest.raises(ConnectionLostError) as refused:
                async with tessera.device(account, device_id=device_id):
                    pass
        assert (refused.value.code, refused.value.reason) == BUSY
        monkeypatch.setattr(handshake, "WORK_S", 60.0)
        async with tessera.device(account, device_id=device_id) as device:
            assert device.ready.resume == "new"
