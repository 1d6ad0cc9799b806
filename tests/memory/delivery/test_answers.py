"""Kept requests: one admission per id, results that only the user's key decrypts, and what erasing and rotating do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal
from uuid import UUID, uuid4

import psycopg
import pytest
import trio

from memory.delivery.answers import MAX_RESULT_BYTES, KeptAnswers
from memory.delivery.devices import ClientRecord, DeviceRecords
from memory.keys.master import new_master_key
from memory.maintenance.expiry import Expiry
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.memory.memories import STATEMENTS, Memories

SERVER, DEVICE = UUID(int=1), UUID(int=2)
RESULT = {"status": "completed", "blocks": [{"block": 0, "content": "Pay the rent."}]}


class Requests:
    """The kept answers of one person, with fixed values for everything that a test does not check."""

    def __init__(self, memories: Memories, user_id: UUID) -> None:
        self.answers = KeptAnswers(memories.vault)
        self.user_id = user_id
        self.id = uuid4()

    async def claim(self, claim: UUID, *, digest: str = "asked", ttl_s: float = 60.0) -> bool:
        running = await self.answers.claim(self.user_id, self.id, claim, SERVER, DEVICE, digest, ttl_s)
        return running is not None

    async def end(
        self, claim: UUID, *, result: object = RESULT, ttl_s: float = 60.0, changed: bool = False
    ) -> Literal["kept", "too_large", "gone"]:
        assert isinstance(result, dict)
        end = partial(self.answers.end, self.user_id, self.id, claim, "completed")
        return await end(changed=changed, digest="asked", result=result, ttl_s=ttl_s)


async def opened(pool: Pool) -> tuple[Memories, Requests]:
    memories = Memories(pool)
    return memories, Requests(memories, await memories.person())


async def test_an_id_is_admitted_once_and_its_result_is_read_back(pool: Pool) -> None:
    memories, requests = await opened(pool)
    claim = uuid4()
    assert await requests.claim(claim)
    assert await requests.claim(claim), "the same admission, repeated after a lost connection"
    assert not await requests.claim(uuid4())
    running = await requests.answers.read(requests.user_id, requests.id)
    assert running is not None
    assert (running.state, running.server_id, running.device_id, running.changed) == ("running", SERVER, DEVICE, False)
    assert (running.digest, running.result) == ("asked", None)
    assert await requests.answers.changing(requests.user_id, requests.id, claim)
    assert await requests.end(claim) == "kept"
    assert not await requests.claim(uuid4())
    ended = await requests.answers.read(requests.user_id, requests.id)
    assert ended is not None
    assert (ended.state, ended.changed, ended.digest, ended.result) == ("completed", True, "asked", RESULT)
    devices, client = DeviceRecords(memories.vault), ClientRecord("t", "1", "terminal")
    record = await devices.connect(requests.user_id, DEVICE, client)
    assert record.requests == [replace(ended, digest=None, result=None, version=b"")]
    assert (await devices.connect(requests.user_id, uuid4(), client)).requests == []
    other = await memories.person()
    assert await requests.answers.read(other, requests.id) is None


async def test_simultaneous_admissions_at_two_servers(database: str) -> None:
    async with open_pool(database, max_size=8, configure=configure_server) as wide:
        _, requests = await opened(wide)
        admitted = []

        async def attempt() -> None:
            admitted.append(await requests.claim(uuid4()))

        for _ in range(5):
            requests.id, admitted[:] = uuid4(), []
            async with trio.open_nursery() as nursery:
                for _ in range(6):
                    nursery.start_soon(attempt)
            assert sorted(admitted) == [False] * 5 + [True]


async def test_only_the_admission_that_holds_the_row_changes_it(pool: Pool) -> None:
    _, requests = await opened(pool)
    mine, other = uuid4(), uuid4()
    assert await requests.claim(mine)
    assert await requests.end(other) == "gone"
    await requests.answers.release(requests.user_id, requests.id, other)
    kept = await requests.answers.read(requests.user_id, requests.id)
    assert kept is not None
    assert await requests.answers.lost(requests.user_id, kept, 60.0)
    assert not await requests.answers.lost(requests.user_id, kept, 60.0)
    # A server that was frozen wakes up: it may neither change data nor overwrite the outcome that others were told.
    assert not await requests.answers.changing(requests.user_id, requests.id, mine)
    assert await requests.end(mine) == "gone"
    await requests.answers.release(requests.user_id, requests.id, mine)
    assert await requests.claim(other), "an id that was given back is free"


async def test_an_id_is_free_when_its_time_is_over(pool: Pool) -> None:
    _, requests = await opened(pool)
    first = uuid4()
    assert await requests.claim(first, ttl_s=-1.0)
    assert await requests.answers.read(requests.user_id, requests.id) is None
    second = uuid4()
    assert await requests.claim(second)
    assert await requests.answers.changing(requests.user_id, requests.id, second)
    assert await requests.end(first) == "gone"
    assert await requests.end(second, ttl_s=-1.0) == "kept"
    third = uuid4()
    assert await requests.claim(third, digest="something else")
    kept = await requests.answers.read(requests.user_id, requests.id)
    assert kept is not None
    assert (kept.state, kept.changed, kept.digest, kept.result) == ("running", False, "something else", None)


async def test_a_result_that_is_too_large_is_recorded_without_its_contents(pool: Pool) -> None:
    _, requests = await opened(pool)
    claim = uuid4()
    assert await requests.claim(claim)
    large = {"mutations": [{"id": "t1"}], "blocks": ["x" * MAX_RESULT_BYTES]}
    assert await requests.end(claim, result=large, changed=True) == "too_large"
    kept = await requests.answers.read(requests.user_id, requests.id)
    assert kept is not None
    rest = {"mutations": [{"id": "t1"}], "blocks": []}
    assert (kept.state, kept.changed, kept.digest, kept.result) == ("failed", True, "asked", rest)
    assert kept.too_large


async def test_nothing_readable_is_stored(pool: Pool, database: str) -> None:
    _, requests = await opened(pool)
    claim = uuid4()
    await requests.claim(claim)
    await requests.end(claim)
    with psycopg.connect(database) as connection:
        (row,) = connection.execute("SELECT requests::text FROM requests").fetchone() or ("",)
        (body,) = connection.execute("SELECT body_encrypted FROM requests").fetchone() or (b"",)
    assert "asked" not in row
    assert b"rent" not in bytes(body)


@pytest.mark.parametrize("cached", [True, False])
async def test_a_key_that_was_replaced_meanwhile_encrypts_the_row(pool: Pool, cached: bool) -> None:
    memories, requests = await opened(pool)
    elsewhere = Memories(pool, master_keys=memories.master_keys)
    here, claim = Requests(elsewhere, requests.user_id), uuid4()
    if cached:
        await elsewhere.vault.key(requests.user_id)
    await memories.user_key_rotation.rotate(requests.user_id)
    assert await here.claim(claim)
    await memories.user_key_rotation.rotate(requests.user_id)
    assert await here.end(claim) == "kept"
    done = await memories.user_key_rotation.rotate(requests.user_id)
    assert (done.rows, done.unreadable) == (1, 0)
    kept = await requests.answers.read(requests.user_id, here.id)
    assert kept is not None
    assert kept.result == RESULT


async def test_without_the_key_an_id_is_still_used_once(pool: Pool) -> None:
    _, requests = await opened(pool)
    locked_out = Requests(Memories(pool, master_keys=[new_master_key()]), requests.user_id)
    claim = uuid4()
    assert await locked_out.claim(claim)
    assert not await locked_out.claim(uuid4())
    assert await locked_out.end(claim) == "kept"
    for answers in (locked_out.answers, requests.answers):
        kept = await answers.read(requests.user_id, locked_out.id)
        assert kept is not None
        assert (kept.state, kept.digest, kept.result) == ("completed", None, None)


async def test_erasing_memory_removes_contents_and_keeps_ids(pool: Pool) -> None:
    memories, requests = await opened(pool)
    claim = uuid4()
    await requests.claim(claim)
    running = Requests(memories, requests.user_id)
    await requests.end(claim)
    await running.claim(claim)
    receipt = await memories.middleware.erase(requests.user_id)
    assert receipt.removed["answers"] == 2
    assert await running.end(claim) == "kept"
    for request in (requests, running):
        kept = await requests.answers.read(request.user_id, request.id)
        assert kept is not None
        assert (kept.state, kept.digest, kept.result) == ("completed", None, None)
        assert not await request.claim(uuid4())


async def test_expired_rows_are_removed_in_the_background(pool: Pool, database: str) -> None:
    memories, requests = await opened(pool)
    await requests.claim(uuid4(), ttl_s=-1.0)
    live = Requests(memories, requests.user_id)
    await live.claim(uuid4())
    await Expiry(pool, STATEMENTS, device_keep_s=400 * 86_400).remove()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT request_id FROM requests").fetchall() == [(live.id,)]
