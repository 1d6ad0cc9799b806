"""What an attacker learns who reads the database without a key, as docs/memory-search.md states it.

These tests fail if the index gives away less than the page says, or more: then the page must change.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np
import psycopg
from cryptography.fernet import Fernet
from psycopg.sql import SQL, Identifier

from bench.memories.attacks import named_by_counts, named_by_inner_products, words_of
from memory.crypto.blind_terms import BlindTerms
from memory.crypto.rotation import Rotation, Vectors
from memory.segments import Entry, Segment
from memory.tiers.associative import AssociativeMemory
from memory.tiers.documents import Document
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FIRST = datetime(2026, 5, 5, tzinfo=UTC)


def embeddings(count: int, seed: int) -> Vectors:
    """Vectors as a model of 384 dimensions makes them: with a common direction, a typical cosine of about 0.6."""
    numbers = np.random.default_rng(seed)
    made = np.ones(384) / np.sqrt(384) * 1.2 + numbers.normal(size=(count, 384)) / np.sqrt(384)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def test_the_limit_of_the_rotation_texts_are_named_from_a_list_of_candidates() -> None:
    candidates = embeddings(200, 1)
    stored = np.random.default_rng(2).permutation(200)[:50]
    without_text = embeddings(50, 3)
    rows = Rotation(Fernet.generate_key()).apply(np.concatenate([candidates[stored], without_text]))
    named = named_by_inner_products(rows, candidates)
    assert (named[:50] == stored).all(), "every text of the list that is stored is named, with no known pair"
    assert (named[50:] == -1).all(), "and no row is named wrongly"


def test_the_limit_of_the_rotation_known_texts_reveal_others() -> None:
    vectors = embeddings(600, 4)
    rows = Rotation(Fernet.generate_key()).apply(vectors)
    found = {}
    for known in (20, 200, 384):
        recovered = rows[400:] @ (np.linalg.pinv(rows[:known]) @ vectors[:known])
        projected = vectors[400:] @ (np.linalg.pinv(vectors[:known]) @ vectors[:known])
        similar = (recovered / np.linalg.norm(recovered, axis=1, keepdims=True)) @ projected.T
        found[known] = float((similar.argmax(axis=1) == np.arange(200)).mean())
    assert found[384] == 1.0, "with as many known texts as dimensions, every other vector is undone"
    assert found[200] > 0.9


def test_without_texts_or_a_list_the_vectors_say_only_which_memories_are_similar() -> None:
    vectors = embeddings(100, 5)
    one, other = (Rotation(Fernet.generate_key()).apply(vectors) for _ in range(2))
    np.testing.assert_allclose(one @ one.T, vectors @ vectors.T, atol=1e-5)
    assert abs(float((one * other).sum(axis=1).mean())) < 0.2, "the same texts of two users have nothing in common"


async def test_the_order_and_the_days_of_terms_tell_nothing(pool: Pool, database: str) -> None:
    """Reading the table of terms, with the readable times of the memories: neither dates nor the order of words."""
    with psycopg.connect(database, autocommit=True) as connection:
        # A new file, so that no row takes the place of a deleted one: `ctid` is then the order of insertion.
        connection.execute("TRUNCATE memory_terms")
    memories = Memories(pool)
    ann = await memories.person()
    numbers, documents = random.Random(1), []
    for number in range(60):
        words = [f"word{numbers.randrange(400)}" for _ in range(12)] + [f"number{number}"]
        documents.append(Document(" ".join(words)))
    associative = AssociativeMemory(memories.vault, None)
    async with memories.vault.writing(ann) as (connection, key):
        cursors = await associative.put_in(connection, ann, key, documents, None)
        ids = [(await cursor.fetchall())[0][0] for cursor in cursors]
    with psycopg.connect(database) as connection:
        rows: dict[UUID, list[bytes]] = {}
        for memory_id, term in connection.execute("SELECT memory_id, term FROM memory_terms ORDER BY ctid").fetchall():
            rows.setdefault(memory_id, []).append(bytes(term))
    assert all(terms == sorted(terms) for terms in rows.values())
    in_order = sum(
        rows[id_] == [key.terms.query(word)[0] for word in dict.fromkeys(document.text.split())]
        for id_, document in zip(ids, documents, strict=True)
    )
    assert in_order == 0
    stored = {term for terms in rows.values() for term in terms}
    assert not stored & {key.terms.query(day)[0] for day in DAYS}


async def test_the_sealed_index_shows_numbers_and_sizes_only(pool: Pool, database: str) -> None:
    """A reader with every text and vector learns nothing from the sealed rows: the attacks above have no input."""
    memories = Memories(pool, embedder=WordEmbedder(), index="sealed")
    ann, bob = await memories.person(), await memories.person()
    texts = [f"Number {number} of the list is in the cellar." for number in range(12)]
    for user_id in (ann, bob):
        async with memories.vault.writing(user_id) as (connection, key):
            documents = [Document(text) for text in texts]
            vectors = await memories.middleware.associative.embed(documents)
            await memories.middleware.associative.put_in(connection, user_id, key, documents, vectors)
    with psycopg.connect(database) as owner:
        for table in ("memory_terms", "memory_signatures", "memory_messages"):
            query = SQL("SELECT count(*) FROM {}").format(Identifier(table))
            assert owner.execute(query).fetchone() == (0,), table
        vectors_left = "SELECT count(*) FROM memory_associative WHERE embedding IS NOT NULL"
        assert owner.execute(vectors_left).fetchone() == (0,)
        sealed = [bytes(row[0]) for row in owner.execute("SELECT segment_encrypted FROM memory_segments").fetchall()]
    assert len(sealed) == 2
    for token in sealed:
        # Random bytes do not compress, whatever the segment repeats.
        assert len(zlib.compress(token)) >= len(token)
    terms = {term for text in texts for term in key.terms.document(text).counts}
    assert not any(term[:8] in token for term in terms for token in sealed)


def test_the_limit_of_the_sealed_index_its_size_tells_how_much_was_said() -> None:
    """What stays visible: the number of memories of a segment, and with its size about how many words they have."""
    terms, ids = BlindTerms(Fernet.generate_key()), [uuid4() for _ in range(50)]
    sizes = []
    for words in (4, 40):
        documents = [terms.document(" ".join(f"w{number}x{n}" for n in range(words))) for number in range(50)]
        entries = [
            Entry.of(id_, document.counts, document.length, FIRST, None)
            for id_, document in zip(ids, documents, strict=True)
        ]
        sizes.append(len(Segment.of(entries).to_bytes()))
    assert sizes[1] > 2 * sizes[0]


def test_the_limit_of_blind_terms_frequent_words_are_guessed_by_their_frequency() -> None:
    """Words beyond the commonest are still the more frequent terms: frequency ranks the two most frequent rightly."""
    terms = BlindTerms(Fernet.generate_key())
    texts = [f"project apollo detail{n}" if n % 3 else f"project berlin detail{n}" for n in range(60)]
    counted = Counter(term for text in texts for term in terms.document(text).counts)
    guessed = [term for term, _ in counted.most_common(2)]
    assert guessed == [terms.query(word)[0] for word in ("project", "apollo")]


def _texts(count: int, seed: int) -> list[str]:
    """Texts of about 30 words that occur as often as words of real texts do: the n-th word with weight 1/n."""
    numbers = random.Random(seed)
    words = [f"word{number}" for number in range(400)]
    weights = [1 / number for number in range(1, 401)]
    return [" ".join(numbers.choices(words, weights, k=numbers.randrange(20, 40))) for _ in range(count)]


def test_the_limit_of_blind_terms_numbers_of_words_name_texts_of_a_list() -> None:
    """Without vectors: how often the words of a text occur is nearly unique, and the same in its rows."""
    terms, listed = BlindTerms(Fernet.generate_key()), _texts(200, 1)
    rows = [terms.document(text).counts for text in [*listed[:50], *_texts(50, 2)]]
    named = named_by_counts(rows, listed)
    right = int((named[:50] == np.arange(50)).sum())
    assert right > 30
    assert int((named >= 0).sum()) - right < right / 2


def test_the_limit_of_blind_terms_named_texts_give_the_words_of_other_rows() -> None:
    """A term is the word that is in the same named texts. Then that word is read in every other row that has it."""
    terms, listed, others = BlindTerms(Fernet.generate_key()), _texts(150, 1), _texts(150, 2)
    rows = [terms.document(text).counts for text in [*listed, *others]]
    found = words_of(rows, dict(enumerate(listed)))
    assert len(found) > 150
    assert all(terms.query(stem)[:1] == [term] for term, stem in found.items())
    unlisted = [term for row in rows[150:] for term in row]
    assert sum(term in found for term in unlisted) / len(unlisted) > 0.8
