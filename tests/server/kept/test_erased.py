"""An answer that the person has erased is not served from the memory of any server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from memory.delivery.answers import KeptAnswers
from memory.delivery.changes import ChangeLog
from server.kept.requests import KeptRequests
from server.telemetry.metrics import Metrics
from sql.pool import Pool
from tests.memory.memories import Memories
from tests.server.kept.known_servers import KnownServers
from tests.server.memory_server import memory_server
from tests.server.scripted_model import text_block
from tests.server.sessions.resuming_client import home


async def test_an_erased_answer_is_neither_fetched_nor_watched_nor_replayed(pool: Pool) -> None:
    memories = Memories(pool)
    user_id: UUID = await memories.person()
    kept = KeptRequests(
        KeptAnswers(memories.vault), ChangeLog(memories.vault), Metrics(), servers=KnownServers(), keep_s=900
    )
    stack = replace(memory_server(), user_id=user_id, claims=kept, store=kept)
    stack.model.answer(text_block("The secret."))
    request, device_id = home("hello"), uuid4()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            start = await socket.hear()
            await socket.hear_until("stream_end")
            resume = socket.ready["session_id"], start["seq"]
        found = await stack.sessions.result(user_id, request["request_id"])
        assert found is not None
        assert found.blocks
        receipt = await memories.middleware.erase(user_id)
        assert receipt.removed["answers"] == 1
        async with stack.device(device_id=device_id, resume=resume) as socket:
            await socket.say(type="ping")
            frames = await socket.hear_until("pong")
            assert not [frame for frame in frames if frame["type"].startswith("stream_")]
            await socket.say(type="watch", request_id=str(request["request_id"]))
            assert (await socket.hear_until("error"))[-1]["code"] == "unknown_request"
        assert await stack.sessions.result(user_id, request["request_id"]) is None


@pytest.mark.parametrize("fails_first", [False, True])
async def test_an_answer_that_ends_after_the_account_was_deleted_stays_nowhere(pool: Pool, fails_first: bool) -> None:
    memories = Memories(pool)
    user_id: UUID = await memories.person()
    answers, metrics = KeptAnswers(memories.vault), Metrics()
    kept = KeptRequests(answers, ChangeLog(memories.vault), metrics, servers=KnownServers(), keep_s=900)
    stack = replace(memory_server(), user_id=user_id, claims=kept, store=kept)
    stack.model.answer(text_block("The secret."))
    request, end, failures = home("hello"), answers.end, [psycopg.OperationalError("connection lost")] * fails_first

    async def after_the_deletion(*places: Any, **values: Any) -> Any:
        if failures:
            raise failures.pop()
        await memories.middleware.delete_account(user_id)
        return await end(*places, **values)

    answers.end = after_the_deletion  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as logs:
        async with stack.running():
            async with stack.device() as socket:
                await socket.say(**request)
                await socket.hear_until("stream_end")
            while 'tessera_kept_answers_total{outcome="gone"} 1.0' not in metrics.render().decode():
                await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
            assert len(stack.sessions._in_memory) == 0
    assert sum(one["event"] == "answer_keep_failed" for one in logs) == fails_first
