"""The ranking of `memory_search.sql`, over an index that is loaded in memory. Pure.

Both take the same `SearchQuery` with the same constants. `tests/memory/recall/test_sealed.py` compares their hits,
order and scores. A change of one of them needs the same change of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memory.crypto import DIMENSIONS, Vectors
from memory.recall.search import Floor, SearchQuery
from memory.segments import NO_DISTANCE, LoadedIndex, micros, term_number

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
_NOTHING: Final = np.nan
_USUAL_COUNT: Final = 8
"""The number of memories that `Floor.usual_spread` counts as."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A memory that was found: its id and the last columns of `memory_search`."""

    id: UUID
    columns: tuple[float, float, float, float | None, int, bool, float | None, int]


@dataclass(frozen=True, slots=True)
class _Words:
    """Scores by words, one per row. `bm25` is 0 for rows that share no word; so is `matched`."""

    bm25: Floats
    idf: Floats
    matched: NDArray[np.int64]
    session_bm25: Floats
    """One per conversation."""
    best_session: float
    """The highest of those that share a word; 0 if there is none. It is negative if all memories have all words."""
    asked: float | None
    """The weight of the query's words; None: it has none."""


def sealed_search(
    index: LoadedIndex, query: SearchQuery, plain: Vectors | None, limit: int, multilingual: Vectors | None = None
) -> list[Scored]:
    """The best memories for `query`, best first, at most `limit`, and then those of `query.multilingual`.

    `plain`: the vector of the query before it was rotated; None: it has none. `multilingual`: likewise.
    """
    if not len(index):
        return []
    ranking, values = query.ranking, query.parameters(UUID(int=0), limit)
    present = index.present_rows
    sessions = _Sessions(index, present)
    words = _words(index, sessions, query, values)
    distances = _distances(index, query.models, query.vector)
    vectors = present[distances[present] != NO_DISTANCE]
    exact = len(vectors) <= ranking.semantic_limit
    ranged = np.zeros(len(index.present), bool)
    if query.said is not None:
        ranged = (index.created >= micros(query.said.since)) & (index.created < micros(query.said.until))
    near = _first(vectors, (distances[vectors],), index, ranking.semantic_limit)
    timely = present[ranged[present]]
    timely = _first(timely, (distances[timely],), index, values["range_limit"])
    lexical = present[words.matched[present] != 0]
    lexical = _first(lexical, (-words.bm25[lexical],), index, ranking.lexical_limit)
    translated = _multilingual(index, query, present, values["multilingual_limit"])
    rows = np.unique(np.concatenate([near, timely, lexical, translated]))
    if not len(rows):
        return []
    cosines = np.full(len(rows), _NOTHING)
    if plain is not None:
        for model in query.models:
            cosines = np.fmax(cosines, index.cosines(model, plain, rows))
    translations = np.full(len(rows), _NOTHING)
    if multilingual is not None and query.embedding_model is not None:
        compared = np.flatnonzero(np.isin(rows, translated))
        translations[compared] = index.cosines(query.embedding_model, multilingual, rows[compared])
    smallest = np.fmin.reduce(cosines)
    if not exact:
        smallest = np.fmin(smallest, np.cos(np.pi * float(distances[vectors].max()) / DIMENSIONS))
    score = _score(query, index, rows, words, cosines, float(smallest), ranged[rows])
    coverage = np.ones(len(rows)) if words.asked is None else np.minimum(1.0, words.idf[rows] / words.asked)
    above = _above(query.floor, coverage, cosines, _spread(distances[vectors], query.floor))
    if values["range_floor"]:
        above |= ranged[rows]
    places = _placed(index, rows, above, score, values["per_session"], limit)
    if query.multilingual is not None:
        with np.errstate(invalid="ignore"):
            similar = ~above & (translations >= query.multilingual.floor)
        most = values["multilingual_limit"]
        places += _placed(index, rows, similar, translations, values["per_session"], most)
    found = []
    for place in places:
        row = int(rows[place])
        cosine = None if np.isnan(cosines[place]) else float(cosines[place])
        columns = (float(score[place]), float(words.bm25[row]), float(coverage[place]), cosine)
        translation = None if above[place] else float(translations[place])
        found.append(Scored(index.id_of(row), (*columns, int(words.matched[row]), exact, translation, len(vectors))))
    return found


def _placed(
    index: LoadedIndex, rows: Rows, chosen: NDArray[np.bool_], keys: Floats, per_session: int, limit: int
) -> list[int]:
    """The places in `rows` of the `limit` chosen ones with the highest keys, and `per_session` of a conversation."""
    found: list[int] = []
    counts: dict[int, int] = {}
    own = np.flatnonzero(chosen)
    for place in own[np.lexsort((index.id_places[rows[own]], -keys[own]))].tolist():
        if len(found) == limit:
            break
        session = int(index.sessions[rows[place]])
        counts[session] = counts.get(session, 0) + 1
        if counts[session] <= per_session:
            found.append(place)
    return found


def _spread(distances: NDArray[np.int32], floor: Floor) -> float:
    """The standard deviation of the cosines with all memories, joined with that which is usual."""
    count = len(distances)
    mean = float(distances.sum(dtype=np.float64)) / count if count else 0.0
    square = float((distances.astype(np.float64) ** 2).sum()) / count if count else 0.0
    scale = np.pi / DIMENSIONS * np.sin(np.pi * mean / DIMENSIONS)
    own = count * max(0.0, square - mean**2) * scale**2
    return float(np.sqrt((own + _USUAL_COUNT * floor.usual_spread**2) / (count + _USUAL_COUNT)))


