"""A server that was frozen for over a minute: other servers treated it as gone, and devices moved away from it."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import trio
from cryptography.fernet import Fernet

from server.relay.messages import DeviceGoneMessage
from server.relay.store import _BATCH
from streaming.wire import CloseCode
from tests.server.relay.test_abandoned_calls import open_store, user
from tests.server.tessera import open_tessera


def forget(database: str, server_id: object) -> None:
    """What another server does with a server that sent no heartbeat for a minute."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM relay_workers WHERE worker_id = %s", [server_id])


async def test_a_device_that_moved_stays_where_it_is(database: str) -> None:
    key, device_id = Fernet.generate_key().decode(), uuid4()
    async with open_tessera(database, relay="true", master_keys=key) as frozen, open_store(database, key) as other:
        account = await frozen.account()
        async with frozen.device(account, device_id=device_id) as older:
            user_id = user(database)
            ((_, frozen_id, _),) = await other.devices(user_id)
            await other.join(user_id, device_id, uuid4())  # it reconnected; `Replaced` expired before it was taken
            forget(database, frozen_id)
            losses: list[object] = []

            async def note_loss() -> None:
                losses.append(await older.wait_closed())

            async with trio.open_nursery() as nursery:
                nursery.start_soon(note_loss)
                with trio.fail_after(20):
                    while not losses:
                        await other.heartbeat()
                        assert await other.devices(user_id) == [(device_id, other.server_id, True)]
                        await trio.sleep(0.05)
            assert getattr(losses[0], "code", None) == CloseCode.REPLACED
        await other.heartbeat()
        assert await other.devices(user_id) == [(device_id, other.server_id, True)]


async def test_a_device_comes_back_from_a_server_that_is_gone(database: str) -> None:
    key, device_id, session_id = Fernet.generate_key().decode(), uuid4(), uuid4()
    async with (
        open_tessera(database, relay="true", master_keys=key) as one,
        open_store(database, key) as frozen,
        open_store(database, key) as other,
    ):
        await one.account()
        user_id = user(database)
        await frozen.join(user_id, device_id, session_id)
        await other.join(user_id, device_id, uuid4())
        before = await frozen.join(user_id, device_id, uuid4(), take=False)
        assert before is not None
        assert (before[0], before[2]) == (other.server_id, True)
        assert not await frozen.rejoin(user_id, device_id, session_id)
        assert await frozen.devices(user_id) == [(device_id, other.server_id, True)]
        await other.leave()
        assert await frozen.rejoin(user_id, device_id, session_id)
        assert await frozen.devices(user_id) == [(device_id, frozen.server_id, True)]
        # A newer connection at the same server counts too.
        await frozen.join(user_id, device_id, uuid4())
        assert not await frozen.rejoin(user_id, device_id, session_id)


async def test_messages_are_taken_in_order_and_in_batches(database: str) -> None:
    key = Fernet.generate_key().decode()
    async with open_tessera(database, relay="true", master_keys=key) as one, open_store(database, key) as store:
        await one.account()
        user_id = user(database)
        sent = [DeviceGoneMessage(id=uuid4()) for _ in range(_BATCH + 5)]
        for message in sent:
            await store.send(user_id, store.server_id, message, 60)
        assert await store.waiting() == [user_id]
        first, more = await store.take(user_id)
        assert more
        rest, more = await store.take(user_id)
        assert not more
        assert [taken.message for taken in first + rest] == sent
        assert await store.waiting() == []
