"""A finished answer is stored in memory: not even a cancellation, a sync of entities or a short fault loses it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio

from memory.middleware import MemoryMiddleware
from server.memory_service.answer_memory import MemoryService, RecalledContext
from server.memory_service.entity_changes import ChangeSource
from server.requests import ChatInput
from server.telemetry.metrics import Metrics
from sql.driver import DatabaseUnavailable
from sql.pool import Pool
from streaming.wire import WsMutationRecord
from tests.memory.memories import Memories

ASKED_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def chat(user_id: UUID) -> ChatInput:
    return ChatInput(request_id=uuid4(), user_id=user_id, device_id=uuid4(), mode="home", message="My PIN is 1234.")


async def store(service: MemoryService, user_id: UUID) -> None:
    await service.store(chat(user_id), "Noted.", "note_agent", RecalledContext(), ASKED_AT)


def service_of(middleware: MemoryMiddleware) -> MemoryService:
    return MemoryService(middleware, Metrics(), recall_s=5.0, store_s=5.0, conversation_tokens=1000)


async def test_a_cancelled_caller_does_not_keep_a_finished_answer_from_being_stored(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    with trio.CancelScope() as scope:
        scope.cancel()
        await store(service_of(memories.middleware), ann)
    (record,) = await memories.records(ann)
    assert record["message"] == "My PIN is 1234."


async def test_a_sync_of_entities_that_does_not_end_does_not_keep_an_answer_out(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    service = MemoryService(memories.middleware, Metrics(), recall_s=5.0, store_s=1.0, conversation_tokens=1000)
    # Nothing stores the changes, because the service does not run.
    for number in range(100):
        record = WsMutationRecord(op="create", entity="task", id=f"t{number}", data={"title": "x"})
        assert service.changed(ann, record, ChangeSource(), lambda _: None)
    await store(service, ann)
    assert [record["tier"] for record in await memories.records(ann)] == ["episodic"]


async def test_an_answer_that_the_database_refuses_for_a_while_is_stored_later(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    service = service_of(memories.middleware)
    working, stored = memories.middleware.store_episode, trio.Event()
    faults = 2

    async def failing(*args: Any, **kwargs: Any) -> bool:
        nonlocal faults
        if faults:
            faults -= 1
            raise DatabaseUnavailable("away")
        done = await working(*args, **kwargs)
        stored.set()
        return done

    monkeypatch.setattr(memories.middleware, "store_episode", failing)
    await store(service, ann)
    await store(service, ann)
    assert await memories.records(ann) == []
    await service.drain(5.0)
    assert stored.is_set()
    assert len(await memories.records(ann)) == 2