def _above(floor: Floor, coverage: Floats, cosines: Floats, spread: float) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        either = (coverage >= floor.coverage) | (cosines >= floor.cosine)
        if floor.coverage_weight is None:
            return either
        together = cosines + floor.coverage_weight * coverage >= floor.cosine + floor.spread_weight * spread
    return np.where(np.isnan(cosines), either, together)


def _multilingual(index: LoadedIndex, query: SearchQuery, present: Rows, limit: int) -> Rows:
    """The rows that are nearest to the multilingual vector."""
    if query.multilingual is None or query.embedding_model is None:
        return present[:0]
    distances = _distances(index, [query.embedding_model], query.multilingual.vector)
    rows = present[distances[present] != NO_DISTANCE]
    return _first(rows, (distances[rows],), index, limit)


class _Sessions:
    """The conversations of the present rows."""

    def __init__(self, index: LoadedIndex, present: Rows) -> None:
        numbers = index.sessions[present]
        self.size = int(index.sessions.max()) + 1
        self.lengths = np.bincount(numbers, index.lengths[present], self.size)
        self.count = int(np.count_nonzero(np.bincount(numbers, minlength=self.size)))


def _words(index: LoadedIndex, sessions: _Sessions, query: SearchQuery, values: dict[str, Any]) -> _Words:
    ranking, total = query.ranking, len(index.present)
    count, length = float(len(index)), float(index.lengths[index.present].sum())
    found = [index.occurrences(term_number(term)) for term in query.terms]
    numbers: Sequence[int] = values["words"]
    frequencies = dict.fromkeys(numbers, 0)
    for number, (rows, _) in zip(numbers, found, strict=True):
        frequencies[number] += len(rows)
    idf = {number: _idf(count, frequency) for number, frequency in frequencies.items()}
    bm25, weights, matched = np.zeros(total), np.zeros(total), np.zeros(total, np.int64)
    said = {number: np.zeros(sessions.size) for number in idf}
    for bit, (number, (rows, times)) in enumerate(zip(numbers, found, strict=True)):
        if not len(rows):
            continue
        norm = ranking.k1 * (1 - ranking.b + ranking.b * index.lengths[rows] / (length / count))
        bm25[rows] += idf[number] * times / (times + norm)
        weights[rows] += idf[number]
        matched[rows] |= 1 << bit
        said[number] += np.bincount(index.sessions[rows], times, sessions.size)
    session_bm25, sharing = np.zeros(sessions.size), np.zeros(sessions.size, bool)
    mean = length / sessions.count
    for times in said.values():
        (where,) = np.nonzero(times)
        if len(where):
            sharing[where] = True
            norm = ranking.k1 * (1 - ranking.b + ranking.b * sessions.lengths[where] / mean)
            session_bm25[where] += _idf(sessions.count, len(where)) * times[where] / (times[where] + norm)
    unknown = query.floor.unknown_weight
    asked = sum(idf[number] * (1.0 if frequency else unknown) for number, frequency in frequencies.items())
    best = float(session_bm25[sharing].max()) if sharing.any() else 0.0
    return _Words(bm25, weights, matched, session_bm25, best, asked if idf else None)


def _score(
    query: SearchQuery,
    index: LoadedIndex,
    rows: Rows,
    words: _Words,
    cosines: Floats,
    smallest: float,
    ranged: NDArray[np.bool_],
) -> Floats:
    ranking = query.ranking
    sharing = rows[words.matched[rows] != 0]
    score = ranking.lexical_weight * _share(words.bm25[rows], words.bm25[sharing].max() if len(sharing) else 0.0)
    score += ranking.session_weight * _share(words.session_bm25[index.sessions[rows]], words.best_session)
    compared = np.flatnonzero(~np.isnan(cosines))
    if len(compared):
        of_best = float(cosines[compared].max()) - smallest
        score[compared] += ranking.semantic_weight * _share(cosines[compared] - smallest, of_best)
        best_first = compared[np.lexsort((index.id_places[rows[compared]], -cosines[compared]))]
        ranks = np.arange(1, len(compared) + 1)
        score[best_first] += ranking.rank_weight / (ranking.rank_offset + ranks)
    return score + ranking.range_weight * ranged


def _distances(index: LoadedIndex, models: Sequence[str], vector: Vectors | None) -> NDArray[np.int32]:
    found = np.full(len(index.present), NO_DISTANCE, np.int32)
    if vector is not None:
        for model in models:
            found = np.minimum(found, index.distances(model, np.packbits(vector > 0)))
    return found


def _first(rows: Rows, keys: tuple[NDArray[Any], ...], index: LoadedIndex, limit: int) -> Rows:
    """The first `limit` of `rows` by the keys, then by id."""
    if len(rows) > limit > 0:
        # Only rows that may be among the first are sorted.
        last = np.partition(keys[0], limit - 1)[limit - 1]
        few = keys[0] <= last
        rows, keys = rows[few], tuple(key[few] for key in keys)
    return rows[np.lexsort((index.id_places[rows], *keys[::-1]))[:limit]]


def _idf(count: float, frequency: float) -> float:
    return float(np.log(1 + (count - frequency + 0.5) / (frequency + 0.5)))


def _share(values: Floats, of: float) -> Floats:
    return values / of if of else np.zeros(len(values))
