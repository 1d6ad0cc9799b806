"""What a message asks of memory is done, and the note for the answer is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from person import ENGLISH, Sentences
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


async def test_each_of_several_things_is_forgotten_and_reported(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My landlord's number is 555 1234.", "Noted.")
    await memories.tell(ann, "رقم هاتفي هو 777.", "Noted.")
    await memories.tell(ann, "Meine Adresse ist Gasse 5.", "Noted.")
    wish = "Forget my number. Forget my landlord's number. Vergiss bitte meine Adresse. انس رقم هاتفي."
    done = await obey(memories.middleware, chat(ann, wish))
    assert done.note.splitlines() == [
        "my number: Memory has nothing about that, so nothing was forgotten.",
        "my landlord's number: Forgotten: 2 items in memory.",
        "meine Adresse: Forgotten: 2 items in memory.",
        "رقم هاتفي: Forgotten: 2 items in memory.",
    ]
    assert (done.forgotten, done.stored, done.message) == (True, False, None)
    assert await memories.records(ann) == []


async def test_a_request_that_asks_for_more_than_forgetting_is_stored_without_it(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "Mein Name ist Jana.", "Noted.")
    done = await obey(memories.middleware, chat(ann, "Vergiss meinen Namen und zeige meine Aufgaben."))
    assert (done.forgotten, done.stored, done.message) == (True, True, "zeige meine Aufgaben.")
    assert await memories.records(ann) == []
    assert await obey(memories.middleware, chat(ann, "Vergiss meinen Geburtstag nicht!")) == Obeyed()


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


@pytest.mark.parametrize("shares", [False, True])
async def test_everything_is_erased_only_after_a_confirmation(pool: Pool, tmp_path: Path, shares: bool) -> None:
    memories = Memories(pool, shares=tmp_path / "shares" if shares else None)
    ann, bob = await memories.person(), await memories.person()
    middleware = memories.middleware
    for person in (ann, bob):
        await memories.tell(person, "My landlord's number is 555 1234.", "Noted.")
    yes = ENGLISH.say("memory.erase_yes")
    # Nothing was offered, so it is only offered.
    offer = await obey(middleware, chat(ann, yes))
    assert offer.note.startswith("Nothing was erased.")
    assert yes in offer.note
    assert (offer.forgotten, offer.stored) == (False, True)
    assert await obey(middleware, chat(ann, "Yes, erase everything")) == Obeyed()
    asked = await obey(middleware, chat(ann, "Forget everything you know about me."))
    assert asked == offer
    await middleware.store_episode(ann, "session", "Forget everything you know about me.", f"Hm. {asked.note}")
    # Not in another conversation, and not for another person.
    assert not (await obey(middleware, chat(ann, yes, "other"))).forgotten
    assert not (await obey(middleware, chat(bob, yes))).forgotten
    assert "555" in str(await memories.records(ann))
    erased = await obey(middleware, chat(ann, yes))
    assert (erased.forgotten, erased.stored) == (True, False)
    assert erased.note.startswith("Erased: all of memory, ")
    assert ("no longer be read" in erased.note, "may still contain it" in erased.note) == (shares, not shares)
    assert await memories.records(ann) == []
    (receipt,) = await middleware.receipts(ann)
    assert f'"backups_unreadable":{str(shares).lower()}' in receipt.text
    assert "555" in str(await memories.records(bob))
    assert not (await obey(middleware, chat(ann, yes))).forgotten


@pytest.mark.parametrize(
    ("message", "response", "minutes"),
    [
        ("Delete all my memories", "The model answered, and the offer was not shown.", 0),
        ("Delete all my memories", "{offer}", 16),
        ("What would you say?", "{offer}", 0),
    ],
)
async def test_only_an_offer_that_was_just_shown_can_be_confirmed(
    pool: Pool, message: str, response: str, minutes: int
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    offer = (await obey(memories.middleware, chat(ann, "Delete all my memories"))).note
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    await memories.middleware.store_episode(ann, "session", message, response.format(offer=offer), at=at)
    assert not (await obey(memories.middleware, chat(ann, ENGLISH.say("memory.erase_yes")))).forgotten
    assert await memories.records(ann) != []


async def test_without_a_conversation_the_person_is_told_where_to_erase(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    told = await obey(memories.middleware, chat(ann, "Wipe your memory of me", None))
    assert told.note == ENGLISH.say("memory.erase_elsewhere")


async def test_a_failed_erasure_is_not_reported_as_done(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    offer = (await obey(memories.middleware, chat(ann, "Delete all my memories"))).note
    await memories.middleware.store_episode(ann, "session", "Delete all my memories", offer)

    async def failing(*args: Any, **kwargs: Any) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(memories.middleware, "erase", failing)
    failed = await obey(memories.middleware, chat(ann, ENGLISH.say("memory.erase_yes")))
    assert failed == Obeyed(ENGLISH.say("memory.erase_failed"), stored=False)


async def test_a_failure_is_not_reported_as_done(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = Memories(pool)
    ann = await memories.person()

    async def failing(*args: Any, **kwargs: Any) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(memories.middleware, "forget_about", failing)
    failed = await obey(memories.middleware, chat(ann, "Forget my PIN."))
    assert (failed.forgotten, failed.stored) == (False, False)
    assert "Nothing was forgotten" in failed.note
