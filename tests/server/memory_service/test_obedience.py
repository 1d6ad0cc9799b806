"""What a message asks of memory is done, and the note for the answer is true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from person import Sentences
from server.memory_service.obedience import Obeyed, obey
from server.requests import ChatInput
from sql.driver import DatabaseUnavailable
from sql.pool import Pool
from tests.memory.memories import Memories


def chat(user_id: UUID, message: str, conversation_id: str | None = "session") -> ChatInput:
    asked = ChatInput(request_id=uuid4(), user_id=user_id, device_id=uuid4(), mode="home", message=message)
    return replace(asked, conversation_id=conversation_id)


async def test_wishes_are_obeyed(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My landlord's number is 555 1234.", "Noted.")
    middleware = memories.middleware
    assert await obey(middleware, chat(ann, "What is due today?")) == Obeyed()
    off = await obey(middleware, chat(ann, "Off the record: I quit."))
    assert not off.stored
    assert off.note == "This exchange is not stored in memory."
    nothing = await obey(middleware, chat(ann, "Forget my PIN."))
    assert (nothing.forgotten, nothing.note) == (False, "Memory has nothing about that, so nothing was forgotten.")
    done = await obey(middleware, chat(ann, "Forget my landlord's number. My dentist is Bo."))
    assert done.note == "Forgotten: 2 items in memory."
    assert (done.forgotten, done.stored, done.message) == (True, True, "My dentist is Bo.")
    assert await memories.records(ann) == []


async def test_the_note_is_in_the_persons_language(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My landlord's number is 555 1234.", "Noted.")
    german = Sentences.of("de-AT")
    off = await obey(memories.middleware, chat(ann, "Off the record: I quit."), german)
    assert off.note == "Dieser Austausch wird nicht im Gedächtnis gespeichert."
    done = await obey(memories.middleware, chat(ann, "Forget my landlord's number."), german)
    assert done.note == "Vergessen: 2 Einträge im Gedächtnis."


async def test_the_message_before_is_forgotten(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "The garden needs water.", "Noted.")
    await memories.tell(ann, "My PIN is 1234.", "Noted.")
    elsewhere = await obey(memories.middleware, chat(ann, "Don't remember that.", None))
    assert (elsewhere.forgotten, elsewhere.stored) == (False, False)
    done = await obey(memories.middleware, chat(ann, "Don't remember that."))
    assert (done.forgotten, done.stored) == (True, False)
    left = str(await memories.records(ann))
    assert "PIN" not in left
    assert "garden" in left


async def test_a_failure_is_not_reported_as_done(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = Memories(pool)
    ann = await memories.person()

    async def failing(*args: Any, **kwargs: Any) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(memories.middleware, "forget_about", failing)
    failed = await obey(memories.middleware, chat(ann, "Forget my PIN."))
    assert (failed.forgotten, failed.stored) == (False, False)
    assert "Nothing was forgotten" in failed.note
