"""Abandoned calls: a server that does not take them, takes them late, or was stopped; and concurrent joins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import trio
from cryptography.fernet import Fernet
from trio.testing import MockClock

from client.terminal.device import open_device
from memory.keys.master import KeyRing
from server.presence import STALE_S
from server.relay.messages import SEAL_LABEL, ForDevice, Seal
from server.relay.store import RelayStore
from sql.pool import open_pool
from sql.statements import Statements
from sql.tenant import configure_server
from streaming.wire import WsToolCall
from tests.server.relay.test_two_servers import asking_for, chat, results
from tests.server.tessera import Tessera, open_tessera


@asynccontextmanager
async def open_store(database: str, key: str) -> AsyncIterator[RelayStore]:
    """A server that is in the tables but takes no message."""
    async with open_pool(database, max_size=4, configure=configure_server) as pool:
        store = RelayStore(pool, Statements.load(), Seal(KeyRing([key]).derive(SEAL_LABEL)), stale_s=STALE_S)
        await store.heartbeat()
        yield store


def user(database: str) -> UUID:
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute("SELECT user_id FROM users").fetchone()
    assert row is not None
    message_id = row[0]
    assert isinstance(message_id, UUID)
    return message_id


@asynccontextmanager
async def asked_of_a_stopped_server(database: str, **settings: Any) -> AsyncIterator[tuple[Tessera, Any, RelayStore]]:
    key = Fernet.generate_key().decode()
    async with (
        open_tessera(database, relay="true", master_keys=key, **settings) as one,
        open_store(database, key) as stopped,
    ):
        account = await one.account()
        one.script(asking_for("list_tasks", {}))
        await stopped.join(user(database), uuid4(), uuid4())
        yield one, account, stopped


async def waiting(store: RelayStore) -> list[UUID]:
    with trio.fail_after(60):
        while not (found := await store.waiting()):  # noqa: ASYNC110 - nothing in this process says so
            await trio.sleep(0.01)
    return found


async def nothing_waits(store: RelayStore) -> None:
    with trio.fail_after(25):  # less than the 30 s after which a call's message expires
        while await store.waiting():  # noqa: ASYNC110 - nothing in this process says so
            await trio.sleep(0.01)


async def test_a_stopped_server_that_resumes_does_not_find_an_abandoned_call(database: str) -> None:
    async with asked_of_a_stopped_server(database) as (one, account, stopped):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chat, one, account)
            (user_id,) = await waiting(stopped)
            await stopped.leave()  # as if it had missed its heartbeats
        assert "device_gone" in results(one)[0]
        # Long before the call's own deadline of 30 s.
        await nothing_waits(stopped)
        assert await stopped.take(user_id) == ([], False)


async def test_a_call_withdrawn_before_it_was_taken_leaves_nothing(database: str) -> None:
    async with asked_of_a_stopped_server(database) as (one, account, stopped):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chat, one, account)
            await waiting(stopped)
            nursery.cancel_scope.cancel()
        await nothing_waits(stopped)


async def test_a_server_that_takes_a_call_late_gets_the_rest_of_its_time(database: str, jump_clock: MockClock) -> None:
    began: list[WsToolCall] = []
    running, ended = trio.Event(), trio.Event()

    async def delete_task(args: Mapping[str, Any]) -> Any:
        running.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async def approve(call: WsToolCall) -> bool:
        began.append(call)
        return True

    key, device_id = Fernet.generate_key().decode(), uuid4()
    async with open_tessera(database, relay="true", master_keys=key) as one, open_store(database, key) as gone:
        account = await one.account()
        async with open_device(
            one.ws_url,
            account.access_token,
            device_id=device_id,
            tools={"delete_task": delete_task},
            on_approval=approve,
        ):
            user_id = user(database)
            ((_, server_id, _),) = await gone.devices(user_id)
            frame = WsToolCall(
                call_id=uuid4(),
                request_id=uuid4(),
                tool="delete_task",
                args={"id": "t1"},
                deadline_ms=30_000,
                requires_approval=True,
            )
            asked = ForDevice(device_id=device_id, asker=gone.server_id, within_s=30, frame=frame)
            await gone.send(user_id, server_id, asked, 20.0, frame.call_id)
            await running.wait()
            jump_clock.jump(20.1)
            with trio.fail_after(60):
                await ended.wait()
    assert 0 < began[0].deadline_ms <= 20_000


async def test_a_message_is_taken_with_the_rest_of_its_time(database: str) -> None:
    key = Fernet.generate_key().decode()
    async with open_tessera(database, relay="true", master_keys=key) as one, open_store(database, key) as store:
        await one.account()
        user_id, message_id = user(database), uuid4()
        frame = WsToolCall(
            call_id=message_id, request_id=uuid4(), tool="t", args={}, deadline_ms=9, requires_approval=False
        )
        message = ForDevice(device_id=uuid4(), asker=uuid4(), within_s=9, frame=frame)
        await store.send(user_id, store.server_id, message, 5, message_id)
        (taken,), more = await store.take(user_id)
        assert taken.message == message
        assert 0 < taken.left_s <= 5
        assert not more
        await store.send(user_id, store.server_id, message, -0.001, message_id)
        assert await store.take(user_id) == ([], False)
        assert not await store.withdraw(user_id, message_id), "it had expired, and was removed"
        await store.send(user_id, store.server_id, message, 5, message_id)
        assert await store.withdraw(user_id, message_id)
        assert not await store.withdraw(user_id, message_id)
        assert await store.take(user_id) == ([], False)


async def test_the_later_of_two_concurrent_first_sessions_learns_of_the_earlier_one(database: str) -> None:
    key = Fernet.generate_key().decode()
    async with (
        open_tessera(database, relay="true", master_keys=key) as one,
        open_store(database, key) as left,
        open_store(database, key) as right,
    ):
        await one.account()
        user_id = user(database)
        for _ in range(20):
            device_id = uuid4()
            before: list[tuple[UUID, UUID] | None] = []

            async def join(store: RelayStore, device_id: UUID = device_id, before: list[Any] = before) -> None:
                before.append(await store.join(user_id, device_id, uuid4()))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(join, left)
                nursery.start_soon(join, right)
            assert before.count(None) == 1
