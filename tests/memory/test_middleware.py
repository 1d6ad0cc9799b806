"""Recall before an answer and remembering after it, on a real database."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from memory.crypto.cipher import Cipher
from memory.keys.master import KeyRing
from memory.tiers.core import MAX_VALUES, CoreMemory, InvalidCoreValue, PreferenceChanged, TooManyPreferences
from memory.tiers.episodic import summary_purpose
from memory.vault import NoSuchUser
from person import ENGLISH
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder


async def test_what_was_told_is_recalled_with_the_reason(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    await memories.tell(ann, "The boiler was repaired in March.", "Good to know.")

    context = await memories.context(ann, "Where did Clara move?")
    best = context["associative"][0]
    assert "Clara moved to Lisbon" in best["text"]
    assert best["why"]["rank"] == 1
    assert best["why"]["exact"] is True
    assert set(best["why"]["terms"]) == {"clara", "move"}
    assert best["why"]["cosine"] > 0.3
    assert [episode["summary"] for episode in context["episodic"]] == [
        "The boiler was repaired in March. → Good to know.",
        "My sister Clara moved to Lisbon. → Noted.",
    ]


async def test_nothing_is_recalled_that_has_nothing_to_do_with_the_message(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    context = await memories.context(ann, "How warm does tea get?")
    assert context["associative"] == []
    assert context["core"] == {}


async def test_without_an_embedder_words_find(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.")
    recalled = await memories.middleware.enrich_context(ann, "Clara?")
    assert not recalled.semantic
    assert [found.cosine for found in recalled.associative] == [None]
    assert recalled.associative[0].reason(ENGLISH) == "matches clara"


async def test_a_failing_embedder_leaves_words(pool: Pool) -> None:
    embedder = WordEmbedder()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.")
    embedder.failing = True
    recalled = await memories.middleware.enrich_context(ann, "Clara?")
    assert len(recalled.associative) == 1
    assert not recalled.semantic


async def test_one_never_recalls_what_another_statements(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann, ben = await memories.person(), await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon. Call me Annie.")
    context = await memories.context(ben, "Clara moved to Lisbon")
    assert context == {"core": {}, "associative": [], "episodic": [], "proactive": []}
    assert await memories.records(ben) == []


async def test_rows_hold_ciphertext_that_the_users_key_opens(pool: Pool, database: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    await memories.middleware.update_core(ann, "favourite_tea", "Darjeeling")
    await memories.tell(ann, "My sister Clara moved to Lisbon.", "Noted.")
    with psycopg.connect(database) as connection:
        everything = connection.execute(
            "SELECT (SELECT json_agg(m)::text FROM memory_core m), (SELECT json_agg(m)::text FROM memory_episodic m),"
            " (SELECT json_agg(m)::text FROM memory_associative m), (SELECT json_agg(m)::text FROM memory_terms m)"
        ).fetchone()
        assert everything is not None
        for secret in ("Darjeeling", "Clara", "clara", "Lisbon", "Noted"):
            assert secret not in str(everything)
            assert secret.encode().hex() not in str(everything)
        stored = connection.execute(
            "SELECT encryption_key, id, summary_encrypted FROM users, memory_episodic"
        ).fetchone()
    assert stored is not None
    cipher = Cipher(ann, KeyRing(memories.master_keys).unwrap(ann, bytes(stored[0])))
    assert "Clara moved to Lisbon" in cipher.unseal(summary_purpose(stored[1]), stored[2])


async def test_an_episode_is_stored_once_per_request(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    request_id = uuid4()
    assert await memories.middleware.store_episode(ann, None, "first", "one", request_id)
    assert not await memories.middleware.store_episode(ann, None, "again", "two", request_id)
    assert [record["message"] for record in await memories.records(ann)] == ["first"]
    assert await memories.middleware.enrichment.run_once() == 1
    assert await memories.middleware.enrichment.run_once() == 0


async def test_preferences_are_learned_and_the_newest_wins_with_history(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.tell(ann, "Call me Annie, please.")
    await memories.tell(ann, "From now on call me Ann. My week starts on Sunday.")
    context = await memories.context(ann, "hello")
    assert context["core"] == {"preferred_name": "Ann", "week_start": "sunday"}
    (record,) = [record for record in await memories.records(ann) if record.get("key") == "preferred_name"]
    assert [entry["value"] for entry in record["history"]] == ["Annie"]  # type: ignore[attr-defined]

    await memories.middleware.update_core(ann, "preferred_name", "Dr. Doe")
    assert (await memories.context(ann, "hello"))["core"]["preferred_name"] == "Dr. Doe"
    assert await memories.middleware.delete_core(ann, "preferred_name")
    assert not await memories.middleware.delete_core(ann, "preferred_name")


async def test_an_older_statement_that_is_learned_late_does_not_win(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "Call me Annie", "ok")
    await memories.middleware.update_core(ann, "preferred_name", "Ann")
    await memories.middleware.enrichment.run_once()
    assert (await memories.context(ann, "hi"))["core"] == {"preferred_name": "Ann"}


async def test_a_preference_that_is_not_set_says_why(pool: Pool) -> None:
    memories = Memories(pool)
    ann, core = await memories.person(), CoreMemory(memories.vault)
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    await core.update(ann, "tea", "green", late)
    with pytest.raises(PreferenceChanged):
        await core.update(ann, "tea", "black", early)
    await core.delete(ann, "tea")
    with pytest.raises(PreferenceChanged):
        await core.update(ann, "tea", "black", late)
    for number in range(MAX_VALUES):
        await core.update(ann, f"k{number}", number, late)
    with pytest.raises(TooManyPreferences):
        await core.update(ann, "one more", 1, late)
    await core.update(ann, "k0", "again", late)
    context = await memories.context(ann, "x")
    assert context["core"] == {f"k{number}": number for number in range(1, MAX_VALUES)} | {"k0": "again"}
    # The store has no room for learned preferences either, and that delays nothing.
    await memories.tell(ann, "Call me Ann. My sister Clara moved to Lisbon.")
    assert len((await memories.context(ann, "Clara"))["associative"]) == 1


@pytest.mark.parametrize("key", ["", "  ", "x" * 101, "a\nb", "nul\x00"])
async def test_names_that_are_no_names(pool: Pool, key: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    with pytest.raises(InvalidCoreValue):
        await memories.middleware.update_core(ann, key, "value")


async def test_values_of_any_json_within_bounds(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for value in (
        "text",
        1,
        2.5,
        True,
        None,
        ["a"],
        {"b": "\x00 \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")},
    ):
        await memories.middleware.update_core(ann, "k", value)
        assert (await memories.context(ann, "x"))["core"] == {"k": value}
    for bad in (float("nan"), "\ud800", object(), "x" * 5000):
        with pytest.raises(InvalidCoreValue):
            await memories.middleware.update_core(ann, "k", bad)


async def test_what_was_recalled_is_not_learned_again(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon.")
    recalled = await memories.middleware.enrich_context(ann, "Where does Clara live?")
    before = [record for record in await memories.records(ann) if record["tier"] == "associative"]
    await memories.tell(ann, "Where did Clara move?", "Your sister Clara moved to Lisbon.", recalled=recalled.texts())
    after = [record for record in await memories.records(ann) if record["tier"] == "associative"]
    assert after == before


async def test_saying_it_again_makes_the_old_memory_new(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    await memories.tell(ann, "My sister Clara moved to Lisbon last spring.")
    await memories.tell(ann, "my sister Clara moved to lisbon last spring")
    await memories.tell(ann, "My sister Clara moved to Lisbon, last spring it was.")
    (record,) = [record for record in await memories.records(ann) if record["tier"] == "associative"]
    assert record["text"] == "My sister Clara moved to Lisbon, last spring it was."
    assert record["hits"] == 2
    # The terms of the old words were deleted too.
    context = await memories.context(ann, "Clara")
    assert len(context["associative"]) == 1


async def test_mutations_upsert_an_entity_and_deleting_removes_it(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    change = memories.change
    await change(
        ann, "create", "task", "t1", {"title": "Water the ficus", "dueDate": 1_800_000_000_000, "projectId": "p"}
    )
    await change(ann, "update", "task", "t1", {"status": "done"})
    context = await memories.context(ann, "ficus")
    (found,) = context["associative"]
    assert found["entity"] == ["task", "t1"]
    assert found["text"] == "task\ntitle: Water the ficus\nstatus: done\ndue date: Friday 15 January 2027"
    await change(ann, "delete", "task", "t1", None)
    assert (await memories.context(ann, "ficus"))["associative"] == []
    await change(ann, "delete", "task", "t1", None)


async def test_a_tampered_row_is_reported_and_skipped(pool: Pool, database: str) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    await memories.middleware.update_core(ann, "home", "1")
    await memories.middleware.update_core(ann, "two", "2")
    await memories.tell(ann, "Clara moved to Lisbon.")
    await memories.tell(ann, "Clara sings in a choir.")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE memory_core SET value_encrypted = set_byte(value_encrypted, 30, get_byte(value_encrypted, 30) # 1)"
            " WHERE key = 'home'"
        )
        # A token that is moved to another row cannot be decrypted there.
        connection.execute(
            "UPDATE memory_associative a SET content_encrypted ="
            " (SELECT content_encrypted FROM memory_associative b WHERE b.id <> a.id)"
            " WHERE id = (SELECT id FROM memory_associative LIMIT 1)"
        )
    recalled = await memories.middleware.enrich_context(ann, "Clara")
    assert [key for _, key, _ in recalled.core] == ["two"]
    assert len(recalled.associative) == 1
    assert sorted(memories.unreadable) == ["associative", "core"]
    assert sum(1 for record in await memories.records(ann) if record.get("unreadable")) == 2


async def test_forgetting_a_memory_forgets_the_episode_it_came_from(pool: Pool) -> None:
    memories = Memories(pool)
    ann, ben = await memories.person(), await memories.person()
    await memories.tell(ann, "Clara moved to Lisbon.")
    await memories.tell(ann, "The boiler was repaired.")
    (found,) = (await memories.middleware.enrich_context(ann, "Clara")).associative
    assert (await memories.middleware.forget(ben, found.id)).tiers == []
    assert (await memories.middleware.forget(ann, found.id)).tiers == ["associative", "episodic"]
    assert (await memories.middleware.forget(ann, found.id)).tiers == []
    assert not [record for record in await memories.records(ann) if "Clara" in str(record)]
    assert len(await memories.records(ann)) == 2


async def test_forgetting_an_episode_that_is_not_enriched_yet(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "Clara moved to Lisbon.", "")
    (record,) = await memories.records(ann)
    assert (await memories.middleware.forget(ann, UUID(str(record["id"])))).tiers == ["episodic"]
    assert await memories.middleware.enrichment.run_once() == 0
    assert await memories.records(ann) == []


async def test_a_user_that_does_not_exist(pool: Pool) -> None:
    memories = Memories(pool)
    for act in (
        memories.context(uuid4(), "x"),
        memories.middleware.store_episode(uuid4(), None, "x", "y"),
        memories.middleware.update_core(uuid4(), "x", "y"),
        memories.middleware.erase(uuid4()),
    ):
        with pytest.raises(NoSuchUser):
            await act


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("我住在柏林", "我住在哪里？"),
        ("我的猫叫咪咪", "我的猫叫什么名字？"),
        ("我的生日是五月五号", "我的生日是什么时候？"),
        ("猫の名前はタマです", "私の猫の名前は何ですか？"),
        ("東京に住んでいます", "どこに住んでいますか"),
        ("고양이 이름은 나비예요", "내 고양이 이름은 뭐야?"),
    ],
)
async def test_words_answer_questions_in_scripts_without_spaces(pool: Pool, told: str, asked: str) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    for said in (told, "明天去看医生", "明日は歯医者に行きます", "내일 치과에 가요"):
        await memories.tell(ann, said)
    found = (await memories.context(ann, asked))["associative"]
    assert found
    assert told in found[0]["text"]


async def test_an_incomplete_exchange_is_recalled_as_incomplete_also_after_it_was_enriched(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await memories.middleware.store_episode(ann, None, "When is the rent due?", "On Fri", complete=False)
    await memories.middleware.store_episode(ann, None, "Thanks", "You are welcome.")
    for _ in range(2):
        recalled = await memories.middleware.enrich_context(ann, "rent")
        assert sorted(item.complete for item in recalled.episodic) == [False, True]
        notes = [item.get("note") for item in recalled.prompt()["earlier_conversations"]]
        assert sorted(note is None for note in notes) == [False, True]
        assert all(isinstance(item.summary, str) for item in recalled.episodic)
        await memories.middleware.enrichment.run_once()
    records = [record for record in await memories.records(ann) if record["tier"] == "episodic"]
    assert sorted(bool(record["complete"]) for record in records) == [False, True]
    assert all(isinstance(record["summary"], str) for record in records)
