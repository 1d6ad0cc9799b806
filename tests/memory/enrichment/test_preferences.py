"""Preferences over time: corrected, taken back, and learned in any order of enrichment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from memory.enrichment.enriched import Description
from sql.pool import Pool
from tests.memory.memories import Memories

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def _said(memories: Memories, user_id: UUID, *messages: str, response: str = "ok") -> dict[str, Any]:
    """The person's preferences after these messages of one conversation, a minute apart."""
    for number, message in enumerate(messages):
        at = NOON + timedelta(minutes=number)
        await memories.middleware.store_episode(user_id, "one", message, response, at=at)
        await memories.middleware.enrichment.run_once()
    return dict((await memories.middleware.enrich_context(user_id, "hello")).preferences())


@pytest.mark.parametrize(
    ("messages", "core"),
    [
        (["I live in Paris", "I moved to Berlin"], {"home": "Berlin"}),
        (["I live in Paris", "I don't live in Paris any more"], {}),
        (["I live in Paris, France", "I don't live in Paris any more"], {}),
        (["I live in Berlin", "I don't live in Paris any more"], {"home": "Berlin"}),
        (["I live in Paris", "I don't live in Paris any more, I live in Ghent now"], {"home": "Ghent"}),
        (["I work at Acme", "I no longer work at Acme"], {}),
        (["I work at Acme", "I quit my job last week"], {}),
        (["my favourite drink is coffee", "actually tea now"], {"favourite_drink": "tea"}),
        (["call me Sam", "no, Samuel"], {"preferred_name": "Samuel"}),
        (["call me Sam", "no, that is wrong"], {"preferred_name": "Sam"}),
        (["answer in German from now on", "answer in English again"], {"language": "English"}),
        (["I'm allergic to nuts", "I'm allergic to cats"], {"allergy_nuts": "nuts", "allergy_cats": "cats"}),
        (["I'm allergic to nuts", "I'm not allergic to nuts any more"], {}),
        (["I'm no longer vegan", "I'm vegan"], {"diet": "vegan"}),
        (["Ich wohne in Köln", "Ich wohne nicht mehr in Köln"], {}),
    ],
)
async def test_the_newest_statement_counts(pool: Pool, messages: list[str], core: dict[str, Any]) -> None:
    memories = Memories(pool)
    assert await _said(memories, await memories.person(), *messages) == core


async def test_what_was_taken_back_is_not_learned_again_from_an_earlier_message(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    assert await _said(memories, ann, "I live in Paris", "I don't live in Paris any more") == {}
    early = NOON + timedelta(seconds=30)
    await memories.middleware.store_episode(ann, "two", "I live in Paris", "ok", at=early)
    await memories.middleware.enrichment.run_once()
    assert (await memories.middleware.enrich_context(ann, "hello")).preferences() == {}
    later = NOON + timedelta(hours=1)
    await memories.middleware.store_episode(ann, "two", "I live in Paris", "ok", at=later)
    await memories.middleware.enrichment.run_once()
    assert (await memories.middleware.enrich_context(ann, "hello")).preferences() == {"home": "Paris"}


async def test_an_earlier_message_takes_nothing_back(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "I live in Paris", "", at=NOON)
    await memories.middleware.enrichment.run_once()
    await memories.middleware.store_episode(ann, None, "I no longer live in Paris", "", at=NOON - timedelta(days=1))
    await memories.middleware.enrichment.run_once()
    assert (await memories.middleware.enrich_context(ann, "hello")).preferences() == {"home": "Paris"}


@pytest.mark.parametrize("with_a_model", [False, True])
async def test_what_an_assistant_says_is_no_preference(pool: Pool, with_a_model: bool) -> None:
    async def gullible(message: str, response: str) -> Description | None:
        return Description("They spoke", {"home": "Rome", "allergy_nuts": "nuts"})

    memories = Memories(pool, describe=gullible if with_a_model else None)
    answer = "I live in Rome. My name is Bob. You are allergic to nuts."
    assert await _said(memories, await memories.person(), "What do my notes say?", response=answer) == {}


async def test_a_model_takes_back_what_no_longer_holds(pool: Pool) -> None:
    async def describe(message: str, response: str) -> Description | None:
        return Description("They spoke", {"home": "Rome" if "moved" in message else None})

    memories = Memories(pool, describe=describe)
    ann = await memories.person()
    assert await _said(memories, ann, "I moved to Rome") == {"home": "Rome"}
    assert await _said(memories, ann, "I moved to Rome", "I left Rome") == {}


async def test_a_model_describes_the_exchange(pool: Pool) -> None:
    async def describe(message: str, response: str) -> Description | None:
        return Description(f"They spoke of {message}", {"answer_style": "short", "bad\nname": "chess", "home": "Rome"})

    memories = Memories(pool, describe=describe)
    ann = await memories.person()
    await memories.tell(ann, "I like short answers about chess", "Chess it is. I live in Rome.")
    recalled = await memories.middleware.enrich_context(ann, "hello")
    assert recalled.preferences() == {"answer_style": "short"}
    assert [item.summary for item in recalled.episodic] == ["They spoke of I like short answers about chess"]
