"""Conversations over a real database: the list, the exchanges, titles, renaming and forgetting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from memory.conversations.conversations import Conversation
from memory.enrichment.enriched import Description
from memory.tiers.titles import clean_title, conversation_key, make_title
from sql.pool import Pool
from tests.memory.memories import Memories

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


async def say(
    memories: Memories, user_id: UUID, conversation: str | None, message: str, response: str = "Fine.", hours: int = 0
) -> None:
    at = MONDAY + timedelta(hours=hours)
    assert await memories.middleware.store_episode(user_id, conversation, message, response, at=at)


async def listed(memories: Memories, user_id: UUID) -> list[tuple[str, str, int]]:
    page = await memories.middleware.conversations.page(user_id, 10)
    return [(one.id, one.title, one.exchanges) for one in page.items]


async def titles(memories: Memories, user_id: UUID) -> list[str]:
    return [str(record["title"]) for record in await memories.records(user_id) if record["tier"] == "conversation"]


async def test_conversations_are_listed_by_their_last_message_before_and_after_enrichment(pool: Pool) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    await say(memories, ann, "a", "Which tasks are due today?", hours=0)
    await say(memories, ann, "b", "Plan my week.", hours=1)
    await say(memories, ann, "a", "Move the second one to Friday.", hours=2)
    await say(memories, ann, None, "Not in a conversation.", hours=3)
    await say(memories, ben, "a", "Ben's words.", hours=4)
    expected = [("a", "Which tasks are due today?", 2), ("b", "Plan my week.", 1)]
    assert await listed(memories, ann) == expected
    await memories.middleware.enrichment.run_once()
    assert await listed(memories, ann) == expected
    assert sorted(await titles(memories, ann)) == ["Plan my week.", "Which tasks are due today?"]
    assert await memories.middleware.conversations.read(ann, "a") == Conversation(
        "a", "Which tasks are due today?", MONDAY + timedelta(hours=2), 2
    )
    assert await memories.middleware.conversations.read(ann, "c") is None


async def test_a_conversation_that_began_in_a_popup_is_named_as_one_with_and_without_a_title(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await say(memories, ann, "home", "Plan my week.", hours=0)
    for message, hours in (("Summarize this", 1), ("Shorter", 2)):
        at = MONDAY + timedelta(hours=hours)
        assert await memories.middleware.store_episode(ann, "note", message, "Fine.", at=at, popup=True)
    for _ in range(2):  # before and after enrichment, which makes the titles
        page = await memories.middleware.conversations.page(ann, 10)
        assert [(one.id, one.title, one.popup) for one in page.items] == [
            ("note", "Summarize this", True),
            ("home", "Plan my week.", False),
        ]
        found = await memories.middleware.conversations.read(ann, "note")
        assert found is not None
        assert found.popup
        await memories.middleware.enrichment.run_once()


async def test_a_model_makes_the_title_with_the_summary(pool: Pool) -> None:
    async def describe(message: str, response: str) -> Description:
        del response
        return Description("They talked.", title=f"About {message.rsplit(maxsplit=1)[-1]}\n now")

    memories = Memories(pool, describe=describe)
    ann = await memories.person()
    await say(memories, ann, "a", "Tell me of Lisbon", hours=0)
    await say(memories, ann, "a", "and of Porto", hours=1)
    await memories.middleware.enrichment.run_once()
    assert await listed(memories, ann) == [("a", "About Lisbon now", 2)]


async def test_pages_cover_every_conversation_and_exchange_once(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for number in range(7):
        # Equal times: the id decides.
        await say(memories, ann, f"c{number % 5}", f"Message {number}.", hours=0 if number < 5 else number)
    conversations = memories.middleware.conversations
    seen, after = [], None
    while True:
        page = await conversations.page(ann, 2, after)
        seen += [one.id for one in page.items]
        after = page.next
        if after is None:
            break
    assert seen == ["c1", "c0", "c4", "c3", "c2"]
    first = await conversations.exchanges(ann, "c1", 1)
    assert [one.message for one in first.items] == ["Message 6."]
    assert first.next is not None
    second = await conversations.exchanges(ann, "c1", 1, first.next)
    assert ([one.message for one in second.items], second.next) == (["Message 1."], None)


async def test_a_renamed_conversation_keeps_its_name(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await say(memories, ann, "a", "Which tasks are due today?")
    conversations = memories.middleware.conversations
    assert await conversations.rename(ann, "a", "Today")
    await memories.middleware.enrichment.run_once()
    assert await listed(memories, ann) == [("a", "Today", 1)]
    assert not await conversations.rename(ann, "unknown", "Nothing")
    assert await titles(memories, ann) == ["Today"]


async def test_titles_survive_a_rotation_of_the_key_and_go_with_an_erasure(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await say(memories, ann, "a", "Which tasks are due today?")
    await memories.middleware.conversations.rename(ann, "a", "Today")
    await memories.user_key_rotation.rotate(ann)
    assert await listed(memories, ann) == [("a", "Today", 1)]
    receipt = await memories.middleware.erase(ann)
    assert (receipt.removed["titles"], await listed(memories, ann)) == (1, [])


async def test_a_forgotten_conversation_goes_with_what_was_learned_and_with_its_title(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await say(memories, ann, "a", "My sister Clara moved to Lisbon.", hours=0)
    await say(memories, ann, "a", "The boiler was repaired on Tuesday.", hours=1)
    await say(memories, ann, "b", "Ben likes to play chess.", hours=2)
    await say(memories, ann, "b", "My sister Clara moved to Lisbon.", hours=3)
    await memories.middleware.enrichment.run_once()
    removed = await memories.middleware.forget_conversation(ann, "a")
    # An exchange elsewhere in which the person says only the same goes too, as with every forgotten exchange.
    assert removed.counts == {"associative": 2, "episodic": 3}
    assert await listed(memories, ann) == [("b", "Ben likes to play chess.", 1)]
    said = str(await memories.records(ann))
    assert "Clara" not in said
    assert "boiler" not in said
    assert not await memories.middleware.forget_conversation(ann, "a")


async def test_forgetting_a_conversation_keeps_what_only_looks_the_same_in_another(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for hours, message in enumerate(("My sister Clara moved to Lisbon.", "Go on", "Move it to Friday", "Which tasks?")):
        await say(memories, ann, "a", message, hours=hours)
    kept = ("Go on", "Move it to Friday", "Which tasks?", "Where is my sister Clara?")
    for hours, message in enumerate(kept, start=10):
        await say(memories, ann, "b", message, hours=hours)
    await memories.middleware.enrichment.run_once()
    removed = await memories.middleware.forget_conversation(ann, "a")
    assert removed.counts["episodic"] == 4
    left = (await memories.middleware.conversations.exchanges(ann, "b", 10)).items
    assert [exchange.message for exchange in reversed(left)] == list(kept)


async def test_a_request_that_ran_while_its_conversation_was_forgotten_does_not_bring_it_back(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await say(memories, ann, "a", "Hello there, my friend.")
    asked_at = datetime.now(UTC)
    await memories.middleware.forget_conversation(ann, "a")
    assert not await memories.middleware.store_episode(ann, "a", "Late words.", "Late answer.", at=asked_at)
    assert await listed(memories, ann) == []
    assert await memories.middleware.store_episode(ann, "a", "New words.", "New answer.")
    assert await listed(memories, ann) == [("a", "New words.", 1)]
    await memories.middleware.enrichment.run_once()
    assert await listed(memories, ann) == [("a", "New words.", 1)]


async def test_the_first_request_of_a_forgotten_conversation_is_not_stored_when_it_ends(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    asked_at = datetime.now(UTC)
    assert not await memories.middleware.forget_conversation(ann, "a")
    assert not await memories.middleware.store_episode(ann, "a", "First words.", "First answer.", at=asked_at)
    assert await memories.middleware.store_episode(ann, "a", "New words.", "New answer.")
    assert await listed(memories, ann) == [("a", "New words.", 1)]


async def test_forgetting_the_first_exchange_removes_the_title_made_from_it(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await say(memories, ann, "a", "My sister Clara moved to Lisbon.", hours=0)
    await say(memories, ann, "a", "Ben likes to play chess.", hours=1)
    await memories.middleware.enrichment.run_once()
    first = (await memories.middleware.conversations.exchanges(ann, "a", 10)).items[-1]
    await memories.middleware.forget(ann, first.id)
    assert await listed(memories, ann) == [("a", "Ben likes to play chess.", 1)]
    assert "Clara" not in str(await memories.records(ann))
    await memories.middleware.conversations.rename(ann, "a", "About Ben")
    (last,) = (await memories.middleware.conversations.exchanges(ann, "a", 10)).items
    await memories.middleware.forget(ann, last.id)
    assert (await listed(memories, ann), await titles(memories, ann)) == ([], [])


async def test_a_follow_up_sees_the_exchange_that_has_just_ended(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    facts = [{"shown": "entity_ref", "entity": "task", "items": [{"id": "t1"}, {"id": "t2"}]}]
    await memories.middleware.store_episode(
        ann, "a", "Which tasks are due today?", "Two.", uuid4(), facts=facts, at=MONDAY
    )
    await memories.middleware.store_episode(
        ann, "a", "And tomorrow?", "One ta", uuid4(), complete=False, at=MONDAY + timedelta(hours=1)
    )
    earlier = await memories.middleware.earlier(ann, "a", 1000)
    assert [(one.message, one.response, one.complete) for one in earlier.exchanges] == [
        ("Which tasks are due today?", "Two.", True),
        ("And tomorrow?", "One ta", False),
    ]
    assert list(earlier.exchanges[0].facts) == facts
    small = await memories.middleware.earlier(ann, "a", 16)
    assert [one.message for one in small.exchanges] == ["And tomorrow?"]
    assert [summary.text for summary in small.summaries] == ["Which tasks are due today? → Two."]
    assert (await memories.middleware.earlier(ann, "b", 1000)).exchanges == ()
    assert (await memories.middleware.earlier(ann, "", 1000)).exchanges == ()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("  Two\n lines\x00 ", "Two lines"),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("日" * 100, "日" * 59 + "…"),
        ("\x07\u202e", ""),
    ],
)
def test_a_title_is_one_line_of_sixty_characters(text: str, title: str) -> None:
    assert make_title(text) == title


def test_ids_and_titles_are_cleaned() -> None:
    assert clean_title("a\tb") == "a b"
    assert conversation_key("a\x00b") == "ab"
    assert conversation_key("") is None
    assert conversation_key("\x00") is None
