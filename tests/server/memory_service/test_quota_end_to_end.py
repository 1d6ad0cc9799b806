"""A full quota over a real socket: the product answers, says what it did not store, and refuses new devices."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from client.terminal.connection import ConnectionLostError
from streaming.wire import WsError, WsMutationAck
from tests.server.tessera import open_tessera, text_block


async def test_an_answer_whose_exchange_does_not_fit_is_complete_and_says_so(database: str) -> None:
    async with open_tessera(database, max_memories_per_user=1) as tessera:
        tessera.script(lambda _: text_block("Well", "."))
        account = await tessera.account()
        async with tessera.device(account) as device, httpx.AsyncClient(base_url=tessera.rest_url) as rest:
            first, second = [await (await device.home(f"I like tea {n}")).finish() for n in (1, 2)]
            assert first.status == second.status == "completed"
            assert first.not_stored is None
            assert second.not_stored is not None
            assert (second.not_stored.code, second.not_stored.retryable) == ("quota_reached", False)
            assert "stores 1 memories; the limit is 1" in second.not_stored.message
            # The kept answer says so too, and an answer over REST.
            headers = {"Authorization": f"Bearer {account.access_token}", "Accept": "application/json"}
            kept = await rest.get(f"/api/v1/requests/{second.request_id}", headers=headers)
            assert kept.json()["not_stored"]["code"] == "quota_reached"
            third = await rest.post("/api/v1/chat", json={"mode": "home", "message": "and more"}, headers=headers)
            assert third.json()["not_stored"]["code"] == "quota_reached"
            exported = await rest.get("/api/v1/memory", headers=headers)
            assert "I like tea 1" in exported.text
            assert "I like tea 2" not in exported.text


async def test_a_change_that_does_not_fit_is_refused_and_a_deletion_makes_room(database: str) -> None:
    async with open_tessera(database, max_memories_per_user=1) as tessera, tessera.device() as device:
        first, second, third = uuid4(), uuid4(), uuid4()
        await device.mutate("create", "task", "t1", {"title": "Buy tea"}, mutation_id=first)
        assert isinstance(await device.receive(), WsMutationAck)
        # A refusal needs a count, which the first change began. An unknown amount is not refused.
        frame = None
        while not isinstance(frame, WsError):
            await device.mutate("update", "task", "t1", {"title": "Buy milk"}, mutation_id=second)
            frame = await device.receive()
        assert (frame.code, frame.retryable, frame.mutation_id) == ("invalid_frame", False, second)
        await device.mutate("delete", "task", "t1", mutation_id=third)
        acknowledged = await device.receive()
        assert isinstance(acknowledged, WsMutationAck)
        assert acknowledged.mutation_id == third
        await device.mutate("create", "task", "t2", {"title": "Buy bread"}, mutation_id=uuid4())
        assert isinstance(await device.receive(), WsMutationAck)


async def test_a_new_device_over_the_quota_is_refused_until_one_is_revoked(database: str) -> None:
    async with open_tessera(database, max_devices_per_user=1) as tessera:
        account, known = await tessera.account(), uuid4()
        async with tessera.device(account, device_id=known):
            pass
        with pytest.raises(ConnectionLostError) as lost:
            async with tessera.device(account):
                pass
        assert lost.value.code == 4512
        async with tessera.device(account, device_id=known), httpx.AsyncClient(base_url=tessera.rest_url) as rest:
            headers = {"Authorization": f"Bearer {account.access_token}"}
            assert (await rest.delete(f"/api/v1/devices/{known}", headers=headers)).status_code == 200
