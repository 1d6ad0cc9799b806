"""What a reader of the database learns without a key: attacks on rows that the server has stored.

The attacker has the database, the embedding model, and public texts of the same kind as the stored ones. Each attack
reads the tables as their owner. docs/memory-search.md has the table that this prints.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray

from bench.memories.corpus import read_corpus
from bench.memories.environment import Environment
from memory.crypto import Vectors
from memory.embedding import Embedder
from memory.keys import UserKey
from memory.maintenance import IndexChange
from memory.text import WEEKDAYS, Analyser
from memory.tiers import Document

_CHARS: Final = 400
_LISTED: Final = 657
_STORED: Final = 150
_KNOWN: Final = (20, 100, 200, 384, 600, 896)
_TOLERANCE: Final = 2e-6
_FREQUENT: Final = (10, 30, 100)
_DATED: Final = 300
_MONTHS: Final = (
    "january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
"""Without "may", which is also another word."""
_FIRST: Final = datetime(2025, 1, 1, tzinfo=UTC)
_TABLES: Final = ("memory_terms", "memory_signatures", "memory_messages")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A person's rows as the attacker reads them, in the order of `texts`; and the key, which judges the guesses."""

    key: UserKey
    texts: Sequence[str]
    vectors: Vectors
    terms: Sequence[Mapping[bytes, int]]
    """For each row its terms in the order of the table, with their number of occurrences."""
    times: Sequence[datetime]

    def truth(self) -> dict[bytes, str]:
        """The stem that each term means."""
        found: dict[bytes, str] = {}
        for text in self.texts:
            stems = dict.fromkeys(word.term for word in Analyser().indexed(text))
            found.update(zip(self.key.terms.query_words(text), stems, strict=True))
        return found


