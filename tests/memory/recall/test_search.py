"""Search in a real database: the same scores as a library on unencrypted text, and only the user's memories."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import bm25s
import numpy as np
import pytest

from memory.crypto.rotation import Vectors
from memory.recall.search import MAX_QUERY_TERMS, NO_FLOOR, Floor, Hit, Ranking, SearchQuery, TimeRange, ranked_hits
from memory.text.analyser import Analyser
from sql.pool import Pool
from sql.statements import Statements
from tests.memory.recall.fusion import fused
from tests.memory.rows import MODEL, Person, add_memories, add_person, seeing

STATEMENTS = Statements.load()
VOCABULARY = [
    "dinner",
    "lunch",
    "Lisbon",
    "Berlin",
    "Sarah",
    "Ahmed",
    "budget",
    "report",
    "meeting",
    "dentist",
    "garden",
    "piano",
    "marathon",
    "passport",
    "invoice",
    "flight",
    "recipe",
    "birthday",
    "novel",
    "guitar",
    "contract",
    "review",
    "slides",
    "deadline",
    "vacation",
    "training",
    "project",
    "landlord",
    "tomatoes",
    "coffee",
]


def sentences(count: int, seed: int) -> list[str]:
    """Texts of different lengths with the word frequencies of a language; one has no words."""
    generator = random.Random(seed)
    weights = [1 / rank for rank in range(1, len(VOCABULARY) + 1)]
    return [
        "the",
        *(" ".join(generator.choices(VOCABULARY, weights, k=generator.randint(1, 40))) for _ in range(count - 1)),
    ]


def directions(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(0.2, 1, size=(count, 384)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def clear_bm25(texts: list[str], query: str, ranking: Ranking) -> list[float]:
    """The scores of bm25s for the same tokens, unencrypted."""
    analyser = Analyser()
    tokens = [[word.term for word in analyser.words(text)] for text in texts]
    retriever = bm25s.BM25(method="lucene", k1=ranking.k1, b=ranking.b, dtype="float64")
    retriever.index(tokens, show_progress=False)
    asked = list({word.term for word in analyser.words(query)})
    scores: list[float] = retriever.get_scores(asked).tolist()
    return scores


async def find(pool: Pool, person: Person, query: SearchQuery, limit: int = 1000) -> list[Hit]:
    async with seeing(pool, person.user_id) as connection:
        return await ranked_hits(connection, STATEMENTS, person.user_id, query, limit)


@pytest.mark.parametrize("ranking", [Ranking(lexical_limit=1000), Ranking(k1=1.2, b=0.4, lexical_limit=1000)])
async def test_blind_scores_are_the_clear_ones(pool: Pool, ranking: Ranking) -> None:
    texts = sentences(200, seed=1)
    person = await add_person(pool, b"1" * 32)
    ids = await add_memories(pool, person, texts)
    # The memories of another user must not count, not even in the frequencies.
    await add_memories(pool, await add_person(pool, b"1" * 32), sentences(50, seed=2))
    for question in (
        "dinner in Lisbon",
        "Sarah's coffee",
        "what about the tomatoes and the zeppelin?",
        *VOCABULARY[:5],
    ):
        query = SearchQuery(person.terms.query(question), floor=NO_FLOOR, ranking=ranking)
        found = {hit.memory_id: hit.bm25 for hit in await find(pool, person, query)}
        expected = clear_bm25(texts, question, ranking)
        assert found == pytest.approx(
            {memory_id: score for memory_id, score in zip(ids, expected, strict=True) if score > 0}, abs=1e-6
        )


async def test_the_parts_are_added_as_the_reference_does(pool: Pool) -> None:
    texts, vectors = sentences(150, seed=3), directions(151, seed=4)
    person = await add_person(pool, b"1" * 32)
    conversations = [uuid4() for _ in range(10)]
    places = [random.Random(place).randrange(12) for place in range(150)]
    sessions = [conversations[place] if place < 10 else None for place in places]
    ids = await add_memories(pool, person, texts, vectors[:150], sessions=sessions)
    question = "dinner with Ahmed about the budget"
    cosines = (vectors[:150] @ vectors[150]).tolist()
    wide = Ranking(lexical_limit=1000, semantic_limit=1000)
    for ranking in (
        wide,
        replace(wide, lexical_weight=0.0, semantic_weight=0.0, rank_weight=0.0),
        replace(wide, session_weight=0.0, rank_weight=0.0),
        replace(wide, lexical_weight=0.0, session_weight=0.0, semantic_weight=0.0, rank_offset=60.0),
    ):
        query = SearchQuery(person.terms.query(question), person.rotation.apply(vectors[150]), MODEL, NO_FLOOR, ranking)
        hits = await find(pool, person, query)
        bm25 = clear_bm25(texts, question, ranking)
        session_bm25 = session_scores(texts, sessions, question, ranking)
        expected = dict(zip(ids, fused(bm25, session_bm25, cosines, ranking), strict=True))
        assert {hit.memory_id: hit.score for hit in hits} == pytest.approx(expected, abs=1e-4)
        assert [hit.score for hit in hits] == sorted([hit.score for hit in hits], reverse=True)
        assert [hit.rank for hit in hits] == list(range(1, 151))
        by_id = {hit.memory_id: hit.cosine for hit in hits}
        assert by_id == pytest.approx(dict(zip(ids, cosines, strict=True)), abs=1e-5)
        assert all(hit.exact for hit in hits)


def session_scores(texts: list[str], sessions: Sequence[UUID | None], query: str, ranking: Ranking) -> list[float]:
    """For each text the score by bm25s of its conversation, taken as one text. A text without one is its own."""
    keys = [session or place for place, session in enumerate(sessions)]
    whole = {key: " ".join(text for text, other in zip(texts, keys, strict=True) if other == key) for key in keys}
    scores = dict(zip(whole, clear_bm25(list(whole.values()), query, ranking), strict=True))
    return [scores[key] for key in keys]


async def test_the_smallest_cosine_is_that_of_all_memories_not_of_the_compared(pool: Pool) -> None:
    vectors = directions(601, seed=14)
    person = await add_person(pool, b"1" * 32)
    await add_memories(pool, person, ["the"] * 600, vectors[:600])
    scores = []
    for limit in (100, 1000):
        ranking = Ranking(semantic_limit=limit, rank_weight=0.0)
        query = SearchQuery([], person.rotation.apply(vectors[600]), MODEL, NO_FLOOR, ranking)
        scores.append([hit.score for hit in await find(pool, person, query, limit=50)])
    # The estimate from signatures is near the exact value, which would be 0 for the last compared one otherwise.
    assert scores[0] == pytest.approx(scores[1], rel=0.08)


async def test_one_conversation_has_at_most_the_given_number_of_hits(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    long, short = uuid4(), uuid4()
    texts = [f"dinner in Lisbon {number}" for number in range(6)]
    ids = await add_memories(pool, person, texts, sessions=[long, long, long, long, short, None])
    query = SearchQuery(person.terms.query("dinner in Lisbon"), floor=NO_FLOOR)
    everything = [hit.memory_id for hit in await find(pool, person, query)]
    assert len(everything) == 6
    limited = [hit.memory_id for hit in await find(pool, person, replace(query, per_session=2))]
    assert limited == [one for one in everything if one in [*[i for i in everything if i in ids[:4]][:2], *ids[4:]]]


async def test_memories_of_a_range_of_time_come_first(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    days = [datetime(2026, 5, day, tzinfo=UTC) for day in (1, 10, 20)]
    ids = await add_memories(pool, person, ["dinner in Lisbon"] * 3, times=days)
    said = TimeRange(datetime(2026, 5, 8, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC))
    for terms in (person.terms.query("dinner"), []):
        query = SearchQuery(terms, said=said)
        hits = await find(pool, person, query)
        assert hits[0].memory_id == ids[1]
        assert len(hits) == (3 if terms else 1)


async def test_a_word_with_several_terms_counts_once(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    texts = ["dinner", "supper dinner", "supper", "walk"]
    ids = await add_memories(pool, person, texts)
    dinner, supper, walk = (person.terms.query(word)[0] for word in ("dinner", "supper", "walk"))
    query = SearchQuery([dinner, supper, walk], words=[0, 0, 1], floor=NO_FLOOR)
    hits = {hit.memory_id: hit for hit in await find(pool, person, query)}
    assert set(hits) == set(ids)
    assert 0 < hits[ids[0]].coverage < 1
    assert hits[ids[2]].coverage == pytest.approx(hits[ids[0]].coverage)
    assert hits[ids[1]].matched == (dinner, supper)


async def test_an_unknown_word_does_not_hide_what_the_others_find(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    ids = await add_memories(pool, person, ["dinner in Lisbon", *["tomatoes"] * 9])
    words = person.terms.query("Lisbon zeppelin xylophone accordion")
    (hit,) = await find(pool, person, SearchQuery(words, floor=Floor(unknown_weight=0.0)))
    assert hit.memory_id == ids[0]
    assert hit.coverage == pytest.approx(1)
    assert await find(pool, person, SearchQuery(words, floor=Floor(unknown_weight=1.0))) == []


async def test_all_words_of_a_near_memory_count_wherever_it_stands_by_words(pool: Pool) -> None:
    texts, vectors = sentences(100, seed=11), directions(101, seed=12)
    person = await add_person(pool, b"1" * 32)
    ids = await add_memories(pool, person, texts, vectors[:100])
    question = "dinner with Ahmed about the budget"
    ranking = Ranking(lexical_limit=1, semantic_limit=1000)
    query = SearchQuery(person.terms.query(question), person.rotation.apply(vectors[100]), MODEL, NO_FLOOR, ranking)
    hits = {hit.memory_id: hit for hit in await find(pool, person, query)}
    bm25 = clear_bm25(texts, question, ranking)
    assert {memory_id: hit.bm25 for memory_id, hit in hits.items()} == pytest.approx(
        dict(zip(ids, bm25, strict=True)), abs=1e-6
    )
    assert all(bool(hit.matched) == (hit.bm25 > 0) for hit in hits.values())


async def test_of_many_vectors_those_of_near_signatures_are_compared(pool: Pool) -> None:
    vectors = directions(1000, seed=5)
    person = await add_person(pool, b"1" * 32)
    ids = await add_memories(pool, person, ["the"] * 1000, vectors)
    asked = vectors[:20] + 0.6 * directions(20, seed=6)
    for vector in asked / np.linalg.norm(asked, axis=1, keepdims=True):
        query = SearchQuery([], person.rotation.apply(vector), MODEL, NO_FLOOR, Ranking(semantic_limit=200))
        hits = await find(pool, person, query, limit=10)
        best = np.argsort(-(vectors @ vector))[:10]
        assert [hit.memory_id for hit in hits] == [ids[place] for place in best]
        assert not any(hit.exact for hit in hits)


async def test_a_hit_says_which_words_it_shares_and_how_much_of_the_query(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    texts = ["dinner with Sarah", "dinner alone", "a walk"]
    ids = await add_memories(pool, person, texts)
    asked = person.terms.query_words("Is Sarah at the dinner?")
    hits = await find(pool, person, SearchQuery(list(asked)))
    assert [(hit.memory_id, [asked[term] for term in hit.matched]) for hit in hits] == [
        (ids[0], ["sarah", "dinner"]),
        (ids[1], ["dinner"]),
    ] or [hit.memory_id for hit in hits] == [ids[0]]
    assert hits[0].content_encrypted == b"dinner with Sarah"
    assert hits[0].coverage == pytest.approx(1)  # however long it is
    assert all(0 < hit.coverage < 1 for hit in hits[1:])
    assert hits[0].cosine is None


async def test_below_the_floor_nothing_is_found(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    vectors = directions(31, seed=7)
    ids = await add_memories(pool, person, ["dinner in Lisbon", *["tomatoes"] * 29], vectors[:30])
    question = person.terms.query("dinner invoices contracts slides deadlines training")
    query = SearchQuery(question, person.rotation.apply(vectors[30]), MODEL, Floor(0.0, 1.0))
    coverage = {hit.memory_id: hit.coverage for hit in await find(pool, person, query)}[ids[0]]
    for floor, found in ((coverage - 0.001, [ids[0]]), (coverage + 0.001, [])):
        hits = await find(pool, person, replace(query, floor=Floor(floor, 0.99)))
        assert [hit.memory_id for hit in hits] == found
    near = float(vectors[0] @ vectors[30])
    hits = await find(pool, person, replace(query, floor=Floor(1.0, near - 0.001)))
    assert ids[0] in [hit.memory_id for hit in hits]


async def test_vectors_of_another_model_are_not_compared(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    vectors = directions(2, seed=8)
    (mine,) = await add_memories(pool, person, ["dinner"], vectors[:1])
    (other,) = await add_memories(pool, person, ["dinner again"], vectors[:1], model="another")
    (without,) = await add_memories(pool, person, ["dinner at last"])
    query = SearchQuery(person.terms.query("dinner"), person.rotation.apply(vectors[0]), MODEL, NO_FLOOR)
    cosines = {hit.memory_id: hit.cosine for hit in await find(pool, person, query)}
    assert cosines == {mine: pytest.approx(1, abs=1e-5), other: None, without: None}


async def test_another_users_memories_are_not_found_even_by_their_id(pool: Pool) -> None:
    mine, theirs = await add_person(pool, b"1" * 32), await add_person(pool, b"1" * 32)
    await add_memories(pool, theirs, ["dinner in Lisbon"])
    query = SearchQuery(mine.terms.query("dinner in Lisbon"), floor=NO_FLOOR)
    assert await find(pool, mine, query) == []
    async with seeing(pool, mine.user_id) as connection:
        assert await ranked_hits(connection, STATEMENTS, theirs.user_id, query, 10) == []
    assert len(await find(pool, theirs, query)) == 1


async def test_nothing_to_look_for_and_nothing_to_find(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    vector = person.rotation.apply(directions(1, seed=9)[0])
    assert await find(pool, person, SearchQuery([])) == []
    assert await find(pool, person, SearchQuery(person.terms.query("dinner"), vector, MODEL)) == []
    await add_memories(pool, person, ["dinner"])
    assert await find(pool, person, SearchQuery([], floor=NO_FLOOR)) == []
    assert await find(pool, person, SearchQuery([], vector, MODEL, NO_FLOOR)) == []


async def test_the_limit_keeps_the_best(pool: Pool) -> None:
    person = await add_person(pool, b"1" * 32)
    await add_memories(pool, person, sentences(100, seed=10))
    query = SearchQuery(person.terms.query("dinner in Lisbon"), floor=NO_FLOOR)
    everything = await find(pool, person, query)
    assert await find(pool, person, query, limit=7) == everything[:7]


def test_of_a_long_query_both_ends_are_used() -> None:
    terms = [bytes([number]) * 16 for number in range(100)]
    query = SearchQuery(terms)
    assert query.terms == [*terms[:30], *terms[-30:]]
    assert len(SearchQuery(terms[:MAX_QUERY_TERMS]).terms) == MAX_QUERY_TERMS


def test_a_vector_comes_with_the_name_of_its_model() -> None:
    with pytest.raises(ValueError, match="name"):
        SearchQuery([], np.zeros(1536, np.float32))
    with pytest.raises(ValueError, match="name"):
        SearchQuery([], None, MODEL)


@pytest.mark.parametrize(("known", "planned"), [(999, (0, 12)), (1000, (12, 0))])
async def test_a_connection_plans_the_search_once_if_the_statistics_know_its_tables(
    pool: Pool, known: int, planned: tuple[int, int]
) -> None:
    person = await add_person(pool, b"1" * 32)
    await add_memories(pool, person, ["Sarah had dinner in Lisbon."])
    query = SearchQuery(list(person.terms.query("Lisbon")), floor=NO_FLOOR)
    async with seeing(pool, person.user_id) as connection:
        await connection.execute("RESET ROLE")
        await connection.execute(
            "UPDATE pg_class SET reltuples = 5000 WHERE relname LIKE 'memory\\_%' AND relkind = 'r'"
        )
        await connection.execute("UPDATE pg_class SET reltuples = %s WHERE relname = 'memory_terms'", [known])
        await connection.execute("SET LOCAL ROLE tessera_server")
        for _ in range(12):
            assert len(await ranked_hits(connection, STATEMENTS, person.user_id, query, 3)) == 1
        cursor = await connection.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%lexical%'"
            " AND statement NOT LIKE '%generic_plans%' AND prepare_time > now()"
        )
        assert await cursor.fetchall() == [planned]
        for setting, usual in (("plan_cache_mode", "auto"), ("enable_nestloop", "on"), ("enable_seqscan", "on")):
            assert await (await connection.execute(f"SHOW {setting}")).fetchone() == (usual,)
        await connection.execute("RESET ROLE")
        await connection.execute("UPDATE pg_class SET reltuples = -1 WHERE relname LIKE 'memory\\_%' AND relkind = 'r'")
