"""The sealed index finds what PostgreSQL finds: the same memories, in the same order, with the same scores."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.crypto.rotation import Vectors
from memory.recall.sealed import sealed_search
from memory.recall.search import NO_FLOOR, Floor, Hit, MultilingualQuery, Ranking, SearchQuery, TimeRange, ranked_hits
from memory.segments import Entry, LoadedIndex, Segment, StoredVector
from sql.pool import Pool, open_pool
from sql.statements import Statements
from sql.tenant import configure_server
from tests.memory.rows import MODEL, Person, add_memories, add_person, seeing

STATEMENTS = Statements.load()
WORDS = ["dinner", "lunch", "Lisbon", "Berlin", "budget", "report", "dentist", "garden", "piano"]
NOW = datetime(2026, 5, 5, tzinfo=UTC)


def directions(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(0.2, 1, size=(count, 96)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


class Corpus:
    """The same memories in both indexes."""

    def __init__(self, person: Person, seed: int, count: int) -> None:
        chance = random.Random(seed)
        self.person = person
        self.texts = [" ".join(chance.choices(WORDS, k=chance.randint(0, 8))) or "the" for _ in range(count)]
        self.vectors = directions(count, seed) if chance.random() < 0.8 else None
        conversations = [uuid4() for _ in range(3)]
        self.sessions = [chance.choice([None, *conversations]) for _ in range(count)]
        self.times = [NOW - timedelta(days=chance.randint(0, 30)) for _ in range(count)]
        self.ids: list[UUID] = []
        self.chance = chance

    async def store(self, pool: Pool) -> None:
        self.ids = await add_memories(
            pool, self.person, self.texts, self.vectors, sessions=self.sessions, times=self.times
        )

    def index(self) -> LoadedIndex:
        """Some segments, through their form as bytes; a memory may have an older entry with other words."""
        parts: list[list[Entry]] = [[], [], []]
        for place, (id_, text) in enumerate(zip(self.ids, self.texts, strict=True)):
            terms = self.person.terms.document(text)
            entry = Entry.of(id_, terms.counts, terms.length, self.times[place], self.sessions[place])
            vector = None if self.vectors is None else StoredVector.of(self.vectors[place], self.person.rotation)
            model = None if vector is None else MODEL
            own = self.chance.randrange(3)
            parts[own].append(_with(entry, model, vector, stamp=2))
            if self.chance.random() < 0.3:
                old = self.person.terms.document(" ".join(WORDS))
                parts[(own + 1) % 3].append(Entry.of(id_, old.counts, old.length, NOW, None))
        segments = [Segment.from_bytes(Segment.of(part).to_bytes()) for part in parts]
        return LoadedIndex({uuid4(): segment for segment in segments})


def _with(entry: Entry, model: str | None, vector: StoredVector | None, stamp: int) -> Entry:
    return Entry(
        entry.id, entry.terms, entry.counts, entry.length, entry.created_at, entry.session, model, vector, None, stamp
    )


async def both(
    pool: Pool,
    corpus: Corpus,
    query: SearchQuery,
    plain: Vectors | None,
    limit: int,
    multilingual: Vectors | None = None,
) -> tuple[list[Hit], list[tuple[UUID, tuple[object, ...]]]]:
    async with seeing(pool, corpus.person.user_id) as connection:
        hits = await ranked_hits(connection, STATEMENTS, corpus.person.user_id, query, limit)
    return hits, [(one.id, one.columns) for one in sealed_search(corpus.index(), query, plain, limit, multilingual)]


def compare(query: SearchQuery, hits: list[Hit], sealed: list[tuple[UUID, tuple[object, ...]]]) -> None:
    assert len(sealed) == len(hits)
    for hit, (_, columns) in zip(hits, sealed, strict=True):
        score, bm25, coverage, cosine, matched, exact, translation, vectors = columns
        assert score == pytest.approx(hit.score, abs=1e-3)
        assert (bm25, coverage) == pytest.approx((hit.bm25, hit.coverage), abs=1e-6)
        assert cosine == (None if hit.cosine is None else pytest.approx(hit.cosine, abs=1e-5))
        assert isinstance(matched, int)
        assert {term for bit, term in enumerate(query.terms) if matched >> bit & 1} == set(hit.matched)
        assert exact == hit.exact
        assert vectors == hit.vectors
        expected = hit.multilingual_cosine
        assert translation == (None if expected is None else pytest.approx(expected, abs=1e-5))
    assert [id_ for id_, _ in sealed] == [hit.memory_id for hit in hits]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 40),
    asked=st.lists(st.sampled_from([*WORDS, "zeppelin"]), max_size=4),
    lexical=st.sampled_from([3, 64]),
    semantic=st.sampled_from([4, 100]),
    floor=st.sampled_from(
        [
            Floor(),
            NO_FLOOR,
            Floor(coverage=0.6, cosine=0.1),
            Floor(coverage_weight=0.2, cosine=0.3),
            Floor(coverage_weight=0.2, cosine=0.1, spread_weight=1.5, usual_spread=0.05),
            Floor(2.0, 2.0),
        ]
    ),
    vector=st.booleans(),
    days=st.none() | st.tuples(st.integers(0, 30), st.integers(0, 30)),
    limit=st.sampled_from([2, 8, 50]),
    per_session=st.sampled_from([None, 1, 2]),
    together=st.booleans(),
    multilingual=st.none() | st.sampled_from([-1.0, 0.0, 0.2]),
    other_model=st.booleans(),
)
def test_both_indexes_give_the_same_hits_in_the_same_order(
    database: str,
    seed: int,
    count: int,
    asked: list[str],
    lexical: int,
    semantic: int,
    floor: Floor,
    vector: bool,
    days: tuple[int, int] | None,
    limit: int,
    per_session: int | None,
    together: bool,
    multilingual: float | None,
    other_model: bool,
) -> None:
    ranking = Ranking(lexical_limit=lexical, semantic_limit=semantic, range_limit=5, multilingual_limit=5)
    said = None if days is None else TimeRange(NOW - timedelta(days=max(days)), NOW - timedelta(days=min(days)))
    plain = directions(1, seed + 20_000)[0] if vector else None

    async def run() -> None:
        async with open_pool(database, max_size=1, configure=configure_server) as pool:
            person = await add_person(pool, b"1" * 32)
            corpus = Corpus(person, seed, count)
            await corpus.store(pool)
            terms = person.terms.query(" ".join(asked))
            rotated = None if plain is None else person.rotation.apply(plain)
            words = [0] * len(terms) if together else None
            model, also = (None, None) if plain is None else ("newer", MODEL) if other_model else (MODEL, "older")
            query = SearchQuery(terms, rotated, model, floor, ranking, words, said, per_session, also_model=also)
            query = replace(query, whole_range=together)
            other = None
            if plain is not None and multilingual is not None:
                other = directions(1, seed + 30_000)[0]
                query = replace(query, multilingual=MultilingualQuery(person.rotation.apply(other), multilingual))
            compare(query, *await both(pool, corpus, query, plain, limit, other))

    trio.run(run)