async def measure_attacks(environment: Environment, embedder: Embedder, path: Path) -> None:
    """Store texts of the corpus at `path`, attack the rows, and print a Markdown table."""
    found = (item.text[:_CHARS].strip() for one in read_corpus(path) for item in one.items)
    texts = [text for text in dict.fromkeys(found) if len(text) > _CHARS // 2]
    random.Random(1).shuffle(texts)
    listed, others = texts[:_LISTED], texts[_LISTED:]
    print(f"\n{_LISTED} texts of `{path.name}` are the attacker's list. A vector has {embedder.dimensions} numbers.")
    print(f"A person has {2 * _STORED} memories: {_STORED} texts of the list and {_STORED} others.\n")
    print("| a reader of the database | result |\n|---|---|")
    candidates = await embedder.embed_documents(listed)
    rows = await _store(environment, [Document(text) for text in [*listed[:_STORED], *others[:_STORED]]])
    named = named_by_inner_products(rows.vectors, candidates)
    _say("names the texts of the list by the cosines between rows", _judged(named))
    _say("the same by the numbers of words alone, without vectors", _judged(named_by_counts(rows.terms, listed)))
    pairs = words_of(rows.terms, {row: listed[text] for row, text in enumerate(named) if text >= 0})
    truth = rows.truth()
    right = {term for term, stem in pairs.items() if truth[term] == stem}
    unlisted = [term for terms in rows.terms[_STORED:] for term in terms]
    read = sum(term in right for term in unlisted) / len(unlisted)
    _say("then reads words by the named texts in which they are", f"{len(right)} of {len(pairs)} rightly")
    _say("so of the indexed words of the other texts", f"{read:.0%} are read")
    for count in _FREQUENT:
        right_ones = _guessed(rows, others[_STORED:], count)
        _say(f"guesses the words of the {count} most frequent terms by frequency alone", f"{right_ones} rightly")
    known = await _store(environment, [Document(text) for text in texts])
    originals = await embedder.embed_documents(texts)
    for count in (one for one in _KNOWN if one <= len(texts) - _STORED):
        share, cosine = _undone(known.vectors, originals, count)
        result = f"{share:.0%}; cosine of the undone vectors with the true ones {cosine:.2f}"
        _say(f"with {count} known texts, names the text of another row out of {_STORED}", result)
    dated, in_order = await _dates_and_order(environment, texts)
    _say("finds the terms of weekdays and months by the times of the rows", f"{dated} of {7 + len(_MONTHS)}")
    _say("reads the order of the words of a text from the order of its rows", f"{in_order} of {_DATED} texts")
    _say("has as input for all of this with the sealed index", f"{await _left_sealed(environment, rows)} rows")


def _say(attack: str, result: str) -> None:
    print(f"| {attack} | {result} |", flush=True)


def _judged(named: NDArray[np.int64]) -> str:
    right = int((named[:_STORED] == np.arange(_STORED)).sum())
    return f"{right} of {_STORED}, and {int((named >= 0).sum()) - right} wrongly"


async def _store(environment: Environment, documents: Sequence[Document]) -> _Stored:
    user_id = await environment.person()
    store, vault = environment.middleware.associative, environment.vault
    vectors = await store.embedded(documents)
    async with vault.writing(user_id) as (connection, key):
        cursors = await store.put_in(connection, user_id, key, documents, vectors)
        ids = [(await cursor.fetchone() or (None,))[0] for cursor in cursors]
    with psycopg.connect(environment.conninfo) as owner:
        memories = "SELECT id, embedding::text, created_at FROM memory_associative WHERE user_id = %s"
        rows: dict[UUID, tuple[Any, ...]] = {row[0]: row for row in owner.execute(memories, [user_id]).fetchall()}
        terms: dict[UUID, dict[bytes, int]] = defaultdict(dict)
        inserted = "SELECT memory_id, term, tf FROM memory_terms WHERE user_id = %s ORDER BY ctid"
        for memory_id, term, count in owner.execute(inserted, [user_id]).fetchall():
            terms[memory_id][bytes(term)] = count
    return _Stored(
        key,
        [document.text for document in documents],
        np.array([np.fromstring(rows[id_][1].strip("[]"), np.float32, sep=",") for id_ in ids]),
        [terms[id_] for id_ in ids],
        [rows[id_][2] for id_ in ids],
    )


def named_by_inner_products(rows: Vectors, candidates: Vectors) -> NDArray[np.int64]:
    """For each row the candidate that it most likely is, or -1: cosines between rows are those between the texts."""
    known = candidates @ candidates.T
    first, second = np.triu_indices(len(candidates), 1)
    order = np.argsort(known[first, second])
    cosines, first, second = known[first, second][order], first[order], second[order]
    votes = np.zeros((len(rows), len(candidates)), np.int64)
    seen = rows @ rows.T
    for row, other in zip(*np.triu_indices(len(rows), 1), strict=True):
        low, high = np.searchsorted(cosines, [seen[row, other] - _TOLERANCE, seen[row, other] + _TOLERANCE])
        for place in (row, other):
            np.add.at(votes[place], first[low:high], 1)
            np.add.at(votes[place], second[low:high], 1)
    best = np.sort(votes, axis=1)
    return np.where(best[:, -1] > 2 * best[:, -2], votes.argmax(axis=1), -1)


def named_by_counts(rows: Iterable[Mapping[bytes, int]], texts: Sequence[str]) -> NDArray[np.int64]:
    """For each row the only text whose words occur as often as the row's terms; -1: none, or several."""
    by_counts: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        by_counts[tuple(sorted(_stems(text).values()))].append(number)
    found = (by_counts[tuple(sorted(row.values()))] for row in rows)
    return np.array([numbers[0] if len(numbers) == 1 else -1 for numbers in found])


def _stems(text: str) -> Counter[str]:
    return Counter(word.term for word in Analyser().indexed(text))


def words_of(rows: Sequence[Mapping[bytes, int]], named: Mapping[int, str]) -> dict[bytes, str]:
    """The stem of each term that is in the same named rows, equally often, as exactly one stem is in their texts."""
    terms: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    words: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, text in named.items():
        for term, count in rows[row].items():
            terms[term].append((row, count))
        for stem, count in _stems(text).items():
            words[stem].append((row, count))
    by_places: dict[tuple[tuple[int, int], ...], list[str]] = defaultdict(list)
    for stem, places in words.items():
        by_places[tuple(places)].append(stem)
    times = Counter(tuple(places) for places in terms.values())
    return {
        term: by_places[key][0]
        for term, places in terms.items()
        if times[key := tuple(places)] == 1 and len(by_places[key]) == 1
    }


def _guessed(rows: _Stored, reference: Sequence[str], count: int) -> int:
    """How many of the most frequent terms have the rank of their word in other texts of the same kind."""
    stored = Counter(term for terms in rows.terms for term in terms)
    expected = Counter(stem for text in reference for stem in _stems(text))
    ranked = zip(stored.most_common(count), expected.most_common(count), strict=True)
    truth = rows.truth()
    return sum(truth[term] == stem for (term, _), (stem, _) in ranked)


def _undone(rows: Vectors, originals: Vectors, known: int) -> tuple[float, float]:
    """What this number of pairs of a row and its text tells of the last rows.

    Gives the share of the rows whose own text is the nearest, and the mean cosine of the undone with the true vectors.
    """
    test = slice(len(rows) - _STORED, None)
    recovered = rows[test] @ (np.linalg.pinv(rows[:known]) @ originals[:known])
    projected = originals[test] @ (np.linalg.pinv(originals[:known]) @ originals[:known])
    recovered /= np.linalg.norm(recovered, axis=1, keepdims=True)
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    named = (recovered @ projected.T).argmax(axis=1) == np.arange(_STORED)
    return float(named.mean()), float((recovered * originals[test]).sum(axis=1).mean())


async def _dates_and_order(environment: Environment, texts: Sequence[str]) -> tuple[int, int]:
    """How many date words are found by the times of the rows, and how many texts lie in the table in their order."""
    numbers, documents = random.Random(1), []
    for text in texts[:_DATED]:
        when = _FIRST + timedelta(hours=numbers.randrange(24 * 365))
        mention = f" on {numbers.choice(WEEKDAYS)}" if numbers.random() < 0.2 else ""
        documents.append(Document(text + mention, when))
    with psycopg.connect(environment.conninfo, autocommit=True) as owner:
        # A new file, so that no row takes the place of a deleted one: `ctid` is then the order of insertion.
        owner.execute("CREATE TABLE kept_terms AS SELECT * FROM memory_terms")
        owner.execute("TRUNCATE memory_terms")
    rows = await _store(environment, documents)
    with psycopg.connect(environment.conninfo, autocommit=True) as owner:
        owner.execute("INSERT INTO memory_terms SELECT * FROM kept_terms")
    times = [time.astimezone(UTC) for time in rows.times]
    found = sum(
        rows.key.terms.query(word)[:1] == [_most_typical(rows, [at.weekday() == day for at in times])]
        for day, word in enumerate(WEEKDAYS)
    )
    for word in _MONTHS:
        month = datetime.strptime(word, "%B").replace(tzinfo=UTC).month
        found += rows.key.terms.query(word)[:1] == [_most_typical(rows, [at.month == month for at in times])]
    in_order = sum(
        list(terms) == list(rows.key.terms.query_words(text))
        for terms, text in zip(rows.terms, rows.texts, strict=True)
    )
    return found, in_order


def _most_typical(rows: _Stored, chosen: Sequence[bool]) -> bytes | None:
    """The term that is in the most of the chosen rows and in the fewest others."""
    inside = Counter(term for terms, is_in in zip(rows.terms, chosen, strict=True) if is_in for term in terms)
    outside = Counter(term for terms, is_in in zip(rows.terms, chosen, strict=True) if not is_in for term in terms)
    size = sum(chosen)
    return max(inside, key=lambda term: 2 * inside[term] / size - outside[term] / (len(chosen) - size), default=None)


async def _left_sealed(environment: Environment, rows: _Stored) -> int:
    """The rows with terms or vectors that are left when the person's memories are in the sealed index."""
    user_id = rows.key.user_id
    environment.vault.index = "sealed"
    await IndexChange(environment.vault, environment.middleware.associative).user(user_id)
    with psycopg.connect(environment.conninfo) as owner:
        counted = (f"SELECT count(*) FROM {table} WHERE user_id = %s" for table in _TABLES)  # noqa: S608
        counts = [owner.execute(query.encode(), [user_id]) for query in counted]
        vectors = "SELECT count(*) FROM memory_associative WHERE user_id = %s AND embedding IS NOT NULL"
        counts.append(owner.execute(vectors, [user_id]))
        return sum((cursor.fetchone() or (0,))[0] for cursor in counts)
