"""Text with unpaired surrogates, from its entry into memory to its export."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from memory.crypto.cipher import Cipher, Purpose
from memory.enrichment.enriched import Description
from memory.text.unicode import well_formed
from memory.tiers.core import InvalidCoreValue
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder, context_of

CIPHER = Cipher(UUID(int=1), Fernet.generate_key())
PURPOSE = Purpose("table", "column", "row", "p")
ANY_TEXT = st.text(st.characters(categories=None))


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("", ""),
        ("Lisboa \U0001f600", "Lisboa \U0001f600"),
        ("\ud83d", "\ufffd"),
        ("\ude00 x", "\ufffd x"),
        ("a\ud83d\ude00b", "a\U0001f600b"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83dx\ud83d\ude00", "\ufffdx\U0001f600"),
    ],
)
def test_pairs_are_joined_and_what_is_alone_is_replaced(text: str, becomes: str) -> None:
    assert well_formed(text) == becomes


@given(ANY_TEXT)
def test_any_text_becomes_one_that_can_be_written(text: str) -> None:
    made = well_formed(text)
    made.encode()
    assert well_formed(made) == made
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert made == text


@given(ANY_TEXT, ANY_TEXT)
def test_well_formed_text_can_be_encrypted_and_other_text_is_refused(key: str, value: str) -> None:
    valid = {well_formed(key): [well_formed(value)]}
    assert CIPHER.unseal(PURPOSE, CIPHER.seal(PURPOSE, valid)) == valid
    if valid != {key: [value]}:
        with pytest.raises(ValueError, match="surrogates"):
            CIPHER.seal(PURPOSE, {key: [value]})


async def test_the_text_of_a_model_is_repaired(pool: Pool) -> None:
    async def describe(message: str, response: str) -> Description:
        return Description("Clara \ud83d moved", {"home\ud83d": "Lisbon \ude00"})

    memories = Memories(pool, describe=describe)
    ann = await memories.person()
    await memories.tell(ann, "I live in Lisbon \ude00 with Clara")
    context = await memories.context(ann, "Clara")
    assert [item["summary"] for item in context["episodic"]] == ["Clara \ufffd moved"]
    assert context["core"] == {"home\ufffd": "Lisbon \ufffd"}


async def test_an_exchange_is_stored_recalled_and_exported(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    for message, response in (("Clara\ud83d moved to Lisbon", "Noted \ude00"), ("ok", "\ud83d\ude00 Dora keeps bees")):
        assert await memories.middleware.store_episode(
            ann, "chat \ud83d", message, response, uuid4(), agent="a\ud83d", recalled=["x\ud83d"]
        )
    assert await memories.middleware.enrichment.run_once() == 2
    records = await memories.records(ann)
    json.dumps(records, ensure_ascii=False).encode()
    (first,) = [record for record in records if record.get("response") == "Noted \ufffd"]
    assert (first["message"], first["session_id"]) == ("Clara\ufffd moved to Lisbon", "chat \ufffd")
    assert "\U0001f600 Dora keeps bees" in [record.get("response") for record in records]
    recalled = await memories.middleware.enrich_context(ann, "Where is Clara \ud83d?")
    json.dumps(context_of(recalled), ensure_ascii=False).encode()
    assert recalled.associative[0].words == ["clara"]


async def test_a_preference_is_refused(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for key, value in (("tea\ud83d", "green"), ("tea", "green\ud83d"), ("tea", {"\ud83d": 1})):
        with pytest.raises(InvalidCoreValue):
            await memories.middleware.update_core(ann, key, value)
    assert not await memories.middleware.delete_core(ann, "tea\ud83d")


async def test_an_entity_is_remembered_changed_and_forgotten(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    change = memories.change
    await change(ann, "create", "task", "t\ud83d", {"title": "Water the ficus \ud83d", "\ud83d": ["\ude00"]})
    await change(ann, "update", "task", "t\ud83d", {"status": "done"})
    (record,) = await memories.records(ann)
    assert record["entity_id"] == "t\ufffd"
    assert record["data"] == {"title": "Water the ficus \ufffd", "\ufffd": ["\ufffd"], "status": "done"}
    assert len((await memories.middleware.enrich_context(ann, "ficus")).associative) == 1
    await change(ann, "delete", "task", "t\ud83d", None)
    assert await memories.records(ann) == []
