"""Two servers add changes to the same kept result at the same time: both changes are listed."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio

from memory.delivery.answers import KeptAnswers, KeptRequest
from memory.delivery.changes import ChangeLog
from server.kept.requests import KeptRequests
from server.requests import ChatInput, fingerprint
from server.sessions.kept import KeptAnswer
from server.telemetry.metrics import Metrics
from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from streaming.wire import WsMutationRecord, WsRequestResult
from tests.memory.memories import Memories
from tests.server.kept.known_servers import KnownServers

PHONE = UUID(int=3)


class Meeting(KeptAnswers):
    """Its first write waits until both servers have read the row and want to write."""

    def __init__(self, memories: Memories, arrived: list[str], met: trio.Event, name: str, calls: Counter[str]) -> None:
        super().__init__(memories.vault)
        self._arrived = arrived
        self._met = met
        self._name = name
        self._calls = calls

    async def amend(self, user_id: UUID, kept: KeptRequest, result: Any, ttl_s: float) -> bool:
        self._calls[self._name] += 1
        if self._name not in self._arrived:
            self._arrived.append(self._name)
            if len(self._arrived) == 2:
                self._met.set()
        await self._met.wait()
        return await super().amend(user_id, kept, result, ttl_s)


@pytest.mark.parametrize("lost", [False, True])
async def test_changes_that_two_servers_add_at_the_same_time_are_both_listed(
    pool: Pool, database: str, lost: bool
) -> None:
    ours = Memories(pool)
    user_id = await ours.person()
    chat = ChatInput(uuid4(), user_id, "What is due?", "home", device_id=PHONE)
    calls: Counter[str] = Counter()
    async with open_pool(database, configure=configure_server) as other_pool:
        theirs = Memories(other_pool)
        theirs.vault.keys = ours.vault.keys
        arrived: list[str] = []
        met = trio.Event()

        first_id = uuid4()

        def server(memories: Memories, name: str) -> KeptRequests:
            answers = Meeting(memories, arrived, met, name, calls)
            known = KnownServers(lost=[first_id] if lost else [])
            return KeptRequests(answers, ChangeLog(memories.vault), Metrics(), servers=known, keep_s=60)

        known = KnownServers(server_id=first_id)
        first = KeptRequests(KeptAnswers(ours.vault), ChangeLog(ours.vault), Metrics(), servers=known, keep_s=60)
        assert await first.claim(chat, 60) == "claimed"
        if not lost:
            result = WsRequestResult(request_id=chat.request_id, status="completed", blocks=[])
            assert await first.keep(KeptAnswer(user_id, PHONE, fingerprint(chat), result, 10))
        changes = [WsMutationRecord(op="create", entity="task", id=task) for task in ("t1", "t2")]
        one, two = server(ours, "one"), server(theirs, "two")
        async with trio.open_nursery() as nursery:
            for here, change in zip((one, two), changes, strict=True):
                nursery.start_soon(partial(here.amend, user_id, chat.request_id, change))
        for here in (one, two):
            found = await here.find(user_id, chat.request_id)
            assert found is not None
            assert sorted(change.id for change in found.result.mutations) == ["t1", "t2"]
            assert found.result.status == ("failed" if lost else "completed")
    # The slower one has read the row again.
    assert sorted(calls.values()) == [1, 2]
